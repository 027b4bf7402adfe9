import { InputError } from '../errors.ts';
import type { Events } from '../events/events.ts';
import type { AvailableKernels } from '../kernels/available.ts';
import { CrewMember, createControl } from '../kernels/crew.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { type Memory, SizeCounter, separateBuffers } from '../kernels/memory.ts';
import { plainKernels } from '../kernels/plain.ts';
import { createKernelMemory, type KernelMemory, webAssemblyKernels } from '../kernels/webAssembly.ts';
import type { Hyperparameters } from './hyperparameters.ts';
import { pairsPerPositive } from './miniBatch.ts';
import { addUpChains, type Weights } from './network.ts';
import { PrefixTable } from './prefixes.ts';
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
   * @throws InputError where the tables do not fit
   */
  constructor(
    events: Events,
    h: Hyperparameters,
    seed: number,
    kernels: AvailableKernels,
    threads = 1,
    freeBytes = Number.POSITIVE_INFINITY,
  ) {
    this.threads = threads;
    this.prefixes = PrefixTable.build(events.addresses);
    const prefixRows = this.prefixes.rows.count;
    const shape = batchShape(h, events.count);
    const layout = (memory: Memory) => layOutTraining(h, shape, prefixRows, threads, memory);
    requireRoom(h, prefixRows, layout, freeBytes);
    const entities = (memory: Memory) => allocateRows(h.numEntityVectors, h.vectorDim, memory);
    const everything = (memory: Memory) => ({ ...layout(memory), entities: entities(memory) });
    try {
      // The entity table joins the others where there is room.
      const { module } = kernels;
      const whole = module && createKernelMemory(module, h.vectorDim, threads, everything);
      const made = whole ?? (module && createKernelMemory(module, h.vectorDim, threads, layout));
      this.kernelMemory = made?.kernelMemory;
      this.plainReason =
        kernels.module && !made
          ? `the plain kernels serve, many times slower, as network rows and mini-batches need more than the 4 GiB of WebAssembly. Lower --vector-dim (now ${h.vectorDim}) or --mini-batch-size (now ${h.miniBatchSize}).`
          : kernels.reason;
      const { prefixes, layers, parents, batches, work } = made ? made.arrays : layout(separateBuffers);
      parents.set(this.prefixes.parent);
      this.state = {
        hyperparameters: h,
        seed,
        shape,
        data: trainingPairs(events, this.prefixes, h.numEntityVectors),
        prefixParts: this.prefixes.parts,
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
      throw new InputError(`${needs(h, prefixRows, layout)}, which this machine does not give. ${advice(h)}`);
    }
    fillStart(this.state, h, seed, this.kernelsOf(0));
  }

  /** Mini-batches of an epoch. */
  get batchesPerEpoch(): number {
    return Math.ceil(this.state.data.count / this.state.hyperparameters.miniBatchSize);
  }

  /** The tables as scoring uses them. Training cannot go on after this. */
  finish(): Weights {
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
    for (const _ of thread.runEpoch(epoch, firstBatch)) yield progressOf(this.state, epoch);
    this.state.totals.fill(0);
  }
}

export function progressOf(
  { totals, hyperparameters, data, shape }: TrainingState,
  epoch: number,
): EpochProgress {
  const batches = totals[TOTALS.batches];
  const positives = Math.min(data.count, batches * hyperparameters.miniBatchSize);
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

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(bytes < 2 ** 30 ? 2 : 1)} GiB`;

/** Elements of one typed array, at most (Node 20). */
const MAX_ELEMENTS = 2 ** 32;

/** The memory of a training in parts, as a message says it. */
function sizes(h: Hyperparameters, prefixRows: number, layout: (memory: Memory) => unknown) {
  const counter = new SizeCounter();
  layout(counter);
  const entityBytes = h.numEntityVectors * (4 * h.vectorDim + 8);
  const prefixBytes = prefixRows * (4 * h.vectorDim + 8);
  return { entityBytes, prefixBytes, workBytes: counter.sizeBytes - prefixBytes };
}

function needs(h: Hyperparameters, prefixRows: number, layout: (memory: Memory) => unknown): string {
  const { entityBytes, prefixBytes, workBytes } = sizes(h, prefixRows, layout);
  const rows = (count: number) => count.toLocaleString('en-US');
  return `training needs ${gibibytes(entityBytes + prefixBytes + workBytes)} of memory: ${gibibytes(entityBytes)} for ${rows(h.numEntityVectors)} entity rows of ${h.vectorDim} numbers, ${gibibytes(prefixBytes)} for ${rows(prefixRows)} network rows, ${gibibytes(workBytes)} for mini-batches of ${rows(h.miniBatchSize)}`;
}

const advice = (h: Hyperparameters) =>
  `Lower --num-entity-vectors (now ${h.numEntityVectors}), --vector-dim (now ${h.vectorDim}) or --mini-batch-size (now ${h.miniBatchSize}).`;

function requireRoom(
  h: Hyperparameters,
  prefixRows: number,
  layout: (memory: Memory) => unknown,
  freeBytes: number,
): void {
  const { entityBytes, prefixBytes, workBytes } = sizes(h, prefixRows, layout);
  const total = entityBytes + prefixBytes + workBytes;
  if (total > freeBytes) {
    throw new InputError(`${needs(h, prefixRows, layout)}; ${gibibytes(freeBytes)} are free. ${advice(h)}`);
  }
  if (h.numEntityVectors * h.vectorDim > MAX_ELEMENTS) {
    throw new InputError(
      `${needs(h, prefixRows, layout)}; one table may have ${gibibytes(MAX_ELEMENTS * 4)}. ${advice(h)}`,
    );
  }
}
