import { RadixSort } from '../events/radixSort.ts';
import {
  CHUNK_TERMS,
  type Kernels,
  type Lists,
  MAX_CHAIN,
  NO_ROW,
  type Pairs,
  type Spanning,
  type Terms,
  type TreeSums,
} from '../kernels/kernels.ts';
import type { Memory } from '../kernels/memory.ts';
import type { EpochOrder } from '../random/epochOrder.ts';
import { PURPOSE, philox } from '../random/philox.ts';
import type { PrefixTable } from './prefixes.ts';
import { type ShardBorders, ShardCursor } from './shards.ts';

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
}

/** Places in `MiniBatch.sizes`. */
export const SIZES = { positives: 0, entities: 1, networks: 2, terms: 3, spanning: 4, chunks: 5 } as const;

/** Start values of one row must have room in `words`. */
const MAX_VECTOR_DIM = 4096;

/** Blocks of four random words that so many draws take. */
const blocksOf = (draws: number) => Math.ceil(draws / 4);

/** K */
export const pairsPerPositive = ({ random, shuffled }: BatchShape) => 1 + random + shuffled;
/** A, at most: the observed address and R random ones for each positive, if no two share their deepest row */
export const networkCapacity = ({ size, random, shards }: BatchShape) => size * (1 + random) + shards;
const pairCapacity = (shape: BatchShape) => shape.size * pairsPerPositive(shape);
const termCapacity = (shape: BatchShape) => (shape.hasLayers ? networkCapacity(shape) : pairCapacity(shape));
export const chunkCapacity = (shape: BatchShape) =>
  Math.ceil(termCapacity(shape) / CHUNK_TERMS) + shape.shards;

/** Arrays for a mini-batch, filled by a `BatchMaker`. */
export function allocateMiniBatch(shape: BatchShape, memory: Memory): MiniBatch {
  const { size: B, hasLayers } = shape;
  const T = termCapacity(shape);
  // Each border of two chunks is passed by at most one row of each depth.
  const spanning = chunkCapacity(shape) * MAX_CHAIN;
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
      firstChunk: words(spanning),
      lastChunk: words(spanning),
    },
    pairsOf: {
      starts: words(hasLayers ? networkCapacity(shape) + 1 : 0),
      members: words(hasLayers ? pairCapacity(shape) : 0),
    },
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

/** Draws and orders what belongs to a mini-batch. Each thread has one of its own. */
export class BatchMaker {
  readonly #shape: BatchShape;
  readonly #data: TrainingPairs;
  readonly #prefixes: PrefixTable;
  readonly #kernels: Kernels;
  readonly #sort: RadixSort;
  readonly #block = new Uint32Array(4);
  readonly #seed: [low: number, high: number];
  readonly #events: Uint32Array; // (B)
  readonly #entityRowOf: Uint32Array; // (B)
  /** deepest row of each pair's address */
  readonly #deepest: Uint32Array; // (P)
  readonly #openRow = new Uint32Array(MAX_CHAIN + 1);
  readonly #openSince = new Uint32Array(MAX_CHAIN + 1);

  readonly #cursor: ShardCursor;
  /** of each pair in the order of terms */
  readonly #shardOf: Uint32Array; // (P)
  /** of each entity of the batch */
  readonly #lastShard: Uint32Array; // (B)
  readonly #next: Uint32Array; // (B)

  constructor(
    shape: BatchShape,
    data: TrainingPairs,
    prefixes: PrefixTable,
    borders: ShardBorders,
    seed: number,
    kernels: Kernels,
  ) {
    this.#shape = shape;
    this.#data = data;
    this.#prefixes = prefixes;
    this.#seed = [seed >>> 0, Math.floor(seed / 2 ** 32)];
    this.#kernels = kernels;
    this.#sort = new RadixSort(pairCapacity(shape));
    this.#events = new Uint32Array(shape.size);
    this.#entityRowOf = new Uint32Array(shape.size);
    this.#deepest = new Uint32Array(pairCapacity(shape));
    this.#cursor = new ShardCursor(borders);
    this.#shardOf = new Uint32Array(pairCapacity(shape));
    this.#lastShard = new Uint32Array(shape.size);
    this.#next = new Uint32Array(shape.size);
  }

  /**
   * Fills the batch with the places [from, to) of an epoch. What is drawn for a sample depends on seed, epoch and the
   * sample's place in the epoch alone.
   */
  make(batch: MiniBatch, order: EpochOrder, from: number, to: number, epoch: number): void {
    const B = to - from;
    batch.sizes[SIZES.positives] = B;
    this.#drawPairs(batch, order, from, B, epoch);
    this.#groupEntities(batch, B);
    this.#sortPairs(batch, B);
    this.#findSpanning(batch);
  }

  /** Entity row of each positive and deepest row of each pair. */
  #drawPairs(batch: MiniBatch, order: EpochOrder, from: number, B: number, epoch: number): void {
    const { random: R, shuffled: S } = this.#shape;
    const { entityRow, deepest, isIpv6 } = this.#data;
    const prefixes = this.#prefixes;
    const rows = this.#deepest;
    const K = pairsPerPositive(this.#shape);
    const { words } = batch;
    const draw = (purpose: number, blocks: number) =>
      this.#kernels.randomWords(from, purpose, epoch, this.#seed, blocks, words, B);
    // Short loops, so that many of their reads are under way at once.
    const events = this.#events;
    for (let b = 0; b < B; b++) events[b] = order.at(from + b);
    for (let b = 0; b < B; b++) this.#entityRowOf[b] = entityRow[events[b]];
    for (let b = 0; b < B; b++) rows[b * K] = deepest[events[b]];
    draw(PURPOSE.randomNegatives, blocksOf(R));
    prefixes.findIpv4Groups(words, 4 * blocksOf(R), R, B, rows, 1, K);
    for (let b = 0; b < B; b++) {
      if (isIpv6[events[b]] === 1) this.#drawIpv6(rows, b * K + 1, from + b, epoch);
    }
    draw(PURPOSE.shuffledNegatives, blocksOf(S));
    for (let b = 0, word = 0; b < B; b++, word += 4 * blocksOf(S)) {
      const at = b * K + 1 + R;
      for (let s = 0; s < S; s++) {
        // Another record of the batch: one of the B − 1 places after this one, round the end.
        const ahead = B === 1 ? 0 : 1 + Math.floor((words[word + s] / 2 ** 32) * (B - 1));
        rows[at + s] = rows[((b + ahead) % B) * K];
      }
    }
  }

  /** A block for each address: its four words are one. */
  #drawIpv6(rows: Uint32Array, at: number, sample: number, epoch: number): void {
    const [low, high] = this.#seed;
    for (let r = 0; r < this.#shape.random; r++) {
      philox(sample, (256 + r) * 16 + PURPOSE.randomNegatives, epoch, 0, low, high, this.#block);
      rows[at + r] = this.#prefixes.find(randomIpv6(this.#block, this.#prefixes));
    }
  }

  #groupEntities(batch: MiniBatch, B: number): void {
    const { entity } = batch.pairs;
    const rows = this.#entityRowOf;
    const order = this.#sort.sort(rows, B);
    let count = 0;
    let last = -1;
    for (let i = 0; i < B; i++) {
      const b = order[i];
      if (rows[b] !== last) {
        last = rows[b];
        batch.entityRows[count++] = last;
      }
      entity[b] = count - 1;
    }
    batch.sizes[SIZES.entities] = count;
  }

  /**
   * Networks, terms, chunks, the sums of entities and, with layers, the pairs of each network. Pairs without a row come last, as a
   * network of no rows.
   */
  #sortPairs(batch: MiniBatch, B: number): void {
    const { hasLayers } = this.#shape;
    const { row, depth, shared, network, coefficient, vector, chunkStarts } = batch.terms;
    const { starts, members } = batch.pairsOf;
    const { pairs } = batch;
    const K = pairs.perPositive;
    const { entity, network: networkOf } = pairs;
    const rows = this.#deepest;
    const order = this.#sort.sort(rows, B * K);
    const cursor = this.#cursor;
    const shardOf = this.#shardOf;
    cursor.reset();
    let networks = 0;
    let terms = 0;
    let chunks = 0;
    let last = -1;
    let shard = 0;
    let summed = 0;
    for (let i = 0; i < B * K; i++) {
      const pair = order[i];
      const b = (pair / K) >>> 0;
      const own = cursor.advance(rows[pair], b);
      shardOf[i] = own;
      const isNewShard = own !== shard;
      const isNew = rows[pair] !== last || isNewShard;
      if (isNew) {
        last = rows[pair];
        shard = own;
        if (hasLayers) starts[networks] = i;
        networks++;
      }
      networkOf[pair] = networks - 1;
      if (hasLayers) members[i] = pair;
      if (last !== NO_ROW || hasLayers) summed = i + 1;
      if (last === NO_ROW || (hasLayers && !isNew)) continue;
      if (terms === 0 || isNewShard || terms - chunkStarts[chunks - 1] === CHUNK_TERMS) {
        chunkStarts[chunks++] = terms;
      }
      row[terms] = last;
      network[terms] = networks - 1;
      coefficient[terms] = hasLayers ? networks - 1 : pair;
      vector[terms] = hasLayers ? networks - 1 : entity[b];
      terms++;
    }
    chunkStarts[chunks] = terms;
    this.#prefixes.measureChains(row, terms, depth, shared);
    if (hasLayers) starts[networks] = B * K;
    batch.sizes[SIZES.networks] = networks;
    batch.sizes[SIZES.terms] = terms;
    batch.sizes[SIZES.chunks] = chunks;
    this.#listSums(batch, order, summed);
  }

  /** The pairs of each entity in the order of their terms. */
  #listSums(batch: MiniBatch, order: Uint32Array, summed: number): void {
    const { starts, members, joins } = batch.sums;
    const { entity, perPositive: K } = batch.pairs;
    const shardOf = this.#shardOf;
    const lastShard = this.#lastShard;
    const U = batch.sizes[SIZES.entities];
    starts.fill(0, 0, U + 1);
    for (let i = 0; i < summed; i++) starts[entity[(order[i] / K) >>> 0] + 1]++;
    for (let u = 0; u < U; u++) starts[u + 1] += starts[u];
    const next = this.#next;
    for (let u = 0; u < U; u++) next[u] = starts[u];
    for (let i = 0; i < summed; i++) {
      const u = entity[(order[i] / K) >>> 0];
      const m = next[u]++;
      members[m] = order[i];
      if (m > starts[u]) joins[m - 1] = 32 - Math.clz32(lastShard[u] ^ shardOf[i]);
      lastShard[u] = shardOf[i];
    }
  }

  /** At each border of two chunks, the rows that have terms on both sides; a row may go on over several borders. */
  #findSpanning(batch: MiniBatch): void {
    const { row, depth, firstChunk, lastChunk } = batch.spanning;
    const { parent } = this.#prefixes;
    const { terms } = batch;
    const chunks = batch.sizes[SIZES.chunks];
    const openRow = this.#openRow;
    const openSince = this.#openSince;
    let open = 0;
    let count = 0;
    const close = (downTo: number, chunk: number): void => {
      for (; open > downTo; open--) {
        row[count] = openRow[open];
        depth[count] = open;
        firstChunk[count] = openSince[open];
        lastChunk[count++] = chunk;
      }
    };
    for (let chunk = 1; chunk < chunks; chunk++) {
      const last = terms.chunkStarts[chunk] - 1;
      const crossing = terms.shared[last];
      let at = terms.row[last];
      for (let d = terms.depth[last]; d > crossing; d--) at = parent[at];
      // From the deepest up: those that are open already have the same row at the same depth.
      let same = crossing;
      for (let x = at; same > 0 && !(same <= open && openRow[same] === x); same--) x = parent[x];
      close(same, chunk - 1);
      for (let d = crossing; d > same; d--, at = parent[at]) {
        openRow[d] = at;
        openSince[d] = chunk - 1;
      }
      open = crossing;
    }
    close(0, chunks - 1);
    batch.sizes[SIZES.spanning] = count;
  }
}

/**
 * Four random words → a random IPv6 address; changes the words. Uniform octets, AWS's rule for IPv4, would hit no
 * announced network at all: 2^13 of 2^128 is in use. So the draw is a uniform one of the training data's /32 (the
 * size of a provider) with uniform bits below.
 */
export function randomIpv6(block: Uint32Array, table: PrefixTable): Uint32Array {
  block[0] = table.ipv6Provider(block[0]);
  return block;
}
