import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress, formatIpv4, isIpv4, parseAddress } from '../addresses/address.ts';
import { collectEvents } from '../index.ts';
import { distinctPairs, firstOfPairs } from './distinctPairs.ts';

const pairsOf = (list: [entity: string, address: string][]) => [
  ...distinctPairs(collectEvents(list.map(([entity, address]) => ({ entity, address })))),
];

test('the first event of each account and address is kept', () => {
  assert.deepEqual(
    pairsOf([
      ['a', '1.2.3.4'],
      ['b', '1.2.3.4'],
      ['a', '1.2.3.4'],
      ['a', '1.2.3.5'],
      ['b', '1.2.3.4'],
    ]),
    [0, 1, 3],
  );
  assert.deepEqual(pairsOf([]), []);
});

test('an IPv6 place is a /64: hosts within it are one', () => {
  assert.deepEqual(
    pairsOf([
      ['a', '2001:db8::1'],
      ['a', '2001:db8::2'],
      ['a', '2001:db8:0:1::1'],
      ['a', '2001:db8:0:0:ffff::'],
    ]),
    [0, 2],
  );
});

test('IPv4 and IPv6 addresses with 64 zero bits in front are different places', () => {
  assert.deepEqual(
    pairsOf([
      ['a', '0.0.0.0'],
      ['a', '::'],
      ['a', '::1'],
      ['a', '::ffff:0.0.0.0'],
      ['a', '0.0.0.1'],
      ['a', '::1:2:3:4'],
    ]),
    [0, 1, 4],
  );
});

test('it keeps what a list of the pairs seen so far says', () => {
  const address = fc.oneof(
    fc.nat(5).map((host) => `10.0.0.${host}`),
    fc.nat(0xffffffff).map((word) => formatIpv4(word >>> 0)),
    fc.nat(5).map((link) => `2001:db8:0:${link}::${link}`),
    fc.nat(5).map((host) => `::${host}`),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), address), { maxLength: 200 }), (list) => {
      const known = new Set<string>();
      const expected: number[] = [];
      for (const [i, [entity, text]] of list.entries()) {
        const words = parseAddress(text)!;
        if (!isIpv4(words)) words[2] = words[3] = 0;
        const pair = `${entity} ${formatAddress(words)}`;
        if (!known.has(pair)) expected.push(i);
        known.add(pair);
      }
      assert.deepEqual(pairsOf(list), expected);
    }),
  );
});

test('each event has the first of its pair', () => {
  const events = collectEvents([
    { entity: 'a', address: '1.1.1.1' },
    { entity: 'b', address: '1.1.1.1' },
    { entity: 'a', address: '1.1.1.1' },
    { entity: 'a', address: '2001:db8::1' },
    { entity: 'b', address: '1.1.1.1' },
    { entity: 'a', address: '2001:db8::2' },
  ]);
  assert.deepEqual([...firstOfPairs(events)], [0, 1, 0, 3, 1, 3]);
});
