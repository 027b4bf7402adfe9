import { type AddressWords, explainBadAddress, formatAddress, parseAddress } from '../addresses/address.ts';
import { InputError, quoted } from '../errors.ts';
import { hashEntity, hashModulo } from '../events/entityHash.ts';
import type { Events } from '../events/events.ts';
import type { KernelMemory } from '../kernels/webAssembly.ts';
import type { Hyperparameters } from '../neural/hyperparameters.ts';
import { Network, type Weights } from '../neural/network.ts';
import type { SeenEntities } from './seenEntities.ts';

/** What is known of one finished pass over the training data. */
export interface EpochRecord {
  epoch: number; // from 1
  /** mean over observed and drawn pairs */
  crossEntropyNats: number;
  accuracy: number;
  /** AUC of validation records against one random address each; null without validation data */
  discriminatorAuc: number | null;
}

/** What a model says about itself. Nothing in it depends on when or where it was trained. */
export interface ModelCard {
  /** version of the package that trained it */
  trainedBy: string;
  hyperparameters: Hyperparameters;
  seed: number;
  data: {
    events: number;
    entities: number;
    ipv4Events: number;
    ipv6Events: number;
    /** seconds since 1970 UTC; null where the events had no times */
    firstTime: number | null;
    lastTime: number | null;
    prefixes: number;
  };
  /** which prefixes of an address have vectors, if training saw them */
  prefixLengths: { ipv4: number[]; ipv6: number[] };
  history: EpochRecord[];
}

export type Verdict = 'ok' | 'suspicious' | 'unknown';

/** Why a score or verdict is what it is: a code for programs, a sentence for people. */
export interface Reason {
  code: 'entity_not_seen' | 'address_family_not_seen';
  sentence: string;
}

/** What a model thinks of one event. */
export interface Score {
  entity: string;
  /** in canonical form */
  address: string;
  /** inner product of the two vectors, a float32; high = expected */
  dotProduct: number;
  /** high = strange; −dotProduct in this version */
  anomaly: number;
  /** share of honest events at least this strange; null: this version does not estimate it */
  pValue: number | null;
  verdict: Verdict;
  reasons: Reason[];
}

export const REASONS: Record<Reason['code'], Reason> = {
  entity_not_seen: {
    code: 'entity_not_seen',
    sentence: 'This account was not in the training data, so its dot product means nothing.',
  },
  address_family_not_seen: {
    code: 'address_family_not_seen',
    sentence: 'The training data held no address of this family (IPv4 or IPv6), so the dot product is zero.',
  },
};

/** A trained IP Insights model. */
export class Model {
  readonly card: ModelCard;
  readonly weights: Weights;
  readonly seen: SeenEntities;
  readonly #network: Network;

  /** @param kernelMemory where the tables lie, for the WebAssembly kernels; without, the plain ones serve */
  constructor(card: ModelCard, weights: Weights, seen: SeenEntities, kernelMemory?: KernelMemory) {
    this.card = card;
    this.weights = weights;
    this.seen = seen;
    this.#network = new Network(weights, kernelMemory);
  }

  /**
   * Scores one event; teaches the model nothing. Works badly for entities that training did not see: their row
   * belongs to nobody or to a stranger, so the verdict is `unknown`.
   * @param threshold flag at this anomaly and above; without one there is no basis for a verdict
   * @throws InputError where the entity is empty or the address is none
   */
  score(entity: string, address: string, threshold?: number): Score {
    if (typeof entity !== 'string' || entity === '') {
      throw new InputError(`score: expected an entity, got ${quoted(String(entity))}.`);
    }
    const words = typeof address === 'string' ? parseAddress(address) : undefined;
    if (!words) {
      throw new InputError(
        `score: expected an IP address, got ${quoted(String(address))}: ${explainBadAddress(String(address))}.`,
      );
    }
    const [low, high] = hashEntity(entity);
    const dotProduct = this.dotProduct(low, high, words);
    const anomaly = 0 - dotProduct;
    const reasons = this.reasonsToDoubt(low, high, words);
    return {
      entity,
      address: formatAddress(words),
      dotProduct,
      anomaly,
      pValue: null,
      verdict: verdictOf(anomaly, threshold, reasons),
      reasons,
    };
  }

  /** Inner product for an entity given by its hash (low and high word). High = expected. */
  dotProduct(hashLow: number, hashHigh: number, words: AddressWords, index = 0): number {
    const row = hashModulo(hashLow, hashHigh, this.card.hyperparameters.numEntityVectors);
    return this.#network.dotProduct(row, words, index);
  }

  /**
   * Inner products of many events, several times faster for each than one at a time. High = expected; an entity that
   * training did not see has one that means nothing.
   * @returns f32[N]
   */
  dotProducts({ count, entities, entity, addresses }: Events): Float32Array {
    const { numEntityVectors } = this.card.hyperparameters;
    const rowOf = new Uint32Array(entities.count);
    for (let e = 0; e < entities.count; e++) {
      const [low, high] = entities.hashOf(e);
      rowOf[e] = hashModulo(low, high, numEntityVectors);
    }
    const out = new Float32Array(count);
    this.#network.dotProducts(count, (i) => rowOf[entity[i]], addresses, out);
    return out;
  }

  /** What takes the basis from an opinion on this event; empty for most. */
  reasonsToDoubt(hashLow: number, hashHigh: number, words: AddressWords, index = 0): Reason[] {
    const reasons: Reason[] = [];
    if (!this.seen.has(hashLow, hashHigh)) reasons.push(REASONS.entity_not_seen);
    if (this.#network.isUnknownFamily(words, index)) reasons.push(REASONS.address_family_not_seen);
    return reasons;
  }
}

/** `suspicious` from the threshold on; `unknown` without a threshold or with a reason to doubt. */
export function verdictOf(anomaly: number, threshold: number | undefined, reasons: Reason[]): Verdict {
  if (threshold === undefined || reasons.length > 0) return 'unknown';
  return anomaly >= threshold ? 'suspicious' : 'ok';
}
