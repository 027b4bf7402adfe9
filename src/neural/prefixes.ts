import { type AddressWords, IPV4_WORD_2 } from '../addresses/address.ts';
import { cutHigh, cutLow, levelsOfBits, sharedPrefix } from '../addresses/prefixBits.ts';
import { NO_ROW } from '../kernels/kernels.ts';
import { separateBuffers } from '../kernels/memory.ts';
import { IPV4_PREFIX_LENGTHS, IPV6_PREFIX_LENGTHS, LEVEL_LENGTHS, LEVELS, V6_LEVEL } from './prefixLevels.ts';
import { frequentPrefixes, type PrefixRows } from './prefixRows.ts';

const PROVIDER_LEVEL = V6_LEVEL + IPV6_PREFIX_LENGTHS.indexOf(32);

const LEVELS_OF_BITS = { ipv4: levelsOfBits(IPV4_PREFIX_LENGTHS), ipv6: levelsOfBits(IPV6_PREFIX_LENGTHS) };

/** In `#first16`: what follows is the number of a block of 256 entries, one for each /24. */
const BLOCK = 0x80000000;

/** What a table consists of: arrays that threads share. */
export interface PrefixParts {
  rows: PrefixRows;
  parent: Uint32Array;
  ipv4Rows: number;
  first16: Uint32Array;
  blocks: Uint32Array;
  ipv6Providers: Uint32Array;
}

const NOTHING = new Uint32Array(new SharedArrayBuffer(0));

/** Rows and how they hang together. */
export interface PrefixRowTree {
  /** the next wider prefix's row; NO_ROW for /0 */
  readonly parent: Uint32Array;
  measureChains(list: Uint32Array, count: number, depth: Uint32Array, shared: Uint32Array): void;
  sharedDepth(a: number, b: number): number;
}

/**
 * Which rows of the address table an address is the sum of. Rows form two trees (IPv4 and IPv6): an address is
 * named by its deepest row, and `parent` leads from there to the root.
 */
export class PrefixTable implements PrefixRowTree {
  readonly rows: PrefixRows;
  /** the next wider prefix's row; NO_ROW for /0 */
  readonly parent: Uint32Array;
  /** rows [0, ipv4Rows) are IPv4 */
  readonly ipv4Rows: number;
  /** for each first half of an IPv4 address one more than its deepest row, or BLOCK and the number of a block */
  readonly #first16: Uint32Array; // (65536)
  /** one more than the deepest row of each /24 of the networks that have rows below their /16 */
  readonly #blocks: Uint32Array; // (blocks, 256)
  /** first word of each IPv6 /32 */
  readonly #ipv6Providers: Uint32Array;

  constructor(parts: PrefixParts) {
    this.rows = parts.rows;
    this.parent = parts.parent;
    this.ipv4Rows = parts.ipv4Rows;
    this.#first16 = parts.first16;
    this.#blocks = parts.blocks;
    this.#ipv6Providers = parts.ipv6Providers;
  }

  /** What a thread needs to have the same table without a copy. */
  get parts(): PrefixParts {
    const { rows, parent, ipv4Rows } = this;
    return {
      rows,
      parent,
      ipv4Rows,
      first16: this.#first16,
      blocks: this.#blocks,
      ipv6Providers: this.#ipv6Providers,
    };
  }

  /** The table of these rows, which must be sorted and have all their wider prefixes among them. */
  static of(rows: PrefixRows): PrefixTable {
    let ipv4Rows = 0;
    while (ipv4Rows < rows.count && rows.level[ipv4Rows] < V6_LEVEL) ipv4Rows++;
    return new PrefixTable({
      rows,
      ipv4Rows,
      parent: parentsOf(rows),
      ...ipv4Index(rows, ipv4Rows),
      ipv6Providers: providersOf(rows, ipv4Rows),
    });
  }

  /** The rows that the events' prefixes deserve. */
  static build(addresses: AddressWords): PrefixTable {
    return PrefixTable.of(frequentPrefixes(addresses));
  }

  /** The tree of some of the rows, ascending, with all above each of them; it finds no addresses. */
  partOf(chosen: Uint32Array): PrefixTable {
    const rows: PrefixRows = {
      count: chosen.length,
      level: new Uint8Array(new SharedArrayBuffer(chosen.length)),
      high: separateBuffers.words(chosen.length),
      low: separateBuffers.words(chosen.length),
    };
    for (const [i, row] of chosen.entries()) {
      rows.level[i] = this.rows.level[row];
      rows.high[i] = this.rows.high[row];
      rows.low[i] = this.rows.low[row];
    }
    return new PrefixTable({
      rows,
      parent: parentsOf(rows),
      ipv4Rows: chosen.filter((row) => row < this.ipv4Rows).length,
      first16: NOTHING,
      blocks: NOTHING,
      ipv6Providers: NOTHING,
    });
  }

  /** Whether any address of the family has a row. */
  hasFamily(ipv4: boolean): boolean {
    return ipv4 ? this.ipv4Rows > 0 : this.rows.count > this.ipv4Rows;
  }

  /** Rows on the way from this one to the root, both included. */
  depth(row: number): number {
    return this.rows.level[row] + 1 - (row < this.ipv4Rows ? 0 : V6_LEVEL);
  }

  /** @returns the deepest row that holds the address, or NO_ROW */
  find(words: AddressWords, index = 0): number {
    const at = index * 4;
    if (words[at] === 0 && words[at + 1] === 0 && words[at + 2] === IPV4_WORD_2)
      return this.findIpv4(words[at + 3]);
    return this.#findIpv6(words[at], words[at + 1]);
  }

  findIpv4(address: number): number {
    const first = this.#first16[address >>> 16];
    // One less than 0 is NO_ROW.
    if (first < BLOCK) return (first - 1) >>> 0;
    return (this.#blocks[(first - BLOCK) * 256 + ((address >>> 8) & 255)] - 1) >>> 0;
  }

  /**
   * The same for `groups` groups of `size` addresses each, many at once: group g begins at addresses[g · stride],
   * its rows at rows[first + g · rowStride].
   */
  findIpv4Groups(
    addresses: Uint32Array,
    stride: number,
    size: number,
    groups: number,
    rows: Uint32Array,
    first: number,
    rowStride: number,
  ): void {
    const first16 = this.#first16;
    const blocks = this.#blocks;
    for (let g = 0; g < groups; g++) {
      for (let i = 0; i < size; i++)
        rows[first + g * rowStride + i] = first16[addresses[g * stride + i] >>> 16];
    }
    for (let g = 0; g < groups; g++) {
      for (let i = 0; i < size; i++) {
        const at = first + g * rowStride + i;
        const found = rows[at];
        if (found < BLOCK) rows[at] = found - 1;
        else rows[at] = blocks[(found - BLOCK) * 256 + ((addresses[g * stride + i] >>> 8) & 255)] - 1;
      }
    }
  }

  /**
   * Of a sorted list of rows, for each its depth and what its chain shares with the next one's; 0 for the last.
   * @param depth, shared u32[count], overwritten
   */
  measureChains(list: Uint32Array, count: number, depth: Uint32Array, shared: Uint32Array): void {
    const { rows, ipv4Rows } = this;
    const { level } = rows;
    for (let i = 0; i < count; i++) depth[i] = level[list[i]] + 1 - (list[i] < ipv4Rows ? 0 : V6_LEVEL);
    for (let i = 0; i + 1 < count; i++) {
      shared[i] = Math.min(levelsAround(rows, ipv4Rows, list[i], list[i + 1]), depth[i], depth[i + 1]);
    }
    if (count > 0) shared[count - 1] = 0;
  }

  /** Rows that the chains of two rows share. */
  sharedDepth(a: number, b: number): number {
    const levels = levelsAround(this.rows, this.ipv4Rows, Math.min(a, b), Math.max(a, b));
    return Math.min(levels, this.depth(a), this.depth(b));
  }

  #findIpv6(high: number, low: number): number {
    const { rows, parent, ipv4Rows } = this;
    // The last row whose prefix is not above the address; what holds the address is on its way to the root.
    let from = ipv4Rows;
    let to = rows.count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const isAbove = rows.high[middle] > high || (rows.high[middle] === high && rows.low[middle] > low);
      if (isAbove) to = middle;
      else from = middle + 1;
    }
    if (from === ipv4Rows) return NO_ROW;
    let row = from - 1;
    while (row !== NO_ROW) {
      const length = LEVEL_LENGTHS[rows.level[row]];
      if (cutHigh(high, length) === rows.high[row] && cutLow(low, length) === rows.low[row]) break;
      row = parent[row];
    }
    return row;
  }

  /** The rows of the IPv6 /32 in the training data. */
  ipv6ProviderRows(): number[] {
    const rows: number[] = [];
    for (let row = this.ipv4Rows; row < this.rows.count; row++) {
      if (this.rows.level[row] === PROVIDER_LEVEL) rows.push(row);
    }
    return rows;
  }

  /** First word of the k-th (modulo their number) of the /32 in the training data; any of 2000::/3 where it has none. */
  ipv6Provider(k: number): number {
    const providers = this.#ipv6Providers;
    return providers.length > 0 ? providers[k % providers.length] : 0x20000000 + (k >>> 3);
  }
}

/** Levels at which the prefixes of two rows agree, whether or not they reach down to them. @param a not behind b */
function levelsAround({ high, low }: PrefixRows, ipv4Rows: number, a: number, b: number): number {
  if (b < ipv4Rows) return LEVELS_OF_BITS.ipv4[Math.clz32(high[a] ^ high[b])];
  return a < ipv4Rows ? 0 : LEVELS_OF_BITS.ipv6[sharedPrefix(high[a] ^ high[b], low[a] ^ low[b])];
}

/** Appends the rows that an address is the sum of, narrow to wide; returns the new length. */
export function appendChain(
  prefixes: PrefixTable,
  deepest: number,
  out: Uint32Array,
  length: number,
): number {
  for (let row = deepest; row !== NO_ROW; row = prefixes.parent[row]) out[length++] = row;
  return length;
}

/** The row before a row of a deeper level is its parent, or lies below it. */
function parentsOf({ count, level }: PrefixRows): Uint32Array {
  const parent = separateBuffers.words(count);
  const lastOfLevel = new Uint32Array(LEVELS);
  for (let row = 0; row < count; row++) {
    const isRoot = level[row] === 0 || level[row] === V6_LEVEL;
    parent[row] = isRoot ? NO_ROW : lastOfLevel[level[row] - 1];
    lastOfLevel[level[row]] = row;
  }
  return parent;
}

/** The deepest row of every IPv4 network: rows paint their range, the narrower over the wider ones. */
function ipv4Index(rows: PrefixRows, ipv4Rows: number): { first16: Uint32Array; blocks: Uint32Array } {
  const first16 = separateBuffers.words(65536);
  let blockCount = 0;
  let last = -1;
  for (let row = 0; row < ipv4Rows; row++) {
    const half = rows.high[row] >>> 16;
    if (LEVEL_LENGTHS[rows.level[row]] > 16 && half !== last) {
      last = half;
      blockCount++;
    }
  }
  const blocks = separateBuffers.words(blockCount * 256);
  const { level, high } = rows;
  let block = -1;
  last = -1;
  for (let row = 0; row < ipv4Rows; row++) {
    const length = LEVEL_LENGTHS[level[row]];
    const half = high[row] >>> 16;
    if (length <= 16) {
      first16.fill(row + 1, half, half + 2 ** (16 - length));
      continue;
    }
    if (half !== last) {
      last = half;
      block++;
      blocks.fill(first16[half], block * 256, (block + 1) * 256);
      first16[half] = BLOCK + block;
    }
    const first24 = block * 256 + ((high[row] >>> 8) & 255);
    // By hand: most rows have one entry, and a call for each takes ten times as long.
    const end = first24 + (1 << (24 - length));
    for (let at = first24; at < end; at++) blocks[at] = row + 1;
  }
  return { first16, blocks };
}

function providersOf({ count, level, high }: PrefixRows, ipv4Rows: number): Uint32Array {
  const isProvider = (row: number) => level[row] === PROVIDER_LEVEL;
  let length = 0;
  for (let row = ipv4Rows; row < count; row++) if (isProvider(row)) length++;
  const providers = separateBuffers.words(length);
  for (let row = count - 1; row >= ipv4Rows; row--) if (isProvider(row)) providers[--length] = high[row];
  return providers;
}
