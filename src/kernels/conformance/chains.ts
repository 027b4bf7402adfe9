/** Kernels that walk over sorted terms. Tests only; not part of the package. */
import assert from 'node:assert/strict';
import { CHUNK_TERMS, MAX_CHAIN, NO_ROW, type Spanning, type Terms } from '../kernels.ts';
import { plainKernels } from '../plain.ts';
import { assertClose, type BoundedSum, sumOf } from './bounds.ts';
import { type Data, distinct, indices, type Trial, wholeAndParts } from './data.ts';
import { assertTotals, pairOf } from './pairs.ts';
import { arraysOf, assertStepped, assertUntouched, copyOf, restore, someRows, someStep } from './steps.ts';

/** Address rows, by their parents alone. */
class Forest {
  readonly parents: Uint32Array;
  constructor(parents: Uint32Array) {
    this.parents = parents;
  }
  /** The row and all above it, from the root down. */
  chain(row: number): number[] {
    const above = this.parents[row];
    return above === NO_ROW ? [row] : [...this.chain(above), row];
  }
}

/**
 * Two trees, each row right before what lies below it; the first MAX_CHAIN rows are a path.
 * @param isDeep paths go down to the end before the next one begins, so that neighbours share little
 */
function someForest(data: Data, count: number, isDeep: boolean): Forest {
  const parents: number[] = [];
  const path: number[] = [];
  for (let row = 0; row < count; row++) {
    if (row === count >> 1) path.length = 0;
    else if (isDeep && path.length === MAX_CHAIN) path.length = 1;
    else if (row >= MAX_CHAIN && !isDeep && data.below(2) === 0) path.length = 1 + data.below(path.length);
    if (path.length === MAX_CHAIN) path.pop();
    parents.push(path.at(-1) ?? NO_ROW);
    path.push(row);
  }
  return new Forest(data.wordsOf(parents));
}

/**
 * Terms of all kinds: twice each row of the path, so that sums of all depths are under way at once; a quarter at
 * its end, so that a deepest row has many and lies in several chunks; the rest anywhere.
 * @param coefficients and vectors are numbers of those that exist
 */
function someTerms(data: Data, forest: Forest, count: number, coefficients: number, vectors: number): Terms {
  const rows = forest.parents.length;
  const row = indices(count).map((i) => {
    if (i < 2 * MAX_CHAIN) return i >> 1;
    return i % 4 === 0 ? MAX_CHAIN - 1 : data.below(rows);
  });
  row.sort((a, b) => a - b);
  const chains = row.map((one) => forest.chain(one));
  const numbers = new Map(distinct(row).map((one, network) => [one, network]));
  // Whole chunks and shorter ones.
  const chunkStarts = [0];
  while (chunkStarts.at(-1)! < count) {
    const length = data.below(2) === 0 ? CHUNK_TERMS : 1 + data.below(CHUNK_TERMS);
    chunkStarts.push(Math.min(count, chunkStarts.at(-1)! + length));
  }
  const shared = chains.map(
    (chain, i) => chain.filter((one) => i + 1 < count && chains[i + 1].includes(one)).length,
  );
  // At every other border, those of shards, some rows may go on whose terms are all on one side.
  const mayShare = (term: number, least: number) =>
    data.below(2) === 0 ? least : least + data.below(chains[term].length - least + 1);
  return {
    count,
    chunks: chunkStarts.length - 1,
    chunkStarts: data.wordsOf(chunkStarts),
    before: data.wordsOf(chunkStarts.slice(0, -1).map((first) => mayShare(first, shared[first - 1] ?? 0))),
    after: data.wordsOf(chunkStarts.slice(1).map((end) => mayShare(end - 1, shared[end - 1]))),
    row: data.wordsOf(row),
    depth: data.wordsOf(chains.map((chain) => chain.length)),
    shared: data.wordsOf(shared),
    network: data.wordsOf(row.map((one) => numbers.get(one)!)),
    coefficient: data.words(count, coefficients),
    vector: data.words(count, vectors),
  };
}

/** The chunk of a term. */
const chunkOf = ({ chunkStarts }: Terms, term: number) => chunkStarts.findIndex((start) => start > term) - 1;

/** The terms below each row. */
function termsBelow(forest: Forest, terms: Terms): Map<number, number[]> {
  const below = new Map<number, number[]>();
  for (let i = 0; i < terms.count; i++) {
    for (const row of forest.chain(terms.row[i])) below.set(row, [...(below.get(row) ?? []), i]);
  }
  return below;
}

function spanningOf(data: Data, forest: Forest, terms: Terms, below: Map<number, number[]>): Spanning {
  const rows = [...below].flatMap(([row, list]) => {
    const depth = forest.chain(row).length;
    const [first, last] = [list[0], list.at(-1)!];
    const [firstChunk, lastChunk] = [chunkOf(terms, first), chunkOf(terms, last)];
    const isBefore = terms.chunkStarts[firstChunk] === first && depth <= terms.before[firstChunk];
    const isAfter = terms.chunkStarts[lastChunk + 1] === last + 1 && depth <= terms.after[lastChunk];
    if (firstChunk === lastChunk && !isBefore && !isAfter) return [];
    return [{ row, depth, first: 2 * firstChunk + (isBefore ? 0 : 1), lastChunk }];
  });
  return {
    count: rows.length,
    row: data.wordsOf(rows.map(({ row }) => row)),
    depth: data.wordsOf(rows.map(({ depth }) => depth)),
    first: data.wordsOf(rows.map(({ first }) => first)),
    lastChunk: data.wordsOf(rows.map(({ lastChunk }) => lastChunk)),
  };
}

/** Rows, terms and what their coefficients and vectors are of. */
function someChains({ data, shape: { B, R, S } }: Trial) {
  const isDeep = data.below(2) === 0;
  const forest = someForest(data, 2 * MAX_CHAIN + (isDeep ? MAX_CHAIN * B : B), isDeep);
  const count = B * (1 + R + S);
  const terms = someTerms(data, forest, count, count, B);
  return { forest, terms, coefficients: count, vectors: B };
}

export function encodeChains(trial: Trial): void {
  const { kernels, data } = trial;
  const { D } = trial.shape;
  const { forest, terms } = someChains(trial);
  const table = data.floats(forest.parents.length * D);
  const rows = distinct(terms.row);
  const out = data.output(rows.length * D);
  wholeAndParts(kernels, terms.chunks, [out], (kernels, from, to) =>
    kernels.encodeChains(table, D, forest.parents, terms, out, from, to),
  );
  for (const [network, row] of rows.entries()) {
    const chain = forest.chain(row);
    for (let d = 0; d < D; d++) {
      const sum = sumOf(chain.length, (i) => table[chain[i] * D + d]);
      assertClose(out[network * D + d], sum, 'out', network, d);
    }
  }
  assertOwnNetworks(terms, D, out, (from, to) =>
    kernels[0].encodeChains(table, D, forest.parents, terms, out, from, to),
  );
}

/** A network belongs to the chunk of its first term, also where another thread has not come to that one yet. */
function assertOwnNetworks(
  terms: Terms,
  dimension: number,
  encoded: Float32Array,
  call: (fromChunk: number, toChunk: number) => void,
): void {
  const last = terms.chunks - 1;
  if (last === 0) return;
  encoded.fill(Number.NaN);
  call(last, last + 1);
  const begun = terms.network[terms.chunkStarts[last] - 1];
  assert.ok(encoded.subarray(0, (begun + 1) * dimension).every(Number.isNaN));
}

/** What rows are updated by; besides the rows, what kernels put aside. */
function someUpdate(trial: Trial) {
  const { data } = trial;
  const { D } = trial.shape;
  const { forest, terms, coefficients, vectors } = someChains(trial);
  const { step, gradientSize } = someStep(trial);
  const rows = someRows(data, forest.parents.length, D, gradientSize);
  const partials = data.output(terms.chunks * 2 * MAX_CHAIN * D);
  // What is not put aside must not be used.
  partials.fill(Number.NaN);
  return { forest, terms, coefficients, vectors, step, gradientSize, rows, partials, before: copyOf(rows) };
}

/**
 * Updates the rows that lie in several chunks, and asserts that all rows have taken their steps.
 * @param product coefficient · vector of a term
 * @param miss    by how much the coefficient may be missed, times the size of the vector
 */
function assertUpdated(
  { kernels, data, shape: { D } }: Trial,
  { forest, terms, step, rows, partials, before }: ReturnType<typeof someUpdate>,
  product: (term: number, d: number) => number,
  miss: (term: number, d: number) => number,
): void {
  const below = termsBelow(forest, terms);
  const spanning = spanningOf(data, forest, terms, below);
  const sums = new Map<number, BoundedSum[]>();
  for (const [row, list] of below) {
    const ofDimension = (d: number) => {
      const sum = sumOf(list.length, (i) => product(list[i], d));
      const missed = sumOf(list.length, (i) => miss(list[i], d));
      const error = sum.error + missed.value + missed.error;
      return { value: sum.value, error, size: sum.size + missed.size };
    };
    sums.set(row, indices(D).map(ofDimension));
  }
  const between = copyOf(rows);
  // The plain kernels find what was put aside: places, and the constants that they follow from, are the same.
  for (const finishing of [kernels, [plainKernels]]) {
    restore(rows, between);
    wholeAndParts(finishing, spanning.count, arraysOf(rows), (kernels, from, to) =>
      kernels.updateSpanning(rows, D, spanning, partials, step, from, to),
    );
    for (const row of indices(forest.parents.length)) {
      const gradient = sums.get(row);
      if (gradient) assertStepped(before, rows, row, D, gradient, step);
      else assertUntouched(before, rows, row, D);
    }
  }
}

export function updateChains(trial: Trial): void {
  const { kernels, data } = trial;
  const { D } = trial.shape;
  const update = someUpdate(trial);
  const { forest, terms, step, rows, partials, gradientSize } = update;
  const coefficients = data.floats(update.coefficients, gradientSize);
  const vectors = data.floats(update.vectors * D);
  wholeAndParts(kernels, terms.chunks, [...arraysOf(rows), partials], (kernels, from, to) =>
    kernels.updateChains(rows, D, forest.parents, terms, coefficients, vectors, step, partials, from, to),
  );
  const product = (term: number, d: number) =>
    coefficients[terms.coefficient[term]] * vectors[terms.vector[term] * D + d];
  assertUpdated(trial, update, product, () => 0);
}

export function trainChains(trial: Trial): void {
  const { kernels, data } = trial;
  const { D, R, S } = trial.shape;
  const update = someUpdate(trial);
  const { forest, step, rows, partials, before } = update;
  // Each pair has one term.
  const terms = { ...update.terms, coefficient: data.shuffled(update.terms.count) };
  const K = 1 + R + S;
  const entities = data.floats(update.vectors * D, update.gradientSize);
  const networks = distinct(terms.row);
  const encoded = data.output(networks.length * D);
  const error = data.output(terms.count);
  const lossNats = data.doublesOutput(terms.chunks);
  const correct = data.wordsOutput(terms.chunks);
  const out = { encoded, error, lossNats, correct, partials };
  wholeAndParts(
    kernels,
    terms.chunks,
    [...arraysOf(rows), encoded, error, lossNats, correct, partials],
    (kernels, from, to) =>
      kernels.trainChains(rows, D, forest.parents, terms, K, entities, out, step, from, to),
  );
  // All as the rows were.
  const vectorOf = (row: number) => {
    const chain = forest.chain(row);
    return indices(D).map((d) => sumOf(chain.length, (i) => before.vectors[chain[i] * D + d]));
  };
  const vectors = networks.map(vectorOf);
  for (const [network, vector] of vectors.entries())
    for (const d of indices(D)) assertClose(encoded[network * D + d], vector[d], 'encoded', network, d);
  assertOwnNetworks(terms, D, encoded, (from, to) => {
    const after = copyOf(rows);
    restore(rows, before);
    kernels[0].trainChains(rows, D, forest.parents, terms, K, entities, out, step, from, to);
    restore(rows, after);
  });
  const pairs = indices(terms.count).map((i) => {
    const vector = vectors[terms.network[i]];
    const entity = (d: number) => entities[terms.vector[i] * D + d];
    const dot = sumOf(D, (d) => entity(d) * vector[d].value);
    const missed = sumOf(D, (d) => Math.abs(entity(d)) * vector[d].error);
    const pair = pairOf(
      { value: dot.value, error: dot.error + missed.value + missed.error },
      terms.coefficient[i] % K === 0,
    );
    assertClose(error[terms.coefficient[i]], pair.error, 'error', terms.coefficient[i]);
    return pair;
  });
  for (const chunk of indices(terms.chunks)) {
    const own = pairs.slice(terms.chunkStarts[chunk], terms.chunkStarts[chunk + 1]);
    assertTotals(own, lossNats[chunk], correct[chunk], 'chunk', chunk);
  }
  const entity = (term: number, d: number) => entities[terms.vector[term] * D + d];
  assertUpdated(
    trial,
    { ...update, terms },
    (term, d) => pairs[term].error.value * entity(term, d),
    (term, d) => pairs[term].error.error * Math.abs(entity(term, d)),
  );
}
