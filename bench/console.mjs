// What `npm run bench -- console` measures: the console in headless Chromium, on the tutorial's model and a million scored
// events. On the same two cores as the server.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { chromium } from 'playwright-core';
import { CLI, run, tutorialData, tutorialModel } from './data.mjs';
import { median } from './rounds.mjs';

const EVENTS = 1_000_000;
const [ROUNDS, STEPS] = [7, 30];
const VIEWS = {
  overview: '#/overview',
  events: '#/events',
  account: '#/account',
  map: '#/map',
  score: '#/score',
};

/** Model, a million scored events, and an evaluation, made once. */
function material() {
  const files = tutorialData(1);
  const folder = dirname(files.test);
  const model = tutorialModel(files);
  const [scores, metrics] = [join(folder, 'scores.jsonl'), join(folder, 'metrics.json')];
  if (!existsSync(scores)) {
    // The later events, and of the earlier ones as many as are missing.
    const head = `head -${EVENTS} <(cat ${files.test} ${files.train})`;
    const script = `${head} | ${process.execPath} ${CLI} score ${model} - --out ${scores}`;
    const { status } = spawnSync('bash', ['-c', script], { stdio: ['ignore', 2, 2] });
    if (status !== 0) throw new Error(`score ended with ${status}`);
  }
  if (!existsSync(metrics)) {
    const inputs = ['--train', files.train, '--test', files.test, '--truth', files.truth];
    run(['evaluate', model, ...inputs, '--json', metrics]);
  }
  return { model, scores, metrics };
}

/** Starts `ip-insights console`. @returns once it answers and has read all events */
async function startConsole({ model, scores, metrics }) {
  const started = performance.now();
  const args = [
    CLI,
    'console',
    model,
    '--no-open',
    '--events',
    scores,
    '--evaluation',
    metrics,
    '--asn',
    'packaged',
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const url = await new Promise((resolve, reject) => {
    child.stdout.once('data', (data) => resolve(String(data).trim()));
    child.once('exit', (code) => reject(new Error(`console ended with ${code}`)));
  });
  const listening = performance.now() - started;
  const ask = asker(url);
  while ((await ask('v1/events/sources')).answer.loaded < 1) await pause(50);
  const read = performance.now() - started;
  const megabytes =
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) / 1024;
  return { child, url, ask, listening, read, megabytes };
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @returns a function that asks the API, and tells how long the answer took */
function asker(url) {
  const { origin, hash } = new URL(url);
  const headers = {
    authorization: `Bearer ${hash.slice('#token='.length)}`,
    'content-type': 'application/json',
  };
  return async (path, body) => {
    const started = performance.now();
    const sent = body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers };
    const response = await fetch(`${origin}/${path}`, sent);
    const answer = await response.json();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${answer.error}`);
    return { answer, milliseconds: performance.now() - started };
  };
}

const row = (what, values, unit) => {
  const text = (value) => (value < 10 ? value.toFixed(1) : value.toFixed(0));
  console.log(
    `| ${what} | ${text(median(values))} ${unit} | ${text(Math.min(...values))} to ${text(Math.max(...values))} |`,
  );
};

export async function consolePages() {
  const server = await startConsole(material());
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  try {
    console.log('| what | median | minimum to maximum |\n|---|---|---|');
    row('start to listening', [server.listening / 1000], 's');
    row(`start to all ${EVENTS / 1e6} million events read`, [server.read / 1000], 's');
    row('memory of the server then', [server.megabytes], 'MB');
    await measureAnswers(server);
    for (const [view, path] of Object.entries(VIEWS)) await measurePaint(browser, server, view, path);
    await measureSlider(browser, server);
    await measureFilters(browser, server);
  } finally {
    await browser.close();
    server.child.kill();
  }
}

/** What filters ask, each value new, so that nothing is found in a cache. */
async function measureAnswers({ ask }) {
  const filters = {
    'account part': (i) => ({ account: `${i + 11}` }),
    network: (i) => ({ network: `${i + 20}.0.0.0/8` }),
    provider: (i) => ({ provider: 'abcdefghijklmnopqrstuvwxyz'[i % 26] }),
    verdict: (i) => ({ verdict: ['suspicious', 'ok', 'unknown'][i % 3] }),
    'least anomaly': (i) => ({ least_anomaly: -5 + i / 10 }),
  };
  for (const [name, filter] of Object.entries(filters)) {
    const [pages, bins] = [[], []];
    for (let i = 0; i < STEPS; i++) {
      bins.push((await ask('v1/events/histogram', { filter: filter(i), bins: 120 })).milliseconds);
      pages.push((await ask('v1/events/query', { filter: filter(i + STEPS), limit: 100 })).milliseconds);
    }
    row(`answer: histogram by ${name}`, bins, 'ms');
    row(`answer: page of events by ${name}`, pages, 'ms');
  }
}

/** First contentful paint with an empty cache, and what the view has asked. */
async function measurePaint(browser, { url }, view, path) {
  const [paints, settled] = [[], []];
  let asked = [];
  for (let round = 0; round < ROUNDS; round++) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
    const page = await context.newPage();
    await page.goto(url);
    asked = [];
    page.on('requestfinished', async (request) => {
      const path = new URL(request.url()).pathname;
      asked.push({ path, bytes: Math.max(0, (await request.sizes()).responseBodySize) });
    });
    // Another page first: else the browser would only change the sign # of the address.
    await page.goto('about:blank');
    await page.goto(new URL(`/console/${path}`, url).href, { waitUntil: 'networkidle' });
    const [paint, last] = await page.evaluate(async () => {
      const painted = await new Promise((resolve) => {
        const watch = (list) => {
          for (const { name, startTime } of list.getEntries())
            if (name === 'first-contentful-paint') resolve(startTime);
        };
        new PerformanceObserver(watch).observe({ type: 'paint', buffered: true });
      });
      const answers = performance.getEntriesByType('resource').map(({ responseEnd }) => responseEnd);
      return [painted, Math.max(painted, ...answers)];
    });
    paints.push(paint);
    settled.push(last);
    await context.close();
  }
  row(`${view}: first paint`, paints, 'ms');
  row(`${view}: last answer there`, settled, 'ms');
  const kilobytes = asked.reduce((sum, { bytes }) => sum + bytes, 0) / 1000;
  const api = asked.filter(({ path }) => path.startsWith('/v1/')).map(({ path }) => path.slice(4));
  console.error(`${view}: ${asked.length} requests, ${kilobytes.toFixed(0)} kB: ${api.join(', ')}`);
}

/** From a step of the slider to the frame that shows it. */
async function measureSlider(browser, { url }) {
  const { page, context } = await openView(browser, url, '#/overview');
  const slider = page.getByRole('slider').first();
  await slider.waitFor();
  const times = await slider.evaluate(async (input, steps) => {
    const times = [];
    const [low, high] = [Number(input.min), Number(input.max)];
    for (let i = 0; i < steps; i++) {
      const started = performance.now();
      input.value = String(low + ((i * 0.618) % 1) * (high - low));
      input.dispatchEvent(new Event('input', { bubbles: true }));
      await new Promise((resolve) => {
        requestAnimationFrame(() => {
          const afterPaint = new MessageChannel();
          afterPaint.port1.onmessage = resolve;
          afterPaint.port2.postMessage(0);
        });
      });
      times.push(performance.now() - started);
    }
    return times;
  }, STEPS);
  row('threshold slider: to the painted frame', times, 'ms');
  await context.close();
}

/** From a key or a choice to the frame that shows how many events there are. */
async function measureFilters(browser, { url }) {
  const { page, context } = await openView(browser, url, '#/events');
  await page.getByRole('status').filter({ hasText: 'events' }).waitFor();
  const texts = Array.from({ length: STEPS }, (_, i) => i);
  const fields = [
    ['Account', texts.map((i) => `user_${(i * 37) % 99}`)],
    ['Network', texts.map((i) => `${i + 20}.0.0.0/8`)],
    ['Provider or country', texts.map((i) => `AS${1000 + i * 7}`)],
    ['Anomaly from', texts.map((i) => String(i / 5 - 3))],
    ['Verdict', texts.map((i) => ['suspicious', 'ok'][i % 2])],
  ];
  for (const [label, values] of fields) {
    const field = page.locator('.ev-filters label').filter({ hasText: label }).locator('input, select');
    const times = await field.evaluate(respond, values);
    row(`filter by ${label.toLowerCase()}: to the painted frame`, times, 'ms');
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.waitForTimeout(500);
  }
  await context.close();
}

/** Runs in the page. @returns milliseconds for each value, until the number of events has changed and is painted */
async function respond(field, values) {
  const isChoice = field instanceof HTMLSelectElement;
  const { set } = Object.getOwnPropertyDescriptor(
    isChoice ? HTMLSelectElement.prototype : HTMLInputElement.prototype,
    'value',
  );
  const counts = () => document.querySelector('.ev-counts [role=status]').textContent;
  const times = [];
  for (const value of values) {
    const before = counts();
    const started = performance.now();
    set.call(field, value);
    field.dispatchEvent(new Event(isChoice ? 'change' : 'input', { bubbles: true }));
    const hasChanged = await new Promise((resolve) => {
      const observer = new MutationObserver(() => counts() !== before && resolve(true));
      observer.observe(document.querySelector('.ev-counts'), {
        subtree: true,
        childList: true,
        characterData: true,
      });
      setTimeout(() => resolve(false), 2000);
    });
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    // Two filters may let the same number through.
    if (hasChanged) times.push(performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return times;
}

async function openView(browser, url, path) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  const page = await context.newPage();
  await page.goto(url);
  await page.goto(new URL(`/console/${path}`, url).href);
  await page.waitForLoadState('networkidle');
  return { page, context };
}
