import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitWeights } from '../history/expectation.ts';
import { expertCount, experts, weightsOf } from '../history/mixture.ts';
import { type AccessEvent, collectEvents } from '../index.ts';
import { isBytes } from '../neural/network.ts';
import { RandomStream } from '../random/philox.ts';
import type { Model } from './model.ts';
import { written } from './sampleModelFile.ts';
import { trainModel } from './trainModel.ts';
import { updateModel } from './updateModel.ts';

const START = 1541289600;
const DAY = 86_400;
const NOW = START + 100 * DAY;

/** 20 accounts, each in a /16 of its own, for ten days. */
function events(): AccessEvent[] {
  const random = new RandomStream(1, 0);
  return Array.from({ length: 1000 }, (_, i) => ({
    entity: `user_${i % 20}`,
    address: `9.${i % 20}.${random.below(8)}.${random.below(250)}`,
    time: START + i * 864,
  }));
}
const train = (quantize = false): Promise<Model> =>
  trainModel(collectEvents(events()), {
    hyperparameters: { vectorDim: 4, epochs: 1, miniBatchSize: 100 },
    threads: 1,
    quantize,
  });

const update = (model: Model, list: AccessEvent[]) => updateModel(model, collectEvents(list), NOW);
const later = (entity: string, address: string, minutes = 1): AccessEvent => ({
  entity,
  address,
  time: START + 11 * DAY + minutes * 60,
});

/** λ of an account, by name. */
function lambdaOf(model: Model, name: string): number[] {
  const entity = model.seen.numbersOf(collectEvents([later(name, '9.9.9.9')]).entities)[0];
  const scratch = new Float64Array(expertCount(model.history.rungs));
  return [...weightsOf(model.mixture, entity, model.history.placesOf(entity), scratch)];
}

test("an account's weights learn each new place once, beside 20 that stand for the earlier ones; no other's change", async () => {
  const before = await train();
  const { history, mixture } = before;
  const places = ['77.0.0.1', '9.1.200.7'];
  const list = collectEvents(places.map((address) => later('user_1', address)));
  const entity = before.seen.numbersOf(list.entities)[0];
  const X = expertCount(history.rungs);
  const ratios = new Float64Array(places.length * X);
  const view = history.view();
  for (let i = 0; i < places.length; i++) {
    history.look(entity, list.addresses, i, view);
    experts(view, history.population, mixture.background, ratios.subarray(i * X, (i + 1) * X));
  }
  const base = Float64Array.from(lambdaOf(before, 'user_1'));
  const expected = fitWeights(
    { count: 2, experts: X, ratios },
    [0, 1],
    Float64Array.of(1, 1),
    base,
    base.map((lambda) => lambda * 20),
  );
  const others = Array.from({ length: 20 }, (_, u) => lambdaOf(before, `user_${u}`));

  const { model: after } = update(before, [
    later('user_1', places[0]),
    later('user_1', places[0], 2),
    later('user_1', places[1], 3),
    later('user_1', places[0], 4),
  ]);
  for (const [x, lambda] of lambdaOf(after, 'user_1').entries()) {
    // A weight of an account is a byte, which is right to 4.4 %, and never below 2^-15.9.
    assert.ok(Math.abs(lambda - expected[x]) <= 0.045 * expected[x] + 2 ** -15, `expert ${x}`);
  }
  for (const [u, lambda] of others.entries()) {
    if (u !== 1) assert.deepEqual(lambdaOf(after, `user_${u}`), lambda, `user_${u}`);
  }
});

test('events of before the last one and of the future are left out; those without a time and of the last second are not', async () => {
  const before = await train();
  const last = before.card.data.lastTime!;
  const { model, summary } = update(before, [
    { entity: 'user_1', address: '9.1.0.1', time: last - 1 },
    { entity: 'user_1', address: '77.0.0.1', time: last },
    { entity: 'user_1', address: '77.0.0.2' },
    { entity: 'user_1', address: '77.0.0.3', time: NOW + DAY },
    { entity: 'user_1', address: '77.0.0.4', time: NOW + DAY + 1 },
    { entity: 'newcomer', address: '2001:db8::1', time: last + 1 },
  ]);
  assert.deepEqual(summary, {
    added: 4,
    newPlaces: 4,
    newAccounts: 1,
    older: 1,
    ahead: 1,
    unknownFamily: 1,
  });
  const { events, ipv4Events, ipv6Events, entities, eventsAdded, lastTime } = model.card.data;
  assert.deepEqual(
    { events, ipv4Events, ipv6Events, entities, eventsAdded, lastTime },
    {
      events: 1004,
      ipv4Events: 1003,
      ipv6Events: 1,
      entities: 21,
      eventsAdded: 4,
      lastTime: NOW + DAY,
    },
  );
});

test('vectors in 8 bits stay so, and two updates give the same file as the same two again', async () => {
  const twice = async () => {
    const first = update(await train(true), [later('user_1', '77.0.0.1')]).model;
    return update(first, [later('newcomer', '77.0.0.1', 2)]).model;
  };
  const model = await twice();
  assert.ok(isBytes(model.weights.entityVectors) && isBytes(model.weights.networkVectors));
  assert.deepEqual(written(await twice()), written(model));
});
