import { RadixSort } from '../events/radixSort.ts';
import type { AccountPlaces, PlaceColumns } from './accountPlaces.ts';
import type { Decay } from './decay.ts';

/** What everybody's places come to, of one family. Q distinct places. In memory that threads share: it never changes. */
export interface FamilyParts {
  /** distinct places, ascending; one stretch */
  places: PlaceColumns; // Q
  /** the summed shares and the summed weights of all places before, side by side, as both are read at once */
  before: Float64Array; // (Q + 1, 2)
  /** how many accounts used each place */
  users: Uint32Array; // (Q)
  /** IPv4: the first place of each /16, and the sums before it */
  first16: Uint32Array; // (65537)
  before16: Float64Array; // (65537, 2)
}

/** What `Population` looks networks up in. */
export interface PopulationParts {
  /** accounts with a history */
  accounts: number;
  /** the weight of all places of all accounts */
  total: number;
  ipv4: FamilyParts;
  ipv6: FamilyParts;
}

/** Sums everybody's places up, which takes most of the time in which a model is opened. */
export function populationParts(places: AccountPlaces, decay: Decay): PopulationParts {
  const E = places.entityCount;
  const totals = new Float64Array(E);
  let accounts = 0;
  for (let e = 0; e < E; e++) {
    for (const columns of [places.ipv4, places.ipv6]) {
      totals[e] += decay.sum(columns, columns.starts[e], columns.starts[e + 1]);
    }
    if (totals[e] > 0) accounts++;
  }
  return {
    accounts,
    total: totals.reduce((sum, weight) => sum + weight, 0),
    ipv4: familyParts(places.ipv4, totals, decay, accounts),
    ipv6: familyParts(places.ipv6, totals, decay, accounts),
  };
}

function familyParts(
  columns: PlaceColumns,
  totals: Float64Array,
  decay: Decay,
  accounts: number,
): FamilyParts {
  const { ipv4 } = columns;
  const { order, highs, lows } = placesInOrder(columns);
  const P = order.length;
  let Q = 0;
  for (let i = 0; i < P; i++) if (isNewPlace(highs, lows, i)) Q++;
  const places = {
    ipv4,
    high: sharedArray(Uint32Array, Q),
    low: sharedArray(Uint32Array, ipv4 ? 0 : Q),
    starts: new Uint32Array(0),
    events: new Uint16Array(0),
    day: new Uint16Array(0),
  };
  const before = sharedArray(Float64Array, (Q + 1) * 2);
  const users = sharedArray(Uint32Array, Q);
  const owners = ownersOf(columns);
  for (let i = 0, q = 0; i < P; q++) {
    places.high[q] = highs[i];
    if (!ipv4) places.low[q] = lows[i];
    let [share, sum] = [0, 0];
    do {
      const at = order[i++];
      const weight = decay.sum(columns, at, at + 1);
      share += weight / totals[owners[at]] / accounts;
      sum += weight;
      users[q]++;
    } while (i < P && !isNewPlace(highs, lows, i));
    before[q * 2 + 2] = before[q * 2] + share;
    before[q * 2 + 3] = before[q * 2 + 1] + sum;
  }
  const first16 = ipv4 ? firstOf16(places.high) : new Uint32Array(0);
  const before16 = sharedArray(Float64Array, first16.length * 2);
  for (let half = 0; half < first16.length; half++) {
    before16.set(before.subarray(first16[half] * 2, first16[half] * 2 + 2), half * 2);
  }
  return { places, before, users, first16, before16 };
}

function sharedArray<T extends Uint32Array | Float64Array>(
  kind: { new (buffer: SharedArrayBuffer): T; BYTES_PER_ELEMENT: number },
  length: number,
): T {
  return new kind(new SharedArrayBuffer(length * kind.BYTES_PER_ELEMENT));
}

/** @returns u32[65537]: where the places of each /16 begin */
function firstOf16(sorted: Uint32Array): Uint32Array {
  const first = sharedArray(Uint32Array, 65537);
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

/** P places of accounts in order, each as often as accounts have used it. */
interface OrderedPlaces {
  /** their positions in the columns; equal places by account */
  order: Uint32Array; // (≥ P)
  highs: Uint32Array; // (≥ P)
  /** empty for IPv4 */
  lows: Uint32Array; // P
}

function placesInOrder(columns: PlaceColumns): OrderedPlaces {
  const { ipv4, high, low } = columns;
  const P = high.length;
  const sort = new RadixSort(P);
  if (ipv4) return { order: sort.sort(high, P), highs: sort.sortedKeys, lows: new Uint32Array(0) };
  // By the low word, then, keeping that order where it is equal, by the high one.
  const byLow = sort.sort(low, P).slice();
  const order = sort.sort(gathered(high, byLow), P);
  for (let i = 0; i < P; i++) order[i] = byLow[order[i]];
  return { order, highs: sort.sortedKeys, lows: gathered(low, order) };
}

/** Whether another place stands before it. */
const isNewPlace = (highs: Uint32Array, lows: Uint32Array, i: number): boolean =>
  i === 0 || highs[i] !== highs[i - 1] || (lows.length > 0 && lows[i] !== lows[i - 1]);

function gathered(values: Uint32Array, positions: Uint32Array): Uint32Array {
  const out = new Uint32Array(positions.length);
  for (let i = 0; i < out.length; i++) out[i] = values[positions[i]];
  return out;
}
