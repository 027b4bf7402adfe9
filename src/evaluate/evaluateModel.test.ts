import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRanges } from '../addresses/ranges.ts';
import { thresholdTable } from '../decide/thresholds.ts';
import { type Events, selectEvents } from '../events/events.ts';
import { simulateEvents } from '../events/simulate/simulateLog.ts';
import type { ProvidersTruth } from '../events/simulate/truth.ts';
import { TutorialWorld } from '../events/simulate/tutorial.ts';
import { collectEvents } from '../index.ts';
import { trainModel } from '../model/trainModel.ts';
import { countAtLeast } from '../ranking/roc.ts';
import { evaluateModel } from './evaluateModel.ts';
import type { Evaluation, EvaluationData } from './evaluation.ts';
import { metricsObject } from './metrics.ts';

/** 60,000 ranges of 256 addresses: /24 after /24 from 1.0.0.0. */
const RANGES = 60_000;
const list = Array.from({ length: RANGES }, (_, i) => {
  const first = 2 ** 24 + i * 256;
  return `${first},${first + 255},${1 + (i >> 4)}`;
}).join('\n');
const ranges = parseRanges(new TextEncoder().encode(list), 'ranges.csv');
const identity = { name: 'ranges.csv', sha256: 'ab'.repeat(32), count: RANGES };
const endSeconds = Date.UTC(2018, 10, 14) / 1000;
const world = new TutorialWorld({ users: 300, seed: 4, days: 10, endSeconds }, ranges, identity);
const all = simulateEvents(world);
const splitSeconds = endSeconds - 3 * 86400;
const before = (events: Events, isBefore: boolean) =>
  selectEvents(
    events,
    Array.from({ length: events.count }, (_, i) => i).filter(
      (i) => events.time[i] < splitSeconds === isBefore,
    ),
  );
const train = before(all, true);
const test3Days = before(all, false);
const model = await trainModel(train, {
  hyperparameters: {
    numEntityVectors: 600,
    vectorDim: 16,
    epochs: 2,
    learningRate: 0.05,
    miniBatchSize: 500,
    numIpEncoderLayers: 0,
    randomNegativeSamplingRate: 3,
  },
});
const data: EvaluationData = { train, test: test3Days, ranges: { ranges, identity }, truth: world.truth() };
const evaluation = evaluateModel(model, data, { sampleSize: 5000 });

const against = ({ comparisons }: Evaluation, attacker: string) =>
  comparisons.find((one) => one.attacker === attacker && one.honestKind === null)!;
const areas = (one: Evaluation, attacker: string) =>
  Object.fromEntries(
    against(one, attacker).detectors.map(({ detector, areaUnderCurve }) => [detector, areaUnderCurve]),
  );

test('no detector passes the oracle, and every detector beats a coin where it should', () => {
  for (const attacker of ['announced', 'swap']) {
    const { oracle, ...others } = areas(evaluation, attacker);
    // The variance of an AUC A from N events of each side is at most A (1 − A) / N (Van Dantzig 1951).
    const sampling = 5 * Math.sqrt((oracle * (1 - oracle)) / 5000);
    for (const [detector, area] of Object.entries(others)) {
      assert.ok(area <= oracle + sampling, `${detector} against ${attacker}: ${area}, oracle ${oracle}`);
      if (detector !== 'popularity') assert.ok(area > 0.5, `${detector} against ${attacker}: ${area}`);
    }
    assert.ok(others.neural > 0.9 && others.longest_shared_prefix > 0.9);
  }
  assert.equal(evaluation.discriminatorAuc, areas(evaluation, 'octets').neural);
  assert.deepEqual(evaluation.notes, []);
});

test('popularity, which ignores the account, does not tell a swap from an honest event', () => {
  // Standard error of an AUC of two samples of N: √((2N + 1) / (12 N²)).
  const N = evaluation.honest.evaluation.length;
  const error = Math.sqrt((2 * N + 1) / (12 * N * N));
  assert.ok(Math.abs(areas(evaluation, 'swap').popularity - 0.5) < 5 * error);
});

test('the figures are those of the scores; the same seed gives the same, another seed others', () => {
  const { model: ranked, detectors, honestEvents } = against(evaluation, 'announced');
  assert.equal(honestEvents, 5000);
  for (const point of [...detectors[0].atFalsePositiveRate, ...detectors[0].atTruePositiveRate]) {
    assert.equal(point.truePositiveRate, countAtLeast(ranked.attacks, point.threshold) / 5000);
    assert.equal(point.falsePositiveRate, countAtLeast(ranked.honest, point.threshold) / 5000);
  }
  const json = (one: Evaluation) => JSON.stringify(metricsObject(one, thresholdTable(one)));
  const again = evaluateModel(model, data, { sampleSize: 5000 });
  assert.equal(json(again), json(evaluation));
  const other = evaluateModel(model, data, { sampleSize: 5000, seed: 2 });
  assert.notEqual(json(other), json(evaluation));
});

test('the strangest events are sorted, one for each account, and say what is usual', () => {
  const { strangestHonest } = evaluation;
  assert.equal(strangestHonest.length, 15);
  assert.equal(new Set(strangestHonest.map(({ entity }) => entity)).size, 15);
  for (const [i, { anomaly, habit, time }] of strangestHonest.entries()) {
    if (i > 0) assert.ok(anomaly <= strangestHonest[i - 1].anomaly);
    assert.ok(time! >= splitSeconds && time! < endSeconds);
    assert.ok(habit.networkShare > 0 && habit.networkShare <= 1);
    assert.ok(habit.network.endsWith('.0/24'));
  }
});

/** Honest test events, and for each an attack from an address that nobody uses. */
const labelled = {
  events: collectEvents(
    Array.from({ length: 400 }, (_, i) => ({
      entity: test3Days.entities.name(test3Days.entity[i >> 1]),
      address: i % 2 === 0 ? `1.${i & 127}.7.7` : `203.0.${i & 255}.9`,
    })),
  ),
  labels: Uint8Array.from({ length: 400 }, (_, i) => i % 2),
  kinds: Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? `honest ${i % 3}` : `attack ${i % 3}`)),
};
// One dictionary for all, as evaluateModel wants it.
const dictionary = train.entities;
labelled.events = {
  ...labelled.events,
  entities: dictionary,
  entity: labelled.events.entity.map((e) => dictionary.find(labelled.events.entities.name(e))),
};

test('labelled events alone stand in for a test: each kind apart and all together, labelled first', () => {
  const alone = evaluateModel(model, { train, labelled });
  assert.equal(alone.comparisons[0].attacker, 'labelled');
  const kinds = alone.comparisons.filter(({ attacker }) => attacker.startsWith('labelled'));
  assert.equal(kinds.length, 4 * 4);
  assert.deepEqual(
    [...new Set(kinds.map(({ honestKind }) => honestKind))],
    [null, 'honest 0', 'honest 1', 'honest 2'],
  );
  assert.equal(
    kinds.filter(({ honestKind }) => honestKind === null).reduce((sum, one) => sum + one.attackEvents, 0),
    400,
  );
  assert.deepEqual(alone.labelled, {
    events: 400,
    eventsOfKnownAccounts: 400,
    eventsLeftOut: 0,
    honest: 200,
    attacks: 200,
  });
  assert.equal(alone.honest.evaluation.length, 100);
  assert.equal(alone.comparisons[0].unusedHonest, alone.honest.evaluation);
  assert.deepEqual(alone.notes, [
    'No attacks from announced ranges: there is no list of ranges. Name one with --ranges.',
    'No thresholds by alerts a day: only test events (--test) hold all honest traffic.',
  ]);
  const both = evaluateModel(model, { ...data, labelled }, { sampleSize: 1000 });
  assert.deepEqual(
    both.comparisons.slice(0, 5).map(({ attacker }) => attacker),
    ['announced', 'octets', 'swap', 'same_provider', 'labelled'],
  );
  assert.equal(both.comparisons[4].unusedHonest.length, 200);
  assert.ok(both.comparisons[4].detectors.every(({ detector }) => detector !== 'oracle'));
});

test('what cannot be judged is refused with the reason', () => {
  const strangers = collectEvents([{ entity: 'nobody', address: '1.2.3.4' }]);
  const foreign: Events = {
    ...strangers,
    entities: dictionary,
    entity: Uint32Array.of(dictionary.add(new TextEncoder().encode('nobody'))),
  };
  const otherTruth = { ...world.truth(), ranges: { ...identity, sha256: 'cd'.repeat(32) } };
  const otherWorld = new TutorialWorld({ users: 300, seed: 5, days: 10, endSeconds }, ranges, identity);
  const honestOnly = { ...labelled, labels: new Uint8Array(400) };
  const attacksOnly = { ...labelled, labels: new Uint8Array(400).fill(1) };
  const one = selectEvents(test3Days, [0]);
  const table: [EvaluationData, string | RegExp][] = [
    [
      { train, test: strangers },
      'evaluate: expected events that share the dictionary of the training events, got another one. Read or collect them with train.entities.',
    ],
    [{ train }, 'evaluate: expected test events or labelled events, got neither.'],
    [
      { train, test: foreign },
      'the test events: expected events of accounts seen in training, got 1 event of other accounts only. Check that the training events and the test events name accounts in the same way.',
    ],
    [
      { train: foreign, test: test3Days },
      'the model: expected a model trained on the training events, got one that has seen none of its 1 account. Name the file that it was trained on with --train.',
    ],
    [
      { train, test: one },
      'the test events: expected at least 2 honest events of accounts seen in training (one to set thresholds, one to measure), got 1.',
    ],
    [
      { train, labelled: honestOnly },
      'the labelled events: expected honest events (label 0) and attacks (label 1), got honest events only.',
    ],
    [
      { train, labelled: attacksOnly },
      'the labelled events: expected honest events (label 0) and attacks (label 1), got attacks only.',
    ],
    [
      { train, test: test3Days, truth: world.truth() },
      'the truth: the oracle needs the list of ranges that the log was simulated with. Name it with --ranges.',
    ],
    [
      { ...data, truth: otherTruth },
      `the truth was made with the ranges of ranges.csv (SHA-256 cdcdcdcdcdcd…, 60000 ranges), got a list with SHA-256 abababababab… and 60000 ranges. Name the same list with --ranges, or simulate again.`,
    ],
    [
      { ...data, truth: otherWorld.truth() },
      /^the truth: expected the truth of the log behind the test events, but only \d+ % of the honest events there are near the home or work of their account\. Name the truth file that was written beside that log\.$/,
    ],
  ];
  for (const [input, message] of table) {
    assert.throws(() => evaluateModel(model, input), { name: 'InputError', message });
  }
});

test('a world without a limit is told, not refused', () => {
  const { seed, startSeconds } = world.truth();
  const header = { seed, startSeconds, endSeconds, ranges: identity, ranges6: identity };
  const truth: ProvidersTruth = { ...header, world: 'providers', places: [], accounts: [] };
  const { notes, detectors } = evaluateModel(model, { ...data, truth }, { sampleSize: 100 });
  assert.deepEqual(notes, [
    'No oracle: the world "providers" of the truth has no known limit, as leases make the logins of an account depend on each other.',
  ]);
  assert.ok(detectors.every(({ id }) => id !== 'oracle'));
});
