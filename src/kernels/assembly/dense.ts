// Fully connected layers.
import { f32At } from './scratch';
import { addScaled, clear, copy, dot, F } from './vectors';

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
  first: u32,
  end: u32,
  dWeights: usize,
  from: u32,
  to: u32,
): void {
  const size = n * F;
  const bias = dWeights + n * size;
  clear(dWeights + <usize>from * size, <usize>(to - from) * n);
  clear(bias + <usize>from * F, to - from);
  for (let a = first; a < end; a++) {
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
