// Rows of tables: copied, and moved by one step.
import { squaresOf, stepRow, useRows } from './rows';
import { f32At, sums, u32At } from './scratch';
import { add, clear, copy, F } from './vectors';

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
      // As other sums of rows begin: with the first one, whose zeros keep their signs.
      if (k == end) clear(sums, n);
      else copy(sums, gradients + <usize>u32At(members, k++) * size, n);
      for (; k < end; k++) add(sums, gradients + <usize>u32At(members, k) * size, n);
    }
    stepRow(i, 1, x, squaresOf(x));
  }
}
