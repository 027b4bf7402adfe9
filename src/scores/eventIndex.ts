import { type GroupTable, NO_GROUP } from '../addresses/groupTable.ts';
import { NameSearch } from './nameSearch.ts';
import { orderOf } from './orderOf.ts';
import type { ScoredEvents } from './scoredEvents.ts';

export type EventOrder = 'strangest' | 'latest';

/** Events whose groups are looked up at a time. */
const LOOKED_UP_AT_ONCE = 1 << 16;

/** What the groups of a table are, event by event. */
export interface GroupColumn {
  table: GroupTable;
  /** index into the table's groups */
  group: Uint32Array; // (≥ N)
  /** of the groups, in lower case; empty for countries */
  names: string[]; // (G)
}

/** Scored events in their orders, with their groups, as far as they had come when it was made last. N events. */
export class EventIndex {
  readonly events: ScoredEvents;
  readonly names: NameSearch;
  /** N */
  count = 0;
  /** changes whenever what is found may change */
  version = 0;
  groups: GroupColumn[] = [];
  #orders: Record<EventOrder, Uint32Array> = { strangest: new Uint32Array(0), latest: new Uint32Array(0) };

  constructor(events: ScoredEvents) {
    this.events = events;
    this.names = new NameSearch(events.entities);
  }

  /** u32[N]: positions of the events */
  order(by: EventOrder): Uint32Array {
    return this.#orders[by];
  }

  /** Whether all events are in it, by these tables. */
  isFresh(tables: GroupTable[]): boolean {
    return (
      this.count === this.events.count &&
      tables.length === this.groups.length &&
      tables.every((table, i) => this.groups[i].table === table)
    );
  }

  /** Takes what came since the last time, in steps of some milliseconds; what it held before can be asked meanwhile. */
  *refresh(tables: GroupTable[]): Generator<void> {
    const { events } = this;
    const { count } = events;
    const strangest = yield* orderOf(events.anomaly, count);
    const latest = yield* orderOf(events.time, count);
    yield* this.names.refresh();
    const groups: GroupColumn[] = [];
    for (const table of tables) groups.push(yield* this.#groupColumn(table, count));
    this.#orders = { strangest, latest };
    this.groups = groups;
    this.count = count;
    this.version++;
  }

  *#groupColumn(table: GroupTable, count: number): Generator<void, GroupColumn> {
    const before = this.groups.find((one) => one.table === table);
    const group = new Uint32Array(count).fill(NO_GROUP);
    if (before) group.set(before.group.subarray(0, count));
    const { addresses } = this.events;
    for (let i = before?.group.length ?? 0; i < count; ) {
      const end = Math.min(count, i + LOOKED_UP_AT_ONCE);
      for (; i < end; i++) group[i] = table.find(addresses, i);
      yield;
    }
    return { table, group, names: before?.names ?? table.parts.names.map((name) => name.toLowerCase()) };
  }
}
