import { philox } from '../random/philox.ts';
import {
  type Floats,
  FULL_STEPS,
  type Kernels,
  MAX_CHAIN,
  MAX_SUBTREES,
  MOMENT_DECAY,
  MOMENT_EPSILON,
  NO_ROW,
  type Rows,
  type Step,
  type TreeSums,
} from './kernels.ts';

/** The definition of every kernel, in plain TypeScript. */
export const plainKernels: Kernels = {
  name: 'plain',

  randomWords(firstSample, purpose, epoch, [seedLow, seedHigh], blocks, out, count) {
    const block = new Uint32Array(4);
    for (let i = 0; i < count; i++) {
      for (let k = 0; k < blocks; k++) {
        philox(firstSample + i, k * 16 + purpose, epoch, 0, seedLow, seedHigh, block);
        out.set(block, (i * blocks + k) * 4);
      }
    }
  },

  gatherRows(table, dimension, rows, to, from, until) {
    for (let i = from; i < until; i++) copyRow(table, rows[i], to, i, dimension);
  },

  scatterRows(table, dimension, rows, to, from, until) {
    for (let i = from; i < until; i++) copyRow(table, i, to, rows[i], dimension);
  },

  encodeChains(table, dimension, parents, terms, out, fromChunk, toChunk) {
    const { row, network, chunkStarts } = terms;
    for (let i = chunkStarts[fromChunk]; i < chunkStarts[toChunk]; i++) {
      if (i > 0 && network[i] === network[i - 1]) continue;
      const at = network[i] * dimension;
      out.fill(0, at, at + dimension);
      for (let r = row[i]; r !== NO_ROW; r = parents[r])
        addScaled(out, at, 1, table, r * dimension, dimension);
    }
  },

  pairErrors(entities, dimension, pairs, { starts, members }, encoded, error, lossNats, correct, from, to) {
    const { perPositive, entity } = pairs;
    for (let a = from; a < to; a++) {
      lossNats[a] = 0;
      correct[a] = 0;
      for (let m = starts[a]; m < starts[a + 1]; m++) {
        const pair = members[m];
        const e = entity[Math.floor(pair / perPositive)] * dimension;
        let dot = 0;
        for (let d = 0; d < dimension; d++) dot += entities[e + d] * encoded[a * dimension + d];
        const isObserved = pair % perPositive === 0;
        const margin = isObserved ? dot : -dot;
        lossNats[a] += lossOf(margin);
        if (margin > 0) correct[a]++;
        error[pair] = errorOf(dot, isObserved);
      }
    }
  },

  weightedSums(vectors, dimension, vectorOf, membersPerVector, coefficients, lists, out, from, to) {
    const { starts, members } = lists;
    for (let i = from; i < to; i++) {
      out.fill(0, i * dimension, (i + 1) * dimension);
      for (let k = starts[i]; k < starts[i + 1]; k++) {
        const vector = vectorOf[Math.floor(members[k] / membersPerVector)];
        addScaled(out, i * dimension, coefficients[members[k]], vectors, vector * dimension, dimension);
      }
    }
  },

  updateChains(rows, dimension, parents, terms, coefficients, vectors, step, partials, fromChunk, toChunk) {
    const { row, depth, shared, coefficient, vector, chunkStarts, before, after } = terms;
    // Sums of the terms so far, one for each depth at which they end: deeper ones on top.
    const sums = Array.from({ length: MAX_CHAIN + 1 }, () => new Float64Array(dimension));
    const depths = new Uint32Array(MAX_CHAIN + 1);
    for (let chunk = fromChunk; chunk < toChunk; chunk++) {
      const first = chunkStarts[chunk];
      const last = chunkStarts[chunk + 1] - 1;
      /** rows down to this depth hold every term of the chunk so far, and some before it */
      let sinceBefore = before[chunk];
      /** rows down to this depth go on in the next chunk */
      const goingOn = after[chunk];
      let top = 0;
      for (let i = first; i <= last; i++) {
        if (depths[top] !== depth[i]) {
          top++;
          depths[top] = depth[i];
          sums[top].fill(0);
        }
        addScaled(sums[top], 0, coefficients[coefficient[i]], vectors, vector[i] * dimension, dimension);
        // Rows below what the next term shares are complete.
        const keep = i === last ? 0 : shared[i];
        let current = row[i];
        while (top > 0 && depths[top] > keep) {
          const until = Math.max(keep, depths[top - 1]);
          for (let at = depths[top]; at > until; at--) {
            const began = at <= sinceBefore;
            if (began || (i === last && at <= goingOn)) {
              partials.set(sums[top], partialAt(2 * chunk + (began ? 0 : 1), at, dimension));
            } else {
              stepRow(rows, current, dimension, sums[top], step);
            }
            current = parents[current];
          }
          depths[top] = until;
          // Joins what ends at the same depth, or is done at the root.
          if (until === depths[top - 1]) {
            if (top > 1) addScaled(sums[top - 1], 0, 1, sums[top], 0, dimension);
            top--;
          }
        }
        sinceBefore = Math.min(sinceBefore, shared[i]);
      }
    }
  },

  trainChains(rows, dimension, parents, terms, perPositive, entities, out, step, fromChunk, toChunk) {
    const { coefficient: pair, vector, chunkStarts } = terms;
    const { encoded, error, lossNats, correct, partials } = out;
    const own = new Float64Array(dimension);
    for (let chunk = fromChunk; chunk < toChunk; chunk++) {
      this.encodeChains(rows.vectors, dimension, parents, terms, encoded, chunk, chunk + 1);
      lossNats[chunk] = 0;
      correct[chunk] = 0;
      for (let i = chunkStarts[chunk]; i < chunkStarts[chunk + 1]; i++) {
        // Once more, as a network that began in the chunk before is encoded there, maybe by another thread.
        own.fill(0);
        for (let row = terms.row[i]; row !== NO_ROW; row = parents[row]) {
          addScaled(own, 0, 1, rows.vectors, row * dimension, dimension);
        }
        let dot = 0;
        for (let d = 0; d < dimension; d++) dot += entities[vector[i] * dimension + d] * own[d];
        const isObserved = pair[i] % perPositive === 0;
        const margin = isObserved ? dot : -dot;
        lossNats[chunk] += lossOf(margin);
        if (margin > 0) correct[chunk]++;
        error[pair[i]] = errorOf(dot, isObserved);
      }
      this.updateChains(rows, dimension, parents, terms, error, entities, step, partials, chunk, chunk + 1);
    }
  },

  updateSpanning(rows, dimension, { row, depth, first, lastChunk }, partials, step, from, to) {
    const sum = new Float64Array(dimension);
    for (let i = from; i < to; i++) {
      sum.fill(0);
      addScaled(sum, 0, 1, partials, partialAt(first[i], depth[i], dimension), dimension);
      for (let chunk = (first[i] >>> 1) + 1; chunk <= lastChunk[i]; chunk++) {
        addScaled(sum, 0, 1, partials, partialAt(2 * chunk, depth[i], dimension), dimension);
      }
      stepRow(rows, row[i], dimension, sum, step);
    }
  },

  updateRows(rows, dimension, { starts, members }, gradients, step, from, to) {
    const sum = new Float64Array(dimension);
    for (let i = from; i < to; i++) {
      sum.fill(0);
      for (let k = starts[i]; k < starts[i + 1]; k++)
        addScaled(sum, 0, 1, gradients, members[k] * dimension, dimension);
      stepRow(rows, i, dimension, sum, step);
    }
  },

  updateBySums(rows, dimension, sums, vectorOf, vectors, coefficients, step, from, to) {
    const subtrees = subtreesOf(dimension, vectors);
    for (let i = from; i < to; i++) {
      addTree(subtrees, sums, i, vectorOf, vectors, coefficients, dimension);
      stepRow(rows, i, dimension, subtrees[0], step);
    }
  },

  addUp(dimension, sums, vectorOf, vectors, coefficients, out, from, to) {
    const subtrees = subtreesOf(dimension, vectors);
    for (let i = from; i < to; i++) {
      addTree(subtrees, sums, i, vectorOf, vectors, coefficients, dimension);
      out.set(subtrees[0], i * dimension);
    }
  },

  denseForward(weights, dimension, input, out, from, to) {
    const bias = dimension * dimension;
    for (let a = from; a < to; a++) {
      const at = a * dimension;
      for (let i = 0; i < dimension; i++) {
        let sum = weights[bias + i];
        for (let d = 0; d < dimension; d++) sum += weights[i * dimension + d] * input[at + d];
        out[at + i] = input[at + i] + Math.max(0, sum);
      }
    }
  },

  denseInputGradients(weights, dimension, input, out, dOut, dInput, from, to) {
    for (let a = from; a < to; a++) {
      const at = a * dimension;
      for (let d = 0; d < dimension; d++) dInput[at + d] = dOut[at + d];
      for (let i = 0; i < dimension; i++) {
        // The layer was active where it changed its input.
        if (out[at + i] > input[at + i])
          addScaled(dInput, at, dOut[at + i], weights, i * dimension, dimension);
      }
    }
  },

  denseWeightGradients(dimension, input, out, dOut, first, end, dWeights, from, to) {
    const bias = dimension * dimension;
    for (let i = from; i < to; i++) {
      dWeights.fill(0, i * dimension, (i + 1) * dimension);
      dWeights[bias + i] = 0;
      for (let a = first; a < end; a++) {
        const at = a * dimension;
        if (!(out[at + i] > input[at + i])) continue;
        dWeights[bias + i] += dOut[at + i];
        addScaled(dWeights, i * dimension, dOut[at + i], input, at, dimension);
      }
    }
  },

  dotProducts(a, rowOfA, b, rowOfB, dimension, out, from, to) {
    for (let i = from; i < to; i++) {
      out[i] =
        rowOfB[i] === NO_ROW ? 0 : dotOfFloats(a, rowOfA[i] * dimension, b, rowOfB[i] * dimension, dimension);
    }
  },

  byteDotProducts(a, rowOfA, b, rowOfB, dimension, out, from, to) {
    for (let i = from; i < to; i++) {
      if (rowOfB[i] === NO_ROW) {
        out[i] = 0;
        continue;
      }
      const atA = rowOfA[i] * dimension;
      const atB = rowOfB[i] * dimension;
      let sum = 0;
      for (let d = 0; d < dimension; d++) sum += a.codes[atA + d] * b.codes[atB + d];
      // The product of the scales is exact in a double.
      out[i] = sum * (a.scales[rowOfA[i]] * b.scales[rowOfB[i]]);
    }
  },
};

const lanes = new Float32Array(16);

/**
 * Inner product in f32, in the order in which vector registers add: sixteen sums side by side. So a score has the same
 * bits whichever kernels serve.
 */
function dotOfFloats(a: Floats, atA: number, b: Floats, atB: number, dimension: number): number {
  lanes.fill(0);
  const product = (d: number) => Math.fround(a[atA + d] * b[atB + d]);
  let d = 0;
  for (; d + 16 <= dimension; d += 16) for (let k = 0; k < 16; k++) lanes[k] += product(d + k);
  for (; d + 4 <= dimension; d += 4) for (let k = 0; k < 4; k++) lanes[k] += product(d + k);
  const add = (x: number, y: number) => Math.fround(x + y);
  const lane = (k: number) => add(add(lanes[k], lanes[k + 4]), add(lanes[k + 8], lanes[k + 12]));
  let sum = add(add(lane(0), lane(2)), add(lane(1), lane(3)));
  for (; d < dimension; d++) sum = add(sum, product(d));
  return sum;
}

/** −ln sigmoid(margin) = ln(1 + e^−margin), written so that neither end overflows. */
function lossOf(margin: number): number {
  return margin > 0 ? Math.log1p(Math.exp(-margin)) : Math.log1p(Math.exp(margin)) - margin;
}

/** sigmoid(dot) − label */
function errorOf(dot: number, isObserved: boolean): number {
  return 1 / (1 + Math.exp(-dot)) - (isObserved ? 1 : 0);
}

function copyRow(from: Rows, row: number, to: Rows, toRow: number, dimension: number): void {
  for (let d = 0; d < dimension; d++) to.vectors[toRow * dimension + d] = from.vectors[row * dimension + d];
  to.moment[toRow] = from.moment[row];
  to.steps[toRow] = from.steps[row];
}

/** out[at …] += factor · vectors[from …] */
function addScaled(
  out: Floats,
  at: number,
  factor: number,
  vectors: Floats,
  from: number,
  dimension: number,
): void {
  for (let d = 0; d < dimension; d++) out[at + d] += factor * vectors[from + d];
}

/** Room for sums that wait to be added, of the kind of the vectors: so a subtree that was added elsewhere is no other than one that was added here. */
const subtreesOf = (dimension: number, vectors: Floats): Floats[] => {
  // There may be fewer vectors than one: lists without members need none.
  const Kind = vectors instanceof Float64Array ? Float64Array : Float32Array;
  return Array.from({ length: MAX_SUBTREES }, () => new Kind(dimension));
};

/** Adds list i of tree sums up, in subtrees[0]. */
function addTree(
  subtrees: Floats[],
  { starts, members, joins }: TreeSums,
  i: number,
  vectorOf: Uint32Array,
  vectors: Floats,
  coefficients: Floats,
  dimension: number,
): void {
  /** how far up the tree each waiting sum meets the one before it */
  const meets: number[] = [];
  let join = Number.POSITIVE_INFINITY;
  subtrees[0].fill(0);
  for (let m = starts[i]; m < starts[i + 1]; m++) {
    if (join > 0) {
      subtrees[meets.length].fill(0);
      meets.push(join);
    }
    const at = vectorOf[members[m]] * dimension;
    addScaled(subtrees[meets.length - 1], 0, coefficients[members[m]], vectors, at, dimension);
    join = m + 1 < starts[i + 1] ? joins[m] : Number.POSITIVE_INFINITY;
    // What meets further down than the next one comes in is complete.
    while (meets.length > 1 && meets[meets.length - 1] < join) {
      meets.pop();
      addScaled(subtrees[meets.length - 1], 0, 1, subtrees[meets.length], 0, dimension);
    }
  }
}

/** Where a chunk's sum for a row at a depth is put aside. */
function partialAt(place: number, depth: number, dimension: number): number {
  return (place * MAX_CHAIN + depth - 1) * dimension;
}

/** The optimiser: `updateRows` in kernels.ts says what it does. */
function stepRow(
  { vectors, moment, steps }: Rows,
  row: number,
  dimension: number,
  sum: Floats,
  { learningRate, weightDecay, gradientScale }: Step,
): void {
  const at = row * dimension;
  const gradient = (d: number) => gradientScale * sum[d] + weightDecay * vectors[at + d];
  let squares = 0;
  for (let d = 0; d < dimension; d++) squares += gradient(d) ** 2;
  moment[row] = MOMENT_DECAY * moment[row] + (1 - MOMENT_DECAY) * (squares / dimension);
  steps[row]++;
  const unbiased = moment[row] / (1 - MOMENT_DECAY ** steps[row]);
  const decay = Math.min(1, Math.sqrt(FULL_STEPS / steps[row]));
  const scale = (learningRate * decay) / (Math.sqrt(unbiased) + MOMENT_EPSILON);
  for (let d = 0; d < dimension; d++) vectors[at + d] -= scale * gradient(d);
}
