import { counted, UsageError } from '../../errors.ts';
import { agree } from '../../mpi/agreement.ts';
import { allOrNone } from '../../mpi/allOrNone.ts';
import type { Ranks } from '../../mpi/ranks.ts';
import { partOf } from '../../neural/ranks/rankPlan.ts';
import type { Model } from '../model.ts';
import { readSharedModel } from '../sharedBytes.ts';
import { openSharedModel } from '../sharedModel.ts';
import { requireOneFile, ShardedFiles } from './shardedFiles.ts';

/** What one rank has of a model in shards. */
export interface RankPart {
  ranks: Ranks;
  /** knows the accounts of its own shards only */
  model: Model;
  /** The rank that has an entity, by low and high word of its hash. */
  rankOf(hashLow: number, hashHigh: number): number;
}

/**
 * Loads the shards of this rank: some that follow each other. Called by all ranks.
 * @throws UsageError where the model is no manifest, or has fewer shards than there are ranks
 */
export function loadRankPart(ranks: Ranks, path: string): RankPart {
  const { rank, size } = ranks;
  const files = allOrNone(ranks, () => openShards(path, size));
  agree(ranks, { [path]: files.digest });
  const { first, end } = partOf(files.count, rank, size);
  const own = Array.from({ length: end - first }, (_, i) => first + i + 1);
  const model = allOrNone(ranks, () => openSharedModel(readSharedModel(path, 1, path, own), 0));
  const rankOfShard = Array.from({ length: size }, (_, r) => partOf(files.count, r, size)).flatMap(
    (part, r) => Array.from({ length: part.end - part.first }, () => r),
  );
  const held = model.held!;
  return {
    ranks,
    model,
    rankOf: (hashLow, hashHigh) => rankOfShard[held.shardOf(hashLow, hashHigh) - 1],
  };
}

function openShards(path: string, ranks: number): ShardedFiles {
  const files = ShardedFiles.open(path);
  if (!files) {
    requireOneFile(path);
    throw new UsageError(
      `${path}: expected a model in shards with several ranks, got one in one file. Cut it with ip-insights split, or start without mpirun: --shard shares an input out.`,
    );
  }
  if (files.count >= ranks) return files;
  throw new UsageError(
    `${path}: expected at least a shard for each of the ${ranks} ranks, got ${counted(files.count, 'shard')}. Start fewer ranks, or split the model into more.`,
  );
}
