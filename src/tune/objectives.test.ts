import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../addresses/address.ts';
import { type Events, EventsBuilder } from '../events/events.ts';
import { trainModel } from '../model/trainModel.ts';
import { PrefixTable } from '../neural/prefixes.ts';
import { rankScores } from '../ranking/roc.ts';
import { type JudgedOptions, judgedEvents } from './judgedEvents.ts';
import { judgedObjectives, judgeModel } from './judgeModel.ts';
import { OBJECTIVE_WORDS, parseObjective } from './objectives.ts';
import { TrialGround } from './trialTraining.ts';

const OPTIONS: JudgedOptions = { seed: 1, sampleSize: 1000, name: 'valid.csv' };

function eventsOf(pairs: [entity: string, address: string][]): Events {
  const builder = new EventsBuilder();
  for (const [entity, address] of pairs) {
    const name = new TextEncoder().encode(entity);
    builder.add(name, 0, name.length, parseAddress(address)!, Number.NaN);
  }
  return builder.build();
}

/** `count` events of 20 accounts, each at home in a network of its own. */
const loginsOf = (count: number, host: number): Events =>
  eventsOf(
    Array.from({ length: count }, (_, i) => [
      `user_${i % 20}`,
      `10.${i % 20}.${(i * 7) % 3}.${host + (i % 97)}`,
    ]),
  );

const TRAIN = loginsOf(900, 1);
const LATER = loginsOf(300, 120);
const PREFIXES = PrefixTable.build(TRAIN.addresses);
const H = { vectorDim: 8, epochs: 3, miniBatchSize: 32, learningRate: 0.05 };

for (const [text, name, direction] of [
  ['discriminator_auc', 'discriminator_auc', 'maximise'],
  ['swap_auc', 'swap_auc', 'maximise'],
  ['auc', 'swap_auc', 'maximise'],
  ['octets_auc', 'octets_auc', 'maximise'],
  ['new_swap_auc', 'new_swap_auc', 'maximise'],
  ['fpr_at_tpr_.99', 'swap_fpr_at_tpr_.99', 'minimise'],
  ['fpr_at_tpr_0.999', 'swap_fpr_at_tpr_.999', 'minimise'],
  ['new_octets_fpr_at_tpr_.9', 'new_octets_fpr_at_tpr_.9', 'minimise'],
] as const) {
  test(`the objective ${text} is ${name}`, () => {
    const objective = parseObjective(text);
    assert.equal(objective.name, name);
    assert.equal(objective.direction, direction);
    assert.equal(parseObjective(name).name, name);
  });
}

for (const text of ['', 'accuracy', 'fpr_at_tpr_1', 'fpr_at_tpr_.0', 'new_discriminator_auc', 'swap_auc ']) {
  test(`${JSON.stringify(text)} is no objective`, () => {
    assert.throws(() => parseObjective(text), {
      name: 'UsageError',
      message: `--objective: expected ${OBJECTIVE_WORDS}, got ${JSON.stringify(text)}.`,
    });
  });
}

test('objectives of scores that are worked out by hand', () => {
  const ranked = rankScores([0.1, 0.2, 0.3, 0.9], [0.25, 0.8]);
  // Of 8 pairs the attack is stranger in 2 + 3.
  assert.equal(parseObjective('swap_auc').measure(ranked), 5 / 8);
  // Catching both attacks takes the threshold .25, which flags .3 and .9.
  assert.equal(parseObjective('fpr_at_tpr_.99').measure(ranked), 0.5);
  assert.equal(parseObjective('fpr_at_tpr_.5').measure(ranked), 0.25);
});

test("AWS's objective takes all records, others those of accounts seen in training, numbered as there", () => {
  const validation = eventsOf([
    ['stranger', '10.1.0.1'],
    ['user_3', '10.3.0.200'],
    ['user_4', '10.4.0.200'],
  ]);
  const discriminated = judgedEvents(
    parseObjective('discriminator_auc'),
    validation,
    TRAIN,
    PREFIXES,
    OPTIONS,
  );
  assert.equal(discriminated.honest.count, 3);
  assert.deepEqual([...discriminated.attacks.entity], [0, 1, 2]);
  const swap = judgedEvents(parseObjective('swap_auc'), validation, TRAIN, PREFIXES, OPTIONS);
  assert.deepEqual([...swap.honest.entity], [3, 4]);
  // With two accounts each attack comes from the other one's address.
  assert.deepEqual([...swap.attacks.addresses.slice(0, 4)], [...swap.honest.addresses.slice(4, 8)]);
});

test('with new_ only addresses that are new to their account are judged', () => {
  const validation = eventsOf([
    ['user_0', '10.0.0.1'],
    ['user_1', '172.16.0.9'],
    ['user_2', '172.16.0.8'],
  ]);
  const judged = judgedEvents(parseObjective('new_swap_auc'), validation, TRAIN, PREFIXES, OPTIONS);
  assert.deepEqual([...judged.honest.entity], [1, 2]);
});

test('events that nothing can be measured on are refused', () => {
  const judge = (objective: string, events: Events) => () =>
    judgedEvents(parseObjective(objective), events, TRAIN, PREFIXES, OPTIONS);
  assert.throws(judge('discriminator_auc', eventsOf([])), {
    message: 'valid.csv: expected at least one event, got none.',
  });
  assert.throws(judge('swap_auc', eventsOf([['stranger', '10.0.0.1']])), {
    message:
      'valid.csv: expected events of accounts seen in training, got 1 event of other accounts only. Check that both files name accounts in the same way.',
  });
  assert.throws(judge('new_swap_auc', eventsOf([['user_0', '10.0.0.1']])), {
    message:
      'valid.csv: expected events from addresses new to their account, got none. Take an objective without new_.',
  });
  assert.throws(judge('swap_auc', eventsOf([['user_0', '10.0.0.1']])), {
    message:
      "valid.csv: expected events of several accounts, got one account only, so that there is no other one's address. Take --objective discriminator_auc.",
  });
});

for (const threads of [1, 3]) {
  test(`a trial's values with ${threads} threads are those of the model that is trained with its setting`, async () => {
    const objective = parseObjective('discriminator_auc');
    const ground = new TrialGround(TRAIN, LATER, objective, {
      seed: 5,
      sampleSize: 1000,
      validationName: 'v',
    });
    const values: number[] = [];
    const isWhole = await ground.train(H, threads, { onEpoch: (value) => values.push(value) > 0 });
    assert.equal(isWhole, true);
    const model = await trainModel(TRAIN, { hyperparameters: H, seed: 5, validation: LATER, threads: 2 });
    assert.deepEqual(
      values,
      model.card.history.map(({ discriminatorAuc }) => discriminatorAuc),
    );
    assert.ok(values[2] > 0.9, `${values}`);
  });
}

test("a model's row of validation figures begins with the value of its trial, for every objective", async () => {
  for (const name of ['discriminator_auc', 'swap_auc', 'new_octets_auc', 'fpr_at_tpr_.9']) {
    const objective = parseObjective(name);
    const ground = new TrialGround(TRAIN, LATER, objective, {
      seed: 5,
      sampleSize: 200,
      validationName: 'v',
    });
    let last = Number.NaN;
    await ground.train(H, 1, {
      onEpoch: (value) => {
        last = value;
        return true;
      },
    });
    const model = await trainModel(TRAIN, { hyperparameters: H, seed: 5 });
    const objectives = judgedObjectives(objective);
    const options = { seed: 5, sampleSize: 200, name: 'v' };
    const [dot, anomaly] = judgeModel(model, 'the best', 'validation', LATER, TRAIN, objectives, options);
    assert.equal(dot.values[0], last, name);
    assert.equal(dot.values.length, objectives.length);
    assert.ok(anomaly.values.every((value) => value !== null));
  }
});

test('a trial ends after the epoch that it was told to, and with the reason of its signal', async () => {
  const ground = new TrialGround(TRAIN, LATER, parseObjective('swap_auc'), {
    ...{ seed: 5, sampleSize: 1000, validationName: 'v' },
  });
  let epochs = 0;
  const isWhole = await ground.train(H, 2, { onEpoch: () => ++epochs < 2 });
  assert.deepEqual([isWhole, epochs], [false, 2]);
  const controller = new AbortController();
  const reason = new Error('enough of it');
  const aborted = ground.train(H, 2, {
    signal: controller.signal,
    onEpoch: () => {
      controller.abort(reason);
      return true;
    },
  });
  await assert.rejects(aborted, reason);
  await assert.rejects(ground.train(H, 2, { signal: controller.signal, onEpoch: () => true }), reason);
});
