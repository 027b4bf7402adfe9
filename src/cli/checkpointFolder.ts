import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { counted, InputError } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { AtomicFile, removeLeftParts, writeFailure } from '../files/atomicFile.ts';
import { OpenFile } from '../files/openFile.ts';
import { told } from '../history/rankColumns.ts';
import { type CheckpointPlace, Checkpoints } from '../model/checkpointFile.ts';
import type { VectorTraining } from '../model/learner.ts';
import type { EpochRecord } from '../model/modelCard.ts';
import type { CheckpointKeeper, TrainingStage } from '../model/trainModel.ts';
import { alone, type Ranks } from '../mpi/ranks.ts';
import type { Place } from '../neural/runTraining.ts';

/** The two trainings of a model have a file each. */
const FILE_NAMES: Record<TrainingStage, string> = { fit: 'fit.checkpoint', final: 'training.checkpoint' };

/** What a job that breaks off says to whoever keeps no checkpoints. */
export const NOTHING_KEPT = 'No checkpoint was kept; --checkpoint FOLDER keeps one after every epoch.';

/** How a job that broke off goes on. @param path the last checkpoint; undefined: there is none yet */
export const continuation = (path: string | undefined): string =>
  path === undefined
    ? 'No checkpoint was kept yet: run the same command again.'
    : `Continue from ${path}: run the same command again, with any number of ranks.`;

/** The last checkpoint in a folder: the training comes after the fit. */
export const latestCheckpoint = (folder: string): string | undefined =>
  [FILE_NAMES.final, FILE_NAMES.fit].map((name) => join(folder, name)).find((path) => existsSync(path));

/**
 * `--checkpoint`: the last checkpoint of a training as a file in a folder. With several ranks each has one of the same folder, and
 * all call its methods together; the first one writes and speaks.
 */
export class CheckpointFolder implements CheckpointKeeper {
  readonly #folder: string;
  #path: string;
  readonly #minutes: number | undefined;
  readonly #tell: (line: string) => void;
  readonly #ranks: Ranks;
  readonly #place: CheckpointPlace;
  /** where the training went on; undefined: it began at the beginning */
  resumedFrom: Place | undefined;
  /** the file that another run would go on from; undefined: there is none that is known to be good */
  keptIn: string | undefined;
  #checkpoints: Checkpoints | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param minutes between two checkpoints, besides those after each epoch
   * @param tell    writes a line for the person who waits
   * @param place   whether ranks share the folder, or each has another one, of which that of the first counts
   * @throws InputError where the folder cannot be made
   */
  constructor(
    folder: string,
    minutes: number | undefined,
    tell: (line: string) => void,
    ranks = alone('localhost'),
    place: CheckpointPlace = 'shared',
  ) {
    const isFirst = ranks.rank === 0;
    this.#folder = folder;
    this.#path = join(folder, FILE_NAMES.final);
    this.#minutes = isFirst ? minutes : undefined;
    this.#tell = isFirst ? tell : () => {};
    this.#ranks = ranks;
    this.#place = place;
    // Whoever has a folder of its own that does not count knows of none.
    ranks.advise(continuation(isFirst || place === 'shared' ? latestCheckpoint(folder) : undefined));
    if (!isFirst) return;
    try {
      mkdirSync(folder, { recursive: true });
      for (const name of Object.values(FILE_NAMES)) removeLeftParts(join(folder, name));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST' || code === 'ENOTDIR') {
        throw new InputError(
          `${folder}: expected a folder for checkpoints, found a file of that name or on the way to it. Name another one with --checkpoint.`,
        );
      }
      throw writeFailure(this.#path, error);
    }
  }

  restore(
    stage: TrainingStage,
    training: VectorTraining,
    history: EpochRecord[],
    validation: Events | undefined,
    validationIndex?: Float64Array | undefined,
  ): Place | undefined {
    this.#path = join(this.#folder, FILE_NAMES[stage]);
    this.#checkpoints = new Checkpoints(training, validation, validationIndex);
    const kept = this.#read(this.#checkpoints);
    if (!kept) return undefined;
    history.push(...kept.history);
    this.#isKept();
    const { epoch, batch } = kept.place;
    const done = [counted(epoch, 'epoch')];
    if (batch > 0) done.push(counted(batch, 'mini-batch', 'mini-batches'));
    this.#tell(`${this.#path}: going on after ${done.join(' and ')}`);
    if (stage === 'final') this.resumedFrom = kept.place;
    return kept.place;
  }

  #read(checkpoints: Checkpoints): ReturnType<Checkpoints['restore']> {
    const isThere = statSync(this.#path, { throwIfNoEntry: false }) !== undefined;
    const file = isThere ? new OpenFile(this.#path) : undefined;
    try {
      return checkpoints.restore(file, this.#path, this.#place);
    } finally {
      file?.close();
    }
  }

  /** The file is whole: a job that breaks off says so. */
  #isKept(): void {
    this.keptIn = this.#path;
    this.#ranks.advise(continuation(this.#path));
  }

  start(pause: () => void): void {
    if (this.#minutes === undefined) return;
    this.#timer = setInterval(pause, this.#minutes * 60_000);
  }

  /** A disk that is full does not end the training: what it has learned would be lost. */
  save(place: Place, history: EpochRecord[]): void {
    const started = performance.now();
    const file = new FileIfPossible(this.#path, this.#ranks.rank === 0);
    try {
      this.#checkpoints?.write(place, history, (bytes) => file.write(bytes));
      file.commit();
    } finally {
      file.abandon();
    }
    const [isKept] = told(this.#ranks, Uint8Array, Uint8Array.of(file.failure === undefined ? 1 : 0));
    if (isKept === 1) {
      this.#isKept();
      const seconds = (performance.now() - started) / 1000;
      this.#tell(`${this.#path}: ${(file.sizeBytes / 1e6).toFixed(1)} MB written in ${seconds.toFixed(1)} s`);
    } else {
      this.#tell(`warning: no checkpoint: ${file.failure?.message} The training goes on.`);
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/**
 * A file that takes all it is given, and writes until something fails: ranks that send what it is to hold must not stop half-way.
 */
class FileIfPossible {
  #file: AtomicFile | undefined;
  /** why there will be no file */
  failure: Error | undefined;

  /** @param isWanted whether there is to be one at all */
  constructor(path: string, isWanted: boolean) {
    if (isWanted) {
      this.#try(() => {
        this.#file = new AtomicFile(path);
      });
    }
  }

  get sizeBytes(): number {
    return this.#file?.sizeBytes ?? 0;
  }

  write(bytes: Uint8Array): void {
    this.#try(() => this.#file?.write(bytes));
  }

  commit(): void {
    this.#try(() => this.#file?.commit());
  }

  abandon(): void {
    this.#file?.abandon();
  }

  #try(action: () => void): void {
    if (this.failure) return;
    try {
      action();
    } catch (error) {
      this.failure = error as Error;
    }
  }
}
