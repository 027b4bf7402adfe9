import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { at, openPage, seriousFindings } from './console.ts';
import { ROOT } from './markdown.ts';

const load = (file: string) => import(pathToFileURL(join(ROOT, 'dist/tune', file)).href);
const { sampleTuning, ALL_NAMES, FPR } = await load('sampleTuning.js');
const { renderTuningReport } = await load('report/tuningReport.js');

/** Opens the page of a made-up search as a file, as its reader does. */
async function openReport(name: string, sample: object, options: Parameters<typeof openPage>[1]) {
  const file = at(`${name}.html`);
  writeFileSync(file, renderTuningReport(sampleTuning(sample)));
  return openPage(pathToFileURL(file).href, options);
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the page of a search has no serious finding of axe-core, ${colorScheme}`, async () => {
    const { page, faults, requests } = await openReport('forty', {}, { colorScheme });
    assert.deepEqual(await seriousFindings(page), []);
    assert.deepEqual(faults, []);
    assert.equal(requests.length, 1, 'the page asks for nothing');
  });
}

test('with nine hyperparameters on a narrow screen only the boxes of wide pictures and tables scroll', async () => {
  const sample = { trials: 70, names: ALL_NAMES, objective: FPR };
  const { page } = await openReport('nine', sample, { viewport: { width: 420, height: 900 } });
  assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 420);
  assert.deepEqual(await seriousFindings(page), []);
});

test('titles of axes do not touch each other, with one to nine hyperparameters', async () => {
  for (let count = 1; count <= 9; count++) {
    const { page } = await openReport(`axes${count}`, { names: ALL_NAMES.slice(0, count) }, {});
    const boxes: { left: number; right: number; text: string }[] = await page
      .locator('.parallel .axis-title')
      .evaluateAll((titles) =>
        titles.map((title) => {
          // biome-ignore lint/suspicious/noExplicitAny: an element of the page, whose types are not those of Node
          const { left, right } = (title as any).getBoundingClientRect();
          return { left, right, text: String(title.textContent) };
        }),
      );
    assert.equal(boxes.length, count + 1);
    for (let i = 1; i < boxes.length; i++)
      assert.ok(boxes[i].left > boxes[i - 1].right, `${count}: ${boxes[i - 1].text} and ${boxes[i].text}`);
    await page.context().close();
  }
});
