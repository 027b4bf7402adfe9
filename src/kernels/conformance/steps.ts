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

/** Lists of members in shards of a tree, coefficients of members, and vectors. */
function someSums({ data, shape: { B, D, R, S } }: Trial, size: number) {
  const K = 1 + R + S;
  const lists = data.lists(B, 9, B * K);
  const shards = indices(lists.members.length).map(() => data.below(64));
  for (const i of indices(B)) {
    const [from, to] = [lists.starts[i], lists.starts[i + 1]];
    const own = shards.slice(from, to).sort((a, b) => a - b);
    for (const [m, shard] of own.entries()) shards[from + m] = shard;
  }
  const joins = shards.map((shard, m) => 32 - Math.clz32(shard ^ (shards[m + 1] ?? 0)));
  return {
    shards,
    sums: { ...lists, joins: data.wordsOf(joins) },
    vectorOf: data.words(B * K, B),
    vectors: data.floats(B * D),
    coefficients: data.floats(B * K, size),
  };
}

/** The sum of each list, within what adding in any order may miss. */
function boundsOf(
  { sums, vectorOf, vectors, coefficients }: ReturnType<typeof someSums>,
  D: number,
  i: number,
) {
  const own = [...sums.members.subarray(sums.starts[i], sums.starts[i + 1])];
  const product = (member: number, d: number) => coefficients[member] * vectors[vectorOf[member] * D + d];
  return indices(D).map((d) => sumOf(own.length, (m) => product(own[m], d)));
}

export function updateBySums(trial: Trial): void {
  const { kernels, data } = trial;
  const { B, D } = trial.shape;
  const { step, gradientSize } = someStep(trial);
  const rows = someRows(data, B, D, gradientSize);
  const some = someSums(trial, gradientSize);
  const { sums, vectorOf, vectors, coefficients } = some;
  const before = copyOf(rows);
  wholeAndParts(kernels, B, arraysOf(rows), (kernels, from, to) =>
    kernels.updateBySums(rows, D, sums, vectorOf, vectors, coefficients, step, from, to),
  );
  for (let i = 0; i < B; i++) assertStepped(before, rows, i, D, boundsOf(some, D, i), step);
}

export function addUp(trial: Trial): void {
  const { kernels, data } = trial;
  const { B, D } = trial.shape;
  const some = someSums(trial, 1);
  const { sums, vectorOf, vectors, coefficients } = some;
  const out = data.output(B * D);
  wholeAndParts(kernels, B, [out], (kernels, from, to) =>
    kernels.addUp(D, sums, vectorOf, vectors, coefficients, out, from, to),
  );
  for (let i = 0; i < B; i++) {
    for (const [d, bound] of boundsOf(some, D, i).entries()) assertClose(out[i * D + d], bound, 'out', i, d);
  }
  assertSubtrees(trial, some, out);
  const empty = data.wordsOf([]);
  const nothing = { starts: data.wordsOf([0, 0]), members: empty, joins: empty };
  kernels[0].addUp(D, nothing, empty, data.floats(0), data.floats(0), out, 0, 1);
  assert.ok(out.subarray(0, D).every((sum) => sum === 0));
}

/** Where every subtree of 2^k shards is added up by itself, and then those sums, the bits are the same. */
function assertSubtrees(
  { kernels: [kernels], data, shape: { B, D } }: Trial,
  some: ReturnType<typeof someSums>,
  whole: Float32Array,
): void {
  const { sums, vectorOf, vectors, coefficients, shards } = some;
  for (const level of [0, 2, 6]) {
    const parts: { list: number; node: number; from: number; to: number }[] = [];
    for (const list of indices(B)) {
      for (let m = sums.starts[list]; m < sums.starts[list + 1]; m++) {
        const node = shards[m] >>> level;
        const last = parts.at(-1);
        if (last?.list === list && last.node === node) last.to = m + 1;
        else parts.push({ list, node, from: m, to: m + 1 });
      }
    }
    const starts = data.wordsOf([...parts.map(({ from }) => from), sums.members.length]);
    const between = data.output(parts.length * D);
    kernels.addUp(D, { ...sums, starts }, vectorOf, vectors, coefficients, between, 0, parts.length);
    const all = data.wordsOf(indices(parts.length));
    const ones = data.floats(parts.length).fill(1);
    const lists = indices(B + 1).map((list) => parts.filter((part) => part.list < list).length);
    const joins = parts.map(({ node }, p) => level + 32 - Math.clz32(node ^ (parts[p + 1]?.node ?? 0)));
    const merged = { starts: data.wordsOf(lists), members: all, joins: data.wordsOf(joins) };
    const out = data.floats(B * D);
    kernels.addUp(D, merged, all, between, ones, out, 0, B);
    assert.deepEqual(out, whole.slice(0, B * D), `subtrees of 2^${level} shards`);
  }
}
