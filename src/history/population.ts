import { RadixSort } from '../events/radixSort.ts';
import { type AccountPlaces, isAt, lowerBound, type PlaceColumns } from './accountPlaces.ts';
import type { Decay } from './decay.ts';
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

  constructor(places: AccountPlaces, decay: Decay) {
    const E = places.entityCount;
    const totals = new Float64Array(E);
    let accounts = 0;
    for (let e = 0; e < E; e++) {
      for (const columns of [places.ipv4, places.ipv6]) {
        totals[e] += decay.sum(columns, columns.starts[e], columns.starts[e + 1]);
      }
      if (totals[e] > 0) accounts++;
    }
    this.accounts = accounts;
    this.total = totals.reduce((sum, weight) => sum + weight, 0);
    this.#ipv4 = new FamilyShares(places.ipv4, totals, decay, accounts);
    this.#ipv6 = new FamilyShares(places.ipv6, totals, decay, accounts);
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

/** One family. Q distinct places. */
class FamilyShares {
  /** distinct places, ascending; one stretch */
  readonly #places: PlaceColumns; // Q
  /** the summed shares and the summed weights of all places before, side by side, as both are read at once */
  readonly #before: Float64Array; // (Q + 1, 2)
  /** how many accounts used each place */
  readonly #accounts: Uint32Array; // (Q)
  /** IPv4: the first place of each /16, and the sums before it */
  readonly #first16: Uint32Array; // (65537)
  readonly #before16: Float64Array; // (65537, 2)
  readonly #stretches = newStretches();
  /** of the place looked at last: the next one shares the wide networks with it, where places come in order */
  readonly #shares = new Float64Array(RUNGS);
  readonly #weights = new Float64Array(RUNGS);
  #half = -1;

  constructor(columns: PlaceColumns, totals: Float64Array, decay: Decay, accounts: number) {
    const { places, order, ranks } = distinctPlaces(columns);
    const Q = places.high.length;
    const shares = new Float64Array(Q);
    const weights = new Float64Array(Q);
    this.#accounts = new Uint32Array(Q);
    const owners = ownersOf(columns);
    for (let i = 0; i < order.length; i++) {
      const q = ranks[i];
      this.#accounts[q]++;
      const weight = decay.sum(columns, order[i], order[i] + 1);
      shares[q] += weight / totals[owners[order[i]]] / accounts;
      weights[q] += weight;
    }
    this.#places = places;
    const before = new Float64Array((Q + 1) * 2);
    for (let q = 0; q < Q; q++) {
      before[q * 2 + 2] = before[q * 2] + shares[q];
      before[q * 2 + 3] = before[q * 2 + 1] + weights[q];
    }
    this.#before = before;
    const first16 = columns.ipv4 ? firstOf16(places.high) : new Uint32Array(0);
    this.#first16 = first16;
    this.#before16 = new Float64Array(first16.length * 2);
    for (let half = 0; half < first16.length; half++) {
      this.#before16.set(before.subarray(first16[half] * 2, first16[half] * 2 + 2), half * 2);
    }
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
    return isAt(places, at, end, high, low) ? this.#accounts[at] : 0;
  }
}

/** @returns u32[65537]: where the places of each /16 begin */
function firstOf16(sorted: Uint32Array): Uint32Array {
  const first = new Uint32Array(65537);
  for (let half = 0, q = 0; half < first.length; half++) {
    while (q < sorted.length && sorted[q] >>> 16 < half) q++;
    first[half] = q;
  }
  return first;
}

/** @returns u32[P]: the account of each place */
function ownersOf({ starts, high }: PlaceColumns): Uint32Array {
  const owners = new Uint32Array(high.length);
  for (let e = 0; e + 1 < starts.length; e++) owners.fill(e, starts[e], starts[e + 1]);
  return owners;
}

/** Everybody's places in order. P places of accounts, of which Q are distinct. */
interface OrderedPlaces {
  /** each once, in one stretch */
  places: PlaceColumns; // Q
  /** positions of all places in that order; equal ones by account */
  order: Uint32Array; // P
  /** of each of `order` which of the distinct places it is */
  ranks: Uint32Array; // P
}

function distinctPlaces(columns: PlaceColumns): OrderedPlaces {
  const { ipv4, high, low } = columns;
  const P = high.length;
  const sort = new RadixSort(P);
  const byLow = ipv4 ? undefined : sort.sort(low, P).slice();
  const order = sort.sort(byLow ? gathered(high, byLow) : high, P);
  const highs = sort.sortedKeys;
  // By the low word, then, keeping that order where it is equal, by the high one.
  if (byLow) for (let i = 0; i < P; i++) order[i] = byLow[order[i]];
  const lows = ipv4 ? new Uint32Array(P) : gathered(low, order);
  const ranks = new Uint32Array(P);
  const distinct = { high: new Uint32Array(P), low: new Uint32Array(P) };
  let count = 0;
  for (let i = 0; i < P; i++) {
    if (i === 0 || highs[i] !== highs[i - 1] || lows[i] !== lows[i - 1]) {
      distinct.high[count] = highs[i];
      distinct.low[count++] = lows[i];
    }
    ranks[i] = count - 1;
  }
  const places = {
    ipv4,
    high: distinct.high.slice(0, count),
    low: distinct.low.slice(0, ipv4 ? 0 : count),
    starts: new Uint32Array(0),
    events: new Uint16Array(0),
    day: new Uint16Array(0),
  };
  return { places, order, ranks };
}

function gathered(values: Uint32Array, positions: Uint32Array): Uint32Array {
  const out = new Uint32Array(positions.length);
  for (let i = 0; i < out.length; i++) out[i] = values[positions[i]];
  return out;
}
