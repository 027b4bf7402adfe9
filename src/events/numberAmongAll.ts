import { toldByAll } from '../mpi/ofAllRanks.ts';
import type { Ranks } from '../mpi/ranks.ts';

/**
 * Numbers some events of all ranks by their order in the input.
 * @param index number of each chosen event in the whole input, ascending; no two ranks have the same one
 * @param total events of the whole input
 * @returns the number of each among the chosen ones of all ranks, and how many those are
 */
export function numberAmongAll(
  ranks: Ranks,
  index: Float64Array,
  total: number,
): { numbers: Float64Array; count: number } {
  const { rank, size } = ranks;
  // Each rank counts in a stretch of the input.
  const borders = Array.from({ length: size + 1 }, (_, r) => Math.floor((total * r) / size));
  const parts: Float64Array[] = [];
  for (let r = 0, from = 0; r < size; r++) {
    let to = from;
    while (to < index.length && index[to] < borders[r + 1]) to++;
    parts.push(index.slice(from, to));
    from = to;
  }
  const asked = ranks.exchange(parts.map((part) => new Uint8Array(part.buffer))).map(doublesOf);
  const chosen = new Uint8Array(borders[rank + 1] - borders[rank]);
  for (const list of asked) for (const i of list) chosen[i - borders[rank]] = 1;
  const before = new Float64Array(chosen.length + 1);
  for (let i = 0; i < chosen.length; i++) before[i + 1] = before[i] + chosen[i];
  const counts = toldByAll(ranks, before[chosen.length]);
  const first = counts.slice(0, rank).reduce((sum, n) => sum + n, 0);
  const answers = asked.map((list) => list.map((i) => first + before[i - borders[rank]]));
  const numbers = ranks.exchange(answers.map((part) => new Uint8Array(part.buffer))).map(doublesOf);
  const own = new Float64Array(index.length);
  let at = 0;
  for (const part of numbers) {
    own.set(part, at);
    at += part.length;
  }
  return { numbers: own, count: counts.reduce((sum, n) => sum + n, 0) };
}

/** What came as bytes may begin anywhere. */
const doublesOf = (bytes: Uint8Array): Float64Array => new Float64Array(bytes.slice().buffer);
