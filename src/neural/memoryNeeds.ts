import { grouped, InputError } from '../errors.ts';
import { sizeBytesOf } from '../kernels/memory.ts';
import { type Hyperparameters, optionName } from './hyperparameters.ts';
import { type BatchShape, pairsPerPositive } from './miniBatch.ts';
import { allocateRows, batchShape, layOutTraining } from './trainingState.ts';

export const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(bytes < 2 ** 30 ? 2 : 1)} GiB`;

/** Elements of one typed array, at most (Node 20). */
const MAX_ELEMENTS = 2 ** 32;

/** What a thread takes beside its arrays: an engine of its own (measured with 256 threads: 12 MB each). */
const BYTES_OF_THREAD = 12e6;
/** A batch maker's lists: the sorted pairs, twice, and their rows. */
const BYTES_OF_DRAWN_PAIR = 12;
/** `TrainingPairs` */
const BYTES_OF_EVENT = 9;

/** What decides how much memory a training takes. */
export interface TrainingSizes {
  h: Hyperparameters;
  threads: number;
  /** rows of its own, of the entity table and of the address table */
  entityRows: number;
  prefixRows: number;
  /** bytes of events, mini-batches and what else is made of them */
  batchBytes: number;
  /** bytes of each thread's lists */
  makerBytes: number;
}

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
  return needsOfTraining(h, batchShape(h, events), events, prefixRows, threads).totalBytes;
}

/** What a training of one process takes. */
export function needsOfTraining(
  h: Hyperparameters,
  shape: BatchShape,
  events: number,
  prefixRows: number,
  threads: number,
): MemoryNeeds {
  const laidOutBytes = sizeBytesOf((memory) => layOutTraining(h, shape, prefixRows, threads, memory));
  return new MemoryNeeds({
    ...{ h, threads, prefixRows },
    entityRows: h.numEntityVectors,
    batchBytes: laidOutBytes - rowBytes(prefixRows, h) + events * BYTES_OF_EVENT,
    makerBytes: BYTES_OF_DRAWN_PAIR * shape.size * pairsPerPositive(shape),
  });
}

export const rowBytes = (rows: number, { vectorDim }: Hyperparameters): number =>
  sizeBytesOf((memory) => allocateRows(rows, vectorDim, memory));

/** What a training takes, before it takes it. */
export class MemoryNeeds {
  readonly #sizes: TrainingSizes;
  readonly #parts: MemoryPart[];

  constructor(sizes: TrainingSizes) {
    const { h, threads, entityRows, prefixRows, batchBytes, makerBytes } = sizes;
    this.#sizes = sizes;
    this.#parts = [
      {
        bytes: rowBytes(entityRows, h),
        purpose: `${grouped(entityRows)} entity rows of ${h.vectorDim} numbers`,
        options: ['numEntityVectors', 'vectorDim'],
      },
      {
        bytes: rowBytes(prefixRows, h),
        purpose: `${grouped(prefixRows)} network rows`,
        options: ['vectorDim'],
      },
      {
        bytes: batchBytes,
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
    const { h, threads } = this.#sizes;
    const parts = this.#parts.map(({ bytes, purpose }) => `${gibibytes(bytes)} for ${purpose}`);
    const largest = this.#parts.reduce((a, b) => (b.bytes > a.bytes ? b : a));
    const options = largest.options.map((option) => {
      if (option === 'threads') return `--threads (now ${threads})`;
      return `${optionName(option)} (now ${h[option]})`;
    });
    const last = options.pop();
    const advice = options.length === 0 ? last : `${options.join(', ')} or ${last}`;
    return new InputError(
      `training needs ${gibibytes(this.totalBytes)} of memory: ${parts.join(', ')}${why} Lower ${advice}.`,
    );
  }

  /**
   * @param whose whom the free bytes are for, where that is not this process alone
   * @throws InputError where it does not fit
   */
  require(freeBytes: number, whose = ''): void {
    if (this.totalBytes > freeBytes) throw this.refusal(`; ${gibibytes(freeBytes)} are free${whose}.`);
    const { h, entityRows } = this.#sizes;
    if (entityRows * h.vectorDim > MAX_ELEMENTS) {
      throw this.refusal(`; one table may have ${gibibytes(MAX_ELEMENTS * 4)}.`);
    }
  }
}
