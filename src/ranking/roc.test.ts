import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  areaUnderCurve,
  countAtLeast,
  nextAbove,
  pointAtFalsePositiveRate,
  pointAtTruePositiveRate,
  rankScores,
  rocCurve,
  thresholdForFalsePositiveRate,
} from './roc.ts';

test('AUC of [.1 .4 .35 .8] for [0 0 1 1] is 0.75', () => {
  assert.equal(areaUnderCurve(rankScores([0.1, 0.4], [0.35, 0.8])), 0.75);
});

test('ties count half, infinities tie with themselves, minus zero with zero', () => {
  const table: [honest: number[], attacks: number[], area: number][] = [
    [[1], [1], 0.5],
    [[1, 1, 1], [1, 1], 0.5],
    [[0], [-0], 0.5],
    [[-0], [0], 0.5],
    [[1, 2], [2, 3], 0.875],
    [[0], [Infinity], 1],
    [[Infinity], [Infinity], 0.5],
    [[-Infinity, Infinity], [Infinity], 0.75],
    [[-Infinity], [-Infinity, 0], 0.75],
    [[Infinity], [0], 0],
  ];
  for (const [honest, attacks, area] of table)
    assert.equal(areaUnderCurve(rankScores(honest, attacks)), area);
});

/** Few distinct values, so that ties are the rule; infinities among them. */
const anomaly = fc.oneof(
  fc.integer({ min: -4, max: 4 }),
  fc.constantFrom(Infinity, -Infinity, -0, 0.5),
  fc.double({ noNaN: true }),
);
const anomalies = fc.array(anomaly, { minLength: 1, maxLength: 30 });

function areaByPairs(honest: number[], attacks: number[]): number {
  let wins = 0;
  for (const a of attacks) for (const h of honest) wins += a > h ? 1 : a === h ? 0.5 : 0;
  return wins / (attacks.length * honest.length);
}

const share = (values: number[], threshold: number) =>
  values.filter((value) => value >= threshold).length / values.length;

test('AUC is the share of pairs in which the attack is stranger, counted one by one', () => {
  fc.assert(
    fc.property(anomalies, anomalies, (honest, attacks) => {
      assert.equal(areaUnderCurve(rankScores(honest, attacks)), areaByPairs(honest, attacks));
    }),
  );
});

test('AUC with attacks and honest events swapped is 1 − AUC', () => {
  fc.assert(
    fc.property(anomalies, anomalies, (honest, attacks) => {
      const area = areaUnderCurve(rankScores(honest, attacks));
      assert.ok(Math.abs(area + areaUnderCurve(rankScores(attacks, honest)) - 1) < 1e-12);
    }),
  );
});

test('no threshold catches that share of attacks with fewer false alarms', () => {
  fc.assert(
    fc.property(
      anomalies,
      anomalies,
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (honest, attacks, rate) => {
        const point = pointAtTruePositiveRate(rankScores(honest, attacks), rate);
        assert.ok(point.truePositiveRate >= rate * (1 - 1e-11));
        assert.equal(point.truePositiveRate, share(attacks, point.threshold));
        assert.equal(point.falsePositiveRate, share(honest, point.threshold));
        for (const other of [...honest, ...attacks]) {
          if (share(attacks, other) >= rate) assert.ok(share(honest, other) >= point.falsePositiveRate);
        }
      },
    ),
  );
});

test('no threshold within that share of false alarms catches more attacks', () => {
  fc.assert(
    fc.property(anomalies, anomalies, fc.double({ min: 0, max: 1, noNaN: true }), (honest, attacks, rate) => {
      const point = pointAtFalsePositiveRate(rankScores(honest, attacks), rate);
      assert.ok(point.falsePositiveRate <= rate * (1 + 1e-11));
      assert.equal(point.truePositiveRate, share(attacks, point.threshold));
      for (const other of [...honest, ...attacks]) {
        if (share(honest, other) <= rate) assert.ok(share(attacks, other) <= point.truePositiveRate);
      }
    }),
  );
});

test('an attack between two honest anomalies is caught by a threshold just above the lower one', () => {
  const point = pointAtFalsePositiveRate(rankScores([0, 10], [5]), 0.5);
  assert.deepEqual(point, { threshold: Number.MIN_VALUE, truePositiveRate: 1, falsePositiveRate: 0.5 });
});

test('rates that doubles cannot hold are met exactly: 7 of 100 at .07, 95 of 100 at .95', () => {
  const hundred = Float64Array.from({ length: 100 }, (_, i) => i);
  const scores = rankScores(hundred, hundred);
  assert.equal(pointAtFalsePositiveRate(scores, 0.07).falsePositiveRate, 0.07);
  assert.equal(pointAtFalsePositiveRate(scores, 0.29).falsePositiveRate, 0.29);
  assert.equal(pointAtTruePositiveRate(scores, 0.95).truePositiveRate, 0.95);
  assert.equal(pointAtTruePositiveRate(scores, 0.07).truePositiveRate, 0.07);
});

test('a detector with two values has one point between the corners, and nothing is interpolated', () => {
  // "new address": 3 of 4 honest events and 9 of 10 attacks come from an address that is new.
  const scores = rankScores([0, 1, 1, 1], [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  const point = { threshold: 1, truePositiveRate: 0.9, falsePositiveRate: 0.75 };
  assert.deepEqual(rocCurve(scores), [
    { threshold: NaN, truePositiveRate: 0, falsePositiveRate: 0 },
    point,
    { threshold: 0, truePositiveRate: 1, falsePositiveRate: 1 },
  ]);
  assert.equal(pointAtFalsePositiveRate(scores, 0.05).truePositiveRate, 0);
  assert.deepEqual(pointAtTruePositiveRate(scores, 0.5), point);
  assert.equal(pointAtTruePositiveRate(scores, 0.95).falsePositiveRate, 1);
});

test('where the strangest honest events are at +Infinity, flagging none of them means flagging nothing', () => {
  const scores = rankScores([0, Infinity], [Infinity]);
  const point = pointAtFalsePositiveRate(scores, 0.1);
  assert.deepEqual(point, { threshold: NaN, truePositiveRate: 0, falsePositiveRate: 0 });
  assert.equal(countAtLeast(scores.attacks, point.threshold), 0);
  assert.equal(thresholdForFalsePositiveRate(scores.honest, 1), -Infinity);
});

test('the curve rises from (0, 0) to (1, 1) through every threshold, and its area is the AUC', () => {
  fc.assert(
    fc.property(anomalies, anomalies, (honest, attacks) => {
      const scores = rankScores(honest, attacks);
      const points = rocCurve(scores);
      assert.equal(points.length, new Set([...honest, ...attacks].map((x) => x + 0)).size + 1);
      let area = 0;
      for (let i = 1; i < points.length; i++) {
        const [before, { threshold, truePositiveRate, falsePositiveRate }] = [points[i - 1], points[i]];
        assert.equal(truePositiveRate, share(attacks, threshold));
        assert.equal(falsePositiveRate, share(honest, threshold));
        area +=
          ((falsePositiveRate - before.falsePositiveRate) * (truePositiveRate + before.truePositiveRate)) / 2;
      }
      assert.ok(Math.abs(area - areaUnderCurve(scores)) < 1e-12);
      assert.deepEqual([points.at(-1)!.truePositiveRate, points.at(-1)!.falsePositiveRate], [1, 1]);
    }),
  );
});

test('a long curve is thinned to points of the whole one, corners included', () => {
  const value = (i: number) => ((i * 7919) % 10007) / 10007;
  const honest = Float64Array.from({ length: 5000 }, (_, i) => value(i));
  const attacks = Float64Array.from({ length: 5000 }, (_, i) => value(i) ** 0.2);
  const scores = rankScores(honest, attacks);
  const whole = new Set(rocCurve(scores, 1e9).map((point) => JSON.stringify(point)));
  const thin = rocCurve(scores, 100);
  assert.ok(thin.length <= 100 && thin.length > 50, `${thin.length} points`);
  for (const point of thin) assert.ok(whole.has(JSON.stringify(point)));
  assert.deepEqual([thin[0].falsePositiveRate, thin.at(-1)!.falsePositiveRate], [0, 1]);
  // The left end is what is looked at: an FPR below 1 % gets more than its hundredth of the points.
  assert.ok(thin.filter(({ falsePositiveRate }) => falsePositiveRate < 0.01).length >= 10);
});

test('scores that are missing or not numbers are refused', () => {
  assert.throws(() => rankScores([], [1]), new RangeError('expected at least one honest score, got none'));
  assert.throws(() => rankScores([1], []), new RangeError('expected at least one attack score, got none'));
  assert.throws(
    () => rankScores([1, NaN], [1]),
    new RangeError('expected honest scores that are numbers, got NaN'),
  );
  assert.throws(
    () => rankScores([1], [NaN, 1]),
    new RangeError('expected attack scores that are numbers, got NaN'),
  );
});

test('nextAbove is the next double', () => {
  assert.equal(nextAbove(1), 1 + Number.EPSILON);
  assert.equal(nextAbove(0), Number.MIN_VALUE);
  assert.equal(nextAbove(-0), Number.MIN_VALUE);
  assert.equal(nextAbove(-Number.MIN_VALUE), -0);
  assert.equal(nextAbove(Number.MAX_VALUE), Infinity);
  assert.equal(nextAbove(-Infinity), -Number.MAX_VALUE);
  assert.ok(Number.isNaN(nextAbove(Infinity)));
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) => {
      const next = nextAbove(x);
      assert.ok(next > x);
      const middle = x + (next - x) / 2;
      assert.ok(middle === x || middle === next);
    }),
  );
});
