import type { Ranks } from './ranks.ts';

/** What each rank tells, by rank; anything that JSON can hold. Called by all. */
export function toldByAll<T>(ranks: Ranks, own: T): T[] {
  const told = ranks.gatherAll(new TextEncoder().encode(JSON.stringify(own)));
  return told.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)));
}

/** Whole numbers, each added up over the ranks. Called by all. */
export function totals(ranks: Ranks, ...counts: number[]): number[] {
  const sums = Float64Array.from(counts);
  ranks.sumOfIntegers(sums);
  return [...sums];
}
