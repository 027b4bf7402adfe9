import { InputError } from '../errors.ts';
import { type Calibration, calibrationRow, LEAST_EVENTS, shareAtLeast, thresholdOf } from './calibration.ts';
import type { ModelThreshold } from './modelCard.ts';

/** How the model's own threshold is chosen: by one of the two. */
export interface ThresholdRule {
  /** flag at most this share of honest events; default 0.01 */
  maxFalsePositiveRate?: number | undefined;
  /** flag at most this many honest events a day */
  maxAlertsPerDay?: number | undefined;
}

/** Honest later events that must be flagged before their share means something. */
export const LEAST_FLAGGED = 2;

/**
 * The threshold by honest events later than the training.
 * @param eventsPerDay honest events a day; null where they have no times
 * @returns null where the later events are too few
 * @throws InputError where alerts a day are asked for and the events have no times
 */
export function chooseThreshold(
  { all }: Calibration,
  { maxFalsePositiveRate = 0.01, maxAlertsPerDay }: ThresholdRule,
  eventsPerDay: number | null,
): ModelThreshold | null {
  if (maxAlertsPerDay !== undefined && eventsPerDay === null) {
    throw new InputError(
      'train: --max-alerts-per-day: expected events with times (third column) over an hour or more. Use --max-fpr instead.',
    );
  }
  const byAlerts = maxAlertsPerDay !== undefined;
  const share = byAlerts ? Math.min(1, maxAlertsPerDay / eventsPerDay!) : maxFalsePositiveRate;
  if (share * all.events < LEAST_FLAGGED) return null;
  const anomaly = thresholdOf(all, share);
  if (Number.isNaN(anomaly)) return null;
  const m = all.anomalies.indexOf(anomaly);
  return {
    anomaly,
    rule: byAlerts ? 'max_alerts_per_day' : 'max_fpr',
    limit: byAlerts ? maxAlertsPerDay : maxFalsePositiveRate,
    falsePositiveRate: all.atLeast[m] / all.events,
  };
}

/** A threshold that a person chose, with the share of honest later events that it flags. */
export function manualThreshold({ all }: Calibration, anomaly: number): ModelThreshold {
  const falsePositiveRate = all.events === 0 ? null : shareAtLeast(all, anomaly);
  return { anomaly, rule: 'manual', limit: null, falsePositiveRate };
}

/**
 * The same for accounts without a history: as many of them flagged as of the others, by honest later events of accounts that
 * were new then. Where those were too few, 0, at which an attacker is as likely, or the model's threshold if that is higher.
 */
export function newcomerThreshold({ rows }: Calibration, threshold: ModelThreshold): number {
  const newcomers = rows[calibrationRow(0)];
  if (newcomers.events >= LEAST_EVENTS && threshold.falsePositiveRate !== null) {
    const anomaly = thresholdOf(newcomers, threshold.falsePositiveRate);
    if (!Number.isNaN(anomaly)) return anomaly;
  }
  return Math.max(0, threshold.anomaly);
}
