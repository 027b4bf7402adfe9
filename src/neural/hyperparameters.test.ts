import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { grouped } from '../errors.ts';
import { completeHyperparameters, HYPERPARAMETERS, optionName } from './hyperparameters.ts';

test('docs/hyperparameters.md has the ranges, our defaults and those of AWS', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/hyperparameters.md'), 'utf8');
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('| `--'))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map(([, option, range, standard, aws]) => [option, range, standard, aws]);
  const known = HYPERPARAMETERS.map(({ name, minimum, maximum, standard, awsStandard }) => [
    `\`${optionName(name)}\``,
    maximum === Number.MAX_SAFE_INTEGER ? `≥ ${minimum}` : `${text(minimum)}–${text(maximum)}`,
    standard === undefined ? '2 × distinct entities' : text(standard),
    awsStandard === 'required' ? awsStandard : text(awsStandard),
  ]);
  assert.deepEqual(rows, known);
});

test('defaults lie in their ranges; the entity table has two rows for each entity', () => {
  const standard = completeHyperparameters({}, 70);
  assert.equal(standard.numEntityVectors, 140);
  assert.equal(completeHyperparameters({}, 0).numEntityVectors, 1);
});

test('rejects what is out of range, is no hyperparameter, or leaves no pairs to draw', () => {
  assert.throws(() => completeHyperparameters({ epochs: 1.5 }, 1), {
    message: '--epochs: expected an integer of at least 1, got 1.5.',
  });
  assert.throws(
    () => completeHyperparameters({ learningRate: Number.NaN }, 1),
    /--learning-rate: expected a number/,
  );
  assert.throws(
    () => completeHyperparameters({ batchSize: 1 } as object, 1),
    /^UsageError: hyperparameters: expected/,
  );
  const none = { randomNegativeSamplingRate: 0, shuffledNegativeSamplingRate: 0 };
  assert.throws(() => completeHyperparameters(none, 1), /expected 1 to 500 together, got 0\.$/);
});

const text = (value: number) => (value >= 1000 ? grouped(value) : String(value));
