import type { AccountShards, ShardRows } from './accountShards.ts';

/**
 * Weights of a mixture by expectation-maximisation (Dempster, Laird and Rubin 1977): the λ that make the events most
 * likely, given for each event how likely each expert makes it. N events, X experts.
 */
export interface Likelihoods {
  count: number; // N
  experts: number; // X
  /** how likely each expert makes each event; a row must not be all zero */
  ratios: Float64Array; // (N, X)
}

/** Where no weight moves by more than this, the likelihood stands still to five digits. A bound keeps the time known. */
const LEAST_MOVE = 1e-4;
const MOST_ITERATIONS = 60;

/**
 * @param rows    which events
 * @param weight  how much each event of `ratios` counts
 * @param start   f64[X] to begin with
 * @param prior   f64[X] pseudo-events of each expert; without, there must be events
 * @returns f64[X], sums to 1
 */
export function fitWeights(
  likelihoods: Likelihoods,
  rows: ArrayLike<number>,
  weight: Float64Array,
  start: Float64Array,
  prior?: Float64Array,
): Float64Array {
  return iterate(start, (lambda, next) => {
    if (prior) next.set(prior);
    addRows(likelihoods, rows, 0, rows.length, weight, lambda, next);
  });
}

/**
 * The same for events of the accounts of all ranks.
 * @param rows of this rank, by shard
 */
export function fitWeightsOfAll(
  likelihoods: Likelihoods,
  { rows, starts }: ShardRows,
  weight: Float64Array,
  start: Float64Array,
  prior: Float64Array,
  shards: AccountShards,
): Float64Array {
  return iterate(start, (lambda, next) => {
    const sums = shards.sum(start.length, (shard, into) =>
      addRows(likelihoods, rows, starts[shard], starts[shard + 1], weight, lambda, into),
    );
    for (let x = 0; x < next.length; x++) next[x] = prior[x] + sums[x];
  });
}

/** @param expect adds to `next`, which is 0, how many events each expert is expected to have made */
function iterate(
  start: Float64Array,
  expect: (lambda: Float64Array, next: Float64Array) => void,
): Float64Array {
  const X = start.length;
  const lambda = start.slice();
  const next = new Float64Array(X);
  for (let iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
    next.fill(0);
    expect(lambda, next);
    let total = 0;
    for (let x = 0; x < X; x++) total += next[x];
    let move = 0;
    for (let x = 0; x < X; x++) {
      move = Math.max(move, Math.abs(next[x] / total - lambda[x]));
      lambda[x] = next[x] / total;
    }
    if (move < LEAST_MOVE) break;
  }
  return lambda;
}

/** Adds the part that each expert is expected to have in the events rows[from, to). */
function addRows(
  { experts: X, ratios }: Likelihoods,
  rows: ArrayLike<number>,
  from: number,
  to: number,
  weight: Float64Array,
  lambda: Float64Array,
  next: Float64Array,
): void {
  for (let r = from; r < to; r++) {
    const at = rows[r] * X;
    let sum = 0;
    for (let x = 0; x < X; x++) sum += lambda[x] * ratios[at + x];
    const scale = weight[rows[r]] / sum;
    for (let x = 0; x < X; x++) next[x] += lambda[x] * ratios[at + x] * scale;
  }
}

/** The rows of each account, in their order. @param entity of each row */
export function rowsByAccount(rows: Iterable<number>, entity: ArrayLike<number>): Map<number, number[]> {
  const rowsOf = new Map<number, number[]>();
  for (const row of rows) {
    const mine = rowsOf.get(entity[row]);
    if (mine) mine.push(row);
    else rowsOf.set(entity[row], [row]);
  }
  return rowsOf;
}

/** X equal weights. */
export const uniformWeights = (experts: number): Float64Array => new Float64Array(experts).fill(1 / experts);
