import type { NetworkList } from '../addresses/networkList.ts';
import type { RangeTable } from '../addresses/ranges.ts';
import type { Events } from '../events/events.ts';
import type { RangesIdentity, Truth } from '../events/simulate/truth.ts';
import type { ModelCard } from '../model/modelCard.ts';
import type { OperatingPoint, RankedScores } from '../ranking/roc.ts';
import type { DetectorId } from './detectors.ts';
import type { GroupedRanges } from './groupedRanges.ts';

/** Events whose nature is known: a file of one's own. N events. */
export interface LabelledEvents {
  events: Events;
  /** 1 attack, 0 honest */
  labels: Uint8Array; // (N)
  /** '' where the file gives none */
  kinds: string[]; // N
}

/** A list of announced ranges and which list it is. */
export interface KnownRanges {
  ranges: RangeTable;
  identity: RangesIdentity;
}

/** What a model is judged on; all events number their entities by one dictionary. */
export interface EvaluationData {
  train: Events;
  /** later honest events */
  test?: Events | undefined;
  labelled?: LabelledEvents | undefined;
  /** announced IPv4 ranges: where the tutorial's attack comes from */
  ranges?: KnownRanges | undefined;
  /** ranges by country, for attackers from the victim's own; provider ranges are those of `ranges` */
  countries?: GroupedRanges | undefined;
  /** networks that attackers are known to use, one attacker for each list */
  lists?: { name: string; list: NetworkList }[] | undefined;
  /** what a simulated world knows, for the oracle */
  truth?: Truth | undefined;
}

/** How messages and reports call what was read; null where not given. */
export interface InputNames {
  model: string;
  train: string;
  test: string | null;
  labelled: string | null;
  ranges: string | null;
  truth: string | null;
  country: string | null;
  attack_lists: string | null;
}

/** Rates that are looked at, of honest events flagged and of attacks caught. */
export const FALSE_POSITIVE_RATES = [0.001, 0.01, 0.05] as const;
export const TRUE_POSITIVE_RATES = [0.9, 0.95, 0.99, 0.999] as const;

/** A rate that was asked for and the point that comes nearest without breaking it; nothing is interpolated. */
export interface LimitedPoint extends OperatingPoint {
  limit: number;
}

/** How well one detector tells one kind of attack from honest events. */
export interface DetectorQuality {
  detector: DetectorId;
  areaUnderCurve: number;
  /** most attacks caught with at most that share of honest events flagged */
  atFalsePositiveRate: LimitedPoint[];
  /** fewest honest events flagged with at least that share of attacks caught */
  atTruePositiveRate: LimitedPoint[];
  roc: OperatingPoint[];
}

/** One kind of attack against one kind of honest events. */
export interface Comparison {
  /** `octets`, `announced`, `swap`, `labelled` for all attacks of the labelled file, or `labelled:` and their kind */
  attacker: string;
  /** for headings */
  title: string;
  /** null for all honest events, or a kind of those in the labelled file, a subset of the test events (`contests.ts`), or `new_account` */
  honestKind: string | null;
  /** the same for headings */
  honestTitle: string | null;
  honestEvents: number;
  attackEvents: number;
  detectors: DetectorQuality[];
  /** anomalies of the model */
  model: RankedScores;
  /** ascending anomalies of honest events that took no part in setting thresholds */
  unusedHonest: Float64Array;
}

/** How often honest events pass a p-value, against how often they should: all accounts, or those with so many events. */
export interface CalibrationRow {
  /** of the account's training events: `1–3`; `all` for all accounts seen in training, `none` for new ones */
  title: string;
  honestEvents: number;
  /** share of them with a p-value of at most each of NOMINAL_RATES; null where the model gives none */
  actual: number[] | null;
}

/** The false-positive rates that p-values are checked at. */
export const NOMINAL_RATES = [0.001, 0.01, 0.05] as const;

/** How an account usually signs in, and how near an address comes to that. */
export interface Habit {
  /** the account's training events */
  trainingEvents: number;
  /** its most used /24 (IPv6: /48) */
  network: string;
  /** the share of its training events that come from there */
  networkShare: number;
  /** the address of its history that shares the longest prefix, null where it never used that family */
  nearest: string | null;
  /** length of that prefix in bits */
  sharedBits: number | null;
}

/** One of the strangest events, the strangest of its account. */
export interface StrangeEvent {
  entity: string;
  address: string;
  /** seconds since 1970-01-01 UTC, null where unknown */
  time: number | null;
  anomaly: number;
  habit: Habit;
}

/** Where every event of a set went. */
export interface EventCounts {
  events: number;
  /** of accounts that are in the training events and that the model knows */
  eventsOfKnownAccounts: number;
  /** left out: the account is not in the training events, or the model does not know it */
  eventsLeftOut: number;
}

/** All honest traffic of the test events, from which alerts a day are counted. */
export interface HonestTraffic {
  /** between the first and the last event */
  days: number;
  eventsPerDay: number;
}

/** The model's anomalies of honest events, ascending. */
export interface HonestScores {
  /** the sample that all rates are measured on */
  evaluation: Float64Array;
  /** a disjoint sample of the same size that thresholds by false-positive rate are set on */
  calibration: Float64Array;
  /** every honest event outside the evaluation sample: what thresholds by alerts a day are set on */
  outsideEvaluation: Float64Array;
}

/** What was measured. `thresholds` (decide/) turns it into decisions, `metrics` and `report` into files. */
export interface Evaluation {
  card: ModelCard;
  names: InputNames;
  seed: number;
  /** what was asked for */
  sampleSize: number;
  train: { events: number; accounts: number };
  test: EventCounts | null;
  labelled: (EventCounts & { honest: number; attacks: number }) | null;
  ranges: RangesIdentity | null;
  detectors: { id: DetectorId; title: string; meaning: string }[];
  /** the most telling attack first, all honest kinds together before each kind */
  comparisons: Comparison[];
  /** null without test events: only those hold all honest traffic */
  calibration: CalibrationRow[] | null;
  /** `discriminator_auc` as AWS defines it: the model against random octets */
  discriminatorAuc: number;
  honest: HonestScores;
  /** null where the events have no times to count days by; `notes` says why */
  traffic: HonestTraffic | null;
  strangestHonest: StrangeEvent[];
  /** of the first comparison */
  strangestAttacks: StrangeEvent[];
  /** what was left out and why, in sentences */
  notes: string[];
}

/** Why a threshold stands in the table. */
export type ThresholdRule =
  | { kind: 'false_positive_rate'; limit: number }
  | { kind: 'alerts_per_day'; limit: number };

/** What a threshold does to one kind of attack. */
export interface ThresholdEffect {
  attacker: string;
  /** recall: the share of attacks flagged */
  truePositiveRate: number;
  /** honest events flagged of those that this attack is compared with */
  falsePositiveRate: number;
  /** the share of alerts that are attacks, where attacks are as many as honest events; null where nothing is flagged */
  precisionAtEqualMix: number | null;
}

/** Flag every event with anomaly ≥ threshold. */
export interface Threshold {
  rule: ThresholdRule;
  /** NaN where no number flags that few */
  threshold: number;
  /** share of honest events flagged among those that the threshold was set on */
  nominalFalsePositiveRate: number;
  /** share of honest events flagged among those that took no part in setting it */
  actualFalsePositiveRate: number;
  /** honest events flagged a day over all honest test traffic; null without times */
  falseAlarmsPerDay: number | null;
  effects: ThresholdEffect[];
}

/** Thresholds to choose from, and the one that was chosen. */
export interface ThresholdTable {
  rows: Threshold[];
  chosen: Threshold;
}
