import type { Events } from '../events/events.ts';

/** The 64-bit hashes of the entities that training saw: enough to know a stranger, without storing names. */
export class SeenEntities {
  /** u32[N × 2], low and high word, sorted by (high, low) */
  readonly hashes: Uint32Array;
  readonly #slots: Int32Array;

  constructor(hashes: Uint32Array) {
    this.hashes = hashes;
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

  get count(): number {
    return this.hashes.length / 2;
  }

  has(low: number, high: number): boolean {
    return this.#slots[this.#slotOf(low, high)] >= 0;
  }

  #slotOf(low: number, high: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const i = this.#slots[slot];
      if (i < 0 || (this.hashes[i * 2] === low && this.hashes[i * 2 + 1] === high)) return slot;
    }
  }
}
