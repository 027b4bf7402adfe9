/** Kernels that join entities and encoded networks, and that move rows. Tests only; not part of the package. */
import assert from 'node:assert/strict';
import { type ByteVectors, type Lists, NO_ROW, type Pairs } from '../kernels.ts';
import { plainKernels } from '../plain.ts';
import { assertClose, type Bounded, sumOf, U } from './bounds.ts';
import { type Data, indices, type Shape, type Trial, wholeAndParts } from './data.ts';
import { arraysOf, assertUntouched, copyOf, someRows } from './steps.ts';

function somePairs(data: Data, { B, R, S }: Shape, entities: number, networks: number): Pairs {
  const perPositive = 1 + R + S;
  return {
    perPositive,
    entity: data.words(B, entities),
    network: data.words(B * perPositive, networks),
  };
}

/** A pair with its error and its loss. */
interface BoundedPair {
  dot: Bounded;
  margin: number;
  error: Bounded;
  loss: Bounded;
}

/** What a pair's dot product comes to. */
export function pairOf(dot: Bounded, isObserved: boolean): BoundedPair {
  const margin = isObserved ? dot.value : -dot.value;
  const tail = Math.exp(-Math.abs(margin));
  const size = margin > 0 ? tail / (1 + tail) : 1 / (1 + tail);
  const loss = Math.max(0, -margin) + Math.log1p(tail);
  return {
    dot,
    margin,
    // The sigmoid's slope is at most 1/4. An exponential within 2 U, a sum, a quotient and a product: 6 U of the
    // error; or, in f64, sigmoid − label, rounded once on each side.
    error: { value: isObserved ? -size : size, error: dot.error / 4 + 7 * U * size + 2 ** -52 },
    // The loss's slope is at most 1. Exponential and logarithm within 2 U each, and a sum.
    loss: { value: loss, error: dot.error + 6 * U * loss },
  };
}

/** Asserts the sum of the losses of some pairs, and how many of them are on the right side of 0. */
export function assertTotals(
  pairs: BoundedPair[],
  lossNats: number,
  correct: number,
  what: string,
  index: number,
): void {
  let [value, error] = [0, 0];
  for (const { loss } of pairs) {
    value += loss.value;
    error += loss.error;
  }
  assertClose(lossNats, { value, error }, `lossNats of ${what}`, index);
  const surely = pairs.filter(({ margin, dot }) => margin > dot.error).length;
  const maybe = pairs.filter(({ margin, dot }) => margin > -dot.error).length;
  assert.ok(correct >= surely && correct <= maybe, `correct of ${what} ${index}: ${correct}`);
}

export function pairErrors({ kernels, data, shape, round }: Trial): void {
  const { B, D } = shape;
  const A = B * (1 + shape.R);
  const K = 1 + shape.R + shape.S;
  // Dot products near 0, and some so large that a careless exponential overflows.
  const entities = data.floats((B + 2) * D, (round === 0 ? 0.5 : 50) / Math.sqrt(D));
  const pairs = somePairs(data, shape, B + 2, A);
  const pairsOf = listsOf(data, pairs.network, A);
  const encoded = data.floats(A * D);
  const error = data.output(B * K);
  const lossNats = data.doublesOutput(A);
  const correct = data.wordsOutput(A);
  wholeAndParts(kernels, A, [error, lossNats, correct], (kernels, from, to) =>
    kernels.pairErrors(entities, D, pairs, pairsOf, encoded, error, lossNats, correct, from, to),
  );
  for (let a = 0; a < A; a++) {
    const own = [...pairsOf.members.subarray(pairsOf.starts[a], pairsOf.starts[a + 1])];
    const wanted = own.map((pair) => {
      const e = pairs.entity[Math.floor(pair / K)] * D;
      return pairOf(
        sumOf(D, (d) => entities[e + d] * encoded[a * D + d]),
        pair % K === 0,
      );
    });
    for (const [i, pair] of wanted.entries()) assertClose(error[own[i]], pair.error, 'error', own[i]);
    assertTotals(wanted, lossNats[a], correct[a], 'network', a);
  }
}

/** Which members are of each of `count` kinds. */
function listsOf(data: Data, kinds: Uint32Array, count: number): Lists {
  const lists = indices(count).map((kind) =>
    indices(kinds.length).filter((member) => kinds[member] === kind),
  );
  let end = 0;
  return {
    starts: data.wordsOf([0, ...lists.map((list) => (end += list.length))]),
    members: data.wordsOf(lists.flat()),
  };
}

export function weightedSums({ kernels, data, shape }: Trial): void {
  const { B, D } = shape;
  const perVector = 1 + shape.R + shape.S;
  const vectors = data.floats((B + 2) * D);
  const vectorOf = data.words(B, B + 2);
  const coefficients = data.floats(B * perVector);
  const lists = data.lists(B, 9, B * perVector);
  const out = data.output(B * D);
  wholeAndParts(kernels, B, [out], (kernels, from, to) =>
    kernels.weightedSums(vectors, D, vectorOf, perVector, coefficients, lists, out, from, to),
  );
  const { starts, members } = lists;
  for (let i = 0; i < B; i++) {
    const list = members.subarray(starts[i], starts[i + 1]);
    for (let d = 0; d < D; d++) {
      const component = (member: number) => vectors[vectorOf[Math.floor(member / perVector)] * D + d];
      const sum = sumOf(list.length, (k) => coefficients[list[k]] * component(list[k]));
      assertClose(out[i * D + d], sum, 'out', i, d);
    }
  }
}

export function dotProducts({ kernels, data, shape: { B, D } }: Trial): void {
  const a = data.floats((B + 2) * D);
  const b = data.floats((B + 3) * D);
  const rowOfA = data.words(B, B + 2);
  const rowOfB = data.words(B, B + 3);
  // Some addresses have no row.
  for (let i = 0; i < B; i += 4) rowOfB[i] = NO_ROW;
  const out = data.output(B);
  wholeAndParts(kernels, B, [out], (kernels, from, to) =>
    kernels.dotProducts(a, rowOfA, b, rowOfB, D, out, from, to),
  );
  const own = out.slice();
  plainKernels.dotProducts(a, rowOfA, b, rowOfB, D, out, 0, B);
  assert.deepEqual(own, out, 'other bits than those of the plain kernels');
  for (let i = 0; i < B; i++) {
    if (rowOfB[i] === NO_ROW) assert.equal(out[i], 0);
    else {
      const product = (d: number) => a[rowOfA[i] * D + d] * b[rowOfB[i] * D + d];
      assertClose(out[i], sumOf(D, product), 'out', i);
    }
  }
}

export function byteDotProducts({ kernels, data, shape: { B, D }, round }: Trial): void {
  const table = (rows: number): ByteVectors => {
    const codes = data.bytes(rows * D);
    // The largest sums that there are.
    if (round === 1) codes.fill(127);
    if (round === 2) for (let d = 0; d < codes.length; d++) codes[d] = d % 2 === 0 ? -127 : 127;
    return { codes, scales: data.floats(rows, 0.01) };
  };
  const a = table(B + 2);
  const b = table(B + 3);
  const rowOfA = data.words(B, B + 2);
  const rowOfB = data.words(B, B + 3);
  for (let i = 0; i < B; i += 4) rowOfB[i] = NO_ROW;
  const out = data.output(B);
  wholeAndParts(kernels, B, [out], (kernels, from, to) =>
    kernels.byteDotProducts(a, rowOfA, b, rowOfB, D, out, from, to),
  );
  for (let i = 0; i < B; i++) {
    const code = ({ codes }: ByteVectors, row: number, d: number) => BigInt(codes[row * D + d]);
    let sum = 0n;
    if (rowOfB[i] !== NO_ROW)
      for (let d = 0; d < D; d++) sum += code(a, rowOfA[i], d) * code(b, rowOfB[i], d);
    const scale = rowOfB[i] === NO_ROW ? 0 : a.scales[rowOfA[i]] * b.scales[rowOfB[i]];
    // Nothing rounds but the last step: every bit is certain.
    assert.equal(out[i], Math.fround(Number(sum) * scale));
  }
}

export function gatherRows({ kernels, data, shape: { B, D } }: Trial): void {
  const table = someRows(data, 2 * B, D, 1);
  const to = someRows(data, B, D, 1);
  const rows = data.words(B, 2 * B);
  wholeAndParts(kernels, B, arraysOf(to), (kernels, from, until) =>
    kernels.gatherRows(table, D, rows, to, from, until),
  );
  for (let i = 0; i < B; i++) {
    const row = rows[i];
    assert.deepEqual(to.vectors.slice(i * D, (i + 1) * D), table.vectors.slice(row * D, (row + 1) * D));
    assert.deepEqual([to.moment[i], to.steps[i]], [table.moment[row], table.steps[row]]);
  }
}

export function scatterRows({ kernels, data, shape: { B, D } }: Trial): void {
  const table = someRows(data, B, D, 1);
  const to = someRows(data, 2 * B, D, 1);
  const rows = data.shuffled(2 * B).subarray(0, B);
  const before = copyOf(to);
  wholeAndParts(kernels, B, arraysOf(to), (kernels, from, until) =>
    kernels.scatterRows(table, D, rows, to, from, until),
  );
  for (let row = 0; row < 2 * B; row++) {
    const i = rows.indexOf(row);
    if (i < 0) {
      assertUntouched(before, to, row, D);
      continue;
    }
    assert.deepEqual(to.vectors.slice(row * D, (row + 1) * D), table.vectors.slice(i * D, (i + 1) * D));
    assert.deepEqual([to.moment[row], to.steps[row]], [table.moment[i], table.steps[i]]);
  }
}
