import { RadixSort } from '../../events/radixSort.ts';
import type { Kernels } from '../../kernels/kernels.ts';
import { PURPOSE } from '../../random/philox.ts';
import { drawIpv6Rows } from '../batchMaker.ts';
import { type BatchShape, blocksOf, type TrainingPairs } from '../miniBatch.ts';
import type { PrefixTable } from '../prefixes.ts';
import { RANK_SIZES, type RankBatch, recordWords } from './rankBatch.ts';

/** What everybody knows of a batch: the mini-batch `from` … `from + B − 1` of an epoch. */
export interface BatchPlace {
  from: number;
  B: number;
  epoch: number;
}

/** Makes the records of a rank's own positives, from which all ranks make their parts of a batch. Each thread has one of its own. */
export class RecordMaker {
  readonly #shape: BatchShape;
  readonly #data: TrainingPairs;
  readonly #prefixes: PrefixTable;
  readonly #kernels: Kernels;
  readonly #seed: readonly [low: number, high: number];
  readonly #sort: RadixSort;
  readonly #keys: Uint32Array; // (B)

  /** @param prefixes the whole table */
  constructor(
    shape: BatchShape,
    data: TrainingPairs,
    prefixes: PrefixTable,
    seed: readonly [low: number, high: number],
    kernels: Kernels,
  ) {
    this.#shape = shape;
    this.#data = data;
    this.#prefixes = prefixes;
    this.#kernels = kernels;
    this.#seed = seed;
    this.#sort = new RadixSort(shape.size);
    this.#keys = new Uint32Array(shape.size);
  }

  /**
   * Draws for this rank's own positives of a batch, and lists their entities.
   * @param pairs   numbers of the own pairs
   * @param places  of them in the epoch, ascending
   * @param records overwritten from record `at` on
   */
  draw(
    batch: RankBatch,
    { from, B, epoch }: BatchPlace,
    pairs: Uint32Array,
    places: Uint32Array,
    records: Uint32Array,
    at: number,
  ): void {
    const R = this.#shape.random;
    const width = recordWords(this.#shape);
    const { entityRow, deepest, isIpv6 } = this.#data;
    const prefixes = this.#prefixes;
    const { words } = batch.mine;
    const blocks = blocksOf(R);
    this.#kernels.randomWords(from, PURPOSE.randomNegatives, epoch, this.#seed, blocks, words, B);
    const n = pairs.length;
    const keys = this.#keys;
    for (let i = 0; i < n; i++) keys[i] = entityRow[pairs[i]];
    const order = this.#sort.sort(keys, n);
    const { ownRows } = batch;
    let own = 0;
    for (let i = 0; i < n; i++) {
      const row = keys[order[i]];
      if (own === 0 || ownRows[own - 1] !== row) ownRows[own++] = row;
      records[(at + order[i]) * width + 1] = own - 1;
    }
    batch.sizes[RANK_SIZES.own] = own;
    // Short loops, so that many of their reads are under way at once. The words of own places move to the front.
    const stride = 4 * blocks;
    for (let i = 0; i < n; i++) {
      const b = places[i] - from;
      records[(at + i) * width] = b;
      for (let r = 0; r < R; r++) words[i * stride + r] = words[b * stride + r];
    }
    for (let i = 0; i < n; i++) records[(at + i) * width + 2] = deepest[pairs[i]];
    prefixes.findIpv4Groups(words, stride, R, n, records, at * width + 3, width);
    for (let i = 0; i < n; i++) {
      if (isIpv6[pairs[i]] === 0) continue;
      drawIpv6Rows(prefixes, this.#seed, epoch, places[i], R, records, (at + i) * width + 3);
    }
  }
}
