import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAddress } from '../addresses/address.ts';
import { type AccessEvent, collectEvents } from '../index.ts';
import { FreemanBaseline, type GroupOf } from './freeman.ts';

/** The second octet stands for the ASN, the first one for the country; 0 is in none. */
const asnOf: GroupOf = (words, index) => (words[index * 4 + 3] >>> 16) & 255;
const countryOf: GroupOf = (words, index) => words[index * 4 + 3] >>> 24;

const login = (entity: string, address: string, times = 1): AccessEvent[] =>
  Array.from({ length: times }, () => ({ entity, address }));

// Ten events: of ann three from 9.1.0.1 and one from 9.1.0.2, of bob five from 9.2.0.1 and one from 8.3.0.1.
const logins = [
  ...login('ann', '9.1.0.1', 3),
  ...login('bob', '9.2.0.1', 5),
  ...login('ann', '9.1.0.2'),
  ...login('bob', '8.3.0.1'),
];
const events = collectEvents(logins);
const near = (value: number, expected: number) =>
  assert.ok(Math.abs(value - expected) < 1e-12, `${value} is not ${expected}`);

function ratios(groupsOf: GroupOf[]): (name: string, address: string) => number {
  const baseline = new FreemanBaseline(events, groupsOf);
  return (name, address) => Math.exp(baseline.anomaly(events.entities.find(name), parseAddress(address)!, 0));
}

test('without groups: shares of the address, everybody with one address unseen; a new address is p(x)/4', () => {
  const ratio = ratios([]);
  // p(x) = 3/(10 + 1), p(x|ann) = 3/4
  near(ratio('ann', '9.1.0.1'), 3 / 11 / (3 / 4));
  // p(x) = 5/11, p(x|bob) = 5/6
  near(ratio('bob', '9.2.0.1'), 5 / 11 / (5 / 6));
  // Whoever used it or not: never by ann.
  for (const address of ['9.2.0.1', '9.1.0.3', '1.2.3.4', '2001:db8::1']) near(ratio('ann', address), 4);
});

test('with the ASN: .6 for the address and .4 for the ASN', () => {
  const ratio = ratios([asnOf]);
  // Three ASNs seen: 4 addresses unseen.
  // p(x) = .6 · 3/14 + .4 · 4/10, p(x|ann) = .6 · 3/4 + .4 · 4/4
  near(ratio('ann', '9.1.0.1'), ((0.6 * 3) / 14 + 0.16) / (0.45 + 0.4));
  // New in ann's ASN: p(x) = .6 · 1/14 + .4 · 4/10, p(x|ann) = .4
  near(ratio('ann', '9.1.0.9'), (0.6 / 14 + 0.16) / 0.4);
  // bob's once-used ASN: p(x) = .6 · 1/14 + .4 · 1/10, p(x|bob) = .4 · 1/6
  near(ratio('bob', '8.3.0.9'), (0.6 / 14 + 0.04) / (0.4 / 6));
  near(ratio('ann', '9.2.0.1'), 4);
});

test('with ASN and country: .6, .3 and .1', () => {
  const ratio = ratios([asnOf, countryOf]);
  // Three ASNs and two countries seen: 6 addresses unseen.
  // p(x) = .6 · 3/16 + .3 · 4/10 + .1 · 9/10, p(x|ann) = .6 · 3/4 + .3 + .1
  near(ratio('ann', '9.1.0.1'), ((0.6 * 3) / 16 + 0.12 + 0.09) / (0.45 + 0.4));
  // Only the country is ann's: p(x) = .6 · 5/16 + .3 · 5/10 + .1 · 9/10, p(x|ann) = .1
  near(ratio('ann', '9.2.0.1'), ((0.6 * 5) / 16 + 0.15 + 0.09) / 0.1);
  near(ratio('ann', '8.3.0.1'), 4);
});

test('an address in no group keeps what its own count says', () => {
  const noGroups = ratios([() => 0]);
  // No group seen: 1 address unseen. p(x) = .6 · 3/11, p(x|ann) = .6 · 3/4
  near(noGroups('ann', '9.1.0.1'), 3 / 11 / (3 / 4));
  near(noGroups('ann', '9.1.0.9'), 4);
});

test('an account without history is judged alike everywhere, one that a shared dictionary learned of later too', () => {
  const baseline = new FreemanBaseline(events, [asnOf]);
  const late = events.entities.add(new TextEncoder().encode('late'));
  assert.equal(baseline.anomaly(late, parseAddress('9.1.0.1')!, 0), Math.log(4));
  assert.equal(new FreemanBaseline(collectEvents([]), [asnOf]).anomaly(0, events.addresses, 0), Math.log(4));
});

test('three levels of groups are refused', () => {
  assert.throws(() => new FreemanBaseline(events, [asnOf, asnOf, asnOf]), {
    name: 'RangeError',
    message: 'expected at most two levels of groups, got 3',
  });
});

/** Few octets, so that accounts meet each other, and IPv6 beside. */
const octet = fc.nat(3);
const address = fc.oneof(
  fc.tuple(octet, octet, octet).map(([a, b, c]) => `${a}.${b}.0.${c}`),
  fc.tuple(octet, octet).map(([a, b]) => `2001:db8:${a}::${b}`),
);
const logs = fc.array(fc.record({ entity: fc.constantFrom('a', 'b', 'c'), address }), { maxLength: 40 });
const levels = fc.constantFrom<GroupOf[]>([], [asnOf], [countryOf], [asnOf, countryOf]);

test('the anomaly is finite, and does not depend on the order of events', () => {
  fc.assert(
    fc.property(logs, address, levels, (log, text, groupsOf) => {
      const words = parseAddress(text)!;
      const anomalies = [log, log.toReversed()].map((one) => {
        const events = collectEvents(one);
        const baseline = new FreemanBaseline(events, groupsOf);
        return ['a', 'b', 'c', 'd'].map((name) => {
          const entity = events.entities.find(name);
          return baseline.anomaly(entity < 0 ? events.entities.count : entity, words, 0);
        });
      });
      assert.ok(anomalies[0].every(Number.isFinite));
      assert.deepEqual(anomalies[0], anomalies[1]);
    }),
  );
});

test('an address that makes up a quarter of the events of an account is less strange than a network it never used', () => {
  // Of its groups it has at least that share too: p(x|u) ≥ 1/4, and p(x) is below 1 with an address unseen.
  fc.assert(
    fc.property(logs, fc.nat(10), levels, (log, others, groupsOf) => {
      const own = [...login('u', '7.7.7.7', others + 1), ...login('u', '6.6.6.6', 3 * others)];
      const events = collectEvents([...log, ...own]);
      const baseline = new FreemanBaseline(events, groupsOf);
      const u = events.entities.find('u');
      const used = baseline.anomaly(u, parseAddress('7.7.7.7')!, 0);
      assert.ok(used < baseline.anomaly(u, parseAddress('250.250.250.250')!, 0));
    }),
  );
});

test('more of its own events at an address make the address less strange to an account', () => {
  fc.assert(
    fc.property(logs, levels, fc.integer({ min: 2, max: 10 }), (log, groupsOf, times) => {
      // Everybody's events stay the same: others gave theirs away.
      const anomalyWith = (own: number) => {
        const events = collectEvents([
          ...log,
          ...login('u', '7.7.7.7', own),
          ...login('v', '7.7.7.7', times - own),
          ...login('u', '6.6.6.6', times - own),
          ...login('v', '6.6.6.6', own),
        ]);
        const u = events.entities.find('u');
        return new FreemanBaseline(events, groupsOf).anomaly(u, parseAddress('7.7.7.7')!, 0);
      };
      assert.ok(anomalyWith(times) < anomalyWith(1));
    }),
  );
});
