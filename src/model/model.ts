import {
  type AddressWords,
  explainBadAddress,
  formatAddress,
  isIpv4,
  parseAddress,
} from '../addresses/address.ts';
import { InputError, quoted } from '../errors.ts';
import { hashEntity } from '../events/entityHash.ts';
import type { Events } from '../events/events.ts';
import { latestTime } from '../events/future.ts';
import type { HashedEvents } from '../events/hashedEvents.ts';
import type { History } from '../history/history.ts';
import type { MixtureWeights } from '../history/mixture.ts';
import type { KernelMemory } from '../kernels/webAssembly.ts';
import type { Weights } from '../neural/network.ts';
import type { Calibration } from './calibration.ts';
import { MixtureScorer } from './mixtureScorer.ts';
import type { ModelCard } from './modelCard.ts';
import { FEW, NeuralScorer } from './neuralScorer.ts';
import { hasNoBasis, type Reason, reasonsFor } from './reasons.ts';
import type { SeenEntities } from './seenEntities.ts';
import type { HeldRows } from './shards/heldRows.ts';
import { newcomerThreshold } from './threshold.ts';

export type Verdict = 'ok' | 'suspicious' | 'unknown';

/** What a model thinks of one event. */
export interface Score {
  entity: string;
  /** in canonical form */
  address: string;
  /** inner product of the two vectors, a float32; high = expected; means nothing for a never-seen entity */
  dotProduct: number;
  /** in nats; high = strange, 0 where an attacker is as likely */
  anomaly: number;
  /** share of honest events at least this strange, among accounts with as many events; null where too few are known */
  pValue: number | null;
  verdict: Verdict;
  reasons: Reason[];
}

/** What there is beside the vectors. */
export interface ModelParts {
  card: ModelCard;
  weights: Weights;
  seen: SeenEntities;
  history: History;
  mixture: MixtureWeights;
  calibration: Calibration;
  /** undefined: all accounts are here */
  held?: HeldRows | undefined;
}

/** The figures of one event. */
export interface Assessment {
  /** whether the entity was seen before */
  isKnown: boolean;
  dotProduct: number;
  anomaly: number;
  pValue: number | null;
  verdict: Verdict;
}

/** A trained model: vectors, history, and how they become a score. */
export class Model {
  readonly card: ModelCard;
  readonly weights: Weights;
  readonly seen: SeenEntities;
  readonly history: History;
  readonly mixture: MixtureWeights;
  readonly calibration: Calibration;
  /** of a model in shards, those that are here; undefined: all accounts are */
  readonly held: HeldRows | undefined;
  readonly neural: NeuralScorer;
  readonly scorer: MixtureScorer;
  /** the threshold for accounts without a history */
  readonly #newcomers: number;

  /**
   * @param kernelMemory where the tables lie, for the WebAssembly kernels; without, the plain ones serve
   * @param thread       which of those that share the memory this is
   */
  constructor(parts: ModelParts, kernelMemory?: KernelMemory, thread = 0) {
    this.card = parts.card;
    this.weights = parts.weights;
    this.seen = parts.seen;
    this.history = parts.history;
    this.mixture = parts.mixture;
    this.calibration = parts.calibration;
    this.held = parts.held;
    this.neural = new NeuralScorer(
      parts.weights,
      parts.card.hyperparameters.numEntityVectors,
      kernelMemory,
      thread,
      parts.held,
    );
    this.scorer = new MixtureScorer(parts.history, parts.mixture, parts.card.mixture.stacking);
    this.#newcomers = parts.card.threshold ? newcomerThreshold(parts.calibration, parts.card.threshold) : 0;
  }

  /**
   * Scores one event; teaches the model nothing. An entity that the model has not seen is judged by where everybody
   * signs in from, and its reasons say so.
   * @param threshold flag at this anomaly and above; default: the model's own
   * @throws InputError where the entity is empty or the address is none
   */
  score(entity: string, address: string, threshold?: number): Score {
    const words = checkedWords(entity, address);
    const hash = hashEntity(entity);
    const { dotProduct, anomaly, pValue, verdict } = this.assess(hash[0], hash[1], words, 0, threshold);
    const reasons = this.reasons();
    return { entity, address: formatAddress(words), dotProduct, anomaly, pValue, verdict, reasons };
  }

  /**
   * The figures of one event. `reasons` gives the reasons for them, until the next event is assessed.
   * @param hashLow, hashHigh of the entity
   */
  assess(
    hashLow: number,
    hashHigh: number,
    words: AddressWords,
    index = 0,
    givenThreshold?: number,
  ): Assessment {
    const dotProduct = this.neural.dotProduct(hashLow, hashHigh, words, index);
    return this.#judge(this.seen.find(hashLow, hashHigh), dotProduct, words, index, givenThreshold);
  }

  /**
   * The figures of many events, several times faster for each than one at a time.
   * @param take is given the number of an event, in no order, and its figures
   */
  assessAll(
    events: HashedEvents,
    threshold: number | undefined,
    take: (i: number, assessment: Assessment) => void,
  ): void {
    const { hashes, addresses } = events;
    if (events.count <= FEW) {
      for (let i = 0; i < events.count; i++) {
        take(i, this.assess(hashes[i * 2], hashes[i * 2 + 1], addresses, i, threshold));
      }
      return;
    }
    this.neural.eachBlock(events, (positions, dots) => {
      for (let j = 0; j < positions.length; j++) {
        const i = positions[j];
        const entity = this.seen.find(hashes[i * 2], hashes[i * 2 + 1]);
        take(i, this.#judge(entity, dots[j], addresses, i, threshold));
      }
    });
  }

  /** @param entity its number, −1 for a stranger */
  #judge(
    entity: number,
    dotProduct: number,
    words: AddressWords,
    index: number,
    givenThreshold: number | undefined,
  ): Assessment {
    const threshold = givenThreshold ?? this.thresholdFor(entity);
    const ownDotProduct = this.seen.hasVector(entity) ? dotProduct : 0;
    const anomaly = this.scorer.anomaly(entity, ownDotProduct, words, index);
    const last = this.#last;
    last.entity = entity;
    last.dotProduct = ownDotProduct;
    last.words = words;
    last.index = index;
    const pValue = this.calibration.pValue(anomaly, this.history.eventsOf(entity));
    const isUnknown = threshold === undefined || hasNoBasis(this, words, index);
    return {
      isKnown: entity >= 0,
      dotProduct,
      anomaly,
      pValue,
      verdict: isUnknown ? 'unknown' : anomaly >= threshold ? 'suspicious' : 'ok',
    };
  }

  /**
   * From which anomaly on an event is suspicious by the model's own rule; undefined: too few honest events were known.
   * What is usual for accounts with a history says nothing of those without: they go by later honest events of accounts that
   * were new, and where those were too few, by the anomaly at which an attacker is as likely, if that is higher.
   * @param entity its number, −1 for a stranger
   */
  thresholdFor(entity: number): number | undefined {
    const threshold = this.card.threshold?.anomaly;
    return threshold === undefined || this.history.eventsOf(entity) > 0 ? threshold : this.#newcomers;
  }

  #last = { entity: -1, dotProduct: 0, words: new Uint32Array(4) as AddressWords, index: 0 };

  /** Why the event that was assessed last has its score. */
  reasons(): Reason[] {
    const { entity, dotProduct, words, index } = this.#last;
    return reasonsFor(this, entity, dotProduct, words, index);
  }

  /**
   * Anomalies of many events, several times faster for each than one at a time.
   * @returns f64[N], high = strange
   */
  anomalies(events: Events | HashedEvents): Float64Array {
    const { count, addresses } = events;
    const numberOf = this.#numbersOf(events);
    const anomalies = new Float64Array(count);
    this.neural.eachBlock(events, (positions, dots) => {
      for (let j = 0; j < positions.length; j++) {
        const i = positions[j];
        const number = numberOf(i);
        const dotProduct = this.seen.hasVector(number) ? dots[j] : 0;
        anomalies[i] = this.scorer.anomaly(number, dotProduct, addresses, i);
      }
    });
    return anomalies;
  }

  /** ln of the likelihood ratios that the history alone gives. @returns f64[N], low = strange */
  logRatios(events: Events | HashedEvents): Float64Array {
    const numberOf = this.#numbersOf(events);
    return Float64Array.from({ length: events.count }, (_, i) =>
      this.scorer.logRatio(numberOf(i), events.addresses, i),
    );
  }

  /** @returns what gives the number of an event's entity, −1 for a stranger */
  #numbersOf(events: Events | HashedEvents): (i: number) => number {
    if ('hashes' in events) {
      const { hashes } = events;
      return (i) => this.seen.find(hashes[i * 2], hashes[i * 2 + 1]);
    }
    const numbers = this.seen.numbersOf(events.entities);
    const { entity } = events;
    return (i) => numbers[entity[i]];
  }

  /** Inner products of many events. @returns f32[N], high = expected */
  dotProducts(events: Events): Float32Array {
    return this.neural.dotProducts(events);
  }

  /**
   * Learns one event of an account at once: its history grows; the background that all accounts are compared with stays as
   * it is, so that no other account's score changes.
   * @param time seconds since 1970 UTC; undefined where unknown
   * @throws InputError where the entity is empty, the address is none, or the time is none or more than a day ahead
   */
  observe(entity: string, address: string, time?: number): void {
    const words = checkedWords(entity, address, 'observe');
    const isTime = typeof time === 'number' && time >= 0 && time <= latestTime(Date.now() / 1000);
    if (time !== undefined && !isTime) {
      throw new InputError(
        `observe: expected seconds since 1970, at most a day ahead of this machine's clock, got ${String(time)}.`,
      );
    }
    const hash = hashEntity(entity);
    this.add(hash[0], hash[1], words, 0, time ?? Number.NaN);
  }

  /** The same for an entity by its hash, with nothing checked. @param time NaN where unknown */
  add(hashLow: number, hashHigh: number, words: AddressWords, index: number, time: number): void {
    const before = this.seen.count;
    this.history.observe(this.seen.add(hashLow, hashHigh), words, index, time);
    const { data } = this.card;
    data.events++;
    data.eventsAdded++;
    if (isIpv4(words, index)) data.ipv4Events++;
    else data.ipv6Events++;
    data.entities += this.seen.count - before;
    if (!Number.isNaN(time)) data.lastTime = Math.max(data.lastTime ?? time, time);
  }
}

function checkedWords(entity: string, address: string, what = 'score'): AddressWords {
  if (typeof entity !== 'string' || entity === '') {
    throw new InputError(`${what}: expected an entity, got ${quoted(String(entity))}.`);
  }
  const words = typeof address === 'string' ? parseAddress(address) : undefined;
  if (words) return words;
  throw new InputError(
    `${what}: expected an IP address, got ${quoted(String(address))}: ${explainBadAddress(String(address))}.`,
  );
}
