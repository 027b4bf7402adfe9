import type { ByteVectors, Floats } from '../kernels/kernels.ts';
import type { Weights } from './network.ts';

/** The largest code. */
const LARGEST = 127;

/** The same tables with vectors in 8 bits, made where the floats are, which are gone then. */
export function quantized(weights: Weights<Floats>): Weights<ByteVectors> {
  const { dimension } = weights;
  // Doubles serve only where gradients are checked.
  const inPlace = (vectors: Floats) => quantizeInPlace(vectors as Float32Array, dimension);
  return {
    ...weights,
    entityVectors: inPlace(weights.entityVectors),
    networkVectors: inPlace(weights.networkVectors),
  };
}

/**
 * Vectors in 8 bits, each with a scale of its own, so that its largest component is 127: a component is off by 1/254 of
 * that at most. Made where the floats are, which are gone then: no second table is needed.
 * @param vectors   f32[rows, D], finite, D at least 4
 * @param dimension D
 */
export function quantizeInPlace(vectors: Float32Array, dimension: number): ByteVectors {
  const rows = vectors.length / dimension;
  const { buffer, byteOffset } = vectors;
  const codes = new Int8Array(buffer, byteOffset, vectors.length);
  // Behind the codes, where there is room for them as D ≥ 4; not before all floats were read.
  const scales = new Float32Array(rows);
  const row = new Float32Array(dimension);
  for (let r = 0; r < rows; r++) {
    // Codes of this row lie before the floats of the next one.
    row.set(vectors.subarray(r * dimension, (r + 1) * dimension));
    let largest = 0;
    for (let d = 0; d < dimension; d++) largest = Math.max(largest, Math.abs(row[d]));
    scales[r] = largest / LARGEST;
    for (let d = 0; d < dimension; d++) {
      codes[r * dimension + d] = largest === 0 ? 0 : Math.round((row[d] / largest) * LARGEST);
    }
  }
  const behind = new Float32Array(buffer, byteOffset + Math.ceil(codes.length / 4) * 4, rows);
  behind.set(scales);
  return { codes, scales: behind };
}

/** Components of one row. @param out f32[≥ at + D] */
export function expandRow(
  { codes, scales }: ByteVectors,
  dimension: number,
  row: number,
  out: Float32Array,
  at: number,
): void {
  for (let d = 0; d < dimension; d++) out[at + d] = codes[row * dimension + d] * scales[row];
}

/** All rows as floats. @returns f32[rows, D] */
export function expanded(vectors: ByteVectors, dimension: number): Float32Array {
  const out = new Float32Array(vectors.codes.length);
  for (let row = 0; row < vectors.scales.length; row++) {
    expandRow(vectors, dimension, row, out, row * dimension);
  }
  return out;
}
