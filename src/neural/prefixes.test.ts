import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress, isIpv4, parseAddress, sharedBits } from '../addresses/address.ts';
import { permutation, RandomStream } from '../random/philox.ts';
import { appendChain } from './network.ts';
import { IPV4_PREFIX_LENGTHS, IPV6_PREFIX_LENGTHS, MAX_CHAIN, NO_ROW, PrefixTable } from './prefixes.ts';

/** Addresses that share prefixes of all lengths, and borders of networks. */
const octet = fc.constantFrom(0, 1, 15, 16, 17, 128, 255);
const ipv4 = fc
  .tuple(octet, octet, octet, octet)
  .map((octets) => Uint32Array.from(parseAddress(octets.join('.'))!));
const ipv6 = fc
  .tuple(
    fc.constantFrom(0, 0x20010db8, 0x20010db9, 0x20020000, 0xffffffff),
    fc.constantFrom(0, 1, 0x00010000, 0x00010100, 0x01000000, 0x80000000, 0xffffffff),
    fc.constantFrom(0, 1, 0xffffffff),
    fc.constantFrom(0, 1),
  )
  .map((words) => Uint32Array.from(words));
const address = fc.oneof(ipv4, ipv6);

const columns = (list: Uint32Array[]) => Uint32Array.from(list.flatMap((words) => [...words]));
const textOf = (list: Uint32Array[]) => list.map((words) => formatAddress(words)).join(' ');

/** The lengths of the prefixes of x that at least two of the events share: the definition, by counting. */
function lengthsByCounting(events: Uint32Array[], x: Uint32Array): number[] {
  const family = events.filter((event) => isIpv4(event) === isIpv4(x));
  const skipped = isIpv4(x) ? 96 : 0;
  const lengths: readonly number[] = isIpv4(x) ? IPV4_PREFIX_LENGTHS : IPV6_PREFIX_LENGTHS;
  return lengths.filter(
    (length) => family.filter((event) => sharedBits(event, 0, x, 0) - skipped >= length).length >= 2,
  );
}

/** Lengths of the chain of x, wide to narrow; each row must be that of x's own prefix. */
function lengthsOfChain(table: PrefixTable, x: Uint32Array): number[] {
  const chain = new Uint32Array(MAX_CHAIN);
  const count = appendChain(table, table.find(x), chain, 0);
  const lengths = [...IPV4_PREFIX_LENGTHS, ...IPV6_PREFIX_LENGTHS];
  return Array.from(chain.subarray(0, count).reverse(), (row) => {
    const length = lengths[table.rows.level[row]];
    const prefix = isIpv4(x)
      ? Uint32Array.of(0, 0, 0xffff, table.rows.high[row])
      : Uint32Array.of(table.rows.high[row], table.rows.low[row], 0, 0);
    assert.ok(sharedBits(prefix, 0, x, 0) >= length + (isIpv4(x) ? 96 : 0));
    assert.equal(table.rows.level[row] < IPV4_PREFIX_LENGTHS.length, isIpv4(x));
    return length;
  });
}

test('an address is the sum of exactly those of its prefixes that training saw twice', () => {
  fc.assert(
    fc.property(
      fc.array(address, { maxLength: 40 }),
      fc.array(address, { maxLength: 10 }),
      (events, others) => {
        const table = PrefixTable.build(columns(events));
        for (const x of [...events, ...others]) {
          assert.deepEqual(
            lengthsOfChain(table, x),
            lengthsByCounting(events, x),
            `${formatAddress(x)} in ${textOf(events)}`,
          );
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test('the rows and their order do not depend on the order of the events', () => {
  fc.assert(
    fc.property(fc.array(address, { maxLength: 60 }), fc.nat(), (events, seed) => {
      const shuffled = Array.from(permutation(events.length, new RandomStream(seed, 1)), (i) => events[i]);
      assert.deepEqual(PrefixTable.build(columns(shuffled)).rows, PrefixTable.build(columns(events)).rows);
    }),
    { numRuns: 300 },
  );
});

test('rows are sorted by level and prefix, and a parent comes before its children', () => {
  const random = new RandomStream(1, 1);
  const events = Uint32Array.from({ length: 40_000 }, (_, i) =>
    // Half IPv4 in 16 networks, half IPv6 in 8.
    i % 8 < 4
      ? [0, 0, 0xffff, ((random.below(16) << 20) | random.below(2 ** 20)) >>> 0][i % 4]
      : [0x20010db8 + random.below(8), random.u32() & 0xff00ffff, random.u32(), random.u32()][i % 4],
  );
  const { rows, parent } = PrefixTable.build(events);
  for (let row = 1; row < rows.count; row++) {
    const order =
      rows.level[row] - rows.level[row - 1] ||
      rows.high[row] - rows.high[row - 1] ||
      rows.low[row] - rows.low[row - 1];
    assert.ok(order > 0);
    if (parent[row] === NO_ROW) continue;
    assert.ok(parent[row] < row);
    assert.equal(rows.level[parent[row]], rows.level[row] - 1);
  }
  assert.equal(parent.filter((row) => row === NO_ROW).length, 2);
});

test('findIpv4 finds what find finds', () => {
  fc.assert(
    fc.property(
      fc.array(ipv4, { minLength: 2, maxLength: 30 }),
      fc.integer({ min: 0, max: 0xffffffff }),
      (events, word) => {
        const table = PrefixTable.build(columns(events));
        for (const x of [...events, Uint32Array.of(0, 0, 0xffff, word)])
          assert.equal(table.findIpv4(x[3]), table.find(x));
      },
    ),
  );
});

test('an address of a family without events has no row', () => {
  const table = PrefixTable.build(columns([parseAddress('1.2.3.4')!, parseAddress('1.2.3.4')!]));
  assert.equal(table.find(parseAddress('::1')!), NO_ROW);
  assert.notEqual(table.find(parseAddress('200.0.0.1')!), NO_ROW);
  assert.equal(PrefixTable.build(new Uint32Array(0)).find(parseAddress('1.2.3.4')!), NO_ROW);
});

test('a provider of IPv6 is one of the /32 in training', () => {
  const events = ['2001:db8::1', '2001:db8:1::1', '2a00:1::1', '2a00:1::1', '2600::1'].map(
    (text) => parseAddress(text)!,
  );
  const table = PrefixTable.build(columns(events));
  assert.deepEqual(
    [0, 1, 2, 0xffffffff].map((k) => table.ipv6Provider(k)),
    [0x20010db8, 0x2a000001, 0x20010db8, 0x2a000001],
  );
});

test('without any IPv6 /32 in the training data, random IPv6 addresses are global unicast', () => {
  const without = PrefixTable.build(columns([parseAddress('1.2.3.4')!, parseAddress('1.2.3.4')!]));
  for (const k of [0, 1, 0x80000000, 0xffffffff]) assert.equal(without.ipv6Provider(k) >>> 29, 1);
});
