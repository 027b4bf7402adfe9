/** Bits of a digit: 2,048 counters stay in the first-level cache. */
const DIGIT_BITS = 11;
const DIGITS = 2 ** DIGIT_BITS;

/** Sorts by 32-bit keys, equal ones in the order in which they came; its own arrays are used again and again. */
export class RadixSort {
  #order: Uint32Array;
  #next: Uint32Array;
  /** keys go along with their positions: looked up, they would lie anywhere */
  #keys: Uint32Array;
  #nextKeys: Uint32Array;
  readonly #places = new Uint32Array(DIGITS);

  /** @param capacity keys of one call at most */
  constructor(capacity: number) {
    this.#order = new Uint32Array(capacity);
    this.#next = new Uint32Array(capacity);
    this.#keys = new Uint32Array(capacity);
    this.#nextKeys = new Uint32Array(capacity);
  }

  /** @returns u32[≥ count]: positions of the keys in ascending order; valid until the next call */
  sort(keys: Uint32Array, count: number): Uint32Array {
    // Private names are looked up each time.
    const [order, copy] = [this.#order, this.#keys];
    let all = 0;
    for (let i = 0; i < count; i++) {
      all |= keys[i];
      order[i] = i;
      copy[i] = keys[i];
    }
    const bits = 32 - Math.clz32(all);
    for (let shift = 0; shift < bits; shift += DIGIT_BITS) this.#byDigit(count, shift);
    return this.#order;
  }

  /** u32[≥ count]: the keys of the last call in ascending order; valid until the next */
  get sortedKeys(): Uint32Array {
    return this.#keys;
  }

  #byDigit(count: number, shift: number): void {
    const [keys, nextKeys, order, next] = [this.#keys, this.#nextKeys, this.#order, this.#next];
    const places = this.#places.fill(0);
    for (let i = 0; i < count; i++) places[(keys[i] >>> shift) & (DIGITS - 1)]++;
    let sum = 0;
    for (let digit = 0; digit < DIGITS; digit++) {
      const inDigit = places[digit];
      places[digit] = sum;
      sum += inDigit;
    }
    for (let i = 0; i < count; i++) {
      const key = keys[i];
      const place = places[(key >>> shift) & (DIGITS - 1)]++;
      nextKeys[place] = key;
      next[place] = order[i];
    }
    this.#keys = nextKeys;
    this.#nextKeys = keys;
    this.#order = next;
    this.#next = order;
  }
}
