import { FULL_STEPS, type Kernels, MOMENT_DECAY, MOMENT_EPSILON } from './kernels.ts';

/** The definition of every kernel, in plain TypeScript. */
export const plainKernels: Kernels = {
  name: 'plain',

  sumRows(table, dimension, rowsOf, out, from, to) {
    const { starts, members } = rowsOf;
    for (let i = from; i < to; i++) {
      const at = i * dimension;
      let k = starts[i];
      const end = starts[i + 1];
      if (k === end) out.fill(0, at, at + dimension);
      // Two rows at a time halve the traffic on `out`.
      if ((end - k) % 2 === 1) {
        const row = members[k++] * dimension;
        for (let d = 0; d < dimension; d++) out[at + d] = table[row + d];
      } else if (k < end) {
        const row = members[k++] * dimension;
        const row2 = members[k++] * dimension;
        for (let d = 0; d < dimension; d++) out[at + d] = table[row + d] + table[row2 + d];
      }
      while (k < end) {
        const row = members[k++] * dimension;
        const row2 = members[k++] * dimension;
        for (let d = 0; d < dimension; d++) out[at + d] += table[row + d] + table[row2 + d];
      }
    }
  },

  pairErrors(table, dimension, rows, encoded, pairs, dEntity, error, from, to) {
    const { pairsPerPositive, address } = pairs;
    let lossNats = 0;
    let correct = 0;
    for (let b = from; b < to; b++) {
      const entity = rows[b] * dimension;
      const gradient = b * dimension;
      dEntity.fill(0, gradient, gradient + dimension);
      for (let k = 0; k < pairsPerPositive; k++) {
        const p = b * pairsPerPositive + k;
        const vector = address[p] * dimension;
        let dot = 0;
        for (let d = 0; d < dimension; d++) dot += table[entity + d] * encoded[vector + d];
        // −ln sigmoid(x) = ln(1 + e^−x), written so that neither end overflows.
        const margin = k === 0 ? dot : -dot;
        lossNats += margin > 0 ? Math.log1p(Math.exp(-margin)) : Math.log1p(Math.exp(margin)) - margin;
        if (margin > 0) correct++;
        const e = 1 / (1 + Math.exp(-dot)) - (k === 0 ? 1 : 0);
        error[p] = e;
        for (let d = 0; d < dimension; d++) dEntity[gradient + d] += e * encoded[vector + d];
      }
    }
    return { lossNats, correct };
  },

  encodedGradients(table, dimension, rows, pairs, pairsOf, error, dEncoded, from, to) {
    const { starts, members } = pairsOf;
    for (let a = from; a < to; a++) {
      const at = a * dimension;
      if (starts[a] === starts[a + 1]) dEncoded.fill(0, at, at + dimension);
      for (let i = starts[a]; i < starts[a + 1]; i++) {
        const p = members[i];
        const e = error[p];
        const entity = rows[Math.floor(p / pairs.pairsPerPositive)] * dimension;
        if (i === starts[a]) for (let d = 0; d < dimension; d++) dEncoded[at + d] = e * table[entity + d];
        else for (let d = 0; d < dimension; d++) dEncoded[at + d] += e * table[entity + d];
      }
    }
  },

  updateRows(table, dimension, moment, steps, rows, membersOf, gradients, step, from, to) {
    const { starts, members } = membersOf;
    const { learningRate, weightDecay, gradientScale } = step;
    const sum = new Float64Array(dimension);
    for (let i = from; i < to; i++) {
      const row = rows[i];
      const at = row * dimension;
      sum.fill(0);
      let k = starts[i];
      // Two members at a time halve the traffic on `sum`.
      for (; k + 1 < starts[i + 1]; k += 2) {
        const member = members[k] * dimension;
        const member2 = members[k + 1] * dimension;
        for (let d = 0; d < dimension; d++) sum[d] += gradients[member + d] + gradients[member2 + d];
      }
      if (k < starts[i + 1]) {
        const member = members[k] * dimension;
        for (let d = 0; d < dimension; d++) sum[d] += gradients[member + d];
      }
      for (let d = 0; d < dimension; d++) sum[d] = gradientScale * sum[d] + weightDecay * table[at + d];
      let squares = 0;
      for (let d = 0; d < dimension; d++) squares += sum[d] * sum[d];
      moment[row] = MOMENT_DECAY * moment[row] + (1 - MOMENT_DECAY) * (squares / dimension);
      steps[row]++;
      const unbiased = moment[row] / (1 - MOMENT_DECAY ** steps[row]);
      const decay = Math.min(1, Math.sqrt(FULL_STEPS / steps[row]));
      const scale = (learningRate * decay) / (Math.sqrt(unbiased) + MOMENT_EPSILON);
      for (let d = 0; d < dimension; d++) table[at + d] -= scale * sum[d];
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

  denseBackward(weights, dimension, input, out, dOut, dInput, dWeights, from, to) {
    const bias = dimension * dimension;
    for (let a = from; a < to; a++) {
      const at = a * dimension;
      for (let d = 0; d < dimension; d++) dInput[at + d] = dOut[at + d];
      for (let i = 0; i < dimension; i++) {
        // The layer was active where it changed its input.
        if (!(out[at + i] > input[at + i])) continue;
        const delta = dOut[at + i];
        dWeights[bias + i] += delta;
        for (let d = 0; d < dimension; d++) {
          dInput[at + d] += delta * weights[i * dimension + d];
          dWeights[i * dimension + d] += delta * input[at + d];
        }
      }
    }
  },
};
