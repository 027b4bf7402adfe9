import { InputError, quoted } from '../errors.ts';
import {
  type AddressWords,
  compareAddresses,
  explainBadAddress,
  formatAddress,
  IPV4_WORD_2,
  isIpv4,
  parseAddressBytes,
} from './address.ts';
import { countryId, type GroupKind } from './groupTable.ts';

/** Ranges of addresses as a list or database gives them, without overlaps; each family ascends. R ranges. */
export interface RangeColumns {
  /** how messages call the list */
  name: string;
  /** first address of each range */
  firsts: AddressWords; // (R, 4)
  /** last address of each range */
  lasts: AddressWords; // (R, 4)
  /** autonomous system or country of each range, 0 where it has none */
  ids: Uint32Array; // (R)
  /** name of an autonomous system, where the list gives one */
  names: ReadonlyMap<number, string>;
  /** how many ranges reached into the next one and were cut short where that begins */
  trimmed: number;
}

/** What stands behind the two ends of a range. */
interface RangeLineFormat {
  /** as messages name them */
  columns: string;
  /** the third column, as messages describe it */
  expected: string;
  /** @returns −1 where it is not what was expected */
  parseId(bytes: Uint8Array, start: number, end: number): number;
  named: boolean;
}

const FORMATS: Record<GroupKind, RangeLineFormat> = {
  asn: {
    columns: 'first,last,asn[,name]',
    expected: 'the number of an autonomous system (0 to 4294967295)',
    parseId: parseAsn,
    named: true,
  },
  country: {
    columns: 'first,last,country',
    expected: 'the two letters of a country, such as DE',
    parseId: parseCountry,
    named: false,
  },
};

const COMMA = 44;
const QUOTE = 34;
const NEWLINE = 10;
const RETURN = 13;
const decoder = new TextDecoder();

/**
 * Reads a list of ranges: CSV lines `first,last,asn[,name]` or `first,last,country`. First and last are addresses, or
 * decimal numbers (below 2^32 IPv4, else IPv6); `AS13335` is accepted for 13335, `de` for DE, `-` for no country,
 * further columns are ignored. A first line without a digit in its first two fields is a header. Empty lines, CRLF and
 * a byte-order mark are accepted. Where a range reaches into the next one, as happens in published lists, it is cut
 * short and counted in `trimmed`.
 * @param bytes UTF-8
 * @param name  how messages call the list
 * @throws InputError with name and line where a line cannot be read, or the ranges do not ascend
 */
export function readRangeLines(bytes: Uint8Array, name: string, kind: GroupKind): RangeColumns {
  const { columns, expected, parseId, named } = FORMATS[kind];
  let capacity = 1;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === NEWLINE) capacity++;
  const firsts = new Uint32Array(capacity * 4);
  const lasts = new Uint32Array(capacity * 4);
  const ids = new Uint32Array(capacity);
  const names = new Map<number, string>();
  const starts = new Float64Array(4);
  const ends = new Float64Array(4);
  let count = 0;
  let trimmed = 0;
  let line = 0;
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (at < bytes.length) {
    line++;
    let end = bytes.indexOf(NEWLINE, at);
    if (end < 0) end = bytes.length;
    const next = end + 1;
    if (end > at && bytes[end - 1] === RETURN) end--;
    const fields = splitFields(bytes, at, end, starts, ends);
    at = next;
    if (fields === 1 && starts[0] === ends[0]) continue;
    if (line === 1 && fields >= 3 && isHeader(bytes, starts, ends)) continue;
    if (fields < 3) {
      throw new InputError(
        `${name}:${line}: expected ${columns}, got ${fields === 1 ? '1 field' : '2 fields'}.`,
      );
    }
    readBound(bytes, starts[0], ends[0], firsts, count, name, line);
    readBound(bytes, starts[1], ends[1], lasts, count, name, line);
    const id = parseId(bytes, starts[2], ends[2]);
    if (id < 0) {
      const text = decoder.decode(bytes.subarray(starts[2], ends[2]));
      throw new InputError(`${name}:${line}: expected ${expected}, got ${quoted(text)}.`);
    }
    if (isIpv4(firsts, count) !== isIpv4(lasts, count)) {
      throw new InputError(
        `${name}:${line}: expected both ends of a range in one family, got ${formatAddress(firsts, count)} and ${formatAddress(lasts, count)}.`,
      );
    }
    if (compareAddresses(firsts, count, lasts, count) > 0) {
      throw new InputError(
        `${name}:${line}: expected a range that ends at or after its start, got ${formatAddress(firsts, count)} to ${formatAddress(lasts, count)}.`,
      );
    }
    if (count > 0 && compareAddresses(firsts, count, lasts, count - 1) <= 0) {
      if (
        compareAddresses(firsts, count, firsts, count - 1) <= 0 ||
        compareAddresses(lasts, count, lasts, count - 1) <= 0
      ) {
        throw new InputError(
          `${name}:${line}: expected a range after ${formatAddress(firsts, count - 1)} to ${formatAddress(lasts, count - 1)}, the one before, got ${formatAddress(firsts, count)} to ${formatAddress(lasts, count)}. Sort the list by address and remove ranges within others.`,
        );
      }
      copyPredecessor(firsts, count, lasts, count - 1);
      trimmed++;
    }
    if (named && fields > 3 && !names.has(id))
      names.set(id, decoder.decode(bytes.subarray(starts[3], ends[3])).replaceAll('""', '"'));
    ids[count++] = id;
  }
  if (count === 0) throw new InputError(`${name}: expected lines ${columns}, got no range.`);
  return {
    name,
    firsts: firsts.slice(0, count * 4),
    lasts: lasts.slice(0, count * 4),
    ids: ids.slice(0, count),
    names,
    trimmed,
  };
}

/**
 * Finds the first four fields of a CSV line, quotes and blanks around them left out.
 * @param starts f64[4], receives where each begins
 * @param ends   f64[4], receives where each ends
 * @returns how many of them there are
 */
function splitFields(
  bytes: Uint8Array,
  start: number,
  end: number,
  starts: Float64Array,
  ends: Float64Array,
): number {
  let at = start;
  for (let field = 0; field < 4; field++) {
    while (at < end && bytes[at] === 32) at++;
    if (at < end && bytes[at] === QUOTE) {
      let close = at + 1;
      // A doubled quote stands for one.
      while (close < end && (bytes[close] !== QUOTE || bytes[close + 1] === QUOTE))
        close += bytes[close] === QUOTE ? 2 : 1;
      starts[field] = at + 1;
      ends[field] = Math.min(close, end);
      at = close + 1;
      while (at < end && bytes[at] !== COMMA) at++;
    } else {
      starts[field] = at;
      while (at < end && bytes[at] !== COMMA) at++;
      let last = at;
      while (last > starts[field] && bytes[last - 1] === 32) last--;
      ends[field] = last;
    }
    if (at >= end) return field + 1;
    at++;
  }
  return 4;
}

function isHeader(bytes: Uint8Array, starts: Float64Array, ends: Float64Array): boolean {
  for (let field = 0; field < 2; field++) {
    for (let i = starts[field]; i < ends[field]; i++) if (bytes[i] >= 48 && bytes[i] <= 57) return false;
    if (bytes.subarray(starts[field], ends[field]).includes(58)) return false; // "::" is an address
  }
  return true;
}

/** An address or a decimal number into words[4·index, 4·index + 4). */
function readBound(
  bytes: Uint8Array,
  start: number,
  end: number,
  words: AddressWords,
  index: number,
  name: string,
  line: number,
): void {
  if (parseAddressBytes(bytes, start, end, words, index * 4)) return;
  const text = decoder.decode(bytes.subarray(start, end));
  if (/^\d{1,39}$/.test(text)) {
    const value = BigInt(text);
    if (value >> 128n === 0n) {
      const mapped = value >> 32n === 0n ? value | (BigInt(IPV4_WORD_2) << 32n) : value;
      for (let word = 0; word < 4; word++)
        words[index * 4 + word] = Number((mapped >> BigInt(96 - 32 * word)) & 0xffffffffn);
      return;
    }
  }
  throw new InputError(
    `${name}:${line}: expected an IP address or its decimal number, got ${quoted(text)}: ${explainBadAddress(text)}.`,
  );
}

/** The address before words[4·index, …) into into[4·target, …). */
function copyPredecessor(words: AddressWords, index: number, into: AddressWords, target: number): void {
  let borrow = 1;
  for (let word = 3; word >= 0; word--) {
    const value = words[index * 4 + word] - borrow;
    borrow = value < 0 ? 1 : 0;
    into[target * 4 + word] = value; // modulo 2^32
  }
}

function parseAsn(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  if ((bytes[at] | 32) === 97 && (bytes[at + 1] | 32) === 115) at += 2; // "AS"
  if (at >= end || end - at > 10) return -1;
  let asn = 0;
  for (; at < end; at++) {
    const digit = bytes[at] - 48;
    if (digit < 0 || digit > 9) return -1;
    asn = asn * 10 + digit;
  }
  return asn <= 0xffffffff ? asn : -1;
}

/** Two letters → the number that `countryId` gives them. */
function parseCountry(bytes: Uint8Array, start: number, end: number): number {
  if (end - start === 1 && bytes[start] === 45) return 0; // "-" in lists that cover every address
  return end - start === 2 ? countryId(bytes[start], bytes[start + 1]) : -1;
}
