import type { PlaceColumns } from './accountPlaces.ts';

/** Below, a place would count nothing at all, and an account of such places would have no shares. */
const LEAST_WEIGHT_LOG2 = -256;

/**
 * How much a place of the past still counts: 1 without a half-life; else half for each half-life between its last day and
 * the reference day. A place without a known day counts as one of the reference day.
 */
export class Decay {
  /** undefined: old behaviour does not fade */
  readonly halfLifeDays: number | undefined;
  readonly referenceDay: number;
  /** of each day up to the reference day */
  readonly #weights: Float64Array | undefined;

  constructor(halfLifeDays?: number, referenceDay = 0) {
    this.halfLifeDays = halfLifeDays;
    this.referenceDay = referenceDay;
    if (halfLifeDays === undefined) return;
    this.#weights = Float64Array.from({ length: referenceDay + 1 }, (_, day) =>
      day === 0 ? 1 : 2 ** Math.max(LEAST_WEIGHT_LOG2, (day - referenceDay) / halfLifeDays),
    );
  }

  /** Σ of the weights of places [from, to). */
  sum({ day }: PlaceColumns, from: number, to: number): number {
    const { referenceDay } = this;
    const weights = this.#weights;
    if (!weights) return to - from;
    let sum = 0;
    for (let at = from; at < to; at++) sum += weights[Math.min(day[at], referenceDay)];
    return sum;
  }
}
