import { hashModulo } from '../events/entityHash.ts';
import { AccountShards } from '../history/accountShards.ts';
import { alone, type Ranks } from '../mpi/ranks.ts';
import { ENTITY_SHARDS, partOf } from '../neural/ranks/rankPlan.ts';
import type { SeenEntities } from './seenEntities.ts';

/**
 * The accounts of this rank by virtual shard of the entity table, as `ownerOf` cuts it.
 * @param seen       entities of this rank, none of them added since
 * @param entityRows rows of the entity table
 */
export function entityShards(
  seen: SeenEntities,
  entityRows: number,
  ranks: Ranks = alone('localhost'),
): AccountShards {
  const { first, end } = partOf(ENTITY_SHARDS, ranks.rank, ranks.size);
  const shards = new Uint16Array(seen.count);
  for (let entity = 0; entity < seen.count; entity++) {
    const row = hashModulo(...seen.hashOf(entity), entityRows);
    shards[entity] = Math.floor((row * ENTITY_SHARDS) / entityRows) - first;
  }
  return new AccountShards(ranks, end - first, shards, seen.hashes);
}
