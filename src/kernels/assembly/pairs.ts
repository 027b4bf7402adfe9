// Errors of pairs, and what they ask of vectors.
import { squaresOf, stepRow, useRows } from './rows';
import { bases, depths, f32At, factors, joinSums, NO_ROW, sums, u32At, vectorAt } from './scratch';
import { addScaled, clear, copy, dot, F, scale, touch } from './vectors';

/** Events to be scored whose two rows are brought into the cache together. */
export const AHEAD_EVENTS: u32 = 32;

export function pairErrors(
  entities: usize,
  n: usize,
  perPositive: u32,
  entity: usize,
  starts: usize,
  members: usize,
  encoded: usize,
  error: usize,
  lossNats: usize,
  correct: usize,
  from: u32,
  to: u32,
): void {
  const size = n * F;
  for (let a = from; a < to; a++) {
    const vector = encoded + <usize>a * size;
    let loss: f64 = 0;
    let right: u32 = 0;
    const end = u32At(starts, a + 1);
    for (let m = u32At(starts, a); m < end; m++) {
      const pair = u32At(members, m);
      const x = dot(vectorAt(entities, entity, pair / perPositive, size), vector, n);
      const isObserved = pair % perPositive == 0;
      const margin = isObserved ? x : -x;
      const tail = Mathf.exp(-abs(x));
      loss += <f64>lossOf(margin, tail);
      right += u32(margin > 0);
      store<f32>(error + <usize>pair * F, errorOf(isObserved, margin, tail));
    }
    store<f64>(lossNats + <usize>a * 8, loss);
    store<u32>(correct + <usize>a * 4, right);
  }
}

/** −ln sigmoid(margin), with tail = e^−|margin|, so that neither end overflows. */
@inline
export function lossOf(margin: f32, tail: f32): f32 {
  return max<f32>(0, -margin) + Mathf.log1p(tail);
}

/** sigmoid(x) − label: where the label is 1, −sigmoid(−x). */
@inline
export function errorOf(isObserved: bool, margin: f32, tail: f32): f32 {
  const larger: f32 = 1 / (<f32>1 + tail);
  const size: f32 = margin > 0 ? tail * larger : larger;
  return isObserved ? -size : size;
}

export function weightedSums(
  vectors: usize,
  n: usize,
  vectorOfMember: usize,
  divisor: u32,
  coefficients: usize,
  starts: usize,
  members: usize,
  out: usize,
  from: u32,
  to: u32,
): void {
  const size = n * F;
  for (let i = from; i < to; i++) {
    const at = out + <usize>i * size;
    clear(at, n);
    const end = u32At(starts, i + 1);
    for (let k = u32At(starts, i); k < end; k++) {
      const member = u32At(members, k);
      addScaled(at, f32At(coefficients, member), vectors + <usize>u32At(vectorOfMember, member / divisor) * size, n);
    }
  }
}

export function updateBySums(
  vectorsAt: usize,
  momentAt: usize,
  stepsAt: usize,
  n: usize,
  starts: usize,
  members: usize,
  joins: usize,
  vectorOf: usize,
  vectors: usize,
  coefficients: usize,
  learningRate: f32,
  weightDecay: f32,
  gradientScale: f32,
  from: u32,
  to: u32,
): void {
  useRows(vectorsAt, momentAt, stepsAt, n, learningRate, weightDecay, gradientScale);
  for (let i = from; i < to; i++) {
    const sum = addTree(n, u32At(starts, i), u32At(starts, i + 1), members, joins, vectorOf, vectors, coefficients);
    stepRow(i, 1, sum, squaresOf(sum));
  }
}

export function addUp(
  n: usize,
  starts: usize,
  members: usize,
  joins: usize,
  vectorOf: usize,
  vectors: usize,
  coefficients: usize,
  out: usize,
  from: u32,
  to: u32,
): void {
  for (let i = from; i < to; i++) {
    const sum = addTree(n, u32At(starts, i), u32At(starts, i + 1), members, joins, vectorOf, vectors, coefficients);
    copy(out + <usize>i * n * F, sum, n);
  }
}

/** Further up than any tree goes. */
const END: u32 = 64;

/**
 * Adds up the members [first, end) of one list. Of what waits, the sum of a single member is kept as coefficient · vector.
 * @returns where the sum is
 */
@inline
function addTree(
  n: usize,
  first: u32,
  end: u32,
  members: usize,
  joins: usize,
  vectorOf: usize,
  vectors: usize,
  coefficients: usize,
): usize {
  const size = n * F;
  for (let m = first; m < end; m++) touch(vectorAt(vectors, vectorOf, u32At(members, m), size), n);
  const sum = sums + size;
  if (first == end) {
    clear(sum, n);
    return sum;
  }
  let top: usize = 0;
  let join: u32 = END;
  for (let m = first; m < end; m++) {
    const member = u32At(members, m);
    const c = f32At(coefficients, member);
    const x = vectorAt(vectors, vectorOf, member, size);
    if (join == 0) {
      joinSums(top, c, x, n);
    } else {
      top++;
      store<u32>(depths + top * 4, join);
      store<f32>(factors + top * F, c);
      store<u32>(bases + top * 4, <u32>x);
    }
    join = m + 1 < end ? u32At(joins, m) : END;
    while (top > 1 && u32At(depths, top) < join) {
      joinSums(top - 1, f32At(factors, top), <usize>u32At(bases, top), n);
      top--;
    }
  }
  const base = <usize>u32At(bases, 1);
  if (base != sum) scale(sum, f32At(factors, 1), base, n);
  return sum;
}

/** Brings the two rows, of so many bytes, of events [from, to) into the cache. */
export function touchRows(
  a: usize,
  rowOfA: usize,
  b: usize,
  rowOfB: usize,
  size: usize,
  from: u32,
  to: u32,
): void {
  for (let i = from; i < to; i++) {
    const row = u32At(rowOfB, i);
    if (row != NO_ROW) touch(b + <usize>row * size, size / F);
    touch(a + <usize>u32At(rowOfA, i) * size, size / F);
  }
}

export function dotProducts(
  a: usize,
  rowOfA: usize,
  b: usize,
  rowOfB: usize,
  n: usize,
  out: usize,
  from: u32,
  to: u32,
): void {
  const size = n * F;
  for (let i = from; i < to; i++) {
    if ((i - from) % AHEAD_EVENTS == 0) {
      touchRows(a, rowOfA, b, rowOfB, size, i, min(to, i + AHEAD_EVENTS));
    }
    const row = u32At(rowOfB, i);
    store<f32>(
      out + <usize>i * F,
      row == NO_ROW ? 0 : dot(a + <usize>u32At(rowOfA, i) * size, b + <usize>row * size, n),
    );
  }
}
