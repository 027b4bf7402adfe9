import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectEvents } from '../index.ts';
import { readModel, writeModel } from './modelFile.ts';
import { trainingIdentity } from './trainingIdentity.ts';
import { trainModel } from './trainModel.ts';

const logins = (shift: number) =>
  Array.from({ length: 120 }, (_, i) => ({
    entity: `user_${i % 6}`,
    address: `10.${i % 6}.${(i + shift) % 5}.${i % 90}`,
    time: 1_541_000_000 + i * 900,
  }));
const trained = (shift: number, seed: number) =>
  trainModel(collectEvents(logins(shift)), { hyperparameters: { vectorDim: 4, epochs: 1 }, seed });

test('a model keeps its identity through its file, an observed event and another threshold', async () => {
  const model = await trained(0, 1);
  const identity = trainingIdentity(model.card);
  assert.match(identity, /^[\da-f]{64}$/);
  const pieces: Uint8Array[] = [];
  writeModel(model, (bytes) => pieces.push(bytes.slice()));
  const read = readModel(Buffer.concat(pieces), 'the model');
  assert.equal(trainingIdentity(read.card), identity);
  read.observe('user_1', '10.9.9.9', 1_541_200_000);
  const threshold = { anomaly: 1, rule: 'max_fpr' as const, limit: 0.5, falsePositiveRate: 0.5 };
  assert.equal(trainingIdentity({ ...read.card, threshold }), identity);
});

test('other events and another seed make another model', async () => {
  const identities = [await trained(0, 1), await trained(1, 1), await trained(0, 2)].map(({ card }) =>
    trainingIdentity(card),
  );
  assert.equal(new Set(identities).size, 3);
});
