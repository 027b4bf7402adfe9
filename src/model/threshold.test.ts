import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError } from '../errors.ts';
import { Calibration } from './calibration.ts';
import { chooseThreshold, newcomerThreshold } from './threshold.ts';

/** Honest events of anomalies 0, 1, …, count − 1, of accounts with 5 events each. */
const calibrationOf = (count: number) =>
  Calibration.of(
    Float64Array.from({ length: count }, (_, i) => i),
    new Array(count).fill(5),
  );

test('without a rule at most 1 % of honest events are flagged', () => {
  assert.deepEqual(chooseThreshold(calibrationOf(1000), {}, null), {
    anomaly: 990,
    rule: 'max_fpr',
    limit: 0.01,
    falsePositiveRate: 0.01,
  });
});

test('a false-positive rate of 2.5 % flags 25 of 1,000', () => {
  assert.deepEqual(chooseThreshold(calibrationOf(1000), { maxFalsePositiveRate: 0.025 }, 7), {
    anomaly: 975,
    rule: 'max_fpr',
    limit: 0.025,
    falsePositiveRate: 0.025,
  });
});

test('4 alerts a day of 100 honest events a day flag 4 % of them', () => {
  assert.deepEqual(chooseThreshold(calibrationOf(1000), { maxAlertsPerDay: 4 }, 100), {
    anomaly: 960,
    rule: 'max_alerts_per_day',
    limit: 4,
    falsePositiveRate: 0.04,
  });
});

test('more alerts a day than events flag everything', () => {
  const threshold = chooseThreshold(calibrationOf(10), { maxAlertsPerDay: 1000 }, 100);
  assert.deepEqual([threshold?.anomaly, threshold?.falsePositiveRate], [0, 1]);
});

test('where fewer than 2 honest events would be flagged there is no threshold', () => {
  assert.equal(chooseThreshold(calibrationOf(199), {}, null), null);
  assert.equal(chooseThreshold(calibrationOf(200), {}, null)?.anomaly, 198);
  assert.equal(chooseThreshold(calibrationOf(0), {}, null), null);
  assert.equal(chooseThreshold(calibrationOf(1000), { maxAlertsPerDay: 1 }, 1000), null);
});

test('where the strangest honest events are all tied there is no threshold', () => {
  const tied = Calibration.of(new Float64Array(1000), new Array(1000).fill(5));
  assert.equal(chooseThreshold(tied, {}, null), null);
});

test('alerts a day need times', () => {
  assert.throws(
    () => chooseThreshold(calibrationOf(1000), { maxAlertsPerDay: 4 }, null),
    new InputError(
      'train: --max-alerts-per-day: expected events with times (third column) over an hour or more. Use --max-fpr instead.',
    ),
  );
});

test('accounts without a history have a threshold by their own later events, or by the odds', () => {
  const calibration = (newcomers: number) =>
    Calibration.of(
      Float64Array.from({ length: 1000 + newcomers }, (_, i) => (i < 1000 ? i - 2000 : i - 1000)),
      Array.from({ length: 1000 + newcomers }, (_, i) => (i < 1000 ? 5 : 0)),
    );
  const threshold = chooseThreshold(calibration(400), { maxFalsePositiveRate: 0.02 }, null)!;
  assert.equal(threshold.anomaly, -1020);
  // 2 % of 400 are 8.
  assert.equal(newcomerThreshold(calibration(400), threshold), 392);
  assert.equal(newcomerThreshold(calibration(199), threshold), 0);
  assert.equal(newcomerThreshold(calibration(199), { ...threshold, anomaly: 3 }), 3);
});
