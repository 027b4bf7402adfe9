/**
 * What every implementation of the kernels is held to: over random shapes and edge sizes, each result is compared
 * with a naive computation in f64, within bounds that follow from f32 arithmetic, and calls on parts of a range
 * must give the same bits as one call. Tests only; not part of the package.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RandomStream } from '../random/philox.ts';
import {
  FULL_STEPS,
  type Kernels,
  type Lists,
  MOMENT_DECAY,
  MOMENT_EPSILON,
  type Pairs,
  type Step,
} from './kernels.ts';

/** Half the distance of two f32 around 1: a rounding moves a number by at most this share of it. */
const U = 2 ** -24;
/** The smallest f32: below it, results vanish. */
const TINY = 2 ** -149;

/** Number of stream for the data; any would do. */
const PURPOSE = 99;

interface Shape {
  B: number;
  D: number;
  R: number;
  S: number;
}

/** Edge sizes: one positive, no random or no shuffled pairs, vectors that fill no register or more than several. */
const SHAPES: Shape[] = [
  { B: 1, D: 4, R: 1, S: 1 },
  { B: 1, D: 130, R: 0, S: 1 },
  { B: 2, D: 12, R: 3, S: 0 },
  { B: 7, D: 4, R: 0, S: 2 },
  { B: 33, D: 12, R: 2, S: 3 },
  { B: 50, D: 128, R: 5, S: 1 },
  { B: 19, D: 130, R: 1, S: 1 },
];

/** A value and by how much f32 arithmetic, in any order of adding, may miss it. */
interface Bounded {
  value: number;
  error: number;
}

/**
 * Σ a·b of n f32 products added in any order: |error| ≤ (n + 1)·U·Σ|a·b| (Higham 2002, 4.2, first order).
 * @param start a first term, without a product
 */
function sumOf(n: number, term: (i: number) => number, start = 0): Bounded {
  let value = start;
  let size = Math.abs(start);
  for (let i = 0; i < n; i++) {
    const one = term(i);
    value += one;
    size += Math.abs(one);
  }
  // One more for the first term, one for the rounding of the result, one for what is of second order.
  return { value, error: (n + 4) * U * size + TINY };
}

function assertClose(actual: number, { value, error }: Bounded, what: string, ...place: number[]): void {
  // Also false for NaN.
  if (Math.abs(actual - value) <= error) return;
  assert.fail(`${what}[${place.join(', ')}]: expected ${value} ± ${error}, got ${actual}`);
}

class Data {
  readonly #random: RandomStream;
  constructor(seed: number) {
    this.#random = new RandomStream(seed, PURPOSE);
  }
  below(n: number): number {
    return this.#random.below(n);
  }
  /** f32[length], normal, of the given size */
  floats(length: number, size = 1): Float32Array {
    return Float32Array.from({ length }, () => size * this.#random.normal());
  }
  words(length: number, below: number): Uint32Array {
    return Uint32Array.from({ length }, () => this.below(below));
  }
  /** Lists of 0 to `most` members each. */
  lists(count: number, most: number, below: number): Lists {
    const starts = new Uint32Array(count + 1);
    for (let i = 0; i < count; i++) starts[i + 1] = starts[i] + this.below(most + 1);
    return { starts, members: this.words(starts[count], below) };
  }
}

const indices = (n: number) => Array.from({ length: n }, (_, i) => i);

/** The pairs of a mini-batch, with each address's pairs. */
function somePairs(data: Data, { B, R, S }: Shape): { pairs: Pairs; pairsOf: Lists; addresses: number } {
  const addresses = B * (1 + R);
  const pairsPerPositive = 1 + R + S;
  const address = data.words(B * pairsPerPositive, addresses);
  const lists = indices(addresses).map((a) => indices(address.length).filter((p) => address[p] === a));
  const starts = new Uint32Array(addresses + 1);
  for (const [a, list] of lists.entries()) starts[a + 1] = starts[a] + list.length;
  return {
    pairs: { pairsPerPositive, address },
    pairsOf: { starts, members: Uint32Array.from(lists.flat()) },
    addresses,
  };
}

/**
 * Runs a kernel on a whole range and again on its parts; both must leave the same bits.
 * @param outputs what the kernel changes; it is called with fresh copies
 * @returns the outputs of the whole call
 */
function wholeAndParts<T extends (Float32Array | Uint32Array)[]>(
  count: number,
  outputs: T,
  call: (outputs: T, from: number, to: number) => void,
): T {
  const copy = () => outputs.map((one) => one.slice()) as T;
  const whole = copy();
  call(whole, 0, count);
  const parts = copy();
  const cut = [0, count >> 2, count >> 1, count];
  for (let i = 0; i < 3; i++) call(parts, cut[i], cut[i + 1]);
  for (const [i, one] of whole.entries()) {
    const bits = (array: Float32Array | Uint32Array) => Buffer.from(array.buffer);
    assert.ok(
      bits(one).equals(bits(parts[i])),
      `output ${i}: parts of the range give other bits than the whole`,
    );
  }
  return whole;
}

const checks: { [kernel: string]: (kernels: Kernels, shape: Shape, data: Data) => void } = {
  sumRows(kernels, { B, D }, data) {
    const rows = 2 * B + 3;
    const table = data.floats(rows * D);
    const lists = data.lists(B, 8, rows);
    const [out] = wholeAndParts(B, [data.floats(B * D)], ([out], from, to) =>
      kernels.sumRows(table, D, lists, out, from, to),
    );
    for (let i = 0; i < B; i++) {
      for (let d = 0; d < D; d++) {
        const { starts, members } = lists;
        const sum = sumOf(starts[i + 1] - starts[i], (k) => table[members[starts[i] + k] * D + d]);
        assertClose(out[i * D + d], sum, 'out', i, d);
      }
    }
  },

  pairErrors(kernels, shape, data) {
    const { B, D } = shape;
    const rows = data.words(B, B + 2);
    // Some logits near 0, some so large that a careless exponential overflows.
    const table = data.floats((B + 2) * D, data.below(2) === 0 ? 0.3 : 20);
    const { pairs, addresses } = somePairs(data, shape);
    const { pairsPerPositive: K, address } = pairs;
    const encoded = data.floats(addresses * D);
    const totals = { lossNats: 0, correct: 0 };
    const [dEntity, error] = wholeAndParts(
      B,
      [data.floats(B * D), data.floats(B * K)],
      ([dEntity, error], from, to) => {
        const part = kernels.pairErrors(table, D, rows, encoded, pairs, dEntity, error, from, to);
        if (from === 0 && to === B) Object.assign(totals, part);
      },
    );
    let loss = 0;
    let lossError = 0;
    let surelyRight = 0;
    let maybeRight = 0;
    for (let b = 0; b < B; b++) {
      const wanted: Bounded[] = [];
      for (let k = 0; k < K; k++) {
        const at = address[b * K + k] * D;
        const dot = sumOf(D, (d) => table[rows[b] * D + d] * encoded[at + d]);
        const label = k === 0 ? 1 : 0;
        const value = 1 / (1 + Math.exp(-dot.value)) - label;
        // The sigmoid's slope is at most 1/4; 8 U for its own arithmetic.
        wanted.push({ value, error: dot.error / 4 + 8 * U });
        assertClose(error[b * K + k], wanted[k], 'error', b * K + k);
        const margin = label === 1 ? dot.value : -dot.value;
        const pairLoss = Math.max(0, -margin) + Math.log1p(Math.exp(-Math.abs(margin)));
        loss += pairLoss;
        lossError += dot.error + 8 * U * (1 + pairLoss);
        if (margin > dot.error) surelyRight++;
        if (margin > -dot.error) maybeRight++;
      }
      for (let d = 0; d < D; d++) {
        const vectors = indices(K).map((k) => encoded[address[b * K + k] * D + d]);
        const sum = sumOf(K, (k) => wanted[k].value * vectors[k]);
        sum.error += vectors.reduce((total, v, k) => total + Math.abs(v) * wanted[k].error, 0) * (1 + 4 * U);
        assertClose(dEntity[b * D + d], sum, 'dEntity', b, d);
      }
    }
    assertClose(totals.lossNats, { value: loss, error: lossError }, 'loss');
    assert.ok(totals.correct >= surelyRight && totals.correct <= maybeRight, `correct: ${totals.correct}`);
  },

  encodedGradients(kernels, shape, data) {
    const { B, D } = shape;
    const rows = data.words(B, B + 2);
    const table = data.floats((B + 2) * D);
    const { pairs, pairsOf, addresses } = somePairs(data, shape);
    const error = data.floats(pairs.address.length);
    const [dEncoded] = wholeAndParts(addresses, [data.floats(addresses * D)], ([out], from, to) =>
      kernels.encodedGradients(table, D, rows, pairs, pairsOf, error, out, from, to),
    );
    for (let a = 0; a < addresses; a++) {
      for (let d = 0; d < D; d++) {
        const entity = (p: number) => table[rows[Math.floor(p / pairs.pairsPerPositive)] * D + d];
        const { starts, members } = pairsOf;
        const term = (i: number) => error[members[starts[a] + i]] * entity(members[starts[a] + i]);
        assertClose(dEncoded[a * D + d], sumOf(starts[a + 1] - starts[a], term), 'dEncoded', a, d);
      }
    }
  },

  updateRows(kernels, { B, D }, data) {
    const count = 2 * B;
    const table = data.floats(count * D);
    const moment = data.floats(count).map((x) => (x > 0 ? x * x : 0));
    const steps = moment.map((x) => (x > 0 ? 1 + data.below(5000) : 0));
    const stepsOf = Uint32Array.from(steps);
    // Distinct rows, in no order.
    const rows = Uint32Array.from(indices(count).sort((a, b) => Math.sin(a) - Math.sin(b))).subarray(
      0,
      B + 1,
    );
    const lists = data.lists(rows.length, 5, 3 * B);
    const gradients = data.floats(3 * B * D);
    const step: Step = { learningRate: 0.01, weightDecay: data.below(2) * 0.001, gradientScale: 1 / B };
    const [after, momentAfter, stepsAfter] = wholeAndParts(
      rows.length,
      [table, moment, stepsOf],
      ([table, moment, steps], from, to) =>
        kernels.updateRows(table, D, moment, steps as Uint32Array, rows, lists, gradients, step, from, to),
    );
    const touched = new Set(rows);
    for (let row = 0; row < count; row++) {
      if (touched.has(row)) continue;
      assert.deepEqual(after.subarray(row * D, row * D + D), table.subarray(row * D, row * D + D));
      assert.deepEqual([momentAfter[row], stepsAfter[row]], [moment[row], stepsOf[row]]);
    }
    for (const [i, row] of rows.entries()) {
      const { starts, members } = lists;
      const gradient = (k: number, d: number) =>
        step.gradientScale * gradients[members[starts[i] + k] * D + d];
      const sums = indices(D).map((d) =>
        sumOf(starts[i + 1] - starts[i], (k) => gradient(k, d), step.weightDecay * table[row * D + d]),
      );
      const squares = sums.reduce((total, { value }) => total + value * value, 0) / D;
      const squaresError =
        sums.reduce((total, { value, error }) => total + (2 * Math.abs(value) + error) * error, 0) / D +
        (D + 3) * U * squares;
      const second = MOMENT_DECAY * moment[row] + (1 - MOMENT_DECAY) * squares;
      // 1 − decay itself is a difference of nearby numbers: in f32 it is known to U / (1 − decay).
      const secondError = (1 - MOMENT_DECAY) * squaresError + 8 * U * second + U * squares;
      assertClose(momentAfter[row], { value: second, error: secondError + TINY }, 'moment', row);
      assert.equal(stepsAfter[row], stepsOf[row] + 1);
      const decay = Math.min(1, Math.sqrt(FULL_STEPS / stepsAfter[row]));
      const root = Math.sqrt(second / (1 - MOMENT_DECAY ** stepsAfter[row]));
      const scale = (step.learningRate * decay) / (root + MOMENT_EPSILON);
      const scaleShare = second === 0 ? 1 : secondError / second + U / (1 - MOMENT_DECAY) + 8 * U;
      for (let d = 0; d < D; d++) {
        const { value, error } = sums[d];
        const moved = table[row * D + d] - scale * value;
        const bound =
          scale * (error + Math.abs(value) * scaleShare) * (1 + scaleShare) + 2 * U * Math.abs(moved);
        assertClose(after[row * D + d], { value: moved, error: bound + TINY }, 'table', row, d);
      }
    }
  },

  denseForward(kernels, { B, D }, data) {
    const weights = data.floats((D + 1) * D, Math.sqrt(2 / D));
    const input = data.floats(B * D);
    const [out] = wholeAndParts(B, [data.floats(B * D)], ([out], from, to) =>
      kernels.denseForward(weights, D, input, out, from, to),
    );
    for (let a = 0; a < B; a++) {
      for (let i = 0; i < D; i++) {
        const inner = (d: number) => weights[i * D + d] * input[a * D + d];
        const { value, error } = sumOf(D, inner, weights[D * D + i]);
        const result = input[a * D + i] + Math.max(0, value);
        // max(0, ·) moves by no more than its argument.
        assertClose(
          out[a * D + i],
          { value: result, error: error + U * Math.abs(result) + error * U },
          'out',
          a,
          i,
        );
      }
    }
  },

  denseBackward(kernels, { B, D }, data) {
    const weights = data.floats((D + 1) * D, Math.sqrt(2 / D));
    const input = data.floats(B * D);
    const out = input.map((x) => (data.below(2) === 0 ? x : x + 0.5));
    const dOut = data.floats(B * D);
    const start = data.floats((D + 1) * D);
    const [dInput, dWeights] = wholeAndParts(B, [data.floats(B * D), start], ([dInput, dWeights], from, to) =>
      kernels.denseBackward(weights, D, input, out, dOut, dInput, dWeights, from, to),
    );
    const delta = (a: number, i: number) => (out[a * D + i] > input[a * D + i] ? dOut[a * D + i] : 0);
    for (let a = 0; a < B; a++) {
      for (let d = 0; d < D; d++) {
        const sum = sumOf(D, (i) => delta(a, i) * weights[i * D + d], dOut[a * D + d]);
        assertClose(dInput[a * D + d], sum, 'dInput', a, d);
      }
    }
    for (let i = 0; i <= D; i++) {
      for (let d = 0; d < D; d++) {
        // Row D holds the biases: the gradient of bias d is Σ δ[d].
        const term = (a: number) => (i < D ? delta(a, i) * input[a * D + d] : delta(a, d));
        const sum = sumOf(B, term, start[i * D + d]);
        assertClose(dWeights[i * D + d], sum, 'dWeights', i, d);
      }
    }
  },
};

/** Registers one test for each kernel. */
export function testConformance(kernels: Kernels): void {
  for (const [kernel, check] of Object.entries(checks)) {
    test(`${kernels.name}: ${kernel} gives what its definition says, within rounding, for any part of the range`, () => {
      for (const [seed, shape] of SHAPES.entries()) {
        for (let round = 0; round < 2; round++) {
          const where = JSON.stringify({ ...shape, round });
          try {
            check(kernels, shape, new Data(seed * 10 + round));
          } catch (error) {
            if (error instanceof Error) error.message = `${where}: ${error.message}`;
            throw error;
          }
        }
      }
    });
  }
}
