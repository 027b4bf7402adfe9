import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import { fitWeights, type Likelihoods, uniformWeights } from './expectation.ts';

const likelihoods = (rows: number[][]): Likelihoods => ({
  count: rows.length,
  experts: rows[0].length,
  ratios: Float64Array.from(rows.flat()),
});
const everyRow = ({ count }: Likelihoods) => Uint32Array.from({ length: count }, (_, i) => i);
const ones = (count: number) => new Float64Array(count).fill(1);

/** Σ weight · ln Σ_x λ_x r_x in nats, and Σ prior · ln λ. */
function logLikelihood(
  { count, experts: X, ratios }: Likelihoods,
  weight: Float64Array,
  lambda: Float64Array,
  prior?: Float64Array,
): number {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    let likelihood = 0;
    for (let x = 0; x < X; x++) likelihood += lambda[x] * ratios[i * X + x];
    sum += weight[i] * Math.log(likelihood);
  }
  if (prior) for (let x = 0; x < X; x++) sum += prior[x] * Math.log(lambda[x]);
  return sum;
}

test('one event of two experts: λ moves to the expert that made it', () => {
  const one = likelihoods([[0, 1]]);
  assert.deepEqual([...fitWeights(one, [0], ones(1), uniformWeights(2))], [0, 1]);
});

test('events that every expert makes alike leave λ where it starts', () => {
  const flat = likelihoods([
    [2, 2, 2],
    [5, 5, 5],
  ]);
  const start = Float64Array.of(0.5, 0.25, 0.25);
  assert.deepEqual([...fitWeights(flat, [0, 1], ones(2), start)], [...start]);
});

test('experts that exclude each other: λ is their share of the weight, with the prior as pseudo-events', () => {
  const rows = likelihoods([
    [1, 0],
    [3, 0],
    [0, 7],
  ]);
  const close = (actual: Float64Array, expected: number[]) => {
    for (const [x, value] of expected.entries()) assert.ok(Math.abs(actual[x] - value) < 1e-15);
  };
  close(fitWeights(rows, [0, 1, 2], ones(3), uniformWeights(2)), [2 / 3, 1 / 3]);
  close(fitWeights(rows, [0, 1, 2], Float64Array.of(1, 1, 6), uniformWeights(2)), [1 / 4, 3 / 4]);
  close(fitWeights(rows, [0, 2], ones(3), uniformWeights(2)), [1 / 2, 1 / 2]);
  close(fitWeights(rows, [0, 1, 2], ones(3), uniformWeights(2), Float64Array.of(1, 4)), [3 / 8, 5 / 8]);
});

test('without an event the prior alone speaks', () => {
  const none: Likelihoods = { count: 0, experts: 2, ratios: new Float64Array(0) };
  assert.deepEqual(
    [...fitWeights(none, [], ones(0), uniformWeights(2), Float64Array.of(3, 1))],
    [0.75, 0.25],
  );
});

test('the weights that a mixture was drawn with are found again, within four standard errors', () => {
  const truth = [0.1, 0.3, 0.6];
  // How likely each of three experts makes each of four outcomes.
  const outcomes = [
    [0.7, 0.1, 0.05],
    [0.1, 0.7, 0.05],
    [0.1, 0.1, 0.8],
    [0.1, 0.1, 0.1],
  ];
  const N = 40_000;
  const random = new RandomStream(1, PURPOSE.simulation);
  const draw = (shares: number[]) => {
    let u = random.uniform();
    let at = 0;
    while (at + 1 < shares.length && u >= shares[at]) u -= shares[at++];
    return at;
  };
  const drawn = Array.from({ length: N }, () => {
    const expert = draw(truth);
    return outcomes[draw(outcomes.map((row) => row[expert]))];
  });
  const all = likelihoods(drawn);
  let lambda = uniformWeights(3);
  // Each call stops where a step is short; after so many there is nothing left to go.
  for (let round = 0; round < 50; round++) lambda = fitWeights(all, everyRow(all), ones(N), lambda);
  // Fisher's information of (λ_0, λ_1), λ_2 being the rest: the outcomes' squared slopes over their probabilities.
  const information = [0, 0, 0];
  for (const row of outcomes) {
    const p = row.reduce((sum, r, x) => sum + r * truth[x], 0);
    const [a, b] = [row[0] - row[2], row[1] - row[2]];
    information[0] += (N * a * a) / p;
    information[1] += (N * a * b) / p;
    information[2] += (N * b * b) / p;
  }
  const [aa, ab, bb] = information;
  const determinant = aa * bb - ab * ab;
  const variance = [bb / determinant, aa / determinant, (aa + bb - 2 * ab) / determinant];
  for (let x = 0; x < 3; x++) {
    const bound = 4 * Math.sqrt(variance[x]);
    assert.ok(Math.abs(lambda[x] - truth[x]) < bound, `λ_${x} ${lambda[x]}, ${truth[x]} ± ${bound}`);
  }
});

const positive = fc.double({ min: 1e-6, max: 1e6, noNaN: true });
const problem = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 15 })).chain(([X, N]) =>
  fc.record({
    rows: fc.array(fc.array(positive, { minLength: X, maxLength: X }), { minLength: N, maxLength: N }),
    weight: fc.array(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: N, maxLength: N }),
    prior: fc.array(fc.double({ min: 0.01, max: 10, noNaN: true }), { minLength: X, maxLength: X }),
  }),
);

test('the likelihood never falls, whether begun anew or gone on with, and λ sums to 1', () => {
  fc.assert(
    fc.property(problem, fc.boolean(), ({ rows, weight, prior }, usesPrior) => {
      const all = likelihoods(rows);
      const weights = Float64Array.from(weight);
      const priors = usesPrior ? Float64Array.from(prior) : undefined;
      let lambda = uniformWeights(all.experts);
      let before = logLikelihood(all, weights, lambda, priors);
      for (let round = 0; round < 4; round++) {
        lambda = fitWeights(all, everyRow(all), weights, lambda, priors);
        const sum = lambda.reduce((total, value) => total + value, 0);
        assert.ok(Math.abs(sum - 1) <= all.experts * Number.EPSILON);
        const after = logLikelihood(all, weights, lambda, priors);
        // Logarithms of up to 6 terms, each rounded to half an ulp, times weights of at most 100, 15 of them: 60 steps.
        const rounding = 60 * 1e-14 * (1 + Math.abs(before));
        if (!Number.isFinite(before)) break;
        assert.ok(after >= before - rounding, `${before} → ${after}`);
        before = after;
      }
    }),
  );
});

test('with a prior no weight is 0', () => {
  fc.assert(
    fc.property(problem, ({ rows, weight, prior }) => {
      const all = likelihoods(rows);
      const total = [...weight, ...prior].reduce((sum, value) => sum + value, 0);
      const lambda = fitWeights(
        all,
        everyRow(all),
        Float64Array.from(weight),
        uniformWeights(all.experts),
        Float64Array.from(prior),
      );
      for (let x = 0; x < all.experts; x++) assert.ok(lambda[x] >= (prior[x] / total) * (1 - 1e-12));
    }),
  );
});

test('neither the rows nor the start are changed', () => {
  const start = uniformWeights(2);
  const rows = likelihoods([[1, 9]]);
  fitWeights(rows, [0], ones(1), start);
  assert.deepEqual([...start], [0.5, 0.5]);
  assert.deepEqual([...rows.ratios], [1, 9]);
});
