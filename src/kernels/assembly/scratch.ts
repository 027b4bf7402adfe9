// Constants of ../kernels.ts, which its conformance suite holds together with these, and this thread's scratch memory.
import { setUpRows } from './rows';
import { addScaled, combine2, F } from './vectors';

export const NO_ROW: u32 = 0xffffffff;
export const MAX_CHAIN: usize = 16;

/** Terms whose rows are brought into the cache together: enough to be under way at once, few enough to stay. */
export const AHEAD_TERMS: u32 = 64;

/** Sums of terms, one vector for each place of the stack. */
export let sums: usize = 0;
/** Sums of rows, one vector for each depth, and the rows. */
export let chainSums: usize = 0;
export let path: usize = 0;
/** Rows that are brought into the cache: AHEAD_TERMS · MAX_CHAIN of them. */
export let ahead: usize = 0;
/** Small arrays of MAX_CHAIN + 1 entries: depth, and the sum as coefficient · vector. */
export let depths: usize = 0;
export let factors: usize = 0;
export let bases: usize = 0;

/** @param scratch (MAX_CHAIN + 1) · (2 D + 5) + 1024 floats, this thread's own */
export function setUp(scratch: usize, n: usize, correction: usize, correctionCount: u32): void {
  const small = (MAX_CHAIN + 1) * F;
  depths = scratch;
  factors = depths + small;
  bases = factors + small;
  path = bases + small;
  setUpRows(correction, correctionCount, path + small);
  ahead = path + 2 * small;
  sums = ahead + <usize>AHEAD_TERMS * MAX_CHAIN * 4;
  chainSums = sums + (MAX_CHAIN + 1) * n * F;
}

@inline
export function u32At(array: usize, i: usize): u32 {
  return load<u32>(array + i * 4);
}

@inline
export function f32At(array: usize, i: usize): f32 {
  return load<f32>(array + i * F);
}

@inline
export function vectorAt(vectors: usize, indices: usize, k: u32, size: usize): usize {
  return vectors + <usize>u32At(indices, k) * size;
}

/** Adds c·x to the sum at a place of the stack, which is kept as factor · base until something is added. */
export function joinSums(place: usize, c: f32, x: usize, n: usize): void {
  const sum = sums + place * n * F;
  const own = <usize>u32At(bases, place);
  if (own == sum) {
    addScaled(sum, c, x, n);
    return;
  }
  combine2(sum, f32At(factors, place), own, c, x, n);
  store<u32>(bases + place * 4, <u32>sum);
  store<f32>(factors + place * F, 1);
}
