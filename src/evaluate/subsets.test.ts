import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { collectEvents } from '../index.ts';
import { AccountHistory } from './history.ts';
import {
  HISTORY_ROWS,
  historyRow,
  NOVELTIES,
  novelty,
  positionsByHistory,
  positionsByNovelty,
} from './subsets.ts';

const train = collectEvents([
  { entity: 'both', address: '10.1.2.3' },
  { entity: 'both', address: '2001:db8:1::1' },
  ...Array.from({ length: 4 }, (_, i) => ({ entity: 'four', address: `10.1.0.${i}` })),
]);
const history = new AccountHistory(train);

/** Events with the numbers of the training events' dictionary. */
const laterEvents = (rows: [string, string][]) =>
  collectEvents(
    rows.map(([entity, address]) => ({ entity, address })),
    train.entities,
  );

test('an address is used before, or new in a /16 (IPv6: /32) that was, or far from all', () => {
  const expected: [string, string, string][] = [
    ['both', '10.1.2.3', 'same_address'],
    ['both', '10.1.255.255', 'new_nearby'],
    ['both', '10.0.2.3', 'new_far'],
    ['both', '10.2.2.3', 'new_far'],
    ['both', '2001:db8:1::1', 'same_address'],
    ['both', '2001:db8:ffff::1', 'new_nearby'],
    ['both', '2001:db9:1::1', 'new_far'],
    // Of the other family than all that it used.
    ['four', '2001:db8:1::1', 'new_far'],
    ['four', '10.1.0.3', 'same_address'],
    ['nobody', '10.1.2.3', 'new_far'],
  ];
  const events = laterEvents(expected.map(([entity, address]) => [entity, address]));
  for (const [i, [entity, address, kind]] of expected.entries())
    assert.equal(novelty(history, events.entity[i], events.addresses, i), kind, `${entity} ${address}`);
  const positions = positionsByNovelty(history, events);
  for (const { novelty } of NOVELTIES) {
    assert.deepEqual(
      [...positions[novelty]],
      expected.flatMap(([, , kind], i) => (kind === novelty ? [i] : [])),
    );
  }
});

test('rows by training events: 1–3, 4–10, 11–30, more; none without history', () => {
  const table = [
    [0, -1],
    [1, 0],
    [3, 0],
    [4, 1],
    [10, 1],
    [11, 2],
    [30, 2],
    [31, 3],
    [1e9, 3],
  ];
  for (const [events, row] of table) assert.equal(historyRow(events), row, `${events}`);
  const events = laterEvents([
    ['four', '1.1.1.1'],
    ['nobody', '1.1.1.1'],
    ['both', '1.1.1.1'],
    ['four', '1.1.1.2'],
  ]);
  assert.deepEqual(
    positionsByHistory(history, events).map((row) => [...row]),
    [[2], [0, 3], [], []],
  );
  assert.equal(positionsByHistory(history, events).length, HISTORY_ROWS.length);
});

test('every event has one novelty, whatever the history says', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1, max: 32 })), (bits) => {
      const events = collectEvents(bits.map((_, i) => ({ entity: 'u', address: `10.0.0.${i}` })));
      const known = { eventsOf: () => 1, sharedBits: (_: number, __: unknown, index: number) => bits[index] };
      const positions = Object.values(positionsByNovelty(known, events)).flatMap((row) => [...row]);
      assert.deepEqual(
        positions.sort((a, b) => a - b),
        bits.map((_, i) => i),
      );
    }),
  );
});
