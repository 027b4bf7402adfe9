import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectEvents } from '../index.ts';
import { withoutFuture } from './future.ts';

const NOW = 1_700_000_000;

test('events more than a day ahead are left out and counted, those without a time are kept', () => {
  const events = collectEvents(
    [NOW, undefined, NOW + 86_400, NOW + 86_401, Number.POSITIVE_INFINITY].map((time, i) => ({
      entity: `u${i}`,
      address: `10.0.0.${i}`,
      ...(time === undefined ? {} : { time }),
    })),
  );
  const { events: past, ahead } = withoutFuture(events, NOW);
  assert.equal(ahead, 2);
  assert.deepEqual(
    [...past.entity].map((e) => past.entities.name(e)),
    ['u0', 'u1', 'u2'],
  );
});

test('where none lies ahead the events are the same, not a copy', () => {
  const events = collectEvents([{ entity: 'a', address: '10.0.0.1', time: NOW }]);
  assert.equal(withoutFuture(events, NOW).events, events);
});
