/** What f32 arithmetic may miss, derived from the definition of a result. Tests only; not part of the package. */
import assert from 'node:assert/strict';

/** Half the distance of two f32 around 1: a rounding moves a number by at most this share of it. */
export const U = 2 ** -24;
/** The smallest f32: below it, results vanish. */
export const TINY = 2 ** -149;

/** A value and by how much f32 arithmetic, in any order of adding, may miss it. */
export interface Bounded {
  value: number;
  error: number;
}

/** A sum, with what its terms come to without their signs. */
export interface BoundedSum extends Bounded {
  size: number;
}

/**
 * Σ a·b of n f32 products added in any order: |error| ≤ (n + 1)·U·Σ|a·b| (Higham 2002, 4.2, first order).
 * @param start a first term, without a product
 */
export function sumOf(n: number, term: (i: number) => number, start = 0): BoundedSum {
  let value = start;
  let size = Math.abs(start);
  for (let i = 0; i < n; i++) {
    const one = term(i);
    value += one;
    size += Math.abs(one);
  }
  // One more for the first term, one for the rounding of the result, one for what is of second order.
  return { value, error: (n + 4) * U * size + (n + 1) * TINY, size };
}

export function assertClose(
  actual: number,
  { value, error }: Bounded,
  what: string,
  ...place: number[]
): void {
  // Also false for NaN.
  if (Math.abs(actual - value) <= error) return;
  assert.fail(`${what}[${place.join(', ')}]: expected ${value} ± ${error}, got ${actual}`);
}
