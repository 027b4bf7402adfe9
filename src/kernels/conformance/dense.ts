/** Fully connected layers. Tests only; not part of the package. */
import { assertClose, sumOf, U } from './bounds.ts';
import { type Trial, wholeAndParts } from './data.ts';

/** Networks that go through a layer: fewer where it is so wide that a naive computation takes seconds. */
const networksOf = ({ shape: { B, D } }: Trial) => Math.ceil(B * Math.min(1, (130 / D) ** 2));

export function denseForward(trial: Trial): void {
  const { kernels, data } = trial;
  const { D } = trial.shape;
  const A = networksOf(trial);
  const weights = data.floats((D + 1) * D, Math.sqrt(2 / D));
  const input = data.floats(A * D);
  const out = data.output(A * D);
  wholeAndParts(kernels, A, [out], (kernels, from, to) =>
    kernels.denseForward(weights, D, input, out, from, to),
  );
  for (let a = 0; a < A; a++) {
    for (let i = 0; i < D; i++) {
      const inner = (d: number) => weights[i * D + d] * input[a * D + d];
      const { value, error } = sumOf(D, inner, weights[D * D + i]);
      const result = input[a * D + i] + Math.max(0, value);
      // max(0, ·) moves by no more than its argument; the last sum is rounded once.
      const bound = error + U * (Math.abs(result) + error);
      assertClose(out[a * D + i], { value: result, error: bound }, 'out', a, i);
    }
  }
}

/** A layer that has changed about half of its input. */
function someBackward(trial: Trial) {
  const { data } = trial;
  const { D } = trial.shape;
  const A = networksOf(trial);
  const input = data.floats(A * D);
  const out = data.floats(A * D);
  for (let i = 0; i < out.length; i++) out[i] = out[i] > 0 ? input[i] + 0.5 : input[i];
  const dOut = data.floats(A * D);
  const delta = (a: number, i: number) => (out[a * D + i] > input[a * D + i] ? dOut[a * D + i] : 0);
  return { A, input, out, dOut, delta };
}

export function denseInputGradients(trial: Trial): void {
  const { kernels, data } = trial;
  const { D } = trial.shape;
  const { A, input, out, dOut, delta } = someBackward(trial);
  const weights = data.floats((D + 1) * D, Math.sqrt(2 / D));
  const dInput = data.output(A * D);
  wholeAndParts(kernels, A, [dInput], (kernels, from, to) =>
    kernels.denseInputGradients(weights, D, input, out, dOut, dInput, from, to),
  );
  for (let a = 0; a < A; a++) {
    for (let d = 0; d < D; d++) {
      const sum = sumOf(D, (i) => delta(a, i) * weights[i * D + d], dOut[a * D + d]);
      assertClose(dInput[a * D + d], sum, 'dInput', a, d);
    }
  }
}

export function denseWeightGradients(trial: Trial): void {
  const { kernels, data } = trial;
  const { D } = trial.shape;
  const { A, input, out, dOut, delta } = someBackward(trial);
  const dWeights = data.output((D + 1) * D);
  const first = data.below(A);
  const end = first + data.below(A - first + 1);
  wholeAndParts(kernels, D, [dWeights], (kernels, from, to) =>
    kernels.denseWeightGradients(D, input, out, dOut, first, end, dWeights, from, to),
  );
  for (let i = 0; i <= D; i++) {
    for (let d = 0; d < D; d++) {
      // Row D holds the biases: the gradient of bias d is Σ δ[d].
      const sum = sumOf(end - first, (j) => {
        const a = first + j;
        return i < D ? delta(a, i) * input[a * D + d] : delta(a, d);
      });
      assertClose(dWeights[i * D + d], sum, 'dWeights', i, d);
    }
  }
}
