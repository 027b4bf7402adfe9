import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Comparison, Evaluation, HonestTraffic } from '../evaluate/evaluation.ts';
import { thresholdTable } from './thresholds.ts';

const span = (from: number, to: number, step = 1) =>
  Float64Array.from({ length: Math.ceil((to - from) / step) }, (_, i) => from + i * step);

/** 1,000 honest anomalies 0 … 999 to measure, 0.5 … 999.5 to set thresholds, attacks from 500 to 1,499. */
function evaluationOf(traffic: HonestTraffic | null): Evaluation {
  const evaluation = span(0, 1000);
  const calibration = span(0.5, 1000.5);
  const attacks = span(500, 1500);
  const comparison = (attacker: string, honestKind: string | null): Comparison => ({
    attacker,
    title: attacker,
    honestKind,
    honestEvents: 1000,
    attackEvents: 1000,
    detectors: [],
    honestTitle: honestKind,
    model: { honest: evaluation, attacks },
    unusedHonest: evaluation,
  });
  return {
    honest: { evaluation, calibration, outsideEvaluation: calibration },
    traffic,
    comparisons: [comparison('announced', null), comparison('labelled', 'new16')],
    notes: ['No thresholds by alerts a day: none of the events in test.csv have a time (third column).'],
  } as unknown as Evaluation;
}

const daily: HonestTraffic = { days: 2, eventsPerDay: 1000 };

test('a threshold by false-positive rate is set on one sample and measured on the other', () => {
  const { rows, chosen } = thresholdTable(evaluationOf(daily), { maxFalsePositiveRate: 0.1 });
  const row = rows.find(({ rule }) => rule.kind === 'false_positive_rate' && rule.limit === 0.1)!;
  assert.equal(row, chosen);
  // Just above 899.5: 100 of the 1,000 that set it, 100 of 1,000 others, 600 of the attacks.
  assert.ok(row.threshold > 899.5 && row.threshold < 899.51);
  assert.equal(row.nominalFalsePositiveRate, 0.1);
  assert.equal(row.actualFalsePositiveRate, 0.1);
  assert.equal(row.falseAlarmsPerDay, 100);
  assert.deepEqual(row.effects, [
    { attacker: 'announced', truePositiveRate: 0.6, falsePositiveRate: 0.1, precisionAtEqualMix: 0.6 / 0.7 },
  ]);
});

test('the table offers rates and alerts a day; .01 is chosen where nothing is said', () => {
  const { rows, chosen } = thresholdTable(evaluationOf(daily));
  assert.deepEqual(
    rows.map(({ rule }) => `${rule.kind} ${rule.limit}`),
    [
      'false_positive_rate 0.001',
      'false_positive_rate 0.01',
      'false_positive_rate 0.05',
      'alerts_per_day 10',
      'alerts_per_day 100',
    ],
  );
  assert.equal(chosen, rows[1]);
  assert.ok(rows.every(({ actualFalsePositiveRate }) => actualFalsePositiveRate <= 1));
});

test('alerts a day are honest events flagged a day over all honest traffic', () => {
  const { rows, chosen } = thresholdTable(evaluationOf(daily), { maxAlertsPerDay: 30 });
  assert.deepEqual(
    rows.filter(({ rule }) => rule.kind === 'alerts_per_day'),
    [chosen],
  );
  // 30 of 1,000 a day are 3 %: 30 of each thousand, 60 in two days.
  assert.equal(chosen.nominalFalsePositiveRate, 0.03);
  assert.equal(chosen.falseAlarmsPerDay, 30);
});

test('without times there are no alerts a day, and asking for them is refused with the reason', () => {
  const { rows } = thresholdTable(evaluationOf(null));
  assert.ok(
    rows.every(({ rule, falseAlarmsPerDay }) => rule.kind !== 'alerts_per_day' && falseAlarmsPerDay === null),
  );
  assert.throws(() => thresholdTable(evaluationOf(null), { maxAlertsPerDay: 5 }), {
    name: 'InputError',
    message:
      '--max-alerts-per-day: No thresholds by alerts a day: none of the events in test.csv have a time (third column). Use --max-fpr instead.',
  });
  assert.throws(() => thresholdTable(evaluationOf(daily), { maxAlertsPerDay: 1000 }), {
    name: 'InputError',
    message: '--max-alerts-per-day: expected fewer than the 1,000 honest events a day, got 1000.',
  });
});

test('where every anomaly is alike, the threshold that keeps to the rate flags nothing', () => {
  const evaluation = evaluationOf(daily);
  const alike = new Float64Array(1000).fill(7);
  evaluation.honest = { evaluation: alike, calibration: alike, outsideEvaluation: alike };
  evaluation.comparisons[0].model.attacks = alike;
  evaluation.comparisons[0].unusedHonest = alike;
  const { chosen } = thresholdTable(evaluation);
  assert.equal(chosen.actualFalsePositiveRate, 0);
  assert.deepEqual(chosen.effects, [
    { attacker: 'announced', truePositiveRate: 0, falsePositiveRate: 0, precisionAtEqualMix: null },
  ]);
});
