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

test('events not later than the last one and those of the future are left out and counted; those without a time are not', async () => {
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
    added: 3,
    newPlaces: 3,
    untimed: 1,
    newAccounts: 1,
    older: 2,
    ahead: 1,
    unknownFamily: 1,
  });
  const { events, ipv4Events, ipv6Events, entities, eventsAdded, lastTime } = model.card.data;
  assert.deepEqual(
    { events, ipv4Events, ipv6Events, entities, eventsAdded, lastTime },
    {
      events: 1003,
      ipv4Events: 1002,
      ipv6Events: 1,
      entities: 21,
      eventsAdded: 3,
      lastTime: NOW + DAY,
    },
  );
});

test('what is observed is in the card, and no update adds it again', async () => {
  const model = await train();
  const { time } = later('user_1', '77.0.0.1');
  model.observe('user_1', '77.0.0.1', time);
  model.observe('newcomer', '2001:db8::1', time);
  const { events, ipv6Events, entities, eventsAdded, lastTime } = model.card.data;
  assert.deepEqual([events, ipv6Events, entities, eventsAdded, lastTime], [1002, 1, 21, 2, time]);
  assert.throws(
    () => update(model, [later('user_1', '77.0.0.1')]),
    /^InputError: update: expected events later than the model's last one \(2018-11-15T00:01:00\.000Z\), got 1 older one and 0 more/,
  );
});

test('observe takes seconds since 1970 that are not in the future, or no time', async () => {
  const model = await train();
  for (const time of [Date.now(), -1, Number.NaN, Number.POSITIVE_INFINITY, Date.now() / 1000 + 2 * DAY]) {
    assert.throws(
      () => model.observe('user_1', '77.0.0.1', time),
      new RegExp(
        `^InputError: observe: expected seconds since 1970, at most a day ahead of this machine's clock, got ${time}\\.$`,
      ),
    );
  }
  assert.throws(() => model.observe('user_1', '77.0.0.1', new Date() as never), /observe: expected seconds/);
  assert.throws(() => model.observe('user_1', '77.0.0.1', null as never), /observe: expected seconds/);
  assert.equal(model.card.data.events, 1000);
  model.observe('user_1', '77.0.0.1');
  assert.equal(model.card.data.events, 1001);
});

test('with a half-life an update fades what is old, as a training on all events does', async () => {
  const halfLifeDays = 5;
  const options = {
    hyperparameters: { vectorDim: 4, epochs: 1, miniBatchSize: 100 },
    threads: 1,
    halfLifeDays,
  };
  const list = events();
  const moved = Array.from({ length: 30 }, (_, i) => ({
    entity: 'user_1',
    address: `88.0.0.${i}`,
    time: START + (40 + i / 30) * DAY,
  }));
  const { model } = update(await trainModel(collectEvents(list), options), moved);
  const whole = await trainModel(collectEvents([...list, ...moved]), options);
  assert.equal(model.card.mixture.referenceDay, whole.card.mixture.referenceDay);
  for (const of of [model, whole]) {
    of.score('user_1', '9.1.0.1');
    const { own, total } = of.scorer.view;
    // 30 days and more are six half-lives and more: 2^-6 of 50 places beside 30 new ones.
    assert.ok(own[1] / total < 0.03 && own[1] > 0, `${own[1]} of ${total}`);
  }
  const [updated, trained] = [model, whole].map(({ scorer }) => [...scorer.view.own, ...scorer.view.shares]);
  assert.deepEqual(updated, trained);
});

test('an account that has faded to next to nothing keeps its shares', async () => {
  const old = Array.from({ length: 100 }, (_, i) => ({
    entity: `old_${i % 2}`,
    address: `9.1.0.${i}`,
    time: START - 5000 * DAY + i,
  }));
  const model = await trainModel(collectEvents([...old, ...events()]), {
    hyperparameters: { vectorDim: 4, epochs: 1, miniBatchSize: 100 },
    threads: 1,
    halfLifeDays: 0.1,
  });
  assert.ok(written(model).length > 0);
  model.score('old_0', '9.1.0.1');
  const { own, total } = model.scorer.view;
  assert.ok(total > 0 && own[1] === total);
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
