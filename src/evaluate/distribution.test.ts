import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countAtLeast, rankScores } from '../ranking/roc.ts';
import { distributionOf, operatingPoints } from './distribution.ts';

const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0);

test('every event but the outermost 0.2 % at either end is in a bin', () => {
  const honest = Float64Array.from({ length: 10_000 }, (_, i) => i / 1000);
  const attacks = Float64Array.from({ length: 5000 }, (_, i) => 5 + i / 500);
  const bins = distributionOf(rankScores(honest, attacks));
  assert.equal(bins.honest.length, bins.attacks.length);
  assert.deepEqual([bins.from, bins.to], [0.02, 5 + 4990 / 500]);
  assert.equal(sum(bins.honest), 9980);
  assert.equal(sum(bins.attacks), 4991);
});

test('one event, equal events and infinite ones have a span', () => {
  for (const [honest, attacks] of [
    [[1], [1]],
    [[2, 2, 2], [2]],
    [
      [-Infinity, 0],
      [1, Infinity],
    ],
    [[-Infinity], [Infinity]],
  ]) {
    const { from, to, honest: counts } = distributionOf(rankScores(honest, attacks));
    assert.ok(Number.isFinite(from) && Number.isFinite(to) && to > from);
    assert.ok(counts.every(Number.isInteger));
  }
});

test('operating points say what their thresholds do, descending, at most a thousand', () => {
  const wave = (i: number) => Math.sin(i * 12.9898) * 4;
  const scores = rankScores(
    Array.from({ length: 4000 }, (_, i) => wave(i)),
    Array.from({ length: 3000 }, (_, i) => 2 + wave(i + 0.5)),
  );
  const points = operatingPoints(scores);
  assert.ok(points.length > 600 && points.length <= 1000, String(points.length));
  for (const [i, { threshold, falsePositiveRate, truePositiveRate }] of points.entries()) {
    assert.equal(falsePositiveRate, countAtLeast(scores.honest, threshold) / 4000);
    assert.equal(truePositiveRate, countAtLeast(scores.attacks, threshold) / 3000);
    if (i > 0) assert.ok(threshold < points[i - 1].threshold);
  }
});
