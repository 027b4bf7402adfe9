import type { CheckpointFolder } from '../cli/checkpointFolder.ts';
import type { Events } from '../events/events.ts';
import { removeUnfinished, SIGNAL_EXIT_CODES, type Signal } from '../files/atomicFile.ts';
import type { VectorTraining } from '../model/learner.ts';
import type { EpochRecord } from '../model/modelCard.ts';
import type { CheckpointKeeper, TrainingStage } from '../model/trainModel.ts';
import type { Place } from '../neural/runTraining.ts';
import type { MetricLines } from './metricLines.ts';
import { OPT_ML } from './optMl.ts';

/**
 * Keeps what a job has learned where it has a folder for that, and ends the job when it is told to stop: SageMaker sends
 * SIGTERM when somebody stops the job, its time is up or its spot instance goes away, and 120 s later SIGKILL.
 *
 * A job that is stopped writes no model: its learning rate would not have come down, and how far its vectors can be trusted
 * was measured on a whole training. The checkpoint has all that was learned.
 */
export class JobKeeper implements CheckpointKeeper {
  readonly #lines: MetricLines;
  #folder: CheckpointFolder | undefined;
  #stage: TrainingStage = 'fit';
  #epochs = 0;
  #from: Place = { epoch: 0, batch: 0 };
  /** asks for `save` between two mini-batches; undefined while nothing trains */
  #pause: (() => void) | undefined;
  #stoppedBy: Signal | undefined;
  #done = false;

  constructor(lines: MetricLines) {
    this.#lines = lines;
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
  ): Place | undefined {
    this.#stage = stage;
    this.#epochs = training.state.hyperparameters.epochs;
    const kept = this.#folder?.restore(stage, training, history, validation);
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
    if (this.#stoppedBy && !isOver) this.#leave(this.#stoppedBy);
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
      this.#leave(signal);
    }
  }

  /**
   * Ends the process. The code is 0 where a checkpoint was kept: nothing failed, SageMaker marks a job that it stopped as
   * Stopped whatever the code, and AWS's own XGBoost container ends with 0 there too. Where nothing was kept it is that of a
   * process that the signal ended, so that nobody takes it for done.
   */
  #leave(signal: Signal): never {
    removeUnfinished();
    const kept = this.#folder?.keptIn;
    const what = kept
      ? `what was learned is kept in ${kept}, and the same job with the same checkpoints goes on from there`
      : this.#folder
        ? 'before anything was learned that could be kept'
        : `nothing is kept, as there is no folder ${OPT_ML.checkpoints} (CheckpointConfig)`;
    process.stderr.write(`stopped by ${signal}: ${what}; no model was written\n`);
    process.exit(kept ? 0 : SIGNAL_EXIT_CODES[signal]);
  }
}
