import { hostBitsHigh, hostBitsLow, levelsOfBits, sharedPrefix } from '../addresses/prefixBits.ts';
import { IPV4_RUNGS, IPV6_RUNGS, RUNGS } from './rungs.ts';

/**
 * Of sorted places, those in each rung's network around an address: [from[k], to[k]). Remembers what it was found in: the
 * next address asked for in the same places has the networks in common with it that hold both.
 */
export interface Stretches {
  from: Uint32Array; // (K)
  to: Uint32Array; // (K)
  keys: Uint32Array | undefined;
  start: number;
  end: number;
  high: number;
  low: number;
}

export const newStretches = (): Stretches => ({
  from: new Uint32Array(RUNGS),
  to: new Uint32Array(RUNGS),
  keys: undefined,
  start: 0,
  end: 0,
  high: 0,
  low: 0,
});

/** The last rung whose network holds two addresses that share so many leading bits. */
const rungsOfBits = (lengths: readonly number[]) => levelsOfBits(lengths).map((levels) => levels - 1);
const IPV4_RUNG_OF_BITS = rungsOfBits(IPV4_RUNGS);
const IPV6_RUNG_OF_BITS = rungsOfBits(IPV6_RUNGS);

const LAST_WORD = 0xffffffff;
/** Turns unsigned order into signed order. */
const SIGN = 1 << 31;
const IPV4_MASK = Int32Array.from(IPV4_RUNGS, (bits) => ~hostBitsHigh(bits));
const IPV6_REST_HIGH = Uint32Array.from(IPV6_RUNGS, hostBitsHigh);
const IPV6_REST_LOW = Uint32Array.from(IPV6_RUNGS, hostBitsLow);

/**
 * Finds the address once, then widens the stretch around it rung by rung; most rungs add nothing, which two comparisons
 * show. Words are compared as signed numbers, which an engine keeps in registers; unsigned ones above 2^31 it would not.
 * @param keys    ascending in [start, end), unchanged since `found` was found in them
 * @param address 32 bits
 * @param widest  the rung to stop at, the same for the same keys; [start, end) must lie within its network
 * @returns the last rung whose stretch is that of the address before; those after it were searched
 */
export function findIpv4Stretches(
  keys: Uint32Array,
  start: number,
  end: number,
  address: number,
  widest: number,
  found: Stretches,
): number {
  const { from, to } = found;
  const wanted = address | 0;
  let kept = widest;
  if (found.keys === keys && found.start === start && found.end === end) {
    kept = Math.max(widest, IPV4_RUNG_OF_BITS[Math.clz32(found.high ^ wanted)]);
  } else {
    remember(found, keys, start, end);
    from[widest] = start;
    to[widest] = end;
  }
  found.high = wanted;
  const outermost = from[kept];
  const beyond = to[kept];
  let first = lowerBoundIpv4(keys, outermost, beyond, wanted);
  let next = first;
  for (let k = RUNGS - 1; k > kept; k--) {
    const mask = IPV4_MASK[k];
    if (first > outermost && ((keys[first - 1] ^ wanted) & mask) === 0) {
      // In steps that double, from the near end; then between the last two.
      let step = 1;
      first--;
      while (first - step >= outermost && ((keys[first - step] ^ wanted) & mask) === 0) {
        first -= step;
        step *= 2;
      }
      let outside = Math.max(outermost - 1, first - step);
      while (first - outside > 1) {
        const middle = (outside + first) >> 1;
        if (((keys[middle] ^ wanted) & mask) === 0) first = middle;
        else outside = middle;
      }
    }
    if (next < beyond && ((keys[next] ^ wanted) & mask) === 0) {
      let step = 1;
      while (next + step < beyond && ((keys[next + step] ^ wanted) & mask) === 0) {
        next += step;
        step *= 2;
      }
      let outside = Math.min(beyond, next + step);
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
  return kept;
}

/** The same for IPv6 places of two words, whose widest rung is the family. */
export function findIpv6Stretches(
  highs: Uint32Array,
  lows: Uint32Array,
  start: number,
  end: number,
  addressHigh: number,
  addressLow: number,
  found: Stretches,
): number {
  const { from, to } = found;
  let kept = 0;
  if (found.keys === highs && found.start === start && found.end === end) {
    kept = IPV6_RUNG_OF_BITS[sharedPrefix(found.high ^ addressHigh, found.low ^ addressLow)];
  } else {
    remember(found, highs, start, end);
    from[0] = start;
    to[0] = end;
  }
  found.high = addressHigh;
  found.low = addressLow;
  let first = lowerBound(highs, lows, from[kept], to[kept], addressHigh, addressLow);
  let next = first;
  for (let k = RUNGS - 1; k > kept; k--) {
    const restHigh = IPV6_REST_HIGH[k];
    const restLow = IPV6_REST_LOW[k];
    const lowestHigh = (addressHigh & ~restHigh) >>> 0;
    const lowestLow = (addressLow & ~restLow) >>> 0;
    const highestHigh = (addressHigh | restHigh) >>> 0;
    const highestLow = (addressLow | restLow) >>> 0;
    if (first > from[kept]) first = lowerBound(highs, lows, from[kept], first, lowestHigh, lowestLow);
    if (next < to[kept]) next = upperBound(highs, lows, next, to[kept], highestHigh, highestLow);
    from[k] = first;
    to[k] = next;
  }
  return kept;
}

function remember(found: Stretches, keys: Uint32Array, start: number, end: number): void {
  found.keys = keys;
  found.start = start;
  found.end = end;
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
