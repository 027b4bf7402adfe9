/**
 * What every implementation of the kernels is held to: over random and edge sizes, each result is compared with a
 * naive computation in f64, within bounds that follow from f32 arithmetic, and calls on parts of a range must give
 * the same bits as one call. Tests only; not part of the package.
 */
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeChains, trainChains, updateChains } from './conformance/chains.ts';
import { type Check, Data, ROUNDS, type Shape } from './conformance/data.ts';
import { denseForward, denseInputGradients, denseWeightGradients } from './conformance/dense.ts';
import {
  byteDotProducts,
  dotProducts,
  gatherRows,
  pairErrors,
  scatterRows,
  weightedSums,
} from './conformance/pairs.ts';
import { randomWords } from './conformance/random.ts';
import { addUp, updateBySums, updateRows } from './conformance/steps.ts';
import type { Kernels } from './kernels.ts';
import type { Memory } from './memory.ts';

/** An implementation, and the memory that its arrays must lie in. */
export interface Subject {
  /** of several threads */
  kernels: Kernels[];
  /** gives memory that may have been used before; `ROOM_BYTES` at most, vectors of at most `MAX_DIMENSION` */
  memory: () => Memory;
}

/** The largest vectors that users may ask for. */
export const MAX_DIMENSION = 4096;
/** Room for three layers of MAX_DIMENSION, and for the rest. */
export const ROOM_BYTES = 4 * (4 * MAX_DIMENSION * MAX_DIMENSION);

/**
 * Edge sizes: one positive; no random or no shuffled pairs; vectors that fill no register, several, or leave some lanes over;
 * terms that fill one chunk, one and a bit, many.
 */
const SHAPES: Shape[] = [
  { B: 1, D: 4, R: 1, S: 1 },
  { B: 1, D: 130, R: 0, S: 1 },
  { B: 2, D: 12, R: 3, S: 0 },
  { B: 7, D: 5, R: 0, S: 2 },
  { B: 64, D: 12, R: 1, S: 0 },
  { B: 43, D: 7, R: 1, S: 1 },
  { B: 300, D: 4, R: 1, S: 2 },
  { B: 50, D: 128, R: 5, S: 1 },
  { B: 90, D: 130, R: 1, S: 1 },
  { B: 50, D: MAX_DIMENSION, R: 1, S: 1 },
];

const someShape = fc.record({
  B: fc.integer({ min: 1, max: 100 }),
  D: fc.integer({ min: 4, max: 70 }),
  R: fc.nat({ max: 4 }),
  S: fc.nat({ max: 4 }),
});

const checks: { [kernel in Exclude<keyof Kernels, 'name' | 'updateSpanning'>]: Check } = {
  randomWords,
  gatherRows,
  scatterRows,
  encodeChains,
  pairErrors,
  weightedSums,
  // And updateSpanning, which goes on where these end.
  updateChains,
  trainChains,
  updateRows,
  updateBySums,
  addUp,
  denseForward,
  denseInputGradients,
  denseWeightGradients,
  dotProducts,
  byteDotProducts,
};

/** Registers one test for each kernel. */
export function testConformance({ kernels, memory }: Subject): void {
  for (const [kernel, check] of Object.entries(checks)) {
    test(`${kernels[0].name}: ${kernel} gives what its definition says, within rounding, for any part of the range`, () => {
      const trial = (shape: Shape, seed: number, round: number) =>
        check({ kernels, shape, data: new Data(memory(), seed), round });
      for (const [seed, shape] of SHAPES.entries()) {
        const rounds = shape.D === MAX_DIMENSION ? 1 : ROUNDS;
        for (let round = 0; round < rounds; round++) {
          try {
            trial(shape, seed, round);
          } catch (error) {
            if (error instanceof Error)
              error.message = `${JSON.stringify({ ...shape, round })}: ${error.message}`;
            throw error;
          }
        }
      }
      fc.assert(fc.property(someShape, fc.nat(), fc.nat({ max: ROUNDS - 1 }), trial), { numRuns: 30 });
    });
  }
}
