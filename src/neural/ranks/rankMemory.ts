import { sizeBytesOf } from '../../kernels/memory.ts';
import type { Hyperparameters } from '../hyperparameters.ts';
import { MemoryNeeds, rowBytes } from '../memoryNeeds.ts';
import { type BatchShape, pairCapacity } from '../miniBatch.ts';
import { entityRowsOf, type RankPlan, rowCount } from './rankPlan.ts';
import { allocateEpoch, layOutRank } from './rankState.ts';

/** Of a pair: its entity row and its number, beside `TrainingPairs`. */
const BYTES_OF_PAIR = 9 + 4 + 4;
/** A `RankBatchMaker`'s lists of the pairs of a batch: four to sort them, their keys, order, rows in both tables and shards. */
const BYTES_OF_DRAWN_PAIR = 9 * 4;
/** Likewise of its positives: the entity of each, its number, its last shard, and how many are before it. */
const BYTES_OF_POSITIVE = 4 * 4;

/** What one rank's part of a training takes. @param pairs its own. @param group how many batches are made together */
export function needsOfRank(
  h: Hyperparameters,
  shape: BatchShape,
  pairs: number,
  batches: number,
  plan: RankPlan,
  rank: number,
  threads: number,
  group: number,
): MemoryNeeds {
  const prefixRows = rowCount(plan.shares[rank]);
  const { first, end } = entityRowsOf(h.numEntityVectors, rank, plan.size);
  const laidOutBytes = sizeBytesOf((memory) => layOutRank(h, shape, prefixRows, plan, rank, group, memory));
  const epochBytes = sizeBytesOf((memory) => allocateEpoch(shape, pairs, batches, plan, rank, group, memory));
  return new MemoryNeeds({
    ...{ h, threads, prefixRows },
    entityRows: end - first,
    batchBytes: laidOutBytes - rowBytes(prefixRows, h) + epochBytes + pairs * BYTES_OF_PAIR,
    makerBytes:
      pairCapacity(shape) * BYTES_OF_DRAWN_PAIR +
      shape.size * (BYTES_OF_POSITIVE + plan.subtrees.rank.length),
  });
}
