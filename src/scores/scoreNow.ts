import type { AddressWords } from '../addresses/address.ts';
import { HashedEvents } from '../events/hashedEvents.ts';
import type { Model } from '../model/model.ts';
import type { ScoredEvents, ScoredFigures } from './scoredEvents.ts';

/** Scored together, as each then takes a fraction of the time; some milliseconds. */
const TOGETHER = 1024;

/** Scores events some at a time and adds them, in their order. */
export class ScoreNow {
  readonly #events: ScoredEvents;
  readonly #model: () => Model;
  readonly #threshold: number | undefined;
  #waiting = new HashedEvents();
  #names: Uint8Array[] = [];
  #times: number[] = [];

  /**
   * @param model     asked for at each time, as it may be another one by then
   * @param threshold "suspicious" from this anomaly on; default: the model's own rule
   */
  constructor(events: ScoredEvents, model: () => Model, threshold: number | undefined) {
    this.#events = events;
    this.#model = model;
    this.#threshold = threshold;
  }

  /** @param time seconds since 1970, NaN where unknown */
  add(name: Uint8Array, words: AddressWords, time: number): void {
    this.#waiting.add(name, 0, name.length, words);
    this.#names.push(name.slice());
    this.#times.push(time);
    if (this.#names.length === TOGETHER) this.flush();
  }

  /** Scores what waits. */
  flush(): void {
    const names = this.#names;
    const figures = new Array<ScoredFigures>(names.length);
    this.#model().assessAll(this.#waiting, this.#threshold, (i, assessment) => {
      figures[i] = assessment;
    });
    for (const [i, name] of names.entries()) {
      const words = this.#waiting.addresses.subarray(i * 4, i * 4 + 4);
      this.#events.add(name, words, this.#times[i], figures[i]);
    }
    this.#waiting = new HashedEvents();
    this.#names = [];
    this.#times = [];
  }
}
