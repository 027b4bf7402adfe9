import { philox } from './philox.ts';

/** Rounds of the network below; four make it a good pseudo-random permutation (Luby and Rackoff 1988), twice as many for its weak round function. */
const ROUNDS = 8;

/**
 * The numbers 0 … n − 1 in an order fixed by (seed, purpose, index), of which any place can be asked for without the
 * ones before: a Feistel network over the next power of two, walked until it lands below n (Black and Rogaway 2002).
 * Works badly for a handful of numbers: of their orders it only reaches some.
 */
export class EpochOrder {
  readonly #count: number;
  readonly #rightBits: number;
  readonly #leftMask: number;
  readonly #rightMask: number;
  readonly #keys = new Uint32Array(ROUNDS);

  /**
   * @param count   n, 1 to 2^31
   * @param seed    integer, 0 to 2^53 − 1
   * @param purpose one of `PURPOSE`
   * @param index   u32: which of the orders of this purpose
   */
  constructor(count: number, seed: number, purpose: number, index: number) {
    this.#count = count;
    const bits = Math.max(2, 32 - Math.clz32(count - 1));
    this.#rightBits = bits >>> 1;
    this.#rightMask = 2 ** this.#rightBits - 1;
    this.#leftMask = 2 ** (bits - this.#rightBits) - 1;
    const block = new Uint32Array(4);
    for (let round = 0; round < ROUNDS; round++) {
      if (round % 4 === 0) {
        philox(round >>> 2, purpose, index, 0, seed >>> 0, Math.floor(seed / 2 ** 32), block);
      }
      this.#keys[round] = block[round % 4];
    }
  }

  /** @returns the number at a place from 0 to n − 1 */
  at(place: number): number {
    let x = place;
    do {
      let left = x >>> this.#rightBits;
      let right = x & this.#rightMask;
      // Halves of unequal size change in turns, each by the other.
      for (let round = 0; round < ROUNDS; round += 2) {
        left ^= mixed(right, this.#keys[round]) & this.#leftMask;
        right ^= mixed(left, this.#keys[round + 1]) & this.#rightMask;
      }
      x = ((left << this.#rightBits) | right) >>> 0;
    } while (x >= this.#count);
    return x;
  }

  /** @returns the place of a number from 0 to n − 1: the inverse of `at` */
  placeOf(number: number): number {
    let x = number;
    do {
      let left = x >>> this.#rightBits;
      let right = x & this.#rightMask;
      for (let round = ROUNDS; round > 0; round -= 2) {
        right ^= mixed(left, this.#keys[round - 1]) & this.#rightMask;
        left ^= mixed(right, this.#keys[round - 2]) & this.#leftMask;
      }
      x = ((left << this.#rightBits) | right) >>> 0;
    } while (x >= this.#count);
    return x;
  }
}

/** A keyed hash of a word: the finaliser of MurmurHash3 with the key before and between. */
function mixed(word: number, key: number): number {
  let h = Math.imul(word ^ key, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13) ^ key, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
