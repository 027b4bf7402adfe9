import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { counted, InputError } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { AtomicFile, removeLeftParts, writeFailure } from '../files/atomicFile.ts';
import { OpenFile } from '../files/openFile.ts';
import { Checkpoints } from '../model/checkpointFile.ts';
import type { EpochRecord } from '../model/modelCard.ts';
import type { CheckpointKeeper, TrainingStage } from '../model/trainModel.ts';
import type { Place } from '../neural/runTraining.ts';
import type { Training } from '../neural/train.ts';

/** The two trainings of a model have a file each. */
const FILE_NAMES: Record<TrainingStage, string> = { fit: 'fit.checkpoint', final: 'training.checkpoint' };

/** `--checkpoint`: the last checkpoint of a training as a file in a folder. */
export class CheckpointFolder implements CheckpointKeeper {
  readonly #folder: string;
  #path: string;
  readonly #minutes: number | undefined;
  readonly #tell: (line: string) => void;
  /** where the training went on; undefined: it began at the beginning */
  resumedFrom: Place | undefined;
  /** the file that another run would go on from; undefined: there is none that is known to be good */
  keptIn: string | undefined;
  #checkpoints: Checkpoints | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param minutes between two checkpoints, besides those after each epoch
   * @param tell    writes a line for the person who waits
   * @throws InputError where the folder cannot be made
   */
  constructor(folder: string, minutes: number | undefined, tell: (line: string) => void) {
    this.#folder = folder;
    this.#path = join(folder, FILE_NAMES.final);
    this.#minutes = minutes;
    this.#tell = tell;
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
    training: Training,
    history: EpochRecord[],
    validation: Events | undefined,
  ): Place | undefined {
    this.#path = join(this.#folder, FILE_NAMES[stage]);
    this.#checkpoints = new Checkpoints(training, validation);
    if (!statSync(this.#path, { throwIfNoEntry: false })) return undefined;
    const kept = this.#read(this.#checkpoints);
    history.push(...kept.history);
    this.keptIn = this.#path;
    const { epoch, batch } = kept.place;
    const done = [counted(epoch, 'epoch')];
    if (batch > 0) done.push(counted(batch, 'mini-batch', 'mini-batches'));
    this.#tell(`${this.#path}: going on after ${done.join(' and ')}`);
    if (stage === 'final') this.resumedFrom = kept.place;
    return kept.place;
  }

  #read(checkpoints: Checkpoints): ReturnType<Checkpoints['restore']> {
    const file = new OpenFile(this.#path);
    try {
      return checkpoints.restore(file, this.#path);
    } finally {
      file.close();
    }
  }

  start(pause: () => void): void {
    if (this.#minutes === undefined) return;
    this.#timer = setInterval(pause, this.#minutes * 60_000);
  }

  /** A disk that is full does not end the training: what it has learned would be lost. */
  save(place: Place, history: EpochRecord[]): void {
    const started = performance.now();
    let file: AtomicFile | undefined;
    try {
      file = new AtomicFile(this.#path);
      this.#checkpoints?.write(place, history, (bytes) => file?.write(bytes));
      file.commit();
      this.keptIn = this.#path;
      const seconds = (performance.now() - started) / 1000;
      this.#tell(`${this.#path}: ${(file.sizeBytes / 1e6).toFixed(1)} MB written in ${seconds.toFixed(1)} s`);
    } catch (error) {
      this.#tell(`warning: no checkpoint: ${(error as Error).message} The training goes on.`);
    } finally {
      file?.abandon();
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
