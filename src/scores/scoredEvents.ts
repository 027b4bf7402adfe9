import type { AddressWords } from '../addresses/address.ts';
import { EntityDictionary, grown } from '../events/events.ts';
import type { Verdict } from '../model/model.ts';

/** What stands in the column of verdicts. */
export const VERDICTS: readonly Verdict[] = ['ok', 'suspicious', 'unknown'];

/** What a model said of an event when it was scored. */
export interface ScoredFigures {
  /** high = expected */
  dotProduct: number;
  /** in nats; high = strange */
  anomaly: number;
  /** null where too few events like it were known */
  pValue: number | null;
  verdict: Verdict;
}

/** Scored events as columns that grow. N events, E distinct entities. */
export class ScoredEvents {
  readonly entities: EntityDictionary; // E
  #count = 0;
  #entity = new Uint32Array(1024); // (N)
  #addresses: AddressWords = new Uint32Array(4096); // (N, 4)
  #time = new Float64Array(1024); // (N)
  #dotProduct = new Float64Array(1024); // (N)
  #anomaly = new Float64Array(1024); // (N)
  #pValue = new Float64Array(1024); // (N)
  #verdict = new Uint8Array(1024); // (N)

  /** @param entities dictionary to number names by, to share it between sets of events */
  constructor(entities = new EntityDictionary()) {
    this.entities = entities;
  }

  /** N */
  get count(): number {
    return this.#count;
  }

  /** which entity */
  get entity(): Uint32Array {
    return this.#entity.subarray(0, this.#count);
  }

  get addresses(): AddressWords {
    return this.#addresses.subarray(0, this.#count * 4);
  }

  /** seconds since 1970-01-01 UTC; NaN where unknown */
  get time(): Float64Array {
    return this.#time.subarray(0, this.#count);
  }

  get dotProduct(): Float64Array {
    return this.#dotProduct.subarray(0, this.#count);
  }

  get anomaly(): Float64Array {
    return this.#anomaly.subarray(0, this.#count);
  }

  /** NaN where unknown */
  get pValue(): Float64Array {
    return this.#pValue.subarray(0, this.#count);
  }

  /** index into VERDICTS */
  get verdict(): Uint8Array {
    return this.#verdict.subarray(0, this.#count);
  }

  /**
   * Adds an event.
   * @param name  UTF-8 bytes of the entity
   * @param words u32[4], copied
   * @param time  seconds since 1970, NaN where unknown
   */
  add(name: Uint8Array, words: AddressWords, time: number, figures: ScoredFigures): void {
    const at = this.#count++;
    if (at === this.#entity.length) this.#grow(at * 2);
    this.#entity[at] = this.entities.add(name);
    for (let word = 0; word < 4; word++) this.#addresses[at * 4 + word] = words[word];
    this.#time[at] = time;
    this.#dotProduct[at] = figures.dotProduct;
    this.#anomaly[at] = figures.anomaly;
    this.#pValue[at] = figures.pValue ?? Number.NaN;
    this.#verdict[at] = VERDICTS.indexOf(figures.verdict);
  }

  /** Makes room for so many events, so that columns need not be copied as they grow. */
  reserve(count: number): void {
    if (count > this.#entity.length) this.#grow(count);
  }

  #grow(length: number): void {
    this.#entity = grown(this.#entity, length);
    this.#addresses = grown(this.#addresses, length * 4);
    this.#time = grown(this.#time, length);
    this.#dotProduct = grown(this.#dotProduct, length);
    this.#anomaly = grown(this.#anomaly, length);
    this.#pValue = grown(this.#pValue, length);
    this.#verdict = grown(this.#verdict, length);
  }
}
