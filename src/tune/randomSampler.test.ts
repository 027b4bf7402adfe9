import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RandomSampler } from './randomSampler.ts';
import type { Observation } from './sampler.ts';
import { SEARCH_NAMES, SearchSpace } from './searchSpace.ts';

/** Real dimensions from 0 to 1. */
const cubeOf = (dimensions: number) =>
  new SearchSpace(
    SEARCH_NAMES.slice(0, dimensions).map((name) => ({
      kind: 'range',
      name,
      minimum: 0,
      maximum: 1,
      integer: false,
      scale: 'linear',
    })),
  );

test('a point is a function of seed and trial, and in the unit cube', () => {
  const sampler = new RandomSampler(cubeOf(3), 7);
  const points = Array.from({ length: 100 }, (_, trial) => sampler.suggest(trial, []));
  for (const [trial, point] of points.entries()) {
    assert.equal(point.length, 3);
    assert.ok(point.every((x) => x >= 0 && x < 1));
    assert.deepEqual(new RandomSampler(cubeOf(3), 7).suggest(trial, []), point);
  }
  assert.equal(new Set(points.flat()).size, 300);
  assert.notDeepEqual(new RandomSampler(cubeOf(3), 8).suggest(0, []), points[0]);
});

test('coordinates are uniform: each tenth of each dimension has its share', () => {
  const sampler = new RandomSampler(cubeOf(2), 1);
  const counts = Array.from({ length: 2 }, () => new Uint32Array(10));
  const draws = 10_000;
  for (let trial = 0; trial < draws; trial++) {
    for (const [d, x] of sampler.suggest(trial, []).entries()) counts[d][Math.floor(x * 10)]++;
  }
  // A count is binomial: 1000 ± 30; five standard deviations are passed once in 87,000 such tests of 20 counts.
  for (const count of counts.flatMap((row) => [...row])) assert.ok(Math.abs(count - 1000) < 150, `${count}`);
});

test('no setting is tried twice while there are others', () => {
  const space = new SearchSpace([
    { kind: 'choice', name: 'numIpEncoderLayers', values: [0, 1, 2] },
    { kind: 'range', name: 'vectorDim', minimum: 8, maximum: 9, integer: true, scale: 'log' },
  ]);
  const known: Observation[] = [];
  for (let trial = 0; trial < 7; trial++) {
    const point = new RandomSampler(space, 3).suggest(trial, known);
    known.push({ point, losses: [], state: 'running' });
  }
  const settings = known.map(({ point }) => JSON.stringify(space.settingAt(point)));
  assert.equal(new Set(settings.slice(0, 6)).size, 6);
  // The seventh has none left.
  assert.equal(new Set(settings).size, 6);
});
