import type { AccountPlaces, PlaceColumns } from './accountPlaces.ts';
import { type AccountShards, ONE_SHARD } from './accountShards.ts';
import type { Decay } from './decay.ts';
import {
  countDistinct,
  isNewKey,
  type KeyRecords,
  type KeySums,
  keysInOrder,
  newKeySums,
  partsFrom,
  sharedArray,
  sumsOverRanks,
} from './placeSums.ts';

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

/** 16 bits of IPv4 places, and those of IPv6 that follow 2000::/3, the part of the space that is in use. */
const IPV4_PARTS = partsFrom(0, 16);
const IPV6_PARTS = partsFrom(0x20000000, 13);

/**
 * Sums everybody's places up, which takes most of the time in which a model is opened.
 * @param places those of the accounts of this rank; the sums are those of all ranks
 */
export function populationParts(
  places: AccountPlaces,
  decay: Decay,
  shards: AccountShards = ONE_SHARD,
): PopulationParts {
  const E = places.entityCount;
  const totals = new Float64Array(E);
  let own = 0;
  for (let e = 0; e < E; e++) {
    for (const columns of [places.ipv4, places.ipv6]) {
      totals[e] += decay.sum(columns, columns.starts[e], columns.starts[e + 1]);
    }
    if (totals[e] > 0) own++;
  }
  const [accounts] = shards.counted(own);
  const isAlone = shards.ranks.size === 1;
  const partsOf = (columns: PlaceColumns) =>
    familyParts(
      columns.ipv4,
      isAlone
        ? sumsHere(columns, totals, decay, accounts)
        : sumsOverRanks(
            recordsOf(columns, totals, decay, accounts),
            !columns.ipv4,
            columns.ipv4 ? IPV4_PARTS : IPV6_PARTS,
            shards,
          ),
    );
  const ipv4 = partsOf(places.ipv4);
  const ipv6 = partsOf(places.ipv6);
  return { accounts, total: weightOfAll(ipv4) + weightOfAll(ipv6), ipv4, ipv6 };
}

/** What is before the end is everything. */
const weightOfAll = ({ before }: FamilyParts) => before[before.length - 1];

/** The sums of each place of one process, over its accounts in their order. */
function sumsHere(columns: PlaceColumns, totals: Float64Array, decay: Decay, accounts: number): KeySums {
  const hasLow = !columns.ipv4;
  const keys = keysInOrder(columns, hasLow);
  const { order, highs, lows } = keys;
  const P = columns.high.length;
  const into = newKeySums(countDistinct(keys, P), hasLow);
  const { high, low, sums, users } = into;
  const owners = ownersOf(columns);
  for (let i = 0, q = 0; i < P; q++) {
    high[q] = highs[i];
    if (hasLow) low[q] = lows[i];
    let [share, sum] = [0, 0];
    do {
      const at = order[i++];
      const weight = decay.sum(columns, at, at + 1);
      share += weight / totals[owners[at]] / accounts;
      sum += weight;
      users[q]++;
    } while (i < P && !isNewKey(keys, i));
    sums[q * 2 + 2] = share;
    sums[q * 2 + 3] = sum;
  }
  return into;
}

/** What accounts add to their places, for a rank to sum that has those of others too. */
function recordsOf(columns: PlaceColumns, totals: Float64Array, decay: Decay, accounts: number): KeyRecords {
  const { high, low } = columns;
  const account = ownersOf(columns);
  const terms = new Float64Array(high.length * 2);
  for (let at = 0; at < high.length; at++) {
    const weight = decay.sum(columns, at, at + 1);
    terms[at * 2] = weight / totals[account[at]] / accounts;
    terms[at * 2 + 1] = weight;
  }
  return { high, low, account, terms };
}

function familyParts(ipv4: boolean, { high, low, sums: before, users }: KeySums): FamilyParts {
  // The sums of places become those of all places before.
  for (let at = 2; at < before.length; at++) before[at] += before[at - 2];
  return indexed({ ipv4, high, low, before, users });
}

/** What a model in shards keeps of one family; the rest follows from it. */
export interface StoredFamily {
  ipv4: boolean;
  high: Uint32Array; // (Q)
  low: Uint32Array; // (Q or 0)
  before: Float64Array; // (Q + 1, 2)
  users: Uint32Array; // (Q)
}

/** The same with what finds places fast. */
export function indexed({ ipv4, high, low, before, users }: StoredFamily): FamilyParts {
  const none = new Uint16Array(0);
  const places = { ipv4, high, low, starts: new Uint32Array(0), events: none, day: none };
  const first16 = ipv4 ? firstOf16(high) : new Uint32Array(0);
  const before16 = sharedArray(Float64Array, first16.length * 2);
  for (let half = 0; half < first16.length; half++) {
    before16.set(before.subarray(first16[half] * 2, first16[half] * 2 + 2), half * 2);
  }
  return { places, before, users, first16, before16 };
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
