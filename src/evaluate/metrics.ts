import { trainingIdentity } from '../model/trainingIdentity.ts';
import type { OperatingPoint } from '../ranking/roc.ts';
import { distributionOf, operatingPoints } from './distribution.ts';
import {
  type Comparison,
  type Evaluation,
  type EventCounts,
  type LimitedPoint,
  NOMINAL_RATES,
  type StrangeEvent,
  type Threshold,
  type ThresholdTable,
} from './evaluation.ts';

/** Raised where a key changes its meaning or goes; new keys do not raise it. */
const METRICS_VERSION = 2;

/**
 * The figures as a plain object for metrics.json (docs/evaluate.md). Rates are shares from 0 to 1. Numbers that JSON
 * cannot hold, such as a threshold of −Infinity, which flags everything, are null.
 */
export function metricsObject(evaluation: Evaluation, thresholds: ThresholdTable): object {
  const { card, names, test, labelled, ranges, traffic, comparisons, calibration } = evaluation;
  return {
    kind: 'ip-insights-metrics',
    version: METRICS_VERSION,
    trained_by: card.trainedBy,
    model: {
      identity: trainingIdentity(card),
      trained_by: card.trainedBy,
      seed: card.seed,
      events: card.data.events,
      events_added: card.data.eventsAdded,
      accounts: card.data.entities,
      first_time: card.data.firstTime,
      last_time: card.data.lastTime,
    },
    inputs: { ...names, ranges_sha256: ranges?.sha256 ?? null },
    seed: evaluation.seed,
    sample: evaluation.sampleSize,
    counts: {
      train: evaluation.train,
      test: test && counts(test),
      labelled: labelled && { ...counts(labelled), honest: labelled.honest, attacks: labelled.attacks },
      evaluation_events: evaluation.honest.evaluation.length,
      calibration_events: evaluation.honest.calibration.length,
      test_days: traffic?.days ?? null,
      honest_events_per_day: traffic?.eventsPerDay ?? null,
    },
    discriminator_auc: evaluation.discriminatorAuc,
    detectors: evaluation.detectors.map(({ id, title, meaning }) => ({ detector: id, title, meaning })),
    threshold: finite(thresholds.chosen.threshold),
    chosen: thresholdObject(thresholds.chosen),
    thresholds: thresholds.rows.map(thresholdObject),
    attackers: comparisons.map(comparisonObject),
    calibration:
      calibration?.map(({ title, honestEvents, actual }) => ({
        training_events: title.replace('–', '-'),
        honest_events: honestEvents,
        nominal_fpr: [...NOMINAL_RATES],
        actual_fpr: actual,
      })) ?? null,
    strangest_honest: evaluation.strangestHonest.map(strangeObject),
    strangest_attacks: evaluation.strangestAttacks.map(strangeObject),
    notes: evaluation.notes,
  };
}

const finite = (value: number) => (Number.isFinite(value) ? value : null);

function counts({ events, eventsOfKnownAccounts, eventsLeftOut }: EventCounts) {
  return { events, of_known_accounts: eventsOfKnownAccounts, left_out: eventsLeftOut };
}

function thresholdObject(row: Threshold) {
  return {
    rule: row.rule.kind,
    limit: row.rule.limit,
    threshold: finite(row.threshold),
    nominal_fpr: row.nominalFalsePositiveRate,
    actual_fpr: row.actualFalsePositiveRate,
    false_alarms_per_day: row.falseAlarmsPerDay,
    attackers: row.effects.map((effect) => ({
      attacker: effect.attacker,
      tpr: effect.truePositiveRate,
      fpr: effect.falsePositiveRate,
      precision_at_equal_mix: effect.precisionAtEqualMix,
    })),
  };
}

function comparisonObject(comparison: Comparison) {
  const { attacker, title, honestKind, honestEvents, attackEvents, detectors, model } = comparison;
  return {
    attacker,
    title,
    honest_kind: honestKind,
    honest_events: honestEvents,
    attack_events: attackEvents,
    detectors: detectors.map((quality) => ({
      detector: quality.detector,
      auc: quality.areaUnderCurve,
      tpr_at_fpr: quality.atFalsePositiveRate.map(limitedObject),
      fpr_at_tpr: quality.atTruePositiveRate.map(limitedObject),
      roc: quality.roc.map(pointObject),
    })),
    ...(honestKind === null && {
      distribution: distributionOf(model),
      operating_points: pointsObject(comparison),
    }),
  };
}

/** A column each: many points, few bytes. */
function pointsObject({ model }: Comparison) {
  const points = operatingPoints(model);
  return {
    threshold: points.map(({ threshold }) => threshold),
    fpr: points.map(({ falsePositiveRate }) => falsePositiveRate),
    tpr: points.map(({ truePositiveRate }) => truePositiveRate),
  };
}

function pointObject({ threshold, falsePositiveRate, truePositiveRate }: OperatingPoint) {
  return { threshold: finite(threshold), fpr: falsePositiveRate, tpr: truePositiveRate };
}

function limitedObject(point: LimitedPoint) {
  return { limit: point.limit, ...pointObject(point) };
}

function strangeObject({ entity, address, time, anomaly, habit }: StrangeEvent) {
  return {
    entity,
    address,
    time,
    anomaly,
    training_events: habit.trainingEvents,
    most_used_network: habit.network,
    most_used_network_share: habit.networkShare,
    nearest_address: habit.nearest,
    shared_bits: habit.sharedBits,
  };
}
