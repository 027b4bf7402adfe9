// Errors of pairs, and what they ask of vectors.
import { squaresOf, stepRow, useRows } from './rows';
import { f32At, NO_ROW, sums, u32At, vectorAt } from './scratch';
import { addScaled, addScaled4, clear, dot, F, touch } from './vectors';

/** Events to be scored whose two rows are brought into the cache together. */
export const AHEAD_EVENTS: u32 = 32;

export function pairErrors(
  entities: usize,
  n: usize,
  perPositive: u32,
  entity: usize,
  network: usize,
  encoded: usize,
  dEntity: usize,
  error: usize,
  lossNats: usize,
  correct: usize,
  from: u32,
  to: u32,
): void {
  const size = n * F;
  for (let b = from; b < to; b++) {
    const e = entities + <usize>u32At(entity, b) * size;
    const networks = network + <usize>b * perPositive * 4;
    const errors = error + <usize>b * perPositive * F;
    let loss: f64 = 0;
    let right: u32 = 0;
    for (let k: u32 = 0; k < perPositive; k++) {
      const x = dot(e, vectorAt(encoded, networks, k, size), n);
      const margin = k == 0 ? x : -x;
      const tail = Mathf.exp(-abs(x));
      loss += <f64>lossOf(margin, tail);
      right += u32(margin > 0);
      store<f32>(errors + <usize>k * F, errorOf(k == 0, margin, tail));
    }
    store<f64>(lossNats + <usize>b * 8, loss);
    store<u32>(correct + <usize>b * 4, right);
    const gradient = dEntity + <usize>b * size;
    clear(gradient, n);
    addPairs(gradient, errors, encoded, networks, perPositive, n);
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

/** The same where the gradient of row i is Σ error · encoded over all pairs of the positives of its list. */
export function updateEntities(
  vectorsAt: usize,
  momentAt: usize,
  stepsAt: usize,
  n: usize,
  starts: usize,
  members: usize,
  perPositive: u32,
  network: usize,
  encoded: usize,
  error: usize,
  learningRate: f32,
  weightDecay: f32,
  gradientScale: f32,
  from: u32,
  to: u32,
): void {
  useRows(vectorsAt, momentAt, stepsAt, n, learningRate, weightDecay, gradientScale);
  for (let i = from; i < to; i++) {
    clear(sums, n);
    const end = u32At(starts, i + 1);
    for (let k = u32At(starts, i); k < end; k++) {
      const first = <usize>u32At(members, k) * perPositive;
      addPairs(sums, error + first * F, encoded, network + first * 4, perPositive, n);
    }
    stepRow(i, 1, sums, squaresOf(sums));
  }
}

/** out += Σ errors[k] · vectors[indices[k]] */
export function addPairs(out: usize, errors: usize, vectors: usize, indices: usize, count: u32, n: usize): void {
  const size = n * F;
  for (let k: u32 = 0; k < count; k++) touch(vectorAt(vectors, indices, k, size), n);
  let k: u32 = 0;
  for (; k + 4 <= count; k += 4) {
    addScaled4(
      out,
      f32At(errors, k),
      vectorAt(vectors, indices, k, size),
      f32At(errors, k + 1),
      vectorAt(vectors, indices, k + 1, size),
      f32At(errors, k + 2),
      vectorAt(vectors, indices, k + 2, size),
      f32At(errors, k + 3),
      vectorAt(vectors, indices, k + 3, size),
      n,
    );
  }
  for (; k < count; k++) addScaled(out, f32At(errors, k), vectorAt(vectors, indices, k, size), n);
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
