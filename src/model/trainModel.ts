import { availableParallelism } from 'node:os';
import { isIpv4 } from '../addresses/address.ts';
import { InputError } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { availableKernels } from '../kernels/available.ts';
import { completeHyperparameters, type Hyperparameters } from '../neural/hyperparameters.ts';
import { IPV4_PREFIX_LENGTHS, IPV6_PREFIX_LENGTHS } from '../neural/prefixes.ts';
import { type Place, runTraining } from '../neural/runTraining.ts';
import { type EpochProgress, Training } from '../neural/train.ts';
import { version } from '../version.ts';
import { Discriminator } from './discriminator.ts';
import { type EpochRecord, Model, type ModelCard } from './model.ts';
import { SeenEntities } from './seenEntities.ts';

/** Keeps what a training has learned, so that another one can go on from there. */
export interface CheckpointKeeper {
  /** Puts what was kept into the training and the history. @returns from where to go on; undefined: nothing is kept */
  restore(training: Training, history: EpochRecord[], validation: Events | undefined): Place | undefined;
  /** The training runs; `pause` has `save` called between two mini-batches. */
  start(pause: () => void): void;
  save(place: Place, history: EpochRecord[]): void;
  stop(): void;
}

export interface TrainOptions {
  hyperparameters?: Partial<Hyperparameters>;
  /** integer from 0; fixes every drawn number. Default 1 */
  seed?: number;
  /** threads that train; the model is the same for any number. Default: one for each core */
  threads?: number;
  /** `plain` does without WebAssembly */
  kernels?: 'auto' | 'plain';
  /** later honest events: their `discriminator_auc` is computed after every epoch */
  validation?: Events;
  /** called once the rows are counted, before the first epoch */
  onStart?: (start: TrainingStart) => void;
  /** called about 20 times a second, and at every `batchMetricsPublishInterval` mini-batches */
  onProgress?: (progress: EpochProgress) => void;
  onEpoch?: (record: EpochRecord) => void;
  /** where to go on, and whom to tell what is needed for that */
  checkpoint?: CheckpointKeeper;
  /** stops the training soon, with its reason */
  signal?: AbortSignal;
}

/** What is known before the first mini-batch. */
export interface TrainingStart {
  hyperparameters: Hyperparameters;
  /** rows of the address table */
  prefixes: number;
  threads: number;
  /** why the plain kernels serve; empty where WebAssembly does */
  plainReason: string;
}

/**
 * Trains a model. The same events, hyperparameters and seed give the same model, bit for bit, for any number of threads.
 * @throws UsageError where a hyperparameter is out of range; InputError where the loss is no longer a number, the tables
 * do not fit into memory, or a thread died
 */
export async function trainModel(events: Events, options: TrainOptions = {}): Promise<Model> {
  const { seed = 1, validation, checkpoint } = options;
  if (events.count === 0) throw new InputError('train: expected at least one event, got none.');
  const seen = SeenEntities.of(events);
  const hyperparameters = completeHyperparameters(options.hyperparameters ?? {}, seen.count);
  const threads = options.threads ?? availableParallelism();
  const kernels = availableKernels(options.kernels);
  const training = new Training(events, hyperparameters, seed, kernels, threads, freeMemoryBytes());
  const { plainReason, prefixes } = training;
  options.onStart?.({ hyperparameters, prefixes: prefixes.rows.count, threads, plainReason });
  const history: EpochRecord[] = [];
  const discriminator = validation && new Discriminator(training, validation);
  const from = checkpoint?.restore(training, history, validation) ?? { epoch: 0, batch: 0 };
  await runTraining(training, from, {
    signal: options.signal,
    onProgress: options.onProgress,
    onRunning: (pause) => checkpoint?.start(pause),
    onPause: ({ epoch, batches }) => checkpoint?.save({ epoch, batch: batches }, history),
    onEpoch: ({ epoch, crossEntropyNats, accuracy }) => {
      const discriminatorAuc = discriminator?.areaUnderCurve() ?? null;
      const record: EpochRecord = { epoch: epoch + 1, crossEntropyNats, accuracy, discriminatorAuc };
      history.push(record);
      options.onEpoch?.(record);
      checkpoint?.save({ epoch: epoch + 1, batch: 0 }, history);
    },
  }).finally(() => checkpoint?.stop());
  const card: ModelCard = {
    trainedBy: version,
    hyperparameters,
    seed,
    data: { ...describe(events), entities: seen.count, prefixes: prefixes.rows.count },
    prefixLengths: { ipv4: [...IPV4_PREFIX_LENGTHS], ipv6: [...IPV6_PREFIX_LENGTHS] },
    history,
  };
  return new Model(card, training.finish(), seen, training.kernelMemory);
}

/** What the operating system would give, or the container allows; Infinity where nobody says. */
function freeMemoryBytes(): number {
  return process.availableMemory?.() ?? Number.POSITIVE_INFINITY;
}

function describe(
  events: Events,
): Pick<ModelCard['data'], 'events' | 'ipv4Events' | 'ipv6Events' | 'firstTime' | 'lastTime'> {
  let ipv4Events = 0;
  let firstTime = Number.POSITIVE_INFINITY;
  let lastTime = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < events.count; i++) {
    if (isIpv4(events.addresses, i)) ipv4Events++;
    // Comparisons with NaN, the missing time, are false.
    if (events.time[i] < firstTime) firstTime = events.time[i];
    if (events.time[i] > lastTime) lastTime = events.time[i];
  }
  const timed = lastTime >= firstTime;
  return {
    events: events.count,
    ipv4Events,
    ipv6Events: events.count - ipv4Events,
    firstTime: timed ? firstTime : null,
    lastTime: timed ? lastTime : null,
  };
}
