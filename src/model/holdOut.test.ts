import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIpv4 } from '../addresses/address.ts';
import { collectEvents, type Events } from '../index.ts';
import { alone } from '../mpi/ranks.ts';
import { holdOut } from './holdOut.ts';

/** Events whose address tells their place in the list. */
const eventsOf = (times: number[]): Events =>
  collectEvents(times.map((time, i) => ({ entity: `u${i % 3}`, address: formatIpv4(0x08000000 + i), time })));

const positions = ({ addresses, count }: Events) =>
  Array.from({ length: count }, (_, i) => addresses[i * 4 + 3] - 0x08000000);

const someTimes = fc.array(fc.nat(10), { minLength: 1, maxLength: 60 });

test('the latest 30 % are held out, rounded down, and every event is in one part once', () => {
  fc.assert(
    fc.property(someTimes, fc.boolean(), fc.nat(5), (times, hasTimes, seed) => {
      const list = hasTimes ? times : times.map(() => Number.NaN);
      const { early, later, byTime } = holdOut(eventsOf(list), seed);
      assert.equal(byTime, hasTimes);
      assert.equal(later.count, Math.floor(times.length * 0.3));
      const both = [...positions(early), ...positions(later)].sort((a, b) => a - b);
      assert.deepEqual(both, [...times.keys()]);
    }),
  );
});

test('no early event is later than a later one; of one time those that come first are early; each part keeps its order', () => {
  fc.assert(
    fc.property(someTimes, (times) => {
      const { early, later } = holdOut(eventsOf(times), 1);
      const order = [...times.keys()].sort((a, b) => times[a] - times[b] || a - b);
      const border = early.count;
      assert.deepEqual(
        positions(early),
        order.slice(0, border).sort((a, b) => a - b),
      );
      assert.deepEqual(
        positions(later),
        order.slice(border).sort((a, b) => a - b),
      );
    }),
  );
});

test('one event without a time is enough to draw the later ones by the seed', () => {
  const times = Array.from({ length: 100 }, (_, i) => i);
  times[50] = Number.NaN;
  const [a, b, other] = [1, 1, 2].map((seed) => holdOut(eventsOf(times), seed));
  assert.equal(a.byTime, false);
  assert.deepEqual(positions(a.later), positions(b.later));
  assert.notDeepEqual(positions(a.later), positions(other.later));
  assert.notDeepEqual(
    positions(a.later),
    Array.from({ length: 30 }, (_, i) => 70 + i),
  );
});

test('three events are too few to hold one out', () => {
  const { early, later } = holdOut(eventsOf([1, 2, 3]), 1);
  assert.deepEqual([early.count, later.count], [3, 0]);
});

test('both parts number entities by the same dictionary', () => {
  const events = eventsOf([1, 2, 3, 4, 5]);
  const { early, later } = holdOut(events, 1);
  assert.equal(early.entities, events.entities);
  assert.equal(later.entities, events.entities);
});

test('numbers in the whole input decide as positions do where they are those', () => {
  fc.assert(
    fc.property(someTimes, fc.boolean(), (times, hasTimes) => {
      const events = eventsOf(hasTimes ? times : times.map(() => Number.NaN));
      const index = Float64Array.from(times.keys());
      const [plain, numbered] = [holdOut(events, 1), holdOut(events, 1, alone('localhost'), index)];
      assert.deepEqual(positions(numbered.later), positions(plain.later));
      assert.deepEqual([...numbered.numbers!.later], positions(plain.later));
      assert.deepEqual([...numbered.numbers!.early], positions(plain.early));
      assert.deepEqual(numbered.counts, { early: plain.early.count, later: plain.later.count });
    }),
  );
});
