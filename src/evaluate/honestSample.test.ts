import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { collectEvents } from '../index.ts';
import { chooseKnownEvents, chooseLabelledEvents, honestTraffic, splitHonestEvents } from './honestSample.ts';

test('evaluation and calibration are disjoint, equally large, and halves where events are few', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 300 }),
      fc.integer({ min: 1, max: 200 }),
      fc.nat(),
      (count, sample, seed) => {
        const { evaluation, calibration, outsideEvaluation } = splitHonestEvents(count, sample, seed, 'test');
        assert.equal(evaluation.length, Math.min(sample, count >> 1));
        assert.equal(calibration.length, evaluation.length);
        const all = [...evaluation, ...outsideEvaluation].sort((a, b) => a - b);
        assert.deepEqual(
          all,
          Array.from({ length: count }, (_, i) => i),
        );
        const outside = new Set(outsideEvaluation);
        assert.ok(calibration.every((place) => outside.has(place)));
      },
    ),
  );
});

test('events of unknown accounts are left out and counted', () => {
  const events = collectEvents([
    { entity: 'known', address: '1.0.0.1' },
    { entity: 'stranger', address: '1.0.0.2' },
    { entity: 'known', address: '1.0.0.3' },
  ]);
  const chosen = chooseKnownEvents(events, Uint8Array.of(1, 0), 'test.csv', 'train.csv');
  assert.deepEqual(chosen.counts, { events: 3, eventsOfKnownAccounts: 2, eventsLeftOut: 1 });
  assert.deepEqual([...chosen.events.entity], [0, 0]);
});

test('labelled events are set apart by label and by kind', () => {
  const events = collectEvents(
    Array.from({ length: 6 }, (_, i) => ({ entity: i === 5 ? 'x' : 'a', address: `1.0.0.${i}` })),
  );
  const chosen = chooseLabelledEvents(
    {
      events,
      labels: Uint8Array.of(0, 1, 1, 1, 0, 1),
      kinds: ['', 'swap', 'pop', 'swap', '', 'x'],
    },
    Uint8Array.of(1, 0),
    'labelled.csv',
    'train.csv',
  );
  assert.deepEqual(chosen.counts, { events: 6, eventsOfKnownAccounts: 5, eventsLeftOut: 1 });
  assert.deepEqual([chosen.honest.count, chosen.attacks.count], [2, 3]);
  assert.deepEqual(chosen.honestKinds, []);
  assert.deepEqual(
    chosen.attackKinds.map(([kind, { count }]) => [kind, count]),
    [
      ['pop', 1],
      ['swap', 2],
    ],
  );
});

test('traffic a day needs a time on every event, and an hour at least', () => {
  const at = (...times: (number | undefined)[]) =>
    honestTraffic(
      collectEvents(
        times.map((time) => ({ entity: 'a', address: '1.2.3.4', ...(time === undefined ? {} : { time }) })),
      ),
      'test.csv',
    );
  assert.deepEqual(at(0, 86400, 43200, 172800), { days: 2, eventsPerDay: 2 });
  assert.equal(at(undefined), 'none of the events in test.csv have a time (third column)');
  assert.equal(at(0, undefined, 90000), 'not all of the events in test.csv have a time (third column)');
  assert.equal(at(5, 5, 3604), 'the events in test.csv span less than an hour');
});
