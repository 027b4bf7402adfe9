import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CountryResponse, Reader } from 'maxmind';
import { InputError } from '../errors.ts';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import { compareAddresses, formatAddress, isIpv4, parseAddress } from './address.ts';
import { groupTableOf } from './buildGroupTable.ts';
import type { GroupKind } from './groupTable.ts';
import { isDatabase, readDatabase } from './mmdb.ts';
import { type RangeColumns, readRangeLines } from './rangeLines.ts';
import {
  type DatabaseValue,
  IPV4_ALIASES,
  type SampleOptions,
  type SampleRange,
  writeSampleDatabase,
} from './sampleDatabase.ts';

const range = (first: string, last: string, record: DatabaseValue): SampleRange => ({
  first: parseAddress(first)!,
  last: parseAddress(last)!,
  record,
});
const asn = (number: number, organization?: string): DatabaseValue => ({
  autonomous_system_number: number,
  ...(organization === undefined ? {} : { autonomous_system_organization: organization }),
});
const rows = ({ firsts, lasts, ids }: RangeColumns) =>
  Array.from(ids, (id, i) => [formatAddress(firsts, i), formatAddress(lasts, i), id]);
const readSample = (ranges: SampleRange[], options?: SampleOptions, kind: GroupKind = 'asn') =>
  readDatabase(writeSampleDatabase(ranges, options), 'sample.mmdb', kind);

const LIST = [
  range('0.0.0.0', '0.0.0.0', asn(1)),
  range('1.0.0.0', '1.0.0.255', asn(13335, 'CLOUDFLARENET')),
  range('1.0.1.0', '1.0.1.128', asn(13335, 'Cloudflare, again')),
  range('9.255.255.255', '10.0.0.6', asn(0xffffffff)),
  range('255.255.255.255', '255.255.255.255', asn(2)),
  range('2400::', '2400:0:0:27:ffff:ffff:ffff:ffff', asn(13335)),
  range('2a00::', '2a00::5', asn(7)),
  range('ffff:ffff:ffff:ffff::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', asn(8)),
];
const LIST_ROWS = [
  ['0.0.0.0', '0.0.0.0', 1],
  ['1.0.0.0', '1.0.1.128', 13335],
  ['9.255.255.255', '10.0.0.6', 0xffffffff],
  ['255.255.255.255', '255.255.255.255', 2],
  ['2400::', '2400::27:ffff:ffff:ffff:ffff', 13335],
  ['2a00::', '2a00::5', 7],
  ['ffff:ffff:ffff:ffff::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 8],
];

test('reads the networks of databases of every record size, neighbours of one provider as one range', () => {
  for (const recordSize of [24, 28, 32] as const) {
    const columns = readSample(LIST, { recordSize });
    assert.deepEqual(rows(columns), LIST_ROWS);
    assert.deepEqual([...columns.names], [[13335, 'CLOUDFLARENET']]);
  }
  const ipv4 = LIST.filter(({ first }) => isIpv4(first));
  assert.deepEqual(rows(readSample(ipv4, { ipVersion: 4 })), LIST_ROWS.slice(0, 4));
});

test('ways from IPv6 to the IPv4 networks are no IPv6 networks', () => {
  assert.deepEqual(rows(readSample(LIST, { aliases: IPV4_ALIASES })), LIST_ROWS);
});

test('without such ways, the IPv6 networks there are networks like others', () => {
  const teredo = range('2001::', '2001:0:ffff:ffff:ffff:ffff:ffff:ffff', asn(6939));
  assert.deepEqual(rows(readSample([...LIST, teredo])), [
    ...LIST_ROWS.slice(0, 4),
    ['2001::', '2001:0:ffff:ffff:ffff:ffff:ffff:ffff', 6939],
    ...LIST_ROWS.slice(4),
  ]);
  assert.deepEqual(rows(readSample([teredo])), [['2001::', '2001:0:ffff:ffff:ffff:ffff:ffff:ffff', 6939]]);
});

test('one record for everything is one range in each family', () => {
  const everything = [
    range('::', '7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', asn(5)),
    range('8000::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', asn(5)),
  ];
  assert.deepEqual(rows(readSample(everything)), [
    ['0.0.0.0', '255.255.255.255', 5],
    ['::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 5],
  ]);
});

test('a country is that of use, else that of registration, else the flat field; some records have none', () => {
  const columns = readSample(
    [
      range('1.0.0.0', '1.0.0.255', { country: { iso_code: 'DE' }, registered_country: { iso_code: 'FR' } }),
      range('2.0.0.0', '2.0.0.255', { registered_country: { iso_code: 'FR' }, continent: { code: 'EU' } }),
      range('3.0.0.0', '3.0.0.255', { country_code: 'us' }),
      range('4.0.0.0', '4.0.0.255', { continent: { code: 'EU' } }),
      range('5.0.0.0', '5.0.0.255', { country_code: '' }),
      range('6.0.0.0', '6.0.0.255', { country: { iso_code: '-' } }),
    ],
    {},
    'country',
  );
  const { table } = groupTableOf('country', [columns]);
  const labels = ['1.0.0.0', '2.0.0.0', '3.0.0.0', '4.0.0.0', '5.0.0.0', '6.0.0.0'].map((address) =>
    table.label(table.find(parseAddress(address)!)),
  );
  const none = 'no country in the table';
  assert.deepEqual(labels, ['DE', 'FR', 'US', none, none, none]);
});

test('what a database lacks or has wrong is said, with what came instead', () => {
  const one = (record: DatabaseValue) => [range('1.0.0.0', '1.0.0.255', record)];
  const many = { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: { one: 1, two: 2 }, h: ['x'] };
  const cases: [SampleRange[], SampleOptions, GroupKind, string][] = [
    [
      one({ country: { names: { en: 'Germany' } }, continent: { code: 'EU' } }),
      { databaseType: 'GeoLite2-Country' },
      'asn',
      'sample.mmdb: expected records with autonomous_system_number, got continent.code, country.names (database type "GeoLite2-Country"). Name an ASN database, e.g. GeoLite2-ASN.',
    ],
    [
      one(asn(5, 'x')),
      { databaseType: 'GeoLite2-ASN' },
      'country',
      'sample.mmdb: expected records with country.iso_code, registered_country.iso_code or country_code, got autonomous_system_number, autonomous_system_organization (database type "GeoLite2-ASN"). Name a country database, e.g. GeoLite2-Country.',
    ],
    [
      one(many),
      {},
      'asn',
      'sample.mmdb: expected records with autonomous_system_number, got a, b, c, d, e, f, g.one, g.two and 1 more (database type "Sample"). Name an ASN database, e.g. GeoLite2-ASN.',
    ],
    [
      [],
      {},
      'asn',
      'sample.mmdb: expected records with autonomous_system_number, got no record (database type "Sample"). Name an ASN database, e.g. GeoLite2-ASN.',
    ],
    ...(
      [
        ['AS5', '"AS5"'],
        [1.5, '"1.5"'],
        [2n ** 40n, '"1099511627776"'],
      ] as const
    ).map(([value, text]): [SampleRange[], SampleOptions, GroupKind, string] => [
      one({ autonomous_system_number: value }),
      {},
      'asn',
      `sample.mmdb: 1.0.0.0/24: expected a number in autonomous_system_number, got ${text}.`,
    ]),
    [
      [range('2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', { country_code: 'DEU' })],
      {},
      'country',
      'sample.mmdb: 2001:db8::/32: expected the two letters of a country, got "DEU".',
    ],
    [
      one({ country_code: 49 }),
      {},
      'country',
      'sample.mmdb: 1.0.0.0/24: expected the two letters of a country, got "49".',
    ],
    [
      one(asn(5)),
      { formatVersion: 3 },
      'asn',
      'sample.mmdb: written in version 3 of the MMDB format, this build reads version 2. Name a database in version 2.',
    ],
  ];
  for (const [ranges, options, kind, message] of cases)
    assert.throws(() => readSample(ranges, options, kind), { name: 'InputError', message });
});

test('a file that is no database, or a damaged one, is refused with the next step', () => {
  const good = writeSampleDatabase([range('1.0.0.0', '1.0.0.255', asn(5))]);
  const marker = good.lastIndexOf('\xab\xcd\xefMaxMind.com', undefined, 'latin1');
  const nodes = 120; // 96 + 24 bits down to the one network
  const changed = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(good);
    change(bytes);
    return bytes;
  };
  const noMetadata =
    'sample.mmdb: expected a MaxMind database (MMDB), got a file without its metadata: it is of another kind, or was cut short. Check the name, or copy or download it again.';
  const damaged = (why: string) =>
    `sample.mmdb: the MaxMind database is damaged (${why}). Copy or download it again.`;
  const cases: [Buffer, string][] = [
    [Buffer.from(''), noMetadata],
    [Buffer.from('1.0.0.0,1.0.0.255,5\n'), noMetadata],
    [good.subarray(0, marker + 5), noMetadata],
    [
      good.subarray(nodes * 3),
      damaged(`its search tree has ${nodes * 6 + 16} bytes, only ${marker - nodes * 3} bytes are there`),
    ],
    // A node that is its own child.
    [changed((bytes) => bytes.fill(0, 0, 6)), damaged('its search tree is deeper than 128 bits')],
    // Both records of every node lead to the next one: 2^24 ways through the IPv4 part.
    [
      changed((bytes) => {
        for (let record = 0; record < nodes * 2; record++)
          bytes.writeUIntBE((record >>> 1) + 1, record * 3, 3);
      }),
      damaged('its search tree enters nodes again and again'),
    ],
    [
      changed((bytes) => bytes.writeUIntBE(nodes + 4000, (nodes - 1) * 6, 3)),
      damaged(`Unknown type NaN at offset ${nodes * 6 + 4002}`),
    ],
    [changed((bytes) => bytes.writeUInt8(48, bytes.length - 1)), damaged('Unsupported record size')],
  ];
  for (const [bytes, message] of cases)
    assert.throws(() => readDatabase(bytes, 'sample.mmdb', 'asn'), { name: 'InputError', message });
  assert.equal(isDatabase(good), true);
  assert.equal(isDatabase(good.subarray(0, marker + 5)), false);
  // The metadata take 128 KiB at most.
  assert.equal(isDatabase(Buffer.concat([good, Buffer.alloc(140_000)])), false);
});

test('any changed bytes give ascending ranges or a message', () => {
  const good = writeSampleDatabase(LIST, { aliases: IPV4_ALIASES });
  const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), fc.boolean(), (changes, atTheEnd) => {
      const bytes = Buffer.from(good);
      // Most bytes are the tree's; the data and metadata should be hit often too.
      for (const [at, value] of changes) bytes[atTheEnd ? good.length - 1 - (at % 500) : at] = value;
      try {
        const { firsts, lasts, ids } = readDatabase(bytes, 'sample.mmdb', 'asn');
        for (let i = 0; i < ids.length; i++) {
          assert.ok(compareAddresses(firsts, i, lasts, i) <= 0);
          const sameFamily = i > 0 && isIpv4(firsts, i) === isIpv4(firsts, i - 1);
          assert.ok(!sameFamily || compareAddresses(lasts, i - 1, firsts, i) < 0);
        }
      } catch (error) {
        assert.ok(error instanceof InputError, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

test('database and list of the same ranges give the same table', () => {
  const word = fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0, max: 99 }));
  const ends = fc.array(word, { minLength: 2, maxLength: 30 });
  const options = fc.record({
    recordSize: fc.constantFrom(24, 28, 32),
    aliases: fc.constantFrom([], IPV4_ALIASES),
  }) as fc.Arbitrary<SampleOptions>;
  fc.assert(
    fc.property(ends, ends, options, (ipv4, ipv6, settings) => {
      const pairs = (numbers: number[]) => {
        const sorted = [...new Set(numbers)].sort((a, b) => a - b);
        return sorted
          .slice(1)
          .flatMap((end, i) => (i % 3 === 2 ? [] : [[sorted[i], end - 1, 1 + (end % 4)]]));
      };
      const ranges = [
        ...pairs(ipv4).map(([first, last, id]) => ({
          first: Uint32Array.of(0, 0, 0xffff, first),
          last: Uint32Array.of(0, 0, 0xffff, last),
          id,
        })),
        ...pairs(ipv6).map(([first, last, id]) => ({
          first: Uint32Array.of(0x24000000, first, 0, 0),
          last: Uint32Array.of(0x24000000, last, 0xffffffff, 0xffffffff),
          id,
        })),
      ];
      if (!ranges.some(({ first }) => isIpv4(first))) return;
      const csv = ranges.map(
        ({ first, last, id }) => `${formatAddress(first)},${formatAddress(last)},${id},N${id}`,
      );
      const list = readRangeLines(new TextEncoder().encode(csv.join('\n')), 'sample.csv', 'asn');
      const database = readSample(
        ranges.map(({ first, last, id }) => ({ first, last, record: asn(id, `N${id}`) })),
        settings,
      );
      assert.deepEqual(groupTableOf('asn', [database]).table.parts, groupTableOf('asn', [list]).table.parts);
    }),
    { numRuns: 200 },
  );
});

test('a published country database: find agrees with the reader of MaxMind databases', () => {
  const packageName = '@ip-location-db/geo-whois-asn-country-mmdb';
  const bytes = readFileSync(
    createRequire(import.meta.url).resolve(`${packageName}/geo-whois-asn-country.mmdb`),
  );
  const { table, dropped } = groupTableOf('country', [readDatabase(bytes, 'country.mmdb', 'country')]);
  // Assignments of a few addresses: 2001:506:9::4 to 2001:506:9::5.
  assert.equal(dropped, 7660);
  const reader = new Reader<CountryResponse>(bytes);
  const random = new RandomStream(7, PURPOSE.sampling);
  let known = 0;
  for (let draw = 0; draw < 20_000; draw++) {
    const words = Uint32Array.from({ length: 4 }, () => random.below(2 ** 32));
    if (draw % 2 === 0) words.set([0, 0, 0xffff]);
    else words[0] = 0x20000000 + random.below(2 ** 28);
    const record = reader.get(formatAddress(words)) as { country_code: string } | null;
    const group = table.find(words);
    if (group > 0) known++;
    assert.equal(group > 0 ? table.label(group) : undefined, record?.country_code, formatAddress(words));
  }
  assert.ok(known > 8000, `${known} of 20,000`);
});

test('every 16th range of the packaged lists, as a database and as lists: the same table', () => {
  const bytes = (family: string) =>
    readFileSync(createRequire(import.meta.url).resolve(`@ip-location-db/asn/asn-${family}.csv`));
  const lists = ['ipv4', 'ipv6'].map((family) => {
    const list = readRangeLines(bytes(family), family, 'asn');
    const kept = Uint32Array.from({ length: Math.floor(list.ids.length / 16) }, (_, i) => i * 16);
    const pick = (words: Uint32Array) =>
      Uint32Array.from({ length: kept.length * 4 }, (_, at) => words[kept[at >>> 2] * 4 + (at & 3)]);
    const ids = kept.map((i) => list.ids[i]);
    return { ...list, firsts: pick(list.firsts), lasts: pick(list.lasts), ids };
  });
  const ranges = lists.flatMap(({ firsts, lasts, ids, names }) =>
    Array.from(ids, (id, i) => ({
      first: firsts.subarray(i * 4, i * 4 + 4),
      last: lasts.subarray(i * 4, i * 4 + 4),
      record: asn(id, names.get(id)),
    })),
  );
  const database = writeSampleDatabase(ranges, { recordSize: 28, aliases: [[[0x20020000, 0, 0, 0], 16]] });
  const built = groupTableOf('asn', [readDatabase(database, 'asn.mmdb', 'asn')]);
  assert.deepEqual(built, groupTableOf('asn', lists));
});
