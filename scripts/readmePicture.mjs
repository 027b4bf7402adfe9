// node scripts/readmePicture.mjs demo/report.html docs/roc.png
// The first ROC chart of a report as a PNG, by headless Chromium.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const [report, picture] = process.argv.slice(2);
if (picture === undefined) {
  console.error('readmePicture: expected REPORT.html PICTURE.png, got too few names.');
  process.exit(2);
}
const html = readFileSync(report, 'utf8');
const style = /<style>.*?<\/style>/s.exec(html)?.[0];
const figure = /<figure.*?<\/figure>/s.exec(html)?.[0];
if (!style || !figure) {
  console.error(`${report}: expected a report of "ip-insights evaluate", found no chart in it.`);
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'picture-'));
const page = join(folder, 'page.html');
writeFileSync(
  page,
  `<!doctype html><meta charset="utf-8">${style}<body style="margin:0;padding:0 24px;width:1000px">${figure}</body>`,
);
const { status, stderr } = spawnSync('chromium', [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--disable-background-networking'],
  ...[`--user-data-dir=${join(folder, 'profile')}`, '--window-size=1048,640'],
  ...[`--screenshot=${resolve(picture)}`, `file://${page}`],
]);
if (status !== 0) console.error(`readmePicture: chromium failed: ${stderr}`);
rmSync(folder, { recursive: true, force: true });
process.exit(status === 0 ? 0 : 1);
