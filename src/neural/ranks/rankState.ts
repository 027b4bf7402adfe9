import type { Floats, Rows } from '../../kernels/kernels.ts';
import { MAX_CHAIN } from '../../kernels/kernels.ts';
import type { Memory } from '../../kernels/memory.ts';
import type { MpiHandle } from '../../mpi/mpiRanks.ts';
import type { Hyperparameters } from '../hyperparameters.ts';
import {
  type BatchShape,
  chunkCapacity,
  networkCapacity,
  pairCapacity,
  type TrainingPairs,
} from '../miniBatch.ts';
import type { PrefixParts } from '../prefixes.ts';
import type { ShardBorders } from '../shards.ts';
import { allocateLayerSums, allocateRows, type LayerSums, type Tables } from '../trainingState.ts';
import {
  allocateRankBatch,
  lossCapacity,
  noteWords,
  type RankBatch,
  recordWords,
  sentCapacity,
  toldCapacity,
} from './rankBatch.ts';
import type { RankPlan } from './rankPlan.ts';

/** Positives whose batches are made together, at least: so ranks tell each other of batches seldom. */
const GROUP_POSITIVES = 8192;

/**
 * How many batches are made together: the same on all ranks, as each tells the others of so many at once.
 * @param threads the most that a rank has, so that each of them finds one to make
 */
export const groupSize = ({ size }: BatchShape, threads: number): number =>
  Math.max(threads, Math.min(16, Math.ceil(GROUP_POSITIVES / size)));

/** Everything that the threads of one rank share; can be posted to a worker. */
export interface RankState {
  hyperparameters: Hyperparameters;
  seed: number;
  shape: BatchShape;
  /** own pairs; rows of the own part of the entity table */
  data: TrainingPairs;
  /** number of each own pair among those of all ranks */
  numbers: Uint32Array; // (own pairs)
  /** pairs of all ranks */
  pairs: number;
  /** the whole table's, without vectors */
  prefixParts: PrefixParts;
  borders: ShardBorders;
  plan: RankPlan;
  ranks: MpiHandle;
  /** own rows */
  ownPrefixParts: PrefixParts;
  tables: Tables;
  parents: Uint32Array;
  /** one group: those that are made together */
  batches: RankBatch[]; // (G)
  work: RankWork;
  entitiesInside: boolean;
  epoch: EpochArrays;
  totals: Float64Array;
}

/** Arrays that one batch after the other uses. */
export interface RankWork {
  /** own rows of the batch */
  entities: Rows; // (B)
  /** copies that go out; their state is not sent */
  sent: Rows;
  /** vectors that arrive */
  arrived: Floats; // (B, D)
  /** encoded networks, before the first layer and after each */
  activations: Floats[]; // L + 1 of (A, D)
  /** with layers: gradients of activations, of two neighbouring layers in turns */
  dActivations: Floats[]; // 2 of (A, D)
  /** with layers: gradients of one layer, of each shard, of each own subtree of shards, and of all subtrees */
  dLayer: Floats; // (V, D + 1, D)
  dOwnSubtrees: Floats;
  dSubtrees: Floats; // (M, D + 1, D)
  /** how shards make own subtrees, and subtrees the whole */
  subtreeSums: LayerSums[];
  layerSums: LayerSums;
  error: Floats; // (B, K)
  /** of each chunk, with layers of each network */
  lossNats: Float64Array;
  correct: Uint32Array;
  partials: Floats; // (C, 2, MAX_CHAIN, D)
  /** sums that go back, and that come back */
  returned: Floats; // (P, D)
  parts: Floats; // (P, D)
  /** units for all others, and from all */
  told: Floats;
  heard: Floats;
  /** 0, 1, 2, …; 1, 1, 1, … */
  identity: Uint32Array;
  ones: Floats;
}

/** What is known of an epoch: which own pair is at which place, and how many of each batch every rank has. */
export interface EpochArrays {
  /** own pairs in the order of their places */
  order: Uint32Array; // (own pairs)
  places: Uint32Array; // (own pairs)
  /** own pairs before each batch */
  starts: Uint32Array; // (batches + 1)
  /** of each rank in each batch */
  counts: Uint32Array; // (N, batches)
  /** records of a group of batches: own ones, and those of all */
  drawn: Uint32Array;
  records: Uint32Array;
  /** notes of a group: own ones, and those of all */
  noted: Uint32Array;
  notes: Uint32Array;
}

/** @param pairs own ones. @param batches of an epoch. @param group G */
export function allocateEpoch(
  shape: BatchShape,
  pairs: number,
  batches: number,
  plan: RankPlan,
  rank: number,
  group: number,
  memory: Memory,
): EpochArrays {
  const words = (length: number) => memory.words(length);
  return {
    order: words(pairs),
    places: words(pairs),
    starts: words(batches + 1),
    counts: words(plan.size * batches),
    drawn: words(Math.min(pairs, group * shape.size) * recordWords(shape)),
    records: words(group * shape.size * recordWords(shape)),
    noted: words(group * noteWords(plan, rank)),
    notes: words(group * plan.shares.reduce((sum, _, r) => sum + noteWords(plan, r), 0)),
  };
}

export interface RankArrays {
  prefixes: Rows;
  layers: Rows[];
  parents: Uint32Array;
  batches: RankBatch[];
  work: RankWork;
}

/** Asks the memory for all arrays of one rank that kernels work on. @param group G */
export function layOutRank(
  h: Hyperparameters,
  shape: BatchShape,
  rows: number,
  plan: Pick<RankPlan, 'size' | 'subtrees'>,
  rank: number,
  group: number,
  memory: Memory,
): RankArrays {
  const D = h.vectorDim;
  const L = h.numIpEncoderLayers;
  const A = networkCapacity(shape);
  const { size, subtrees } = plan;
  const M = subtrees.rank.length;
  const own = subtrees.of[rank].end - subtrees.of[rank].first;
  const layer = L > 0 ? (D + 1) * D : 0;
  const inner = L > 0 ? D : 0;
  const times = <T>(count: number, make: () => T) => Array.from({ length: count }, make);
  const B = shape.size;
  const P = pairCapacity(shape);
  const told = toldCapacity(shape, D, size);
  return {
    prefixes: allocateRows(rows, D, memory),
    layers: times(L, () => allocateRows(D + 1, D, memory)),
    parents: memory.words(rows),
    batches: times(group, () => allocateRankBatch(shape, size, M, memory)),
    work: {
      entities: allocateRows(B, D, memory),
      sent: allocateRows(sentCapacity(shape, size), D, memory),
      arrived: memory.floats(B * D),
      activations: times(L + 1, () => memory.floats(A * D)),
      dActivations: times(L > 0 ? 2 : 0, () => memory.floats(A * D)),
      dLayer: memory.floats(shape.shards * layer),
      dOwnSubtrees: memory.floats(own * layer),
      dSubtrees: memory.floats(M * layer),
      subtreeSums: times(L > 0 ? own : 0, () => allocateLayerSums(D, shape.shards, memory)),
      layerSums: allocateLayerSums(inner, M, memory),
      error: memory.floats(P),
      lossNats: memory.doubles(lossCapacity(shape)),
      correct: memory.words(lossCapacity(shape)),
      partials: memory.floats(chunkCapacity(shape) * 2 * MAX_CHAIN * D),
      returned: memory.floats(P * D),
      parts: memory.floats(P * D),
      told: memory.floats(told * D),
      heard: memory.floats(told * D),
      identity: memory.words(Math.max(P, ...(L > 0 ? [A, Math.max(M, shape.shards) * (D + 1)] : []))),
      ones: memory.floats(Math.max(P, ...(L > 0 ? [A, Math.max(M, shape.shards) * (D + 1)] : []))),
    },
  };
}
