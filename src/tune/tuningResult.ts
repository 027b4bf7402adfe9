import type { Dimension, SearchName, Setting } from './searchSpace.ts';

/** What a search looks for. */
export interface ObjectiveText {
  /** as it is asked for: `discriminator_auc`, `swap_fpr_at_tpr_.99` */
  name: string;
  direction: 'maximise' | 'minimise';
  /** a few words for axes and columns */
  title: string;
  /** one sentence */
  meaning: string;
}

export type TrialState = 'running' | 'completed' | 'stopped' | 'failed';

/** One training with a setting, as far as it went. */
export interface TrialResult {
  /** from 1, in the order of their begin */
  trial: number;
  setting: Setting;
  /** `stopped`: early, as others were better; `running`: the search ended first */
  state: TrialState;
  /** why it failed or was stopped; null for others */
  reason: string | null;
  /** epochs of its whole training */
  epochs: number;
  /** the objective on the validation events after each epoch that it was trained */
  values: number[];
  /** seconds of training and judging, up to each of them */
  seconds: number[];
  /** seconds after the begin of the search; null while it runs. Time between two runs of a search does not count */
  began: number;
  ended: number | null;
}

/** The objective and others for one model on one set of events. */
export interface JudgedRow {
  /** `the best`, `the defaults` */
  model: string;
  /** `dot_product`: the vectors, which the search has changed; `anomaly`: the default score, with history and mixture */
  detector: 'dot_product' | 'anomaly';
  /** `validation`: what the search has seen; `test`: what it has not */
  data: 'validation' | 'test';
  /** in the order of `JudgedTable.objectives`; null where it cannot be told */
  values: (number | null)[];
}

export interface JudgedTable {
  objectives: ObjectiveText[];
  rows: JudgedRow[];
}

/** How much of what trials differ in is due to a hyperparameter. */
export interface Importance {
  name: SearchName;
  /** share of the variance of the objective over the space, from 0 to 1; shares need not add up to 1: the rest are interactions */
  share: number;
}

/** All that a search has found out: what tuning.json and the page are made of. */
export interface TuningResult {
  objective: ObjectiveText;
  strategy: 'random' | 'tpe';
  earlyStopping: 'asha' | 'hyperband' | 'none';
  seed: number;
  /** trials at a time */
  workers: number;
  dimensions: readonly Dimension[];
  /** hyperparameters that were not searched, all of them */
  fixed: Setting;
  data: {
    train: { name: string; events: number };
    validation: { name: string; events: number };
    test: { name: string; events: number } | null;
  };
  /** what `train` would be told to make the same model, besides hyperparameters and seed */
  command: { events: string[]; model: string; options: string[] };
  trials: TrialResult[];
  /** number of the best completed trial; null where none was completed */
  best: number | null;
  /** number of the trial with the product's defaults (where they lie in the space) */
  defaults: number | null;
  /** largest first; empty where trials are too few to say */
  importance: Importance[];
  /** null where there was no test set or no best */
  judged: JudgedTable | null;
  /** what a reader must know: random octets are easy, times that overlap, … */
  notes: string[];
}
