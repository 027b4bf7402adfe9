import type { AddressWords } from '../addresses/address.ts';
import type { Events } from '../events/events.ts';

/** The group of an address, such as the number of its autonomous system or country; 0 where it is in none. */
export type GroupOf = (words: AddressWords, index: number) => number;

/**
 * How much each level counts, address first: for two levels of groups as Wiefling et al. 2022 set them, for one as their
 * OpenStack plug-in (das-group/keystone-rba-plugin) does. With .9 and .1 for one level, the figures below stay the same.
 */
const WEIGHTS: readonly (readonly number[])[] = [[1], [0.6, 0.4], [0.6, 0.3, 0.1]];

/** p(x) / p(x|u) where the account has used none of the address's networks: Wiefling's rule. */
const UNSEEN_RATIO = 4;

/**
 * The statistical detector of risk-based authentication, for the address alone: Freeman, Jain, Dürmuth, Biggio and
 * Giacinto, "Who Are You? A Statistical Approach to Measuring User Authenticity", NDSS 2016.
 *
 *   anomaly(u, x) = ln (p(x) / p(x|u))
 *   p(x|u) = Σ_l λ_l · n_l(u,x) / n(u)
 *   p(x)   = λ_0 · max(1, n_0(x)) / (N + M) + Σ_(l>0) λ_l · n_l(x) / N
 *
 * with levels l from the address (0) over its ASN to its country, n_l the training events in the same network of level l,
 * N and n(u) those of everybody and of the account. M is how many addresses are taken to exist that training has not
 * seen, each as if it had been seen once: one for each ASN seen, one for each country seen, and one more. The attacker is
 * taken to come from where everybody does: p(x|attack) = p(x). The paper's factor p(u|attack)/p(u) is left out: all
 * accounts are attacked alike here, and what is left of it compares how busy accounts are, not addresses.
 *
 * The authors' program was never published. Hierarchy, M and weights are those of the implementation that was published
 * (das-group/rba-algorithm, Wiefling et al. 2022), and so are two choices that the paper's text could not be checked for:
 * counts of groups enter as shares of events, without the probability of the address within its group; and p(x|u) is
 * not smoothed, but taken as p(x)/4 where it is 0. Smoothing it like p(x) makes the rarest addresses the least strange:
 * tor-relays against `uniform` .21 instead of .92. (With the probability within the group taken from everybody, and what
 * is unseen falling back to p(x), it would have .928 against `swap`, `newfar` .815; but nobody published that.) Not taken
 * over is a factor n/(n + 3) of addresses seen n times, which only p(x) had.
 *
 * Works badly: without a table it has no opinion on a new address (always ln 4: AUC .500 against each attack of
 * tor-relays); with the ASN alone .913 against `swap` (`newfar` .766). An account without history gets ln 4 everywhere. A
 * network that everybody uses often and the account rarely (a share below a quarter of everybody's) is stranger than one
 * it never used.
 *
 * 4 bytes for each training event and level, and up to 20 for finding its address. E entities, N events, L levels.
 */
export class FreemanBaseline {
  readonly #count: number; // N
  readonly #starts: Uint32Array; // (E + 1)
  readonly #addresses: AddressNumbers;
  readonly #groupNumbers: Map<number, number>[]; // (L − 1)
  readonly #groupsOf: readonly GroupOf[]; // (L − 1)
  readonly #levels: LevelCounts[]; // (L)
  readonly #weights: readonly number[]; // (L)
  readonly #unseenAddresses: number; // M

  /**
   * @param events   training events; their addresses are kept, not copied
   * @param groupsOf from narrow to wide, as [ASN, country]; at most two, either may be missing
   * @throws RangeError where there are more
   */
  constructor(events: Events, groupsOf: readonly GroupOf[]) {
    if (groupsOf.length >= WEIGHTS.length)
      throw new RangeError(`expected at most two levels of groups, got ${groupsOf.length}`);
    const { count, entities, entity, addresses } = events;
    this.#count = count;
    this.#groupsOf = groupsOf;
    this.#weights = WEIGHTS[groupsOf.length];
    this.#starts = new Uint32Array(entities.count + 1);
    for (let i = 0; i < count; i++) this.#starts[entity[i] + 1]++;
    for (let e = 0; e < entities.count; e++) this.#starts[e + 1] += this.#starts[e];

    this.#addresses = new AddressNumbers(addresses, count);
    const values = new Uint32Array(count);
    for (let i = 0; i < count; i++) values[i] = this.#addresses.find(addresses, i);
    this.#levels = [new LevelCounts(values, this.#addresses.count, entity, this.#starts)];
    this.#groupNumbers = groupsOf.map((groupOf) => {
      const numbers = new Map<number, number>();
      for (let i = 0; i < count; i++) {
        const group = groupOf(addresses, i);
        if (group !== 0 && !numbers.has(group)) numbers.set(group, numbers.size + 1);
        values[i] = numbers.get(group) ?? 0;
      }
      this.#levels.push(new LevelCounts(values, numbers.size, entity, this.#starts));
      return numbers;
    });
    this.#unseenAddresses = this.#groupNumbers.reduce((sum, { size }) => sum + size, 1);
  }

  /** ln (p(x) / p(x|u)) of words[4·index, 4·index + 4): high = strange, 0 = as among everybody; always finite. */
  anomaly(entity: number, words: AddressWords, index: number): number {
    const own = entity + 1 < this.#starts.length ? this.#starts[entity + 1] - this.#starts[entity] : 0;
    if (own === 0) return Math.log(UNSEEN_RATIO);
    const address = this.#addresses.find(words, index);
    let ownSum = this.#weights[0] * this.#levels[0].ofEntity(entity, address);
    const seen = Math.max(1, this.#levels[0].ofEverybody(address));
    let everybody = (this.#weights[0] * seen) / (this.#count + this.#unseenAddresses);
    for (let level = 1; level < this.#levels.length; level++) {
      const group = this.#groupNumbers[level - 1].get(this.#groupsOf[level - 1](words, index)) ?? 0;
      const counts = this.#levels[level];
      ownSum += this.#weights[level] * counts.ofEntity(entity, group);
      everybody += (this.#weights[level] * counts.ofEverybody(group)) / this.#count;
    }
    return Math.log(ownSum === 0 ? UNSEEN_RATIO : (everybody * own) / ownSum);
  }
}

/** How often each value of a level occurs: values are numbered from 1, 0 stands for none and counts as never seen. */
class LevelCounts {
  readonly #totals: Uint32Array; // (V + 1)
  readonly #starts: Uint32Array; // (E + 1)
  readonly #own: Uint32Array; // (N) ascending within each entity

  /**
   * @param values u32[N], up to `count`
   * @param entity u32[N]
   * @param starts u32[E + 1], where each entity's events begin
   */
  constructor(values: Uint32Array, count: number, entity: Uint32Array, starts: Uint32Array) {
    this.#starts = starts;
    this.#totals = new Uint32Array(count + 1);
    this.#own = new Uint32Array(values.length);
    const next = starts.slice();
    for (let i = 0; i < values.length; i++) {
      this.#totals[values[i]]++;
      this.#own[next[entity[i]]++] = values[i];
    }
    for (let e = 0; e + 1 < starts.length; e++) this.#own.subarray(starts[e], starts[e + 1]).sort();
  }

  ofEverybody(value: number): number {
    return value === 0 ? 0 : this.#totals[value];
  }

  ofEntity(entity: number, value: number): number {
    if (value === 0) return 0;
    const from = this.#firstFrom(entity, value);
    return this.#firstFrom(entity, value + 1) - from;
  }

  /** The first place among the entity's that holds at least `value`. */
  #firstFrom(entity: number, value: number): number {
    let low = this.#starts[entity];
    let high = this.#starts[entity + 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#own[middle] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The distinct addresses of a column, numbered from 1 in order of appearance; a hash table with open addressing. */
class AddressNumbers {
  #count = 0;
  /** where in the column each address appears first */
  readonly #firsts: Uint32Array; // (distinct)
  readonly #column: AddressWords; // (N, 4)
  readonly #slots: Uint32Array;

  constructor(column: AddressWords, count: number) {
    this.#column = column;
    this.#firsts = new Uint32Array(count);
    let slots = 16;
    while (slots < count * 2) slots *= 2;
    this.#slots = new Uint32Array(slots);
    for (let i = 0; i < count; i++) {
      const slot = this.#slotOf(column, i);
      if (this.#slots[slot] !== 0) continue;
      this.#firsts[this.#count++] = i;
      this.#slots[slot] = this.#count;
    }
    this.#firsts = this.#firsts.slice(0, this.#count);
  }

  get count(): number {
    return this.#count;
  }

  /** @returns the number of the address, 0 where the column does not hold it */
  find(words: AddressWords, index: number): number {
    return this.#slots[this.#slotOf(words, index)];
  }

  #slotOf(words: AddressWords, index: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hashAddress(words, index) & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot];
      if (number === 0 || isSame(this.#column, this.#firsts[number - 1], words, index)) return slot;
    }
  }
}

function isSame(a: AddressWords, aIndex: number, b: AddressWords, bIndex: number): boolean {
  for (let word = 3; word >= 0; word--) if (a[aIndex * 4 + word] !== b[bIndex * 4 + word]) return false;
  return true;
}

/** The words mixed one after the other with the last step of MurmurHash3, so that neighbours fall far apart. */
function hashAddress(words: AddressWords, index: number): number {
  let hash = 0;
  for (let word = index * 4; word < index * 4 + 4; word++) {
    hash ^= words[word];
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
  }
  return hash;
}
