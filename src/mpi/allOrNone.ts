import type { Ranks } from './ranks.ts';

/**
 * Something that each rank does by itself, and that all must have done before they go on. Called by all. Where it fails, the lowest
 * rank that has failed throws its error, and the others wait to be ended: ranks that fail alike within a moment would else each
 * tell it.
 */
export function allOrNone<T>(ranks: Ranks, work: () => T): T {
  let result: T | undefined;
  let failure: unknown;
  let hasFailed = false;
  try {
    result = work();
  } catch (error) {
    hasFailed = true;
    failure = error;
  }
  const failed = ranks.gatherAll(Uint8Array.of(Number(hasFailed))).findIndex(([one]) => one === 1);
  if (failed < 0) return result as T;
  if (failed !== ranks.rank) ranks.barrier();
  throw failure;
}
