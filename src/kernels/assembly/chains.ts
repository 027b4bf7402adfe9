// The walk over a mini-batch's tree of rows, chunk by chunk.
import { errorOf, lossOf } from './pairs';
import { squaresOf, stepRow, useRows } from './rows';
import {
  AHEAD_TERMS,
  ahead,
  bases,
  chainSums,
  depths,
  f32At,
  factors,
  joinSums,
  MAX_CHAIN,
  NO_ROW,
  path,
  sums,
  u32At,
} from './scratch';
import { add, copy, dot, F, scale, sum2, touch } from './vectors';

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
  chunkStarts: usize,
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
    const first = u32At(chunkStarts, chunk);
    const end = u32At(chunkStarts, chunk + 1);
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

export function updateChains(
  vectorsAt: usize,
  momentAt: usize,
  stepsAt: usize,
  n: usize,
  parents: usize,
  chunkStarts: usize,
  termRow: usize,
  termDepth: usize,
  termShared: usize,
  _termNetwork: usize,
  chunkBefore: usize,
  chunkAfter: usize,
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
    const first = u32At(chunkStarts, chunk);
    const last = u32At(chunkStarts, chunk + 1) - 1;
    startChunk(u32At(chunkBefore, chunk), u32At(chunkAfter, chunk));
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
  chunkStarts: usize,
  termRow: usize,
  termDepth: usize,
  termShared: usize,
  termNetwork: usize,
  chunkBefore: usize,
  chunkAfter: usize,
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
    const first = u32At(chunkStarts, chunk);
    const last = u32At(chunkStarts, chunk + 1) - 1;
    const before = first == 0 ? NO_ROW : u32At(termNetwork, first - 1);
    startChunk(u32At(chunkBefore, chunk), u32At(chunkAfter, chunk));
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
    joinSums(top, own, vector, n);
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
      if (top > 1) joinSums(top - 1, c, x, n);
      top--;
      if (top == 0) break;
    }
    depth = u32At(depths, top);
  }
  sinceBefore = min(sinceBefore, shared);
}

export function updateSpanning(
  vectorsAt: usize,
  momentAt: usize,
  stepsAt: usize,
  n: usize,
  row: usize,
  depth: usize,
  firstPlace: usize,
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
    const first = <usize>u32At(firstPlace, i);
    const last = <usize>u32At(lastChunk, i);
    const at = partials + (<usize>u32At(depth, i) - 1) * size;
    copy(sums, at + first * MAX_CHAIN * size, n);
    for (let chunk = (first >> 1) + 1; chunk <= last; chunk++) add(sums, at + chunk * 2 * MAX_CHAIN * size, n);
    stepRow(u32At(row, i), 1, sums, squaresOf(sums));
  }
}
