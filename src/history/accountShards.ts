import { totals } from '../mpi/ofAllRanks.ts';
import { alone, type Ranks } from '../mpi/ranks.ts';
import { gathered } from './rankColumns.ts';

/** Rows of accounts by the shard of each one's account. */
export interface ShardRows {
  /** within a shard in the order in which they came */
  rows: Uint32Array;
  /** where each shard of this rank begins in `rows`, and where the last one ends */
  starts: Uint32Array; // (V + 1)
}

/**
 * The accounts of this rank, each with all its events, and those of the other ranks. Accounts are cut into virtual shards, the
 * same for any number of ranks, of which each rank has some that follow each other. A sum of floating numbers over all accounts
 * is made of the shards' sums, in the order of the shards: so it is the same, bit for bit, whoever has which. E accounts, V shards
 * of this rank.
 */
export class AccountShards {
  readonly ranks: Ranks;
  /** of the shards of this rank */
  readonly count: number; // V
  /** which of the shards of this rank each account is in */
  readonly ofAccount: ArrayLike<number>; // (E)
  /** low and high word of each account's hash; ascending, as accounts are numbered by it */
  readonly hashes: Uint32Array; // (E, 2)

  constructor(ranks: Ranks, count: number, ofAccount: ArrayLike<number>, hashes: Uint32Array) {
    this.ranks = ranks;
    this.count = count;
    this.ofAccount = ofAccount;
    this.hashes = hashes;
  }

  /**
   * Sorts rows by shard.
   * @param accountOf the account of each row; undefined: rows are accounts
   */
  inShards(rows: ArrayLike<number>, accountOf?: ArrayLike<number>): ShardRows {
    const { ofAccount } = this;
    const shardOf = (row: number) => ofAccount[accountOf ? accountOf[row] : row] ?? 0;
    const next = new Uint32Array(this.count + 1);
    for (let r = 0; r < rows.length; r++) next[shardOf(rows[r]) + 1]++;
    for (let shard = 0; shard < this.count; shard++) next[shard + 1] += next[shard];
    const starts = next.slice();
    const sorted = new Uint32Array(rows.length);
    for (let r = 0; r < rows.length; r++) sorted[next[shardOf(rows[r])]++] = rows[r];
    return { rows: sorted, starts };
  }

  /**
   * Sums over the accounts of all ranks.
   * @param addShard adds a shard's terms, in an order that depends on nothing but them
   * @returns f64[width]
   */
  sum(width: number, addShard: (shard: number, into: Float64Array) => void): Float64Array {
    const { ranks, count } = this;
    const own = new Float64Array(count * width);
    for (let shard = 0; shard < count; shard++)
      addShard(shard, own.subarray(shard * width, (shard + 1) * width));
    const all = gathered(ranks, Float64Array, own);
    const total = new Float64Array(width);
    for (let at = 0; at < all.length; at += width) for (let x = 0; x < width; x++) total[x] += all[at + x];
    return total;
  }

  /** The sum over the ranks of each whole number. */
  counted(...counts: number[]): number[] {
    return totals(this.ranks, ...counts);
  }

  /** The largest that a rank has. */
  largest(value: number): number {
    return Math.max(...gathered(this.ranks, Float64Array, Float64Array.of(value)));
  }
}

/** The accounts of one process in one shard: sums are those of their rows in order. */
export const ONE_SHARD = new AccountShards(alone('localhost'), 1, [], new Uint32Array(0));
