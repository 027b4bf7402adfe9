import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AddressWords, formatAddress, isIpv4, parseAddress, sharedBits } from '../addresses/address.ts';
import { collectEvents } from '../index.ts';
import { AccountHistory } from './history.ts';

const words = (text: string) => parseAddress(text)!;

test('shared bits are those with the nearest address of the same family', () => {
  const history = new AccountHistory(
    collectEvents([
      { entity: 'a', address: '10.0.0.1' },
      { entity: 'b', address: '10.0.1.200' },
      { entity: 'a', address: '192.168.0.0' },
      { entity: 'a', address: '2001:db8::1' },
      { entity: 'c', address: '::1' },
    ]),
  );
  const table: [entity: number, address: string, bits: number, nearest: string | undefined][] = [
    [0, '10.0.0.1', 32, '10.0.0.1'],
    [0, '10.0.0.3', 30, '10.0.0.1'],
    [0, '10.0.1.200', 23, '10.0.0.1'],
    [0, '255.0.0.0', 2, '192.168.0.0'],
    [0, '2001:db8::1', 128, '2001:db8::1'],
    [0, '2001:db8:0:1::', 63, '2001:db8::1'],
    [1, '2001:db8::1', -1, undefined],
    [2, '1.2.3.4', -1, undefined],
    [2, '::2', 126, '::1'],
    [9, '10.0.0.1', -1, undefined],
  ];
  for (const [entity, address, bits, nearest] of table) {
    assert.equal(history.sharedBits(entity, words(address)), bits, address);
    const found = history.nearest(entity, words(address));
    assert.equal(found && formatAddress(found), nearest);
  }
  assert.deepEqual(
    [0, 1, 2, 9].map((entity) => history.eventsOf(entity)),
    [3, 1, 1, 0],
  );
});

/** Addresses of a small part of the space, so that prefixes are shared; IPv6 on both sides of the IPv4 block. */
const address: fc.Arbitrary<AddressWords> = fc
  .tuple(fc.constantFrom(0, 1, 2), fc.nat(3), fc.nat(3), fc.nat(0xffffffff))
  .map(([family, high, middle, low]) => {
    if (family === 0) return Uint32Array.of(0, 0, 0xffff, (high * 2 ** 30 + middle * 2 ** 8) ^ (low & 3));
    if (family === 1) return Uint32Array.of(0, 0, high, low);
    return Uint32Array.of(0x20010db8, middle * 65536, high, low);
  });

test('the neighbours by binary search share as much as the best of all addresses', () => {
  fc.assert(
    fc.property(fc.array(address, { minLength: 1, maxLength: 40 }), address, (used, asked) => {
      const list = used.map((one, i) => ({ entity: `e${i % 3}`, address: formatAddress(one) }));
      const history = new AccountHistory(collectEvents(list));
      for (let entity = 0; entity < Math.min(3, used.length); entity++) {
        const family = used.filter((one, i) => i % 3 === entity && isIpv4(one) === isIpv4(asked));
        const bits = family.map((one) => sharedBits(one, 0, asked, 0) - (isIpv4(asked) ? 96 : 0));
        assert.equal(history.sharedBits(entity, asked), Math.max(-1, ...bits));
      }
    }),
  );
});

test('the most used network is the /24 or /48 with most events, the lowest of equals', () => {
  const networkOf = (...addresses: string[]) => {
    const events = collectEvents(addresses.map((one) => ({ entity: 'a', address: one })));
    const { words: first, bits, events: count } = new AccountHistory(events).mostUsedNetwork(0)!;
    return `${formatAddress(first)}/${bits} ${count}`;
  };
  assert.equal(networkOf('10.0.0.9', '10.0.1.3', '10.0.1.4'), '10.0.1.0/24 2');
  assert.equal(networkOf('10.0.2.9', '10.0.1.3'), '10.0.1.0/24 1');
  assert.equal(networkOf('10.0.0.1', '2001:db8:f:1::1', '2001:db8:f:2::1'), '2001:db8:f::/48 2');
  assert.equal(networkOf('200.1.2.3', 'ffff:1:8000::', '200.1.2.3'), '200.1.2.0/24 2');
});
