import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import { type AddressWords, isIpv4, parseAddress } from './address.ts';
import { groupTableOf } from './buildGroupTable.ts';
import { countryId, type GroupKind, GroupTable, type GroupTableParts } from './groupTable.ts';
import { readRangeLines } from './rangeLines.ts';
import { parseRanges } from './ranges.ts';

const read = (text: string, kind: GroupKind = 'asn', name = 'list.csv') =>
  readRangeLines(new TextEncoder().encode(text), name, kind);
const build = (text: string, kind: GroupKind = 'asn') => groupTableOf(kind, [read(text, kind)]);
const tableOf = (text: string, kind: GroupKind = 'asn') => build(text, kind).table;
const idOf = (table: GroupTable, address: string) => table.parts.ids[table.find(parseAddress(address)!)];
const runs = ({ parts }: GroupTable) => ({
  ipv4: Array.from(parts.ipv4Groups, (group, run) => [parts.ipv4Firsts[run], parts.ids[group]]),
  ipv6: Array.from(parts.ipv6Groups, (group, run) => [
    parts.ipv6Firsts[run * 2],
    parts.ipv6Firsts[run * 2 + 1],
    parts.ids[group],
  ]),
});

const EVERYTHING = '0.0.0.0,255.255.255.255,4\n';
const EVERYTHING_IPV6 = '::,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,6\n';

test('every address belongs to one run, neighbours of the same group to the same', () => {
  const table = tableOf('0.0.0.5,0.0.0.9,7\n0.0.0.10,0.0.0.11,7\n0.0.0.12,0.0.0.12,3\n0.0.0.20,0.0.0.20,3\n');
  assert.deepEqual(runs(table), {
    ipv4: [
      [0, 0],
      [5, 7],
      [12, 3],
      [13, 0],
      [20, 3],
      [21, 0],
    ],
    ipv6: [[0, 0, 0]],
  });
  assert.deepEqual([...table.parts.ids], [0, 3, 7]);
});

test('the first and the last addresses of both families are found', () => {
  const list =
    '0.0.0.0,0.0.0.0,1\n255.255.255.255,255.255.255.255,2\n' +
    '1::,1::ffff:ffff:ffff:ffff,3\nffff:ffff:ffff:ffff::,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,4\n';
  const cases: [string, number][] = [
    ['0.0.0.0', 1],
    ['0.0.0.1', 0],
    ['255.255.255.254', 0],
    ['255.255.255.255', 2],
    ['::', 0],
    ['0:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 0],
    ['1::', 3],
    ['1::ffff:ffff:ffff:ffff', 3],
    ['1:0:0:1::', 0],
    ['ffff:ffff:ffff:fffe:ffff:ffff:ffff:ffff', 0],
    ['ffff:ffff:ffff:ffff::', 4],
    ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 4],
  ];
  const table = tableOf(list);
  for (const [address, id] of cases) assert.equal(idOf(table, address), id, address);
});

test('ranges may cover a whole family', () => {
  const { table, dropped } = groupTableOf('asn', [read(EVERYTHING_IPV6), read(EVERYTHING)]);
  assert.deepEqual(runs(table), { ipv4: [[0, 4]], ipv6: [[0, 0, 6]] });
  assert.equal(dropped, 0);
  for (const [address, id] of [
    ['0.0.0.0', 4],
    ['255.255.255.255', 4],
    ['::ffff:1.2.3.4', 4],
    ['::', 6],
    ['::1:2:3', 6],
    ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 6],
  ] as const)
    assert.equal(idOf(table, address), id, address);
});

test('IPv6 networks of 64 bits go to the range that holds their middle; narrower ranges are dropped and counted', () => {
  const { table, dropped } = build(
    '1::,1::ff,1\n' + // within one
      '2::8000:0:0:0,2:0:0:1:7fff:ffff:ffff:ffff,2\n' + // half of two
      '3::7fff:ffff:ffff:ffff,3:0:0:1:8000::,3\n' + // the middle of two
      '4::,4::7fff:ffff:ffff:ffff,4\n4::8000:0:0:0,4::ffff:ffff:ffff:ffff,4\n' + // two halves, one group
      '5::,5::7fff:ffff:ffff:ffff,5\n5::8000:0:0:0,5::ffff:ffff:ffff:ffff,6\n' + // two halves, two groups
      '6::,6::2f,7\n6::30,6::30,8\n6::31,6::ffff:ffff:ffff:ffff,7\n' + // an address apart
      'ffff:ffff:ffff:ffff:8000::,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,8\n',
  );
  assert.equal(dropped, 7);
  assert.deepEqual(runs(table).ipv6, [
    [0, 0, 0],
    [0x30000, 0, 3],
    [0x30000, 2, 0],
    [0x40000, 0, 4],
    [0x40000, 1, 0],
    [0x60000, 0, 7],
    [0x60000, 1, 0],
  ]);
});

test('number 0 stands for no provider, "-" for no country', () => {
  const table = tableOf('1.0.0.0,1.0.0.255,0,Not routed\n1.0.1.0,1.0.1.255,5\n');
  assert.deepEqual(runs(table).ipv4, [
    [0, 0],
    [0x1000100, 5],
    [0x1000200, 0],
  ]);
  assert.deepEqual(table.parts.names, ['', '']);
  assert.deepEqual([...tableOf('0.0.0.0,1.0.0.255,-\n', 'country').parts.ids], [0]);
});

test('a doubled quote in a name stands for one', () => {
  const { parts } = tableOf('1.0.0.0,1.0.0.255,15895,"""Kyivstar"" PJSC"\n');
  assert.deepEqual(parts.names, ['', '"Kyivstar" PJSC']);
});

test('a country list: two letters of any case, quotes, header, decimal numbers', () => {
  const lines = [
    '1.0.0.0,1.0.0.255,AU',
    '16777216,16777471,au,Australia',
    '"16777216","16777471","Au","Australia"',
    'ip_start,ip_end,country\r\n1.0.0.0, 1.0.0.255, AU\r\n',
  ];
  for (const line of lines) {
    const table = tableOf(line, 'country');
    const group = table.find(parseAddress('1.0.0.255')!);
    assert.equal(table.label(group), 'AU', line);
    assert.equal(table.parts.ids[group], 0x4155, line);
    assert.deepEqual(table.parts.names, ['', ''], line);
  }
});

test('a country list that cannot be read is refused with its place', () => {
  const cases: [string, string][] = [
    ['', 'list.csv: expected lines first,last,country, got no range.'],
    ['1.0.0.0,1.0.0.1', 'list.csv:1: expected first,last,country, got 2 fields.'],
    [
      '1.0.0.0,1.0.0.1,DE\n1.0.0.2,1.0.0.3,13335',
      'list.csv:2: expected the two letters of a country, such as DE, got "13335".',
    ],
    ...['', 'D', 'DEU', 'D1', '@@', '[]', '--', 'é'].map((text): [string, string] => [
      `1.0.0.0,1.0.0.1,${text}`,
      `list.csv:1: expected the two letters of a country, such as DE, got ${JSON.stringify(text)}.`,
    ]),
  ];
  for (const [text, message] of cases)
    assert.throws(() => build(text, 'country'), { name: 'InputError', message }, text);
});

test('two lists of one family are refused', () => {
  const lists = [read(EVERYTHING, 'asn', 'a.csv'), read(EVERYTHING_IPV6), read(EVERYTHING, 'asn', 'b.csv')];
  assert.throws(() => groupTableOf('asn', lists), {
    name: 'InputError',
    message: 'b.csv: expected no IPv4 ranges, as a.csv has them already. Name one list for each family.',
  });
});

test('labels', () => {
  const table = tableOf('1.0.0.0,1.0.0.255,13335,CLOUDFLARENET\n2.0.0.0,2.0.0.255,3320\n');
  assert.deepEqual(
    [0, 1, 2].map((group) => table.label(group)),
    ['no provider in the table', 'AS3320', 'AS13335 CLOUDFLARENET'],
  );
  const countries = tableOf('1.0.0.0,1.0.0.255,de\n', 'country');
  assert.deepEqual(
    [0, 1].map((group) => countries.label(group)),
    ['no country in the table', 'DE'],
  );
});

test('shares: half for each family, the whole for one that is alone', () => {
  const ipv4 = '1.0.0.0,1.0.0.255,5\n2.0.0.0,2.0.2.255,6\n';
  const ipv6 = '2001:db8::,2001:db8:0:3:ffff:ffff:ffff:ffff,6\n2a00::,2a00::ffff:ffff:ffff:ffff,7\n';
  assert.deepEqual([...tableOf(ipv4).shares], [0, 0.25, 0.75]);
  assert.deepEqual([...tableOf(ipv6).shares], [0, 0.8, 0.2]);
  assert.deepEqual([...tableOf(ipv4 + ipv6).shares], [0, 0.125, 0.375 + 0.4, 0.1]);
  assert.deepEqual([...tableOf('1.0.0.0,1.0.0.255,0').shares], [0]);
  assert.deepEqual([...tableOf(EVERYTHING).shares], [0, 1]);
  assert.deepEqual([...tableOf(EVERYTHING_IPV6).shares], [0, 1]);
});

test('parts that no table has are refused', () => {
  const good = tableOf('1.0.0.0,1.0.0.255,5\n2.0.0.0,2.0.0.255,6\n2001:db8::,2001:dba::,6\n').parts;
  const cases: [Partial<GroupTableParts>, string][] = [
    [{ ids: Uint32Array.of() }, 'expected group 0 first, got no group'],
    [{ ids: Uint32Array.of(1, 5, 6) }, 'expected group 0 first, got 1'],
    [{ names: ['', ''] }, "expected a name or '' for each of 3 groups, got 2"],
    [{ ids: Uint32Array.of(0, 6, 6) }, 'expected groups in ascending order, got 6 after 6'],
    [{ kind: 'country' }, 'expected two letters for each country, got 5'],
    [
      { kind: 'country', ids: Uint32Array.of(0, 0x4155, 0x6465) },
      'expected two letters for each country, got 25701',
    ],
    [
      { ipv4Groups: Uint32Array.of(0, 1) },
      'expected as many IPv4 runs as groups of them, at least 1, got 5 and 2',
    ],
    [
      { ipv6Firsts: Uint32Array.of(), ipv6Groups: Uint32Array.of() },
      'expected as many IPv6 runs as groups of them, at least 1, got 0 and 0',
    ],
    [{ ipv4Groups: Uint32Array.of(0, 1, 0, 3, 0) }, 'expected IPv4 runs of groups 0 to 2, got 3'],
    [{ ipv4Firsts: Uint32Array.of(1, 2, 3, 4, 5) }, 'expected the first IPv4 run to start at 0, got 1'],
    [{ ipv6Firsts: Uint32Array.of(0, 9, 1, 0, 2, 0) }, 'expected the first IPv6 run to start at 0, got 9'],
    [
      { ipv4Firsts: Uint32Array.of(0, 2, 2, 4, 5) },
      'expected IPv4 runs in ascending order, got run 2 at or before the one before',
    ],
    [
      { ipv6Firsts: Uint32Array.of(0, 0, 1, 7, 1, 7) },
      'expected IPv6 runs in ascending order, got run 2 at or before the one before',
    ],
    [
      { ipv6Firsts: Uint32Array.of(0, 0, 2, 0, 1, 7) },
      'expected IPv6 runs in ascending order, got run 2 at or before the one before',
    ],
  ];
  assert.doesNotThrow(() => new GroupTable(good));
  for (const [change, fault] of cases)
    assert.throws(() => new GroupTable({ ...good, ...change }), { message: `group table: ${fault}` });
});

test('a country is two letters, and no other bytes', () => {
  for (let first = 0; first < 256; first++) {
    for (let second = 0; second < 256; second++) {
      const text = String.fromCharCode(first, second);
      const expected = /^[a-z]{2}$/i.test(text)
        ? (text.toUpperCase().charCodeAt(0) << 8) | text.toUpperCase().charCodeAt(1)
        : -1;
      assert.equal(countryId(first, second), expected, JSON.stringify(text));
    }
  }
});

/** Numbers of a family, made so that neighbours, 16-bit borders and both ends come often. */
const ends = (bits: bigint) =>
  fc.array(
    fc.oneof(
      fc.bigInt({ min: 0n, max: (1n << bits) - 1n }),
      fc.bigInt({ min: 0n, max: 40n }),
      fc.bigInt({ min: (1n << bits) - 40n, max: (1n << bits) - 1n }),
      fc
        .bigInt({ min: 0n, max: 70000n })
        .map((n) => n << (bits - 17n))
        .map((n) => n % (1n << bits)),
    ),
    { minLength: 2, maxLength: 60 },
  );

interface Range {
  first: bigint;
  last: bigint;
  id: number;
}

function rangesOf(numbers: bigint[], ids: number[]): Range[] {
  const sorted = [...new Set(numbers)].sort((a, b) => (a < b ? -1 : 1));
  return sorted.slice(1).flatMap((end, i) => {
    const id = ids[i % ids.length];
    // Every third stretch stays a gap; each begins where the one before has ended.
    return i % 3 === 2 ? [] : [{ first: sorted[i], last: end - 1n, id }];
  });
}

const wordsOf = (value: bigint): AddressWords =>
  Uint32Array.from([96n, 64n, 32n, 0n], (shift) => Number((value >> shift) & 0xffffffffn));

for (const { family, bits, base } of [
  { family: 'IPv4', bits: 32n, base: 0xffffn << 32n },
  { family: 'IPv6', bits: 64n, base: 0n },
]) {
  test(`for any ${family} ranges, find agrees with a look at every range`, () => {
    const ids = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(ends(bits), ids, ends(bits), (numbers, groups, wanted) => {
        const ranges = rangesOf(numbers, groups);
        // A number is an IPv4 address, or the first half of an IPv6 one.
        const first = (n: bigint) => wordsOf(base === 0n ? n << 64n : base | n);
        const last = (n: bigint) => wordsOf(base === 0n ? (n << 64n) | ((1n << 64n) - 1n) : base | n);
        const { table, dropped } = groupTableOf('asn', [
          {
            name: 'list',
            firsts: Uint32Array.from(ranges.flatMap((range) => [...first(range.first)])),
            lasts: Uint32Array.from(ranges.flatMap((range) => [...last(range.last)])),
            ids: Uint32Array.from(ranges, (range) => range.id),
            names: new Map(),
            trimmed: 0,
          },
        ]);
        assert.equal(dropped, 0);
        const groupRuns = family === 'IPv4' ? table.parts.ipv4Groups : table.parts.ipv6Groups;
        assert.ok(groupRuns.every((group, run) => run === 0 || group !== groupRuns[run - 1]));
        for (const n of [...wanted, ...ranges.flatMap((range) => [range.first, range.last])]) {
          const expected = ranges.find((range) => range.first <= n && n <= range.last)?.id ?? 0;
          assert.equal(table.parts.ids[table.find(Uint32Array.of(9, ...first(n)).subarray(1))], expected);
          assert.equal(table.parts.ids[table.find(Uint32Array.of(9, 9, 9, 9, ...last(n)), 1)], expected);
        }
        const sum = table.shares.reduce((total, share) => total + share, 0);
        const some = ranges.some((range) => range.id > 0);
        assert.ok(Math.abs(sum - (some ? 1 : 0)) < 1e-12, String(sum));
      }),
      { numRuns: 300 },
    );
  });
}

test('on the packaged lists, find agrees with the list of ranges', () => {
  const bytes = (family: string) =>
    readFileSync(createRequire(import.meta.url).resolve(`@ip-location-db/asn/asn-${family}.csv`));
  const lists = ['ipv4', 'ipv6'].map((family) => readRangeLines(bytes(family), family, 'asn'));
  const { table, dropped } = groupTableOf('asn', lists);
  assert.ok(Math.abs(table.shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-9);
  const random = new RandomStream(7, PURPOSE.sampling);
  const words = new Uint32Array(4);
  for (const family of ['ipv4', 'ipv6']) {
    const ranges = parseRanges(bytes(family), family);
    assert.equal(isIpv4(ranges.firsts), family === 'ipv4');
    let inRanges = 0;
    let agreed = 0;
    for (let draw = 0; draw < 20_000; draw++) {
      // Half of them anywhere, half at an end of a range, or one beside it.
      for (let word = 0; word < 4; word++) words[word] = random.below(2 ** 32);
      if (family === 'ipv4') words.set([0, 0, 0xffff]);
      else words[0] = 0x20000000 + random.below(2 ** 28);
      if (draw % 2 === 1) {
        const range = random.below(ranges.count);
        words.set((draw % 4 === 1 ? ranges.firsts : ranges.lasts).subarray(range * 4, range * 4 + 4));
      }
      const exact = ranges.find(words);
      if (family === 'ipv6') words.set([2 ** 31, 0], 2);
      const middle = ranges.find(words);
      const group = table.find(words);
      assert.equal(table.parts.ids[group], middle < 0 ? 0 : ranges.asns[middle]);
      if (exact < 0 ? group === 0 : table.parts.ids[group] === ranges.asns[exact]) agreed++;
      if (group > 0) inRanges++;
    }
    assert.ok(inRanges > 10_000, `${inRanges} of 20,000 in ranges`);
    // Addresses announced apart from their network of 64 bits: 51 of 103,197 ranges, drawn for half of the addresses.
    assert.ok(agreed >= (family === 'ipv4' ? 20_000 : 19_950), `${agreed} of 20,000 agree`);
  }
  assert.equal(dropped, 51);
});
