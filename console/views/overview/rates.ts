/** What a threshold does, by figures that were measured. Between two measured points the worse one counts; nothing is interpolated. */
import type {
  EvaluationAnswer,
  EvaluationAttacker,
  ModelAnswer,
} from '../../../src/serve/console/contract.ts';

/** Thresholds and what they flag: columns, by descending threshold. */
export interface Points {
  threshold: number[];
  fpr: number[];
  tpr: number[];
}

/** The first of descending thresholds that is at most the anomaly; their number: none. */
export function firstAtMost(threshold: number[], anomaly: number): number {
  let low = 0;
  let high = threshold.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (threshold[middle] <= anomaly) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Honest events flagged by a threshold: never fewer than there are. */
export function fprAt({ threshold, fpr }: Points, anomaly: number): number {
  const at = firstAtMost(threshold, anomaly);
  return at < threshold.length ? fpr[at] : 1;
}

/** Attacks caught by a threshold: never more than there are. */
export function tprAt({ threshold, tpr }: Points, anomaly: number): number {
  const at = firstAtMost(threshold, anomaly);
  if (at < threshold.length && threshold[at] === anomaly) return tpr[at];
  return at === 0 ? 0 : tpr[at - 1];
}

/** The lowest measured threshold that flags at most that share of honest events; undefined where each flags more. */
export function thresholdForFpr({ threshold, fpr }: Points, rate: number): number | undefined {
  let found: number | undefined;
  for (let i = 0; i < threshold.length && fpr[i] <= rate * (1 + 1e-12); i++) found = threshold[i];
  return found;
}

/** Of a detector's curve: the most attacks caught with at most that false-positive rate. */
export function tprAtFpr(roc: { fpr: number; tpr: number }[], rate: number): number {
  let best = 0;
  for (const { fpr, tpr } of roc) if (fpr <= rate && tpr > best) best = tpr;
  return best;
}

/** The model against one attacker. Files of earlier builds have the coarser curve only. */
export function pointsOf({ operating_points, detectors }: EvaluationAttacker): Points {
  if (operating_points) return operating_points;
  const roc = detectors.find(({ detector }) => detector === 'mixture')?.roc ?? [];
  const points = roc.filter((point): point is { threshold: number; fpr: number; tpr: number } =>
    Number.isFinite(point.threshold),
  );
  return {
    threshold: points.map(({ threshold }) => threshold),
    fpr: points.map(({ fpr }) => fpr),
    tpr: points.map(({ tpr }) => tpr),
  };
}

/** What tells which honest events a threshold flags. */
export interface HonestFigures {
  source: 'evaluation' | 'calibration';
  points: Points;
  /** that the rates were measured on */
  events: number;
  /** honest events a day; null where unknown */
  perDay: number | null;
}

/** The evaluation, where it is of this model; else the later events that the model was calibrated on; undefined: neither. */
export function honestFigures(
  model: ModelAnswer,
  evaluation: EvaluationAnswer | undefined,
): HonestFigures | undefined {
  if (evaluation?.matches) {
    const { attackers, counts } = evaluation.metrics;
    const largest = attackers.reduce((most, one) => (one.honest_events > most.honest_events ? one : most));
    return {
      source: 'evaluation',
      points: pointsOf(largest),
      events: largest.honest_events,
      perDay: counts.honest_events_per_day,
    };
  }
  const { events, points } = model.calibration;
  if (events === 0) return undefined;
  const known = new Map(points);
  const { threshold } = model;
  // Points are thinned out; the one that training chose is told exactly.
  if (threshold?.false_positive_rate) known.set(threshold.anomaly, threshold.false_positive_rate);
  const descending = [...known].sort(([a], [b]) => b - a);
  return {
    source: 'calibration',
    points: {
      // Beyond the strangest honest event nothing is flagged.
      threshold: [descending[0][0] + 1e-6, ...descending.map(([anomaly]) => anomaly)],
      fpr: [0, ...descending.map(([, share]) => share)],
      tpr: [],
    },
    events,
    perDay: model.honest_events_per_day,
  };
}

/** The ends of a slider over all thresholds that mean something, and its step. */
export function sliderSpan(
  { threshold }: Points,
  others: (number | null)[],
): { from: number; to: number; step: number } {
  const given = others.filter((value): value is number => value !== null && Number.isFinite(value));
  const ends = [threshold[0], threshold[threshold.length - 1], ...given].filter(Number.isFinite);
  const low = Math.min(...ends);
  const high = Math.max(...ends);
  const step = high - low > 200 ? 0.5 : high - low > 4 ? 0.02 : 0.005;
  // One step beyond the strangest flags nothing that was measured.
  return { from: Math.floor(low / step) * step, to: (Math.ceil(high / step) + 1) * step, step };
}
