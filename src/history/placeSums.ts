import { RadixSort } from '../events/radixSort.ts';
import type { Ranks } from '../mpi/ranks.ts';
import type { AccountShards } from './accountShards.ts';
import { exchanged, gathered } from './rankColumns.ts';

/** Keys of one or two words: places of a family, or groups of a table. P keys. */
export interface Keys {
  high: Uint32Array; // (P)
  /** empty where keys have one word */
  low: Uint32Array; // (P or 0)
}

/** What accounts add to keys, an account once to each. P records. */
export interface KeyRecords extends Keys {
  /** by number; records of one key are in the order of their accounts */
  account: Uint32Array; // (P)
  /** what is added to the key's share and to its weight, side by side */
  terms: Float64Array; // (P, 2)
}

/** The sums of all that accounts add to a key. Q distinct keys, ascending. In memory that threads share. */
export interface KeySums extends Keys {
  /** of share and weight, side by side, after a place for those before the first key, which are 0 */
  sums: Float64Array; // (Q + 1, 2)
  /** how many accounts added something */
  users: Uint32Array; // (Q)
}

export function sharedArray<T extends Uint32Array | Float64Array>(
  kind: { new (buffer: SharedArrayBuffer): T; BYTES_PER_ELEMENT: number },
  length: number,
): T {
  return new kind(new SharedArrayBuffer(length * kind.BYTES_PER_ELEMENT));
}

/** @param hasLow whether keys have two words */
export const newKeySums = (Q: number, hasLow: boolean): KeySums => ({
  high: sharedArray(Uint32Array, Q),
  low: sharedArray(Uint32Array, hasLow ? Q : 0),
  sums: sharedArray(Float64Array, (Q + 1) * 2),
  users: sharedArray(Uint32Array, Q),
});

/** P keys in order. */
export interface OrderedKeys {
  /** their positions; equal keys as they came */
  order: Uint32Array; // (≥ P)
  highs: Uint32Array; // (≥ P)
  /** empty where keys have one word */
  lows: Uint32Array; // (P or 0)
}

/** @param hasLow whether keys have two words */
export function keysInOrder({ high, low }: Keys, hasLow: boolean): OrderedKeys {
  const P = high.length;
  const sort = new RadixSort(P);
  if (!hasLow) return { order: sort.sort(high, P), highs: sort.sortedKeys, lows: new Uint32Array(0) };
  // By the low word, then, keeping that order where it is equal, by the high one.
  const byLow = sort.sort(low, P).slice();
  const order = sort.sort(valuesAt(high, byLow), P);
  for (let i = 0; i < P; i++) order[i] = byLow[order[i]];
  return { order, highs: sort.sortedKeys, lows: valuesAt(low, order) };
}

function valuesAt(values: Uint32Array, positions: Uint32Array): Uint32Array {
  const out = new Uint32Array(positions.length);
  for (let i = 0; i < out.length; i++) out[i] = values[positions[i]];
  return out;
}

/** How many distinct ones there are of P keys. */
export function countDistinct(keys: OrderedKeys, P: number): number {
  let count = 0;
  for (let i = 0; i < P; i++) if (isNewKey(keys, i)) count++;
  return count;
}

/** Whether another key stands before it. */
export const isNewKey = ({ highs, lows }: OrderedKeys, i: number): boolean =>
  i === 0 || highs[i] !== highs[i - 1] || (lows.length > 0 && lows[i] !== lows[i - 1]);

/** Parts of the range of keys that ranks share out between them. */
const PARTS = 65_536;

/** The part of a high word: its 16 bits from bit `shift` on, counted from `first`; those below and above are with the first and the last. */
export const partsFrom =
  (first: number, shift: number) =>
  (high: number): number =>
    high < first ? 0 : Math.min(PARTS - 1, (high - first) >>> shift);

/**
 * Sums over the accounts of all ranks. Each rank has keys that follow each other, and adds up what all accounts add to them in
 * the order of their hashes, as one process does that has all accounts. Then all ranks get all sums.
 * @param hasLow whether keys have two words
 * @param partOf of `partsFrom`: ranks get about equally many records, as far as parts allow
 */
export function sumsOverRanks(
  records: KeyRecords,
  hasLow: boolean,
  partOf: (high: number) => number,
  { ranks, hashes }: AccountShards,
): KeySums {
  const { account, terms } = records;
  const { order, highs, lows } = keysInOrder(records, hasLow);
  const P = account.length;
  const cuts = cutByRank(highs.subarray(0, P), partOf, ranks);
  const sortedTerms = new Float64Array(P * 2);
  const sortedHashes = new Uint32Array(P * 2);
  for (let i = 0; i < P; i++) {
    const at = order[i];
    sortedTerms.set(terms.subarray(at * 2, at * 2 + 2), i * 2);
    sortedHashes.set(hashes.subarray(account[at] * 2, account[at] * 2 + 2), i * 2);
  }
  const partsOf = <T extends Uint32Array | Float64Array>(column: T, width: number) =>
    cuts.map((from, r) => column.subarray(from * width, (cuts[r + 1] ?? P) * width) as T);
  const own = summed(
    {
      high: exchanged(ranks, Uint32Array, partsOf(highs, 1)),
      low: exchanged(ranks, Uint32Array, partsOf(lows, hasLow ? 1 : 0)),
      hashes: exchanged(ranks, Uint32Array, partsOf(sortedHashes, 2)),
      terms: exchanged(ranks, Float64Array, partsOf(sortedTerms, 2)),
    },
    hasLow,
  );
  const high = gathered(ranks, Uint32Array, own.high, true);
  const sums = sharedArray(Float64Array, (high.length + 1) * 2);
  sums.set(gathered(ranks, Float64Array, own.sums.subarray(2)), 2);
  return {
    high,
    low: gathered(ranks, Uint32Array, own.low, true),
    sums,
    users: gathered(ranks, Uint32Array, own.users, true),
  };
}

/**
 * Where the records of each rank's keys begin.
 * @param highs of this rank's records, ascending
 */
function cutByRank(highs: Uint32Array, partOf: (high: number) => number, ranks: Ranks): number[] {
  const own = new Float64Array(PARTS);
  for (const high of highs) own[partOf(high)]++;
  const all = own.slice();
  ranks.sumOfIntegers(all);
  const total = all.reduce((sum, count) => sum + count, 0);
  let [part, before, at] = [0, 0, 0];
  return Array.from({ length: ranks.size }, (_, rank) => {
    for (; before < (total * rank) / ranks.size; part++) {
      before += all[part];
      at += own[part];
    }
    return at;
  });
}

/** Records of several ranks, each one's in order; accounts by low and high word of their hash. */
interface HashedRecords extends Keys {
  hashes: Uint32Array; // (P, 2)
  terms: Float64Array; // (P, 2)
}

/** Adds up, for each key in the order of hashes. */
function summed(records: HashedRecords, hasLow: boolean): KeySums {
  const { hashes, terms } = records;
  const P = records.high.length;
  const keys = keysInOrder(records, hasLow);
  const into = newKeySums(countDistinct(keys, P), hasLow);
  const byHash = (a: number, b: number) =>
    hashes[a * 2 + 1] - hashes[b * 2 + 1] || hashes[a * 2] - hashes[b * 2];
  for (let i = 0, q = 0; i < P; q++) {
    const first = i++;
    while (i < P && !isNewKey(keys, i)) i++;
    const mine = keys.order.subarray(first, i);
    if (mine.length > 1) mine.sort(byHash);
    into.high[q] = keys.highs[first];
    if (hasLow) into.low[q] = keys.lows[first];
    into.users[q] = mine.length;
    let [share, weight] = [0, 0];
    for (const at of mine) {
      share += terms[at * 2];
      weight += terms[at * 2 + 1];
    }
    into.sums[q * 2 + 2] = share;
    into.sums[q * 2 + 3] = weight;
  }
  return into;
}
