// What is asked of the default score, as a table: a row for each goal, and which figures are recorded. checks.mjs reads
// both. A goal that is not reached is not loosened: it stays in sight, its figure is recorded and must not get worse.

export const ALL = 'all';
/** Of honest kinds: all but null, which stands for all honest events. */
export const SUBSETS = 'subsets';

/** Events that a comparison must have on either side to be judged: relays' `newfar` has 1,379. */
export const LEAST_EVENTS = 1000;

/**
 * Honest events that a rate is taken for at least where rates are compared: 3 against 60 of 59,000 is a matter of the seed
 * (in `providers` FPR at TPR .9 was .04 times that of the better part with one, 1.2 times with another).
 */
export const LEAST_FLAGGED = 100;

/**
 * What a figure may lose before it counts as worse: what other seeds of training moved it by (`train --seed 2` and `3`, the
 * same data and attacks), rounded up. Where both are given, the larger of relative and absolute.
 */
export const TOLERANCE = {
  /** .0004 at most in the tutorial and providers, .0019 in sparse */
  auc: { absolute: 0.002 },
  /** .0028 at most: fewer events */
  aucOfRelays: { absolute: 0.003 },
  /** .0069 at most; far addresses, where the parts know least, .0099 */
  aucOfSubset: { absolute: 0.008, byHonestKind: { new_far: 0.02 } },
  /** AUC of two detectors on the same events: .0017 at most on relays */
  law: { absolute: 0.002 },
  /** .0035 at most, far addresses in sparse .0168 */
  lawInSubset: { absolute: 0.005, byHonestKind: { new_far: 0.02 } },
  /** .05 of it on relays, .0018 in sparse, .0015 in providers */
  rate: { relative: 0.05, absolute: 0.002 },
  /** of 2,400 to 4,800 attacks, of which .1 % decide */
  rareRateOfRelays: { relative: 0.15 },
  /** to the oracle: .0042 at most */
  ratio: { relative: 0.01 },
  /** .18 at most */
  ratioToParts: { relative: 0.2 },
  /** 59 honest events decide at FPR .001: from 1.08 to 1.24 with one seed, to .75 with another */
  ratioOfCaught: { relative: 0.35 },
  /** of the actual rate's distance from the nominal one, as a share of that: .12 at most */
  calibration: { absolute: 0.15 },
};

const TUTORIAL = ['tutorial', 'tutorial-defaults'];
const OF_PROVIDERS = ['providers', 'providers-asn', 'providers-defaults'];
const SIMULATED = [...TUTORIAL, ...OF_PROVIDERS, 'sparse', 'sparse-defaults'];
const OF_RELAYS = ['tor-relays', 'tor-relays-asn', 'tor-relays-defaults'];

/** Where limits come from. */
const LIMIT = 'the oracle of the same run';
const RELAYS = 'the aim on real addresses';
const LAW = 'the better of its parts';
const PROVIDERS = 'the better of its parts, in the world for both';
const PROMISE = 'what a p-value promises';
const IN_PROVIDERS = { scenarios: OF_PROVIDERS, attackers: ALL, honestKinds: [null] };

/**
 * scenarios, attackers, honestKinds: lists, or ALL that metrics.json has with enough events. metric: `auc`, `fpr_at_tpr`,
 * `tpr_at_fpr` (at: which rates), of the mixture, by itself or against another detector: `difference` (mixture − other) or
 * `ratio` (mixture / other), where `parts` is the better one of history and neural; or `calibration`: how far the actual
 * rate is from the nominal one, as a share of it. aim: what is hoped for beyond the limit; it fails nothing.
 * doSeedsDecide: other seeds of training reach the limit or not, where the figure is near it, so that missing it by less
 * than the tolerance fails nothing.
 */
export const GOALS = [
  ...[
    { attackers: ['announced'], metric: 'fpr_at_tpr', at: [0.99], by: 'ratio', limit: 1.05 },
    { attackers: ['announced'], metric: 'fpr_at_tpr', at: [0.999], by: 'ratio', limit: 1.15 },
    { attackers: ['announced'], metric: 'auc', by: 'difference', limit: -0.004, aim: -0.001 },
    { attackers: ['swap'], metric: 'fpr_at_tpr', at: [0.99], by: 'ratio', limit: 1.3, aim: 1.1 },
    { attackers: ['swap'], metric: 'auc', by: 'difference', limit: -0.005, aim: -0.002 },
  ].map((goal) => ({
    ...goal,
    scenarios: TUTORIAL,
    honestKinds: [null],
    against: 'oracle',
    direction: goal.by === 'ratio' ? 'at most' : 'at least',
    tolerance: goal.by === 'ratio' ? TOLERANCE.ratio : TOLERANCE.auc,
    source: LIMIT,
  })),
  ...[
    ['tor-relays', null, 0.94],
    ['tor-relays', 'newfar', 0.78],
    ['tor-relays-defaults', null, 0.94],
    ['tor-relays-defaults', 'newfar', 0.78],
    ['tor-relays-asn', null, 0.96],
    ['tor-relays-asn', 'newfar', 0.86],
  ].map(([scenario, honestKind, limit]) => ({
    scenarios: [scenario],
    attackers: ['labelled:swap'],
    honestKinds: [honestKind],
    metric: 'auc',
    direction: 'at least',
    limit,
    tolerance: honestKind === null ? TOLERANCE.aucOfRelays : TOLERANCE.aucOfSubset,
    source: RELAYS,
  })),
  ...[
    { honestKinds: [null], tolerance: TOLERANCE.law },
    { honestKinds: SUBSETS, tolerance: TOLERANCE.lawInSubset, doSeedsDecide: true },
  ].map((goal) => ({
    ...goal,
    isLaw: true,
    scenarios: ALL,
    attackers: ALL,
    metric: 'auc',
    against: 'parts',
    by: 'difference',
    direction: 'at least',
    limit: -0.003,
    source: LAW,
  })),
  {
    ...IN_PROVIDERS,
    metric: 'auc',
    against: 'parts',
    by: 'difference',
    direction: 'above',
    limit: 0,
    tolerance: TOLERANCE.auc,
    source: PROVIDERS,
  },
  {
    ...IN_PROVIDERS,
    metric: 'fpr_at_tpr',
    at: ALL,
    against: 'parts',
    by: 'ratio',
    direction: 'at most',
    limit: 1.02,
    tolerance: TOLERANCE.ratioToParts,
    doSeedsDecide: true,
    source: PROVIDERS,
  },
  {
    ...IN_PROVIDERS,
    metric: 'tpr_at_fpr',
    at: ALL,
    against: 'parts',
    by: 'ratio',
    direction: 'at least',
    limit: 0.98,
    tolerance: TOLERANCE.ratioOfCaught,
    doSeedsDecide: true,
    source: PROVIDERS,
  },
  {
    scenarios: SIMULATED,
    metric: 'calibration',
    at: [0.01, 0.05],
    /** honest events of a row of the table, for a rate's standard error below 7 % of 1 % */
    leastEvents: 20_000,
    direction: 'at most',
    limit: 0.2,
    tolerance: TOLERANCE.calibration,
    doSeedsDecide: true,
    source: PROMISE,
  },
];

const ALL_DETECTORS = { detectors: ['mixture', 'history', 'neural'], ofSubsets: false, metric: 'auc' };
const RATES = { detectors: ['mixture'], ofSubsets: false, metric: 'fpr_at_tpr' };

/** Figures that must not get worse than recorded. */
export const FIGURES = [
  { ...ALL_DETECTORS, scenarios: SIMULATED, tolerance: TOLERANCE.auc },
  { ...ALL_DETECTORS, scenarios: OF_RELAYS, tolerance: TOLERANCE.aucOfRelays },
  {
    detectors: ['mixture'],
    ofSubsets: true,
    metric: 'auc',
    scenarios: ALL,
    tolerance: TOLERANCE.aucOfSubset,
  },
  { ...RATES, scenarios: ALL, at: [0.99], tolerance: TOLERANCE.rate },
  { ...RATES, scenarios: SIMULATED, at: [0.999], tolerance: TOLERANCE.rate },
  { ...RATES, scenarios: OF_RELAYS, at: [0.999], tolerance: TOLERANCE.rareRateOfRelays },
];
