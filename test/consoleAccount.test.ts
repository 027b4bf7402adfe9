import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { at, cli, csv, events, folder, openPage, START, seriousFindings, startConsole } from './console.ts';

const HOSTILE = '<img src=x onerror=alert(1)>\u202egpj';
const NEIGHBOUR = 'neighbour';

/** The sample, and an account of a hostile name, one that shares a network with it, and one that was nearly everywhere. */
const world = [
  ...events,
  ...Array.from({ length: 30 }, (_, i) => ({
    entity: HOSTILE,
    address: `198.51.100.${i % 5}`,
    time: START + i * 3600,
  })),
  { entity: NEIGHBOUR, address: '198.51.100.77', time: START },
  ...Array.from({ length: 5000 }, (_, i) => ({
    entity: 'everywhere',
    address: `${11 + (i % 200)}.${i % 31}.${i % 7}.${i % 250}`,
    time: START + i * 60,
  })),
];
const later = [
  ...Array.from({ length: 12 }, (_, i) => ({
    entity: HOSTILE,
    address: i === 5 ? '203.0.113.9' : `198.51.100.${i % 6}`,
    time: START + (60 + i) * 86_400,
  })),
  { entity: NEIGHBOUR, address: '198.51.100.77', time: START + 61 * 86_400 },
  ...Array.from({ length: 300 }, (_, i) => ({
    entity: 'everywhere',
    address: `11.0.0.${i % 250}`,
    time: START + i,
  })),
];
writeFileSync(at('world.csv'), csv(world));
writeFileSync(at('later.csv'), csv(later));
writeFileSync(at('asn.csv'), '198.51.100.0,198.51.100.255,64500,"Office <b>"\n');
cli(
  ...['train', 'world.csv', '--model', 'world.model', '--threads', '1', '--vector-dim', '8', '--epochs', '1'],
  ...['--mini-batch-size', '500'],
);
const running = await startConsole('world.model', '--events', 'later.csv', '--asn', at('asn.csv'));
after(() => running.stop());
const { page, faults } = await openPage(running.url);
await page.getByRole('heading', { level: 1 }).waitFor();
assert.ok(folder);

const show = async (entity: string) => {
  await page.goto(new URL(`/console/#/account?${new URLSearchParams({ entity })}`, running.url).href);
  await page.getByRole('heading', { level: 1 }).waitFor();
};

test('an account is found by a part of its name with the keyboard alone', async () => {
  await page.getByRole('link', { name: 'Account' }).click();
  const box = page.getByRole('combobox', { name: 'Account' });
  await box.fill('onerror');
  await page.getByRole('option').first().waitFor();
  assert.equal(await box.getAttribute('aria-expanded'), 'true');
  await box.press('ArrowDown');
  assert.notEqual(await box.getAttribute('aria-activedescendant'), null);
  await box.press('Enter');
  await page.getByText('Always from AS64500 Office <b>.').waitFor();
  assert.equal(await box.getAttribute('aria-expanded'), 'false');
  assert.equal(new URL(page.url()).search, '');
});

test('its networks are a picture and a table, its events marks in lanes; no name becomes markup', async () => {
  const picture = page.getByRole('img', { name: /^Networks of the account/ });
  await picture.waitFor();
  await page.locator('.icicle .event').first().waitFor({ state: 'attached' });
  assert.equal(await page.locator('.icicle .event').count(), 12);
  // A sixth address of the office is new, and so is another network.
  assert.equal(await page.locator('.icicle .event.new').count(), 2);
  assert.equal(await page.getByText('networks it had not used').count(), 1);
  await page.getByText('The same as a table: 5 networks').click();
  await page.getByRole('rowheader', { name: '198.51.100.3' }).waitFor();
  const heading = await page.getByRole('heading', { level: 1 }).textContent();
  assert.equal(heading, '<img src=x onerror=alert(1)>⟨202e⟩gpj');
  assert.equal(await page.locator('main img').count(), 0);
});

test('axe-core finds nothing serious, light and dark, wide and narrow', async () => {
  assert.deepEqual(await seriousFindings(page), []);
  await page.setViewportSize({ width: 380, height: 800 });
  await page.locator('.account-more summary').click();
  assert.deepEqual(await seriousFindings(page), []);
  const names = await page
    .locator('section.wide')
    .evaluateAll((all) => all.map((one) => one.getAttribute('aria-label')));
  assert.equal(new Set(names).size, names.length, names.join());
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: 'dark' });
  assert.deepEqual(await seriousFindings(page), []);
  await page.emulateMedia({ colorScheme: 'light' });
});

test('accounts that share its networks lead to theirs', async () => {
  await page.getByRole('link', { name: NEIGHBOUR, exact: true }).click();
  await page.getByText('Always from AS64500 Office <b>.').waitFor();
  await page.getByRole('heading', { level: 1, name: NEIGHBOUR }).waitFor();
  await page.getByText('198.51.100.0/24 ×2').waitFor();
});

test('an account that was nearly everywhere is drawn in few networks, and what is left out is said', async () => {
  await show('everywhere');
  await page.getByText(/places with [\d,]+ events in further networks are left out/).waitFor();
  await page.getByText('The latest 200 of 300 loaded events are drawn.').waitFor();
  assert.ok((await page.locator('.icicle .cell').count()) <= 100);
  assert.equal(await page.getByText('networks it had not used').count(), 0);
});

test('of an account that the model has never seen the page says what that means', async () => {
  await show('nobody');
  await page.getByText('The model has never seen this account.').waitFor();
  await page.getByText('No event of this account is loaded').waitFor();
  assert.deepEqual(faults, []);
});
