import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { at, cli, csv, events, openPage, seriousFindings, startConsole, trainSample } from './console.ts';

const model = trainSample();
writeFileSync(at('asn.csv'), '9.0.0.0,9.9.255.255,64500,Nine\n9.10.0.0,9.255.255.255,64501,"Others <b>"\n');
writeFileSync(
  at('six.csv'),
  csv(events.map((one, i) => ({ ...one, entity: 'six', address: `2001:db8:1:${i % 9}::1` }))),
);
cli('train', 'six.csv', '--model', 'six.model', '--threads', '1', '--vector-dim', '4', '--epochs', '1');
const running = await startConsole(model, '--events', 'train.csv', '--asn', at('asn.csv'));
const plain = await startConsole('six.model');
after(() => Promise.all([running.stop(), plain.stop()]));
const { page, faults } = await openPage(running.url);
const chosen = page.locator('.map-chosen h2');
const canvas = page.getByRole('application');

/** The pixels of the map, as a text that changes when they do. */
const pixels = () =>
  page.locator('.map-box canvas').evaluate((one) => (one as unknown as { toDataURL(): string }).toDataURL());
async function changes(act: () => Promise<unknown>): Promise<boolean> {
  const before = await pixels();
  await act();
  for (let tries = 0; tries < 40; tries++) {
    if ((await pixels()) !== before) return true;
    await page.waitForTimeout(25);
  }
  return false;
}

test('accounts are points with a legend, and the variance that is shown is said', async () => {
  await page.getByRole('link', { name: 'Map' }).click();
  await canvas.waitFor();
  await page.getByText(/All 30 accounts that the model has a vector of/).waitFor();
  await page.getByText(/first two principal components explain [\d.]+ %/).waitFor();
  const legend = page.getByRole('list', { name: 'Legend' });
  assert.deepEqual(
    (await legend.getByRole('listitem').allTextContents()).map((text) => text.trim()),
    ['AS64501 Others <b> (20)', 'AS64500 Nine (10)'],
  );
});

test('the keyboard zooms, moves, fits and chooses; Escape chooses none', async () => {
  await canvas.focus();
  for (const key of ['+', 'ArrowLeft', '-', '0'])
    assert.ok(await changes(() => page.keyboard.press(key)), key);
  await page.keyboard.press('Enter');
  await chosen.waitFor();
  assert.match((await chosen.textContent())!, /^user_\d+$/);
  await page.locator('.map-chosen ol li').first().waitFor();
  assert.equal(await page.locator('.map-chosen ol li').count(), 12);
  await page.keyboard.press('Escape');
  await chosen.waitFor({ state: 'detached' });
});

test('the wheel zooms, dragging moves and chooses nothing, buttons do the same', async () => {
  const box = (await canvas.boundingBox())!;
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  assert.ok(await changes(() => page.mouse.wheel(0, -300)), 'wheel');
  assert.ok(
    await changes(async () => {
      await page.mouse.down();
      await page.mouse.move(box.x + 200, box.y + 200, { steps: 4 });
      await page.mouse.up();
    }),
    'drag',
  );
  assert.equal(await chosen.count(), 0);
  for (const name of ['Zoom in', 'Zoom out', 'Fit'])
    assert.ok(await changes(() => page.getByRole('button', { name }).click()), name);
});

test('what is searched for is listed and stands in the address; a choice leads to the account', async () => {
  await page.getByRole('searchbox', { name: 'Find' }).fill('USER_7');
  await page.getByRole('heading', { name: '1 match' }).waitFor();
  await page.waitForURL(/#\/map\?kind=accounts&find=USER_7$/);
  await page.getByRole('button', { name: /^user_7/ }).click();
  await chosen.waitFor();
  assert.equal(await chosen.textContent(), 'user_7');
  await page.getByRole('link', { name: 'Show the account' }).waitFor();
  assert.deepEqual(await seriousFindings(page), []);
});

test('colours change with the theme', async () => {
  assert.ok(await changes(() => page.emulateMedia({ colorScheme: 'dark' })));
  assert.deepEqual(await seriousFindings(page), []);
});

test('UMAP is laid out in a worker, the same each time', async () => {
  await page.getByRole('searchbox', { name: 'Find' }).fill('');
  const layOut = async () => {
    await page.getByRole('radio', { name: 'UMAP' }).check();
    await page.getByText('Distances between clusters mean nothing.').waitFor();
    await page.waitForTimeout(100);
    return pixels();
  };
  const first = await layOut();
  await page.getByRole('radio', { name: 'PCA' }).check();
  await page.getByText(/first two principal components/).waitFor();
  assert.equal(await layOut(), first);
});

test('networks are another map, and lead to their events', async () => {
  await page.getByRole('radio', { name: 'Networks' }).check();
  await page.getByRole('heading', { name: 'Map of networks' }).waitFor();
  await page.locator('.map-side .map-points button').first().click();
  await chosen.waitFor();
  assert.match((await chosen.textContent())!, /^(9\.\d+\.\d+\.0\/24|2001:db8:.*\/48)$/);
  const link = page.getByRole('link', { name: 'Events of this network' });
  assert.match((await link.getAttribute('href'))!, /^#\/events\?network=/);
  assert.deepEqual(faults, []);
});

test('one account of IPv6 without tables or names is one point', async () => {
  const other = await openPage(plain.url);
  await other.page.getByRole('link', { name: 'Map' }).click();
  await other.page.getByText(/All 1 account that the model has a vector of/).waitFor();
  await other.page.getByText('--asn packaged').waitFor();
  await other.page.getByText('All points have the same vector.').waitFor();
  await other.page.getByRole('application').press('Enter');
  await other.page.getByText('There is no other point.').waitFor();
  assert.deepEqual(other.faults, []);
});
