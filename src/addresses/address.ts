/**
 * Addresses as 128-bit numbers, four 32-bit words, most significant first. An IPv4 address a.b.c.d is the
 * IPv4-mapped ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), so that one ordering and one notion of "shared prefix"
 * serve both families, and ::ffff:1.2.3.4 in a log *is* 1.2.3.4.
 */

/** u32[4] for one address, u32[4N] for N of them. */
export type AddressWords = Uint32Array;

/** The third word of every IPv4 address; the first two are zero. */
export const IPV4_WORD_2 = 0xffff;

/** True where the address at `index` of a column is IPv4. */
export function isIpv4(words: AddressWords, index = 0): boolean {
  const at = index * 4;
  return words[at] === 0 && words[at + 1] === 0 && words[at + 2] === IPV4_WORD_2;
}

const NOT_HEX = 255;
const HEX = new Uint8Array(256).fill(NOT_HEX);
for (let i = 0; i < 10; i++) HEX[48 + i] = i;
for (let i = 0; i < 6; i++) HEX[65 + i] = HEX[97 + i] = 10 + i;

/** Strict dotted quad in bytes[start, end) → number, or −1. No leading zeros: 010 is 8 to some parsers, 10 to others. */
function parseQuad(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i] - 48;
    if (digit >= 0 && digit <= 9) {
      if (octet === 0) return -1;
      octet = octet < 0 ? digit : octet * 10 + digit;
      if (octet > 255) return -1;
    } else if (bytes[i] === 46 && octet >= 0 && dots < 3) {
      value = value * 256 + octet;
      octet = -1;
      dots++;
    } else {
      return -1;
    }
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : -1;
}

/**
 * Strict parser for IPv4 dotted quads and IPv6 text (RFC 4291, 2.2): no leading zeros in octets, no ports,
 * no zone ids, no short forms such as `1.2.3`.
 * @param bytes the text, one byte a character
 * @param words receives u32[4] from position `at`; unspecified where the text is no address
 * @returns whether bytes[start, end) is an address
 */
export function parseAddressBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  words: AddressWords,
  at = 0,
): boolean {
  const quad = parseQuad(bytes, start, end);
  if (quad >= 0) {
    words[at] = 0;
    words[at + 1] = 0;
    words[at + 2] = IPV4_WORD_2;
    words[at + 3] = quad;
    return true;
  }
  return parseIpv6Bytes(bytes, start, end, words, at);
}

const groups = new Uint16Array(8);

function parseIpv6Bytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  words: AddressWords,
  at: number,
): boolean {
  if (end - start < 2 || end - start > 45) return false;
  let count = 0;
  let gap = -1;
  let i = start;
  if (bytes[i] === 58) {
    if (bytes[i + 1] !== 58) return false;
    gap = 0;
    i += 2;
  }
  while (i < end) {
    if (count === 8) return false;
    let value = 0;
    let digits = 0;
    const groupStart = i;
    while (i < end && HEX[bytes[i]] !== NOT_HEX) {
      value = value * 16 + HEX[bytes[i++]];
      digits++;
    }
    if (i < end && bytes[i] === 46) {
      const quad = parseQuad(bytes, groupStart, end);
      if (quad < 0 || count > 6) return false;
      groups[count++] = quad >>> 16;
      groups[count++] = quad & 0xffff;
      i = end;
      break;
    }
    if (digits === 0 || digits > 4) return false;
    groups[count++] = value;
    if (i === end) break;
    if (bytes[i] !== 58) return false;
    i++;
    if (i === end) return false;
    if (bytes[i] === 58) {
      if (gap >= 0) return false;
      gap = count;
      i++;
    }
  }
  if (gap < 0 ? count !== 8 : count > 7) return false;
  const missing = 8 - count;
  for (let word = 0; word < 4; word++) {
    let value = 0;
    for (let half = 0; half < 2; half++) {
      const position = word * 2 + half;
      let group: number;
      if (gap < 0 || position < gap) group = groups[position];
      else group = position < gap + missing ? 0 : groups[position - missing];
      value = value * 65536 + group;
    }
    words[at + word] = value;
  }
  return true;
}

const scratch = new Uint8Array(64);

/**
 * @returns u32[4], or undefined where the text is no address (`explainBadAddress` says why)
 */
export function parseAddress(text: string): AddressWords | undefined {
  if (text.length > 45) return undefined;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return undefined;
    scratch[i] = code;
  }
  const words = new Uint32Array(4);
  return parseAddressBytes(scratch, 0, text.length, words) ? words : undefined;
}

/** Why a text that `parseAddress` refused is no address, as the rest of a sentence: `octet 4 is above 255`. */
export function explainBadAddress(text: string): string {
  if (text === '') return 'it is empty';
  if (text !== text.trim()) return 'it has blanks around it';
  if (/^\[.*\](:\d+)?$/.test(text)) return text.endsWith(']') ? 'it has brackets' : 'it has a port';
  if (/^[\d.]+:\d+$/.test(text)) return 'it has a port';
  if (text.includes('%')) return 'it has a zone id';
  if (/\/\d+$/.test(text)) return 'it is a network, not an address';
  if (/^[\d.]+$/.test(text)) {
    const octets = text.split('.');
    if (octets.length !== 4)
      return `it has ${octets.length === 1 ? '1 part' : `${octets.length} parts`}, not 4`;
    for (const [i, octet] of octets.entries()) {
      if (octet === '') return `octet ${i + 1} is empty`;
      if (octet.length > 1 && octet.startsWith('0')) return `octet ${i + 1} has a leading zero`;
      if (Number(octet) > 255) return `octet ${i + 1} is above 255`;
    }
  }
  return text.includes(':') ? 'it is not a valid IPv6 address' : 'it is not an IP address';
}

/** Dotted quad, or IPv6 in the canonical form of RFC 5952. */
export function formatAddress(words: AddressWords, index = 0): string {
  const at = index * 4;
  if (isIpv4(words, index)) return formatIpv4(words[at + 3]);
  const parts: number[] = [];
  for (let i = 0; i < 4; i++) parts.push(words[at + i] >>> 16, words[at + i] & 0xffff);
  // The longest run of two or more zero groups becomes "::"; the first one where two are equal (RFC 5952, 4.2).
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && parts[i + length] === 0) length++;
    if (length > bestLength) {
      best = i;
      bestLength = length;
    }
    i += length;
  }
  const hex = parts.map((part) => part.toString(16));
  if (best < 0) return hex.join(':');
  return `${hex.slice(0, best).join(':')}::${hex.slice(best + bestLength).join(':')}`;
}

/** Dotted quad of a 32-bit number. */
export function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** How many leading bits (0 to 128) two addresses share; two IPv4 addresses share 96 and more. */
export function sharedBits(a: AddressWords, aIndex: number, b: AddressWords, bIndex: number): number {
  for (let word = 0; word < 4; word++) {
    const difference = a[aIndex * 4 + word] ^ b[bIndex * 4 + word];
    if (difference !== 0) return word * 32 + Math.clz32(difference);
  }
  return 128;
}

/** Negative, zero or positive as address a is below, equal to or above address b. */
export function compareAddresses(a: AddressWords, aIndex: number, b: AddressWords, bIndex: number): number {
  for (let word = 0; word < 4; word++) {
    const difference = a[aIndex * 4 + word] - b[bIndex * 4 + word];
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether address a is the one after address b. */
export function followsAddress(a: AddressWords, aIndex: number, b: AddressWords, bIndex: number): boolean {
  let carry = 1;
  for (let word = 3; word >= 0; word--) {
    const sum = b[bIndex * 4 + word] + carry;
    carry = sum > 0xffffffff ? 1 : 0;
    if (a[aIndex * 4 + word] !== sum % 2 ** 32) return false;
  }
  return carry === 0;
}
