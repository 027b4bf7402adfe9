import { type AddressWords, isIpv4 } from '../addresses/address.ts';
import type { GroupTable } from '../addresses/groupTable.ts';
import { cutHigh, cutLow, hostBitsHigh, hostBitsLow } from '../addresses/prefixBits.ts';
import { AccountGroups, type GroupSums } from './accountGroups.ts';
import { type AccountPlaces, dayOf, isAt, lowerBound, type Segment, upperBound } from './accountPlaces.ts';
import { type AccountShards, ONE_SHARD } from './accountShards.ts';
import { Decay } from './decay.ts';
import { Population } from './population.ts';
import { type PopulationParts, populationParts } from './populationParts.ts';
import { IPV4_SPACE, IPV6_SPACE, placeHigh, placeLow, RUNGS } from './rungs.ts';
import { findIpv4Stretches, findIpv6Stretches, newStretches } from './stretches.ts';

/**
 * What the history knows around one address for one account. R = K + G rungs: prefixes from wide to narrow, then one for
 * each provider table.
 */
export interface LadderView {
  ipv4: boolean;
  /** distinct places of the account, of both families */
  places: number;
  /** the account's weight, of both families: its places, or less where old ones fade */
  total: number;
  /** the account's weight in each rung's network */
  own: Float64Array; // (R)
  /** the same without what it observed later: the part of it that is in `shares` and `weights` */
  counted: Float64Array; // (R)
  countedTotal: number;
  /** how probable each rung's network is in general: the mean over accounts of their share in it */
  shares: Float64Array; // (R)
  /** the weight of everybody's places in each rung's network */
  weights: Float64Array; // (R)
  /** the share of each rung's network in the address space */
  space: Float64Array; // (R)
}

/** A /24 or IPv6 /48 that an account uses. */
export interface AccountNetwork {
  ipv4: boolean;
  /** its first address, IPv4, or the first 64 bits of it */
  high: number;
  low: number;
  /** distinct places in it */
  places: number;
  events: number;
  /** days since 1970; 0 where unknown */
  lastDay: number;
}

/** The ladder of networks: each account's places, everybody's, and how much of them lies around an address. */
export class History {
  readonly places: AccountPlaces;
  readonly population: Population;
  readonly groups: AccountGroups[]; // G
  readonly decay: Decay;
  /** grows with entities that are observed later */
  readonly #events: number[]; // (E)
  readonly #segment: Segment;
  readonly #other: Segment;
  #entity = -1;
  readonly #found = newStretches();

  /**
   * @param places    those of the accounts of this rank
   * @param everybody what another thread has summed up already
   * @param groupSums likewise, of each table
   */
  constructor(
    places: AccountPlaces,
    tables: GroupTable[] = [],
    decay = new Decay(),
    everybody?: PopulationParts,
    shards: AccountShards = ONE_SHARD,
    groupSums: readonly GroupSums[] = [],
  ) {
    this.places = places;
    this.decay = decay;
    this.population = new Population(everybody ?? populationParts(places, decay, shards));
    this.groups = tables.map((table, t) => new AccountGroups(table, places, decay, shards, groupSums[t]));
    this.#events = eventsOfAll(places);
    this.#segment = places.segment();
    this.#other = places.segment();
  }

  /** R */
  get rungs(): number {
    return RUNGS + this.groups.length;
  }

  /** A view to be overwritten by `look`. */
  view(): LadderView {
    const R = this.rungs;
    const space = new Float64Array(R);
    space.set(IPV4_SPACE);
    return {
      ipv4: true,
      places: 0,
      total: 0,
      own: new Float64Array(R),
      counted: new Float64Array(R),
      countedTotal: 0,
      shares: new Float64Array(R),
      weights: new Float64Array(R),
      space,
    };
  }

  /** Fills the view for an entity (−1: one without a history) and an address. */
  look(entity: number, words: AddressWords, index: number, view: LadderView): void {
    const ipv4 = isIpv4(words, index);
    const high = placeHigh(words, index, ipv4);
    const low = placeLow(words, index, ipv4);
    this.#entity = entity;
    this.#lookAtAccount(entity, ipv4, high, low, view);
    this.population.look(ipv4, high, low, view.shares, view.weights);
    if (view.ipv4 !== ipv4) view.space.set(ipv4 ? IPV4_SPACE : IPV6_SPACE);
    view.ipv4 = ipv4;
    for (let g = 0; g < this.groups.length; g++) {
      const { table, shares, weights } = this.groups[g];
      const group = table.find(words, index);
      view.own[RUNGS + g] = group === 0 ? 0 : this.groups[g].weightOf(entity, group);
      view.counted[RUNGS + g] = this.groups[g].countedWeightOf(entity, group);
      view.shares[RUNGS + g] = shares[group];
      view.weights[RUNGS + g] = weights[group];
      // Of the space in the table's ranges, each family counting half.
      view.space[RUNGS + g] = table.shares[group];
    }
  }

  #lookAtAccount(entity: number, ipv4: boolean, high: number, low: number, view: LadderView): void {
    if (this.places.hasGrownOf(entity)) {
      const segment = this.places.findCounted(entity, ipv4, this.#segment);
      const other = this.places.findCounted(entity, !ipv4, this.#other);
      view.countedTotal = this.#weigh(segment, other, ipv4, high, low, view.counted);
    }
    const segment = this.places.find(entity, ipv4, this.#segment);
    const other = this.places.find(entity, !ipv4, this.#other);
    view.places = segment.to - segment.from + (other.to - other.from);
    view.total = this.#weigh(segment, other, ipv4, high, low, view.own);
    if (this.places.hasGrownOf(entity)) return;
    view.countedTotal = view.total;
    for (let k = 0; k < RUNGS; k++) view.counted[k] = view.own[k];
  }

  /**
   * Weighs places of one family within each rung's network.
   * @param own f64[≥ K], overwritten
   * @returns the weight of the places of both families
   */
  #weigh(
    { columns, from, to }: Segment,
    other: Segment,
    ipv4: boolean,
    high: number,
    low: number,
    own: Float64Array,
  ): number {
    const fades = this.decay.halfLifeDays !== undefined;
    const found = this.#found;
    if (ipv4) findIpv4Stretches(columns.high, from, to, high, 0, found);
    else findIpv6Stretches(columns.high, columns.low, from, to, high, low, found);
    for (let k = 0; k < RUNGS; k++) {
      own[k] = fades ? this.decay.sum(columns, found.from[k], found.to[k]) : found.to[k] - found.from[k];
    }
    return fades
      ? this.decay.sum(columns, from, to) + this.decay.sum(other.columns, other.from, other.to)
      : to - from + (other.to - other.from);
  }

  /**
   * Of the last address looked at: the account's events in a rung's network and the last day of one there.
   * @returns day 0 where no time is known
   */
  eventsIn(rung: number): { events: number; lastDay: number } {
    const { columns } = this.#segment;
    let events = 0;
    let lastDay = 0;
    for (let at = this.#found.from[rung]; at < this.#found.to[rung]; at++) {
      events += columns.events[at];
      lastDay = Math.max(lastDay, columns.day[at]);
    }
    return { events, lastDay };
  }

  /** The /24 (IPv6: /48) that an entity has places in, ascending. */
  networksOf(entity: number, ipv4: boolean): AccountNetwork[] {
    const { columns, from, to } = this.places.find(entity, ipv4, this.#other);
    const networks: AccountNetwork[] = [];
    for (let at = from; at < to; at++) {
      const high = ipv4 ? cutHigh(columns.high[at], 24) : columns.high[at];
      const low = ipv4 ? 0 : cutLow(columns.low[at], 48);
      let last = networks.at(-1);
      if (last?.high !== high || last.low !== low) {
        last = { ipv4, high, low, places: 0, events: 0, lastDay: 0 };
        networks.push(last);
      }
      last.places++;
      last.events += columns.events[at];
      last.lastDay = Math.max(last.lastDay, columns.day[at]);
    }
    return networks;
  }

  /** Distinct places of an entity, of both families. */
  placesOf(entity: number): number {
    const { from, to } = this.places.find(entity, true, this.#other);
    const ipv4 = to - from;
    const ipv6 = this.places.find(entity, false, this.#other);
    return ipv4 + ipv6.to - ipv6.from;
  }

  /** Whether the entity has used the place of an address. */
  hasPlace(entity: number, words: AddressWords, index: number): boolean {
    const ipv4 = isIpv4(words, index);
    const high = placeHigh(words, index, ipv4);
    const low = placeLow(words, index, ipv4);
    const { columns, from, to } = this.places.find(entity, ipv4, this.#other);
    const at = lowerBound(columns, from, to, high, low);
    return isAt(columns, at, to, high, low);
  }

  /** Whether the account looked at last has a place within a prefix of its family. @param bits of 128, as in SpecialBlock */
  hasWithin(words: AddressWords, bits: number): boolean {
    const ipv4 = isIpv4(words);
    const length = ipv4 ? bits - 96 : Math.min(64, bits);
    const [restHigh, restLow] = [hostBitsHigh(length), hostBitsLow(length)];
    const high = placeHigh(words, 0, ipv4);
    const low = placeLow(words, 0, ipv4);
    const { columns, from, to } = this.places.find(this.#entity, ipv4, this.#other);
    const first = lowerBound(columns, from, to, high, low);
    return first < upperBound(columns, first, to, (high | restHigh) >>> 0, ipv4 ? 0 : (low | restLow) >>> 0);
  }

  /** How many accounts have used the place of an address. */
  accountsAt(words: AddressWords, index: number): number {
    const ipv4 = isIpv4(words, index);
    return this.population.accountsAt(ipv4, placeHigh(words, index, ipv4), placeLow(words, index, ipv4));
  }

  /** Events of an entity (−1: 0), of both families; each place counts for at most 65,535. */
  eventsOf(entity: number): number {
    return entity < 0 ? 0 : (this.#events[entity] ?? 0);
  }

  /**
   * Adds one event to an account's own history. What is probable in general stays as it was, so that no other account's
   * score changes.
   */
  observe(entity: number, words: AddressWords, index: number, time: number): void {
    const ipv4 = isIpv4(words, index);
    const high = placeHigh(words, index, ipv4);
    const low = placeLow(words, index, ipv4);
    this.#events[entity] = (this.#events[entity] ?? 0) + 1;
    const before = this.groups.length === 0 ? 0 : this.#weightOf(entity, ipv4, high, low);
    // What everybody's shares were counted of must be known later on.
    const fades = this.decay.halfLifeDays !== undefined;
    this.places.add(entity, ipv4, high, low, dayOf(time), fades);
    if (this.groups.length === 0) return;
    const gained = this.#weightOf(entity, ipv4, high, low) - before;
    if (gained === 0) return;
    for (const groups of this.groups) groups.add(entity, ipv4, high, low, gained);
  }

  /** What a place counts for an entity; 0 where it has not used it. */
  #weightOf(entity: number, ipv4: boolean, high: number, low: number): number {
    const { columns, from, to } = this.places.find(entity, ipv4, this.#other);
    const at = lowerBound(columns, from, to, high, low);
    return isAt(columns, at, to, high, low) ? this.decay.sum(columns, at, at + 1) : 0;
  }
}

function eventsOfAll({ entityCount, ipv4, ipv6 }: AccountPlaces): number[] {
  const events: number[] = new Array(entityCount).fill(0);
  for (const columns of [ipv4, ipv6]) {
    for (let e = 0; e < entityCount; e++) {
      for (let at = columns.starts[e]; at < columns.starts[e + 1]; at++) events[e] += columns.events[at];
    }
  }
  return events;
}
