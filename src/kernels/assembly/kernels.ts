// The kernels of ../kernels.ts in WebAssembly: see there what each does. Arrays are pointers into the one memory
// that all threads share; each thread has an instance, and scratch memory, of its own.
import { setUpRows, squaresOf, stepRow, useRows } from './rows';
import { add, addScaled, addScaled4, clear, combine2, copy, dot, F, scale, sum2, touch } from './vectors';

const NO_ROW: u32 = 0xffffffff;
const CHUNK_TERMS: u32 = 128;
const MAX_CHAIN: usize = 16;

/** Terms whose rows are brought into the cache together: enough to be under way at once, few enough to stay. */
const AHEAD_TERMS: u32 = 64;
/** The same for events to be scored, of two rows each. */
const AHEAD_EVENTS: u32 = 32;

/** Sums of terms, one vector for each place of the stack. */
let sums: usize = 0;
/** Sums of rows, one vector for each depth, and the rows. */
let chainSums: usize = 0;
let path: usize = 0;
/** Rows that are brought into the cache: AHEAD_TERMS · MAX_CHAIN of them. */
let ahead: usize = 0;
/** Small arrays of MAX_CHAIN + 1 entries: depth, and the sum as coefficient · vector. */
let depths: usize = 0;
let factors: usize = 0;
let bases: usize = 0;

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
function u32At(array: usize, i: usize): u32 {
  return load<u32>(array + i * 4);
}
@inline
function f32At(array: usize, i: usize): f32 {
  return load<f32>(array + i * F);
}

/** Philox 4x32 with 10 rounds; ../../random/philox.ts has the source. */
export function randomWords(
  firstSample: u32,
  purpose: u32,
  epoch: u32,
  seedLow: u32,
  seedHigh: u32,
  blocks: u32,
  out: usize,
  count: u32,
): void {
  for (let i: u32 = 0; i < count; i++) {
    for (let block: u32 = 0; block < blocks; block++) {
      let c0 = firstSample + i;
      let c1 = block * 16 + purpose;
      let c2 = epoch;
      let c3: u32 = 0;
      let key0 = seedLow;
      let key1 = seedHigh;
      for (let round = 0; round < 10; round++) {
        const product0 = <u64>0xd2511f53 * <u64>c0;
        const product1 = <u64>0xcd9e8d57 * <u64>c2;
        c0 = <u32>(product1 >> 32) ^ c1 ^ key0;
        c1 = <u32>product1;
        c2 = <u32>(product0 >> 32) ^ c3 ^ key1;
        c3 = <u32>product0;
        key0 += 0x9e3779b9;
        key1 += 0xbb67ae85;
      }
      store<u32>(out, c0);
      store<u32>(out, c1, 4);
      store<u32>(out, c2, 8);
      store<u32>(out, c3, 12);
      out += 16;
    }
  }
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

/**
 * Brings the rows that terms [first, end) complete into the cache, at most AHEAD_TERMS of them, and their states where
 * there are any. First a list, then short loops over it, so that as many reads as possible are under way at once.
 */
function bringIn(
  table: usize,
  moment: usize,
  steps: usize,
  n: usize,
  parents: usize,
  termRow: usize,
  termDepth: usize,
  termShared: usize,
  first: u32,
  end: u32,
): void {
  let at = ahead;
  for (let i = first; i < end; i++) {
    const until = u32At(termShared, i);
    let row = u32At(termRow, i);
    for (let depth = u32At(termDepth, i); depth > until; depth--) {
      store<u32>(at, row);
      at += 4;
      row = u32At(parents, row);
    }
  }
  if (moment != 0) {
    for (let k = ahead; k < at; k += 4) {
      const row = <usize>load<u32>(k);
      touch(moment + row * F, 1);
      touch(steps + row * F, 1);
    }
  }
  for (let k = ahead; k < at; k += 4) touch(table + <usize>load<u32>(k) * n * F, n);
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
        bringIn(table, 0, 0, n, parents, termRow, termDepth, termShared, i, min(end, i + AHEAD_TERMS));
      }
      const network = u32At(termNetwork, i);
      if (network != before && (i == first || network != u32At(termNetwork, i - 1))) {
        const depth = u32At(termDepth, i);
        const vector = sumDown(table, n, parents, u32At(termRow, i), depth, known);
        copy(out + <usize>network * size, vector, n);
        known = depth;
      }
      known = min(known, u32At(termShared, i));
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
  for (let chunk = fromChunk; chunk < toChunk; chunk++) {
    const first = chunk * CHUNK_TERMS;
    const last = min(count, first + CHUNK_TERMS) - 1;
    startChunk(first == 0 ? 0 : u32At(termShared, first - 1), u32At(termShared, last));
    for (let i = first; i <= last; i++) {
      if ((i - first) % AHEAD_TERMS == 0) {
        const end = min(last + 1, i + AHEAD_TERMS);
        bringIn(vectorsAt, momentAt, stepsAt, n, parents, termRow, termDepth, termShared, i, end);
      }
      const own = f32At(coefficients, u32At(termCoefficient, i));
      const vector = vectors + <usize>u32At(termVector, i) * size;
      const shared = u32At(termShared, i);
      addTerm(parents, chunk, n, u32At(termRow, i), u32At(termDepth, i), shared, i == last, own, vector, partials);
    }
  }
}

/**
 * `encodeChains`, errors and `updateChains` in one walk: each row is brought into the cache once, read on the way
 * down and changed on the way up.
 */
export function trainChains(
  vectorsAt: usize,
  momentAt: usize,
  stepsAt: usize,
  n: usize,
  parents: usize,
  count: u32,
  termRow: usize,
  termDepth: usize,
  termShared: usize,
  termNetwork: usize,
  termPair: usize,
  termVector: usize,
  perPositive: u32,
  entities: usize,
  encoded: usize,
  error: usize,
  lossNats: usize,
  correct: usize,
  learningRate: f32,
  weightDecay: f32,
  gradientScale: f32,
  partials: usize,
  fromChunk: u32,
  toChunk: u32,
): void {
  useRows(vectorsAt, momentAt, stepsAt, n, learningRate, weightDecay, gradientScale);
  const size = n * F;
  for (let chunk = fromChunk; chunk < toChunk; chunk++) {
    const first = chunk * CHUNK_TERMS;
    const last = min(count, first + CHUNK_TERMS) - 1;
    const before = first == 0 ? NO_ROW : u32At(termNetwork, first - 1);
    startChunk(first == 0 ? 0 : u32At(termShared, first - 1), u32At(termShared, last));
    let known: u32 = 0;
    let vector: usize = 0;
    let loss: f64 = 0;
    let right: u32 = 0;
    for (let i = first; i <= last; i++) {
      if ((i - first) % AHEAD_TERMS == 0) {
        const end = min(last + 1, i + AHEAD_TERMS);
        bringIn(vectorsAt, momentAt, stepsAt, n, parents, termRow, termDepth, termShared, i, end);
      }
      const network = u32At(termNetwork, i);
      if (i == first || network != u32At(termNetwork, i - 1)) {
        const depth = u32At(termDepth, i);
        vector = sumDown(vectorsAt, n, parents, u32At(termRow, i), depth, known);
        if (network != before) copy(encoded + <usize>network * size, vector, n);
        known = depth;
      }
      const pair = u32At(termPair, i);
      const e = entities + <usize>u32At(termVector, i) * size;
      const isObserved = pair % perPositive == 0;
      const x = dot(e, vector, n);
      const margin = isObserved ? x : -x;
      const tail = Mathf.exp(-abs(x));
      loss += <f64>lossOf(margin, tail);
      right += u32(margin > 0);
      const own = errorOf(isObserved, margin, tail);
      store<f32>(error + <usize>pair * F, own);
      const shared = u32At(termShared, i);
      addTerm(parents, chunk, n, u32At(termRow, i), u32At(termDepth, i), shared, i == last, own, e, partials);
      known = min(known, shared);
    }
    store<f64>(lossNats + <usize>chunk * 8, loss);
    store<u32>(correct + <usize>chunk * 4, right);
  }
}

/** Sums of the chain above a row, one for each depth; those down to `known` are there already. @returns the last one */
@inline
function sumDown(table: usize, n: usize, parents: usize, row: u32, depth: u32, known: u32): usize {
  const size = n * F;
  for (let d = depth; d > known; d--) {
    store<u32>(path + <usize>d * 4, row);
    row = u32At(parents, row);
  }
  for (let d = known + 1; d <= depth; d++) {
    const own = table + <usize>u32At(path, d) * size;
    const sum = chainSums + <usize>d * size;
    if (d == 1) copy(sum, own, n);
    else sum2(sum, sum - size, own, n);
  }
  return chainSums + <usize>depth * size;
}

/** −ln sigmoid(margin), with tail = e^−|margin|, so that neither end overflows. */
@inline
function lossOf(margin: f32, tail: f32): f32 {
  return max<f32>(0, -margin) + Mathf.log1p(tail);
}

/** sigmoid(x) − label: where the label is 1, −sigmoid(−x). */
@inline
function errorOf(isObserved: bool, margin: f32, tail: f32): f32 {
  const larger: f32 = 1 / (<f32>1 + tail);
  const size: f32 = margin > 0 ? tail * larger : larger;
  return isObserved ? -size : size;
}

/** Rows down to this depth hold every term of the chunk so far, and some before it. */
let sinceBefore: u32 = 0;
/** Rows down to this depth go on in the next chunk. */
let goingOn: u32 = 0;
/** Sums of terms on the stack. */
let top: usize = 0;

@inline
function startChunk(sharedBefore: u32, sharedAfter: u32): void {
  sinceBefore = sharedBefore;
  goingOn = sharedAfter;
  top = 0;
  store<u32>(depths, 0);
}

/** Puts a term on the stack, and completes the rows that the next term does not share. */
@inline
function addTerm(
  parents: usize,
  chunk: u32,
  n: usize,
  row: u32,
  ownDepth: u32,
  shared: u32,
  isLast: bool,
  own: f32,
  vector: usize,
  partials: usize,
): void {
  const size = n * F;
  if (u32At(depths, top) == ownDepth) {
    join(top, own, vector, n);
  } else {
    // A sum of one term is kept as coefficient · vector, and never written.
    top++;
    store<u32>(depths + top * 4, ownDepth);
    store<f32>(factors + top * F, own);
    store<u32>(bases + top * 4, <u32>vector);
  }
  const keep: u32 = isLast ? 0 : shared;
  let depth = ownDepth;
  while (depth > keep) {
    const below = u32At(depths, top - 1);
    const until: u32 = max<u32>(keep, below);
    const c = f32At(factors, top);
    const x = <usize>u32At(bases, top);
    if (depth > until) {
      const squares = squaresOf(x);
      for (; depth > until; depth--) {
        const began = depth <= sinceBefore;
        if (began || (isLast && depth <= goingOn)) {
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
function addPairs(out: usize, errors: usize, vectors: usize, indices: usize, count: u32, n: usize): void {
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
    if ((i - from) % AHEAD_EVENTS == 0) {
      const end = min(to, i + AHEAD_EVENTS);
      for (let k = i; k < end; k++) {
        const row = u32At(rowOfB, k);
        if (row != NO_ROW) touch(b + <usize>row * size, n);
        touch(a + <usize>u32At(rowOfA, k) * size, n);
      }
    }
    const row = u32At(rowOfB, i);
    store<f32>(
      out + <usize>i * F,
      row == NO_ROW ? 0 : dot(a + <usize>u32At(rowOfA, i) * size, b + <usize>row * size, n),
    );
  }
}
