import { InputError } from '../errors.ts';
import { type AddressWords, compareAddresses, formatAddress, isIpv4 } from './address.ts';
import { readRangeLines } from './rangeLines.ts';

/**
 * Announced address ranges with the autonomous system (ASN) that announces them, in ascending order, without
 * overlaps. R ranges.
 */
export class RangeTable {
  readonly count: number; // R
  /** first address of each range */
  readonly firsts: AddressWords; // (R, 4)
  /** last address of each range */
  readonly lasts: AddressWords; // (R, 4)
  /** number of the autonomous system */
  readonly asns: Uint32Array; // (R)
  /** name of an autonomous system, where the list gives one */
  readonly names: ReadonlyMap<number, string>;
  /** how many ranges of the list reached into the next one and were cut short where that begins */
  readonly trimmed: number;
  /** number of addresses in each range; above 2^53 (IPv6) rounded to 53 bits */
  readonly sizes: Float64Array; // (R)

  constructor(
    firsts: AddressWords,
    lasts: AddressWords,
    asns: Uint32Array,
    names: ReadonlyMap<number, string>,
    trimmed = 0,
  ) {
    this.trimmed = trimmed;
    this.count = asns.length;
    this.firsts = firsts;
    this.lasts = lasts;
    this.asns = asns;
    this.names = names;
    this.sizes = new Float64Array(this.count);
    for (let range = 0; range < this.count; range++) {
      let size = 0;
      for (let word = range * 4; word < range * 4 + 4; word++)
        size = size * 2 ** 32 + lasts[word] - firsts[word];
      this.sizes[range] = size + 1;
    }
  }

  /** @returns the range that holds words[4·index, 4·index + 4), or −1 where no range does; binary search */
  find(words: AddressWords, index = 0): number {
    let low = 0;
    let high = this.count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (compareAddresses(words, index, this.firsts, middle) < 0) high = middle - 1;
      else low = middle + 1;
    }
    return high >= 0 && compareAddresses(words, index, this.lasts, high) <= 0 ? high : -1;
  }
}

/**
 * Reads a list of ranges with their autonomous systems: CSV lines `first,last,asn[,name]`, as `readRangeLines` has them.
 * @param bytes UTF-8
 * @param name  how messages call the list
 * @throws InputError with name and line where a line cannot be read, or the ranges do not ascend
 */
export function parseRanges(bytes: Uint8Array, name: string): RangeTable {
  const { firsts, lasts, ids, names, trimmed } = readRangeLines(bytes, name, 'asn');
  return new RangeTable(firsts, lasts, ids, names, trimmed);
}

/**
 * @param name how the message calls the list
 * @throws InputError where a range is of the other family
 */
export function requireFamily(ranges: RangeTable, family: 'IPv4' | 'IPv6', name: string): void {
  for (let range = 0; range < ranges.count; range++) {
    if (isIpv4(ranges.firsts, range) !== (family === 'IPv4')) {
      const other = family === 'IPv4' ? 'IPv6' : 'IPv4';
      const first = formatAddress(ranges.firsts, range);
      throw new InputError(
        `${name}: expected ${family} ranges only, got one that starts at ${first}. Remove the ${other} ranges.`,
      );
    }
  }
}
