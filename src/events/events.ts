import type { AddressWords } from '../addresses/address.ts';
import { hashEntity, hashEntityBytes } from './entityHash.ts';

/** One login, as the outside world gives it. */
export interface AccessEvent {
  entity: string;
  /** text of an IPv4 or IPv6 address */
  address: string;
  /** seconds since 1970-01-01 UTC */
  time?: number;
}

/** Events as columns. N events, E distinct entities. */
export interface Events {
  readonly count: number; // N
  readonly entities: EntityDictionary; // E
  /** which entity */
  readonly entity: Uint32Array; // (N)
  readonly addresses: AddressWords; // (N, 4)
  /** seconds since 1970-01-01 UTC; NaN where unknown */
  readonly time: Float64Array; // (N)
}

/** The distinct names of entities, numbered in order of appearance. */
export class EntityDictionary {
  #count = 0;
  #hashes = new Uint32Array(2048); // (E, 2) low, high
  #ends = new Float64Array(1024); // (E) end of the name in #bytes
  #bytes = new Uint8Array(16384);
  #slots = new Int32Array(4096).fill(-1);
  readonly #hash = new Uint32Array(2);

  get count(): number {
    return this.#count;
  }

  /** @returns u32[2]: low and high word of the name's hash */
  hashOf(entity: number): Uint32Array {
    return this.#hashes.subarray(entity * 2, entity * 2 + 2);
  }

  /** @returns the number of the entity with that name, or −1 */
  find(name: string): number {
    const [low, high] = hashEntity(name);
    return this.findHash(low, high);
  }

  /** The same by the two words of the name's hash. */
  findHash(low: number, high: number): number {
    return this.#slots[this.#slotOf(low, high)];
  }

  /** @returns the number of the entity called name[start, end), added where it is new */
  add(name: Uint8Array, start = 0, end = name.length): number {
    hashEntityBytes(name, start, end, this.#hash);
    return this.#add(this.#hash[0], this.#hash[1], name, start, end);
  }

  /** @returns the number of the entity of whose name only the hash is known, added where it is new; then its name is '' */
  addHash(low: number, high: number): number {
    return this.#add(low, high, NO_NAME, 0, 0);
  }

  #add(low: number, high: number, name: Uint8Array, start: number, end: number): number {
    const slot = this.#slotOf(low, high);
    if (this.#slots[slot] >= 0) return this.#slots[slot];
    const entity = this.#count++;
    if (entity === this.#ends.length) {
      this.#ends = grown(this.#ends, entity * 2);
      this.#hashes = grown(this.#hashes, entity * 4);
    }
    const at = entity === 0 ? 0 : this.#ends[entity - 1];
    const nextEnd = at + end - start;
    if (nextEnd > this.#bytes.length) this.#bytes = grown(this.#bytes, Math.max(nextEnd, at * 2));
    for (let i = start; i < end; i++) this.#bytes[at + i - start] = name[i];
    this.#ends[entity] = nextEnd;
    this.#hashes[entity * 2] = low;
    this.#hashes[entity * 2 + 1] = high;
    this.#slots[slot] = entity;
    if (this.#count * 2 > this.#slots.length) this.#rehash();
    return entity;
  }

  name(entity: number): string {
    const start = entity === 0 ? 0 : this.#ends[entity - 1];
    return decoder.decode(this.#bytes.subarray(start, this.#ends[entity]));
  }

  #slotOf(low: number, high: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const entity = this.#slots[slot];
      if (entity < 0 || (this.#hashes[entity * 2] === low && this.#hashes[entity * 2 + 1] === high))
        return slot;
    }
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(-1);
    for (let entity = 0; entity < this.#count; entity++) {
      this.#slots[this.#slotOf(this.#hashes[entity * 2], this.#hashes[entity * 2 + 1])] = entity;
    }
  }
}

const NO_NAME = new Uint8Array(0);

// A name may begin with the character that is a byte-order mark elsewhere.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A copy of the array with a new, larger length. */
export function grown<T extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(
  array: T,
  length: number,
): T {
  const larger = new (array.constructor as new (length: number) => T)(length);
  larger.set(array);
  return larger;
}

/** Collects events one at a time into columns. */
export class EventsBuilder {
  readonly #entities: EntityDictionary;
  #count = 0;
  #entity = new Uint32Array(1024);
  #addresses = new Uint32Array(4096);
  #time = new Float64Array(1024);

  /** @param entities dictionary to number the names by, to share it between sets of events */
  constructor(entities = new EntityDictionary()) {
    this.#entities = entities;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * @param name  UTF-8 bytes; the name is name[start, end)
   * @param words u32[4], copied
   * @param time  seconds since 1970, NaN where unknown
   */
  add(name: Uint8Array, start: number, end: number, words: AddressWords, time: number): void {
    this.addNumbered(this.#entities.add(name, start, end), words, 0, time);
  }

  /** The same for an entity that the dictionary already holds; the address is words[4·index, 4·index + 4). */
  addNumbered(entity: number, words: AddressWords, index: number, time: number): void {
    const at = this.#count++;
    if (at === this.#entity.length) {
      this.#entity = grown(this.#entity, at * 2);
      this.#addresses = grown(this.#addresses, at * 8);
      this.#time = grown(this.#time, at * 2);
    }
    this.#entity[at] = entity;
    for (let word = 0; word < 4; word++) this.#addresses[at * 4 + word] = words[index * 4 + word];
    this.#time[at] = time;
  }

  build(): Events {
    return {
      count: this.#count,
      entities: this.#entities,
      entity: this.#entity.slice(0, this.#count),
      addresses: this.#addresses.slice(0, this.#count * 4),
      time: this.#time.slice(0, this.#count),
    };
  }
}

/** The events at the given positions, in that order, with the same dictionary. */
export function selectEvents(events: Events, positions: ArrayLike<number>): Events {
  const builder = new EventsBuilder(events.entities);
  for (let i = 0; i < positions.length; i++) {
    const at = positions[i];
    builder.addNumbered(events.entity[at], events.addresses, at, events.time[at]);
  }
  return builder.build();
}
