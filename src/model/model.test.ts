import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectEvents } from '../index.ts';
import { trainModel } from './trainModel.ts';

const events = collectEvents(
  ['alice', 'alice', 'bob', 'bob'].map((entity, i) => ({ entity, address: `10.0.${i >> 1}.${i}` })),
);
const model = await trainModel(events, { hyperparameters: { vectorDim: 4, epochs: 1 } });

const REFUSED: [unknown, unknown, string][] = [
  ['', '10.0.0.1', 'score: expected an entity, got "".'],
  [5, '10.0.0.1', 'score: expected an entity, got "5".'],
  ['alice', undefined, 'score: expected an IP address, got "undefined": it is not an IP address.'],
  ['alice', '10.0.0', 'score: expected an IP address, got "10.0.0": it has 3 parts, not 4.'],
];
for (const [entity, address, message] of REFUSED) {
  test(`refuses to score: ${message}`, () => {
    assert.throws(() => model.score(entity as string, address as string), { name: 'InputError', message });
  });
}

test('a hyperparameter that does not exist is refused by name', async () => {
  await assert.rejects(trainModel(events, { hyperparameters: { vectorDimm: 8 } as object }), {
    name: 'UsageError',
    message: /^hyperparameters: expected numEntityVectors, .*, got vectorDimm\.$/,
  });
});

test('high anomaly is strange: own networks are less so than others, and the threshold itself is suspicious', () => {
  const { anomaly } = model.score('alice', '10.0.1.2');
  assert.ok(model.score('alice', '10.0.0.1').anomaly < model.score('alice', '10.0.0.7').anomaly);
  assert.ok(model.score('alice', '10.0.0.7').anomaly < anomaly);
  assert.equal(model.score('alice', '10.0.1.2', anomaly).verdict, 'suspicious');
  assert.equal(model.score('alice', '10.0.1.2', anomaly + 1).verdict, 'ok');
  // Four events are too few for a threshold of the model's own.
  assert.equal(model.score('alice', '10.0.1.2').verdict, 'unknown');
});

test('a stranger and an address of an unseen family have no verdict, and reasons why', () => {
  const { verdict, reasons } = model.score('mallory', '2001:db8::1', 0);
  assert.equal(verdict, 'unknown');
  assert.deepEqual(
    reasons.map(({ code }) => code),
    ['special_address', 'entity_not_seen', 'address_family_not_seen'],
  );
});
