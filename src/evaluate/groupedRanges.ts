import { type AddressWords, isIpv4 } from '../addresses/address.ts';
import type { RangeTable } from '../addresses/ranges.ts';
import type { RandomStream } from '../random/philox.ts';

/** A table of ranges and the group (provider or country) of each. R ranges. */
export interface GroupTable {
  ranges: RangeTable;
  /** 0 in none; `ranges.asns` for providers */
  groups: Uint32Array; // (R)
}

/** Ranges of one group and family, one after the other, as a row of addresses to draw from. R ranges. */
interface Row {
  firsts: bigint[]; // (R) ascending
  /** how many addresses stand before each range */
  before: bigint[]; // (R)
  size: bigint;
}

/** A site: the /24 of an IPv4 address, the /48 of an IPv6 address, as the number of bits below it. */
const IPV4_SITE = 8n;
const IPV6_SITE = 80n;

/**
 * Announced ranges by group (provider or country) and family. As 128-bit integers: doubles cannot count the addresses of
 * an IPv6 range, and the addresses of one site could then not be left out exactly.
 */
export class GroupedRanges {
  readonly #tables: readonly GroupTable[];
  readonly #ipv4 = new Map<number, Row>();
  readonly #ipv6 = new Map<number, Row>();

  /**
   * @param tables one of both families, or one for each
   * @throws RangeError where groups are missing, or the ranges of a group do not ascend, as from two tables of one family
   */
  constructor(tables: readonly GroupTable[]) {
    this.#tables = tables;
    for (const { ranges, groups } of tables) {
      if (groups.length !== ranges.count)
        throw new RangeError(`expected a group for each of ${ranges.count} ranges, got ${groups.length}`);
      for (let range = 0; range < ranges.count; range++) {
        if (groups[range] !== 0) this.#add(ranges, range, groups[range]);
      }
    }
  }

  #add(ranges: RangeTable, range: number, group: number): void {
    const rows = isIpv4(ranges.firsts, range) ? this.#ipv4 : this.#ipv6;
    let row = rows.get(group);
    if (row === undefined) {
      row = { firsts: [], before: [], size: 0n };
      rows.set(group, row);
    }
    const first = readAddress(ranges.firsts, range);
    if (row.firsts.length > 0 && first <= row.firsts[row.firsts.length - 1])
      throw new RangeError('expected one table for each family, got two with ranges of one');
    row.firsts.push(first);
    row.before.push(row.size);
    row.size += readAddress(ranges.lasts, range) - first + 1n;
  }

  /** The group of words[4·index, 4·index + 4), 0 where it is in none. */
  groupOf(words: AddressWords, index: number): number {
    for (const { ranges, groups } of this.#tables) {
      const range = ranges.find(words, index);
      if (range >= 0) return groups[range];
    }
    return 0;
  }

  /**
   * Draws an address uniform over those of the same group and family as words[4·index, 4·index + 4), but not of its own
   * /24 (IPv6: /48), unless the group has no others.
   * @param out receives u32[4]
   * @returns false where the address is in no group, and nothing was drawn
   */
  drawBeside(words: AddressWords, index: number, random: RandomStream, out: AddressWords): boolean {
    const rows = isIpv4(words, index) ? this.#ipv4 : this.#ipv6;
    const row = rows.get(this.groupOf(words, index));
    if (row === undefined) return false;
    const siteBits = isIpv4(words, index) ? IPV4_SITE : IPV6_SITE;
    const site = (readAddress(words, index) >> siteBits) << siteBits;
    // The site's addresses stand side by side in the row: what is drawn from there on is moved behind them.
    const from = placeOf(row, site);
    const own = placeOf(row, site + (1n << siteBits)) - from;
    let place: bigint;
    if (own === row.size) place = randomBelow(row.size, random);
    else {
      place = randomBelow(row.size - own, random);
      if (place >= from) place += own;
    }
    const range = lastUpTo(row.before, place);
    writeAddress(row.firsts[range] + place - row.before[range], out);
    return true;
  }
}

/** How many addresses of the row are below the given one. */
function placeOf(row: Row, address: bigint): bigint {
  const range = lastUpTo(row.firsts, address);
  if (range < 0) return 0n;
  const end = row.before[range + 1] ?? row.size;
  const place = row.before[range] + address - row.firsts[range];
  if (place > end) return end; // in the gap behind the range
  return place;
}

/** The last place of ascending values that holds at most `value`, −1 where none does. */
function lastUpTo(values: bigint[], value: bigint): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Uniform integer in [0, n), n up to 2^128: of 192 random bits, so that the bias is at most 2^−64. */
export function randomBelow(n: bigint, random: RandomStream): bigint {
  let bits = 0n;
  for (let word = 0; word < 6; word++) bits = (bits << 32n) | BigInt(random.u32());
  return (bits * n) >> 192n;
}

/** The address at a place of a column as a number of 128 bits. */
export function readAddress(words: AddressWords, index: number): bigint {
  const at = index * 4;
  const high = (BigInt(words[at]) << 32n) | BigInt(words[at + 1]);
  const low = (BigInt(words[at + 2]) << 32n) | BigInt(words[at + 3]);
  return (high << 64n) | low;
}

/** @param words receives u32[4] */
export function writeAddress(address: bigint, words: AddressWords): void {
  for (let word = 3; word >= 0; word--) {
    words[word] = Number(address & 0xffffffffn);
    address >>= 32n;
  }
}
