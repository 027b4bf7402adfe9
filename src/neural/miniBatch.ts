import {
  CHUNK_TERMS,
  type Lists,
  MAX_CHAIN,
  type Pairs,
  type Spanning,
  type Terms,
  type TreeSums,
} from '../kernels/kernels.ts';
import type { Memory } from '../kernels/memory.ts';

/** What training needs of each event: 9 bytes. */
export interface TrainingPairs {
  count: number; // N
  /** row of the entity table */
  entityRow: Uint32Array; // (N)
  /** deepest row of the address table */
  deepest: Uint32Array; // (N)
  /** 1 where the address is IPv6 */
  isIpv6: Uint8Array; // (N)
}

/** Sizes of a mini-batch. */
export interface BatchShape {
  size: number; // B
  random: number; // R
  shuffled: number; // S
  /** with layers on top, gradients come by network; without, by pair, which saves making them */
  hasLayers: boolean;
  /** V */
  shards: number;
}

/**
 * One mini-batch: B observed pairs, their drawn pairs, and who touches which row. Addresses with the same deepest row
 * have the same vector; so what is encoded are the distinct deepest rows of the batch, its networks.
 */
export interface MiniBatch {
  /** what changes from batch to batch, by the names in SIZES */
  sizes: Uint32Array;
  /** random words: for the start values of rows, then for random pairs, then for shuffled ones */
  words: Uint32Array; // (B, blocks, 4)
  pairs: Pairs;
  /** distinct entity rows, ascending */
  entityRows: Uint32Array; // (U)
  /** the pairs of each that have a term, or are of a network that has one */
  sums: TreeSums; // (U)
  /** without layers one for each pair, with layers one for each network */
  terms: Terms;
  spanning: Spanning;
  /** with layers: the pairs of each network */
  pairsOf: Lists; // (A)
  /** the first network of each shard, and their number */
  firstNetwork: Uint32Array; // (V + 1)
}

/** Places in `MiniBatch.sizes`. */
export const SIZES = { positives: 0, entities: 1, networks: 2, terms: 3, spanning: 4, chunks: 5 } as const;

/** Start values of one row must have room in `words`. */
const MAX_VECTOR_DIM = 4096;

/** Blocks of four random words that so many draws take. */
export const blocksOf = (draws: number) => Math.ceil(draws / 4);

/** K */
export const pairsPerPositive = ({ random, shuffled }: BatchShape) => 1 + random + shuffled;
/** A, at most: the observed address and R random ones for each positive, if no two share their deepest row */
export const networkCapacity = ({ size, random, shards }: BatchShape) => size * (1 + random) + shards;
export const pairCapacity = (shape: BatchShape) => shape.size * pairsPerPositive(shape);
const termCapacity = (shape: BatchShape) => (shape.hasLayers ? networkCapacity(shape) : pairCapacity(shape));
export const chunkCapacity = (shape: BatchShape) =>
  Math.ceil(termCapacity(shape) / CHUNK_TERMS) + shape.shards;

/** Arrays for a mini-batch, filled by a `BatchMaker`. */
export function allocateMiniBatch(shape: BatchShape, memory: Memory): MiniBatch {
  const { size: B, hasLayers } = shape;
  const T = termCapacity(shape);
  // Each border of two chunks is passed by at most one row of each depth; of shards, either side may have others.
  const spanning = (chunkCapacity(shape) + shape.shards) * MAX_CHAIN;
  const words = (length: number) => memory.words(length);
  return {
    sizes: words(8),
    words: words(
      Math.max(MAX_VECTOR_DIM, B * 4 * Math.max(blocksOf(shape.random), blocksOf(shape.shuffled))),
    ),
    pairs: {
      perPositive: pairsPerPositive(shape),
      entity: words(B),
      network: words(pairCapacity(shape)),
    },
    entityRows: words(B),
    sums: { starts: words(B + 1), members: words(pairCapacity(shape)), joins: words(pairCapacity(shape)) },
    terms: {
      count: 0,
      chunks: 0,
      chunkStarts: words(chunkCapacity(shape) + 1),
      before: words(chunkCapacity(shape)),
      after: words(chunkCapacity(shape)),
      row: words(T),
      depth: words(T),
      shared: words(T),
      network: words(T),
      coefficient: words(T),
      vector: words(T),
    },
    spanning: {
      count: 0,
      row: words(spanning),
      depth: words(spanning),
      first: words(spanning),
      lastChunk: words(spanning),
    },
    pairsOf: {
      starts: words(hasLayers ? networkCapacity(shape) + 1 : 0),
      members: words(hasLayers ? pairCapacity(shape) : 0),
    },
    firstNetwork: words(shape.shards + 1),
  };
}

/** The terms and spanning rows of a batch with their present counts. */
export const termsOf = ({ terms, sizes }: MiniBatch): Terms => ({
  ...terms,
  count: sizes[SIZES.terms],
  chunks: sizes[SIZES.chunks],
});
export const spanningOf = ({ spanning, sizes }: MiniBatch): Spanning => ({
  ...spanning,
  count: sizes[SIZES.spanning],
});
