import type { EpochRecord } from '../model/modelCard.ts';
import type { TrainingStart } from '../model/trainModel.ts';
import type { Place } from '../neural/runTraining.ts';
import type { EpochProgress } from '../neural/train.ts';

/**
 * The lines of AWS's own container, which metric definitions of existing jobs match, and tuning jobs read. Words, tabs and
 * numbers of digits are those of recorded logs. Epochs count from 0; a sample is an observed or a drawn pair.
 */
export class MetricLines {
  readonly #host: string;
  readonly #write: (line: string) => void;
  #epochs = 1;
  #interval = 1;
  #pairs = 0;
  #batchSize = 1;
  #samplesPerPair = 1;
  /** where the present epoch, or this run within it, began: `performance.now()`, and samples of the epoch before */
  #epochBegan = { milliseconds: 0, samples: 0 };
  /** the same for the stretch since the last batch line */
  #stretchBegan = { milliseconds: 0, samples: 0 };

  constructor(host: string, write: (line: string) => void) {
    this.#host = host;
    this.#write = write;
  }

  /** What the lines count in. */
  prepare({ pairs, hyperparameters: h }: TrainingStart): void {
    this.#epochs = h.epochs;
    this.#interval = h.batchMetricsPublishInterval;
    this.#pairs = pairs;
    this.#batchSize = h.miniBatchSize;
    this.#samplesPerPair = 1 + h.randomNegativeSamplingRate + h.shuffledNegativeSamplingRate;
  }

  /** The training begins, or goes on from a place; its time counts from here. */
  run(from: Place): void {
    const samples = Math.min(this.#pairs, from.batch * this.#batchSize) * this.#samplesPerPair;
    this.#epochBegan = { milliseconds: performance.now(), samples };
    this.#stretchBegan = this.#epochBegan;
  }

  /** Time that went into something else than training, since `run` or the last line. */
  exclude(milliseconds: number): void {
    for (const began of new Set([this.#epochBegan, this.#stretchBegan])) began.milliseconds += milliseconds;
  }

  /** To be told of every progress; it is a line's turn after each `batch_metrics_publish_interval` mini-batches. */
  batch({ epoch, batches, samples, accuracy, crossEntropyNats }: EpochProgress): void {
    if (batches % this.#interval !== 0) return;
    const speed = this.#perSecond(samples, this.#stretchBegan);
    this.#stretchBegan = { milliseconds: performance.now(), samples };
    const loss = crossEntropyNats.toFixed(6);
    this.#write(
      `Epoch[${epoch}] Batch [${batches}]\tSpeed: ${speed} samples/sec\tbinary_classification_accuracy=${accuracy.toFixed(6)}\tbinary_classification_cross_entropy=${loss}`,
    );
    const place = `epoch=${epoch}, batch=${batches} train`;
    this.#quality(`${place} binary_classification_accuracy <score>=${withPoint(accuracy)}`);
    this.#quality(`${place} binary_classification_cross_entropy <loss>=${loss}`);
  }

  /** To be told of every epoch, after its validation, whose time counts. */
  epoch({ epoch: done, accuracy, crossEntropyNats, discriminatorAuc }: EpochRecord): void {
    const epoch = `epoch=${done - 1},`;
    this.#quality(`${epoch} train binary_classification_accuracy <score>=${accuracy.toFixed(6)}`);
    this.#quality(`${epoch} train binary_classification_cross_entropy <loss>=${crossEntropyNats.toFixed(6)}`);
    if (discriminatorAuc !== null) {
      this.#quality(`${epoch} validation discriminator_auc <score>=${discriminatorAuc.toFixed(12)}`);
    }
    const percent = ((100 * done) / this.#epochs).toFixed(1);
    this.#write(`#progress_metric: host=${this.#host}, completed ${percent} % of epochs`);
    const throughput = this.#perSecond(this.#pairs * this.#samplesPerPair, this.#epochBegan);
    this.#write(`#throughput_metric: host=${this.#host}, train throughput=${throughput} records/second`);
    this.run({ epoch: done, batch: 0 });
  }

  #quality(what: string): void {
    this.#write(`#quality_metric: host=${this.#host}, ${what}`);
  }

  /** @param samples of the epoch so far */
  #perSecond(samples: number, began: { milliseconds: number; samples: number }): string {
    // A clock that has not moved on would make it infinite.
    const milliseconds = Math.max(0.001, performance.now() - began.milliseconds);
    return (((samples - began.samples) * 1000) / milliseconds).toFixed(2);
  }
}

/** All digits, as Python writes a float: 1 is `1.0`. */
const withPoint = (value: number) => (Number.isInteger(value) ? value.toFixed(1) : String(value));
