import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ParzenSampler } from './parzenSampler.ts';
import { RandomSampler } from './randomSampler.ts';
import { SAMPLE_CURVES, SAMPLE_FUNCTIONS } from './sampleFunctions.ts';
import type { Observation } from './sampler.ts';
import { medianOf, regretsOf, searchCurves } from './sampleSearch.ts';
import { type Dimension, SearchSpace } from './searchSpace.ts';
import { NoEarlyStopping, SuccessiveHalving } from './successiveHalving.ts';

const SEEDS = 20;
const seeds = Array.from({ length: SEEDS }, (_, seed) => seed);

for (const name of ['Branin', 'Hartmann 6', 'mixed']) {
  test(`better than random points by the median of ${SEEDS} seeds after 20 and 30 trials: ${name}`, () => {
    const f = SAMPLE_FUNCTIONS[name];
    const space = new SearchSpace(f.dimensions);
    const [parzen, random] = [ParzenSampler, RandomSampler].map((Kind) =>
      seeds.map((seed) => regretsOf(f, new Kind(space, seed), 30)),
    );
    for (const trials of [20, 30]) {
      const after = (runs: number[][]) => medianOf(runs.map((regrets) => regrets[trials - 1]));
      assert.ok(after(parzen) < after(random), `${trials}: ${after(parzen)}, ${after(random)}`);
    }
  });
}

const inStep = SAMPLE_CURVES['curves in step'];

test('curves in step: halving finds the best of 30 settings, for any seed, in less than a third of the epochs', () => {
  const space = new SearchSpace(inStep.dimensions);
  const spent = seeds.map((seed) => {
    const [early, whole] = [new SuccessiveHalving(4), new NoEarlyStopping()].map(
      (stopping) => searchCurves(inStep, new RandomSampler(space, seed), stopping, { trials: 30 })[29],
    );
    // The best is never out of the best third of those before it.
    assert.equal(early.regret, whole.regret);
    assert.equal(whole.epochs, 30 * inStep.epochs);
    return early.epochs;
  });
  assert.ok(medianOf(spent) < 10 * inStep.epochs, `${medianOf(spent)}`);
});

test('curves in step: after the epochs of 20 whole trainings halving is better than without, by the median', () => {
  const space = new SearchSpace(inStep.dimensions);
  const most = 20 * inStep.epochs;
  const [early, whole] = [new SuccessiveHalving(4), new NoEarlyStopping()].map((stopping) =>
    medianOf(
      seeds.map((seed) => {
        const limits = { trials: 100, epochs: most };
        const progress = searchCurves(inStep, new ParzenSampler(space, seed), stopping, limits);
        return progress.findLast(({ epochs }) => epochs <= most)!.regret;
      }),
    ),
  );
  assert.ok(early < whole, `${early}, ${whole}`);
});

const LINE: Dimension = {
  kind: 'range',
  name: 'learningRate',
  minimum: 0,
  maximum: 1,
  integer: false,
  scale: 'linear',
};
const line = new SearchSpace([LINE]);

/** Trials in their order; all completed but where it says otherwise. */
const trialsAt = (...trials: [x: number, losses: number[], state?: Observation['state']][]): Observation[] =>
  trials.map(([x, losses, state = 'completed']) => ({ point: [x], losses, state }));

/** Of what 200 trials would be next, how many are nearer to a place than 0.15. */
const shareNear = (place: number, known: Observation[]) =>
  Array.from(
    { length: 200 },
    (_, seed) => new ParzenSampler(line, seed).suggest(known.length, known)[0],
  ).filter((x) => Math.abs(x - place) < 0.15).length / 200;

const BAD = trialsAt([0.5, [9]], [0.6, [8]], [0.4, [9]], [0.95, [8]], [0.05, [9]]);

test('a point is a function of seed, trial and what is known; it is that of its setting', () => {
  const space = new SearchSpace(SAMPLE_FUNCTIONS.mixed.dimensions);
  const known: Observation[] = [];
  for (let trial = 0; trial < 12; trial++) {
    const point = new ParzenSampler(space, 5).suggest(trial, known);
    assert.deepEqual(new ParzenSampler(space, 5).suggest(trial, known), point);
    assert.deepEqual(space.pointOf(space.settingAt(point)), point);
    assert.notDeepEqual(new ParzenSampler(space, 6).suggest(trial, known), point);
    known.push({
      point,
      losses: [SAMPLE_FUNCTIONS.mixed.lossOf(space.settingAt(point))],
      state: 'completed',
    });
  }
});

test('the first trials are those of the random sampler', () => {
  const [parzen, random] = [new ParzenSampler(line, 1), new RandomSampler(line, 1)];
  for (let n = 0; n < 6; n++) assert.deepEqual(parzen.suggest(n, BAD.slice(0, n)), random.suggest(n, []));
  const six = [...BAD, ...trialsAt([0.8, [1]])];
  assert.notDeepEqual(parzen.suggest(6, six), random.suggest(6, six));
});

test('most trials are near a good one', () => {
  // Uniform draws are there in 30 %.
  assert.ok(shareNear(0.75, [...BAD, ...trialsAt([0.75, [1]])]) > 0.6);
});

test('who went farther is better, whatever the losses of others before', () => {
  const known = [...BAD.map((one) => ({ ...one, losses: [1], state: 'stopped' as const }))];
  assert.ok(shareNear(0.75, [...known, ...trialsAt([0.75, [5, 5]])]) > 0.6);
});

test('failed trials are bad, even with losses; running ones are where they have no loss yet', () => {
  const good = trialsAt([0.25, [1]]);
  for (const other of trialsAt(
    [0.75, [0], 'failed'],
    [0.75, [Number.NaN], 'stopped'],
    [0.75, [], 'running'],
  )) {
    assert.ok(shareNear(0.75, [...BAD, ...good, other]) < 0.15, JSON.stringify(other));
  }
  assert.ok(shareNear(0.75, [...BAD, ...trialsAt([0.75, [1, 1], 'running'])]) > 0.6);
});

test('trials that all fail are random ones', () => {
  const known = trialsAt(
    ...Array.from({ length: 20 }, (_, i): [number, number[], 'failed'] => [i / 20, [], 'failed']),
  );
  const points = Array.from(
    { length: 100 },
    (_, seed) => new ParzenSampler(line, seed).suggest(20, known)[0],
  );
  // Uniform: ten quarters of them, 25 ± 4.3, within five deviations.
  for (const from of [0, 0.25, 0.5, 0.75]) {
    const count = points.filter((x) => x >= from && x < from + 0.25).length;
    assert.ok(Math.abs(count - 25) < 22, `${count}`);
  }
});

test('no setting is tried twice while there are others', () => {
  const space = new SearchSpace([
    { ...LINE, name: 'vectorDim', minimum: 4, maximum: 7, integer: true },
    { kind: 'choice', name: 'numIpEncoderLayers', values: [0, 1, 2] },
  ]);
  const known: Observation[] = [];
  for (let trial = 0; trial < 12; trial++) {
    const point = new ParzenSampler(space, 2).suggest(trial, known);
    known.push({ point, losses: [point[0] + point[1]], state: 'completed' });
  }
  assert.equal(new Set(known.map(({ point }) => point.join())).size, 12);
});

test('a search with early stopping and one worker is the same again', () => {
  const space = new SearchSpace(inStep.dimensions);
  const run = () =>
    searchCurves(inStep, new ParzenSampler(space, 9), new SuccessiveHalving(4), { trials: 25 });
  assert.deepEqual(run(), run());
});
