import { isIpv4 } from '../addresses/address.ts';
import { hashModulo } from '../events/entityHash.ts';
import type { Events } from '../events/events.ts';
import { type Floats, type Kernels, MAX_CHAIN, type Rows, type TreeSums } from '../kernels/kernels.ts';
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
import { levelWhereJoined } from './pairArranger.ts';
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

/** With layers: the gradient of each row of a layer is a sum over shards. */
export interface LayerSums extends TreeSums {
  /** 0, 1, 2, … */
  identity: Uint32Array;
}

/** @param parts shards, or subtrees of them */
export function allocateLayerSums(dimension: number, parts: number, memory: Memory): LayerSums {
  const rows = dimension + 1;
  return {
    starts: memory.words(rows + 1),
    members: memory.words(rows * parts),
    joins: memory.words(rows * parts),
    identity: memory.words(rows * parts),
  };
}

/**
 * Lists the gradients of each row of a layer.
 * @param parts  numbers of those that have any, ascending
 * @param shards a shard of each part
 */
export function listLayerSums(
  sums: LayerSums,
  dimension: number,
  parts: readonly number[],
  shards: ArrayLike<number>,
): void {
  const rows = dimension + 1;
  let m = 0;
  for (let row = 0; row < rows; row++) {
    sums.starts[row] = m;
    for (const [p, part] of parts.entries()) {
      sums.members[m] = part * rows + row;
      sums.joins[m++] = p + 1 < parts.length ? levelWhereJoined(shards[part], shards[parts[p + 1]]) : 0;
    }
  }
  sums.starts[rows] = m;
}

/** Arrays that one mini-batch after the other uses. */
interface WorkArrays {
  /** the distinct entity rows of the batch */
  entities: Rows; // (B)
  /** encoded networks, before the first layer and after each */
  activations: Floats[]; // L + 1 of (A, D)
  /** with layers: gradients of activations, of two neighbouring layers in turns */
  dActivations: Floats[]; // 2 of (A, D)
  /** of each shard */
  dLayer: Floats; // (V, D + 1, D)
  error: Floats; // (B, K)
  /** of each network with layers, of each chunk of terms without */
  lossNats: Float64Array; // (A or C)
  correct: Uint32Array; // (A or C)
  partials: Floats; // (C, 2, MAX_CHAIN, D)
  /** with layers: 1, 1, 1, …: the coefficients of terms that are gradients themselves */
  ones: Floats;
  layerSums: LayerSums;
}

export function batchShape(h: Hyperparameters, events: number): BatchShape {
  const size = Math.min(h.miniBatchSize, events);
  const { randomNegativeSamplingRate: random, shuffledNegativeSamplingRate: shuffled } = h;
  const hasLayers = h.numIpEncoderLayers > 0;
  const layerBytes = hasLayers ? (h.vectorDim + 1) * h.vectorDim * 4 : 0;
  return {
    size,
    random,
    shuffled,
    hasLayers,
    shards: shardCount(size * (1 + random + shuffled), layerBytes),
  };
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
      dLayer: memory.floats(L > 0 ? shape.shards * (D + 1) * D : 0),
      error: memory.floats(B * pairsPerPositive(shape)),
      lossNats: memory.doubles(L > 0 ? A : chunkCapacity(shape)),
      correct: memory.words(L > 0 ? A : chunkCapacity(shape)),
      partials: memory.floats(chunkCapacity(shape) * 2 * MAX_CHAIN * D),
      ones: memory.floats(L > 0 ? Math.max(A, shape.shards * (D + 1)) : 0),
      layerSums: allocateLayerSums(L > 0 ? D : 0, shape.shards, memory),
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
 * Entity vectors as they start.
 * @param vectors of the rows [first, end) of the whole table
 * @param words   for the kernels to draw into, overwritten
 */
export function fillEntities(
  vectors: Floats,
  dimension: number,
  { first, end }: { first: number; end: number },
  seed: number,
  kernels: Kernels,
  words: Uint32Array,
): void {
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32)] as const;
  const width = (ENTITY_START_DEVIATION * Math.sqrt(12)) / 2 ** 32;
  const blocks = Math.ceil(dimension / 4);
  const rowsAtOnce = Math.floor(words.length / (4 * blocks));
  for (let row = first; row < end; row += rowsAtOnce) {
    const rows = Math.min(rowsAtOnce, end - row);
    kernels.randomWords(row, PURPOSE.initialWeights, 0, key, blocks, words, rows);
    for (let i = 0; i < rows; i++) {
      const at = (row - first + i) * dimension;
      for (let d = 0; d < dimension; d++) vectors[at + d] = width * (words[i * 4 * blocks + d] - 2 ** 31);
    }
  }
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
  // Any words of the kernels' memory will do before the first mini-batch.
  const all = { first: 0, end: h.numEntityVectors };
  fillEntities(tables.entities.vectors, D, all, seed, kernels, batches[0].words);
  fillLayers(tables.layers, h, seed);
  work.ones.fill(1);
  const { identity } = work.layerSums;
  for (let i = 0; i < identity.length; i++) identity[i] = i;
}

/** Layers as they start. */
export function fillLayers(
  layers: Rows[],
  { vectorDim: D, numIpEncoderLayers }: Hyperparameters,
  seed: number,
): void {
  for (const [l, layer] of layers.entries()) {
    const random = new RandomStream(seed, PURPOSE.layerWeights, l);
    const deviation = Math.sqrt(2 / D) / numIpEncoderLayers;
    for (let i = 0; i < D * D; i++) layer.vectors[i] = deviation * random.normal();
  }
}
