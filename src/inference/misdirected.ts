import type { HeldRows } from '../model/shards/heldRows.ts';
import { RequestError } from './requestError.ts';

/** Records of a request whose accounts are in one shard. */
export interface ShardRecords {
  /** from 1 */
  shard: number;
  /** from 0, in the order of the request */
  records: number[];
}

/** A request with records of accounts that are not here: HTTP 421, with where all of its records belong. */
export class MisdirectedError extends RequestError {
  override name = 'MisdirectedError';
  /** of all records, by shard */
  readonly shards: readonly ShardRecords[];

  constructor(message: string, shards: readonly ShardRecords[]) {
    super(421, message);
    this.shards = shards;
  }
}

/**
 * @param held   of the model; undefined: all accounts are here
 * @param hashes low and high word of each record's entity; may be longer
 * @throws MisdirectedError where an account is elsewhere
 */
export function requireHeld(held: HeldRows | undefined, count: number, hashes: Uint32Array): void {
  if (!held) return;
  const shardOf = (i: number) => held.shardOf(hashes[i * 2], hashes[i * 2 + 1]);
  let here = 0;
  while (here < count && held.holds(shardOf(here))) here++;
  if (here === count) return;
  const records = new Map<number, number[]>();
  for (let i = 0; i < count; i++) {
    const shard = shardOf(i);
    const others = records.get(shard);
    if (others) others.push(i);
    else records.set(shard, [i]);
  }
  const shards = [...records].sort(([a], [b]) => a - b).map(([shard, list]) => ({ shard, records: list }));
  const named = (numbers: readonly number[]) =>
    `shard${numbers.length === 1 ? '' : 's'} ${numbers.join(', ')} of ${held.count}`;
  const next =
    shards.length === 1
      ? 'Ask the server that has it.'
      : 'Ask for the records of each shard apart, the server that has it.';
  throw new MisdirectedError(
    `expected accounts of ${named(held.shards)}, which this server has, got ${named(shards.map(({ shard }) => shard))}. ${next}`,
    shards,
  );
}
