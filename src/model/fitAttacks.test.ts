import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress, formatIpv4 } from '../addresses/address.ts';
import { collectEvents, type Events } from '../index.ts';
import { alone } from '../mpi/ranks.ts';
import { drawFitAttacks, positionsHere } from './fitAttacks.ts';
import { holdOut } from './holdOut.ts';

/** Events whose address tells their place in the list. */
const eventsOf = (times: number[]): Events =>
  collectEvents(times.map((time, i) => ({ entity: `u${i % 3}`, address: formatIpv4(0x08000000 + i), time })));

const positions = ({ addresses, count }: Events) =>
  Array.from({ length: count }, (_, i) => addresses[i * 4 + 3] - 0x08000000);

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

test('an attacker is drawn by its own number alone: more of them begin with the same', () => {
  const parts = holdOut(eventsOf(Array.from({ length: 50 }, (_, i) => i)), 1);
  const [few, more] = [100, 300].map((count) => drawFitAttacks(parts, count, 0.9, 1));
  assert.ok(few.count > 50 && more.count > few.count);
  assert.deepEqual(more.addresses.subarray(0, few.count * 4), few.addresses);
  assert.deepEqual(more.entity.subarray(0, few.count), few.entity);
});

test('a rank that has a whole list finds the event at a place there, whatever the numbers', () => {
  const numbers = fc.uniqueArray(fc.nat(2 ** 31 - 1), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(numbers, fc.array(fc.nat(49), { maxLength: 30 }), (drawn, wanted) => {
      const sorted = Float64Array.from(drawn).sort();
      const places = Float64Array.from(wanted, (place) => place % sorted.length);
      assert.deepEqual([...positionsHere(places, sorted, alone('localhost'))], [...places]);
    }),
  );
});
