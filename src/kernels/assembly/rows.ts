import { combine2, dot, dotAndSquares, F } from './vectors';

// Constants of kernels.ts; a test holds them together.
const DECAY: f32 = 0.999;
const FRESH: f32 = 0.001;
const EPSILON: f32 = 1e-8;
const FULL_STEPS: f32 = 25;

/** The state of a table: where its vectors, moments and numbers of steps are. Set by `useRows`. */
let vectors: usize = 0;
let moment: usize = 0;
let steps: usize = 0;
let dimension: usize = 0;

let learningRate: f32 = 0;
let weightDecay: f32 = 0;
let gradientScale: f32 = 0;

/** 1 / (1 − DECAY^t) for t = 0 … correctionCount − 1; beyond it is 1 within rounding. */
let correction: usize = 0;
let correctionCount: u32 = 0;
/** Room for one float. */
let spare: usize = 0;

export function setUpRows(correctionAt: usize, count: u32, spareAt: usize): void {
  correction = correctionAt;
  correctionCount = count;
  spare = spareAt;
}

export function useRows(
  vectorsAt: usize,
  momentAt: usize,
  stepsAt: usize,
  n: usize,
  rate: f32,
  decay: f32,
  scale: f32,
): void {
  vectors = vectorsAt;
  moment = momentAt;
  steps = stepsAt;
  dimension = n;
  learningRate = rate;
  weightDecay = decay;
  gradientScale = scale;
}

/**
 * One step of a row whose gradient is c·x before scale and decay; `squares` is Σ x².
 * With g = α·x + β·row, Σ g² = α²·Σ x² + 2αβ·Σ x·row + β²·Σ row²: the row is read twice, its gradient never written.
 */
export function stepRow(row: usize, c: f32, x: usize, squares: f32): void {
  const n = dimension;
  const at = vectors + row * n * F;
  const alpha = gradientScale * c;
  const beta = weightDecay;
  let sum = alpha * alpha * squares;
  if (beta != 0) {
    const product = dotAndSquares(x, at, n, spare);
    // Rounding could leave a tiny negative number where terms cancel.
    sum = max(0, sum + 2 * alpha * beta * product + beta * beta * load<f32>(spare));
  }
  const second = DECAY * load<f32>(moment + row * F) + FRESH * (sum / <f32>n);
  store<f32>(moment + row * F, second);
  const count = load<u32>(steps + row * F) + 1;
  store<u32>(steps + row * F, count);
  const unbiased = count < correctionCount ? second * load<f32>(correction + (<usize>count) * F) : second;
  let size = learningRate / (sqrt<f32>(unbiased) + EPSILON);
  if (count > <u32>FULL_STEPS) size *= sqrt<f32>(FULL_STEPS / <f32>count);
  combine2(at, 1 - size * beta, at, -(size * alpha), x, n);
}

/** Σ x² */
@inline
export function squaresOf(x: usize): f32 {
  return dot(x, x, dimension);
}
