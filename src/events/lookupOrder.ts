import { isIpv4 } from '../addresses/address.ts';
import type { Events } from './events.ts';

const DIGITS = 0x10000;
/** Of fewer events the order is not worth finding. */
const LEAST_EVENTS = 2000;

/**
 * The events by address, so that what is looked up for one event lies where the event before has just looked. IPv4 by all
 * bits; IPv6 by bits 8 to 40, which tell providers' customers apart. Events that are equal stay in their order, and so do few.
 * @returns u32[N], positions
 */
export function lookupOrder({ count, addresses }: Pick<Events, 'count' | 'addresses'>): Uint32Array {
  let order: Uint32Array = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  if (count < LEAST_EVENTS) return order;
  const key = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    key[i] = isIpv4(addresses, i)
      ? addresses[i * 4 + 3]
      : (addresses[i * 4] << 8) | (addresses[i * 4 + 1] >>> 24);
  }
  // By the last digit first, then, keeping the order where digits are equal, by the first.
  order = sortedBy(order, (i) => key[i] & (DIGITS - 1));
  return sortedBy(order, (i) => key[i] >>> 16);
}

/** @param digitOf below DIGITS */
function sortedBy(order: Uint32Array, digitOf: (i: number) => number): Uint32Array {
  const next = new Uint32Array(DIGITS + 1);
  for (const i of order) next[digitOf(i) + 1]++;
  for (let digit = 0; digit < DIGITS; digit++) next[digit + 1] += next[digit];
  const sorted = new Uint32Array(order.length);
  for (const i of order) sorted[next[digitOf(i)]++] = i;
  return sorted;
}
