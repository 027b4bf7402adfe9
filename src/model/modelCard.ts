import type { GroupKind } from '../addresses/groupTable.ts';
import type { Stacking } from '../history/stacking.ts';
import type { Hyperparameters } from '../neural/hyperparameters.ts';

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
    /** distinct (entity, place) pairs: what the vectors were trained on */
    pairs: number;
    prefixes: number;
    /** places of all accounts: addresses, and /64 */
    ipv4Places: number;
    ipv6Places: number;
    /** events that `update` added after the training: the vectors know nothing of them */
    eventsAdded: number;
  };
  /** which prefixes of an address have vectors, if training saw them */
  prefixLengths: { ipv4: number[]; ipv6: number[] };
  history: EpochRecord[];
  mixture: MixtureCard;
  /** null: the vectors are floats */
  quantization: Quantization | null;
  /** from where on an event is suspicious; null: later honest events were too few to say */
  threshold: ModelThreshold | null;
}

/** What vectors in 8 bits cost, on events that neither they nor the history had seen; null where there were none. */
export interface Quantization {
  bits: 8;
  /** of later events from new places against the attackers of the fit */
  auc: number | null;
  /** the same with vectors in floats */
  aucOfFloats: number | null;
  /** by how much an honest event's anomaly changes, in nats */
  meanDifference: number | null;
  largestDifference: number | null;
}

/** How history and vectors become an anomaly. X experts. */
export interface MixtureCard {
  /** prefix lengths, wide to narrow; the last is the place itself */
  rungs: { ipv4: number[]; ipv6: number[] };
  /** provider tables, a rung each */
  tables: TableCard[];
  halfLifeDays: number | null;
  /** the day that places fade up to, since 1970-01-01 UTC */
  referenceDay: number;
  /** how dense the others are: uniform, each rung but the place, tables; X − 1 */
  background: number[];
  repeatShare: number;
  /** weights of experts by the number of an account's places; 5 × X */
  buckets: number[][];
  stacking: Stacking;
  /** what was fitted on */
  fittedOn: {
    /** false: there were no times, and "later" events were drawn at random */
    byTime: boolean;
    events: number;
    newPlaces: number;
    /** all later honest events a day; null without times */
    eventsPerDay: number | null;
  };
}

export interface TableCard {
  kind: GroupKind;
  /** name of the file that it was read from */
  name: string;
  sha256: string;
}

/** A threshold that was set on honest events later than the training, or by hand. */
export interface ModelThreshold {
  /** suspicious at this anomaly and above */
  anomaly: number;
  rule: 'max_fpr' | 'max_alerts_per_day' | 'manual';
  /** what the rule was asked for; null: a person chose the anomaly itself */
  limit: number | null;
  /** the share of honest events that it flags, as far as the later events can tell; null where there were none */
  falsePositiveRate: number | null;
}
