/** Models that observe events: whose scores change, what a file keeps. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashEntity } from '../events/entityHash.ts';
import { type AccessEvent, collectEvents } from '../index.ts';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import { compacted } from './compact.ts';
import type { Model } from './model.ts';
import { read, written } from './sampleModelFile.ts';
import { trainModel } from './trainModel.ts';

const DAY = 86_400;
const START = 17_800 * DAY;

/** 30 accounts of both families, each mostly at home in a network of its own, over 20 days. */
function events(): AccessEvent[] {
  const random = new RandomStream(1, PURPOSE.simulation);
  return Array.from({ length: 900 }, (_, i) => {
    const account = random.below(30);
    const host = random.below(200);
    const network = random.uniform() < 0.9 ? account : random.below(30);
    const address =
      network % 5 === 0 ? `2001:db8:${network}:${host}::1` : `${20 + network}.1.${network}.${host}`;
    return { entity: `user_${account}`, address, time: START + (i / 900) * 20 * DAY };
  });
}

const train = (halfLifeDays?: number) =>
  trainModel(collectEvents(events()), {
    hyperparameters: { vectorDim: 4, epochs: 1, miniBatchSize: 50, learningRate: 0.05 },
    threads: 1,
    ...(halfLifeDays === undefined ? {} : { halfLifeDays }),
  });

const trained = await train();
const file = written(trained);
/** The same model, for a test to teach. */
const fresh = () => read(file);

const asked = ['20.1.0.7', '21.1.1.7', '26.1.6.250', '8.8.8.8', '2001:db8:5:7::', '2001:db8:ffff::1'];

const figures = (model: Model, accounts: string[]) =>
  accounts.map((entity) =>
    asked.map((address) => {
      const { anomaly, dotProduct, pValue, verdict } = model.score(entity, address);
      return { anomaly, dotProduct, pValue, verdict };
    }),
  );

const others = ['user_0', 'user_2', 'user_5', 'user_29', 'stranger'];

test("what one account observes changes no other account's score, to the last bit", () => {
  const model = fresh();
  const before = figures(model, others);
  for (let i = 0; i < 300; i++) {
    model.observe('user_1', asked[i % asked.length], START + 21 * DAY);
    model.observe('somebody_new', `21.1.1.${i % 250}`, START + 21 * DAY);
    model.observe('user_1', `8.8.${i % 100}.1`);
  }
  assert.deepEqual(figures(model, others), before);
});

test('an observed place becomes less strange, and says that it was used', () => {
  for (const address of asked) {
    const model = fresh();
    const before = model.score('user_1', address);
    assert.ok(!before.reasons.some(({ code }) => code === 'place_used'));
    model.observe('user_1', address, START + 21 * DAY);
    const after = model.score('user_1', address);
    assert.ok(after.anomaly < before.anomaly, `${address}: ${before.anomaly} → ${after.anomaly}`);
    const [low, high] = hashEntity('user_1');
    const events = fresh().history.eventsOf(fresh().seen.find(low, high)) + 1;
    assert.ok(
      after.reasons.some(({ sentence }) =>
        sentence.includes(`for 1 of its ${events} events, last on 2018-10-17.`),
      ),
      JSON.stringify(after.reasons),
    );
  }
});

test('somebody new has a history from the first observed event on', () => {
  const model = fresh();
  const before = model.score('somebody_new', '21.1.1.7');
  assert.ok(before.reasons.some(({ code }) => code === 'entity_not_seen'));
  model.observe('somebody_new', '21.1.1.7');
  const after = model.score('somebody_new', '21.1.1.7');
  assert.ok(after.anomaly < before.anomaly);
  assert.ok(!after.reasons.some(({ code }) => code === 'entity_not_seen'));
});

/** Address, events and day of each place of an account. */
function placesOf(model: Model, name: string): number[][] {
  const [low, high] = hashEntity(name);
  const entity = model.seen.find(low, high);
  const { places } = model.history;
  return [true, false].flatMap((ipv4) => {
    const { columns, from, to } = places.find(entity, ipv4, places.segment());
    return Array.from({ length: to - from }, (_, i) => {
      const at = from + i;
      return [columns.high[at], ipv4 ? -1 : columns.low[at], columns.events[at], columns.day[at]];
    });
  });
}

test("saving and loading keeps each account's own history and weights, whoever was added", () => {
  const model = fresh();
  for (let i = 0; i < 40; i++) {
    model.observe(`new_${i}`, `21.1.${i}.7`, START + (i + 1) * DAY);
    model.observe('user_1', `2001:db8:77:${i}::`, START + i * DAY);
    model.observe('user_2', asked[1]);
  }
  const loaded = read(written(model));
  const names = [...Array(30).keys()].map((i) => `user_${i}`);
  const [mine, theirs] = [new Float64Array(13), new Float64Array(13)];
  for (const name of [...names, ...[...Array(40).keys()].map((i) => `new_${i}`), 'nobody']) {
    assert.deepEqual(placesOf(loaded, name), placesOf(model, name), name);
    const [low, high] = hashEntity(name);
    const [before, after] = [model.seen.find(low, high), loaded.seen.find(low, high)];
    assert.equal(loaded.history.eventsOf(after), model.history.eventsOf(before));
    assert.equal(loaded.mixture.accounts.read(after, theirs), model.mixture.accounts.read(before, mine));
    assert.deepEqual(theirs, mine);
  }
  assert.equal(loaded.seen.count, 70);
  assert.ok(loaded.seen.isSorted);
});

test('what is loaded scores as the compacted model does, to the last bit, and compacts to itself', () => {
  const model = fresh();
  model.observe('user_1', '8.8.8.8', START + 30 * DAY);
  model.observe('somebody_new', '2001:db8:5:7::');
  const accounts = [...others, 'user_1', 'somebody_new'];
  const whole = compacted(model);
  const loaded = read(written(model));
  assert.deepEqual(figures(loaded, accounts), figures(whole, accounts));
  assert.equal(compacted(whole), whole);
  assert.deepEqual(written(loaded), written(model));
});

test('what was observed is part of what is common once the model is saved', () => {
  const model = fresh();
  const accounts = model.history.population.accounts;
  model.observe('somebody_new', '8.8.8.8');
  assert.equal(model.history.population.accounts, accounts);
  const loaded = read(written(model));
  assert.equal(loaded.history.population.accounts, accounts + 1);
  assert.ok(loaded.score('another', '8.8.8.8').anomaly < model.score('another', '8.8.8.8').anomaly);
});

test('a model that observed nothing is written byte for byte the same, and is compacted already', () => {
  const model = fresh();
  assert.equal(compacted(model), model);
  assert.deepEqual(written(model), file);
  figures(model, others);
  assert.deepEqual(written(model), file, 'scoring teaches nothing');
});

test('a repeat alone is saved too', () => {
  const model = fresh();
  const [address] = events()
    .filter(({ entity }) => entity === 'user_1')
    .map((event) => event.address);
  const before = placesOf(model, 'user_1');
  model.observe('user_1', address, START + 40 * DAY);
  const after = placesOf(read(written(model)), 'user_1');
  const changed = after.filter((place, i) => JSON.stringify(place) !== JSON.stringify(before[i]));
  assert.deepEqual([after.length, changed.length, changed[0][3]], [before.length, 1, 17_840]);
});

test("with a half-life, observing changes no other account's score either", async () => {
  const model = await train(7);
  const before = figures(model, others);
  for (const event of events())
    if (event.entity === 'user_1') model.observe('user_1', event.address, START + 25 * DAY);
  for (const address of asked) model.observe('user_1', address, START + 25 * DAY);
  assert.deepEqual(figures(model, others), before);
});

for (const [entity, address, message] of [
  ['', '10.0.0.1', 'observe: expected an entity, got "".'],
  ['alice', '10.0.0', 'observe: expected an IP address, got "10.0.0": it has 3 parts, not 4.'],
]) {
  test(`refuses to observe: ${message}`, () => {
    assert.throws(() => fresh().observe(entity, address), { name: 'InputError', message });
  });
}
