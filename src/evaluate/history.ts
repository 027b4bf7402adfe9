import {
  type AddressWords,
  compareAddresses,
  IPV4_WORD_2,
  isIpv4,
  sharedBits,
} from '../addresses/address.ts';
import type { Events } from '../events/events.ts';

/** A network that an account signs in from. */
export interface UsedNetwork {
  /** u32[4], its first address */
  words: AddressWords;
  /** 24 for IPv4, 48 for IPv6 */
  bits: number;
  /** the account's training events in it */
  events: number;
}

/**
 * Which addresses each account used in training: what the plain baselines know. 4 bytes for each IPv4 event, 16 for
 * each IPv6 event. E entities, N4 and N6 events of each family.
 */
export class AccountHistory {
  readonly #ipv4Starts: Uint32Array; // (E + 1)
  readonly #ipv4: Uint32Array; // (N4) ascending within each entity
  readonly #ipv6Starts: Uint32Array; // (E + 1)
  readonly #ipv6: AddressWords; // (N6, 4) ascending within each entity

  constructor({ count, entities, entity, addresses }: Events) {
    const E = entities.count;
    this.#ipv4Starts = new Uint32Array(E + 1);
    this.#ipv6Starts = new Uint32Array(E + 1);
    for (let i = 0; i < count; i++) {
      const starts = isIpv4(addresses, i) ? this.#ipv4Starts : this.#ipv6Starts;
      starts[entity[i] + 1]++;
    }
    for (let e = 0; e < E; e++) {
      this.#ipv4Starts[e + 1] += this.#ipv4Starts[e];
      this.#ipv6Starts[e + 1] += this.#ipv6Starts[e];
    }
    this.#ipv4 = new Uint32Array(this.#ipv4Starts[E]);
    const positions = new Uint32Array(this.#ipv6Starts[E]);
    const next4 = this.#ipv4Starts.slice();
    const next6 = this.#ipv6Starts.slice();
    for (let i = 0; i < count; i++) {
      if (isIpv4(addresses, i)) this.#ipv4[next4[entity[i]]++] = addresses[i * 4 + 3];
      else positions[next6[entity[i]]++] = i;
    }
    this.#ipv6 = new Uint32Array(positions.length * 4);
    for (let e = 0; e < E; e++) {
      this.#ipv4.subarray(this.#ipv4Starts[e], this.#ipv4Starts[e + 1]).sort();
      positions
        .subarray(this.#ipv6Starts[e], this.#ipv6Starts[e + 1])
        .sort((a, b) => compareAddresses(addresses, a, addresses, b));
    }
    for (let at = 0; at < positions.length; at++) {
      this.#ipv6.set(addresses.subarray(positions[at] * 4, positions[at] * 4 + 4), at * 4);
    }
  }

  /** Training events of an entity; 0 for one that a shared dictionary learned of later. */
  eventsOf(entity: number): number {
    if (entity + 1 >= this.#ipv4Starts.length) return 0;
    return (
      this.#ipv4Starts[entity + 1] -
      this.#ipv4Starts[entity] +
      this.#ipv6Starts[entity + 1] -
      this.#ipv6Starts[entity]
    );
  }

  /**
   * How many leading bits the address shares with the nearest one of the entity's history in the same family: 0 to 32
   * for IPv4, 0 to 128 for IPv6; −1 where the entity never used that family.
   */
  sharedBits(entity: number, words: AddressWords, index = 0): number {
    const place = this.#nearest(entity, words, index);
    if (place < 0) return -1;
    if (isIpv4(words, index)) return Math.clz32(this.#ipv4[place] ^ words[index * 4 + 3]);
    return sharedBits(this.#ipv6, place, words, index);
  }

  /** @returns u32[4]: the nearest address of the entity's history in the same family, undefined where it has none */
  nearest(entity: number, words: AddressWords, index = 0): AddressWords | undefined {
    const place = this.#nearest(entity, words, index);
    if (place < 0) return undefined;
    if (isIpv4(words, index)) return Uint32Array.of(0, 0, IPV4_WORD_2, this.#ipv4[place]);
    return this.#ipv6.slice(place * 4, place * 4 + 4);
  }

  /** The /24 (IPv6: /48) with most of the entity's events, the lowest of those with equally many. */
  mostUsedNetwork(entity: number): UsedNetwork | undefined {
    if (this.eventsOf(entity) === 0) return undefined;
    let best: UsedNetwork | undefined;
    const [from4, to4] = [this.#ipv4Starts[entity], this.#ipv4Starts[entity + 1]];
    for (let at = from4, first = from4; at < to4; at++) {
      if (this.#ipv4[at] >>> 8 !== this.#ipv4[first] >>> 8) first = at;
      const events = at - first + 1;
      if (events > (best?.events ?? 0)) {
        const network = (this.#ipv4[at] & 0xffffff00) >>> 0;
        best = { words: Uint32Array.of(0, 0, IPV4_WORD_2, network), bits: 24, events };
      }
    }
    const [from6, to6] = [this.#ipv6Starts[entity], this.#ipv6Starts[entity + 1]];
    for (let at = from6, first = from6; at < to6; at++) {
      if (sharedBits(this.#ipv6, at, this.#ipv6, first) < 48) first = at;
      const events = at - first + 1;
      if (events > (best?.events ?? 0)) {
        const [word0, word1] = this.#ipv6.subarray(at * 4, at * 4 + 2);
        best = { words: Uint32Array.of(word0, word1 & 0xffff0000, 0, 0), bits: 48, events };
      }
    }
    return best;
  }

  /**
   * Of sorted addresses, one of the two neighbours of x shares the longest prefix with it.
   * @returns its place in the family's column, −1 where the entity has none
   */
  #nearest(entity: number, words: AddressWords, index: number): number {
    const ipv4 = isIpv4(words, index);
    const starts = ipv4 ? this.#ipv4Starts : this.#ipv6Starts;
    if (entity + 1 >= starts.length) return -1;
    const from = starts[entity];
    const to = starts[entity + 1];
    if (from === to) return -1;
    let low = from;
    let high = to;
    const value = words[index * 4 + 3];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const isBelow = ipv4
        ? this.#ipv4[middle] < value
        : compareAddresses(this.#ipv6, middle, words, index) < 0;
      if (isBelow) low = middle + 1;
      else high = middle;
    }
    if (low === from) return low;
    if (low === to) return low - 1;
    const bits = (place: number) =>
      ipv4 ? Math.clz32(this.#ipv4[place] ^ value) : sharedBits(this.#ipv6, place, words, index);
    return bits(low) >= bits(low - 1) ? low : low - 1;
  }
}
