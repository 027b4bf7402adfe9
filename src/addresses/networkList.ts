import { InputError, quoted } from '../errors.ts';
import {
  type AddressWords,
  compareAddresses,
  explainBadAddress,
  IPV4_WORD_2,
  isIpv4,
  parseAddressBytes,
} from './address.ts';

/** A list of networks, such as those of VPNs or data centres: ranges in ascending order, without overlaps. R ranges. */
export interface NetworkList {
  readonly count: number; // R
  /** first address of each range */
  readonly firsts: AddressWords; // (R, 4)
  /** last address of each range */
  readonly lasts: AddressWords; // (R, 4)
  /** how many networks of the list had addresses in common with one before them and became part of it */
  readonly merged: number;
}

const COMMA = 44;
const HASH = 35;
const NEWLINE = 10;
const SLASH = 47;
const decoder = new TextDecoder();

/**
 * Reads a list of networks, one a line: `192.0.2.0/24`, `192.0.2.1` or `192.0.2.1,192.0.2.9` (first and last address),
 * IPv4 and IPv6 in any order. What follows a `#` is a comment; blanks, empty lines, CRLF and a byte-order mark are
 * accepted. Networks that have addresses in common become one; those that only touch stay two, so that each is drawn
 * as often as any other.
 * @param bytes UTF-8
 * @param name  how messages call the list
 * @throws InputError with name and line where a line cannot be read; where the list is empty
 */
export function parseNetworkList(bytes: Uint8Array, name: string): NetworkList {
  let lines = 1;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === NEWLINE) lines++;
  const firsts = new Uint32Array(lines * 4);
  const lasts = new Uint32Array(lines * 4);
  let count = 0;
  let line = 0;
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (at < bytes.length) {
    line++;
    let next = bytes.indexOf(NEWLINE, at);
    if (next < 0) next = bytes.length;
    const comment = bytes.subarray(at, next).indexOf(HASH);
    const [start, end] = withoutBlanks(bytes, at, comment < 0 ? next : at + comment);
    at = next + 1;
    if (start === end) continue;
    readNetwork(bytes, start, end, firsts, lasts, count, `${name}:${line}`);
    count++;
  }
  if (count === 0) {
    throw new InputError(
      `${name}: expected networks, one a line, got none. Write each as 192.0.2.0/24, 192.0.2.1 or 192.0.2.1,192.0.2.9.`,
    );
  }
  return mergeNetworks(firsts, lasts, count);
}

/** One network from bytes[start, end) into place `index` of firsts and lasts. */
function readNetwork(
  bytes: Uint8Array,
  start: number,
  end: number,
  firsts: AddressWords,
  lasts: AddressWords,
  index: number,
  place: string,
): void {
  const separator = bytes.subarray(start, end).findIndex((byte) => byte === COMMA || byte === SLASH);
  const text = () => quoted(decoder.decode(bytes.subarray(start, end)));
  if (separator < 0) {
    readAddress(bytes, start, end, firsts, index, place);
    lasts.set(firsts.subarray(index * 4, index * 4 + 4), index * 4);
  } else if (bytes[start + separator] === COMMA) {
    readAddress(bytes, ...withoutBlanks(bytes, start, start + separator), firsts, index, place);
    readAddress(bytes, ...withoutBlanks(bytes, start + separator + 1, end), lasts, index, place);
    if (isIpv4(firsts, index) !== isIpv4(lasts, index)) {
      throw new InputError(
        `${place}: expected both ends of a range in one family, got ${text()}. Write a line for each family.`,
      );
    }
    if (compareAddresses(firsts, index, lasts, index) > 0) {
      throw new InputError(
        `${place}: expected a range that ends at or after its start, got ${text()}. Swap the two.`,
      );
    }
  } else {
    readAddress(bytes, start, start + separator, firsts, index, place);
    // ::ffff:192.0.2.0/120 is an IPv4 network with the length of IPv6.
    const width = bytes.subarray(start, start + separator).includes(58) ? 128 : 32;
    const length = decoder.decode(bytes.subarray(start + separator + 1, end));
    if (!/^\d{1,3}$/.test(length) || Number(length) > width) {
      throw new InputError(
        `${place}: expected a length from 0 to ${width} after the slash, got ${text()}. Write a network as 192.0.2.0/24 or 2001:db8::/32.`,
      );
    }
    if (!fillBelow(firsts, lasts, index, 128 - width + Number(length))) {
      throw new InputError(
        `${place}: expected a network whose bits after /${Number(length)} are zero, got ${text()}. Correct the address or the length; a single address needs none.`,
      );
    }
  }
  if (!isIpv4(firsts, index) && reachesAcrossIpv4(firsts, lasts, index)) {
    throw new InputError(
      `${place}: expected a network of one family, got ${text()}, which holds all of IPv4 (::ffff:0:0/96). Write the IPv6 networks that are meant, such as 2000::/3.`,
    );
  }
}

function readAddress(
  bytes: Uint8Array,
  start: number,
  end: number,
  words: AddressWords,
  index: number,
  place: string,
): void {
  if (parseAddressBytes(bytes, start, end, words, index * 4)) return;
  const text = decoder.decode(bytes.subarray(start, end));
  throw new InputError(
    `${place}: expected a network such as 192.0.2.0/24, an address, or first,last, got ${quoted(text)}: ${explainBadAddress(text)}. Start comments with #.`,
  );
}

/**
 * The last address of the network of `bits` bits that begins at firsts.
 * @returns whether the first address has only zeros below those bits
 */
function fillBelow(firsts: AddressWords, lasts: AddressWords, index: number, bits: number): boolean {
  let isNetwork = true;
  for (let word = 0; word < 4; word++) {
    const below = Math.min(32, Math.max(0, (word + 1) * 32 - bits));
    const mask = 2 ** below - 1;
    const first = firsts[index * 4 + word];
    if ((first & mask) !== 0) isNetwork = false;
    lasts[index * 4 + word] = first | mask;
  }
  return isNetwork;
}

const IPV4_SPACE = Uint32Array.of(0, 0, IPV4_WORD_2, 0);

function reachesAcrossIpv4(firsts: AddressWords, lasts: AddressWords, index: number): boolean {
  return (
    compareAddresses(firsts, index, IPV4_SPACE, 0) < 0 && compareAddresses(lasts, index, IPV4_SPACE, 0) > 0
  );
}

function mergeNetworks(firsts: AddressWords, lasts: AddressWords, count: number): NetworkList {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  order.sort((a, b) => compareAddresses(firsts, a, firsts, b));
  const mergedFirsts = new Uint32Array(count * 4);
  const mergedLasts = new Uint32Array(count * 4);
  let kept = 0;
  for (const place of order) {
    const last = lasts.subarray(place * 4, place * 4 + 4);
    if (kept > 0 && compareAddresses(firsts, place, mergedLasts, kept - 1) <= 0) {
      if (compareAddresses(last, 0, mergedLasts, kept - 1) > 0) mergedLasts.set(last, (kept - 1) * 4);
      continue;
    }
    mergedFirsts.set(firsts.subarray(place * 4, place * 4 + 4), kept * 4);
    mergedLasts.set(last, kept * 4);
    kept++;
  }
  return {
    count: kept,
    firsts: mergedFirsts.slice(0, kept * 4),
    lasts: mergedLasts.slice(0, kept * 4),
    merged: count - kept,
  };
}

/** @returns where bytes[start, end) begin and end without the blanks, tabs and carriage returns around them */
function withoutBlanks(bytes: Uint8Array, start: number, end: number): [number, number] {
  const isBlank = (byte: number) => byte === 32 || byte === 9 || byte === 13;
  while (start < end && isBlank(bytes[start])) start++;
  while (end > start && isBlank(bytes[end - 1])) end--;
  return [start, end];
}
