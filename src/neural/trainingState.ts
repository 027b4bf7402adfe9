import { isIpv4 } from '../addresses/address.ts';
import { hashModulo } from '../events/entityHash.ts';
import type { Events } from '../events/events.ts';
import { type Floats, type Kernels, type Lists, MAX_CHAIN, type Rows } from '../kernels/kernels.ts';
import { type Memory, separateBuffers } from '../kernels/memory.ts';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import type { Hyperparameters } from './hyperparameters.ts';
import {
  allocateMiniBatch,
  type BatchShape,
  chunkCapacity,
  type MiniBatch,
  networkCapacity,
  pairsPerPositive,
  type TrainingPairs,
} from './miniBatch.ts';
import type { PrefixParts, PrefixTable } from './prefixes.ts';
import { type ShardBorders, shardCount } from './shards.ts';

/** Standard deviation of a starting entity vector's components (docs/decisions/0004 has what else was tried). */
const ENTITY_START_DEVIATION = 0.05;

/** What learns. */
export interface Tables {
  entities: Rows; // (E)
  prefixes: Rows; // (P)
  /** for each layer D rows of weights, one of biases */
  layers: Rows[]; // L × (D + 1)
}

/** Everything that the threads of a training share; can be posted to a worker. */
export interface TrainingState {
  hyperparameters: Hyperparameters;
  seed: number;
  shape: BatchShape;
  data: TrainingPairs;
  prefixParts: PrefixParts;
  borders: ShardBorders;
  tables: Tables;
  parents: Uint32Array; // (P)
  /** one for each thread, each made by one and used by all */
  batches: MiniBatch[];
  work: WorkArrays;
  /** whether the entity table lies in the kernels' memory; it may be larger than that */
  entitiesInside: boolean;
  /** totals of the epoch so far, by the names in TOTALS */
  totals: Float64Array;
}

/** Places in `TrainingState.totals`. */
export const TOTALS = { batches: 0, lossNats: 1, correct: 2 } as const;

/** Arrays that one mini-batch after the other uses. */
interface WorkArrays {
  /** the distinct entity rows of the batch */
  entities: Rows; // (B)
  /** encoded networks, before the first layer and after each */
  activations: Floats[]; // L + 1 of (A, D)
  /** with layers: gradients of activations, of two neighbouring layers in turns */
  dActivations: Floats[]; // 2 of (A, D)
  dLayer: Floats; // (D + 1, D)
  error: Floats; // (B, K)
  /** of each network with layers, of each chunk of terms without */
  lossNats: Float64Array; // (A or C)
  correct: Uint32Array; // (A or C)
  partials: Floats; // (C, 2, MAX_CHAIN, D)
  /** with layers: a 1 for each network, the coefficients of terms that are gradients themselves */
  ones: Floats; // (A)
  /** with layers: each row of a layer has one gradient */
  layerRows: Lists;
}

export function batchShape(h: Hyperparameters, events: number): BatchShape {
  const size = Math.min(h.miniBatchSize, events);
  const { randomNegativeSamplingRate: random, shuffledNegativeSamplingRate: shuffled } = h;
  const shards = shardCount(size * (1 + random + shuffled));
  return { size, random, shuffled, hasLayers: h.numIpEncoderLayers > 0, shards };
}

export function allocateRows(count: number, dimension: number, memory: Memory): Rows {
  return {
    vectors: memory.floats(count * dimension),
    moment: memory.floats(count),
    steps: memory.words(count),
  };
}

/** What must lie in the kernels' memory. */
export interface KernelArrays {
  prefixes: Rows;
  layers: Rows[];
  parents: Uint32Array;
  batches: MiniBatch[];
  work: WorkArrays;
}

/** Asks the memory for all arrays of a training that kernels work on. */
export function layOutTraining(
  h: Hyperparameters,
  shape: BatchShape,
  prefixRows: number,
  threads: number,
  memory: Memory,
): KernelArrays {
  const D = h.vectorDim;
  const L = h.numIpEncoderLayers;
  const A = networkCapacity(shape);
  const B = shape.size;
  const times = <T>(count: number, make: () => T) => Array.from({ length: count }, make);
  return {
    prefixes: allocateRows(prefixRows, D, memory),
    layers: times(L, () => allocateRows(D + 1, D, memory)),
    parents: memory.words(prefixRows),
    batches: times(threads, () => allocateMiniBatch(shape, memory)),
    work: {
      entities: allocateRows(B, D, memory),
      activations: times(L + 1, () => memory.floats(A * D)),
      dActivations: times(L > 0 ? 2 : 0, () => memory.floats(A * D)),
      dLayer: memory.floats(L > 0 ? (D + 1) * D : 0),
      error: memory.floats(B * pairsPerPositive(shape)),
      lossNats: memory.doubles(L > 0 ? A : chunkCapacity(shape)),
      correct: memory.words(L > 0 ? A : chunkCapacity(shape)),
      partials: memory.floats(chunkCapacity(shape) * 2 * MAX_CHAIN * D),
      ones: memory.floats(L > 0 ? A : 0),
      layerRows: {
        starts: memory.words(L > 0 ? D + 2 : 0),
        members: memory.words(L > 0 ? D + 1 : 0),
      },
    },
  };
}

/** The rows of the tables that each event trains. */
export function trainingPairs(
  events: Events,
  prefixes: PrefixTable,
  numEntityVectors: number,
): TrainingPairs {
  const { count, entities, entity, addresses } = events;
  const rowOf = new Uint32Array(entities.count);
  for (let e = 0; e < entities.count; e++) {
    const [low, high] = entities.hashOf(e);
    rowOf[e] = hashModulo(low, high, numEntityVectors);
  }
  const data: TrainingPairs = {
    count,
    entityRow: separateBuffers.words(count),
    deepest: separateBuffers.words(count),
    isIpv6: new Uint8Array(new SharedArrayBuffer(count)),
  };
  for (let i = 0; i < count; i++) {
    data.entityRow[i] = rowOf[entity[i]];
    data.deepest[i] = prefixes.find(addresses, i);
    data.isIpv6[i] = isIpv4(addresses, i) ? 0 : 1;
  }
  return data;
}

/**
 * Entity vectors start small and random, each from its own numbers, so that a row's start does not depend on how
 * many rows there are; address vectors at zero; layers with He's deviation over their number.
 */
export function fillStart(
  { tables, work, batches }: TrainingState,
  h: Hyperparameters,
  seed: number,
  kernels: Kernels,
): void {
  const D = h.vectorDim;
  const { vectors } = tables.entities;
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32)] as const;
  const width = (ENTITY_START_DEVIATION * Math.sqrt(12)) / 2 ** 32;
  const blocks = Math.ceil(D / 4);
  // Any words of the kernels' memory will do before the first mini-batch.
  const words = batches[0].words;
  const rowsAtOnce = Math.floor(words.length / (4 * blocks));
  for (let row = 0; row < h.numEntityVectors; row += rowsAtOnce) {
    const rows = Math.min(rowsAtOnce, h.numEntityVectors - row);
    kernels.randomWords(row, PURPOSE.initialWeights, 0, key, blocks, words, rows);
    for (let i = 0; i < rows; i++) {
      const at = (row + i) * D;
      for (let d = 0; d < D; d++) vectors[at + d] = width * (words[i * 4 * blocks + d] - 2 ** 31);
    }
  }
  for (const [l, layer] of tables.layers.entries()) {
    const random = new RandomStream(seed, PURPOSE.layerWeights, l);
    const deviation = Math.sqrt(2 / D) / h.numIpEncoderLayers;
    for (let i = 0; i < D * D; i++) layer.vectors[i] = deviation * random.normal();
  }
  work.ones.fill(1);
  for (let i = 0; i < work.layerRows.starts.length; i++) work.layerRows.starts[i] = i;
  for (let i = 0; i < work.layerRows.members.length; i++) work.layerRows.members[i] = i;
}
