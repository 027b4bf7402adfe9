/**
 * The stable 64-bit hash of an entity's name, part of the model file's format:
 *
 *   1. FNV-1a, 64 bits (Fowler, Noll, Vo; RFC 9923) over the UTF-8 bytes of the name;
 *   2. the finaliser of MurmurHash3 (Appleby), which spreads every input bit over all output bits.
 *
 * Row of the entity table = hash mod num_entity_vectors. Two names with one hash are one entity to this
 * system: among 1 million names the chance of any such pair is 3e-8, among 250 million 0.2 %.
 */

/** Multiplies the 64-bit number (high, low) by (timesHigh, timesLow), modulo 2^64; result in `high`, `low` below. */
let high = 0;
let low = 0;
function multiply(timesHigh: number, timesLow: number): void {
  const a0 = low & 0xffff;
  const a1 = low >>> 16;
  const b0 = timesLow & 0xffff;
  const b1 = timesLow >>> 16;
  const bottom = a0 * b0;
  const middle = a1 * b0 + (bottom >>> 16);
  const middle2 = a0 * b1 + (middle & 0xffff);
  // `middle` may pass 2^32: divide rather than shift.
  const carry = a1 * b1 + Math.floor(middle / 65536) + Math.floor(middle2 / 65536);
  high = (carry + Math.imul(high, timesLow) + Math.imul(low, timesHigh)) >>> 0;
  low = (((middle2 & 0xffff) << 16) | (bottom & 0xffff)) >>> 0;
}

/**
 * @param name UTF-8 bytes; the hash is that of name[start, end)
 * @param out  u32[≥ at + 2], receives low word, high word
 */
export function hashEntityBytes(
  name: Uint8Array,
  start: number,
  end: number,
  out: Uint32Array,
  at = 0,
): void {
  high = 0xcbf29ce4;
  low = 0x84222325;
  for (let i = start; i < end; i++) {
    low = (low ^ name[i]) >>> 0;
    // times the FNV prime 2^40 + 0x1b3
    const lowProduct = low * 0x1b3;
    const lowTimes256 = (low << 8) >>> 0;
    high = (Math.imul(high, 0x1b3) + Math.floor(lowProduct / 4294967296) + lowTimes256) >>> 0;
    low = lowProduct >>> 0;
  }
  low = (low ^ (high >>> 1)) >>> 0; // x ^= x >> 33
  multiply(0xff51afd7, 0xed558ccd);
  low = (low ^ (high >>> 1)) >>> 0;
  multiply(0xc4ceb9fe, 0x1a85ec53);
  low = (low ^ (high >>> 1)) >>> 0;
  out[at] = low;
  out[at + 1] = high;
}

const encoder = new TextEncoder();
/** Names as people give them fit in; calling the encoder takes longer than everything else here. */
const ascii = new Uint8Array(64);

/** @returns u32[2]: low word, high word */
export function hashEntity(name: string): Uint32Array {
  const out = new Uint32Array(2);
  if (copyAscii(name)) {
    hashEntityBytes(ascii, 0, name.length, out);
  } else {
    const bytes = encoder.encode(name);
    hashEntityBytes(bytes, 0, bytes.length, out);
  }
  return out;
}

/** @returns whether the name is short and of ASCII characters only; then they are in `ascii` */
function copyAscii(name: string): boolean {
  if (name.length > ascii.length) return false;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code > 127) return false;
    ascii[i] = code;
  }
  return true;
}

/** The 64-bit number (high, low) modulo `modulus` ≤ 2^32. */
export function hashModulo(low: number, high: number, modulus: number): number {
  let rest = high % modulus;
  rest = (rest * 65536 + (low >>> 16)) % modulus;
  return (rest * 65536 + (low & 0xffff)) % modulus;
}
