import { isIpv4 } from '../addresses/address.ts';
import { type Events, grown } from '../events/events.ts';
import { SECONDS_PER_DAY } from '../events/time.ts';
import { placeHigh, placeLow } from './rungs.ts';
import { lowerBoundIpv4, lowerBound as lowerBoundIpv6, upperBound as upperBoundIpv6 } from './stretches.ts';

/** Places of one family as a model file stores them: for each entity those that it used, ascending. P places. */
export interface PlaceColumns {
  ipv4: boolean;
  /** places [starts[e], starts[e + 1]) are entity e's */
  starts: Uint32Array; // (E + 1)
  /** an IPv4 address, or the first half of an IPv6 /64 */
  high: Uint32Array; // (P)
  /** the second half of an IPv6 /64; without IPv6 empty */
  low: Uint32Array; // (P or 0)
  /** events from there, at most 65,535 */
  events: Uint16Array; // (P)
  /** day of the last one, since 1970-01-01 UTC; 0 where unknown */
  day: Uint16Array; // (P)
}

const MAX_EVENTS = 0xffff;
const MAX_DAY = 0xffff;
const LAST_ADDRESS = 0xffffffff;

/** Seconds since 1970 → a day from 1 to 65,535 (the year 2149); 0 where unknown. */
export function dayOf(time: number): number {
  if (Number.isNaN(time)) return 0;
  return Math.min(MAX_DAY, Math.max(1, Math.floor(time / SECONDS_PER_DAY)));
}

/** The places of one account in one family: places [from, to) of the columns. */
export interface Segment {
  columns: PlaceColumns;
  from: number;
  to: number;
}

/** First place in [from, to) that is not below (high, low). */
export function lowerBound(
  { ipv4, high: highs, low: lows }: PlaceColumns,
  from: number,
  to: number,
  high: number,
  low: number,
): number {
  return ipv4 ? lowerBoundIpv4(highs, from, to, high | 0) : lowerBoundIpv6(highs, lows, from, to, high, low);
}

/** First place in [from, to) that is above (high, low). */
export function upperBound(
  { ipv4, high: highs, low: lows }: PlaceColumns,
  from: number,
  to: number,
  high: number,
  low: number,
): number {
  if (!ipv4) return upperBoundIpv6(highs, lows, from, to, high, low);
  return high === LAST_ADDRESS ? to : lowerBoundIpv4(highs, from, to, high + 1);
}

/** Whether (high, low) stands at a place that `lowerBound` found, of those before `to`. */
export function isAt(
  { ipv4, high: highs, low: lows }: PlaceColumns,
  at: number,
  to: number,
  high: number,
  low: number,
): boolean {
  return at < to && highs[at] === high && (ipv4 || lows[at] === low);
}

/** Columns of one account's own, once a place was added to it. */
type GrownAccount = [ipv4: PlaceColumns, ipv6: PlaceColumns];

/**
 * The places that each entity used: 8 bytes for each of an account's IPv4 addresses, 12 for each IPv6 /64. One more
 * event of a place counts it up; a new place copies its account aside once, and so does a later day where days must be kept. E entities, numbered as the caller likes.
 */
export class AccountPlaces {
  readonly ipv4: PlaceColumns;
  readonly ipv6: PlaceColumns;
  readonly #grown = new Map<number, GrownAccount>();

  constructor(ipv4: PlaceColumns, ipv6: PlaceColumns) {
    this.ipv4 = ipv4;
    this.ipv6 = ipv6;
  }

  /**
   * @param entityCount E
   * @param entityOf    the number of each entity of the events' dictionary
   */
  static of(events: Events, entityCount: number, entityOf: Uint32Array): AccountPlaces {
    return new AccountPlaces(
      collectPlaces(events, entityCount, entityOf, true),
      collectPlaces(events, entityCount, entityOf, false),
    );
  }

  /** E; entities that are observed later have numbers from there on. */
  get entityCount(): number {
    return this.ipv4.starts.length - 1;
  }

  /** The places of an entity in one family; `into` is overwritten and returned. */
  find(entity: number, ipv4: boolean, into: Segment): Segment {
    const grown = this.#grown.size === 0 ? undefined : this.#grown.get(entity);
    return grown ? fill(grown[ipv4 ? 0 : 1], 0, into) : this.findCounted(entity, ipv4, into);
  }

  /** The same as the columns were made: without places that were added since, and with the days of then where they are kept. */
  findCounted(entity: number, ipv4: boolean, into: Segment): Segment {
    return fill(ipv4 ? this.ipv4 : this.ipv6, entity, into);
  }

  /** A segment to be overwritten by `find`. */
  segment(): Segment {
    return { columns: this.ipv4, from: 0, to: 0 };
  }

  /**
   * Adds one event.
   * @param keepsDays whether the days of `findCounted` must stay as they were, as weights depend on them
   * @returns whether the place is new to the entity
   */
  add(entity: number, ipv4: boolean, high: number, low: number, day: number, keepsDays = false): boolean {
    const { columns, from, to } = this.find(entity, ipv4, this.#scratch);
    const at = lowerBound(columns, from, to, high, low);
    if (isAt(columns, at, to, high, low)) {
      const isLater = day > columns.day[at];
      if (keepsDays && isLater && !this.hasGrownOf(entity)) {
        this.#setAside(entity);
        return this.add(entity, ipv4, high, low, day);
      }
      if (columns.events[at] < MAX_EVENTS) columns.events[at]++;
      if (isLater) columns.day[at] = day;
      return false;
    }
    const grown = this.#grown.get(entity) ?? this.#setAside(entity);
    insert(grown[ipv4 ? 0 : 1], at - from, high, low, day);
    return true;
  }

  /** Whether an entity has been copied aside, since a place was added. */
  hasGrownOf(entity: number): boolean {
    return this.#grown.size > 0 && this.#grown.has(entity);
  }

  /** Whether a place was added since the columns were made. */
  get hasGrown(): boolean {
    return this.#grown.size > 0;
  }

  /** The same with all places in columns. @param order number of each entity in the new order */
  compacted(order: Uint32Array): AccountPlaces {
    return new AccountPlaces(this.#compactedFamily(order, true), this.#compactedFamily(order, false));
  }

  #compactedFamily(order: Uint32Array, ipv4: boolean): PlaceColumns {
    const starts = new Uint32Array(order.length + 1);
    const segment = this.segment();
    for (let i = 0; i < order.length; i++) {
      const { from, to } = this.find(order[i], ipv4, segment);
      starts[i + 1] = starts[i] + to - from;
    }
    const P = starts[order.length];
    const into: PlaceColumns = {
      ipv4,
      starts,
      high: new Uint32Array(P),
      low: new Uint32Array(ipv4 ? 0 : P),
      events: new Uint16Array(P),
      day: new Uint16Array(P),
    };
    for (let i = 0; i < order.length; i++) {
      const { columns, from, to } = this.find(order[i], ipv4, segment);
      into.high.set(columns.high.subarray(from, to), starts[i]);
      if (!ipv4) into.low.set(columns.low.subarray(from, to), starts[i]);
      into.events.set(columns.events.subarray(from, to), starts[i]);
      into.day.set(columns.day.subarray(from, to), starts[i]);
    }
    return into;
  }

  readonly #scratch: Segment = { columns: undefined as never, from: 0, to: 0 };

  #setAside(entity: number): GrownAccount {
    const copy = (family: boolean): PlaceColumns => {
      const { columns, from, to } = this.find(entity, family, this.#scratch);
      const own: PlaceColumns = {
        ipv4: family,
        starts: Uint32Array.of(0, to - from),
        high: columns.high.subarray(from, to),
        low: columns.low.subarray(from, family ? from : to),
        events: columns.events.subarray(from, to),
        day: columns.day.subarray(from, to),
      };
      grow(own);
      return own;
    };
    const account: GrownAccount = [copy(true), copy(false)];
    this.#grown.set(entity, account);
    return account;
  }
}

/** The segment of entity `at` of the columns. */
function fill(columns: PlaceColumns, at: number, into: Segment): Segment {
  const { starts } = columns;
  const isKnown = at >= 0 && at + 1 < starts.length;
  into.columns = columns;
  into.from = isKnown ? starts[at] : 0;
  into.to = isKnown ? starts[at + 1] : 0;
  return into;
}

/** A new place, of one event, before place `at` of an account's own columns. */
function insert(columns: PlaceColumns, at: number, high: number, low: number, day: number): void {
  const count = columns.starts[1];
  if (count === columns.high.length) grow(columns);
  const { ipv4, starts } = columns;
  insertAt(columns.high, at, count, high);
  if (!ipv4) insertAt(columns.low, at, count, low);
  insertAt(columns.events, at, count, 1);
  insertAt(columns.day, at, count, day);
  starts[1] = count + 1;
}

/** Fewer are moved faster one by one than by a call. */
const FEW = 48;

/** Moves elements [at, count) on by one to make room for a value. */
function insertAt(array: Uint32Array | Uint16Array, at: number, count: number, value: number): void {
  if (count - at > FEW) array.copyWithin(at + 1, at, count);
  else for (let i = count; i > at; i--) array[i] = array[i - 1];
  array[at] = value;
}

/** Copies columns of one account to where there is room for more. */
function grow(columns: PlaceColumns): void {
  const count = columns.starts[1];
  const length = Math.max(4, count + (count >> 1));
  columns.high = grown(columns.high, length);
  if (!columns.ipv4) columns.low = grown(columns.low, length);
  columns.events = grown(columns.events, length);
  columns.day = grown(columns.day, length);
}

/** Sorts the events of one family by entity and place, and counts. */
function collectPlaces(
  { count, entity, addresses, time }: Events,
  entityCount: number,
  entityOf: Uint32Array,
  ipv4: boolean,
): PlaceColumns {
  const first = new Uint32Array(entityCount + 1);
  for (let i = 0; i < count; i++) {
    if (isIpv4(addresses, i) === ipv4) first[entityOf[entity[i]] + 1]++;
  }
  for (let e = 0; e < entityCount; e++) first[e + 1] += first[e];
  const total = first[entityCount];
  // By entity; within it sorted by place. IPv4 is sorted as numbers of address and event, which is fast.
  const next = first.slice();
  const order = new Uint32Array(total);
  for (let i = 0; i < count; i++) {
    if (isIpv4(addresses, i) === ipv4) order[next[entityOf[entity[i]]]++] = i;
  }
  const places = new PlaceList(ipv4, total);
  const starts = new Uint32Array(entityCount + 1);
  const keys = new BigUint64Array(ipv4 ? largest(first) : 0);
  const words = new Uint32Array(keys.buffer);
  for (let e = 0; e < entityCount; e++) {
    const mine = order.subarray(first[e], first[e + 1]);
    if (ipv4) {
      // On a little-endian machine the low word comes first.
      for (let j = 0; j < mine.length; j++) {
        words[2 * j] = mine[j];
        words[2 * j + 1] = addresses[mine[j] * 4 + 3];
      }
      keys.subarray(0, mine.length).sort();
      for (let j = 0; j < mine.length; j++) mine[j] = words[2 * j];
    } else {
      mine.sort((a, b) => addresses[a * 4] - addresses[b * 4] || addresses[a * 4 + 1] - addresses[b * 4 + 1]);
    }
    for (const i of mine) {
      places.add(starts[e], placeHigh(addresses, i, ipv4), placeLow(addresses, i, ipv4), dayOf(time[i]));
    }
    starts[e + 1] = places.count;
  }
  return places.finish(starts);
}

/** The longest of the stretches that begin at `first`. */
function largest(first: Uint32Array): number {
  let length = 0;
  for (let e = 0; e + 1 < first.length; e++) length = Math.max(length, first[e + 1] - first[e]);
  return length;
}

/** Places as they come in order; equal neighbours become one. */
class PlaceList {
  count = 0;
  readonly #ipv4: boolean;
  readonly #high: Uint32Array;
  readonly #low: Uint32Array;
  readonly #events: Uint16Array;
  readonly #day: Uint16Array;

  constructor(ipv4: boolean, capacity: number) {
    this.#ipv4 = ipv4;
    this.#high = new Uint32Array(capacity);
    this.#low = new Uint32Array(ipv4 ? 0 : capacity);
    this.#events = new Uint16Array(capacity);
    this.#day = new Uint16Array(capacity);
  }

  /** @param start where the present entity's places begin */
  add(start: number, high: number, low: number, day: number): void {
    const last = this.count - 1;
    if (last >= start && this.#high[last] === high && (this.#ipv4 || this.#low[last] === low)) {
      if (this.#events[last] < MAX_EVENTS) this.#events[last]++;
      if (day > this.#day[last]) this.#day[last] = day;
      return;
    }
    const at = this.count++;
    this.#high[at] = high;
    if (!this.#ipv4) this.#low[at] = low;
    this.#events[at] = 1;
    this.#day[at] = day;
  }

  finish(starts: Uint32Array): PlaceColumns {
    const { count } = this;
    return {
      ipv4: this.#ipv4,
      starts,
      high: this.#high.slice(0, count),
      low: this.#low.slice(0, this.#ipv4 ? 0 : count),
      events: this.#events.slice(0, count),
      day: this.#day.slice(0, count),
    };
  }
}
