import type { RangeTable } from '../addresses/ranges.ts';
import { InputError } from '../errors.ts';
import type { Events } from '../events/events.ts';
import type { Truth, TutorialAccount } from '../events/simulate/truth.ts';
import { TUTORIAL } from '../events/simulate/tutorial.ts';

/**
 * Where an attacker's address comes from: `octets` = each octet uniform; `announced` = a range uniform over the list,
 * the address uniform within; `swap` = the address of a login drawn from everybody's.
 */
export type OracleAttack = 'octets' | 'announced' | 'swap';

/**
 * Whose accounts are attacked: `logins` = those of honest logins, as often as they log in (an attack takes the entity of an
 * honest event); `accounts` = each account equally often.
 */
export type OracleVictims = 'logins' | 'accounts';

/**
 * The best possible detector for the tutorial's world: the true likelihood ratio (Neyman and Pearson 1933). No detector
 * that sees one (entity, address) pair at a time can rank honest and attacking logins better, for that attack.
 *
 *   anomaly(u, x) = −ln( p(x | u) / p_attack(x) )      in nats; high = strange
 *
 * This is the limit where victims are drawn as `logins`. Where they are drawn as `accounts`, seldom used accounts are
 * attacked more often than they log in, and a detector that merely counts logins can pass below that anomaly: the ratio
 * of P(u) among honest logins and among attacks then belongs to the limit (docs/worlds.md has the figures).
 *
 * The address is uniform within its range in every one of these densities but `octets`, so that only the probabilities of
 * the range remain. An address outside every range has p(x | u) = 0, since no account of this world ever sends from
 * there: its anomaly is +Infinity. An entity that the truth does not name gets 0, "neither likelier nor less likely", for
 * every address inside a range.
 */
export class Oracle {
  readonly #ranges: RangeTable;
  readonly #accounts: Map<string, TutorialAccount>;
  readonly #steps: StepLaw;
  readonly #meanEvents: number; // Σn / U
  #population: Float64Array | undefined; // (R) probability of each range among everybody's logins

  /**
   * @param ranges the list that the world was built on
   * @param sha256 hex SHA-256 of that list
   * @throws InputError where it is another list, or where the world has no such limit
   */
  constructor(truth: Truth, ranges: RangeTable, sha256: string) {
    if (truth.world !== 'tutorial') {
      throw new InputError(
        `the world "${truth.world}" has no known limit: its leases make the logins of an account depend on each other, so that the true likelihood ratio of one login has no closed form. The oracle judges the world "tutorial" only.`,
      );
    }
    if (sha256 !== truth.ranges.sha256 || ranges.count !== truth.ranges.count) {
      throw new InputError(
        `the truth was made with the ranges of ${truth.ranges.name} (SHA-256 ${truth.ranges.sha256.slice(0, 12)}…, ${truth.ranges.count} ranges), got a list with SHA-256 ${sha256.slice(0, 12)}… and ${ranges.count} ranges. Name the same list with --ranges, or simulate again.`,
      );
    }
    this.#ranges = ranges;
    this.#accounts = new Map(truth.accounts.map((account) => [account.entity, account]));
    this.#meanEvents = truth.accounts.reduce((sum, { events }) => sum + events, 0) / truth.accounts.length;
    this.#steps = new StepLaw(TUTORIAL.placeSigma, ranges.count);
  }

  /** @returns f64[N]: the anomaly of each event in nats, where the alternative is that attack on such victims */
  anomalies(events: Events, attack: OracleAttack, victims: OracleVictims = 'logins'): Float64Array {
    const { entities, entity, addresses, count } = events;
    const accounts: (TutorialAccount | undefined)[] = [];
    for (let e = 0; e < entities.count; e++) accounts.push(this.#accounts.get(entities.name(e)));
    const attackProbability = this.#attackProbability(attack);
    const anomalies = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const range = this.#ranges.find(addresses, i);
      const account = accounts[entity[i]];
      if (range < 0) {
        anomalies[i] = Number.POSITIVE_INFINITY;
      } else if (account) {
        anomalies[i] = Math.log(attackProbability(range) / this.rangeProbability(account, range));
        // P(u) is 1/U among attacks, n(u)/Σn among honest logins.
        if (victims === 'accounts') anomalies[i] -= Math.log(account.events / this.#meanEvents);
      }
    }
    return anomalies;
  }

  /** The probability that a login of this account comes from that range. */
  rangeProbability(account: TutorialAccount, range: number): number {
    const { home, work, travel, homeShare } = account;
    const near =
      homeShare * this.#steps.probability(home, range) +
      (1 - homeShare) * this.#steps.probability(work, range);
    return travel / this.#ranges.count + (1 - travel) * near;
  }

  /** @returns the probability that an attacker uses a range, as a function of the range */
  #attackProbability(attack: OracleAttack): (range: number) => number {
    const { sizes, count } = this.#ranges;
    if (attack === 'announced') return () => 1 / count;
    if (attack === 'octets') return (range) => sizes[range] * 2 ** -32;
    this.#population ??= this.#populationProbabilities();
    const population = this.#population;
    return (range) => population[range];
  }

  /** @returns f64[R]: the probability of each range for a login drawn from everybody's */
  #populationProbabilities(): Float64Array {
    const { count } = this.#ranges;
    const sums = new Float64Array(count);
    let total = 0;
    let travelling = 0;
    for (const { home, work, travel, homeShare, events } of this.#accounts.values()) {
      this.#steps.addTo(sums, home, events * (1 - travel) * homeShare);
      this.#steps.addTo(sums, work, events * (1 - travel) * (1 - homeShare));
      travelling += events * travel;
      total += events;
    }
    return sums.map((sum) => (sum + travelling / count) / total);
  }
}

/**
 * The law of a place of the list that is moved by a normal, rounded to a whole number of places, and kept within the
 * list.
 */
class StepLaw {
  readonly #lastPlace: number;
  /** probability of a step of d places, to one side */
  readonly #steps: Float64Array; // (radius + 1)
  /** probability of a step of d or more places, to one side */
  readonly #tails: Float64Array; // (radius + 2)

  constructor(sigma: number, places: number) {
    this.#lastPlace = places - 1;
    // Beyond 12 σ lies a mass of 4e-33: far below any travel / R.
    const radius = Math.ceil(12 * sigma);
    this.#steps = Float64Array.from({ length: radius + 1 }, (_, d) => normalMass(d / sigma, 1 / sigma));
    this.#tails = new Float64Array(radius + 2);
    for (let d = radius; d >= 0; d--) this.#tails[d] = this.#tails[d + 1] + this.#steps[d];
  }

  /** The probability of arriving at `place` from `middle`. */
  probability(middle: number, place: number): number {
    if (this.#lastPlace === 0) return 1;
    // The ends of the list take all that would pass them.
    if (place === 0) return this.#tails[middle] ?? 0;
    if (place === this.#lastPlace) return this.#tails[place - middle] ?? 0;
    return this.#steps[Math.abs(place - middle)] ?? 0;
  }

  /** Adds `weight` times the law around `middle` to sums[place]. */
  addTo(sums: Float64Array, middle: number, weight: number): void {
    const radius = this.#steps.length - 1;
    const last = Math.min(this.#lastPlace, middle + radius);
    for (let place = Math.max(0, middle - radius); place <= last; place++) {
      sums[place] += weight * this.probability(middle, place);
    }
  }
}

/**
 * The mass of the standard normal within width/2 of x, by Gauss and Legendre's rule with three points (relative error
 * below 1e-11 for the width of 0.1 used here).
 */
function normalMass(x: number, width: number): number {
  const offset = Math.sqrt(3 / 5) * (width / 2);
  const density = (z: number) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  return (width / 18) * (5 * density(x - offset) + 8 * density(x) + 5 * density(x + offset));
}
