import { createHash } from 'node:crypto';
import type { Events } from '../events/events.ts';
import type { Ranks } from '../mpi/ranks.ts';
import type { TrainingPairs } from '../neural/miniBatch.ts';
import type { PrefixRows } from '../neural/prefixRows.ts';
import { philox } from '../random/philox.ts';
import type { Column } from './sectionFile.ts';
import { inMemory, pieces } from './source.ts';

/*
 * What tells data of different trainings apart, whoever has which part of it: a sum over all records of words that are mixed
 * from the record and its number. It finds accidents, not somebody who wants two sets of data to look alike.
 */

/** Pairs of entity and place, as one process has them. */
export interface NumberedPairs {
  pairs: Pick<TrainingPairs, 'count' | 'entityRow' | 'deepest'>;
  /** row of the whole entity table that `entityRow` counts from */
  firstRow: number;
  /** number of each among the pairs of all ranks; undefined: these are all */
  numbers: Uint32Array | undefined;
}

/** Of the pairs of all ranks, and of the rows of the address table, which each of them has. Called by all. @returns hex */
export function checksumOfPairs(
  ranks: Ranks,
  { pairs, firstRow, numbers }: NumberedPairs,
  { count, high, low, level }: PrefixRows,
): string {
  const sums = new Uint32Array(4);
  for (let i = 0; i < pairs.count; i++) {
    const number = numbers ? numbers[i] : i;
    philox(number, pairs.entityRow[i] + firstRow, pairs.deepest[i], 0, 0, 0, block);
    addTo(sums);
  }
  const rows = [high, low, level].map((column) => column.subarray(0, count));
  return digest([overRanks(ranks, sums), ...rows]);
}

/**
 * Of the events of all ranks: their entities and addresses, in their order. Called by all.
 * @param index number of each event among those of all ranks; undefined: these are all
 * @returns hex
 */
export function checksumOfEvents(
  ranks: Ranks,
  { count, entities, entity, addresses }: Events,
  index: Float64Array | undefined,
): string {
  const sums = new Uint32Array(4);
  for (let i = 0; i < count; i++) {
    const number = index ? index[i] : i;
    const [low, high] = entities.hashOf(entity[i]);
    philox(number >>> 0, Math.floor(number / 2 ** 32), low, high, 0, 0, block);
    const at = i * 4;
    philox(
      block[0] ^ addresses[at],
      block[1] ^ addresses[at + 1],
      block[2] ^ addresses[at + 2],
      block[3] ^ addresses[at + 3],
      0,
      0,
      block,
    );
    addTo(sums);
  }
  return digest([overRanks(ranks, sums)]);
}

const block = new Uint32Array(4);

/** Modulo 2³², as words are: a sum that does not depend on the order. */
function addTo(sums: Uint32Array): void {
  sums[0] += block[0];
  sums[1] += block[1];
  sums[2] += block[2];
  sums[3] += block[3];
}

function overRanks(ranks: Ranks, sums: Uint32Array): Uint32Array {
  const all = Float64Array.from(sums);
  ranks.sumOfIntegers(all);
  return Uint32Array.from(all, (sum) => sum % 2 ** 32);
}

function digest(columns: Column[]): string {
  const hash = createHash('sha256');
  for (const column of columns) for (const piece of pieces(inMemory(column))) hash.update(piece);
  return hash.digest('hex');
}
