import type { AddressWords } from '../addresses/address.ts';
import { ScoredEvents, type ScoredFigures, VERDICTS } from './scoredEvents.ts';

/** Names take no more characters together, whatever clients call their accounts. */
const MOST_CHARACTERS = 1 << 25;

/** The last events that a server has answered: a ring. C capacity. */
export class RecentEvents {
  readonly capacity: number; // C
  /** how many there ever were; event n lies at n mod C */
  total = 0;
  /** number of the oldest that is kept */
  first = 0;
  #characters = 0;
  readonly #names: string[] = [];
  readonly #words: AddressWords; // (C, 4)
  readonly #figures: Float64Array; // (C, 4): time, dot product, anomaly, p-value
  readonly #verdicts: Uint8Array; // (C)

  /** @param capacity at least 1 */
  constructor(capacity: number) {
    this.capacity = capacity;
    this.#words = new Uint32Array(capacity * 4);
    this.#figures = new Float64Array(capacity * 4);
    this.#verdicts = new Uint8Array(capacity);
  }

  /**
   * @param words the address is words[4·index, 4·index + 4), copied
   * @param time  seconds since 1970
   */
  add(entity: string, words: AddressWords, index: number, time: number, figures: ScoredFigures): void {
    if (this.total - this.first === this.capacity) this.#dropFirst();
    const at = this.total++ % this.capacity;
    this.#names[at] = entity;
    for (let word = 0; word < 4; word++) this.#words[at * 4 + word] = words[index * 4 + word];
    this.#figures[at * 4] = time;
    this.#figures[at * 4 + 1] = figures.dotProduct;
    this.#figures[at * 4 + 2] = figures.anomaly;
    this.#figures[at * 4 + 3] = figures.pValue ?? Number.NaN;
    this.#verdicts[at] = VERDICTS.indexOf(figures.verdict);
    this.#characters += entity.length;
    while (this.#characters > MOST_CHARACTERS && this.first < this.total - 1) this.#dropFirst();
  }

  #dropFirst(): void {
    const at = this.first++ % this.capacity;
    this.#characters -= this.#names[at].length;
    this.#names[at] = '';
  }

  /** Those that are kept, the oldest first, with a dictionary of their own. */
  snapshot(): ScoredEvents {
    const events = new ScoredEvents();
    const encoder = new TextEncoder();
    for (let n = this.first; n < this.total; n++) {
      const at = n % this.capacity;
      const [time, dotProduct, anomaly, pValue] = this.#figures.subarray(at * 4, at * 4 + 4);
      events.add(encoder.encode(this.#names[at]), this.#words.subarray(at * 4, at * 4 + 4), time, {
        dotProduct,
        anomaly,
        pValue: Number.isNaN(pValue) ? null : pValue,
        verdict: VERDICTS[this.#verdicts[at]],
      });
    }
    return events;
  }
}
