import { MAX_CHAIN } from '../kernels/kernels.ts';

/**
 * The prefixes of an address that have a vector of their own, from wide to narrow. IPv4 in steps of two bits, finer
 * than needed for the tutorial, because real providers' ranges lie at every length. IPv6 at the borders of practice:
 * registries hand out /20 and the like to the largest, /32 to most providers, sites get /48, households /56.
 * At most MAX_CHAIN of each. Measured: docs/decisions/0004.
 */
export const IPV4_PREFIX_LENGTHS = [0, 8, 10, 12, 14, 16, 18, 20, 22, 24] as const;
export const IPV6_PREFIX_LENGTHS = [0, 20, 32, 48, 56] as const;

/** A prefix is worth a row where training holds it at least this often: seen once, it teaches nothing that its /0 … do not. */
export const MIN_PREFIX_COUNT = 2;

// Levels: first those of IPv4, then those of IPv6.
export const V6_LEVEL = IPV4_PREFIX_LENGTHS.length;
/** Length of the prefixes of each level. */
export const LEVEL_LENGTHS: readonly number[] = [...IPV4_PREFIX_LENGTHS, ...IPV6_PREFIX_LENGTHS];
export const LEVELS = LEVEL_LENGTHS.length;

if (Math.max(IPV4_PREFIX_LENGTHS.length, IPV6_PREFIX_LENGTHS.length) > MAX_CHAIN) {
  throw new RangeError(`an address has more than ${MAX_CHAIN} prefixes; the kernels have room for no more`);
}
