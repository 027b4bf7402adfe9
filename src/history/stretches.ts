import { hostBitsHigh, hostBitsLow, IPV4_RUNGS, IPV6_RUNGS, RUNGS } from './rungs.ts';

/** Of sorted places, those in each rung's network around an address: [from[k], to[k]). */
export interface Stretches {
  from: Uint32Array; // (K)
  to: Uint32Array; // (K)
}

export const newStretches = (): Stretches => ({ from: new Uint32Array(RUNGS), to: new Uint32Array(RUNGS) });

const LAST_WORD = 0xffffffff;
/** Turns unsigned order into signed order. */
const SIGN = 1 << 31;
const IPV4_MASK = Int32Array.from(IPV4_RUNGS, (bits) => ~hostBitsHigh(bits));
const IPV6_REST_HIGH = Uint32Array.from(IPV6_RUNGS, hostBitsHigh);
const IPV6_REST_LOW = Uint32Array.from(IPV6_RUNGS, hostBitsLow);

/**
 * Finds the address once, then widens the stretch around it rung by rung; most rungs add nothing, which two comparisons
 * show. Words are compared as signed numbers, which an engine keeps in registers; unsigned ones above 2^31 it would not.
 * @param keys    ascending in [start, end)
 * @param address 32 bits
 * @param widest  the rung to stop at; [start, end) must lie within its network
 */
export function findIpv4Stretches(
  keys: Uint32Array,
  start: number,
  end: number,
  address: number,
  widest: number,
  { from, to }: Stretches,
): void {
  const wanted = address | 0;
  let first = lowerBoundIpv4(keys, start, end, wanted);
  let next = first;
  for (let k = RUNGS - 1; k > widest; k--) {
    const mask = IPV4_MASK[k];
    if (first > start && ((keys[first - 1] ^ wanted) & mask) === 0) {
      // In steps that double, from the near end; then between the last two.
      let step = 1;
      first--;
      while (first - step >= start && ((keys[first - step] ^ wanted) & mask) === 0) {
        first -= step;
        step *= 2;
      }
      let outside = Math.max(start - 1, first - step);
      while (first - outside > 1) {
        const middle = (outside + first) >> 1;
        if (((keys[middle] ^ wanted) & mask) === 0) first = middle;
        else outside = middle;
      }
    }
    if (next < end && ((keys[next] ^ wanted) & mask) === 0) {
      let step = 1;
      while (next + step < end && ((keys[next + step] ^ wanted) & mask) === 0) {
        next += step;
        step *= 2;
      }
      let outside = Math.min(end, next + step);
      while (outside - next > 1) {
        const middle = (outside + next) >> 1;
        if (((keys[middle] ^ wanted) & mask) === 0) next = middle;
        else outside = middle;
      }
      next = outside;
    }
    from[k] = first;
    to[k] = next;
  }
  from[widest] = start;
  to[widest] = end;
}

/** The same for IPv6 places of two words. */
export function findIpv6Stretches(
  highs: Uint32Array,
  lows: Uint32Array,
  start: number,
  end: number,
  addressHigh: number,
  addressLow: number,
  { from, to }: Stretches,
): void {
  let first = lowerBound(highs, lows, start, end, addressHigh, addressLow);
  let next = first;
  for (let k = RUNGS - 1; k >= 0; k--) {
    const restHigh = IPV6_REST_HIGH[k];
    const restLow = IPV6_REST_LOW[k];
    const lowestHigh = (addressHigh & ~restHigh) >>> 0;
    const lowestLow = (addressLow & ~restLow) >>> 0;
    const highestHigh = (addressHigh | restHigh) >>> 0;
    const highestLow = (addressLow | restLow) >>> 0;
    if (first > start) first = lowerBound(highs, lows, start, first, lowestHigh, lowestLow);
    if (next < end) next = upperBound(highs, lows, next, end, highestHigh, highestLow);
    from[k] = first;
    to[k] = next;
  }
}

/** The first place of [from, to) that is not below the address, 32 bits with or without a sign. */
export function lowerBoundIpv4(keys: Uint32Array, from: number, to: number, address: number): number {
  const signed = address ^ SIGN;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((keys[middle] ^ SIGN) < signed) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The first place of [from, to) that is not below (high, low). */
export function lowerBound(
  highs: Uint32Array,
  lows: Uint32Array,
  from: number,
  to: number,
  high: number,
  low: number,
): number {
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (highs[middle] < high || (highs[middle] === high && lows[middle] < low)) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The first place of [from, to) that is above (high, low): not below the next one. */
export function upperBound(
  highs: Uint32Array,
  lows: Uint32Array,
  from: number,
  to: number,
  high: number,
  low: number,
): number {
  if (low < LAST_WORD) return lowerBound(highs, lows, from, to, high, low + 1);
  return high === LAST_WORD ? to : lowerBound(highs, lows, from, to, high + 1, 0);
}
