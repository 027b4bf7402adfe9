import { isIpv4 } from '../addresses/address.ts';
import type { Events } from './events.ts';

/**
 * The first event of each (entity, place), a place being an IPv4 address or an IPv6 /64: what there is to learn from where
 * repeats would only tell how often somebody comes.
 * @returns their positions, ascending
 */
export function distinctPairs(events: Events): Uint32Array {
  return firstOfPairs(events).filter((first, i) => first === i);
}

/** For each event the position of the first one of the same (entity, place). @returns u32[N] */
export function firstOfPairs({ count, entity, addresses }: Events): Uint32Array {
  let size = 16;
  while (size < count * 2) size *= 2;
  const slots = new Int32Array(size).fill(-1);
  const first = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const high = isIpv4(addresses, i) ? addresses[i * 4 + 3] : addresses[i * 4];
    const low = addresses[i * 4 + 1];
    let hash = Math.imul(entity[i] ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(low, 0xc2b2ae35);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    let slot = (hash ^ (hash >>> 13)) & (size - 1);
    let other = slots[slot];
    while (other >= 0 && !isSamePair(entity, addresses, other, i)) {
      slot = (slot + 1) & (size - 1);
      other = slots[slot];
    }
    if (other < 0) slots[slot] = i;
    first[i] = other < 0 ? i : other;
  }
  return first;
}

function isSamePair(entity: Uint32Array, addresses: Uint32Array, a: number, b: number): boolean {
  if (entity[a] !== entity[b]) return false;
  if (addresses[a * 4] !== addresses[b * 4] || addresses[a * 4 + 1] !== addresses[b * 4 + 1]) return false;
  // Of IPv6 the first 64 bits are the place; where those are zero, IPv4 and ::1 must be told apart.
  if (addresses[a * 4] !== 0 || addresses[a * 4 + 1] !== 0) return true;
  const ipv4 = isIpv4(addresses, a);
  return ipv4 === isIpv4(addresses, b) && (!ipv4 || addresses[a * 4 + 3] === addresses[b * 4 + 3]);
}
