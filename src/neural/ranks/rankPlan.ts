import { NO_ROW } from '../../kernels/kernels.ts';
import type { PrefixTable } from '../prefixes.ts';
import type { ShardBorders } from '../shards.ts';

/**
 * Entities are cut into so many virtual shards, of which each rank has some that follow each other. Sums over all entities are made
 * shard by shard, so that their order does not depend on the number of ranks. A rank of 64 has at most 1.06 times its part.
 */
export const ENTITY_SHARDS = 1024;

/** The first row of the entity table in a shard. @param shard 0 to ENTITY_SHARDS */
export const firstRowOfShard = (shard: number, entityRows: number): number =>
  Math.ceil((shard * entityRows) / ENTITY_SHARDS);

/** [first, end) */
export interface Range {
  first: number;
  end: number;
}

/** Which of `count` things that follow each other a rank has. */
export const partOf = (count: number, rank: number, size: number): Range => ({
  first: Math.floor((count * rank) / size),
  end: Math.floor((count * (rank + 1)) / size),
});

/** Rows of the entity table that a rank has. */
export function entityRowsOf(entityRows: number, rank: number, size: number): Range {
  const { first, end } = partOf(ENTITY_SHARDS, rank, size);
  return { first: firstRowOfShard(first, entityRows), end: firstRowOfShard(end, entityRows) };
}

/** Whose an entity is, by its row of the table. */
export function ownerOf(row: number, entityRows: number, size: number): number {
  const shard = Math.floor((row * ENTITY_SHARDS) / entityRows);
  let rank = Math.floor((shard * size) / ENTITY_SHARDS);
  while (partOf(ENTITY_SHARDS, rank, size).end <= shard) rank++;
  return rank;
}

/** The address rows that a rank has. A row that terms of several ranks lie below is with each of them, and takes the same steps there. */
export interface AddressShare {
  /** shards of the address table */
  shards: Range;
  /** rows above all others here, ascending; then come the rows [first, end) of the whole table */
  above: Uint32Array;
  rows: Range;
  /** those that other ranks have too, ascending: numbers in the whole table */
  shared: Uint32Array;
}

export const rowCount = ({ above, rows }: AddressShare): number => above.length + rows.end - rows.first;

/** The number here of a row of the whole table that this rank has. */
export const localRow = ({ above, rows }: AddressShare, row: number): number =>
  row >= rows.first ? row - rows.first + above.length : above.indexOf(row);

/** The numbers in the whole table of all rows here. */
export function wholeRows({ above, rows }: AddressShare): Uint32Array {
  const all = new Uint32Array(above.length + rows.end - rows.first);
  all.set(above);
  for (let i = above.length; i < all.length; i++) all[i] = rows.first + i - above.length;
  return all;
}

/** The first rank that has a row of the whole table among those that follow each other. */
export function rankOfRow({ shares }: RankPlan, row: number): number {
  let rank = 0;
  while (row >= shares[rank].rows.end || row < shares[rank].rows.first) rank++;
  return rank;
}

/** The address rows of which each rank is the first that has them: they follow each other, and are all. */
export function ownAddressRows({ shares }: RankPlan): Range[] {
  let before = 0;
  return shares.map(({ rows }) => {
    const own = { first: before, end: Math.max(before, rows.end) };
    before = own.end;
    return own;
  });
}

/** Virtual shards [first, first + 2^n) that one rank has and that form a subtree: what it adds up for an entity it sends as one sum. */
export interface Subtrees {
  /** of each shard: its subtree, ascending */
  ofShard: Uint32Array; // (V)
  /** the rank of each subtree, ascending */
  rank: Uint32Array; // (M)
  /** its first shard */
  firstShard: Uint32Array; // (M)
  /** those of each rank */
  of: Range[]; // (N)
}

/** Who has what of the address table; the same on every rank. */
export interface RankPlan {
  size: number;
  shares: AddressShare[]; // (N)
  subtrees: Subtrees;
}

export function planRanks(prefixes: PrefixTable, borders: ShardBorders, size: number): RankPlan {
  const V = borders.rows.length + 1;
  const shards = Array.from({ length: size }, (_, rank) => partOf(V, rank, size));
  return {
    size,
    shares: shards.map((range) => shareOf(prefixes, borders, range)),
    subtrees: subtreesOf(shards, V),
  };
}

function shareOf(prefixes: PrefixTable, { rows, places, edges }: ShardBorders, shards: Range): AddressShare {
  const { first, end } = shards;
  const nothing = new Uint32Array(0);
  if (first === end) return { shards, above: nothing, rows: { first: 0, end: 0 }, shared: nothing };
  const count = prefixes.rows.count;
  const isLast = end === rows.length + 1;
  const from = first === 0 ? 0 : Math.min(count, rows[first - 1]);
  const to = isLast ? count : Math.min(count, rows[end - 1] + (places[end - 1] > 0 ? 1 : 0));
  const before = first === 0 ? [] : chainOf(prefixes, edges[first - 1]);
  const after = isLast ? [] : chainOf(prefixes, edges[end - 1]);
  return {
    shards,
    // A row that the border cuts is the first of those that follow each other.
    above: Uint32Array.from(before.filter((row) => row < from)),
    rows: { first: from, end: Math.max(from, to) },
    shared: Uint32Array.from(new Set([...before, ...after])).sort(),
  };
}

/** A row and those above it, from the widest down. */
function chainOf(prefixes: PrefixTable, row: number): number[] {
  const chain: number[] = [];
  for (let at = row; at !== NO_ROW; at = prefixes.parent[at]) chain.push(at);
  return chain.reverse();
}

/** The fewest subtrees that each rank's shards are made of. */
function subtreesOf(shards: Range[], count: number): Subtrees {
  const ofShard = new Uint32Array(count);
  const rank: number[] = [];
  const firstShard: number[] = [];
  const of: Range[] = [];
  for (const [r, { first, end }] of shards.entries()) {
    const before = rank.length;
    for (let at = first; at < end; ) {
      let length = 1;
      while (at % (2 * length) === 0 && at + 2 * length <= end) length *= 2;
      ofShard.fill(rank.length, at, at + length);
      rank.push(r);
      firstShard.push(at);
      at += length;
    }
    of.push({ first: before, end: rank.length });
  }
  return { of, ofShard, rank: Uint32Array.from(rank), firstShard: Uint32Array.from(firstShard) };
}
