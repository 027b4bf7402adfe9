import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RandomStream } from '../random/philox.ts';
import { ParzenDensity } from './parzenDensity.ts';
import { settled } from './randomSampler.ts';
import { type Dimension, SearchSpace } from './searchSpace.ts';

const REAL: Dimension = {
  kind: 'range',
  name: 'learningRate',
  minimum: 0,
  maximum: 1,
  integer: false,
  scale: 'linear',
};
const INTEGER: Dimension = {
  kind: 'range',
  name: 'vectorDim',
  minimum: 1,
  maximum: 20,
  integer: true,
  scale: 'log',
};
const CHOICE: Dimension = { kind: 'choice', name: 'numIpEncoderLayers', values: [0, 1, 2] };

const coordinates = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const pointsOf = (space: SearchSpace) =>
  fc.array(
    fc.tuple(...space.dimensions.map(() => coordinates)).map((point) => settled(space, point as number[])),
    { maxLength: 12 },
  );

test('the density is 1 in all: integrated over a number, summed over integers and choices', () => {
  const space = new SearchSpace([REAL, INTEGER, CHOICE]);
  fc.assert(
    fc.property(pointsOf(space), (points) => {
      const density = new ParzenDensity(space, points);
      const steps = 200;
      let sum = 0;
      for (let i = 0; i < steps; i++) {
        for (let vectorDim = 1; vectorDim <= 20; vectorDim++) {
          for (const numIpEncoderLayers of CHOICE.values) {
            const [, integer, choice] = space.pointOf({ learningRate: 0, vectorDim, numIpEncoderLayers });
            sum += Math.exp(density.logDensity([(i + 0.5) / steps, integer, choice])) / steps;
          }
        }
      }
      // The midpoint rule, for a normal of deviation ≥ 0.05 cut at a border: h²/24 · |f′| < 1e-3 at h = 1/200;
      // 60 masses of 3e-7 each.
      assert.ok(Math.abs(sum - 1) < 1.1e-3, `${sum}`);
    }),
    { numRuns: 20 },
  );
});

test('without points the density is uniform', () => {
  const density = new ParzenDensity(new SearchSpace([REAL, CHOICE]), []);
  for (const x of [0, 0.3, 0.99]) assert.ok(Math.abs(density.logDensity([x, 0.5]) - Math.log(1 / 3)) < 1e-12);
});

test('a choice once seen is 2 in 4 kernels of 1 + 1/2 each: shares by hand', () => {
  // One point: its kernel has (1 + 1/2, 1/2, 1/2)/(1 + 3/2) = (.6, .2, .2), the uniform one thirds; the mean of both.
  const density = new ParzenDensity(new SearchSpace([CHOICE]), [[0.5]]);
  const shares = [1 / 6, 1 / 2, 5 / 6].map((x) => Math.exp(density.logDensity([x])));
  for (const [i, share] of [4 / 15, 7 / 15, 4 / 15].entries())
    assert.ok(Math.abs(shares[i] - share) < 1e-12, `${shares}`);
});

test('a normal kernel in the middle of a range: its density there by hand', () => {
  // Deviation .1: 1/(.1 √2π) = 3.98942, of which 1 − 5.7e-7 lies inside; and 1 of the uniform kernel.
  const density = new ParzenDensity(new SearchSpace([REAL]), [[0.5]]);
  assert.ok(Math.abs(Math.exp(density.logDensity([0.5])) - (3.989423 + 1) / 2) < 3e-6);
});

test('draws have the density: shares of ten stretches and of choices', () => {
  const space = new SearchSpace([REAL, CHOICE]);
  const density = new ParzenDensity(space, [
    [0.02, 0.5],
    [0.7, 0.5],
    [0.75, 1 / 6],
  ]);
  const random = new RandomStream(1, 1);
  const draws = 40_000;
  const counts = Array.from({ length: 10 }, () => [0, 0, 0]);
  for (let i = 0; i < draws; i++) {
    const [x, choice] = density.draw(random);
    counts[Math.floor(x * 10)][Math.floor(choice * 3)]++;
  }
  for (let tenth = 0; tenth < 10; tenth++) {
    for (let choice = 0; choice < 3; choice++) {
      let share = 0;
      for (let i = 0; i < 50; i++)
        share += Math.exp(density.logDensity([(tenth + (i + 0.5) / 50) / 10, (choice + 0.5) / 3])) / 500;
      // Five standard deviations of a binomial count: passed once in 58,000 such tests of 30 counts.
      const deviation = Math.sqrt(draws * share * (1 - share));
      assert.ok(Math.abs(counts[tenth][choice] - draws * share) < 5 * deviation + 1, `${tenth}, ${choice}`);
    }
  }
});

test('values that went together stay together', () => {
  const density = new ParzenDensity(new SearchSpace([REAL, { ...REAL, name: 'weightDecay' }]), [
    [0.1, 0.1],
    [0.9, 0.9],
  ]);
  assert.ok(density.logDensity([0.1, 0.1]) > density.logDensity([0.1, 0.9]) + 1);
});
