import { PURPOSE, RandomStream } from '../random/philox.ts';
import { ParzenDensity } from './parzenDensity.ts';
import { drawUntried, keyOf, settled, triedPoints } from './randomSampler.ts';
import type { Observation, Sampler } from './sampler.ts';
import type { SearchSpace } from './searchSpace.ts';

/** Trials with a loss, or failed, before the model decides: with 10, searches of 10 to 20 trials were worse. */
const RANDOM_TRIALS = 6;

/** Share of the trials that count as good, rounded up: .15 to .25 were alike, the usual .1 worse at 50 trials. */
const GOOD_SHARE = 0.15;

/** Points that are drawn from the good for each that is chosen; 12 to 64 were alike. */
const CANDIDATES = 24;

/**
 * Tree-structured Parzen estimator (Bergstra et al., "Algorithms for hyper-parameter optimization", NIPS 2011), seeded.
 * Trials are parted into few good and the others, a density is estimated from each, and of points drawn from the
 * density of the good, that is chosen at which it is highest against the other: what maximises the expected improvement.
 * The densities are joint ones, as in BOHB (Falkner, Klein, Hutter, ICML 2018), over all dimensions.
 *
 * It works badly where the good lies in a stretch much narrower than a tenth of a range: such stretches are found by luck.
 */
export class ParzenSampler implements Sampler {
  readonly #space: SearchSpace;
  readonly #seed: number;

  /** @param seed integer, 0 to 2^53 − 1 */
  constructor(space: SearchSpace, seed: number) {
    this.#space = space;
    this.#seed = seed;
  }

  suggest(trial: number, known: readonly Observation[]): number[] {
    const random = new RandomStream(this.#seed, PURPOSE.tuning, trial);
    const tried = triedPoints(this.#space, known);
    const { good, others, decided } = partedByLoss(known);
    if (good.length === 0 || decided < RANDOM_TRIALS) return drawUntried(this.#space, random, tried);
    const densities = [good, others].map(
      (part) =>
        new ParzenDensity(
          this.#space,
          part.map(({ point }) => settled(this.#space, point)),
        ),
    );
    let best: number[] | undefined;
    let highest = Number.NEGATIVE_INFINITY;
    for (let candidate = 0; candidate < CANDIDATES; candidate++) {
      const point = settled(this.#space, densities[0].draw(random));
      if (tried.has(keyOf(point))) continue;
      const ratio = densities[0].logDensity(point) - densities[1].logDensity(point);
      if (ratio > highest) {
        highest = ratio;
        best = point;
      }
    }
    return best ?? drawUntried(this.#space, random, tried);
  }
}

/**
 * Who went farther is better, then who had the lower loss there: that early stopping let it go on says more than a loss
 * after few epochs, and losses of different rungs are not comparable. Running trials count as far as they have come: with
 * several workers most of those that went far still run. Those in their first rung, and failed ones, are never good, so
 * that others at work stay away from them.
 */
function partedByLoss(known: readonly Observation[]): {
  good: Observation[];
  others: Observation[];
  /** trials with a loss, or failed */
  decided: number;
} {
  const lastLoss = ({ losses }: Observation) => losses[losses.length - 1];
  const failed = known.filter(({ state }) => state === 'failed');
  const ranked = known
    .filter((one) => one.state !== 'failed' && one.losses.length > 0 && !Number.isNaN(lastLoss(one)))
    .sort((a, b) => b.losses.length - a.losses.length || lastLoss(a) - lastLoss(b));
  const decided = ranked.length + failed.length;
  const good = ranked.slice(0, Math.ceil(GOOD_SHARE * decided));
  const isGood = new Set(good);
  return { good, others: known.filter((one) => !isGood.has(one)), decided };
}
