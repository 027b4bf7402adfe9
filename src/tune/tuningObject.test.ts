import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ALL_NAMES, sampleTuning } from './sampleTuning.ts';
import { tuningObject } from './tuningObject.ts';

/** Of any depth, hyperparameters apart: those are AWS's names. */
function keysOf(value: unknown, keys = new Set<string>()): Set<string> {
  if (Array.isArray(value)) for (const one of value) keysOf(one, keys);
  else if (value !== null && typeof value === 'object') {
    for (const [key, inner] of Object.entries(value)) {
      keys.add(key);
      if (key !== 'hyperparameters' && key !== 'fixed') keysOf(inner, keys);
    }
  }
  return keys;
}

test('docs/tune.md names the keys of tuning.json, all and no others', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/tune.md'), 'utf8');
  const section = page.split(/^## /m).find((part) => part.startsWith('tuning.json'))!;
  const cells = section
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .flatMap((line) => [...line.split('|')[1].matchAll(/`([a-z_]+)(?:\[\])?`/g)].map(([, key]) => key));
  assert.deepEqual([...new Set(cells)].sort(), [...keysOf(tuningObject(sampleTuning()))].sort());
});

test('hyperparameters have the names of AWS, the best has all of them', () => {
  // biome-ignore lint/suspicious/noExplicitAny: as a script reads it
  const object = JSON.parse(JSON.stringify(tuningObject(sampleTuning()))) as any;
  assert.deepEqual(Object.keys(object.best.hyperparameters).length, ALL_NAMES.length);
  assert.equal(object.best.hyperparameters.num_entity_vectors, 20_000);
  const best = object.trials.find(({ trial }: { trial: number }) => trial === object.best.trial);
  assert.equal(best.objective, object.best.objective);
  assert.equal(best.objective, best.objective_by_epoch.at(-1));
  assert.equal(best.hyperparameters.vector_dim, object.best.hyperparameters.vector_dim);
  assert.deepEqual(object.space[3], {
    hyperparameter: 'num_ip_encoder_layers',
    kind: 'choice',
    values: [0, 1, 2],
  });
});

test('counts add up to the trials, and epochs to those that were trained', () => {
  const sample = sampleTuning();
  // biome-ignore lint/suspicious/noExplicitAny: as a script reads it
  const { counts } = tuningObject(sample) as any;
  assert.equal(counts.completed + counts.stopped + counts.failed + counts.running, counts.trials);
  assert.equal(
    counts.epochs_trained,
    sample.trials.reduce((sum, { values }) => sum + values.length, 0),
  );
  assert.ok(counts.epochs_trained < counts.epochs_whole);
});

test('numbers that JSON cannot hold are null; a search without a best has none', () => {
  const sample = sampleTuning({ trials: 3, failing: 1000 });
  sample.trials[0].values = [0.9, Number.NaN];
  sample.trials[0].seconds = [1, 2];
  // biome-ignore lint/suspicious/noExplicitAny: as a script reads it
  const object = tuningObject(sample) as any;
  assert.deepEqual(object.trials[0].objective_by_epoch, [0.9, null]);
  assert.equal(object.trials[0].objective, null);
  assert.deepEqual([object.best, object.defaults, object.judged], [null, null, null]);
});
