import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeHyperparameters, type Hyperparameters } from '../neural/hyperparameters.ts';
import { startLines } from './trainingText.ts';

/** What is said before the first training on so many pairs, but for its first line. */
function notesOf(given: Partial<Hyperparameters>, pairs: number): string[] {
  const hyperparameters = completeHyperparameters(given, 1000);
  const counts = { events: pairs, entities: 2, pairs };
  const start = {
    stage: 'fit',
    ...counts,
    hyperparameters,
    prefixes: 10,
    threads: 1,
    plainReason: '',
  } as const;
  return startLines(start).slice(1);
}

const AWS = { learningRate: 0.001, miniBatchSize: 10_000, epochs: 10 };

test('what would teach vectors more is told where all steps together are too few', () => {
  // 10 mini-batches, whose steps fall from .001 by a tenth each: .0055 in all.
  assert.deepEqual(notesOf(AWS, 6000), [
    "note: 10 mini-batches of this learning rate move a vector's component by at most 0.01, so that vectors learn little and the default score leans on the history. --learning-rate 0.03 would teach them more.",
  ]);
  assert.match(notesOf({ ...AWS, learningRate: 0.03 }, 6000)[0], / --mini-batch-size 1000 would/);
  assert.match(notesOf({}, 2000)[0], /^note: 10 mini-batches .* 0\.17, .* --mini-batch-size 100 would/);
  assert.match(notesOf({ miniBatchSize: 100 }, 100)[0], /^note: 5 mini-batches .* --epochs 10 would/);
});

test('nothing is told where vectors come far enough', () => {
  assert.deepEqual(notesOf(AWS, 10_000_000), []);
  assert.deepEqual(notesOf({}, 6000), []);
  assert.deepEqual(notesOf({ miniBatchSize: 100 }, 2000), []);
});
