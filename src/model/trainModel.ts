import { availableParallelism } from 'node:os';
import { isIpv4 } from '../addresses/address.ts';
import type { GroupTable } from '../addresses/groupTable.ts';
import { InputError } from '../errors.ts';
import { distinctPairs } from '../events/distinctPairs.ts';
import { type Events, selectEvents } from '../events/events.ts';
import { SECONDS_PER_DAY } from '../events/time.ts';
import { IPV4_RUNGS, IPV6_RUNGS } from '../history/rungs.ts';
import { availableKernels } from '../kernels/available.ts';
import type { Floats } from '../kernels/kernels.ts';
import { quantized } from '../neural/byteVectors.ts';
import { completeHyperparameters, type Hyperparameters } from '../neural/hyperparameters.ts';
import type { Weights } from '../neural/network.ts';
import { IPV4_PREFIX_LENGTHS, IPV6_PREFIX_LENGTHS } from '../neural/prefixes.ts';
import { type Place, runTraining } from '../neural/runTraining.ts';
import { type EpochProgress, Training } from '../neural/train.ts';
import { version } from '../version.ts';
import { Discriminator } from './discriminator.ts';
import { entityShards } from './entityShards.ts';
import { type EarlyVectors, type FittedModel, fitModel, historyOf } from './fitModel.ts';
import { holdOut } from './holdOut.ts';
import { Model } from './model.ts';
import type { EpochRecord, ModelCard } from './modelCard.ts';
import { NeuralScorer } from './neuralScorer.ts';
import { SeenEntities } from './seenEntities.ts';
import { chooseThreshold, type ThresholdRule } from './threshold.ts';

/**
 * A model is trained twice: `fit` on the earlier events, to see on the later ones how far history and vectors can be
 * trusted; then `final` on all.
 */
export type TrainingStage = 'fit' | 'final';

/** A provider table and where it came from. */
export interface ProviderTable {
  table: GroupTable;
  name: string;
  sha256: string;
}

/** Keeps what a training has learned, so that another one can go on from there. */
export interface CheckpointKeeper {
  /** Puts what was kept into the training and the history. @returns from where to go on; undefined: nothing is kept */
  restore(
    stage: TrainingStage,
    training: Training,
    history: EpochRecord[],
    validation: Events | undefined,
  ): Place | undefined;
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
  /** provider tables, which become rungs of the history */
  tables?: ProviderTable[];
  /** half of what a place counts fades in so many days without an event from there; default: nothing fades */
  halfLifeDays?: number;
  /** vectors in 8 bits instead of 32; what that costs is measured on the later events */
  quantize?: boolean;
  /** how the model's own threshold is chosen; default: at most 1 % of honest events */
  threshold?: ThresholdRule;
  /** called before each of the two trainings, once its rows are counted */
  onStart?: (start: TrainingStart) => void;
  /** called before and after the mixture is fitted */
  onFit?: (progress: 'begins' | FittedModel) => void;
  /** called about 20 times a second, and at every `batchMetricsPublishInterval` mini-batches */
  onProgress?: (progress: EpochProgress) => void;
  onEpoch?: (record: EpochRecord) => void;
  /** the same for the training on the earlier events */
  onFitEpoch?: (record: EpochRecord) => void;
  /** where to go on, and whom to tell what is needed for that */
  checkpoint?: CheckpointKeeper;
  /** stops the training soon, with its reason */
  signal?: AbortSignal;
}

/** What is known before the first mini-batch. */
export interface TrainingStart {
  stage: TrainingStage;
  /** distinct (entity, place) pairs: what an epoch goes over */
  pairs: number;
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
  const { seed = 1, tables = [], halfLifeDays } = options;
  if (events.count === 0) throw new InputError('train: expected at least one event, got none.');
  const seen = SeenEntities.of(events);
  const h = completeHyperparameters(options.hyperparameters ?? {}, seen.count);
  const historyOptions = { tables: tables.map(({ table }) => table), halfLifeDays };
  const parts = holdOut(events, seed);
  const eventsPerDay = parts.byTime ? eventsPerDayOf(parts.later) : null;
  // Without later events nothing is fitted, and what was believed before holds.
  const earlier = parts.later.count > 0 ? await learnVectors('fit', parts.early, h, options, []) : undefined;
  options.onFit?.('begins');
  const shards = entityShards(seen, h.numEntityVectors);
  const vectors = earlyVectors(earlier, h, options);
  const fitted = fitModel(parts, seen, shards, seed, historyOptions, vectors);
  options.onFit?.(fitted);
  const threshold = chooseThreshold(fitted.calibration, options.threshold ?? {}, eventsPerDay);

  const records: EpochRecord[] = [];
  const { training, weights: floats } = await learnVectors('final', events, h, options, records);
  const weights = options.quantize ? quantized(floats) : floats;
  const history = historyOf(events, seen, historyOptions);
  const card: ModelCard = {
    trainedBy: version,
    hyperparameters: h,
    seed,
    data: {
      ...describe(events),
      entities: seen.count,
      pairs: training.state.data.count,
      prefixes: weights.prefixes.rows.count,
      ipv4Places: history.places.ipv4.high.length,
      ipv6Places: history.places.ipv6.high.length,
      eventsAdded: 0,
    },
    prefixLengths: { ipv4: [...IPV4_PREFIX_LENGTHS], ipv6: [...IPV6_PREFIX_LENGTHS] },
    history: records,
    mixture: {
      rungs: { ipv4: [...IPV4_RUNGS], ipv6: [...IPV6_RUNGS] },
      tables: tables.map(({ table, name, sha256 }) => ({ kind: table.parts.kind, name, sha256 })),
      halfLifeDays: halfLifeDays ?? null,
      referenceDay: history.decay.referenceDay,
      background: [...fitted.weights.background],
      repeatShare: fitted.weights.repeatShare,
      buckets: fitted.weights.buckets.map((lambda) => [...lambda]),
      stacking: fitted.stacking,
      fittedOn: { byTime: parts.byTime, ...fitted.fittedOn, eventsPerDay },
    },
    quantization: fitted.quantization,
    threshold,
  };
  return new Model(
    { card, weights, seen, history, mixture: fitted.weights, calibration: fitted.calibration },
    training.kernelMemory,
  );
}

/** @param earlier undefined where there are no later events to score */
function earlyVectors(
  earlier: LearnedVectors | undefined,
  h: Hyperparameters,
  options: TrainOptions,
): EarlyVectors {
  const scorerOf = (weights: Weights) =>
    new NeuralScorer(weights, h.numEntityVectors, earlier?.training.kernelMemory);
  let scorer = earlier && scorerOf(earlier.weights);
  return {
    dotProducts: (events) => scorer?.dotProducts(events) ?? new Float32Array(events.count),
    quantize: options.quantize
      ? () => {
          scorer = earlier && scorerOf(quantized(earlier.weights));
        }
      : undefined,
  };
}

interface LearnedVectors {
  training: Training;
  weights: Weights<Floats>;
}

/** Trains the vectors on the distinct pairs of the events. */
async function learnVectors(
  stage: TrainingStage,
  events: Events,
  h: Hyperparameters,
  options: TrainOptions,
  records: EpochRecord[],
): Promise<LearnedVectors> {
  const { seed = 1, checkpoint } = options;
  // Repeats would only teach how often somebody comes, which the history knows; see docs/decisions/0007.
  const pairs = selectEvents(events, distinctPairs(events));
  const threads = options.threads ?? availableParallelism();
  const training = new Training(
    pairs,
    h,
    seed,
    availableKernels(options.kernels),
    threads,
    freeMemoryBytes(),
  );
  const { plainReason, prefixes } = training;
  const validation = stage === 'final' ? options.validation : undefined;
  options.onStart?.({
    stage,
    pairs: pairs.count,
    hyperparameters: h,
    prefixes: prefixes.rows.count,
    threads,
    plainReason,
  });
  const discriminator = validation && new Discriminator(training, validation);
  const from = checkpoint?.restore(stage, training, records, validation) ?? { epoch: 0, batch: 0 };
  await runTraining(training, from, {
    signal: options.signal,
    onProgress: options.onProgress,
    onRunning: (pause) => checkpoint?.start(pause),
    onPause: ({ epoch, batches }) => checkpoint?.save({ epoch, batch: batches }, records),
    onEpoch: ({ epoch, crossEntropyNats, accuracy }) => {
      const discriminatorAuc = discriminator?.areaUnderCurve() ?? null;
      const record: EpochRecord = { epoch: epoch + 1, crossEntropyNats, accuracy, discriminatorAuc };
      records.push(record);
      if (stage === 'final') options.onEpoch?.(record);
      else options.onFitEpoch?.(record);
      checkpoint?.save({ epoch: epoch + 1, batch: 0 }, records);
    },
  }).finally(() => checkpoint?.stop());
  return { training, weights: training.finish() };
}

/** Less says nothing about a day. */
const LEAST_SECONDS = 3600;

/** @returns null where the events span less than an hour */
function eventsPerDayOf({ count, time }: Events): number | null {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const t of time) {
    if (t < first) first = t;
    if (t > last) last = t;
  }
  return last - first < LEAST_SECONDS ? null : (count * SECONDS_PER_DAY) / (last - first);
}
/** What the operating system would give, or the container allows; Infinity where nobody says. */
export function freeMemoryBytes(): number {
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
