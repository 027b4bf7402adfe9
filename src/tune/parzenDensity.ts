import type { RandomStream } from '../random/philox.ts';
import type { SearchSpace } from './searchSpace.ts';

/**
 * Standard deviation of the kernel around a single point, as a share of the range. From 0.05 to 0.3 it was best at
 * searches of 10 to 100 trials (docs/decisions/0010).
 */
const WIDEST = 0.1;

/** Kernels are no narrower than what can be told from noise of the training; it is reached in thousands of trials only. */
const NARROWEST = 0.01;

/** What nearly any density is above: a stretch in the tail of a kernel may be 0 by rounding. */
const LEAST = 1e-300;

/**
 * A density over the unit cube from n points of D dimensions: the mean of n + 1 kernels, one around each point and a
 * uniform one, the prior, so that no place is impossible. A kernel is a product over the dimensions: a normal distribution
 * cut off at the borders, or, of choices, 1 at the point's own and 1/(n + 1) at each, scaled. As dimensions are not
 * independent of each other within the mixture, it knows which values went together.
 *
 * Kernels narrow as n^(−1/(D + 4)), the rate of Scott ("Multivariate density estimation", 1992), and are at least half of
 * the stretch of coordinates that gives the point's value. What stands for one value counts with its mass, not with its
 * density at a place: values of unequal stretches are comparable.
 */
export class ParzenDensity {
  readonly #space: SearchSpace;
  /** f64[n][D] */
  readonly #points: readonly (readonly number[])[];
  /** number of values of each choice; 0 of numbers */
  readonly #choices: readonly number[];
  /** f64[n][D]: standard deviations; unused of choices */
  readonly #deviations: readonly (readonly number[])[];
  /** f64[n][D]: share of each normal distribution that lies in [0, 1] */
  readonly #inside: readonly (readonly number[])[];

  /** @param points f64[n][D], each in [0, 1); none is well: the density is uniform */
  constructor(space: SearchSpace, points: readonly (readonly number[])[]) {
    this.#space = space;
    this.#points = points;
    this.#choices = space.dimensions.map((dimension) =>
      dimension.kind === 'choice' ? dimension.values.length : 0,
    );
    const scott = WIDEST * points.length ** (-1 / (space.dimensions.length + 4));
    this.#deviations = points.map((point) =>
      point.map((x, d) => {
        const [from, to] = space.stretchAt(d, x);
        return Math.max(NARROWEST, scott, (to - from) / 2);
      }),
    );
    this.#inside = points.map((point, i) =>
      point.map((x, d) => massBetween(0, 1, x, this.#deviations[i][d])),
    );
  }

  /**
   * @param point f64[D], each in [0, 1)
   * @returns ln of the density; of dimensions that have stretches, of the mass of the point's
   */
  logDensity(point: readonly number[]): number {
    const stretches = point.map((x, d) => this.#space.stretchAt(d, x));
    let sum = stretches.reduce((product, [from, to]) => product * (to > from ? to - from : 1), 1);
    for (let i = 0; i < this.#points.length; i++) {
      let product = 1;
      for (const [d, stretch] of stretches.entries()) product *= this.#kernel(i, d, point[d], stretch);
      sum += product;
    }
    return Math.log(Math.max(LEAST, sum / (this.#points.length + 1)));
  }

  /** @returns f64[D], each in [0, 1) */
  draw(random: RandomStream): number[] {
    const i = random.below(this.#points.length + 1);
    return this.#choices.map((choices, d) => {
      if (i === this.#points.length) return random.uniform();
      const x = this.#points[i][d];
      if (choices > 0) return random.uniform() < this.#anyChoice(choices) ? random.uniform() : x;
      for (;;) {
        // The point is inside: with deviations up to 1/2 at least 0.47 of the draws are.
        const drawn = x + this.#deviations[i][d] * random.normal();
        if (drawn >= 0 && drawn < 1) return drawn;
      }
    });
  }

  /** Of the kernel of point i in dimension d. */
  #kernel(i: number, d: number, x: number, [from, to]: readonly [number, number]): number {
    const centre = this.#points[i][d];
    if (this.#choices[d] > 0) {
      const any = this.#anyChoice(this.#choices[d]) / this.#choices[d];
      return centre >= from && centre < to ? any + 1 - this.#anyChoice(this.#choices[d]) : any;
    }
    const deviation = this.#deviations[i][d];
    const inStretch =
      to > from
        ? massBetween(from, to, centre, deviation)
        : normalDensity((x - centre) / deviation) / deviation;
    return inStretch / this.#inside[i][d];
  }

  /** Share of a kernel that is spread over all choices: 1/(n + 1) at each against 1 at the point's own. */
  #anyChoice(choices: number): number {
    return choices / (this.#points.length + 1 + choices);
  }
}

const normalDensity = (z: number): number => Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);

/** Of the normal distribution around `centre`, what lies between two places; exact to 3e-7, never below 0. */
function massBetween(from: number, to: number, centre: number, deviation: number): number {
  const upTo = (place: number) => normalUpTo((place - centre) / deviation);
  return Math.max(0, upTo(to) - upTo(from));
}

/** Φ(z) to 1.5e-7 (Abramowitz and Stegun, "Handbook of mathematical functions", 1964, 7.1.26 for erf). */
function normalUpTo(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const polynomial =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const above = 0.5 * polynomial * Math.exp(-x * x);
  return z < 0 ? above : 1 - above;
}
