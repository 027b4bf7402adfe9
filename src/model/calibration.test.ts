import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import {
  CALIBRATION_ROWS,
  Calibration,
  calibrationRow,
  pValueOf,
  tailOf,
  thresholdOf,
} from './calibration.ts';

const sorted = (anomalies: number[]) => Float64Array.from(anomalies).sort();
const countAtLeast = (anomalies: number[], anomaly: number) =>
  anomalies.filter((other) => Math.fround(other) >= Math.fround(anomaly)).length;
/** (1 + #{honest ≥ anomaly}) / (1 + N), by counting. */
const naive = (anomalies: number[], anomaly: number) =>
  (1 + countAtLeast(anomalies, anomaly)) / (1 + anomalies.length);

const anomaly = fc.double({ min: -50, max: 50, noNaN: true });
/** Some tied, some all different. */
const anomalies = fc.array(fc.oneof(anomaly, fc.integer({ min: -5, max: 5 })), { maxLength: 400 });

test('up to 512 honest events a p-value is what counting says', () => {
  fc.assert(
    fc.property(anomalies, anomaly, (honest, asked) => {
      const tail = tailOf(sorted(honest));
      for (const value of [
        asked,
        ...honest.slice(0, 5),
        Number.NEGATIVE_INFINITY,
        Number.POSITIVE_INFINITY,
      ]) {
        assert.equal(pValueOf(tail, value), naive(honest, value));
      }
    }),
  );
});

test('of 20,000 honest events the strangest 512 are counted exactly, others within 1 %, and 900 points are kept at most', () => {
  const random = new RandomStream(1, PURPOSE.sampling);
  for (const digits of [15, 2]) {
    const honest = Array.from({ length: 20_000 }, () => Number((3 * random.normal()).toFixed(digits)));
    const tail = tailOf(sorted(honest));
    // 512 points, then 1 % apart: ln(20,000 / 512) / ln 1.01 = 368.3 more, and the last.
    assert.ok(tail.anomalies.length <= 512 + 369 + 1);
    for (let i = 0; i < 500; i++) {
      const asked = i < 250 ? honest[i] : 3 * random.normal();
      const count = countAtLeast(honest, asked);
      const found = pValueOf(tail, asked) * 20_001 - 1;
      assert.ok(found <= count + 1e-6, `${found} of ${count}`);
      assert.ok(count <= 511 ? found >= count - 1e-6 : found >= count / 1.01 - 1, `${found} of ${count}`);
    }
  }
});

test('a p-value is never 0 and never above 1, and falls as anomalies rise', () => {
  fc.assert(
    fc.property(anomalies, anomaly, anomaly, (honest, a, b) => {
      const tail = tailOf(sorted(honest));
      const [low, high] = [pValueOf(tail, Math.min(a, b)), pValueOf(tail, Math.max(a, b))];
      assert.ok(high > 0 && high <= low && low <= 1);
    }),
  );
});

test('a threshold flags at most its share of the honest events, and the next lower anomaly more', () => {
  fc.assert(
    fc.property(anomalies, fc.double({ min: 0, max: 1, noNaN: true }), (honest, share) => {
      const threshold = thresholdOf(tailOf(sorted(honest)), share);
      const allowed = share * honest.length * (1 + 1e-12);
      if (Number.isNaN(threshold)) {
        assert.ok(honest.every((value) => countAtLeast(honest, value) > allowed));
        return;
      }
      assert.ok(countAtLeast(honest, threshold) <= allowed);
      const below = honest.filter((value) => Math.fround(value) < threshold);
      if (below.length > 0) assert.ok(countAtLeast(honest, Math.max(...below)) > allowed);
    }),
  );
});

test('a share such as .07 of 100 events is 7 of them, rounding or not', () => {
  const honest = Array.from({ length: 100 }, (_, i) => i);
  assert.equal(thresholdOf(tailOf(sorted(honest)), 0.07), 93);
});

test('the number of events decides the row: none, 1–3, 4–10, 11–30, more', () => {
  assert.deepEqual([0, 1, 3, 4, 10, 11, 30, 31, 1e9].map(calibrationRow), [0, 1, 1, 2, 2, 3, 3, 4, 4]);
  assert.equal(CALIBRATION_ROWS.length, 5);
});

/** @param counts honest events of accounts with 0, 2, 5, 20 and 100 events before, with anomalies from `first` on */
function calibrationOf(counts: number[], first = [0, 1000, 2000, 3000, 4000]): Calibration {
  const values: number[] = [];
  const events: number[] = [];
  for (const [row, count] of counts.entries()) {
    for (let i = 0; i < count; i++) {
      values.push(first[row] + i);
      events.push([0, 2, 5, 20, 100][row]);
    }
  }
  return Calibration.of(Float64Array.from(values), events);
}

test('a row of 200 honest events judges its own accounts', () => {
  const calibration = calibrationOf([200, 200, 200, 200, 200]);
  assert.equal(calibration.pValue(199, 0), 2 / 201);
  assert.equal(calibration.pValue(1199, 3), 2 / 201);
  assert.equal(calibration.pValue(4199, 31), 2 / 201);
});

test('a row of 199 is judged by all accounts with a history, strangers not among them', () => {
  const calibration = calibrationOf([200, 199, 200, 0, 200]);
  assert.equal(calibration.all.events, 599);
  // Above every anomaly of its own row; 400 of others are stranger.
  assert.equal(calibration.pValue(1500, 2), 401 / 600);
  assert.equal(calibration.pValue(1500, 11), 401 / 600);
});

test('new accounts are judged by new accounts alone: with too few of them there is no p-value', () => {
  assert.equal(calibrationOf([199, 500, 500, 500, 500]).pValue(0, 0), null);
  assert.equal(calibrationOf([500, 0, 0, 0, 0]).pValue(0, 1), null);
  assert.equal(calibrationOf([0, 0, 0, 0, 0]).pValue(0, 0), null);
});
