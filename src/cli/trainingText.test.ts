import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectEvents } from '../index.ts';
import { completeHyperparameters, type Hyperparameters } from '../neural/hyperparameters.ts';
import { startLines } from './trainingText.ts';

const events = collectEvents([
  { entity: 'a', address: '10.0.0.1' },
  { entity: 'b', address: '10.0.0.2' },
]);

/** What is said before the first training on so many pairs, but for its first line. */
function warningsOf(given: Partial<Hyperparameters>, pairs: number): string[] {
  const hyperparameters = completeHyperparameters(given, 1000);
  const start = { stage: 'fit', pairs, hyperparameters, prefixes: 10, threads: 1, plainReason: '' } as const;
  return startLines(start, events).slice(1);
}

const AWS = { learningRate: 0.001, miniBatchSize: 10_000, epochs: 10 };

test("AWS's defaults with few events are told, with ours to try", () => {
  // 10 mini-batches, whose steps fall from .001 by a tenth each: .0055 in all.
  assert.deepEqual(warningsOf(AWS, 6000), [
    "warning: 10 mini-batches of this learning rate move a vector's component by at most 0.01, which is too little to learn from so few events. Try the defaults: --mini-batch-size 1000 --learning-rate 0.03.",
  ]);
  assert.match(warningsOf({ ...AWS, miniBatchSize: 100 }, 1000)[0], /defaults: --learning-rate 0\.03\.$/);
  assert.match(warningsOf({ ...AWS, learningRate: 0.03 }, 6000)[0], /defaults: --mini-batch-size 1000\.$/);
});

test('nothing is told where vectors come far enough, nor where nothing better is known', () => {
  assert.deepEqual(warningsOf(AWS, 10_000_000), []);
  for (const pairs of [1, 1000, 6000, 1_000_000]) assert.deepEqual(warningsOf({}, pairs), []);
  assert.deepEqual(warningsOf({ miniBatchSize: 5000 }, 900), []);
});
