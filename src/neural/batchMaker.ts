import { RadixSort } from '../events/radixSort.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { EpochOrder } from '../random/epochOrder.ts';
import { PURPOSE, philox } from '../random/philox.ts';
import {
  type BatchShape,
  blocksOf,
  type MiniBatch,
  pairCapacity,
  pairsPerPositive,
  SIZES,
  type TrainingPairs,
} from './miniBatch.ts';
import { PairArranger } from './pairArranger.ts';
import type { PrefixTable } from './prefixes.ts';
import type { ShardBorders } from './shards.ts';

/** Draws and orders what belongs to a mini-batch. Each thread has one of its own. */
export class BatchMaker {
  readonly #shape: BatchShape;
  readonly #data: TrainingPairs;
  readonly #prefixes: PrefixTable;
  readonly #kernels: Kernels;
  readonly #sort: RadixSort;
  readonly #seed: [low: number, high: number];
  readonly #events: Uint32Array; // (B)
  readonly #entityRowOf: Uint32Array; // (B)
  /** deepest row of each pair's address */
  readonly #deepest: Uint32Array; // (P)
  readonly #arranger: PairArranger;

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
    this.#arranger = new PairArranger(shape, prefixes, borders);
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
    const pairs = B * pairsPerPositive(this.#shape);
    this.#arranger.arrange(batch, this.#sort.sort(this.#deepest, pairs), pairs, this.#deepest);
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
      if (isIpv6[events[b]] === 1) drawIpv6Rows(prefixes, this.#seed, epoch, from + b, R, rows, b * K + 1);
    }
    draw(PURPOSE.shuffledNegatives, blocksOf(S));
    fillShuffled(this.#shape, words, rows, B);
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
}

const block = new Uint32Array(4);

/**
 * Deepest rows of R random IPv6 addresses, of a block of words each.
 * @param sample place in the epoch
 * @param rows   those from `at` on are overwritten
 */
export function drawIpv6Rows(
  prefixes: PrefixTable,
  [low, high]: readonly [low: number, high: number],
  epoch: number,
  sample: number,
  random: number,
  rows: Uint32Array,
  at: number,
): void {
  for (let r = 0; r < random; r++) {
    philox(sample, (256 + r) * 16 + PURPOSE.randomNegatives, epoch, 0, low, high, block);
    rows[at + r] = prefixes.find(randomIpv6(block, prefixes));
  }
}

/**
 * Deepest rows of shuffled pairs, from those of the observed ones.
 * @param words random ones, for each of B positives
 * @param rows  (B, K)
 */
export function fillShuffled(shape: BatchShape, words: Uint32Array, rows: Uint32Array, B: number): void {
  const { random: R, shuffled: S } = shape;
  const K = pairsPerPositive(shape);
  for (let b = 0, word = 0; b < B; b++, word += 4 * blocksOf(S)) {
    const at = b * K + 1 + R;
    for (let s = 0; s < S; s++) {
      // Another record of the batch: one of the B − 1 places after this one, round the end.
      const ahead = B === 1 ? 0 : 1 + Math.floor((words[word + s] / 2 ** 32) * (B - 1));
      rows[at + s] = rows[((b + ahead) % B) * K];
    }
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
