import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress, formatIpv4 } from '../addresses/address.ts';
import { collectEvents, type Events } from '../index.ts';
import { drawFitAttacks } from './fitAttacks.ts';
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

test('attackers that sit where others sit have an early address of another account', () => {
  const parts = holdOut(eventsOf(Array.from({ length: 200 }, (_, i) => i)), 1);
  const attacks = drawFitAttacks(parts, 1000, 1, 1);
  const early = new Set(positions(parts.early));
  for (const [i, position] of positions(attacks).entries()) {
    assert.ok(early.has(position));
    assert.notEqual(attacks.entity[i], position % 3, 'an address of the victim itself');
  }
  // Each address is the victim's own with chance 1/3, and left out: 5 standard deviations around 667 of 1,000.
  assert.ok(Math.abs(attacks.count - 667) < 5 * Math.sqrt(1000 / 3 / 1.5));
});

test('the others keep the first 8 bits of an early address, of IPv6 20, and have the rest at random', () => {
  const events = collectEvents(
    Array.from({ length: 100 }, (_, i) => ({
      entity: `u${i}`,
      address: i % 2 === 0 ? '8.8.8.8' : '2001:db8::1',
      time: i,
    })),
  );
  const attacks = drawFitAttacks(holdOut(events, 1), 1000, 0, 1);
  assert.equal(attacks.count, 1000);
  const texts = Array.from({ length: 1000 }, (_, i) => formatAddress(attacks.addresses, i));
  assert.ok(
    texts.every((text) => /^8\.\d+\.\d+\.\d+$/.test(text) || /^2001:[0-9a-f]{1,3}:|^2001::/.test(text)),
  );
  // Of 2^24 addresses two equal ones among 500 are expected with a chance of 500² / 2 / 2^24 = .7 %; three with far less.
  assert.ok(new Set(texts).size >= 999);
  const victims = new Set(attacks.entity);
  const later = new Set(holdOut(events, 1).later.entity);
  assert.ok([...victims].every((victim) => later.has(victim)));
});

test('attackers are the same for the same seed', () => {
  const parts = holdOut(eventsOf(Array.from({ length: 50 }, (_, i) => i)), 1);
  const draw = (seed: number) => drawFitAttacks(parts, 100, 0.9, seed);
  assert.deepEqual(draw(1).addresses, draw(1).addresses);
  assert.notDeepEqual(draw(1).addresses, draw(2).addresses);
});
