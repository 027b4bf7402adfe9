import type { CheckpointFolder } from '../cli/checkpointFolder.ts';
import type { Events } from '../events/events.ts';
import { removeUnfinished, SIGNAL_EXIT_CODES, type Signal } from '../files/atomicFile.ts';
import { told } from '../history/rankColumns.ts';
import type { VectorTraining } from '../model/learner.ts';
import type { EpochRecord } from '../model/modelCard.ts';
import type { CheckpointKeeper, TrainingStage } from '../model/trainModel.ts';
import { alone, type Ranks } from '../mpi/ranks.ts';
import type { Place } from '../neural/runTraining.ts';
import type { MetricLines } from './metricLines.ts';
import { OPT_ML } from './optMl.ts';

/** What a job of several hosts is told to stop by, as mpirun hands on no SIGTERM: it ends its ranks then. */
export const STOP_RANKS: NodeJS.Signals = 'SIGUSR2';

/** Exit code of ranks that were ended in the middle of something, with a checkpoint of before. */
export const STOPPED_AND_KEPT = 75;

/** Thrown by `save`, on all ranks of a job that was told to stop; what there is to say is said. */
export class JobStopped extends Error {
  /** exit code of the process */
  readonly status: number;

  constructor(status: number) {
    super('the job was told to stop');
    this.status = status;
  }
}

/**
 * Keeps what a job has learned where it has a folder for that, and ends the job when it is told to stop: SageMaker sends
 * SIGTERM when somebody stops the job, its time is up or its spot instance goes away, and 120 s later SIGKILL.
 *
 * A job that is stopped writes no model: its learning rate would not have come down, and how far its vectors can be trusted
 * was measured on a whole training. The checkpoint has all that was learned.
 *
 * Over several hosts each rank has one, and the first of them decides.
 */
export class JobKeeper implements CheckpointKeeper {
  readonly #lines: MetricLines;
  readonly #ranks: Ranks;
  #folder: CheckpointFolder | undefined;
  #stage: TrainingStage = 'fit';
  #epochs = 0;
  #from: Place = { epoch: 0, batch: 0 };
  /** asks for `save` between two mini-batches; undefined while nothing trains */
  #pause: (() => void) | undefined;
  #stoppedBy: Signal | undefined;
  #done = false;

  constructor(lines: MetricLines, ranks = alone('localhost')) {
    this.#lines = lines;
    this.#ranks = ranks;
    if (ranks.size > 1) {
      process.on(STOP_RANKS, () => {
        if (ranks.rank === 0) this.#stopBy('SIGTERM');
      });
      return;
    }
    for (const signal of Object.keys(SIGNAL_EXIT_CODES) as Signal[])
      process.on(signal, () => this.#stopBy(signal));
  }

  /** From now on there is a folder for checkpoints. */
  keepIn(folder: CheckpointFolder): void {
    this.#folder = folder;
  }

  restore(
    stage: TrainingStage,
    training: VectorTraining,
    history: EpochRecord[],
    validation: Events | undefined,
    validationIndex?: Float64Array | undefined,
  ): Place | undefined {
    this.#stage = stage;
    this.#epochs = training.state.hyperparameters.epochs;
    const kept = this.#folder?.restore(stage, training, history, validation, validationIndex);
    this.#from = kept ?? { epoch: 0, batch: 0 };
    return kept;
  }

  start(pause: () => void): void {
    this.#folder?.start(pause);
    this.#pause = pause;
    if (this.#stage === 'final') this.#lines.run(this.#from);
  }

  save(place: Place, history: EpochRecord[]): void {
    const started = performance.now();
    this.#folder?.save(place, history);
    // A training that is over becomes a model within the 120 s; one that goes on ends here.
    const isOver = this.#stage === 'final' && place.epoch === this.#epochs;
    const [isStopped] = told(this.#ranks, Uint8Array, Uint8Array.of(this.#stoppedBy ? 1 : 0));
    if (isStopped === 1 && !isOver) this.#leave(this.#stoppedBy ?? 'SIGTERM', 'together');
    this.#lines.exclude(performance.now() - started);
  }

  stop(): void {
    this.#folder?.stop();
    this.#pause = undefined;
  }

  /** The model is written: whatever comes now comes too late. */
  finish(): void {
    this.#done = true;
  }

  #stopBy(signal: Signal): void {
    if (this.#done) return;
    const isFirst = this.#stoppedBy === undefined;
    this.#stoppedBy = signal;
    if (this.#folder && this.#pause && isFirst) {
      process.stderr.write(`${signal}: keeping what was learned, after the present mini-batch\n`);
      this.#pause();
    } else {
      this.#leave(signal, 'at once');
    }
  }

  /**
   * Ends the process, or that of every rank. The code is 0 where a checkpoint was kept: nothing failed, SageMaker marks a job that it stopped as
   * Stopped whatever the code, and AWS's own XGBoost container ends with 0 there too. Where nothing was kept it is that of a
   * process that the signal ended, so that nobody takes it for done.
   */
  #leave(signal: Signal, how: 'together' | 'at once'): void {
    removeUnfinished();
    const kept = this.#folder?.keptIn;
    const what = kept
      ? `what was learned is kept in ${kept}, and the same job with the same checkpoints goes on from there`
      : this.#folder
        ? 'before anything was learned that could be kept'
        : `nothing is kept, as there is no folder ${OPT_ML.checkpoints} (CheckpointConfig)`;
    const text = `stopped by ${signal}: ${what}; no model was written`;
    const status = kept ? 0 : SIGNAL_EXIT_CODES[signal];
    if (this.#ranks.size > 1 && how === 'at once') {
      // An abort with 0 would be none.
      void this.#ranks.abort(kept ? STOPPED_AND_KEPT : status, text);
      return;
    }
    if (this.#ranks.rank === 0) process.stderr.write(`${text}\n`);
    if (this.#ranks.size > 1) throw new JobStopped(status);
    process.exit(status);
  }
}
