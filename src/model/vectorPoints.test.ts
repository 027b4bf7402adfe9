import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, parseAddress } from '../addresses/address.ts';
import { hashEntity } from '../events/entityHash.ts';
import { collectEvents } from '../index.ts';
import type { InSteps } from '../neural/principalComponents.ts';
import { trainModel } from './trainModel.ts';
import { accountPoints, networkOfRow, networkPoints } from './vectorPoints.ts';

function run<T>(work: InSteps<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value as T;
  }
}

/** Account `u0` has most events; /24 `9.1.1.0` most accounts; two places in a /48 that has a /56 of its own as well. */
const EVENTS = [
  ...Array.from({ length: 12 }, (_, i) => ({ entity: `u${i % 4}`, address: `9.1.1.${i}` })),
  ...Array.from({ length: 6 }, (_, i) => ({ entity: 'u0', address: `9.1.2.${i}` })),
  ...Array.from({ length: 4 }, (_, i) => ({ entity: `u${i % 2}`, address: `2001:db8:7:${i % 2}::${i}` })),
];
const D = 4;
const model = await trainModel(collectEvents(EVENTS), {
  hyperparameters: { vectorDim: D, epochs: 2, miniBatchSize: 8, learningRate: 0.1 },
  seed: 3,
});

test('accounts come with the most events first, and their vectors have length 1', () => {
  const { all, ids, sizes, vectors } = run(accountPoints(model, 3));
  assert.equal(all, 4);
  const [low, high] = hashEntity('u0');
  assert.equal(ids[0], model.seen.find(low, high));
  assert.deepEqual([...sizes], [11, 5, 3]);
  const expected = new Float32Array(D);
  model.neural.readEntityVector(low, high, expected);
  const length = Math.hypot(...expected);
  for (let d = 0; d < D; d++) assert.ok(Math.abs(vectors[d] - expected[d] / length) < 1e-6);
});

test('networks are the /24 and the /48 with a vector, and how many accounts use each', () => {
  const { all, ids, sizes, vectors } = run(networkPoints(model, 10));
  const names = Array.from(ids, (row) => {
    const { words, length } = networkOfRow(model.weights.prefixes, row);
    return `${formatAddress(words)}/${length}`;
  });
  assert.equal(all, 3);
  assert.deepEqual(
    names.map((name, i) => `${name} of ${sizes[i]}`),
    ['9.1.1.0/24 of 4', '2001:db8:7::/48 of 2', '9.1.2.0/24 of 1'],
  );
  // The vector of the /48 itself, not of the /56 that its first address is in.
  const expected = new Float32Array(D);
  model.neural.readAddressVector(parseAddress('2001:db8:7:ff00::')!, 0, expected);
  const length = Math.hypot(...expected);
  for (let d = 0; d < D; d++) assert.ok(Math.abs(vectors[D + d] - expected[d] / length) < 1e-6);
});

test('an account that came after the training has no point', () => {
  const [low, high] = hashEntity('late');
  model.add(low, high, parseAddress('9.1.1.1')!, 0, Number.NaN);
  assert.equal(run(accountPoints(model, 10)).all, 4);
});
