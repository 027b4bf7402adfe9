import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress, formatIpv4, isIpv4, parseAddress } from '../addresses/address.ts';
import { type AccessEvent, collectEvents } from '../index.ts';
import { AccountPlaces, dayOf, lowerBound, upperBound } from './accountPlaces.ts';
import { placeHigh, placeLow } from './rungs.ts';

const DAY = 86_400;

/** An account's places in one family, as text. */
function placesOf(places: AccountPlaces, entity: number, ipv4: boolean): string[] {
  const { columns, from, to } = places.find(entity, ipv4, places.segment());
  const list: string[] = [];
  for (let at = from; at < to; at++) {
    const address = ipv4
      ? formatIpv4(columns.high[at])
      : formatAddress(Uint32Array.of(columns.high[at], columns.low[at], 0, 0));
    list.push(`${address} ×${columns.events[at]} day ${columns.day[at]}`);
  }
  return list;
}

const allOf = (places: AccountPlaces, count: number) =>
  Array.from({ length: count }, (_, e) => [placesOf(places, e, true), placesOf(places, e, false)]);

/** Entities are `u0`, `u1`, …, numbered as their name says. */
function accountPlaces(list: AccessEvent[], entityCount: number): AccountPlaces {
  const events = collectEvents(list);
  const numbers = Uint32Array.from({ length: events.entities.count }, (_, e) =>
    Number(events.entities.name(e).slice(1)),
  );
  return AccountPlaces.of(events, entityCount, numbers);
}

function addTo(places: AccountPlaces, { entity, address, time }: AccessEvent): boolean {
  const words = parseAddress(address)!;
  const ipv4 = isIpv4(words);
  const [high, low] = [placeHigh(words, 0, ipv4), placeLow(words, 0, ipv4)];
  return places.add(Number(entity.slice(1)), ipv4, high, low, dayOf(time ?? Number.NaN));
}

test('an account has each of its places once, ascending, with its events and the last day', () => {
  const places = accountPlaces(
    [
      { entity: 'u1', address: '200.0.0.1', time: 5 * DAY },
      { entity: 'u0', address: '9.9.9.9', time: 3 * DAY + 1 },
      { entity: 'u1', address: '1.2.3.4', time: 7 * DAY },
      { entity: 'u1', address: '200.0.0.1', time: 4 * DAY },
      { entity: 'u1', address: '2001:db8:1:2::5', time: 2 * DAY },
      { entity: 'u1', address: '2001:db8:1:2:ffff::', time: 1 * DAY },
      { entity: 'u1', address: '2001:db8:1:1::', time: 1 * DAY },
    ],
    3,
  );
  assert.equal(places.entityCount, 3);
  assert.deepEqual(allOf(places, 3), [
    [['9.9.9.9 ×1 day 3'], []],
    [
      ['1.2.3.4 ×1 day 7', '200.0.0.1 ×2 day 5'],
      ['2001:db8:1:1:: ×1 day 1', '2001:db8:1:2:: ×2 day 2'],
    ],
    [[], []],
  ]);
});

test('a day is counted from 1 to 65,535, and 0 where no time is known', () => {
  assert.equal(dayOf(Number.NaN), 0);
  assert.equal(dayOf(-1e12), 1);
  assert.equal(dayOf(0), 1);
  assert.equal(dayOf(2 * DAY - 1), 1);
  assert.equal(dayOf(2 * DAY), 2);
  assert.equal(dayOf(Date.UTC(2018, 10, 14) / 1000), 17_849);
  assert.equal(dayOf(65_536 * DAY), 65_535);
  const places = accountPlaces([{ entity: 'u0', address: '1.1.1.1' }], 1);
  assert.deepEqual(placesOf(places, 0, true), ['1.1.1.1 ×1 day 0']);
  // A known day replaces an unknown one, not the other way round.
  addTo(places, { entity: 'u0', address: '1.1.1.1', time: DAY * 9 });
  addTo(places, { entity: 'u0', address: '1.1.1.1' });
  assert.deepEqual(placesOf(places, 0, true), ['1.1.1.1 ×3 day 9']);
});

test('a place counts at most 65,535 events, in the columns and in what is added', () => {
  const repeated = Array.from({ length: 65_534 }, () => ({ entity: 'u0', address: '1.1.1.1' }));
  const places = accountPlaces(repeated, 1);
  const counts = () => placesOf(places, 0, true);
  assert.deepEqual(counts(), ['1.1.1.1 ×65534 day 0']);
  for (let i = 0; i < 3; i++) addTo(places, repeated[0]);
  assert.deepEqual(counts(), ['1.1.1.1 ×65535 day 0']);
  const more = accountPlaces([...repeated, ...repeated], 1);
  assert.deepEqual(placesOf(more, 0, true), ['1.1.1.1 ×65535 day 0']);
});

const someEvent = (accounts: number): fc.Arbitrary<AccessEvent> =>
  fc.record({
    entity: fc.nat(accounts - 1).map((e) => `u${e}`),
    address: fc.oneof(
      fc.nat(12).map((host) => `10.0.0.${host}`),
      fc.nat(0xffffffff).map((word) => formatIpv4(word >>> 0)),
      fc.constantFrom('0.0.0.0', '255.255.255.255', '::', 'ffff:ffff:ffff:ffff::', '::1', '2001:db8::'),
      fc.nat(9).map((site) => `2001:db8:0:${site}::${site}`),
    ),
    time: fc.oneof(
      fc.constant(Number.NaN),
      fc.nat(20).map((day) => day * DAY),
    ),
  });

test('accounts that grow event by event equal accounts of all events at once', () => {
  fc.assert(
    fc.property(
      fc.array(someEvent(3), { maxLength: 30 }),
      fc.array(someEvent(6), { maxLength: 40 }),
      (first, added) => {
        const grown = accountPlaces(first, 3);
        const known = new Set(
          allOf(grown, 6).flatMap((both, e) => both.flat().map((p) => `${e} ${p.split(' ')[0]}`)),
        );
        for (const event of added) {
          const words = parseAddress(event.address)!;
          if (!isIpv4(words)) words[2] = words[3] = 0;
          const key = `${event.entity.slice(1)} ${formatAddress(words)}`;
          assert.equal(addTo(grown, event), !known.has(key), 'says whether the place is new');
          known.add(key);
        }
        const whole = accountPlaces([...first, ...added], 6);
        assert.deepEqual(allOf(grown, 6), allOf(whole, 6));
      },
    ),
  );
});

test('what is compacted holds the same, in the order asked for, in columns alone', () => {
  fc.assert(
    fc.property(
      fc.array(someEvent(3), { maxLength: 30 }),
      fc.array(someEvent(6), { maxLength: 30 }),
      fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 }),
      (first, added, order) => {
        const places = accountPlaces(first, 3);
        for (const event of added) addTo(places, event);
        const compacted = places.compacted(Uint32Array.from(order));
        assert.equal(compacted.hasGrown, false);
        assert.equal(compacted.entityCount, 6);
        const before = allOf(places, 6);
        assert.deepEqual(
          allOf(compacted, 6),
          order.map((e) => before[e]),
        );
        // As if read from all events.
        const whole = accountPlaces([...first, ...added], 6).compacted(Uint32Array.from(order));
        assert.deepEqual(compacted.ipv4, whole.ipv4);
        assert.deepEqual(compacted.ipv6, whole.ipv6);
      },
    ),
  );
});

test('an entity without a number has no places', () => {
  const places = accountPlaces([{ entity: 'u0', address: '1.1.1.1' }], 1);
  for (const entity of [-1, 1, 1000]) assert.deepEqual(placesOf(places, entity, true), []);
});

test('a repeat copies nothing aside, a new place only its own account', () => {
  const places = accountPlaces(
    [
      { entity: 'u0', address: '1.1.1.1' },
      { entity: 'u1', address: '1.1.1.1' },
    ],
    2,
  );
  addTo(places, { entity: 'u0', address: '1.1.1.1' });
  assert.equal(places.hasGrown, false);
  addTo(places, { entity: 'u0', address: '1.1.1.2' });
  assert.equal(places.hasGrown, true);
  assert.deepEqual(placesOf(places, 1, true), ['1.1.1.1 ×1 day 0']);
  assert.equal(places.find(1, true, places.segment()).columns, places.ipv4);
});

test('bounds are what a linear scan finds', () => {
  fc.assert(
    fc.property(fc.array(someEvent(1), { maxLength: 40 }), someEvent(1), (list, { address }) => {
      const places = accountPlaces(list, 1);
      const words = parseAddress(address)!;
      const ipv4 = isIpv4(words);
      const [high, low] = [placeHigh(words, 0, ipv4), placeLow(words, 0, ipv4)];
      const columns = ipv4 ? places.ipv4 : places.ipv6;
      const asNumber = (h: number, l: number) => BigInt(h) * 2n ** 32n + BigInt(l);
      const wanted = asNumber(high, low);
      const all = Array.from(columns.high, (h, at) => asNumber(h, ipv4 ? 0 : columns.low[at]));
      const P = all.length;
      assert.equal(lowerBound(columns, 0, P, high, low), all.filter((place) => place < wanted).length);
      assert.equal(upperBound(columns, 0, P, high, low), all.filter((place) => place <= wanted).length);
    }),
  );
});
