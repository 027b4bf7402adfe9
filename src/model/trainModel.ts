import { availableParallelism } from 'node:os';
import { isIpv4 } from '../addresses/address.ts';
import type { GroupTable } from '../addresses/groupTable.ts';
import { InputError } from '../errors.ts';
import { distinctPairs } from '../events/distinctPairs.ts';
import { type Events, selectEvents } from '../events/events.ts';
import { SECONDS_PER_DAY } from '../events/time.ts';
import { AccountPlaces } from '../history/accountPlaces.ts';
import type { AccountShards } from '../history/accountShards.ts';
import type { Decay } from '../history/decay.ts';
import { History } from '../history/history.ts';
import { gathered } from '../history/rankColumns.ts';
import { IPV4_RUNGS, IPV6_RUNGS } from '../history/rungs.ts';
import { availableKernels } from '../kernels/available.ts';
import { totals } from '../mpi/ofAllRanks.ts';
import { alone, type Ranks } from '../mpi/ranks.ts';
import { completeHyperparameters, type Hyperparameters } from '../neural/hyperparameters.ts';
import { IPV4_PREFIX_LENGTHS, IPV6_PREFIX_LENGTHS } from '../neural/prefixLevels.ts';
import { type Place, runTraining } from '../neural/runTraining.ts';
import type { EpochProgress } from '../neural/train.ts';
import { version } from '../version.ts';
import { entityShards } from './entityShards.ts';
import { decayOf, type EarlyVectors, type FittedModel, fitModel } from './fitModel.ts';
import { gatherAccounts } from './gatherAccounts.ts';
import { holdOut } from './holdOut.ts';
import { type LearnedVectors, type Learner, learnAlone, type VectorTraining } from './learner.ts';
import { learnOverRanks } from './learnOverRanks.ts';
import { Model } from './model.ts';
import type { EpochRecord, ModelCard } from './modelCard.ts';
import { fileCard } from './modelFile.ts';
import { SeenEntities } from './seenEntities.ts';
import { figuresOfAll } from './shards/ownAccounts.ts';
import type { ShardedModel } from './shards/writeShards.ts';
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

/** Keeps what a training has learned, so that another one can go on from there. With several ranks each has one, called by all together. */
export interface CheckpointKeeper {
  /**
   * Puts what was kept into the training and the history.
   * @param validation      events of this rank
   * @param validationIndex number of each among those of all ranks; undefined: this process has them all
   * @returns from where to go on; undefined: nothing is kept
   */
  restore(
    stage: TrainingStage,
    training: VectorTraining,
    history: EpochRecord[],
    validation: Events | undefined,
    validationIndex?: Float64Array | undefined,
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
  /** all of them, and their entities */
  events: number;
  entities: number;
  /** distinct (entity, place) pairs: what an epoch goes over */
  pairs: number;
  hyperparameters: Hyperparameters;
  /** rows of the address table */
  prefixes: number;
  threads: number;
  /** why the plain kernels serve; empty where WebAssembly does */
  plainReason: string;
}

/** The events of one rank, and what ties them to those of the others. */
export interface RankShare {
  ranks: Ranks;
  /** number of each event in the whole input, ascending; undefined: this process has them all */
  index: Float64Array | undefined;
  /** the same of the validation events */
  validationIndex?: Float64Array | undefined;
}

/**
 * Trains a model. The same events, hyperparameters and seed give the same model, bit for bit, for any number of threads.
 * @throws UsageError where a hyperparameter is out of range; InputError where the loss is no longer a number, the tables
 * do not fit into memory, or a thread died
 */
export async function trainModel(events: Events, options: TrainOptions = {}): Promise<Model> {
  return (await trainOverRanks(events, { ranks: alone('localhost'), index: undefined }, options))!;
}

/**
 * The same on all ranks together, each with the events of its own entities; for any number of ranks, too.
 * @returns the model on the first rank, undefined on the others
 */
export async function trainOverRanks(
  events: Events,
  share: RankShare,
  options: TrainOptions,
): Promise<Model | undefined> {
  const { card, seen, places, decay, fitted, tables, learned } = await trainParts(events, share, options);
  const accounts = gatherAccounts(share.ranks, seen, places, fitted.weights.accounts);
  const tablesOfAll = learned.gather();
  if (!accounts || !tablesOfAll) return undefined;
  return new Model(
    {
      card,
      weights: tablesOfAll.weights,
      seen: accounts.seen,
      history: new History(accounts.places, tables, decay),
      mixture: { ...fitted.weights, accounts: accounts.weights },
      calibration: fitted.calibration,
    },
    tablesOfAll.kernelMemory,
  );
}

/** The same, but that accounts stay with their ranks: what is of a single one is never on another rank. */
export async function trainSharded(
  events: Events,
  share: RankShare,
  options: TrainOptions,
): Promise<ShardedModel> {
  const { ranks } = share;
  const { card, seen, places, decay, fitted, tables, learned, shards } = await trainParts(
    events,
    share,
    options,
  );
  const { calibration, weights } = fitted;
  const own = { ...learned.ownEntities(), seen, places, weights: weights.accounts };
  const { population, groups } = new History(places, tables, decay, undefined, shards);
  const networks = learned.gatherNetworks();
  return {
    card: fileCard(card, figuresOfAll(ranks, own), calibration, tables),
    own,
    base: networks && { networks, calibration, tables, population: population.parts, groupSums: groups },
  };
}

/** What one rank has of a trained model. */
interface TrainedParts {
  /** of all */
  card: ModelCard;
  seen: SeenEntities;
  places: AccountPlaces;
  decay: Decay;
  fitted: FittedModel;
  tables: GroupTable[];
  learned: LearnedVectors;
  shards: AccountShards;
}

async function trainParts(events: Events, share: RankShare, options: TrainOptions): Promise<TrainedParts> {
  const { ranks, index } = share;
  const { seed = 1, tables = [], halfLifeDays } = options;
  const described = describe(events, ranks);
  if (described.events === 0) throw new InputError('train: expected at least one event, got none.');
  const seen = SeenEntities.of(events);
  const [entities] = totals(ranks, seen.count);
  const h = completeHyperparameters(options.hyperparameters ?? {}, entities);
  const known = { h, events: described.events, entities };
  const historyOptions = { tables: tables.map(({ table }) => table), halfLifeDays };
  const parts = holdOut(events, seed, ranks, index);
  const eventsPerDay = parts.byTime ? eventsPerDayOf(describe(parts.later, ranks)) : null;
  // Without later events nothing is fitted, and what was believed before holds.
  const earlier =
    parts.counts.later > 0
      ? await learnVectors('fit', parts.early, { ...share, index: parts.numbers?.early }, known, options, [])
      : undefined;
  options.onFit?.('begins');
  const shards = entityShards(seen, h.numEntityVectors, ranks);
  const vectors: EarlyVectors = {
    dotProducts: (some) => earlier?.dotProducts(some) ?? new Float32Array(some.count),
    quantize: options.quantize ? () => earlier?.quantize() : undefined,
  };
  const fitted = fitModel(parts, seen, shards, seed, historyOptions, vectors);
  options.onFit?.(fitted);
  const threshold = chooseThreshold(fitted.calibration, options.threshold ?? {}, eventsPerDay);

  const records: EpochRecord[] = [];
  const learned = await learnVectors('final', events, share, known, options, records);
  if (options.quantize) learned.quantize();
  const numbers = seen.numbersOf(events.entities);
  const places = AccountPlaces.of(events, seen.count, new Uint32Array(numbers.buffer));
  const decay = decayOf(events, historyOptions, shards);
  const [ipv4Places, ipv6Places] = totals(ranks, places.ipv4.high.length, places.ipv6.high.length);
  const card: ModelCard = {
    trainedBy: version,
    hyperparameters: h,
    seed,
    data: {
      ...described,
      entities,
      pairs: learned.pairs,
      prefixes: learned.prefixes.rows.count,
      ipv4Places,
      ipv6Places,
      eventsAdded: 0,
    },
    prefixLengths: { ipv4: [...IPV4_PREFIX_LENGTHS], ipv6: [...IPV6_PREFIX_LENGTHS] },
    history: records,
    mixture: {
      rungs: { ipv4: [...IPV4_RUNGS], ipv6: [...IPV6_RUNGS] },
      tables: tables.map(({ table, name, sha256 }) => ({ kind: table.parts.kind, name, sha256 })),
      halfLifeDays: halfLifeDays ?? null,
      referenceDay: decay.referenceDay,
      background: [...fitted.weights.background],
      repeatShare: fitted.weights.repeatShare,
      buckets: fitted.weights.buckets.map((lambda) => [...lambda]),
      stacking: fitted.stacking,
      fittedOn: { byTime: parts.byTime, ...fitted.fittedOn, eventsPerDay },
    },
    quantization: fitted.quantization,
    threshold,
  };
  return { card, seen, places, decay, fitted, tables: historyOptions.tables, learned, shards };
}

/** Trains the vectors on the distinct pairs of the events. */
async function learnVectors(
  stage: TrainingStage,
  events: Events,
  share: RankShare,
  { h, ...counts }: { h: Hyperparameters; events: number; entities: number },
  options: TrainOptions,
  records: EpochRecord[],
): Promise<LearnedVectors> {
  const { checkpoint } = options;
  const threads = options.threads ?? availableParallelism();
  const kernels = availableKernels(options.kernels);
  const settings = { h, seed: options.seed ?? 1, kernels, threads };
  // Repeats would only teach how often somebody comes, which the history knows; see docs/decisions/0007.
  const learner: Learner =
    share.ranks.size === 1
      ? learnAlone(selectEvents(events, distinctPairs(events)), settings)
      : learnOverRanks(events, share, settings);
  options.onStart?.({
    stage,
    ...counts,
    pairs: learner.pairs,
    hyperparameters: h,
    prefixes: learner.prefixes.rows.count,
    threads,
    plainReason: learner.plainReason,
  });
  const validation = stage === 'final' ? options.validation : undefined;
  const areaUnderCurve = validation && learner.discriminate(validation);
  const { training } = learner;
  const kept = checkpoint?.restore(stage, training, records, validation, share.validationIndex);
  const from = kept ?? { epoch: 0, batch: 0 };
  await runTraining(training, from, {
    signal: options.signal,
    onProgress: options.onProgress,
    onRunning: (pause) => checkpoint?.start(pause),
    onPause: ({ epoch, batches }) => checkpoint?.save({ epoch, batch: batches }, records),
    onEpoch: ({ epoch, crossEntropyNats, accuracy }) => {
      const discriminatorAuc = areaUnderCurve?.() ?? null;
      const record: EpochRecord = { epoch: epoch + 1, crossEntropyNats, accuracy, discriminatorAuc };
      records.push(record);
      if (stage === 'final') options.onEpoch?.(record);
      else options.onFitEpoch?.(record);
      checkpoint?.save({ epoch: epoch + 1, batch: 0 }, records);
    },
  }).finally(() => checkpoint?.stop());
  return learner.finish();
}

/** Less says nothing about a day. */
const LEAST_SECONDS = 3600;

/** @returns null where the events span less than an hour */
function eventsPerDayOf({ events, firstTime, lastTime }: Described): number | null {
  if (firstTime === null || lastTime === null || lastTime - firstTime < LEAST_SECONDS) return null;
  return (events * SECONDS_PER_DAY) / (lastTime - firstTime);
}

type Described = Pick<ModelCard['data'], 'events' | 'ipv4Events' | 'ipv6Events' | 'firstTime' | 'lastTime'>;

/** Of the events of all ranks. */
function describe(events: Events, ranks: Ranks): Described {
  let ipv4 = 0;
  let firstTime = Number.POSITIVE_INFINITY;
  let lastTime = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < events.count; i++) {
    if (isIpv4(events.addresses, i)) ipv4++;
    // Comparisons with NaN, the missing time, are false.
    if (events.time[i] < firstTime) firstTime = events.time[i];
    if (events.time[i] > lastTime) lastTime = events.time[i];
  }
  const [count, ipv4Events] = totals(ranks, events.count, ipv4);
  const times = gathered(ranks, Float64Array, Float64Array.of(firstTime, -lastTime));
  for (let i = 0; i < times.length; i += 2) {
    firstTime = Math.min(firstTime, times[i]);
    lastTime = Math.max(lastTime, -times[i + 1]);
  }
  const timed = lastTime >= firstTime;
  return {
    events: count,
    ipv4Events,
    ipv6Events: count - ipv4Events,
    firstTime: timed ? firstTime : null,
    lastTime: timed ? lastTime : null,
  };
}
