import { type Progress, startProgress } from '../cli/progress.ts';
import { divergenceLines, epochText, fitLines, startLines } from '../cli/trainingText.ts';
import type { TrainingStage, TrainOptions } from '../model/trainModel.ts';
import type { MetricLines } from './metricLines.ts';

type Hooks = Required<Pick<TrainOptions, 'onStart' | 'onFit' | 'onFitEpoch' | 'onProgress' | 'onEpoch'>>;

/**
 * What a job says while it trains. Metric lines are of the training on all events alone: those of the one before, whose
 * epochs count from 0 too, would mix with them in the job's metrics.
 */
export class JobLog {
  readonly hooks: Hooks;
  #progress: Progress | undefined;
  #stage: TrainingStage = 'fit';
  #pairs = 0;
  #epochs = 1;
  #fitStarted = 0;

  /** @param tell writes a line for a person */
  constructor(lines: MetricLines, tell: (line: string) => void) {
    const tellAll = (some: string[]) => {
      for (const line of some) tell(line);
    };
    this.hooks = {
      onStart: (start) => {
        this.stop();
        this.#stage = start.stage;
        this.#pairs = start.pairs;
        this.#epochs = start.hyperparameters.epochs;
        tellAll(startLines(start));
        if (start.stage === 'final') lines.prepare(start);
        const label = start.stage === 'fit' ? 'fitting' : 'training';
        this.#progress = startProgress({ label, total: start.pairs * this.#epochs, unit: 'pairs' });
      },
      onFit: (fitted) => {
        this.stop();
        if (fitted === 'begins') this.#fitStarted = performance.now();
        else tellAll(fitLines(fitted, performance.now() - this.#fitStarted));
      },
      onFitEpoch: (record) => tell(`fitting: ${epochText(record, this.#epochs)}`),
      onProgress: (progress) => {
        const { epoch, positives, crossEntropyNats } = progress;
        const note = `epoch ${epoch + 1}: cross entropy ${crossEntropyNats.toFixed(4)}`;
        this.#progress?.update(epoch * this.#pairs + positives, note);
        if (this.#stage === 'final') lines.batch(progress);
      },
      onEpoch: (record) => {
        lines.epoch(record);
        tellAll(divergenceLines(record));
      },
    };
  }

  /** Ends what shows progress; may be called twice. */
  stop(): void {
    this.#progress?.stop();
    this.#progress = undefined;
  }
}
