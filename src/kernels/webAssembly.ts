import {
  type Floats,
  type Kernels,
  MAX_CHAIN,
  MOMENT_DECAY,
  type Rows,
  type Step,
  type Terms,
  type TreeSums,
} from './kernels.ts';
import { type Memory, OneBuffer, sizeBytesOf } from './memory.ts';

/** What `assembly/kernels.ts` exports; pointers and counts. */
type Exports = Record<
  | 'setUp'
  | 'randomWords'
  | 'gatherRows'
  | 'scatterRows'
  | 'encodeChains'
  | 'pairErrors'
  | 'weightedSums'
  | 'updateChains'
  | 'trainChains'
  | 'updateSpanning'
  | 'updateRows'
  | 'updateBySums'
  | 'addUp'
  | 'denseForward'
  | 'denseInputGradients'
  | 'denseWeightGradients'
  | 'dotProducts'
  | 'byteDotProducts',
  (...numbers: number[]) => void
>;

export const PAGE_BYTES = 65536;
/** A 32-bit memory has one more; without it the end of an array is a 32-bit number, too, as the kernels' loops need. */
const MAX_PAGES = 65535;
/** The first page belongs to the module's own constants. */
const FIRST_FREE_BYTE = PAGE_BYTES;

/**
 * Steps of a row until the correction of its second moment, 1 / (1 − 0.999^t), is 1 within half a rounding of f32:
 * 0.999^t < 2^-25 from t = 17,320 on.
 */
const CORRECTED_STEPS = 17_320;

/** Scratch memory of one thread's kernels, in floats. */
const scratchLength = (dimension: number) => (MAX_CHAIN + 1) * (2 * dimension + 5) + 64 * MAX_CHAIN;

/** A compiled WebAssembly module; without its name, which only browsers' types know. */
export type KernelModule = object;

/** What threads need to have the same kernels on the same memory. Can be posted to a worker. */
export interface KernelMemory {
  module: KernelModule;
  memory: { readonly buffer: SharedArrayBuffer };
  /** of the rows that learn */
  dimension: number;
  /** 1 / (1 − 0.999^t) */
  correction: Float32Array;
  /** one for each thread */
  scratch: Float32Array[];
  /** for scoring events in blocks, one for each thread */
  scoring: { left: Uint32Array; right: Uint32Array; out: Float32Array }[];
}

/** Events of a block. */
export const SCORING_BLOCK = 4096;

/**
 * A memory that holds what `layout` asks for, and room for the kernels of some threads.
 * @param dimension D of the rows that will learn; scoring alone needs none
 * @param layout called twice: to measure, then to allocate; must ask for the same both times
 * @returns undefined where 4 GiB are too few
 * @throws RangeError where the machine does not give the memory
 */
export function createKernelMemory<T>(
  module: KernelModule,
  dimension: number,
  threads: number,
  layout: (memory: Memory) => T,
): { kernelMemory: KernelMemory; arrays: T } | undefined {
  const own = (memory: Memory) => ({
    correction: memory.floats(CORRECTED_STEPS),
    scratch: Array.from({ length: threads }, () => memory.floats(scratchLength(dimension))),
    scoring: Array.from({ length: threads }, () => ({
      left: memory.words(SCORING_BLOCK),
      right: memory.words(SCORING_BLOCK),
      out: memory.floats(SCORING_BLOCK),
    })),
  });
  const sizeBytes = sizeBytesOf((memory) => [own(memory), layout(memory)]);
  const pages = Math.ceil((FIRST_FREE_BYTE + sizeBytes) / PAGE_BYTES);
  if (pages > MAX_PAGES) return undefined;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const allocated = new OneBuffer(memory.buffer, FIRST_FREE_BYTE);
  const { correction, scratch, scoring } = own(allocated);
  // By multiplication: other ways to a power differ between versions of the engine.
  let power = 1;
  for (let t = 1; t < CORRECTED_STEPS; t++) {
    power *= MOMENT_DECAY;
    correction[t] = 1 / (1 - power);
  }
  return {
    kernelMemory: { module, memory, dimension, correction, scratch, scoring },
    arrays: layout(allocated),
  };
}

/** Where an array begins in the memory. The kernels trust that it lies there. */
const at = (array: Floats | Uint32Array | Int8Array) => array.byteOffset;

const rowsAt = ({ vectors, moment, steps }: Rows) => [at(vectors), at(moment), at(steps)] as const;
const termsAt = ({ chunkStarts, row, depth, shared, network }: Terms) =>
  [at(chunkStarts), at(row), at(depth), at(shared), at(network)] as const;
const sumsAt = ({ starts, members, joins }: TreeSums) => [at(starts), at(members), at(joins)] as const;
const stepAt = ({ learningRate, weightDecay, gradientScale }: Step) =>
  [learningRate, weightDecay, gradientScale] as const;

/**
 * Kernels of one thread. All arrays given to them must lie in the memory.
 * @param thread which scratch memory is theirs
 */
export function webAssemblyKernels(kernelMemory: KernelMemory, thread: number): Kernels {
  const { module, memory, dimension: ownDimension, correction, scratch } = kernelMemory;
  const wasm = new WebAssembly.Instance(module as WebAssembly.Module, { env: { memory } })
    .exports as unknown as Exports;
  wasm.setUp(at(scratch[thread]), ownDimension, at(correction), CORRECTED_STEPS);
  return {
    name: 'WebAssembly',

    randomWords(firstSample, purpose, epoch, [seedLow, seedHigh], blocks, out, count) {
      wasm.randomWords(firstSample, purpose, epoch, seedLow, seedHigh, blocks, at(out), count);
    },

    gatherRows(table, dimension, rows, to, from, until) {
      wasm.gatherRows(...rowsAt(table), dimension, at(rows), ...rowsAt(to), from, until);
    },

    scatterRows(table, dimension, rows, to, from, until) {
      wasm.scatterRows(...rowsAt(table), dimension, at(rows), ...rowsAt(to), from, until);
    },

    encodeChains(table, dimension, parents, terms, out, fromChunk, toChunk) {
      wasm.encodeChains(at(table), dimension, at(parents), ...termsAt(terms), at(out), fromChunk, toChunk);
    },

    pairErrors(entities, dimension, pairs, pairsOf, encoded, error, lossNats, correct, from, to) {
      const { perPositive, entity } = pairs;
      wasm.pairErrors(
        at(entities),
        dimension,
        perPositive,
        at(entity),
        at(pairsOf.starts),
        at(pairsOf.members),
        at(encoded),
        at(error),
        at(lossNats),
        at(correct),
        from,
        to,
      );
    },

    weightedSums(
      vectors,
      dimension,
      vectorOf,
      membersPerVector,
      coefficients,
      { starts, members },
      out,
      from,
      to,
    ) {
      wasm.weightedSums(
        at(vectors),
        dimension,
        at(vectorOf),
        membersPerVector,
        at(coefficients),
        at(starts),
        at(members),
        at(out),
        from,
        to,
      );
    },

    updateChains(rows, dimension, parents, terms, coefficients, vectors, step, partials, fromChunk, toChunk) {
      wasm.updateChains(
        ...rowsAt(rows),
        dimension,
        at(parents),
        ...termsAt(terms),
        at(terms.before),
        at(terms.after),
        at(terms.coefficient),
        at(terms.vector),
        at(coefficients),
        at(vectors),
        ...stepAt(step),
        at(partials),
        fromChunk,
        toChunk,
      );
    },

    trainChains(rows, dimension, parents, terms, perPositive, entities, out, step, fromChunk, toChunk) {
      wasm.trainChains(
        ...rowsAt(rows),
        dimension,
        at(parents),
        ...termsAt(terms),
        at(terms.before),
        at(terms.after),
        at(terms.coefficient),
        at(terms.vector),
        perPositive,
        at(entities),
        at(out.encoded),
        at(out.error),
        at(out.lossNats),
        at(out.correct),
        ...stepAt(step),
        at(out.partials),
        fromChunk,
        toChunk,
      );
    },

    updateSpanning(rows, dimension, spanning, partials, step, from, to) {
      wasm.updateSpanning(
        ...rowsAt(rows),
        dimension,
        at(spanning.row),
        at(spanning.depth),
        at(spanning.first),
        at(spanning.lastChunk),
        at(partials),
        ...stepAt(step),
        from,
        to,
      );
    },

    updateRows(rows, dimension, { starts, members }, gradients, step, from, to) {
      wasm.updateRows(
        ...rowsAt(rows),
        dimension,
        at(starts),
        at(members),
        at(gradients),
        ...stepAt(step),
        from,
        to,
      );
    },

    updateBySums(rows, dimension, sums, vectorOf, vectors, coefficients, step, from, to) {
      wasm.updateBySums(
        ...rowsAt(rows),
        dimension,
        ...sumsAt(sums),
        at(vectorOf),
        at(vectors),
        at(coefficients),
        ...stepAt(step),
        from,
        to,
      );
    },

    addUp(dimension, sums, vectorOf, vectors, coefficients, out, from, to) {
      wasm.addUp(dimension, ...sumsAt(sums), at(vectorOf), at(vectors), at(coefficients), at(out), from, to);
    },

    denseForward(weights, dimension, input, out, from, to) {
      wasm.denseForward(at(weights), dimension, at(input), at(out), from, to);
    },

    denseInputGradients(weights, dimension, input, out, dOut, dInput, from, to) {
      wasm.denseInputGradients(at(weights), dimension, at(input), at(out), at(dOut), at(dInput), from, to);
    },

    denseWeightGradients(dimension, input, out, dOut, first, end, dWeights, from, to) {
      wasm.denseWeightGradients(dimension, at(input), at(out), at(dOut), first, end, at(dWeights), from, to);
    },

    dotProducts(a, rowOfA, b, rowOfB, dimension, out, from, to) {
      wasm.dotProducts(at(a), at(rowOfA), at(b), at(rowOfB), dimension, at(out), from, to);
    },

    byteDotProducts(a, rowOfA, b, rowOfB, dimension, out, from, to) {
      const tables = [at(a.codes), at(a.scales), at(rowOfA), at(b.codes), at(b.scales), at(rowOfB)];
      wasm.byteDotProducts(...tables, dimension, at(out), from, to);
    },
  };
}
