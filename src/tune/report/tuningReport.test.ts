import assert from 'node:assert/strict';
import { test } from 'node:test';
import { escapeHtml } from '../../drawing/html.ts';
import { ALL_NAMES, FPR, sampleTuning } from '../sampleTuning.ts';
import { drawnAxes, drawnTrials } from './drawnTrials.ts';
import { durationText, headlines, numberText, objectiveText, trainCommand } from './sentences.ts';
import { UNFOLDED_TRIALS } from './tables.ts';
import { renderTuningReport } from './tuningReport.ts';

const ATTACK = `<script>alert("1")</script>&'`;
const SAMPLES = {
  forty: sampleTuning(),
  one: sampleTuning({ trials: 1 }),
  two: sampleTuning({ trials: 2 }),
  failed: sampleTuning({ trials: 6, failing: 1000 }),
  nothing: sampleTuning({ trials: 0 }),
  nine: sampleTuning({ trials: 70, names: ALL_NAMES, objective: FPR }),
  hostile: sampleTuning({ train: ATTACK, reason: ATTACK, failing: 300 }),
};

for (const [name, sample] of Object.entries(SAMPLES)) {
  const page = renderTuningReport(sample);

  test(`${name}: what comes from data never becomes markup; no script, no network, no hole`, () => {
    assert.equal(page.includes('<script'), false);
    assert.equal(/\b(?:src|href)=|url\(|@import|\bon\w+=/.test(page.replaceAll('content=', '')), false);
    assert.ok(page.includes("default-src 'none'"));
    assert.doesNotMatch(page.replace(/loss is NaN/g, ''), /NaN|Infinity|undefined/);
  });

  test(`${name}: every element that opens closes, in order`, () => {
    const open: string[] = [];
    const VOID = new Set(['meta', '!doctype', 'wbr']);
    for (const [, close, tag, selfClosed] of page
      .replace(/<style>.*<\/style>/s, '')
      .matchAll(/<(\/?)([!\w]+)[^>]*?(\/?)>/g)) {
      if (close) assert.equal(open.pop(), tag);
      else if (!selfClosed && !VOID.has(tag.toLowerCase())) open.push(tag);
    }
    assert.deepEqual(open, []);
  });

  test(`${name}: every picture says what it shows to those who do not see it`, () => {
    const pictures = page.match(/<svg class="chart[^>]*>/g) ?? [];
    assert.equal(pictures.length > 0, !['failed', 'nothing'].includes(name));
    for (const picture of pictures) assert.match(picture, /role="img" aria-label="[^"]{12,}"/);
  });
}

test('the hostile names are shown as they are', () => {
  const page = renderTuningReport(SAMPLES.hostile);
  assert.ok(page.includes(`<h1>Hyperparameter search on ${escapeHtml(ATTACK)}</h1>`));
  assert.ok(page.includes(`<small>${escapeHtml(ATTACK)}</small>`));
});

test('the headline names the best, what it has on unseen events, the defaults and the gap', () => {
  assert.deepEqual(headlines(SAMPLES.forty), [
    'Trial 34 of 40 is the best: discriminator_auc 0.9953 on valid.csv, 0.9947 on test.csv, which the search never saw; the defaults have 0.9927 and 0.9923.',
    'On test.csv it is 0.0006 worse than on valid.csv. The best of 40 trials is in part the luckiest on valid.csv: believe the figure on test.csv.',
    'These figures are of the vectors alone. The default score, which has the history besides, has 0.9961 on test.csv, 0.9959 with the defaults.',
  ]);
  const [lower] = headlines(SAMPLES.nine);
  assert.match(lower, /^Trial \d+ of 70 is the best: swap_fpr_at_tpr_\.99 0\.03\d\d on valid\.csv/);
  assert.match(headlines(SAMPLES.nine)[1], /^On test\.csv it is 0\.000[56] worse than on valid\.csv\./);
});

test('a better figure on the test events is said to be better, for objectives that should be low too', () => {
  for (const objective of [undefined, FPR]) {
    const sample = sampleTuning(objective && { objective });
    const sign = objective ? -1 : 1;
    const row = sample.judged!.rows[1];
    row.values[0] = sample.judged!.rows[0].values[0]! + sign * 0.001;
    assert.match(headlines(sample)[1], /^On test\.csv it is 0\.0010 better than on valid\.csv\.$/);
  }
});

test('without a test set the headline warns; without a best it says what came of the trials', () => {
  const untested = { ...SAMPLES.forty, judged: null, data: { ...SAMPLES.forty.data, test: null } };
  assert.equal(
    headlines(untested)[1],
    'The best of 40 trials is in part the luckiest on valid.csv: expect less on other events, as no test set has judged it.',
  );
  assert.deepEqual(headlines(SAMPLES.failed), [
    'None of 6 trials was trained to its end: 6 failed. Trial 1: epoch 1, batch 12: loss is NaN. Lower --learning-rate (now 0.083).',
  ]);
  assert.deepEqual(headlines(SAMPLES.nothing), ['The search ended before its first trial began.']);
});

test('the defaults that are the best are said to be', () => {
  assert.match(headlines(SAMPLES.one)[0], /^The only trial has .*; these are the defaults\.$/);
});

test('the command trains the best again, with every hyperparameter, and names of files are one word each', () => {
  const command = trainCommand(SAMPLES.forty)!.join(' ');
  assert.equal(
    command,
    'ip-insights train train.csv --validation valid.csv --model best.model --seed 1 --num-entity-vectors 20000 --vector-dim 68 --epochs 10 --learning-rate 0.01909 --mini-batch-size 846 --num-ip-encoder-layers 0 --random-negative-sampling-rate 4 --shuffled-negative-sampling-rate 1 --weight-decay 0.00001',
  );
  const odd = trainCommand(sampleTuning({ train: "-it's $(a).csv" }))![0];
  assert.match(odd, /^ip-insights train '\.\/-it'\\''s \$\(a\)\.csv' --validation /);
  assert.equal(trainCommand(SAMPLES.failed), undefined);
});

test('all trials are in the table, best first; those after 50 are folded', () => {
  const page = renderTuningReport(SAMPLES.nine);
  const [shown, folded] = page.slice(page.indexOf('<h2>All trials</h2>')).split('<details>');
  const rows = (text: string) =>
    [...text.matchAll(/<th scope="row">(\d+)/g)].map(([, trial]) => Number(trial));
  assert.equal(rows(shown).length, UNFOLDED_TRIALS);
  assert.equal(rows(shown)[0], SAMPLES.nine.best);
  assert.deepEqual(
    [...rows(shown), ...rows(folded)].sort((a, b) => a - b),
    SAMPLES.nine.trials.map(({ trial }) => trial),
  );
  assert.ok(folded.startsWith('<summary>The other 20 trials</summary>'));
  assert.equal(renderTuningReport(SAMPLES.forty).includes('<details>'), false);
});

test('axes end with the range that was searched, and their ticks ascend', () => {
  for (const { name, ticks } of drawnAxes(SAMPLES.nine)) {
    const places = ticks.map(([place]) => place);
    assert.deepEqual(
      places,
      [...places].sort((a, b) => a - b),
      name,
    );
    assert.ok(places.every((place) => place >= 0 && place <= 1));
  }
  const axis = (wanted: string) =>
    drawnAxes(SAMPLES.nine)
      .find(({ name }) => name === wanted)!
      .ticks.map(([, label]) => label);
  assert.deepEqual(axis('vector_dim'), ['8', '16', '32', '64', '128', '256']);
  assert.deepEqual(axis('learning_rate'), ['0.0001', '0.001', '0.01', '0.1']);
  assert.deepEqual(axis('num_ip_encoder_layers'), ['0', '1', '2']);
  assert.deepEqual([axis('weight_decay')[0], axis('weight_decay').at(-1)], ['0', '1']);
});

test('a failed trial has no value, whatever it had reached', () => {
  const sample = sampleTuning({ trials: 4 });
  sample.trials[2].state = 'failed';
  const drawn = drawnTrials(sample);
  assert.equal(drawn.at(-1)!.trial, 3);
  assert.equal(drawn.at(-1)!.value, null);
});

test('values are written with the digits that tell them apart', () => {
  assert.deepEqual([0.9953, 0.99953, 0.99995, 0.031, 0.00031, 1, 0, 0.5, 12.34567, -2].map(objectiveText), [
    '0.9953',
    '0.99953',
    '0.999950',
    '0.0310',
    '0.00031',
    '1.0000',
    '0.0000',
    '0.5000',
    '12.346',
    '−2',
  ]);
  assert.deepEqual([50_000, 0.01909, 1e-7, 0, 2.5].map(numberText), [
    '50,000',
    '0.01909',
    '1e−7',
    '0',
    '2.5',
  ]);
  assert.deepEqual([4.21, 42, 450, 11_160].map(durationText), ['4.2 s', '42 s', '7.5 min', '3.1 h']);
});
