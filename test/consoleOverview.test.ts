import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { at, cli, csv, events, openPage, seriousFindings, startConsole, trainSample } from './console.ts';

const model = trainSample();
cli(...['evaluate', model, '--train', 'train.csv', '--test', 'train.csv', '--json', 'metrics.json']);

test('the slider is moved by keys and shows at once what it does; saving asks, says what it did and can be undone', async () => {
  const running = await startConsole(model, '--evaluation', 'metrics.json');
  const { page, faults, requests } = await openPage(running.url);
  const slider = page.getByRole('slider', { name: 'Threshold' });
  await slider.waitFor();
  assert.equal(await page.locator('.ov-calibration').count(), 1);
  assert.deepEqual(await seriousFindings(page), []);
  const start = Number(await slider.inputValue());
  const before = requests.length;
  await slider.focus();
  for (let i = 0; i < 5; i++) await page.keyboard.press('PageDown');
  const moved = Number(await slider.inputValue());
  assert.ok(moved < start, `${moved} and ${start}`);
  const shown = await page.locator('.ov-anomaly').textContent();
  assert.equal(shown, `${moved.toFixed(2).replace('-', '−')} nats`);
  const spoken = await slider.getAttribute('aria-valuetext');
  assert.match(spoken!, /^anomaly −?[\d.]+: [\d.]+ % of honest events flagged, [\d,.]+ false alarms a day$/);
  // All of a kind of attack, at a threshold that flags nearly everything.
  await page.keyboard.press('Home');
  assert.match(
    (await page.locator('.ov-attackers li b').first().textContent())!,
    /^(100|> 99\.99|99\.\d+) %$/,
  );
  const tab = page.getByRole('tab').first();
  await tab.focus();
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.getByRole('tab').nth(1).getAttribute('aria-selected'), 'true');
  assert.equal(requests.length, before, 'moving asks the server for nothing');

  await page.getByLabel('% of honest events at most').fill('5');
  const chosen = (await page.locator('.ov-anomaly').textContent())!;
  await page.getByRole('button', { name: 'Save as the model' }).click();
  assert.match((await page.locator('.ov-confirm').textContent())!, /suspicious from an anomaly of/);
  // The button that saves has the focus.
  await page.keyboard.press('Enter');
  await page
    .getByText(/^Saved: the threshold is .* \(set by hand\), it was .* \(at most 1 % of honest events\)/)
    .waitFor();
  assert.match(
    cli('inspect', model),
    new RegExp(`threshold +${chosen.replace('−', '-').split(' ')[0].slice(0, 4)}.*set by hand`),
  );
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText(/^Undone: the threshold is .* \(at most 1 % of honest events\)/).waitFor();
  assert.match(cli('inspect', model), /threshold .*at most 1 % of honest events/);
  assert.deepEqual(await seriousFindings(page), []);
  assert.deepEqual(faults, []);
  await running.stop();
});

test('an evaluation of another model is not shown as this one; a file that changed meanwhile is reloaded first', async () => {
  const metrics = JSON.parse(readFileSync(at('metrics.json'), 'utf8'));
  metrics.model.identity = '0'.repeat(64);
  writeFileSync(at('other.json'), JSON.stringify(metrics));
  const copy = at('copy.model');
  copyFileSync(model, copy);
  const running = await startConsole(copy, '--evaluation', 'other.json');
  const { page, faults } = await openPage(running.url);
  await page.getByText('The evaluation is of another model than the one in use').waitFor();
  assert.equal(await page.locator('.ov-attackers').count(), 0);
  assert.equal(await page.locator('.ov-calibration').count(), 0, 'its p-values are of another model too');
  await page.getByLabel('alerts a day at most').fill('3');
  assert.match((await page.locator('.ov-figures').textContent())!, /false alarms a day/);
  writeFileSync(at('later.csv'), csv([{ ...events[0], time: 1_750_000_000 }]));
  cli('update', 'copy.model', 'later.csv');
  await page.getByRole('button', { name: 'Save as the model' }).click();
  await page.getByRole('button', { name: 'Save it' }).click();
  await page.getByText('somebody trained or updated it since').waitFor();
  await page.getByRole('button', { name: 'Reload the model' }).click();
  await page.getByText('1 event (0.083 %) came after its vectors were trained').waitFor();
  await page.getByRole('button', { name: 'Save as the model' }).click();
  await page.getByRole('button', { name: 'Save it' }).click();
  await page.getByText(/^Saved: the threshold is .* \(at most 3 alerts a day\)/).waitFor();
  // The browser itself logs the refusal.
  assert.deepEqual(
    faults.filter((fault) => !fault.includes('409')),
    [],
  );
  await running.stop();
});

test('a model without times, later events and a threshold, of IPv6 alone, has an overview and takes a threshold', async () => {
  const few = Array.from({ length: 12 }, (_, i) => ({
    entity: `<b>${i % 3}</b>`,
    address: `2001:db8:${i % 3}::${i}`,
  }));
  writeFileSync(at('few.csv'), csv(few));
  cli('train', 'few.csv', '--model', '<i>few.model', '--threads', '1', '--vector-dim', '4', '--epochs', '1');
  const running = await startConsole(at('<i>few.model'));
  const { page, faults } = await openPage(running.url);
  await page.getByRole('heading', { level: 1, name: '<i>few.model' }).waitFor();
  await page.getByText('saved threshold: no event is called suspicious').waitFor();
  await page.getByText('To see which share of attacks each threshold catches').waitFor();
  await page.getByText('The slider begins at 0 nats').waitFor();
  assert.equal(await page.locator('.ov-anomaly').textContent(), '0.00 nats');
  await page.getByRole('button', { name: 'Save as the model' }).click();
  await page.getByRole('button', { name: 'Save it' }).click();
  await page.getByText(/^Saved: the threshold is .* \(set by hand\), it was none/).waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText(/^Undone: the threshold is none/).waitFor();
  assert.deepEqual(await seriousFindings(page), []);
  assert.deepEqual(faults, []);
  await running.stop();
});
