import type { AddressWords } from '../addresses/address.ts';
import { hashEntityBytes } from './entityHash.ts';
import { grown } from './events.ts';

/**
 * Events as columns, of whose entities only the hashes are kept: enough to score them. N events. Most often N is 1, so room for
 * more is made when it is needed: the engine keeps the smallest arrays where it makes them fastest.
 */
export class HashedEvents {
  count = 0; // N
  /** low and high word of the entity's hash; longer than N */
  hashes = new Uint32Array(2); // (≥ N, 2)
  /** longer than N */
  addresses: AddressWords = new Uint32Array(4); // (≥ N, 4)

  readonly #hash = new Uint32Array(2);

  /**
   * @param name  UTF-8 bytes; the name is name[start, end)
   * @param words u32[4], copied
   */
  add(name: Uint8Array, start: number, end: number, words: AddressWords): void {
    hashEntityBytes(name, start, end, this.#hash);
    this.addHashed(this.#hash[0], this.#hash[1], words);
  }

  /** The same for an entity given by its hash. */
  addHashed(hashLow: number, hashHigh: number, words: AddressWords): void {
    const at = this.count++;
    if (at * 2 === this.hashes.length) {
      this.hashes = grown(this.hashes, at * 4);
      this.addresses = grown(this.addresses, at * 8);
    }
    this.hashes[at * 2] = hashLow;
    this.hashes[at * 2 + 1] = hashHigh;
    for (let word = 0; word < 4; word++) this.addresses[at * 4 + word] = words[word];
  }

  /** Events [from, to), as a view; all of them are these. */
  slice(from: number, to: number): HashedEvents {
    if (from === 0 && to === this.count) return this;
    const part = new HashedEvents();
    part.count = to - from;
    part.hashes = this.hashes.subarray(from * 2, to * 2);
    part.addresses = this.addresses.subarray(from * 4, to * 4);
    return part;
  }
}
