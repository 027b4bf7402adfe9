import { PURPOSE, RandomStream } from '../random/philox.ts';
import type { Observation, Sampler } from './sampler.ts';
import type { SearchSpace } from './searchSpace.ts';

/** Draws of a point that nobody has tried before a known one is taken: in a space of few settings all may be known. */
const ATTEMPTS = 100;

/**
 * Settings that are uniform in the space, each tried once where there are enough of them. In many dimensions, few of which
 * matter, better than a grid (Bergstra and Bengio, JMLR 2012); what any other sampler has to be better than.
 */
export class RandomSampler implements Sampler {
  readonly #space: SearchSpace;
  readonly #seed: number;

  /** @param seed integer, 0 to 2^53 − 1 */
  constructor(space: SearchSpace, seed: number) {
    this.#space = space;
    this.#seed = seed;
  }

  suggest(trial: number, known: readonly Observation[]): number[] {
    return drawUntried(
      this.#space,
      new RandomStream(this.#seed, PURPOSE.tuning, trial),
      triedPoints(this.#space, known),
    );
  }
}

/** A uniform point of a setting that was not tried. */
export function drawUntried(space: SearchSpace, random: RandomStream, tried: ReadonlySet<string>): number[] {
  for (let attempt = 1; ; attempt++) {
    const point = settled(
      space,
      space.dimensions.map(() => random.uniform()),
    );
    if (attempt === ATTEMPTS || !tried.has(keyOf(point))) return point;
  }
}

/**
 * The point by which the setting at a point is known. Whoever knows settings only, such as a search that goes on from its
 * journal, has the same points as who chose them.
 */
export const settled = (space: SearchSpace, point: readonly number[]): number[] =>
  space.pointOf(space.settingAt(point));

/** Points that are known, as text. */
export const triedPoints = (space: SearchSpace, known: readonly Observation[]): Set<string> =>
  new Set(known.map(({ point }) => keyOf(settled(space, point))));

export const keyOf = (point: readonly number[]): string => point.join();
