import { symmetricEigen } from './symmetricEigen.ts';

/** The directions in which rows differ most. N rows, D columns, C components. */
export interface PrincipalComponents {
  /** what is taken off each row */
  mean: Float64Array; // (D)
  /** orthonormal; in each the entry that is largest without its sign is positive */
  components: Float64Array[]; // C × (D)
  /** of the rows along each component, descending */
  variances: Float64Array; // (C)
  /** Σ of the variances along all D */
  total: number;
}

/** Between steps others may have their turn: few take longer than 10 ms. */
export type InSteps<T> = Generator<void, T, void>;

/** An eigen-decomposition of so many rows and columns takes half a second; beyond, a sample of rows must do. */
const MOST_SIDE = 512;
/** Multiplications that a step takes. */
const STEP_PRODUCTS = 3_000_000;
/** Below this part of the largest a variance is rounding. */
const LEAST_VARIANCE = 1e-12;

/**
 * Principal components of rows, from the eigenvectors of their D × D covariance; of fewer rows than columns, from those of
 * their N × N inner products, which have the same variances (Jolliffe, Principal Component Analysis, 2002, 3.5). Where both
 * N and D are above 512, of 512 rows evenly spread over all.
 * @param rows  f32[N × D]
 * @param count C; fewer are returned where rows differ in fewer directions
 */
export function* principalComponents(
  rows: Float32Array,
  dimension: number,
  count: number,
): InSteps<PrincipalComponents> {
  const N = rows.length / dimension;
  const isSampled = Math.min(N, dimension) > MOST_SIDE;
  const taken = isSampled ? MOST_SIDE : N;
  const rowAt = (i: number) => (isSampled ? Math.floor((i * N) / taken) : i) * dimension;
  const mean = new Float64Array(dimension);
  for (let i = 0; i < taken; i++) {
    const at = rowAt(i);
    for (let d = 0; d < dimension; d++) mean[d] += rows[at + d];
  }
  for (let d = 0; d < dimension; d++) mean[d] /= Math.max(1, taken);
  yield;
  if (taken === 0) return { mean, components: [], variances: new Float64Array(0), total: 0 };
  const ofRows = taken < dimension;
  const side = ofRows ? taken : dimension;
  const products = ofRows
    ? yield* innerProducts(rows, rowAt, mean, taken)
    : yield* covariance(rows, rowAt, mean, taken);
  let total = 0;
  for (let i = 0; i < side; i++) total += products[i * side + i];
  const { values, vectors } = yield* symmetricEigen(products, side);
  let kept = 0;
  while (kept < Math.min(count, side) && values[kept] > values[0] * LEAST_VARIANCE) kept++;
  const components: Float64Array[] = [];
  for (let c = 0; c < kept; c++) {
    const vector = vectors.subarray(c * side, (c + 1) * side);
    const component = ofRows ? ofInnerProducts(vector, rows, rowAt, mean) : vector.slice();
    components.push(withSign(component));
    yield;
  }
  return { mean, components, variances: values.slice(0, kept), total };
}

/** Σ of (x − mean)(x − mean)ᵀ / N, D × D. */
function* covariance(
  rows: Float32Array,
  rowAt: (i: number) => number,
  mean: Float64Array,
  count: number,
): InSteps<Float64Array> {
  const D = mean.length;
  const sums = new Float64Array(D * D);
  const centred = new Float64Array(D);
  const step = Math.max(1, Math.floor(STEP_PRODUCTS / (D * D)));
  for (let i = 0; i < count; i++) {
    const at = rowAt(i);
    for (let d = 0; d < D; d++) centred[d] = rows[at + d] - mean[d];
    for (let a = 0; a < D; a++) {
      const factor = centred[a];
      if (factor === 0) continue;
      for (let b = 0; b <= a; b++) sums[a * D + b] += factor * centred[b];
    }
    if (i % step === step - 1) yield;
  }
  return mirrored(sums, D, 1 / count);
}

/** (x_i − mean)·(x_j − mean) / N, N × N. */
function* innerProducts(
  rows: Float32Array,
  rowAt: (i: number) => number,
  mean: Float64Array,
  count: number,
): InSteps<Float64Array> {
  const D = mean.length;
  const centred = new Float64Array(count * D);
  for (let i = 0; i < count; i++) {
    const at = rowAt(i);
    for (let d = 0; d < D; d++) centred[i * D + d] = rows[at + d] - mean[d];
  }
  const products = new Float64Array(count * count);
  const step = Math.max(1, Math.floor(STEP_PRODUCTS / (count * D)));
  for (let i = 0; i < count; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let d = 0; d < D; d++) sum += centred[i * D + d] * centred[j * D + d];
      products[i * count + j] = sum;
    }
    if (i % step === step - 1) yield;
  }
  return mirrored(products, count, 1 / count);
}

/** The whole of a symmetric matrix of which the lower half is given, times a factor; in place. */
function mirrored(matrix: Float64Array, side: number, factor: number): Float64Array {
  for (let a = 0; a < side; a++) {
    for (let b = 0; b <= a; b++) {
      matrix[a * side + b] *= factor;
      matrix[b * side + a] = matrix[a * side + b];
    }
  }
  return matrix;
}

/** The component that belongs to an eigenvector of the rows' inner products: Σ of them, weighed by it, of length 1. */
function ofInnerProducts(
  vector: Float64Array,
  rows: Float32Array,
  rowAt: (i: number) => number,
  mean: Float64Array,
): Float64Array {
  const component = new Float64Array(mean.length);
  for (let i = 0; i < vector.length; i++) {
    const at = rowAt(i);
    for (let d = 0; d < component.length; d++) component[d] += vector[i] * (rows[at + d] - mean[d]);
  }
  const length = Math.hypot(...component);
  for (let d = 0; d < component.length; d++) component[d] /= length;
  return component;
}

/** An eigenvector with the other sign is one too; of the two, always the same. */
function withSign(component: Float64Array): Float64Array {
  let largest = 0;
  for (const value of component) if (Math.abs(value) > Math.abs(largest)) largest = value;
  if (largest < 0) for (let d = 0; d < component.length; d++) component[d] = -component[d];
  return component;
}

/**
 * Where each row lies along the components.
 * @returns f64[N × C]
 */
export function* projected(
  rows: Float32Array,
  { mean, components }: PrincipalComponents,
): InSteps<Float64Array> {
  const D = mean.length;
  const C = components.length;
  const N = rows.length / D;
  const out = new Float64Array(N * C);
  const step = Math.max(1, Math.floor(STEP_PRODUCTS / (D * Math.max(1, C))));
  for (let i = 0; i < N; i++) {
    for (let c = 0; c < C; c++) {
      const component = components[c];
      let sum = 0;
      for (let d = 0; d < D; d++) sum += (rows[i * D + d] - mean[d]) * component[d];
      out[i * C + c] = sum;
    }
    if (i % step === step - 1) yield;
  }
  return out;
}
