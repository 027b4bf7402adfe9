import type { AddressWords } from '../../addresses/address.ts';
import { RandomStream } from '../../random/philox.ts';
import { grown } from '../events.ts';
import type { Truth } from './truth.ts';

/** What every world needs to know. */
export interface WorldOptions {
  /** number of accounts, U */
  users: number;
  /** integer, 0 to 2^53 − 1 */
  seed: number;
  days: number;
  /** seconds since 1970-01-01 UTC; the simulated days end here */
  endSeconds: number;
}

/** A population whose logins can be drawn, one slice of time after the other. */
export interface World {
  readonly users: number; // U
  /** how many logins there will be; exact */
  readonly eventCount: number;
  readonly slices: TimeSlices;
  /** Draws the logins of a slice, in any order. Slices are asked for in order; slice 0 begins anew. */
  drawSlice(slice: number, into: SliceColumns): void;
  /** What the world knows about its accounts, for the truth file. */
  truth(): Truth;
}

/** The name of account number `user`, as it stands in the log. */
export function entityName(user: number): string {
  return `user_${user + 1}`;
}

/**
 * The first index of the random streams of the slices; below it stand those of the accounts (see `RandomStream`).
 * 2^40 is above every number of accounts and below 2^53.
 */
export const SLICE_STREAMS = 2 ** 40;

/**
 * Logins drawn at a time. Large enough that passing over all accounts once a slice costs little beside its logins, small
 * enough that a slice stays within a few MB, whatever the size of the log.
 */
const EVENTS_PER_SLICE = 1 << 17;

/** The simulated time, cut into slices of equal length. */
export class TimeSlices {
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly count: number;
  readonly sliceSeconds: number;
  readonly #seed: number;

  constructor(options: WorldOptions, eventCount: number) {
    this.endSeconds = options.endSeconds;
    this.startSeconds = options.endSeconds - options.days * 86400;
    this.count = Math.max(1, Math.ceil(eventCount / EVENTS_PER_SLICE));
    this.sliceSeconds = (this.endSeconds - this.startSeconds) / this.count;
    this.#seed = options.seed;
  }

  /** The random numbers of a slice, for one purpose. */
  random(slice: number, purpose: number): RandomStream {
    return new RandomStream(this.#seed, purpose, SLICE_STREAMS + slice);
  }

  /** Seconds since 1970 of the moment `tick`·2^−32 of the way through a slice. */
  timeAt(slice: number, tick: number): number {
    return this.startSeconds + (slice + tick * 2 ** -32) * this.sliceSeconds;
  }

  /**
   * How many of an account's remaining logins fall into this slice. Splitting by successive binomials gives
   * exactly the counts of times drawn uniformly over all slices, without holding the times.
   */
  share(slice: number, remaining: number, random: RandomStream): number {
    return random.binomial(remaining, 1 / (this.count - slice));
  }
}

/** The logins of one slice as columns; the arrays are used again for the next slice. N logins. */
export class SliceColumns {
  count = 0; // N
  user = new Uint32Array(4096); // (N)
  /** moment within the slice, in 2^−32 of its length */
  tick = new Uint32Array(4096); // (N)
  addresses: AddressWords = new Uint32Array(4 * 4096); // (N, 4)
  /** which user agent, see `userAgents.ts` */
  agent = new Uint8Array(4096); // (N)
  #keys = new Float64Array(4096);

  clear(): void {
    this.count = 0;
  }

  /** Makes room for `more` logins. */
  reserve(more: number): void {
    const needed = this.count + more;
    if (needed <= this.user.length) return;
    const length = Math.max(needed, this.user.length * 2);
    this.user = grown(this.user, length);
    this.tick = grown(this.tick, length);
    this.addresses = grown(this.addresses, length * 4);
    this.agent = grown(this.agent, length);
  }

  /**
   * @returns f64[N]: the positions of the logins in the order of their moments, each as the low 21 bits of its
   * number (53 bits hold a moment of 32 bits and the position); valid until the next call
   */
  inTimeOrder(): Float64Array {
    if (this.count > POSITION_LIMIT)
      throw new RangeError(`a slice of ${this.count} logins passes ${POSITION_LIMIT}`);
    if (this.#keys.length < this.count) this.#keys = new Float64Array(this.user.length);
    const keys = this.#keys.subarray(0, this.count);
    for (let i = 0; i < keys.length; i++) keys[i] = this.tick[i] * POSITION_LIMIT + i;
    return keys.sort();
  }
}

/** Positions in a slice stay below this. */
export const POSITION_LIMIT = 2 ** 21;
