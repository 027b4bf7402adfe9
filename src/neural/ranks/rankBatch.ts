import type { Lists, TreeSums } from '../../kernels/kernels.ts';
import type { Memory } from '../../kernels/memory.ts';
import {
  allocateMiniBatch,
  type BatchShape,
  chunkCapacity,
  type MiniBatch,
  networkCapacity,
  pairCapacity,
} from '../miniBatch.ts';
import type { RankPlan } from './rankPlan.ts';

/**
 * One rank's part of a mini-batch. As owner of entities it sends copies of their vectors to whoever has addresses that they meet; as
 * owner of addresses it does the arithmetic of the pairs there, and sends sums back: to the owner of an entity its gradient's parts, by
 * entity and subtree of shards; to all others what chunks put aside of rows that several ranks have, by row and chunk, and the losses
 * of its chunks.
 */
export interface RankBatch {
  /** the pairs at this rank's addresses; its entities are those that arrive */
  mine: MiniBatch;
  /** this rank's own entities of the batch, rows of its own table, ascending: a place here is a slot */
  ownRows: Uint32Array; // (B)
  /** rows whose vectors go out, rank by rank; slots ascending */
  sentRows: Uint32Array; // (≤ P)
  /** how many to each rank, and how many come from each */
  sentTo: Uint32Array; // (N)
  arriveFrom: Uint32Array; // (N)
  /** the sums that go back, rank by rank */
  returned: TreeSums; // (≤ P)
  /** how many to each rank, and how many come from each */
  returnedTo: Uint32Array; // (N)
  returnedFrom: Uint32Array; // (N)
  /** the gradient of each own entity: its parts among those that come back */
  ownSums: TreeSums; // (U)
  /** where the sums stand, in `Partials`, that all others get: places in units of D */
  asideAt: Uint32Array;
  /** how many losses each rank tells, and how many such sums */
  lossesOf: Uint32Array; // (N)
  asideOf: Uint32Array; // (N)
  /** this rank's rows that others have too and that somebody has sums of, and those sums */
  sharedRows: Uint32Array; // (≤ SHARED_ROWS)
  sharedSums: Lists;
  /** with layers: whether each subtree of shards has any network */
  hasNetworks: Uint32Array; // (M)
  /** by the names in RANK_SIZES */
  sizes: Uint32Array;
}

/** Places in `RankBatch.sizes`. `withoutRow`: pairs of the whole batch whose address has no row. */
export const RANK_SIZES = { own: 0, sent: 1, returned: 2, aside: 3, shared: 4, withoutRow: 5 } as const;

/** Rows that one rank shares with others, at most: the chains at its two borders. */
const SHARED_ROWS = 32;

/** Words in a record of a positive: its place in the batch, its entity's slot, the deepest rows of its address and of R random ones. */
export const recordWords = ({ random }: BatchShape): number => 3 + random;

/**
 * What a rank tells the others of its part of a batch: how many losses it has (one for each chunk, with layers for each network), in how many
 * chunks each row that it shares has terms, and whether each of its subtrees has networks.
 */
export const noteWords = ({ shares, subtrees }: RankPlan, rank: number): number =>
  1 + shares[rank].shared.length + subtrees.of[rank].end - subtrees.of[rank].first;

/** Vectors that go out, at most: one for each pair, and one to each rank for each positive. */
export const sentCapacity = (shape: BatchShape, size: number): number =>
  Math.min(pairCapacity(shape), shape.size * size);

/** Sums put aside that all ranks have together, at most. */
const asideCapacity = (shape: BatchShape): number => chunkCapacity(shape) * SHARED_ROWS;

/** Losses of one rank, at most. */
export const lossCapacity = (shape: BatchShape): number =>
  shape.hasLayers ? networkCapacity(shape) : chunkCapacity(shape);

/** Units of D floats that hold so many losses, as many numbers of right pairs, and whether the rank wishes to pause. */
export const lossUnits = (losses: number, dimension: number): number =>
  Math.ceil((12 * losses + 4) / (4 * dimension));

/** Units that all ranks have for all others, at most. */
export const toldCapacity = (shape: BatchShape, dimension: number, size: number): number =>
  asideCapacity(shape) + size * lossUnits(lossCapacity(shape), dimension);

/** @param subtrees M */
export function allocateRankBatch(
  shape: BatchShape,
  size: number,
  subtrees: number,
  memory: Memory,
): RankBatch {
  const pairs = pairCapacity(shape);
  const aside = asideCapacity(shape);
  const words = (length: number) => memory.words(length);
  const treeSums = (lists: number) => ({
    starts: words(lists + 1),
    members: words(pairs),
    joins: words(pairs),
  });
  return {
    mine: allocateMiniBatch(shape, memory),
    ownRows: words(shape.size),
    sentRows: words(sentCapacity(shape, size)),
    sentTo: words(size),
    arriveFrom: words(size),
    returned: treeSums(pairs),
    returnedTo: words(size),
    returnedFrom: words(size),
    ownSums: treeSums(shape.size),
    asideAt: words(aside),
    lossesOf: words(size),
    asideOf: words(size),
    sharedRows: words(SHARED_ROWS),
    sharedSums: { starts: words(SHARED_ROWS + 1), members: words(aside) },
    hasNetworks: words(shape.hasLayers ? subtrees : 0),
    sizes: words(8),
  };
}
