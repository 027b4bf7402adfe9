import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { alone } from '../mpi/ranks.ts';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import { AccountShards } from './accountShards.ts';
import { fitStacking, type StackedEvents, type Stacking } from './stacking.ts';

/** Events of one class, each of an account of its own. */
const eventsOf = (rows: [logRatio: number, dotProduct: number][]): StackedEvents => ({
  accounts: rows.length,
  logRatio: Float64Array.from(rows, ([logRatio]) => logRatio),
  dotProduct: Float32Array.from(rows, ([, dotProduct]) => dotProduct),
  weight: new Float64Array(rows.length).fill(1 / Math.max(1, rows.length)),
});

const NONE = eventsOf([]);
const PRIOR: Stacking = { intercept: 0, history: 0.7, neural: 0.3 };

/** What is minimised, in nats: the mean loss of each class, and the distance from the prior. */
function loss(
  honest: StackedEvents,
  attacks: StackedEvents,
  { intercept, history, neural }: Stacking,
): number {
  const ridge = 5 / honest.accounts;
  let sum = (ridge / 2) * (intercept ** 2 + (history - 0.7) ** 2 + (neural - 0.3) ** 2);
  for (const [{ logRatio, dotProduct, weight }, sign] of [
    [honest, 1],
    [attacks, -1],
  ] as const) {
    for (let i = 0; i < logRatio.length; i++) {
      const odds = sign * (intercept + history * logRatio[i] + neural * dotProduct[i]);
      // ln(1 + e^−odds), without an overflow
      sum += weight[i] * (Math.max(0, -odds) + Math.log1p(Math.exp(-Math.abs(odds))));
    }
  }
  return sum;
}

test('the coefficients that data were drawn with are found again', () => {
  const truth = [-0.5, 0.9, 0.4];
  const N = 40_000;
  const random = new RandomStream(1, PURPOSE.simulation);
  const honest: [number, number][] = [];
  const attacks: [number, number][] = [];
  const information = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < N; i++) {
    const row: [number, number] = [2 * random.normal(), Math.fround(2 * random.normal())];
    const x = [1, ...row];
    const p = 1 / (1 + Math.exp(-x.reduce((sum, value, j) => sum + value * truth[j], 0)));
    (random.uniform() < p ? honest : attacks).push(row);
    for (let j = 0; j < 9; j++) information[j] += p * (1 - p) * x[Math.floor(j / 3)] * x[j % 3];
  }
  const fit = fitStacking(eventsOf(honest), eventsOf(attacks));
  // Both classes weigh the same, which moves the intercept alone: by the logarithm of how frequent they are (Prentice and Pyke 1979).
  const expected = [truth[0] - Math.log(honest.length / attacks.length), truth[1], truth[2]];
  // A standard error is at least 1 / √information of a coefficient by itself; the three hardly depend on each other
  // (features are independent), and weighing both classes alike loses less than their imbalance: five such errors are ample.
  // The prior of 5 accounts in N / 2 pulls by less than 5 / (N / 2) / .1 of the distance, .1 being below the mean curve.
  for (const [j, value] of [fit.intercept, fit.history, fit.neural].entries()) {
    const bound =
      5 / Math.sqrt(information[j * 4]) + ((5 / (N / 4)) * Math.abs(expected[j] - [0, 0.7, 0.3][j])) / 0.1;
    assert.ok(Math.abs(value - expected[j]) < bound, `coefficient ${j}: ${value}, ${expected[j]} ± ${bound}`);
  }
});

test('without honest events, or without attackers, the prior holds', () => {
  assert.deepEqual(fitStacking(NONE, eventsOf([[1, 1]])), PRIOR);
  assert.deepEqual(fitStacking(eventsOf([[1, 1]]), NONE), PRIOR);
});

test('events that say nothing leave the prior of what they say nothing about', () => {
  const { history, neural } = fitStacking(eventsOf([[0, 0]]), eventsOf([[0, 0]]));
  assert.deepEqual([history, neural], [0.7, 0.3]);
});

test('one honest event and one attack that no line fails to tell apart keep bounded coefficients', () => {
  const honest = eventsOf([[8, 4]]);
  const attacks = eventsOf([[-8, -4]]);
  const fit = fitStacking(honest, attacks);
  // At the minimum the distance from the prior times the ridge, 5, is the slope: at most the size of the features.
  assert.ok(Math.abs(fit.intercept) < 1e-9);
  assert.ok(fit.history >= 0.7 && fit.history <= 0.7 + 16 / 5);
  assert.ok(fit.neural >= 0.3 && fit.neural <= 0.3 + 8 / 5);
});

test('a prior that is far too sure of itself does no harm: figures that spread by 5 nats and tell little', () => {
  const random = new RandomStream(4, PURPOSE.simulation);
  const draw = (shift: number) =>
    eventsOf(Array.from({ length: 200 }, () => [shift + 5 * random.normal(), shift + 5 * random.normal()]));
  const [honest, attacks] = [draw(0.9), draw(-0.9)];
  const fit = fitStacking(honest, attacks);
  // For normals of equal spread the truth is a line: 2 · .9 / 5² for each part; a coefficient of .1 per nat of spread 5 over
  // 200 + 200 events has a standard error below 1 / √(200 · .2 · 5²) = .03, four of which are allowed.
  for (const coefficient of [fit.history, fit.neural]) {
    assert.ok(Math.abs(coefficient - 0.072) < 0.12, `${coefficient}`);
  }
  assert.ok(loss(honest, attacks, fit) < loss(honest, attacks, PRIOR));
});

test('a dot product that counts negatively is left out: the rest is fitted without it', () => {
  const random = new RandomStream(2, PURPOSE.simulation);
  const draw = (shift: number): [number, number][] =>
    Array.from({ length: 500 }, () => [shift + random.normal(), -shift + random.normal()]);
  const [honest, attacks] = [draw(1), draw(-1)];
  const fit = fitStacking(eventsOf(honest), eventsOf(attacks));
  assert.equal(fit.neural, 0);
  const without = (rows: [number, number][]) => eventsOf(rows.map(([logRatio]) => [logRatio, 0]));
  const alone = fitStacking(without(honest), without(attacks));
  assert.ok(Math.abs(fit.history - alone.history) < 1e-9 && Math.abs(fit.intercept - alone.intercept) < 1e-9);
});

test('sums by shards fit what plain sums do, but for rounding; a shard may be empty', () => {
  const random = new RandomStream(5, PURPOSE.simulation);
  const draw = (shift: number) =>
    eventsOf(Array.from({ length: 500 }, () => [shift + random.normal(), shift + random.normal()]));
  const [honest, attacks] = [draw(0.5), draw(-0.5)];
  const shards = new AccountShards(alone('localhost'), 3, [], new Uint32Array(0));
  const bySum = fitStacking(honest, attacks);
  const byShard = fitStacking(
    { ...honest, starts: Uint32Array.of(0, 100, 100, 500) },
    { ...attacks, starts: Uint32Array.of(0, 0, 499, 500) },
    shards,
  );
  // Losses below 2 that differ by a rounding, ε, cannot tell coefficients apart that are √(2 · 2ε / curvature) off; a curvature of .01 or more.
  const bound = Math.sqrt((4 * Number.EPSILON) / 0.01);
  for (const part of ['intercept', 'history', 'neural'] as const) {
    assert.ok(Math.abs(byShard[part] - bySum[part]) < bound, `${part}: ${byShard[part]}, ${bySum[part]}`);
  }
});

test('a history that counts negatively keeps a hundredth: its order holds', () => {
  const random = new RandomStream(3, PURPOSE.simulation);
  const draw = (shift: number): [number, number][] =>
    Array.from({ length: 500 }, () => [-shift + random.normal(), shift + random.normal()]);
  const fit = fitStacking(eventsOf(draw(1)), eventsOf(draw(-1)));
  assert.equal(fit.history, 0.01);
  assert.ok(fit.neural > 0);
});

const number = (most: number) => fc.double({ min: -most, max: most, noNaN: true });
const someRows = fc.array(fc.tuple(number(40), number(20)), { minLength: 1, maxLength: 12 });

test('whatever the data, no nearby coefficients are better, and all are finite', () => {
  fc.assert(
    fc.property(someRows, someRows, (honestRows, attackRows) => {
      const [honest, attacks] = [eventsOf(honestRows), eventsOf(attackRows)];
      const fit = fitStacking(honest, attacks);
      assert.ok([fit.intercept, fit.history, fit.neural].every(Number.isFinite), JSON.stringify(fit));
      // Where a bound holds a coefficient, the others are not at their minimum.
      fc.pre(fit.history > 0.01 && fit.neural > 0);
      const best = loss(honest, attacks, fit);
      for (const step of [1e-3, -1e-3]) {
        for (const part of ['intercept', 'history', 'neural'] as const) {
          const moved = loss(honest, attacks, { ...fit, [part]: fit[part] + step });
          assert.ok(moved >= best - 1e-12 * (1 + best), `${part} + ${step}: ${best} → ${moved}`);
        }
      }
    }),
    { numRuns: 500 },
  );
});
