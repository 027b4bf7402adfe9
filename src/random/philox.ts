/**
 * Counter-based random numbers: Philox 4x32 with 10 rounds (Salmon et al., "Parallel random numbers: as easy
 * as 1, 2, 3", SC 2011). The k-th number of a stream is a pure function of (seed, stream, k), so that any
 * worker can draw it without having drawn the ones before.
 */

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const TWO_POW_MINUS_32 = 2 ** -32;

/**
 * One block: four 32-bit words from a 128-bit counter and a 64-bit key.
 * @param out u32[≥ 4], receives the block
 */
export function philox(
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  key0: number,
  key1: number,
  out: Uint32Array,
): void {
  for (let round = 0; round < 10; round++) {
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0;
    const low1 = Math.imul(MULTIPLIER_1, c2) >>> 0;
    // A double product of two words is off by at most 2^10, so that (product − low)/2^32 is off by 2^-22:
    // rounding gives the exact high word.
    const high0 = Math.floor((MULTIPLIER_0 * (c0 >>> 0) - low0) * TWO_POW_MINUS_32 + 0.5);
    const high1 = Math.floor((MULTIPLIER_1 * (c2 >>> 0) - low1) * TWO_POW_MINUS_32 + 0.5);
    c0 = high1 ^ c1 ^ key0;
    c1 = low1;
    c2 = high0 ^ c3 ^ key1;
    c3 = low0;
    key0 = (key0 + WEYL_0) | 0;
    key1 = (key1 + WEYL_1) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** What a stream is for: each purpose draws from its own numbers, whatever the others have drawn. */
export const PURPOSE = {
  initialWeights: 1,
  epochOrder: 2,
  randomNegatives: 3,
  shuffledNegatives: 4,
  validationNegatives: 5,
  simulation: 6,
  attackers: 7,
  sampling: 8,
  layerWeights: 9,
  holdOut: 10,
  fitAttackers: 11,
  tuning: 12,
  importance: 13,
} as const;

/** A sequence of random numbers that is fixed by (seed, purpose, index). */
export class RandomStream {
  readonly #block = new Uint32Array(4);
  #used = 4;
  #counter = 0;
  readonly #key0: number;
  readonly #key1: number;
  readonly #purpose: number;
  readonly #indexLow: number;
  readonly #indexHigh: number;
  #spareNormal = Number.NaN;

  /**
   * @param seed    integer, 0 to 2^53 − 1
   * @param purpose one of `PURPOSE`
   * @param index   integer, 0 to 2^53 − 1: which of the streams of this purpose
   */
  constructor(seed: number, purpose: number, index = 0) {
    this.#key0 = seed >>> 0;
    this.#key1 = Math.floor(seed / 2 ** 32) >>> 0;
    this.#purpose = purpose;
    this.#indexLow = index >>> 0;
    this.#indexHigh = Math.floor(index / 2 ** 32) >>> 0;
  }

  /** Uniform 32-bit word. A stream holds 2^34 of them. */
  u32(): number {
    if (this.#used === 4) {
      philox(
        this.#counter++,
        this.#purpose,
        this.#indexLow,
        this.#indexHigh,
        this.#key0,
        this.#key1,
        this.#block,
      );
      this.#used = 0;
    }
    return this.#block[this.#used++];
  }

  /** Uniform in [0, 1) with 53 random bits. */
  uniform(): number {
    const high = this.u32() >>> 5;
    const low = this.u32() >>> 6;
    return (high * 2 ** 26 + low) * 2 ** -53;
  }

  /** Uniform integer in [0, n), n up to 2^32; the bias of n/2^53 is below anything measurable here. */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Standard normal, Marsaglia's polar method. */
  normal(): number {
    if (!Number.isNaN(this.#spareNormal)) {
      const spare = this.#spareNormal;
      this.#spareNormal = Number.NaN;
      return spare;
    }
    for (;;) {
      const x = 2 * this.uniform() - 1;
      const y = 2 * this.uniform() - 1;
      const square = x * x + y * y;
      if (square >= 1 || square === 0) continue;
      const scale = Math.sqrt((-2 * Math.log(square)) / square);
      this.#spareNormal = y * scale;
      return x * scale;
    }
  }

  /** Gamma(shape, 1), Marsaglia and Tsang 2000; `shape` ≥ 1. */
  gamma(shape: number): number {
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v <= 0) continue;
      const u = 1 - this.uniform();
      if (Math.log(u) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
    }
  }

  /** Beta(a, b); both ≥ 1. */
  beta(a: number, b: number): number {
    const x = this.gamma(a);
    return x / (x + this.gamma(b));
  }

  /** How many of n trials succeed. Exact, by inversion; meant for n·p up to some hundreds. */
  binomial(n: number, p: number): number {
    if (p <= 0 || n === 0) return 0;
    if (p >= 1) return n;
    if (p > 0.5) return n - this.binomial(n, 1 - p);
    // (1 − p)^n must not underflow: halves of a large n are independent.
    if (n * p > 200) {
      const half = n >>> 1;
      return this.binomial(half, p) + this.binomial(n - half, p);
    }
    let probability = (1 - p) ** n;
    const odds = p / (1 - p);
    let rest = this.uniform();
    let k = 0;
    while (rest > probability && k < n) {
      rest -= probability;
      probability *= (odds * (n - k)) / (k + 1);
      k++;
    }
    return k;
  }
}

/**
 * The numbers 0 … n − 1 in an order fixed by the stream (Fisher and Yates).
 * @returns u32[n]
 */
export function permutation(n: number, random: RandomStream): Uint32Array {
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  for (let i = n - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
  return order;
}
