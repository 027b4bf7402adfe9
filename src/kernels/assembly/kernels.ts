// The kernels of ../kernels.ts in WebAssembly: see there what each does. Arrays are pointers into the one memory
// that all threads share; each thread has an instance, and scratch memory, of its own.
import { setUpRows, squaresOf, stepRow, useRows } from './rows';
import { add, addScaled, addScaled4, clear, combine2, copy, dot, F, scale, sum2, touch } from './vectors';

const NO_ROW: u32 = 0xffffffff;
const CHUNK_TERMS: u32 = 128;
const MAX_CHAIN: usize = 16;

/** Terms whose rows are brought into the cache together: about as many as the first-level cache holds. */
const AHEAD_TERMS: u32 = 32;

/** For `updateChains`: sums of terms, one vector for each depth. Room for (MAX_CHAIN + 1) · D floats. */
let sums: usize = 0;
/** Small arrays of MAX_CHAIN + 1 entries: depth, and the sum as coefficient · vector. */
let depths: usize = 0;
let factors: usize = 0;
let bases: usize = 0;

/** @param scratch (MAX_CHAIN + 1) · (D + 4) floats, this thread's own */
export function setUp(scratch: usize, correction: usize, correctionCount: u32): void {
  const small = (MAX_CHAIN + 1) * F;
  depths = scratch;
  factors = depths + small;
  bases = factors + small;
  setUpRows(correction, correctionCount, bases + small);
  sums = bases + 2 * small;
}

// @ts-expect-error: decorator
@inline
function u32At(array: usize, i: usize): u32 {
  return load<u32>(array + i * 4);
}
// @ts-expect-error: decorator
@inline
function f32At(array: usize, i: usize): f32 {
  return load<f32>(array + i * F);
}

/** Rows [from, to) of a batch, vector and state, from the table that they belong to. */
export function gatherRows(
  vectors: usize,
  moment: usize,
  steps: usize,
  n: usize,
  rows: usize,
  outVectors: usize,
  outMoment: usize,
  outSteps: usize,
  from: u32,
  to: u32,
): void {
  for (let i = <usize>from; i < <usize>to; i++) {
    const row = <usize>u32At(rows, i);
    copy(outVectors + i * n * F, vectors + row * n * F, n);
    store<f32>(outMoment + i * F, f32At(moment, row));
    store<u32>(outSteps + i * 4, u32At(steps, row));
  }
}

/** And back. */
export function scatterRows(
  vectors: usize,
  moment: usize,
  steps: usize,
  n: usize,
  rows: usize,
  outVectors: usize,
  outMoment: usize,
  outSteps: usize,
  from: u32,
  to: u32,
): void {
  for (let i = <usize>from; i < <usize>to; i++) {
    const row = <usize>u32At(rows, i);
    copy(outVectors + row * n * F, vectors + i * n * F, n);
    store<f32>(outMoment + row * F, f32At(moment, i));
    store<u32>(outSteps + row * 4, u32At(steps, i));
  }
}

/** Brings the rows of terms [first, end) that the terms before do not share into the cache. */
// @ts-expect-error: decorator
@inline
function touchTerms(table: usize, n: usize, parents: usize, termRow: usize, termDepth: usize, termShared: usize, first: u32, end: u32): void {
  for (let i = first; i < end; i++) {
    const until = u32At(termShared, i);
    let row = u32At(termRow, i);
    for (let depth = u32At(termDepth, i); depth > until; depth--) {
      touch(table + <usize>row * n * F, n);
      row = u32At(parents, row);
    }
  }
}

/** The same for the state of rows. */
// @ts-expect-error: decorator
@inline
function touchStates(moment: usize, steps: usize, parents: usize, termRow: usize, termDepth: usize, termShared: usize, first: u32, end: u32): void {
  for (let i = first; i < end; i++) {
    const until = u32At(termShared, i);
    let row = u32At(termRow, i);
    for (let depth = u32At(termDepth, i); depth > until; depth--) {
      touch(moment + <usize>row * F, 1);
      touch(steps + <usize>row * F, 1);
      row = u32At(parents, row);
    }
  }
}

export function encodeChains(
  table: usize,
  n: usize,
  parents: usize,
  count: u32,
  termRow: usize,
  termDepth: usize,
  termShared: usize,
  termNetwork: usize,
  out: usize,
  fromChunk: u32,
  toChunk: u32,
): void {
  const size = n * F;
  for (let chunk = fromChunk; chunk < toChunk; chunk++) {
    const first = chunk * CHUNK_TERMS;
    const end = min(count, first + CHUNK_TERMS);
    // A network that began in the chunk before is done there.
    const before = first == 0 ? NO_ROW : u32At(termNetwork, first - 1);
    let known: u32 = 0;
    for (let i = first; i < end; i++) {
      if ((i - first) % AHEAD_TERMS == 0) {
        touchTerms(table, n, parents, termRow, termDepth, termShared, i, min(end, i + AHEAD_TERMS));
      }
      const depth = u32At(termDepth, i);
      const shared = u32At(termShared, i);
      // sums[d] is the sum of the chain's rows down to depth d; those down to `known` are there already.
      let row = u32At(termRow, i);
      for (let d = depth; d > known; d--) {
        store<u32>(depths + <usize>d * 4, row);
        row = u32At(parents, row);
      }
      const network = u32At(termNetwork, i);
      const isDone = network == before || (i > first && network == u32At(termNetwork, i - 1));
      if (!isDone) {
        for (let d = known + 1; d <= depth; d++) {
          const own = table + <usize>u32At(depths, d) * size;
          const sum = sums + <usize>d * size;
          if (d == 1) copy(sum, own, n);
          else sum2(sum, sum - size, own, n);
        }
        copy(out + <usize>network * size, sums + <usize>depth * size, n);
        known = depth;
      }
      known = min(known, shared);
    }
  }
}

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
    for (let k: u32 = 0; k < perPositive; k++) touch(vectorAt(encoded, networks, k, size), n);
    let loss: f64 = 0;
    let right: u32 = 0;
    for (let k: u32 = 0; k < perPositive; k++) {
      const x = dot(e, vectorAt(encoded, networks, k, size), n);
      const margin = k == 0 ? x : -x;
      // −ln sigmoid(x) and sigmoid from one exponential, of a number that is not positive.
      const tail = Mathf.exp(-abs(x));
      loss += <f64>(max<f32>(0, -margin) + Mathf.log1p(tail));
      right += u32(margin > 0);
      // Where the label is 1, the error is −sigmoid(−x).
      const larger: f32 = 1 / (<f32>1 + tail);
      const errorSize: f32 = margin > 0 ? tail * larger : larger;
      store<f32>(errors + <usize>k * F, k == 0 ? -errorSize : errorSize);
    }
    store<f64>(lossNats + <usize>b * 8, loss);
    store<u32>(correct + <usize>b * 4, right);
    const gradient = dEntity + <usize>b * size;
    scale(gradient, f32At(errors, 0), vectorAt(encoded, networks, 0, size), n);
    let k: u32 = 1;
    for (; k + 4 <= perPositive; k += 4) {
      addScaled4(
        gradient,
        f32At(errors, k),
        vectorAt(encoded, networks, k, size),
        f32At(errors, k + 1),
        vectorAt(encoded, networks, k + 1, size),
        f32At(errors, k + 2),
        vectorAt(encoded, networks, k + 2, size),
        f32At(errors, k + 3),
        vectorAt(encoded, networks, k + 3, size),
        n,
      );
    }
    for (; k < perPositive; k++) addScaled(gradient, f32At(errors, k), vectorAt(encoded, networks, k, size), n);
  }
}

// @ts-expect-error: decorator
@inline
function vectorAt(vectors: usize, indices: usize, k: u32, size: usize): usize {
  return vectors + <usize>u32At(indices, k) * size;
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

export function updateChains(
  vectorsAt: usize,
  momentAt: usize,
  stepsAt: usize,
  n: usize,
  parents: usize,
  count: u32,
  termRow: usize,
  termDepth: usize,
  termShared: usize,
  _termNetwork: usize,
  termCoefficient: usize,
  termVector: usize,
  coefficients: usize,
  vectors: usize,
  learningRate: f32,
  weightDecay: f32,
  gradientScale: f32,
  partials: usize,
  fromChunk: u32,
  toChunk: u32,
): void {
  useRows(vectorsAt, momentAt, stepsAt, n, learningRate, weightDecay, gradientScale);
  const size = n * F;
  store<u32>(depths, 0);
  for (let chunk = fromChunk; chunk < toChunk; chunk++) {
    const first = chunk * CHUNK_TERMS;
    const last = min(count, first + CHUNK_TERMS) - 1;
    let sinceBefore: u32 = first == 0 ? 0 : u32At(termShared, first - 1);
    const goingOn = u32At(termShared, last);
    let top: usize = 0;
    for (let i = first; i <= last; i++) {
      if ((i - first) % AHEAD_TERMS == 0) {
        touchStates(momentAt, stepsAt, parents, termRow, termDepth, termShared, i, min(last + 1, i + AHEAD_TERMS));
        touchTerms(vectorsAt, n, parents, termRow, termDepth, termShared, i, min(last + 1, i + AHEAD_TERMS));
      }
      const ownDepth = u32At(termDepth, i);
      const own = f32At(coefficients, u32At(termCoefficient, i));
      const vector = vectors + <usize>u32At(termVector, i) * size;
      if (u32At(depths, top) == ownDepth) {
        join(top, own, vector, n);
      } else {
        // A sum of one term is kept as coefficient · vector, and never written.
        top++;
        store<u32>(depths + top * 4, ownDepth);
        store<f32>(factors + top * F, own);
        store<u32>(bases + top * 4, <u32>vector);
      }
      const shared = u32At(termShared, i);
      const keep: u32 = i == last ? 0 : shared;
      let row = u32At(termRow, i);
      let depth = u32At(depths, top);
      while (depth > keep) {
        const below = u32At(depths, top - 1);
        const until: u32 = max<u32>(keep, below);
        const c = f32At(factors, top);
        const x = <usize>u32At(bases, top);
        if (depth > until) {
          const squares = squaresOf(x);
          for (; depth > until; depth--) {
            const began = depth <= sinceBefore;
            if (began || (i == last && depth <= goingOn)) {
              const slot = (<usize>chunk * 2 + (began ? 0 : 1)) * MAX_CHAIN + depth - 1;
              scale(partials + slot * size, c, x, n);
            } else {
              stepRow(row, c, x, squares);
            }
            row = u32At(parents, row);
          }
          store<u32>(depths + top * 4, until);
        }
        if (until == below) {
          if (top > 1) join(top - 1, c, x, n);
          top--;
          if (top == 0) break;
        }
        depth = u32At(depths, top);
      }
      sinceBefore = min(sinceBefore, shared);
    }
  }
}

/** Adds c·x to the sum at a place of the stack. */
function join(place: usize, c: f32, x: usize, n: usize): void {
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

export function updateSpanning(
  vectorsAt: usize,
  momentAt: usize,
  stepsAt: usize,
  n: usize,
  row: usize,
  depth: usize,
  firstChunk: usize,
  lastChunk: usize,
  partials: usize,
  learningRate: f32,
  weightDecay: f32,
  gradientScale: f32,
  from: u32,
  to: u32,
): void {
  useRows(vectorsAt, momentAt, stepsAt, n, learningRate, weightDecay, gradientScale);
  const size = n * F;
  for (let i = from; i < to; i++) {
    const first = <usize>u32At(firstChunk, i);
    const last = <usize>u32At(lastChunk, i);
    const at = partials + (<usize>u32At(depth, i) - 1) * size;
    copy(sums, at + (first * 2 + 1) * MAX_CHAIN * size, n);
    for (let chunk = first + 1; chunk <= last; chunk++) add(sums, at + chunk * 2 * MAX_CHAIN * size, n);
    stepRow(u32At(row, i), 1, sums, squaresOf(sums));
  }
}

export function updateRows(
  vectorsAt: usize,
  momentAt: usize,
  stepsAt: usize,
  n: usize,
  starts: usize,
  members: usize,
  gradients: usize,
  learningRate: f32,
  weightDecay: f32,
  gradientScale: f32,
  from: u32,
  to: u32,
): void {
  useRows(vectorsAt, momentAt, stepsAt, n, learningRate, weightDecay, gradientScale);
  const size = n * F;
  for (let i = from; i < to; i++) {
    let k = u32At(starts, i);
    const end = u32At(starts, i + 1);
    let x = sums;
    if (end - k == 1) {
      x = gradients + <usize>u32At(members, k) * size;
    } else {
      clear(sums, n);
      for (; k < end; k++) add(sums, gradients + <usize>u32At(members, k) * size, n);
    }
    stepRow(i, 1, x, squaresOf(x));
  }
}

export function denseForward(weights: usize, n: usize, input: usize, out: usize, from: u32, to: u32): void {
  const size = n * F;
  const bias = weights + n * size;
  for (let a = from; a < to; a++) {
    const x = input + <usize>a * size;
    const y = out + <usize>a * size;
    for (let i: usize = 0; i < n; i++) {
      const sum = f32At(bias, i) + dot(weights + i * size, x, n);
      store<f32>(y + i * F, f32At(x, i) + max<f32>(0, sum));
    }
  }
}

export function denseInputGradients(
  weights: usize,
  n: usize,
  input: usize,
  out: usize,
  dOut: usize,
  dInput: usize,
  from: u32,
  to: u32,
): void {
  const size = n * F;
  for (let a = from; a < to; a++) {
    const at = <usize>a * size;
    copy(dInput + at, dOut + at, n);
    for (let i: usize = 0; i < n; i++) {
      if (f32At(out + at, i) > f32At(input + at, i)) {
        addScaled(dInput + at, f32At(dOut + at, i), weights + i * size, n);
      }
    }
  }
}

export function denseWeightGradients(
  n: usize,
  input: usize,
  out: usize,
  dOut: usize,
  count: u32,
  dWeights: usize,
  from: u32,
  to: u32,
): void {
  const size = n * F;
  const bias = dWeights + n * size;
  clear(dWeights + <usize>from * size, <usize>(to - from) * n);
  clear(bias + <usize>from * F, to - from);
  for (let a: u32 = 0; a < count; a++) {
    const at = <usize>a * size;
    for (let i = <usize>from; i < <usize>to; i++) {
      if (f32At(out + at, i) > f32At(input + at, i)) {
        const delta = f32At(dOut + at, i);
        store<f32>(bias + i * F, f32At(bias, i) + delta);
        addScaled(dWeights + i * size, delta, input + at, n);
      }
    }
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
    const row = u32At(rowOfB, i);
    store<f32>(
      out + <usize>i * F,
      row == NO_ROW ? 0 : dot(a + <usize>u32At(rowOfA, i) * size, b + <usize>row * size, n),
    );
  }
}
