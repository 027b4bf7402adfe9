import type { AddressWords } from '../../addresses/address.ts';
import type { GroupTable } from '../../addresses/groupTable.ts';
import { grown } from '../../events/events.ts';
import { type EventConditions, EventFinder } from '../../scores/eventFilter.ts';
import { EventIndex, type EventOrder } from '../../scores/eventIndex.ts';
import type { NameSearch } from '../../scores/nameSearch.ts';
import type { ScoredEvents } from '../../scores/scoredEvents.ts';
import { isSameTime, type Labels } from './labels.ts';
import { Slices } from './slices.ts';

/** While events are being read, what is asked is answered by an order that is so old at most. */
const STALE_MILLISECONDS = 2000;

/** Events that can be asked for, with their labels. N events. */
export class EventTable {
  readonly events: ScoredEvents;
  /** number of the first event in requests */
  readonly firstId: number;
  readonly #index: EventIndex;
  readonly #finder: EventFinder;
  readonly #labels: Labels;
  #labelColumn = new Uint8Array(0); // (≥ N) index into LABELS
  #labelled = 0;
  #labelsVersion = 0;
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #refreshing: Promise<void> | undefined;

  constructor(events: ScoredEvents, labels: Labels, firstId = 0) {
    this.events = events;
    this.firstId = firstId;
    this.#index = new EventIndex(events);
    this.#finder = new EventFinder(this.#index);
    this.#labels = labels;
  }

  /** of the accounts */
  get names(): NameSearch {
    return this.#index.names;
  }

  /** N: events that are found, while more may be on their way */
  get count(): number {
    return this.#index.count;
  }

  /** u8[≥ N], index into LABELS */
  get labelColumn(): Uint8Array {
    return this.#labelColumn;
  }

  /** Waits until all events are found, or those of a moment ago. @param isGrowing whether more are being read */
  async refresh(tables: GroupTable[], isGrowing = false): Promise<void> {
    while (this.#refreshing) await this.#refreshing;
    if (this.#index.isFresh(tables)) return;
    const isRecent = performance.now() - this.#refreshedAt < STALE_MILLISECONDS;
    if (isGrowing && isRecent) return;
    this.#refreshing = this.#refresh(tables).finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  async #refresh(tables: GroupTable[]): Promise<void> {
    await new Slices().run(this.#index.refresh(tables));
    const { count } = this.#index;
    if (this.#labelColumn.length < count) this.#labelColumn = grown(this.#labelColumn, count);
    this.#labelRest();
    this.#refreshedAt = performance.now();
  }

  find(conditions: EventConditions, order: EventOrder): Uint32Array {
    return this.#finder.find(conditions, order, this.#labelColumn, this.#labelsVersion);
  }

  /** Takes another label for every event of this account, address and time. @param label index into LABELS */
  label(entityName: string, words: AddressWords, time: number, label: number): void {
    const wanted = this.events.entities.find(entityName);
    if (wanted < 0) return;
    const { entity, addresses, time: times } = this.events;
    for (let i = 0; i < this.#labelled; i++) {
      if (entity[i] !== wanted || !isSameTime(times[i], time)) continue;
      if (words.every((word, w) => addresses[i * 4 + w] === word)) this.#labelColumn[i] = label;
    }
    this.#labelsVersion++;
  }

  /** Labels of the events that have just come. */
  #labelRest(): void {
    const { entity, entities, addresses, time } = this.events;
    const { count } = this.#index;
    const names = new Map<number, string>();
    for (const name of this.#labels.entities()) names.set(entities.find(name), name);
    names.delete(-1);
    const isLabelled = new Uint8Array(entities.count);
    for (const number of names.keys()) isLabelled[number] = 1;
    for (let i = this.#labelled; i < count; i++) {
      if (isLabelled[entity[i]] === 0) continue;
      const words = addresses.slice(i * 4, i * 4 + 4);
      this.#labelColumn[i] = this.#labels.codeOf(names.get(entity[i])!, words, time[i]);
    }
    this.#labelled = count;
  }
}
