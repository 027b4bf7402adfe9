import type { EntityDictionary, Events } from '../events/events.ts';

/** The 64-bit hashes of the entities that have a history: enough to know a stranger, without storing names. */
export class SeenEntities {
  /** u32[N × 2], low and high word, sorted by (high, low) */
  readonly hashes: Uint32Array;
  #slots: Int32Array;
  readonly #untrained: Set<number>;
  /** hashes of entities that were added, in their order */
  readonly #added: number[] = [];

  /** @param untrained numbers of those that came after the training, so that no vector is theirs */
  constructor(hashes: Uint32Array, untrained: Uint32Array = new Uint32Array(0)) {
    this.hashes = hashes;
    this.#untrained = new Set(untrained);
    const count = hashes.length / 2;
    let size = 16;
    while (size < count * 2) size *= 2;
    this.#slots = new Int32Array(size).fill(-1);
    for (let i = 0; i < count; i++) this.#slots[this.#slotOf(hashes[i * 2], hashes[i * 2 + 1])] = i;
  }

  /** Those that have an event; a dictionary may be shared with other events and name more. */
  static of({ entities, entity }: Events): SeenEntities {
    const present = new Uint8Array(entities.count);
    for (const e of entity) present[e] = 1;
    const all = new BigUint64Array(present.reduce((sum, one) => sum + one, 0));
    let count = 0;
    for (let e = 0; e < entities.count; e++) {
      if (present[e] === 0) continue;
      const [low, high] = entities.hashOf(e);
      all[count++] = (BigInt(high) << 32n) | BigInt(low);
    }
    all.sort();
    const hashes = new Uint32Array(count * 2);
    for (let i = 0; i < count; i++) {
      hashes[i * 2] = Number(all[i] & 0xffffffffn);
      hashes[i * 2 + 1] = Number(all[i] >> 32n);
    }
    return new SeenEntities(hashes);
  }

  /** Those of `hashes` and those that were added. */
  get count(): number {
    return (this.hashes.length + this.#added.length) / 2;
  }

  /** @returns the number of the entity, added after all others where it is new */
  add(low: number, high: number): number {
    const known = this.find(low, high);
    if (known >= 0) return known;
    const number = this.count;
    this.#added.push(low, high);
    this.#untrained.add(number);
    if (this.count * 2 > this.#slots.length) {
      this.#slots = new Int32Array(this.#slots.length * 2).fill(-1);
      for (let i = 0; i < number; i++) this.#slots[this.#slotOf(...this.hashOf(i))] = i;
    }
    this.#slots[this.#slotOf(low, high)] = number;
    return number;
  }

  /** Whether a row of the entity table is the entity's own: it was in the training data. */
  hasVector(number: number): boolean {
    return number >= 0 && !this.#untrained.has(number);
  }

  /** How many came after the training. */
  get untrainedCount(): number {
    return this.#untrained.size;
  }

  /** Low and high word of an entity's hash. */
  hashOf(number: number): [low: number, high: number] {
    const [list, at] =
      number * 2 < this.hashes.length
        ? [this.hashes, number * 2]
        : [this.#added, number * 2 - this.hashes.length];
    return [list[at], list[at + 1]];
  }

  has(low: number, high: number): boolean {
    return this.find(low, high) >= 0;
  }

  /** @returns its place in `hashes`, −1 for a stranger */
  find(low: number, high: number): number {
    return this.#slots[this.#slotOf(low, high)];
  }

  /** The place of each entity of a dictionary, −1 for strangers. */
  numbersOf(entities: EntityDictionary): Int32Array {
    const numbers = new Int32Array(entities.count);
    for (let e = 0; e < numbers.length; e++) {
      const [low, high] = entities.hashOf(e);
      numbers[e] = this.find(low, high);
    }
    return numbers;
  }

  #slotOf(low: number, high: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const i = this.#slots[slot];
      if (i < 0 || this.#is(i, low, high)) return slot;
    }
  }

  /** Whether nothing was added. */
  get isSorted(): boolean {
    return this.#added.length === 0;
  }

  /** The numbers of all in the order of their hashes. */
  sortedOrder(): Uint32Array {
    const order = Uint32Array.from({ length: this.count }, (_, i) => i);
    return order.sort((a, b) => {
      const [lowA, highA] = this.hashOf(a);
      const [lowB, highB] = this.hashOf(b);
      return highA - highB || lowA - lowB;
    });
  }

  #is(number: number, low: number, high: number): boolean {
    const at = number * 2;
    const stored = this.hashes.length;
    if (at < stored) return this.hashes[at] === low && this.hashes[at + 1] === high;
    return this.#added[at - stored] === low && this.#added[at - stored + 1] === high;
  }
}
