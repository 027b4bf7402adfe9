/*
 * Prefixes of 64 bits, as a high and a low word: all that decides over an IPv4 address, alone in the high word, and over
 * the /64 of an IPv6 one.
 */

/** The bits beyond the first `length` of 64: high and low word. */
const MASKS = Array.from({ length: 65 }, (_, length) => [
  length >= 32 ? 0 : length === 0 ? 0xffffffff : 2 ** (32 - length) - 1,
  length >= 64 ? 0 : length <= 32 ? 0xffffffff : 2 ** (64 - length) - 1,
]);
export const hostBitsHigh = (length: number): number => MASKS[length][0];
export const hostBitsLow = (length: number): number => MASKS[length][1];

/** (high, low) cut to the first `length` of 64 bits. */
export const cutHigh = (high: number, length: number): number => (high & ~hostBitsHigh(length)) >>> 0;
export const cutLow = (low: number, length: number): number => (low & ~hostBitsLow(length)) >>> 0;

/** Leading bits of 64 that do not differ. */
export function sharedPrefix(differHigh: number, differLow: number): number {
  return differHigh !== 0 ? Math.clz32(differHigh) : 32 + Math.clz32(differLow);
}

/** How many of the lengths are at most so many bits, for 0 to 64 bits. */
export const levelsOfBits = (lengths: readonly number[]): Uint8Array =>
  Uint8Array.from({ length: 65 }, (_, bits) => lengths.filter((length) => length <= bits).length);
