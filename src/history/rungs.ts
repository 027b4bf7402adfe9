import { type AddressWords, IPV4_WORD_2, isIpv4 } from '../addresses/address.ts';
import { cutHigh, cutLow } from '../addresses/prefixBits.ts';

/**
 * The rungs of the ladder: networks around an address from wide to narrow. The last rung is the place itself: an IPv4
 * address, or an IPv6 /64, as hosts change their last 64 bits at will (RFC 8981). Both families have equally many, so that
 * weights learned on one serve the other: a rung is a step on the way from "the family" to "the place". IPv6 stops at
 * the borders of practice: /20 the largest providers, /32 most providers, /48 a site, /56 and /60 a household.
 * Measured: docs/decisions/0006.
 */
export const IPV4_RUNGS = [0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 28, 32] as const;
export const IPV6_RUNGS = [0, 16, 20, 24, 28, 32, 36, 40, 48, 56, 60, 64] as const;

/** K, rungs of prefixes. */
export const RUNGS = IPV4_RUNGS.length;
/** The rung of the place itself. */
export const PLACE_RUNG = RUNGS - 1;

export const rungsOf = (ipv4: boolean): readonly number[] => (ipv4 ? IPV4_RUNGS : IPV6_RUNGS);

/** 2000::/3 holds all unicast IPv6 addresses that were ever handed out (IANA), so prefixes have 3 bits less to choose. */
const IPV6_FIXED_BITS = 3;

/** The share of a rung's network in the address space, each family counting half. */
const shareOf = (bits: number, fixed: number) => 0.5 * 2 ** -Math.max(0, bits - fixed);
export const IPV4_SPACE: readonly number[] = IPV4_RUNGS.map((bits) => shareOf(bits, 0));
export const IPV6_SPACE: readonly number[] = IPV6_RUNGS.map((bits) => shareOf(bits, IPV6_FIXED_BITS));

/** The 32 or 64 bits of a place as two words; IPv4 has low 0. */
export const placeHigh = (words: AddressWords, index: number, ipv4: boolean): number =>
  ipv4 ? words[index * 4 + 3] : words[index * 4];
export const placeLow = (words: AddressWords, index: number, ipv4: boolean): number =>
  ipv4 ? 0 : words[index * 4 + 1];

/** The network of that length around an address, as u32[4] of its first address. */
export function networkAround(words: AddressWords, index: number, bits: number): AddressWords {
  const at = index * 4;
  if (isIpv4(words, index)) {
    return Uint32Array.of(0, 0, IPV4_WORD_2, cutHigh(words[at + 3], bits));
  }
  return Uint32Array.of(cutHigh(words[at], bits), cutLow(words[at + 1], bits), 0, 0);
}
