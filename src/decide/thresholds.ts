import { grouped, InputError } from '../errors.ts';
import {
  type Evaluation,
  FALSE_POSITIVE_RATES,
  type Threshold,
  type ThresholdEffect,
  type ThresholdRule,
  type ThresholdTable,
} from '../evaluate/evaluation.ts';
import { countAtLeast, thresholdForFalsePositiveRate } from '../ranking/roc.ts';

/** How the threshold is chosen: by one of the two. */
export interface ThresholdChoice {
  /** flag at most this share of honest events; default 0.01 */
  maxFalsePositiveRate?: number | undefined;
  /** flag at most this many honest events a day */
  maxAlertsPerDay?: number | undefined;
}

/** Alerts that a person, a team and a machine can follow up in a day. */
const ALERTS_PER_DAY = [10, 100, 1000];

/**
 * The thresholds to choose from, and what each would do. Thresholds by false-positive rate are set on the calibration
 * sample, those by alerts a day on all honest events outside the evaluation sample; what they do is measured on the
 * evaluation sample, which neither has seen.
 * @throws InputError where alerts a day are asked for and the events have no times
 */
export function thresholdTable(evaluation: Evaluation, choice: ThresholdChoice = {}): ThresholdTable {
  const { honest, traffic } = evaluation;
  const { maxAlertsPerDay, maxFalsePositiveRate = 0.01 } = choice;
  if (maxAlertsPerDay !== undefined && !traffic) {
    const reason = evaluation.notes.find((note) => note.startsWith('No thresholds by alerts a day'));
    throw new InputError(`--max-alerts-per-day: ${reason} Use --max-fpr instead.`);
  }
  const byRate = (limit: number) =>
    row(
      evaluation,
      { kind: 'false_positive_rate', limit },
      thresholdForFalsePositiveRate(honest.calibration, limit),
      honest.calibration,
    );
  const byAlerts = (limit: number) =>
    row(
      evaluation,
      { kind: 'alerts_per_day', limit },
      thresholdForFalsePositiveRate(honest.outsideEvaluation, Math.min(1, limit / traffic!.eventsPerDay)),
      honest.outsideEvaluation,
    );
  const rates = new Set<number>(FALSE_POSITIVE_RATES);
  if (maxAlertsPerDay === undefined) rates.add(maxFalsePositiveRate);
  const alerts = maxAlertsPerDay === undefined ? ALERTS_PER_DAY : [maxAlertsPerDay];
  const rows = [
    ...[...rates].sort((a, b) => a - b).map(byRate),
    ...(traffic ? alerts.filter((limit) => limit < traffic.eventsPerDay).map(byAlerts) : []),
  ];
  const isChosen = ({ rule }: Threshold) =>
    maxAlertsPerDay === undefined
      ? rule.kind === 'false_positive_rate' && rule.limit === maxFalsePositiveRate
      : rule.kind === 'alerts_per_day';
  const chosen = rows.find(isChosen);
  if (!chosen) {
    throw new InputError(
      `--max-alerts-per-day: expected fewer than the ${grouped(Math.round(traffic!.eventsPerDay))} honest events a day, got ${maxAlertsPerDay}.`,
    );
  }
  return { rows, chosen };
}

/** @param setOn ascending anomalies of the honest events that the threshold was set on */
function row(
  { honest, traffic, comparisons }: Evaluation,
  rule: ThresholdRule,
  threshold: number,
  setOn: Float64Array,
): Threshold {
  const shareFlagged = (sorted: Float64Array) => countAtLeast(sorted, threshold) / sorted.length;
  const flagged =
    countAtLeast(honest.evaluation, threshold) + countAtLeast(honest.outsideEvaluation, threshold);
  return {
    rule,
    threshold,
    nominalFalsePositiveRate: shareFlagged(setOn),
    actualFalsePositiveRate: shareFlagged(honest.evaluation),
    falseAlarmsPerDay: traffic ? flagged / traffic.days : null,
    effects: comparisons
      .filter(({ honestKind }) => honestKind === null)
      .map(({ attacker, model, unusedHonest }): ThresholdEffect => {
        const truePositiveRate = shareFlagged(model.attacks);
        const falsePositiveRate = shareFlagged(unusedHonest);
        const alerts = truePositiveRate + falsePositiveRate;
        return {
          attacker,
          truePositiveRate,
          falsePositiveRate,
          precisionAtEqualMix: alerts > 0 ? truePositiveRate / alerts : null,
        };
      }),
  };
}
