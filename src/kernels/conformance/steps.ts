/** The optimiser: rows with a state, and what one step makes of them. Tests only; not part of the package. */
import assert from 'node:assert/strict';
import { FULL_STEPS, MOMENT_DECAY, MOMENT_EPSILON, type Rows, type Step } from '../kernels.ts';
import { assertClose, type BoundedSum, sumOf, TINY, U } from './bounds.ts';
import { type Data, indices, type Trial, wholeAndParts } from './data.ts';

/** Numbers of steps at which something changes: the first, FULL_STEPS, and where the correction of the moment ends. */
const STEPS = [
  0,
  1,
  FULL_STEPS - 2,
  FULL_STEPS - 1,
  FULL_STEPS,
  100,
  2000,
  17_317,
  17_318,
  17_319,
  17_320,
  1e6,
];

/** What a round asks of the optimiser: with weight decay, without, and gradients about as large as MOMENT_EPSILON. */
export function someStep({ round, shape: { B } }: Trial): { step: Step; gradientSize: number } {
  const step: Step = {
    learningRate: 0.01,
    weightDecay: round === 0 ? 0.001 : 0,
    gradientScale: 1 / B,
  };
  return { step, gradientSize: round === 2 ? MOMENT_EPSILON * B : 1 };
}

/** Rows in the middle of a training: every third one has not learned yet. */
export function someRows(data: Data, count: number, dimension: number, gradientSize: number): Rows {
  const vectors = data.output(count * dimension);
  const moment = data.output(count);
  const steps = data.wordsOutput(count);
  for (let row = 0; row < count; row++) {
    const isFresh = row % 3 === 0;
    moment[row] = isFresh ? 0 : (gradientSize * moment[row]) ** 2;
    steps[row] = isFresh ? 0 : STEPS[data.below(STEPS.length)];
  }
  return { vectors, moment, steps };
}

export const copyOf = ({ vectors, moment, steps }: Rows): Rows => ({
  vectors: vectors.slice(),
  moment: moment.slice(),
  steps: steps.slice(),
});

export const restore = (rows: Rows, from: Rows): void => {
  rows.vectors.set(from.vectors);
  rows.moment.set(from.moment);
  rows.steps.set(from.steps);
};

export const arraysOf = ({ vectors, moment, steps }: Rows) => [vectors, moment, steps];

/** Asserts that a row is as it was, bit for bit. */
export function assertUntouched(before: Rows, after: Rows, row: number, dimension: number): void {
  const of = ({ vectors, moment, steps }: Rows) => [
    ...vectors.subarray(row * dimension, (row + 1) * dimension),
    moment[row],
    steps[row],
  ];
  assert.deepEqual(of(after), of(before), `row ${row} has no gradient, yet it changed`);
}

/**
 * Asserts that a row has taken one step.
 * @param sums [D] its gradient before scale and decay
 *
 * The gradient is g = α·x + β·w, α = scale · c. An implementation may write it down, or find its squares as
 * α²·Σx² + 2αβ·Σxw + β²·Σw², where nothing cancels but terms as large as a = |αx| + |βw|.
 */
export function assertStepped(
  before: Rows,
  after: Rows,
  row: number,
  dimension: number,
  sums: BoundedSum[],
  { learningRate, weightDecay, gradientScale }: Step,
): void {
  const at = row * dimension;
  const parts = sums.map(({ value, error, size }, d) => ({
    gradient: gradientScale * value + weightDecay * before.vectors[at + d],
    error: gradientScale * error,
    size: gradientScale * size + Math.abs(weightDecay * before.vectors[at + d]),
  }));
  let squares = 0;
  let squaresError = 0;
  for (const { gradient, error, size } of parts) {
    squares += gradient ** 2;
    // Σ of D products, each with at most 8 roundings beside those of the adding: of α and β (2 and 1, twice for their
    // squares), of three products and two sums.
    squaresError += (2 * Math.abs(gradient) + error) * error + (dimension + 12) * U * size ** 2 + TINY;
  }
  const second = MOMENT_DECAY * before.moment[row] + (1 - MOMENT_DECAY) * (squares / dimension);
  // Four roundings: of the decay, a quotient, a product and a sum.
  const secondError = (1 - MOMENT_DECAY) * (squaresError / dimension) + 5 * U * second + TINY;
  assertClose(after.moment[row], { value: second, error: secondError }, 'moment', row);
  const steps = before.steps[row] + 1;
  assert.equal(after.steps[row], steps);
  const correction = 1 / (1 - MOMENT_DECAY ** steps);
  const unbiased = second * correction;
  const unbiasedError = secondError * correction + 3 * U * unbiased;
  const rate = learningRate * Math.min(1, Math.sqrt(FULL_STEPS / steps));
  const sizeOfStep = (moment: number) => rate / (Math.sqrt(Math.max(0, moment)) + MOMENT_EPSILON);
  const scale = sizeOfStep(unbiased);
  // Seven roundings: of rate, epsilon and quotients, of two roots, a sum and a product.
  const most = sizeOfStep(unbiased - unbiasedError) * (1 + 8 * U);
  const least = sizeOfStep(unbiased + unbiasedError) * (1 - 8 * U);
  const scaleError = Math.max(most - scale, scale - least);
  for (const [d, { gradient, error, size }] of parts.entries()) {
    const start = before.vectors[at + d];
    const moved = start - scale * gradient;
    // (1 − scale·β)·w − (scale·α)·x: two roundings of w, four of what is subtracted, one of the result.
    const roundings = U * (3 * Math.abs(start) + 5 * most * size + Math.abs(moved));
    const bound = scaleError * (Math.abs(gradient) + error) + scale * error + roundings + TINY;
    assertClose(after.vectors[at + d], { value: moved, error: bound }, 'vectors', row, d);
  }
}

export function updateRows(trial: Trial): void {
  const { kernels, data } = trial;
  const { B, D } = trial.shape;
  const { step, gradientSize } = someStep(trial);
  const rows = someRows(data, B, D, gradientSize);
  const lists = data.lists(B, 5, 3 * B);
  const gradients = data.floats(3 * B * D, gradientSize);
  const before = copyOf(rows);
  wholeAndParts(kernels, B, arraysOf(rows), (kernels, from, to) =>
    kernels.updateRows(rows, D, lists, gradients, step, from, to),
  );
  const { starts, members } = lists;
  for (let i = 0; i < B; i++) {
    const sums = indices(D).map((d) =>
      sumOf(starts[i + 1] - starts[i], (k) => gradients[members[starts[i] + k] * D + d]),
    );
    assertStepped(before, rows, i, D, sums, step);
  }
}

export function updateEntities(trial: Trial): void {
  const { kernels, data } = trial;
  const { B, D, R, S } = trial.shape;
  const K = 1 + R + S;
  const { step, gradientSize } = someStep(trial);
  const rows = someRows(data, B, D, gradientSize);
  const networks = B * (1 + R);
  const pairs = { perPositive: K, entity: data.words(B, B), network: data.words(B * K, networks) };
  const positivesOf = data.lists(B, 4, B);
  const encoded = data.floats(networks * D);
  const error = data.floats(B * K, gradientSize);
  const before = copyOf(rows);
  wholeAndParts(kernels, B, arraysOf(rows), (kernels, from, to) =>
    kernels.updateEntities(rows, D, positivesOf, pairs, encoded, error, step, from, to),
  );
  const { starts, members } = positivesOf;
  for (let i = 0; i < B; i++) {
    const positives = members.subarray(starts[i], starts[i + 1]);
    const own = [...positives].flatMap((b) => indices(K).map((k) => b * K + k));
    const product = (pair: number, d: number) => error[pair] * encoded[pairs.network[pair] * D + d];
    const sums = indices(D).map((d) => sumOf(own.length, (m) => product(own[m], d)));
    assertStepped(before, rows, i, D, sums, step);
  }
}
