import { counted } from '../errors.ts';
import type { Events } from '../events/events.ts';
import type { Model } from '../model/model.ts';
import type { ShardedModel } from '../model/shards/writeShards.ts';
import {
  type RankShare,
  type TrainOptions,
  trainModel,
  trainOverRanks,
  trainSharded,
} from '../model/trainModel.ts';
import { startProgress } from './progress.ts';
import { divergenceLines, epochText, fitLines, startLines } from './trainingText.ts';

/** A training whose progress is on stderr: a bar on a terminal, lines elsewhere. */
export class ShownTraining {
  #progress: ReturnType<typeof startProgress> | undefined;

  /** Writes a line, above the bar where there is one. */
  tell(line: string): void {
    if (this.#progress) this.#progress.line(line);
    else process.stderr.write(`${line}\n`);
  }

  /** `trainModel`, shown. */
  async train(events: Events, options: TrainOptions): Promise<Model> {
    return this.#shown(options, (shown) => trainModel(events, shown));
  }

  /** `trainOverRanks`: all ranks see what the first one shows. */
  async trainOverRanks(events: Events, share: RankShare, options: TrainOptions): Promise<Model | undefined> {
    return this.#shownByFirst(share, options, (given) => trainOverRanks(events, share, given));
  }

  /** The same with `trainSharded`. */
  async trainSharded(events: Events, share: RankShare, options: TrainOptions): Promise<ShardedModel> {
    return this.#shownByFirst(share, options, (given) => trainSharded(events, share, given));
  }

  async #shownByFirst<T>(
    share: RankShare,
    options: TrainOptions,
    train: (shown: TrainOptions) => Promise<T>,
  ): Promise<T> {
    return share.ranks.rank === 0 ? this.#shown(options, train) : train(options);
  }

  async #shown<T>(options: TrainOptions, train: (shown: TrainOptions) => Promise<T>): Promise<T> {
    let pairs = 0;
    let epochs = 1;
    let interval = 1;
    let fitStarted = 0;
    /** the first report of the present epoch */
    let first = { epoch: -1, samples: 0, time: 0 };
    try {
      return await train({
        ...options,
        onStart: (start) => {
          const { stage, pairs: count, hyperparameters: h } = start;
          pairs = count;
          epochs = h.epochs;
          interval = h.batchMetricsPublishInterval;
          first = { epoch: -1, samples: 0, time: 0 };
          this.#progress?.stop();
          for (const line of startLines(start)) process.stderr.write(`${line}\n`);
          const label = stage === 'fit' ? 'fitting' : 'training';
          this.#progress = startProgress({ label, total: count * h.epochs, unit: 'pairs' });
        },
        onFit: (fitted) => {
          if (fitted === 'begins') {
            this.#progress?.stop();
            fitStarted = performance.now();
            return;
          }
          const lines = fitLines(fitted, performance.now() - fitStarted);
          for (const line of lines) process.stderr.write(`${line}\n`);
        },
        onProgress: ({ epoch, batches, positives, samples, crossEntropyNats, accuracy }) => {
          const metrics = `cross entropy ${crossEntropyNats.toFixed(4)}, accuracy ${accuracy.toFixed(4)}`;
          this.#progress?.update(epoch * pairs + positives, `epoch ${epoch + 1}: ${metrics}`);
          if (epoch !== first.epoch) first = { epoch, samples, time: performance.now() };
          else if (batches % interval === 0) {
            const rate = Math.round(((samples - first.samples) * 1000) / (performance.now() - first.time));
            this.tell(`epoch ${epoch + 1}, batch ${batches}: ${metrics}, ${counted(rate, 'sample')}/s`);
          }
        },
        onFitEpoch: (record) => this.tell(`fitting: ${epochText(record, epochs)}`),
        onEpoch: (record) => {
          const { discriminatorAuc } = record;
          const auc =
            discriminatorAuc === null ? '' : `, validation discriminator_auc ${discriminatorAuc.toFixed(6)}`;
          this.tell(`${epochText(record, epochs)}${auc}`);
          for (const line of divergenceLines(record)) this.tell(line);
        },
      });
    } finally {
      this.#progress?.stop();
      this.#progress = undefined;
    }
  }
}
