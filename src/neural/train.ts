import { grouped, InputError } from '../errors.ts';
import type { Events } from '../events/events.ts';
import type { AvailableKernels } from '../kernels/available.ts';
import { CrewMember, createControl } from '../kernels/crew.ts';
import type { Floats, Kernels } from '../kernels/kernels.ts';
import { type Memory, separateBuffers, sizeBytesOf } from '../kernels/memory.ts';
import { plainKernels } from '../kernels/plain.ts';
import { createKernelMemory, type KernelMemory, webAssemblyKernels } from '../kernels/webAssembly.ts';
import { type Hyperparameters, optionName } from './hyperparameters.ts';
import { type BatchShape, pairsPerPositive } from './miniBatch.ts';
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
    const needs = new MemoryNeeds(h, shape, events.count, prefixRows, threads);
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

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(bytes < 2 ** 30 ? 2 : 1)} GiB`;

/** Elements of one typed array, at most (Node 20). */
const MAX_ELEMENTS = 2 ** 32;

/** What a thread takes beside its arrays: an engine of its own (measured with 256 threads: 12 MB each). */
const BYTES_OF_THREAD = 12e6;
/** A batch maker's lists: the sorted pairs, twice, and their rows. */
const BYTES_OF_DRAWN_PAIR = 12;
/** `TrainingPairs` */
const BYTES_OF_EVENT = 9;

/** A part of the memory that a training needs: how large, what for, and which options make it smaller. */
interface MemoryPart {
  bytes: number;
  purpose: string;
  options: (keyof Hyperparameters | 'threads')[];
}

/** Bytes that a training takes. @param events that it goes over */
export function memoryOfTraining(
  h: Hyperparameters,
  events: number,
  prefixRows: number,
  threads: number,
): number {
  return new MemoryNeeds(h, batchShape(h, events), events, prefixRows, threads).totalBytes;
}

/** What a training takes, before it takes it. */
class MemoryNeeds {
  readonly #h: Hyperparameters;
  readonly #threads: number;
  readonly #parts: MemoryPart[];

  constructor(h: Hyperparameters, shape: BatchShape, events: number, prefixRows: number, threads: number) {
    this.#h = h;
    this.#threads = threads;
    const rowBytes = (rows: number) => sizeBytesOf((memory) => allocateRows(rows, h.vectorDim, memory));
    const prefixBytes = rowBytes(prefixRows);
    const laidOutBytes = sizeBytesOf((memory) => layOutTraining(h, shape, prefixRows, threads, memory));
    const makerBytes = BYTES_OF_DRAWN_PAIR * shape.size * pairsPerPositive(shape);
    this.#parts = [
      {
        bytes: rowBytes(h.numEntityVectors),
        purpose: `${grouped(h.numEntityVectors)} entity rows of ${h.vectorDim} numbers`,
        options: ['numEntityVectors', 'vectorDim'],
      },
      { bytes: prefixBytes, purpose: `${grouped(prefixRows)} network rows`, options: ['vectorDim'] },
      {
        bytes: laidOutBytes - prefixBytes + events * BYTES_OF_EVENT,
        purpose: `events and mini-batches of ${grouped(h.miniBatchSize)}`,
        options: ['miniBatchSize', 'randomNegativeSamplingRate', 'shuffledNegativeSamplingRate', 'threads'],
      },
      {
        bytes: threads * (BYTES_OF_THREAD + makerBytes),
        purpose: threads === 1 ? '1 thread' : `${grouped(threads)} threads`,
        options: ['threads', 'miniBatchSize'],
      },
    ];
  }

  get totalBytes(): number {
    return this.#parts.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** An error with the sum in it. @param why the rest of its sentence */
  refusal(why: string): InputError {
    const parts = this.#parts.map(({ bytes, purpose }) => `${gibibytes(bytes)} for ${purpose}`);
    const largest = this.#parts.reduce((a, b) => (b.bytes > a.bytes ? b : a));
    const options = largest.options.map((option) => {
      if (option === 'threads') return `--threads (now ${this.#threads})`;
      return `${optionName(option)} (now ${this.#h[option]})`;
    });
    const last = options.pop();
    const advice = options.length === 0 ? last : `${options.join(', ')} or ${last}`;
    return new InputError(
      `training needs ${gibibytes(this.totalBytes)} of memory: ${parts.join(', ')}${why} Lower ${advice}.`,
    );
  }

  /** @throws InputError where it does not fit */
  require(freeBytes: number): void {
    if (this.totalBytes > freeBytes) throw this.refusal(`; ${gibibytes(freeBytes)} are free.`);
    if (this.#h.numEntityVectors * this.#h.vectorDim > MAX_ELEMENTS) {
      throw this.refusal(`; one table may have ${gibibytes(MAX_ELEMENTS * 4)}.`);
    }
  }
}
