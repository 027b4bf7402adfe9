import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { at, cli, events, openPage, START, seriousFindings, startConsole, trainSample } from './console.ts';

const model = trainSample();
const HOSTILE = ['<img src=x onerror=alert(1)>', 'x'.repeat(10_000), '\u202eשלום\u0000', 'a'];
const strangers = HOSTILE.map((entity, i) => ({
  entity,
  address: `2001:db8:ffff:ffff:ffff:ffff:ffff:${i + 1}`,
  time: START + 1300 * 3600 + i,
}));
writeFileSync(
  at('train2.csv'),
  events.map(({ entity, address, time }) => `${entity},${address},${time}\n`).join(''),
);
writeFileSync(
  at('scores.jsonl'),
  cli('score', model, 'train2.csv') + strangers.map((event) => `${JSON.stringify(event)}\n`).join(''),
);

const running = await startConsole(model, '--events', 'scores.jsonl', '--labels', 'labels.csv');

/** The page's view of events. */
const viewOf = (url: string) => url.replace(/\/console\/#token=.*/, '/console/#/events');
const rows = (page: Page) => page.locator('.ev-row');
const counts = (page: Page) => page.locator('.ev-counts [role=status]');

async function openEvents(url: string, query = '') {
  const opened = await openPage(url);
  await opened.page.goto(`${viewOf(url)}${query}`);
  await opened.page.getByRole('heading', { name: 'Events' }).waitFor();
  return opened;
}

test('events are found, opened, labelled and taken back by keys alone', async () => {
  const { page, faults, requests } = await openEvents(running.url);
  await page.getByText('1,204 events').waitFor();
  assert.equal(await rows(page).count(), 50);
  await page.keyboard.press('/');
  await page.keyboard.type('onerror');
  await page.getByText('1 of 1,204 events').waitFor();
  await page.waitForURL(/account=onerror/);
  await page.keyboard.press('Escape');
  // On no row, y says nothing.
  await page.keyboard.press('y');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'This was them' }).waitFor();
  await page.keyboard.press('n');
  await page.getByText('Saved, was not them: kept in labels.csv.').waitFor();
  assert.match(readFileSync(at('labels.csv'), 'utf8'), /^<img src=x onerror=alert\(1\)>,2001:db8.*,1\n$/);
  await page.locator('.ev-row .ev-said.attack').waitFor();
  assert.deepEqual(await seriousFindings(page), []);
  await page.keyboard.press('u');
  await page.getByText('Taken back.').waitFor();
  assert.equal(readFileSync(at('labels.csv'), 'utf8'), '');
  // Nothing but what is shown is asked for, and the picture of a hostile name never loads.
  assert.ok(
    requests.every((one) => !/x$/.test(one)),
    requests.join(),
  );
  assert.deepEqual(faults, []);
});

test('what fails while the server is away says so, goes when it is back, and can still be undone', async () => {
  const { page } = await openEvents(running.url, '?account=user_7');
  await rows(page).first().waitFor();
  const away = (path: string) => page.route(`**/${path}`, (route) => route.abort());
  await page.keyboard.press('j');
  await away('v1/labels');
  await away('ping');
  await page.keyboard.press('n');
  const toast = page.locator('.ev-toast');
  await toast.getByText('The server does not answer. Nothing was kept.').waitFor();
  assert.equal(await toast.getByRole('button', { name: 'Undo' }).count(), 0);
  await page.unrouteAll();
  await toast.waitFor({ state: 'detached' });
  await page.locator('.ev-row').first().focus();
  await page.keyboard.press('n');
  await page.getByText('Saved, was not them: kept in labels.csv.').waitFor();
  await away('v1/labels/undo');
  await away('ping');
  await toast.getByRole('button', { name: 'Undo' }).click();
  await toast.getByText('The server does not answer. Nothing was kept.').waitFor();
  assert.equal(await toast.getByRole('button', { name: 'Undo' }).count(), 1);
  await page.unrouteAll();
  await page.getByText('Saved, was not them: kept in labels.csv.').waitFor();
  await toast.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('Taken back.').waitFor();
  assert.equal(readFileSync(at('labels.csv'), 'utf8'), '');
  await page.context().close();
});

test('the focus goes to a new view before its rows come, however late the browser draws', async () => {
  const { page } = await openPage(running.url);
  // What waits for a drawn frame comes after what the server answers.
  await page.evaluate(() => {
    const later = setTimeout;
    Object.assign(globalThis, {
      requestAnimationFrame: () => 0,
      setTimeout: (run: () => void, milliseconds = 0) => later(run, milliseconds + 300),
    });
  });
  await page.goto(viewOf(running.url));
  await rows(page).first().waitFor();
  await rows(page).first().focus();
  await page.waitForTimeout(900);
  await page.locator('.ev-row:focus').waitFor({ timeout: 1000 });
  await page.context().close();
});

test('links and the Back button come to what was shown; a drawn range filters by time', async () => {
  const { page, faults } = await openEvents(running.url, '?order=latest&page=2&verdict=ok');
  await page.getByText('Before').waitFor();
  await page
    .getByRole('navigation', { name: 'Pages of events' })
    .getByText(/^51–100 of/)
    .waitFor();
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByText(/^101–150 of/).waitFor();
  await page.getByRole('link', { name: 'Map' }).click();
  await page.getByRole('heading', { name: 'Map' }).waitFor();
  await page.goBack();
  await page.getByText(/^101–150 of/).waitFor();
  const chart = (await page.locator('.u-over').boundingBox())!;
  await page.mouse.move(chart.x + chart.width / 4, chart.y + 40);
  await page.mouse.down();
  await page.mouse.move(chart.x + chart.width / 2, chart.y + 40, { steps: 4 });
  await page.mouse.up();
  await page.waitForURL(/from=\d+&to=\d+/);
  await page.getByRole('button', { name: 'Clear' }).click();
  await counts(page).getByText('1,204 events').waitFor();
  // The page draws after it has written.
  await page.getByRole('img', { name: /^Timeline of events per 12 hours from 2024-/ }).waitFor();
  // As wide as a phone, in the dark, every name in its place.
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize({ width: 600, height: 900 });
  assert.deepEqual(await seriousFindings(page), []);
  assert.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'));
  assert.deepEqual(faults, []);
});

test('the last answers appear by themselves, and what is read does not move', async () => {
  const { page, faults } = await openEvents(running.url, '?source=recent');
  await page.getByText('No events yet.').waitFor();
  const [base, token] = running.url.split('/console/#token=');
  const score = (entity: string) =>
    fetch(`${base}/v1/score`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ entity, address: '9.1.2.3' }),
    });
  await score('first');
  await rows(page).filter({ hasText: 'first' }).waitFor();
  await score('second');
  await page.getByRole('button', { name: '1 new' }).waitFor();
  assert.equal(await rows(page).count(), 1);
  await page.getByRole('button', { name: '1 new' }).click();
  await rows(page).filter({ hasText: 'second' }).waitFor();
  assert.deepEqual(faults, []);
});
