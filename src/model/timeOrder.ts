import type { Ranks } from '../mpi/ranks.ts';

/** Times as words that sort as they do, then the number in the whole input: 6 digits of 16 bits. */
const DIGITS = 6;
const BASE = 2 ** 16;

/** Events in the order of their times, those of one time in the order of the whole input. */
export class TimeOrder {
  readonly #words: Uint32Array; // (N, 2)
  readonly #index: Float64Array | undefined;
  /** the first event behind the border */
  readonly #border: number[] = [];

  /**
   * Finds the event at a place of the order of all ranks' events, without any rank seeing those of others: digit by digit, by how many events have
   * which.
   * @param time  f64[N], of this rank's events; no NaN
   * @param index of `holdOut`
   * @param place 0 to the number of all ranks' events − 1
   */
  constructor(time: Float64Array, index: Float64Array | undefined, ranks: Ranks, place: number) {
    this.#words = new Uint32Array(Float64Array.from(time).buffer);
    this.#index = index;
    for (let at = 0; at < this.#words.length; at += 2) toSorted(this.#words, at);
    // Those that have the digits found so far.
    let left: Uint32Array | undefined;
    let before = place;
    for (let digit = 0; digit < DIGITS; digit++) {
      const counts = new Float64Array(BASE);
      const count = left?.length ?? time.length;
      for (let i = 0; i < count; i++) counts[this.#digitOf(left ? left[i] : i, digit)]++;
      ranks.sumOfIntegers(counts);
      let value = 0;
      while (before >= counts[value]) before -= counts[value++];
      this.#border.push(value);
      const all: Uint32Array = left ?? new Uint32Array(time.length).map((_, i) => i);
      left = all.filter((i) => this.#digitOf(i, digit) === value);
    }
  }

  /** Whether an event is at that place or behind. */
  isBehind(event: number): boolean {
    for (let digit = 0; digit < DIGITS; digit++) {
      const difference = this.#digitOf(event, digit) - this.#border[digit];
      if (difference !== 0) return difference > 0;
    }
    return true;
  }

  /** @param digit 0 to 5, the first counting most */
  #digitOf(event: number, digit: number): number {
    // On a little-endian machine the low word comes first.
    if (digit < 4)
      return (this.#words[event * 2 + (digit < 2 ? 1 : 0)] >>> (digit % 2 === 0 ? 16 : 0)) & (BASE - 1);
    const index = this.#index ? this.#index[event] : event;
    return digit === 4 ? Math.floor(index / BASE) : index % BASE;
  }
}

/** Turns the two words of a number into some that sort as unsigned ones do as the numbers do. */
function toSorted(words: Uint32Array, at: number): void {
  const [low, high] = [words[at], words[at + 1]];
  // −0 is 0.
  const isZero = low === 0 && high === 0x80000000;
  if (high < 0x80000000 || isZero) {
    words[at + 1] = 0x80000000 | (isZero ? 0 : high);
  } else {
    words[at] = ~low;
    words[at + 1] = ~high;
  }
}
