import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import { importanceOf } from './importance.ts';
import { type Dimension, type SearchName, SearchSpace, type Setting } from './searchSpace.ts';
import type { TrialResult } from './tuningResult.ts';

const line = (name: SearchName): Dimension => ({
  kind: 'range',
  name,
  minimum: 0,
  maximum: 1,
  integer: false,
  scale: 'linear',
});
const CHOICE: Dimension = { kind: 'choice', name: 'numIpEncoderLayers', values: [0, 1, 2] };
const space = new SearchSpace([line('learningRate'), line('weightDecay'), CHOICE]);

/** Random settings, all completed. */
function trialsOf(
  count: number,
  objectiveOf: (setting: Required<Setting>) => number,
  seed = 1,
): TrialResult[] {
  const random = new RandomStream(seed, PURPOSE.sampling);
  return Array.from({ length: count }, (_, i) => {
    const setting = space.settingAt(space.dimensions.map(() => random.uniform()));
    return {
      trial: i + 1,
      setting,
      state: 'completed',
      reason: null,
      epochs: 1,
      values: [objectiveOf(setting as Required<Setting>)],
      seconds: [1],
      began: i,
      ended: i + 1,
    };
  });
}

const maximise = { direction: 'maximise' } as const;
const sharesOf = (trials: TrialResult[], objective: Parameters<typeof importanceOf>[2] = maximise) =>
  Object.fromEntries(importanceOf(space, trials, objective).map(({ name, share }) => [name, share]));

test('shares of 2x + y: 4/5 and 1/5, and next to none of what has no influence', () => {
  const trials = trialsOf(200, ({ learningRate, weightDecay }) => 2 * learningRate + weightDecay);
  const importance = importanceOf(space, trials, maximise);
  assert.deepEqual(
    importance.map(({ name }) => name),
    ['learningRate', 'weightDecay', 'numIpEncoderLayers'],
  );
  const [first, second, none] = importance.map(({ share }) => share);
  assert.ok(Math.abs(first - 0.8) < 0.06, `${first}`);
  assert.ok(Math.abs(second - 0.2) < 0.06, `${second}`);
  assert.ok(none < 0.01, `${none}`);
});

test('a choice that decides has nearly all', () => {
  const trials = trialsOf(60, ({ numIpEncoderLayers }) => [3, 9, 1][numIpEncoderLayers]);
  const { numIpEncoderLayers, learningRate, weightDecay } = sharesOf(trials);
  assert.ok(numIpEncoderLayers > 0.9, `${numIpEncoderLayers}`);
  assert.ok(learningRate < 0.02 && weightDecay < 0.02);
});

test('what only matters together has next to no share of its own', () => {
  const trials = trialsOf(300, ({ learningRate, weightDecay }) =>
    learningRate < 0.5 === weightDecay < 0.5 ? 1 : 0,
  );
  const { learningRate, weightDecay } = sharesOf(trials);
  assert.ok(learningRate < 0.1 && weightDecay < 0.1, `${learningRate}, ${weightDecay}`);
});

test('a few disasters do not hide all else', () => {
  const honest = ({ learningRate }: Setting) => learningRate!;
  const isDisaster = ({ weightDecay }: Setting) => weightDecay! > 0.97;
  const trials = trialsOf(150, (setting) => (isDisaster(setting) ? -1e9 : honest(setting)));
  assert.ok(trials.some(({ setting }) => isDisaster(setting)));
  const { learningRate, weightDecay } = sharesOf(trials);
  assert.ok(learningRate > 5 * weightDecay, `${learningRate}, ${weightDecay}`);
});

test('the direction of the objective does not matter, nor a monotonous scale', () => {
  const value = ({ learningRate, weightDecay }: Setting) => 2 * learningRate! + weightDecay!;
  const shares = sharesOf(trialsOf(100, value));
  assert.deepEqual(sharesOf(trialsOf(100, (setting) => Math.exp(5 * value(setting)))), shares);
  const turned = sharesOf(
    trialsOf(100, (setting) => -value(setting)),
    { direction: 'minimise' },
  );
  assert.deepEqual(turned, shares);
});

test('the same trials give the same shares', () => {
  const trials = trialsOf(40, ({ learningRate }) => learningRate);
  assert.deepEqual(importanceOf(space, trials, maximise), importanceOf(space, trials, maximise));
});

test('fewer than 10 comparable trials say nothing; failed ones, NaN and such outside of the space are not comparable', () => {
  const ten = trialsOf(10, ({ learningRate }) => learningRate);
  assert.equal(importanceOf(space, ten, maximise).length, 3);
  assert.deepEqual(importanceOf(space, ten.slice(1), maximise), []);
  assert.deepEqual(importanceOf(space, [], maximise), []);
  const other = (change: Partial<TrialResult>) => [...ten.slice(1), { ...ten[0], ...change }];
  assert.deepEqual(importanceOf(space, other({ state: 'failed' }), maximise), []);
  assert.deepEqual(importanceOf(space, other({ values: [] }), maximise), []);
  assert.deepEqual(importanceOf(space, other({ values: [Number.NaN] }), maximise), []);
  assert.deepEqual(
    importanceOf(space, other({ setting: { ...ten[0].setting, learningRate: 2 } }), maximise),
    [],
  );
});

test('values that are all the same are due to nothing', () => {
  const shares = importanceOf(
    space,
    trialsOf(20, () => 0.5),
    maximise,
  );
  assert.deepEqual(
    shares.map(({ share }) => share),
    [0, 0, 0],
  );
});

test('trials are compared after the share of their training that half of them reached', () => {
  // After the first of 3 epochs the learning rate decides; at the end of those that went on, the weight decay.
  const trials = trialsOf(40, () => 0).map((one, i): TrialResult => {
    const { learningRate, weightDecay } = one.setting as Required<Setting>;
    const values = i < 12 ? [learningRate, learningRate, weightDecay] : [learningRate];
    return { ...one, epochs: 3, values, state: i < 12 ? 'completed' : 'stopped' };
  });
  const early = sharesOf(trials);
  assert.ok(early.learningRate > 0.8 && early.weightDecay < 0.1, JSON.stringify(early));
  // Of those alone that went on, at the end.
  const late = sharesOf(trials.slice(0, 12));
  assert.ok(late.weightDecay > late.learningRate, JSON.stringify(late));
});

test('a logarithmic range counts by its factors', () => {
  const log = new SearchSpace([
    { ...line('learningRate'), minimum: 1e-4, maximum: 1, scale: 'log' } as Dimension,
    line('weightDecay'),
  ]);
  const trials = trialsOf(100, () => 0).map((one, i) => {
    const learningRate = 10 ** (-4 * ((i * 0.618034) % 1));
    const { weightDecay } = one.setting as Required<Setting>;
    return {
      ...one,
      setting: { learningRate: Number(learningRate.toPrecision(4)), weightDecay },
      values: [Math.log10(learningRate) / 4 + weightDecay],
    };
  });
  const [first, second] = importanceOf(log, trials, maximise);
  // The variance of both is 1/12.
  assert.ok(Math.abs(first.share - 0.5) < 0.1 && Math.abs(second.share - 0.5) < 0.1, JSON.stringify(first));
});
