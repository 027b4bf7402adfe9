import type { Events } from '../events/events.ts';
import type { AvailableKernels } from '../kernels/available.ts';
import { CrewMember, createControl } from '../kernels/crew.ts';
import type { Floats, Kernels } from '../kernels/kernels.ts';
import { type Memory, separateBuffers } from '../kernels/memory.ts';
import { plainKernels } from '../kernels/plain.ts';
import { createKernelMemory, type KernelMemory, webAssemblyKernels } from '../kernels/webAssembly.ts';
import type { Hyperparameters } from './hyperparameters.ts';
import { needsOfTraining } from './memoryNeeds.ts';
import { pairsPerPositive } from './miniBatch.ts';
import { addUpChains, type Weights } from './network.ts';
import { PrefixTable } from './prefixes.ts';
import { countTerms, shardBorders } from './shards.ts';
import {
  allocateRows,
  batchShape,
  fillStart,
  layOutTraining,
  TOTALS,
  type TrainingState,
  trainingPairs,
} from './trainingState.ts';
import { TrainingThread } from './trainingThread.ts';

/** Training metrics since the start of the epoch, over all expanded samples (observed and drawn pairs). */
export interface EpochProgress {
  epoch: number; // from 0
  batches: number;
  /** observed pairs so far in this epoch */
  positives: number;
  /** observed and drawn pairs so far */
  samples: number;
  crossEntropyNats: number;
  accuracy: number;
}

export const tooLargeReason = ({ vectorDim, miniBatchSize }: Hyperparameters): string =>
  `the plain kernels serve, many times slower, as network rows and mini-batches need more than the 4 GiB of WebAssembly. Lower --vector-dim (now ${vectorDim}) or --mini-batch-size (now ${miniBatchSize}).`;

/** A training between its mini-batches: what was learned so far, and all that threads need to go on. */
export class Training {
  readonly state: TrainingState;
  readonly prefixes: PrefixTable;
  readonly threads: number;
  /** undefined: the plain kernels serve */
  readonly kernelMemory: KernelMemory | undefined;
  /** why the plain kernels serve; empty where WebAssembly does */
  readonly plainReason: string;
  readonly control = createControl();

  /**
   * @param freeBytes memory that may be taken
   * @param prefixes  of the events, where another training of them has built it
   * @throws InputError where the tables do not fit
   */
  constructor(
    events: Events,
    h: Hyperparameters,
    seed: number,
    kernels: AvailableKernels,
    threads = 1,
    freeBytes = Number.POSITIVE_INFINITY,
    prefixes = PrefixTable.build(events.addresses),
  ) {
    this.threads = threads;
    this.prefixes = prefixes;
    const prefixRows = this.prefixes.rows.count;
    const shape = batchShape(h, events.count);
    const layout = (memory: Memory) => layOutTraining(h, shape, prefixRows, threads, memory);
    const needs = needsOfTraining(h, shape, events.count, prefixRows, threads);
    needs.require(freeBytes);
    const entities = (memory: Memory) => allocateRows(h.numEntityVectors, h.vectorDim, memory);
    const everything = (memory: Memory) => ({ ...layout(memory), entities: entities(memory) });
    try {
      // The entity table joins the others where there is room.
      const { module } = kernels;
      const whole = module && createKernelMemory(module, h.vectorDim, threads, everything);
      const made = whole ?? (module && createKernelMemory(module, h.vectorDim, threads, layout));
      this.kernelMemory = made?.kernelMemory;
      this.plainReason = kernels.module && !made ? tooLargeReason(h) : kernels.reason;
      const { prefixes, layers, parents, batches, work } = made ? made.arrays : layout(separateBuffers);
      parents.set(this.prefixes.parent);
      const data = trainingPairs(events, this.prefixes, h.numEntityVectors);
      this.state = {
        hyperparameters: h,
        seed,
        shape,
        data,
        prefixParts: this.prefixes.parts,
        borders: shardBorders(shape, this.prefixes, countTerms(data, this.prefixes)),
        tables: {
          entities: whole?.arrays.entities ?? entities(separateBuffers),
          prefixes,
          layers,
        },
        parents,
        batches,
        work,
        entitiesInside: whole !== undefined || made === undefined,
        totals: separateBuffers.doubles(Object.keys(TOTALS).length),
      };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw needs.refusal(', which this machine does not give.');
    }
    fillStart(this.state, h, seed, this.kernelsOf(0));
  }

  /** Mini-batches of an epoch. */
  get batchesPerEpoch(): number {
    return Math.ceil(this.state.data.count / this.state.hyperparameters.miniBatchSize);
  }

  /** The tables as scoring uses them. Training cannot go on after this. */
  finish(): Weights<Floats> {
    const { entities, prefixes, layers } = this.state.tables;
    addUpChains(prefixes.vectors, this.state.hyperparameters.vectorDim, this.prefixes.parent);
    return {
      dimension: this.state.hyperparameters.vectorDim,
      entityVectors: entities.vectors,
      prefixes: this.prefixes,
      networkVectors: prefixes.vectors,
      layers: layers.map(({ vectors }) => vectors),
    };
  }

  kernelsOf(thread: number): Kernels {
    return this.kernelMemory ? webAssemblyKernels(this.kernelMemory, thread) : plainKernels;
  }

  /** Trains on the calling thread; stops after every mini-batch. */
  *runEpoch(epoch: number, firstBatch = 0): Generator<EpochProgress> {
    const member = new CrewMember(this.control, 0, 1);
    const thread = new TrainingThread(this.state, this.kernelsOf(0), member);
    for (const _ of thread.runEpoch(epoch, firstBatch))
      yield progressOf(this.state, this.state.data.count, epoch);
    this.state.totals.fill(0);
  }
}

/** @param pairs that an epoch goes over */
export function progressOf(
  { totals, hyperparameters, shape }: Pick<TrainingState, 'totals' | 'hyperparameters' | 'shape'>,
  pairs: number,
  epoch: number,
): EpochProgress {
  const batches = totals[TOTALS.batches];
  const positives = Math.min(pairs, batches * hyperparameters.miniBatchSize);
  const samples = positives * pairsPerPositive(shape);
  return {
    epoch,
    batches,
    positives,
    samples,
    crossEntropyNats: totals[TOTALS.lossNats] / samples,
    accuracy: totals[TOTALS.correct] / samples,
  };
}
