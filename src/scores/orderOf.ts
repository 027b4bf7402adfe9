/** Bits of a digit: 2,048 counters stay in the first-level cache. */
const DIGIT_BITS = 11;
const DIGITS = 2 ** DIGIT_BITS;
/** Values of a step. */
const STEP = 1 << 17;
const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/**
 * The positions of the first `count` values, the highest value first, NaN last; equal ones stay in their order. A radix sort in
 * steps of some milliseconds for a million values, between which other things can be done.
 * @returns u32[count]
 */
export function* orderOf(values: Float64Array, count: number): Generator<void, Uint32Array> {
  const words = new Uint32Array(values.buffer, values.byteOffset, count * 2);
  let [order, next] = [new Uint32Array(count), new Uint32Array(count)];
  let [keys, nextKeys] = [new Uint32Array(count), new Uint32Array(count)];
  for (let i = 0; i < count; i++) order[i] = i;
  // The lower half of each number first, then, keeping the order of equal ones, the upper half.
  for (const half of [0, 1]) {
    const at = (half === 0) === isLittleEndian ? 0 : 1;
    for (let from = 0; from < count; from += STEP) {
      for (let k = from; k < Math.min(count, from + STEP); k++) {
        const i = order[k];
        const high = words[i * 2 + (isLittleEndian ? 1 : 0)];
        // Bits of doubles ascend with them once the sign is turned around; all are turned once more, as the highest comes first.
        keys[k] = Number.isNaN(values[i]) ? 0xffffffff : (words[i * 2 + at] ^ flip(half, high)) >>> 0;
      }
      yield;
    }
    for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
      const places = new Uint32Array(DIGITS);
      for (let k = 0; k < count; k++) places[(keys[k] >>> shift) & (DIGITS - 1)]++;
      if (places.includes(count)) continue;
      let sum = 0;
      for (let digit = 0; digit < DIGITS; digit++) {
        const inDigit = places[digit];
        places[digit] = sum;
        sum += inDigit;
      }
      yield;
      for (let from = 0; from < count; from += STEP) {
        for (let k = from; k < Math.min(count, from + STEP); k++) {
          const place = places[(keys[k] >>> shift) & (DIGITS - 1)]++;
          nextKeys[place] = keys[k];
          next[place] = order[k];
        }
        yield;
      }
      [keys, nextKeys] = [nextKeys, keys];
      [order, next] = [next, order];
    }
  }
  return order;
}

/** What turns the bits of a half of a double into a key that descends. @param high its upper half, which has the sign */
const flip = (half: number, high: number) => (high >>> 31 === 0 ? (half === 0 ? 0xffffffff : 0x7fffffff) : 0);
