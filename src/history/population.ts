import { isAt, lowerBound, type PlaceColumns } from './accountPlaces.ts';
import type { FamilyParts, PopulationParts } from './populationParts.ts';
import { IPV4_RUNGS, RUNGS } from './rungs.ts';
import { findIpv4Stretches, findIpv6Stretches, newStretches } from './stretches.ts';

/** Rungs up to /16, which an index answers. */
const IPV4_RUNGS_TO_16 = IPV4_RUNGS.filter((bits) => bits <= 16).length;

/**
 * How probable each network is in general, in two ways: the mean over accounts of their share in it, each account
 * weighing the same; and its share of all places, each place of an account weighing the same, as traffic has them.
 * The distinct places of everybody in order, and the sums before each. 24 bytes in memory for each IPv4 place, 28 for IPv6.
 */
export class Population {
  /** accounts with a history */
  readonly accounts: number;
  /** the weight of all places of all accounts */
  readonly total: number;
  readonly #ipv4: FamilyShares;
  readonly #ipv6: FamilyShares;

  readonly parts: PopulationParts;

  /** @param parts of `populationParts`, in this thread or another */
  constructor(parts: PopulationParts) {
    this.parts = parts;
    this.accounts = parts.accounts;
    this.total = parts.total;
    this.#ipv4 = new FamilyShares(parts.ipv4);
    this.#ipv6 = new FamilyShares(parts.ipv6);
  }

  /**
   * Each rung's network around a place.
   * @param shares  f64[K], overwritten: the mean over accounts of their share in it
   * @param weights f64[K], overwritten: the weight of all places in it, of `total`
   */
  look(ipv4: boolean, high: number, low: number, shares: Float64Array, weights: Float64Array): void {
    if (ipv4) this.#ipv4.lookIpv4(high, shares, weights);
    else this.#ipv6.lookIpv6(high, low, shares, weights);
  }

  /** How many accounts have used a place. */
  accountsAt(ipv4: boolean, high: number, low: number): number {
    return (ipv4 ? this.#ipv4 : this.#ipv6).accountsAt(high, low);
  }
}

class FamilyShares {
  readonly #places: PlaceColumns; // Q
  readonly #before: Float64Array; // (Q + 1, 2)
  readonly #users: Uint32Array; // (Q)
  readonly #first16: Uint32Array; // (65537)
  readonly #before16: Float64Array; // (65537, 2)
  readonly #stretches = newStretches();
  /** of the place looked at last: the next one shares the wide networks with it, where places come in order */
  readonly #shares = new Float64Array(RUNGS);
  readonly #weights = new Float64Array(RUNGS);
  #half = -1;

  constructor({ places, before, users, first16, before16 }: FamilyParts) {
    this.#places = places;
    this.#before = before;
    this.#users = users;
    this.#first16 = first16;
    this.#before16 = before16;
  }

  lookIpv4(address: number, shares: Float64Array, weights: Float64Array): void {
    const half = address >>> 16;
    if (half !== this.#half) this.#lookAtHalf(half);
    const start = this.#first16[half];
    const end = this.#first16[half + 1];
    const keys = this.#places.high;
    const kept = findIpv4Stretches(keys, start, end, address, IPV4_RUNGS_TO_16 - 1, this.#stretches);
    this.#sum(kept + 1, shares, weights);
  }

  /** The networks that hold a whole /16. */
  #lookAtHalf(half: number): void {
    const before16 = this.#before16;
    for (let k = 0; k < IPV4_RUNGS_TO_16; k++) {
      const rest = (1 << (16 - IPV4_RUNGS[k])) - 1;
      const next = ((half | rest) + 1) * 2;
      const first = (half & ~rest) * 2;
      this.#shares[k] = before16[next] - before16[first];
      this.#weights[k] = before16[next + 1] - before16[first + 1];
    }
    this.#half = half;
    // Stretches within another /16 may be as long and begin where this one's do, where both are empty.
    this.#stretches.keys = undefined;
  }

  lookIpv6(high: number, low: number, shares: Float64Array, weights: Float64Array): void {
    const { high: highs, low: lows } = this.#places;
    const isFirst = this.#stretches.keys === undefined;
    const kept = findIpv6Stretches(highs, lows, 0, highs.length, high, low, this.#stretches);
    this.#sum(isFirst ? 0 : kept + 1, shares, weights);
  }

  /** Sums the stretches of rungs from `changed` on, and gives all. */
  #sum(changed: number, shares: Float64Array, weights: Float64Array): void {
    const before = this.#before;
    const { from, to } = this.#stretches;
    for (let k = changed; k < RUNGS; k++) {
      const first = from[k] * 2;
      const next = to[k] * 2;
      this.#shares[k] = first === next ? 0 : before[next] - before[first];
      this.#weights[k] = first === next ? 0 : before[next + 1] - before[first + 1];
    }
    for (let k = 0; k < RUNGS; k++) {
      shares[k] = this.#shares[k];
      weights[k] = this.#weights[k];
    }
  }

  accountsAt(high: number, low: number): number {
    const places = this.#places;
    // Within its /16, if there is an index of them.
    const half = high >>> 16;
    const start = places.ipv4 ? this.#first16[half] : 0;
    const end = places.ipv4 ? this.#first16[half + 1] : places.high.length;
    const at = lowerBound(places, start, end, high, low);
    return isAt(places, at, end, high, low) ? this.#users[at] : 0;
  }
}
