import assert from 'node:assert/strict';
import { test } from 'node:test';
import { curvesChart } from './curvesChart.ts';
import { importanceChart } from './importanceChart.ts';
import { parallelCoordinates } from './parallelCoordinates.ts';
import { sliceChart } from './sliceChart.ts';
import { type DrawnAxis, type DrawnObjective, type DrawnTrial, NAMED_TRIALS } from './trialMarks.ts';
import { trialsChart } from './trialsChart.ts';

const SIZE = { width: 1000, height: 400 };
const OBJECTIVE: DrawnObjective = { name: 'auc', title: 'AUC', direction: 'maximise' };
const AXES: DrawnAxis[] = [
  {
    name: 'vector_dim',
    ticks: [
      [0, '8'],
      [1, '256'],
    ],
    values: null,
  },
  {
    name: 'num_ip_encoder_layers',
    ticks: [
      [0.25, '0'],
      [0.75, '1'],
    ],
    values: 2,
  },
];

const trialOf = (trial: number, rest: Partial<DrawnTrial> = {}): DrawnTrial => ({
  trial,
  state: 'completed',
  isBest: false,
  isDefaults: false,
  value: 0.9,
  valueText: '0.9000',
  values: [0.8, 0.9],
  ended: trial * 10,
  point: [0.5, 0.25],
  texts: ['45', '0'],
  ...rest,
});

const FAILED = trialOf(9, { state: 'failed', value: null, valueText: 'no value', values: [] });
const TRIALS = [
  trialOf(3, { isBest: true, value: 0.95, values: [0.9, 0.95] }),
  trialOf(1, { isDefaults: true }),
  trialOf(4, { value: 0.85, values: [0.7, 0.85] }),
  trialOf(2, { state: 'stopped', value: 0.8, values: [0.8] }),
  FAILED,
];

const all = (trials: DrawnTrial[]) => [
  trialsChart(trials, AXES, OBJECTIVE, SIZE).text,
  curvesChart(trials, AXES, OBJECTIVE, SIZE).text,
  parallelCoordinates(trials, AXES, OBJECTIVE, SIZE).text,
  sliceChart(trials, AXES, 1, OBJECTIVE, SIZE).text,
];
const count = (text: string, part: RegExp) => text.match(part)?.length ?? 0;

test('one trial, none, none with a value and many equal ones leave no hole', () => {
  const equal = Array.from({ length: 500 }, (_, i) => trialOf(i + 1, { ended: 0 }));
  const running = trialOf(1, { state: 'running', ended: null, value: null, values: [] });
  for (const trials of [[], [trialOf(1)], [FAILED], [running], [running, trialOf(2)], equal]) {
    for (const text of all(trials)) assert.doesNotMatch(text, /NaN|Infinity|undefined/);
  }
});

test('the best so far is that of trials that were completed by then: a stopped one cannot lead', () => {
  const led = [...TRIALS, trialOf(2, { state: 'stopped', value: 0.99, ended: 5 })];
  const { text } = trialsChart(led, AXES, OBJECTIVE, SIZE);
  const [, path] = /class="best-so-far" d="([^"]*)"/.exec(text)!;
  // From the end of trial 1 by one step to trial 3, and on to the right.
  assert.match(path, /^M[\d.]+,[\d.]+H[\d.]+V[\d.]+H970$/);
});

test('states differ in shape, not only in colour', () => {
  const { text } = trialsChart(
    TRIALS.map((trial) => ({ ...trial, isBest: false, isDefaults: false })),
    AXES,
    OBJECTIVE,
    SIZE,
  );
  const shapes = ['completed', 'stopped', 'failed'].map(
    (state) => new RegExp(`class="trial ${state}" d="M[^a-z]*([^"]*)"`).exec(text)![1],
  );
  assert.equal(new Set(shapes.map((shape) => shape.replace(/[^a-z]/g, ''))).size, 3, shapes.join(' '));
});

test('each mark and line says which trial it is; the best is drawn last', () => {
  const [trials, curves, parallel, slice] = all(TRIALS);
  const sentence =
    'trial 3, the best: 0.9000, completed after 2 epochs; vector_dim 45, num_ip_encoder_layers 0';
  for (const text of [trials, curves, parallel]) {
    assert.ok(text.includes(`<title>${sentence}</title>`));
    assert.equal(text.lastIndexOf('<title>'), text.lastIndexOf('<title>trial 3, the best'));
  }
  assert.ok(slice.includes('<title>trial 3: 0.9000 at num_ip_encoder_layers 0</title>'));
});

test('names of what was searched never become markup', () => {
  const axes = AXES.map((axis) => ({ ...axis, name: '<script>"' }));
  for (const text of [
    trialsChart(TRIALS, axes, { ...OBJECTIVE, title: '<b>' }, SIZE).text,
    parallelCoordinates(TRIALS, axes, { ...OBJECTIVE, name: '<b>' }, SIZE).text,
    importanceChart([{ name: '<b>', share: 0.5 }], 600).text,
  ]) {
    assert.doesNotMatch(text, /<script|<b>/);
  }
});

test('of 2,000 trials the best ones have titles, the others are a few paths: a picture stays below 300 kB', () => {
  const many = Array.from({ length: 2000 }, (_, i) =>
    trialOf(i + 1, { isBest: i === 0, isDefaults: i === 1999, value: 0.99 - i / 4000 }),
  );
  for (const text of all(many)) {
    assert.ok(text.length < 300_000, String(text.length));
    const titles = count(text, /<title>/g);
    assert.ok(titles === NAMED_TRIALS + 1 || titles === 2 * (NAMED_TRIALS + 1), String(titles));
  }
});

test('trials with the same choice lie beside each other, within the stretch of that choice', () => {
  const same = Array.from({ length: 20 }, (_, i) => trialOf(i + 1));
  const { text } = sliceChart(same, AXES, 1, OBJECTIVE, SIZE);
  const places = [...text.matchAll(/class="trial completed" d="M([\d.]+),/g)].map(([, x]) => Number(x));
  assert.equal(new Set(places).size, 20);
  const [left, right] = [82, 964];
  assert.ok(places.every((x) => x > left && x < (left + right) / 2));
});

test('bars are as long as their shares', () => {
  const { text } = importanceChart(
    [
      { name: 'a', share: 0.5 },
      { name: 'b', share: 0.25 },
    ],
    690,
  );
  const widths = [...text.matchAll(/class="bar" [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));
  assert.deepEqual(widths, [200, 100]);
  assert.ok(text.includes('aria-label="Importance of hyperparameters: a 50 %, b 25 %"'));
});
