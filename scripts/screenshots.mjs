// Makes the pictures of the console in docs/console/: each view, light and dark, on a simulated world with attacks hidden in
// its last day. Needs the set-up of `npm test` (chromium). What it makes is committed; it is not run by tests.
//   --users N     accounts of the world (default 2000)
//   --only VIEW   one view
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const root = join(fileURLToPath(import.meta.url), '../..');
const MAIN = join(root, 'dist/cli/main.js');
const COUNTRIES = join(
  root,
  'node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb',
);
const { values: options } = parseArgs({
  options: { users: { type: 'string', default: '2000' }, only: { type: 'string' } },
});

const work = mkdtempSync(join(tmpdir(), 'ip-insights-screenshots-'));
const at = (name) => join(work, name);
/** @returns what the command wrote to standard output */
function cli(...args) {
  const { status, stdout } = spawnSync(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  if (status !== 0) throw new Error(`ip-insights ${args[0]} ended with ${status}`);
  return stdout;
}

let server;
let browser;
try {
  cli('demo', '--users', options.users, '--out', work);
  cli('score', at('login.model'), at('last-day.csv'), '--out', at('last-day.jsonl'));
  const url = await startConsole();
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  const strangest = await strangestEvent(url);
  mkdirSync(join(root, 'docs/console'), { recursive: true });
  for (const [name, path, prepare] of viewsOf(strangest)) {
    if (options.only !== undefined && options.only !== name) continue;
    for (const colorScheme of ['light', 'dark']) {
      const file = join(root, `docs/console/${name}-${colorScheme}.png`);
      await shoot(url, path, prepare, colorScheme, file);
      console.log(file);
    }
  }
} finally {
  await browser?.close();
  server?.kill();
  rmSync(work, { recursive: true });
}

/** Each view: its name, its address after the sign #, and what is done before the picture is taken. */
function viewsOf({ entity, address }) {
  const account = new URLSearchParams({ entity });
  const both = new URLSearchParams({ entity, address });
  return [
    ['overview', '#/overview'],
    [
      'events',
      '#/events',
      async (page) => {
        await page.keyboard.press('j');
        await page.keyboard.press('Enter');
      },
    ],
    ['account', `#/account?${account}`],
    ['map', '#/map'],
    ['score', `#/score?${both}`],
  ];
}

async function startConsole() {
  const tables = existsSync(COUNTRIES) ? ['--country', COUNTRIES] : [];
  server = spawn(
    process.execPath,
    [
      ...[MAIN, 'console', 'login.model', '--no-open', '--events', 'last-day.jsonl'],
      ...['--evaluation', 'metrics.json', '--labels', 'labels.csv', '--asn', 'packaged', ...tables],
    ],
    { cwd: work, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = await new Promise((resolve, reject) => {
    server.stdout.once('data', (data) => resolve(String(data).split('\n')));
    server.once('exit', (code) => reject(new Error(`console ended with ${code}`)));
  });
  return line;
}

/** Of the strangest events one whose account draws well: its networks fit on a page. */
async function strangestEvent(url) {
  const { origin, hash } = new URL(url);
  const headers = {
    authorization: `Bearer ${hash.slice('#token='.length)}`,
    'content-type': 'application/json',
  };
  const ask = async (path, body) => {
    const response = await fetch(`${origin}/${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    return response.json();
  };
  for (;;) {
    const { loaded, rows } = await ask('v1/events/query', { filter: { verdict: 'suspicious' }, limit: 100 });
    if (loaded < 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      continue;
    }
    for (const row of rows) {
      const { places, events } = await ask('v1/account', { entity: row.entity });
      if (events >= 40 && places <= 60) return row;
    }
    return rows[0];
  }
}

async function shoot(url, path, prepare, colorScheme, file) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme });
  const page = await context.newPage();
  await page.goto(url);
  // Another page between: else the browser would only change the sign # of the address, and have nothing to wait for.
  await page.goto('about:blank');
  await page.goto(new URL(`/console/${path}`, url).href, { waitUntil: 'networkidle' });
  await prepare?.(page);
  await page.waitForLoadState('networkidle');
  // What is drawn after the last answer.
  await page.waitForTimeout(300);
  await page.screenshot({ path: file });
  await context.close();
}
