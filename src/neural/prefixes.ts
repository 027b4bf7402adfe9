import { type AddressWords, IPV4_WORD_2 } from '../addresses/address.ts';

/**
 * The prefixes of an address that have a vector of their own, from wide to narrow. IPv4 in steps of two bits, finer
 * than needed for the tutorial, because real providers' ranges lie at every length. IPv6 at the borders of practice:
 * registries hand out /20 and the like to the largest, /32 to most providers, sites get /48, households /56.
 * Measured: docs/decisions/0004.
 */
export const IPV4_PREFIX_LENGTHS = [0, 8, 10, 12, 14, 16, 18, 20, 22, 24] as const;
export const IPV6_PREFIX_LENGTHS = [0, 20, 32, 48, 56] as const;

/** The longest chain of prefixes that an address can have. */
export const MAX_CHAIN = Math.max(IPV4_PREFIX_LENGTHS.length, IPV6_PREFIX_LENGTHS.length);

/** A prefix is worth a row where training holds it at least this often: seen once, it teaches nothing that its /0 … do not. */
export const MIN_PREFIX_COUNT = 2;

/** No row: an address of a family that training never saw. */
export const NO_ROW = 0xffffffff;

// Levels: 0 … 5 for IPv4, then those of IPv6.
const V6_LEVEL = IPV4_PREFIX_LENGTHS.length;
const LEVEL_LENGTHS = [...IPV4_PREFIX_LENGTHS, ...IPV6_PREFIX_LENGTHS];
const LEVELS = LEVEL_LENGTHS.length;
const LEVEL_16 = IPV4_PREFIX_LENGTHS.indexOf(16);

/** (high, low) cut to the first `length` of 64 bits. */
function cutHigh(high: number, length: number): number {
  if (length >= 32) return high;
  return length === 0 ? 0 : (high & (-1 << (32 - length))) >>> 0;
}
function cutLow(low: number, length: number): number {
  if (length <= 32) return 0;
  return length >= 64 ? low : (low & (-1 << (64 - length))) >>> 0;
}

function slotHash(level: number, high: number, low: number): number {
  let h = Math.imul(high ^ Math.imul(level + 1, 0x9e3779b1), 0x85ebca6b) ^ low;
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return (h ^ (h >>> 15)) >>> 0;
}

/** Rows of an open-addressing table, keyed by (level, prefix); IPv4 prefixes stand in `high`, with low 0. */
export interface PrefixRows {
  readonly count: number;
  readonly level: Uint8Array; // (rows)
  readonly high: Uint32Array; // (rows)
  readonly low: Uint32Array; // (rows)
}

/**
 * Which rows of the address table an address is the sum of. Rows form two trees (IPv4 and IPv6): an address is
 * named by its deepest row, and `parent` leads from there to the root.
 */
export class PrefixTable {
  readonly rows: PrefixRows;
  /** the next wider prefix's row; NO_ROW for /0 */
  readonly parent: Uint32Array;
  /** rows of level k are [k, k + 1) of this */
  readonly #levelStarts: Uint32Array; // (levels + 1)
  readonly #slots: Uint32Array;
  /** deepest row of level ≤ /16 for each first half of an IPv4 address: most random addresses end there */
  readonly #ipv4Start: Uint32Array;
  /**
   * One more than the deepest row for each /24 that was asked for, 0 for the others: one memory access instead of two
   * for each level. Of its 64 MB only the pages that are touched take memory.
   */
  readonly #ipv4Known = new Uint32Array(1 << 24);
  /** rows [from, to) of the IPv6 /32 */
  readonly #ipv6Providers: [number, number];

  constructor(rows: PrefixRows) {
    this.rows = rows;
    this.#levelStarts = new Uint32Array(LEVELS + 1);
    for (let row = 0; row < rows.count; row++) this.#levelStarts[rows.level[row] + 1]++;
    for (let level = 0; level < LEVELS; level++) this.#levelStarts[level + 1] += this.#levelStarts[level];
    let size = 16;
    while (size < rows.count * 2) size *= 2;
    this.#slots = new Uint32Array(size).fill(NO_ROW);
    this.parent = new Uint32Array(rows.count).fill(NO_ROW);
    for (let row = 0; row < rows.count; row++) {
      this.#slots[this.#slotOf(rows.level[row], rows.high[row], rows.low[row])] = row;
    }
    for (let row = 0; row < rows.count; row++) {
      const level = rows.level[row];
      if (level === 0 || level === V6_LEVEL) continue;
      const length = LEVEL_LENGTHS[level - 1];
      this.parent[row] = this.#find(
        level - 1,
        cutHigh(rows.high[row], length),
        cutLow(rows.low[row], length),
      );
    }
    const providerLevel = V6_LEVEL + IPV6_PREFIX_LENGTHS.indexOf(32);
    this.#ipv6Providers = [this.#levelStarts[providerLevel], this.#levelStarts[providerLevel + 1]];
    this.#ipv4Start = new Uint32Array(65536);
    for (let half = 0; half < 65536; half++) {
      this.#ipv4Start[half] = this.#deepest(0, LEVEL_16, NO_ROW, half * 65536, 0);
    }
  }

  /** The rows that the events' prefixes deserve, ordered by level and prefix. */
  static build(addresses: AddressWords): PrefixTable {
    const count = addresses.length / 4;
    // Whether the next wider prefix of event i has a row: only then can this one be frequent enough.
    const alive = new Uint8Array(count).fill(1);
    const levels: number[] = [];
    const highs: Uint32Array[] = [];
    const lows: Uint32Array[] = [];
    for (let level = 0; level < LEVELS; level++) {
      if (level === V6_LEVEL) alive.fill(1);
      const kept = frequentPrefixes(addresses, level, alive);
      highs.push(kept.high);
      lows.push(kept.low);
      for (let i = 0; i < kept.high.length; i++) levels.push(level);
    }
    return new PrefixTable({
      count: levels.length,
      level: Uint8Array.from(levels),
      high: concatenated(highs),
      low: concatenated(lows),
    });
  }

  /** Whether any address of the family has a row. */
  hasFamily(ipv4: boolean): boolean {
    const level = ipv4 ? 0 : V6_LEVEL;
    return this.#levelStarts[level + 1] > this.#levelStarts[level];
  }

  /** @returns the deepest row that holds the address, or NO_ROW */
  find(words: AddressWords, index = 0): number {
    const at = index * 4;
    if (words[at] === 0 && words[at + 1] === 0 && words[at + 2] === IPV4_WORD_2)
      return this.findIpv4(words[at + 3]);
    return this.#deepest(V6_LEVEL, LEVELS - 1, NO_ROW, words[at], words[at + 1]);
  }

  findIpv4(address: number): number {
    const known = this.#ipv4Known[address >>> 8];
    if (known !== 0) return known - 1;
    const half = this.#ipv4Start[address >>> 16];
    const row =
      half === NO_ROW || this.rows.level[half] !== LEVEL_16
        ? half
        : this.#deepest(LEVEL_16 + 1, V6_LEVEL - 1, half, address, 0);
    this.#ipv4Known[address >>> 8] = row + 1;
    return row;
  }

  /** First word of the k-th (modulo their number) of the /32 in the training data; any of 2000::/3 where it has none. */
  ipv6Provider(k: number): number {
    const [from, to] = this.#ipv6Providers;
    return to > from ? this.rows.high[from + (k % (to - from))] : 0x20000000 + (k >>> 3);
  }

  #deepest(firstLevel: number, lastLevel: number, row: number, high: number, low: number): number {
    for (let level = firstLevel; level <= lastLevel; level++) {
      const length = LEVEL_LENGTHS[level];
      const next = this.#find(level, cutHigh(high, length), cutLow(low, length));
      if (next === NO_ROW) break;
      row = next;
    }
    return row;
  }

  #find(level: number, high: number, low: number): number {
    return this.#slots[this.#slotOf(level, high, low)];
  }

  #slotOf(level: number, high: number, low: number): number {
    const { low: lows, high: highs } = this.rows;
    const mask = this.#slots.length - 1;
    // Rows stand in the order of levels: their borders are in the cache, rows.level is not.
    const first = this.#levelStarts[level];
    const end = this.#levelStarts[level + 1];
    for (let slot = slotHash(level, high, low) & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot];
      if (row === NO_ROW) return slot;
      if (row >= first && row < end && highs[row] === high && lows[row] === low) return slot;
    }
  }
}

/** Prefixes of one level seen MIN_PREFIX_COUNT times, sorted; `alive` is left true for the events that have one. */
function frequentPrefixes(
  addresses: AddressWords,
  level: number,
  alive: Uint8Array,
): { high: Uint32Array; low: Uint32Array } {
  const length = LEVEL_LENGTHS[level];
  const wantsIpv4 = level < V6_LEVEL;
  const keys = new Float64Array(alive.length); // 64-bit prefixes need two doubles: here their rank in a hash table
  let size = 1024;
  let slotHigh = new Uint32Array(size);
  let slotLow = new Uint32Array(size);
  let slotCount = new Uint32Array(size);
  let used = 0;
  const place = (high: number, low: number): number => {
    let slot = slotHash(level, high, low) & (size - 1);
    while (slotCount[slot] !== 0 && (slotHigh[slot] !== high || slotLow[slot] !== low))
      slot = (slot + 1) & (size - 1);
    return slot;
  };
  const add = (high: number, low: number, times: number): void => {
    const slot = place(high, low);
    if (slotCount[slot] === 0) {
      slotHigh[slot] = high;
      slotLow[slot] = low;
      used++;
    }
    slotCount[slot] += times;
    if (used * 2 <= size) return;
    const [oldHigh, oldLow, oldCount] = [slotHigh, slotLow, slotCount];
    size *= 2;
    slotHigh = new Uint32Array(size);
    slotLow = new Uint32Array(size);
    slotCount = new Uint32Array(size);
    used = 0;
    for (let old = 0; old < oldCount.length; old++) {
      if (oldCount[old] > 0) add(oldHigh[old], oldLow[old], oldCount[old]);
    }
  };
  const prefixHigh = (i: number) => cutHigh(wantsIpv4 ? addresses[i * 4 + 3] : addresses[i * 4], length);
  const prefixLow = (i: number) => (wantsIpv4 ? 0 : cutLow(addresses[i * 4 + 1], length));
  for (let i = 0; i < alive.length; i++) {
    if (alive[i] === 0) continue;
    const ipv4 = addresses[i * 4] === 0 && addresses[i * 4 + 1] === 0 && addresses[i * 4 + 2] === IPV4_WORD_2;
    if (ipv4 === wantsIpv4) add(prefixHigh(i), prefixLow(i), 1);
    else alive[i] = 0;
  }
  for (let i = 0; i < alive.length; i++) {
    if (alive[i] === 1 && slotCount[place(prefixHigh(i), prefixLow(i))] < MIN_PREFIX_COUNT) alive[i] = 0;
  }
  let kept = 0;
  for (let slot = 0; slot < size; slot++) if (slotCount[slot] >= MIN_PREFIX_COUNT) keys[kept++] = slot;
  const order = keys
    .subarray(0, kept)
    .slice()
    .sort((a, b) => slotHigh[a] - slotHigh[b] || slotLow[a] - slotLow[b]);
  return {
    high: Uint32Array.from(order, (slot) => slotHigh[slot]),
    low: Uint32Array.from(order, (slot) => slotLow[slot]),
  };
}

function concatenated(arrays: Uint32Array[]): Uint32Array {
  const whole = new Uint32Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    whole.set(array, at);
    at += array.length;
  }
  return whole;
}
