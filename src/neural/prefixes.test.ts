import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress, isIpv4, parseAddress, sharedBits } from '../addresses/address.ts';
import { MAX_CHAIN, NO_ROW } from '../kernels/kernels.ts';
import { permutation, RandomStream } from '../random/philox.ts';
import { appendChain, PrefixTable } from './prefixes.ts';
import { IPV4_PREFIX_LENGTHS, IPV6_PREFIX_LENGTHS, LEVEL_LENGTHS } from './prefixLevels.ts';

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

/** The first 64 bits of a row's prefix; IPv4 with the zeros and ones that IPv6 writes it with. */
const prefixOf = ({ rows, ipv4Rows }: PrefixTable, row: number) =>
  row < ipv4Rows
    ? Uint32Array.of(0, 0, 0xffff, rows.high[row])
    : Uint32Array.of(rows.high[row], rows.low[row], 0, 0);

/** Whether an address begins with the prefix of a row: the definition. */
function holds(table: PrefixTable, row: number, x: Uint32Array): boolean {
  const isRowIpv4 = row < table.ipv4Rows;
  const length = LEVEL_LENGTHS[table.rows.level[row]] + (isRowIpv4 ? 96 : 0);
  return isRowIpv4 === isIpv4(x) && sharedBits(prefixOf(table, row), 0, x, 0) >= length;
}

/** A row and those above it, up to the root. */
function chainOf(table: PrefixTable, row: number): number[] {
  const chain = new Uint32Array(MAX_CHAIN);
  return [...chain.subarray(0, appendChain(table, row, chain, 0))];
}

/** Lengths of the chain of x, wide to narrow; each row must be that of x's own prefix. */
function lengthsOfChain(table: PrefixTable, x: Uint32Array): number[] {
  const chain = chainOf(table, table.find(x)).reverse();
  for (const row of chain) assert.ok(holds(table, row, x));
  return chain.map((row) => LEVEL_LENGTHS[table.rows.level[row]]);
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

test('rows are sorted as a routing table is: a row stands right before all that lie below it', () => {
  fc.assert(
    fc.property(fc.array(address, { maxLength: 60 }), (events) => {
      const table = PrefixTable.build(columns(events));
      const { rows, parent, ipv4Rows } = table;
      const isRoot = (row: number) => LEVEL_LENGTHS[rows.level[row]] === 0;
      for (let row = 0; row < rows.count; row++) {
        assert.equal(rows.level[row] < IPV4_PREFIX_LENGTHS.length, row < ipv4Rows);
        assert.equal(parent[row] === NO_ROW, isRoot(row));
        if (parent[row] !== NO_ROW) {
          assert.equal(rows.level[parent[row]], rows.level[row] - 1);
          assert.ok(holds(table, parent[row], prefixOf(table, row)));
        }
        // By counting: those with this row in their chain.
        const below = [...Array(rows.count).keys()].filter((other) => chainOf(table, other).includes(row));
        assert.deepEqual(
          below,
          below.map((_, i) => row + i),
        );
        if (row === 0 || row === ipv4Rows) continue;
        const order = rows.high[row] - rows.high[row - 1] || rows.low[row] - rows.low[row - 1];
        assert.ok(order > 0 || (order === 0 && rows.level[row] > rows.level[row - 1]));
      }
      assert.deepEqual(PrefixTable.of(rows).parent, parent);
    }),
  );
});

test('thousands of rows are sorted, too, and one address finds what all rows say', () => {
  const random = new RandomStream(1, 1);
  const events = Uint32Array.from({ length: 40_000 }, (_, i) =>
    // Half IPv4 in 16 networks, half IPv6 in 8.
    i % 8 < 4
      ? [0, 0, 0xffff, ((random.below(16) << 20) | random.below(2 ** 20)) >>> 0][i % 4]
      : [0x20010db8 + random.below(8), random.u32() & 0xff00ffff, random.u32(), random.u32()][i % 4],
  );
  const table = PrefixTable.build(events);
  assert.ok(table.rows.count > 5000);
  for (let i = 0; i < 1000; i++) {
    const x = events.subarray(i * 4, i * 4 + 4);
    let deepest = NO_ROW;
    // Whatever holds the address, the deepest comes last.
    for (let row = 0; row < table.rows.count; row++) if (holds(table, row, x)) deepest = row;
    assert.equal(table.find(events, i), deepest);
  }
});

test('depths, and what neighbours in a sorted list share, are those of the chains, by counting', () => {
  fc.assert(
    fc.property(
      fc.array(address, { minLength: 2, maxLength: 40 }),
      fc.array(fc.nat(), { maxLength: 30 }),
      (events, picks) => {
        const table = PrefixTable.build(columns(events));
        const count = table.rows.count === 0 ? 0 : picks.length;
        const list = Uint32Array.from(picks, (k) => k % table.rows.count).sort();
        const chains = Array.from(list.subarray(0, count), (row) => chainOf(table, row));
        // One more, which must stay.
        const depth = new Uint32Array(count + 1).fill(99);
        const shared = new Uint32Array(count + 1).fill(99);
        table.measureChains(list, count, depth, shared);
        assert.deepEqual([...depth], [...chains.map((chain) => chain.length), 99]);
        const sharedWithNext = chains.map(
          (chain, i) => chain.filter((row) => chains[i + 1]?.includes(row)).length,
        );
        assert.deepEqual([...shared], [...sharedWithNext, 99]);
        for (const [i, row] of [...list.subarray(0, count)].entries())
          assert.equal(table.depth(row), depth[i]);
      },
    ),
    { numRuns: 300 },
  );
});

test('groups of IPv4 addresses find what each finds by itself', () => {
  const groups = fc.record({ size: fc.nat({ max: 5 }), count: fc.nat({ max: 6 }), gap: fc.nat({ max: 3 }) });
  fc.assert(
    fc.property(fc.array(ipv4, { maxLength: 30 }), groups, fc.infiniteStream(ipv4), (events, one, stream) => {
      const table = PrefixTable.build(columns(events));
      const { size, count, gap } = one;
      const [stride, rowStride, first] = [size + gap, size + 2, 1];
      const addresses = Uint32Array.from(stream.take(count * stride), (words) => words[3]);
      const rows = new Uint32Array(first + count * rowStride).fill(99);
      const expected = rows.slice();
      for (let g = 0; g < count; g++) {
        for (let i = 0; i < size; i++)
          expected[first + g * rowStride + i] = table.findIpv4(addresses[g * stride + i]);
      }
      table.findIpv4Groups(addresses, stride, size, count, rows, first, rowStride);
      assert.deepEqual(rows, expected);
    }),
  );
});

test('findIpv4 and find give the deepest row that holds the address', () => {
  fc.assert(
    fc.property(
      fc.array(address, { maxLength: 30 }),
      address,
      fc.nat({ max: 2 ** 32 - 1 }),
      (events, other, word) => {
        const table = PrefixTable.build(columns(events));
        for (const x of [...events, other, Uint32Array.of(0, 0, 0xffff, word)]) {
          const holding = [...Array(table.rows.count).keys()].filter((row) => holds(table, row, x));
          const deepest = holding.at(-1) ?? NO_ROW;
          assert.equal(table.find(x), deepest);
          if (isIpv4(x)) assert.equal(table.findIpv4(x[3]), deepest);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('parts posted to a thread are the same table, in the same memory', () => {
  fc.assert(
    fc.property(fc.array(address, { maxLength: 30 }), address, fc.nat(), (events, other, k) => {
      const table = PrefixTable.build(columns(events));
      // What posting does.
      const posted = new PrefixTable(structuredClone(table.parts));
      assert.deepEqual(posted.parts, table.parts);
      for (const x of [...events, other]) assert.equal(posted.find(x), table.find(x));
      assert.equal(posted.ipv6Provider(k), table.ipv6Provider(k));
      for (const ipv4 of [true, false]) assert.equal(posted.hasFamily(ipv4), table.hasFamily(ipv4));
      for (const array of [table.parent, ...Object.values(table.rows)]) {
        if (typeof array === 'object') assert.ok(array.buffer instanceof SharedArrayBuffer);
      }
    }),
  );
});

test('an address of a family without events has no row', () => {
  const table = PrefixTable.build(columns([parseAddress('1.2.3.4')!, parseAddress('1.2.3.4')!]));
  assert.equal(table.find(parseAddress('::1')!), NO_ROW);
  assert.deepEqual([table.hasFamily(true), table.hasFamily(false)], [true, false]);
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
