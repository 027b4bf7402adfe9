import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parseAddress } from '../addresses/address.ts';
import { type SampleRange, writeSampleDatabase } from '../addresses/sampleDatabase.ts';
import { readGroupTable } from './groupTables.ts';

const folder = mkdtempSync(join(tmpdir(), 'ip-insights-groups-'));
after(() => rmSync(folder, { recursive: true }));

const put = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const IPV4 = '1.0.0.0,1.0.1.9,5,FIVE\n1.0.1.0,1.0.1.255,6\n';
const IPV6 = '2001:db8::,2001:db8::5,7\n2001:db9::,2001:db9:ffff:ffff:ffff:ffff:ffff:ffff,5\n';
const ranges: SampleRange[] = (
  [
    ['1.0.0.0', '1.0.0.255', 5, 'FIVE'],
    ['1.0.1.0', '1.0.1.255', 6, ''],
    ['2001:db8::', '2001:db8::5', 7, ''],
    ['2001:db9::', '2001:db9:ffff:ffff:ffff:ffff:ffff:ffff', 5, ''],
  ] as const
).map(([first, last, asn, name]) => ({
  first: parseAddress(first)!,
  last: parseAddress(last)!,
  record: { autonomous_system_number: asn, autonomous_system_organization: name },
}));
const ipv4 = put('ipv4.csv', IPV4);
const ipv6 = put('ipv6.csv', IPV6);

test('lists in one file or two, in either order, gzipped or not, and a database give the same table', () => {
  const { table, trimmed, dropped, identity } = readGroupTable([ipv4, ipv6], 'asn', '--asn');
  assert.deepEqual([trimmed, dropped], [1, 1]);
  assert.deepEqual(identity, { name: 'ipv4.csv + ipv6.csv', sha256: sha256(IPV4 + IPV6) });
  const labels = ['1.0.0.7', '1.0.1.7', '1.0.2.0', '2001:db8::5', '2001:db9:1::'].map((address) =>
    table.label(table.find(parseAddress(address)!)),
  );
  const none = 'no provider in the table';
  assert.deepEqual(labels, ['AS5 FIVE', 'AS6', none, none, 'AS5 FIVE']);

  const database = writeSampleDatabase(ranges);
  const others = [
    [ipv6, ipv4],
    [put('both.csv', IPV4 + IPV6)],
    [put('both.csv.gz', gzipSync(IPV4 + IPV6))],
    // Neither needs its own name: the content tells.
    [put('list.gz', gzipSync(IPV4)), put('list6', IPV6)],
    [put('asn.mmdb', database)],
    [put('asn.mmdb.gz', gzipSync(database))],
    [put('asn.csv', database)],
    [put('ipv4.mmdb', writeSampleDatabase(ranges.slice(0, 2), { ipVersion: 4 })), ipv6],
  ];
  for (const paths of others)
    assert.deepEqual(readGroupTable(paths, 'asn', '--asn').table.parts, table.parts, paths.join(' '));
  assert.deepEqual(readGroupTable([join(folder, 'asn.mmdb')], 'asn', '--asn').identity, {
    name: 'asn.mmdb',
    sha256: sha256(database),
  });
});

test('"packaged" are the lists of @ip-location-db/asn, both families', () => {
  const { table, identity } = readGroupTable(['packaged'], 'asn', '--asn');
  const files = ['ipv4', 'ipv6'].map((family) =>
    readFileSync(createRequire(import.meta.url).resolve(`@ip-location-db/asn/asn-${family}.csv`)),
  );
  assert.deepEqual(identity, {
    name: 'asn-ipv4.csv + asn-ipv6.csv',
    sha256: sha256(Buffer.concat(files)),
  });
  for (const address of ['1.1.1.1', '2606:4700:4700::1111'])
    assert.match(table.label(table.find(parseAddress(address)!)), /^AS13335 Cloudflare/);
});

test('countries come from lists and databases', () => {
  const list = put('countries.csv', '1.0.0.0,1.0.0.255,AU\n');
  const flat = writeSampleDatabase([{ ...ranges[0], record: { country_code: 'AU' } }]);
  for (const path of [list, put('countries.mmdb', flat)]) {
    const { table } = readGroupTable([path], 'country', '--country');
    assert.equal(table.label(table.find(parseAddress('1.0.0.3')!)), 'AU');
  }
});

test('what cannot be read is refused with the file and the next step', () => {
  const missing = join(folder, 'missing.csv');
  const tar = Buffer.alloc(1024);
  tar.write('GeoLite2-ASN_20260101/', 0);
  tar.write('ustar', 257);
  const noMetadata =
    'expected a MaxMind database (MMDB), got a file without its metadata: it is of another kind, or was cut short. Check the name, or copy or download it again.';
  const archive = (kind: string) =>
    `expected a list (CSV) or a MaxMind database (MMDB), got a ${kind} archive. Unpack it and name the file in it.`;
  const whole = writeSampleDatabase(ranges);
  const cases: [string, string][] = [
    [missing, 'there is no such file. Check the name, or the folder that the command runs in.'],
    [folder, `is a folder, expected a file. Name the files in it, e.g. ${folder}/*.csv.`],
    [
      put('cut.csv.gz', gzipSync(IPV4.repeat(9)).subarray(0, 30)),
      'the gzip data ends in the middle (truncated file). Copy or download it again.',
    ],
    [
      put('bad.gz', Buffer.concat([gzipSync(IPV4).subarray(0, 10), Buffer.alloc(30, 0xff)])),
      'the gzip data is damaged (invalid block type). Copy or download it again.',
    ],
    [put('asn.tar.gz', gzipSync(tar)), archive('tar')],
    [put('asn.tar', tar), archive('tar')],
    [put('asn.zip', 'PK\x03\x04 and more'), archive('zip')],
    [put('cut.mmdb', whole.subarray(0, whole.length >>> 1)), noMetadata],
    [put('cut', whole.subarray(0, whole.length >>> 1)), noMetadata],
    [put('page.mmdb', '<html>Log in first</html>'), noMetadata],
  ];
  for (const [path, message] of cases) {
    assert.throws(() => readGroupTable([path], 'asn', '--asn'), {
      name: 'InputError',
      message: `${path}: ${message}`,
    });
  }
  const line = put('line.csv', '1.0.0.0,1.0.0.255,DE\n');
  assert.throws(() => readGroupTable([line], 'asn', '--asn'), {
    name: 'InputError',
    message: `${line}:1: expected the number of an autonomous system (0 to 4294967295), got "DE".`,
  });
  assert.throws(() => readGroupTable([ipv4], 'country', '--country'), {
    name: 'InputError',
    message: `${ipv4}:1: expected the two letters of a country, such as DE, got "5".`,
  });
  assert.throws(() => readGroupTable([ipv4, ipv6, ipv4], 'asn', '--asn'), {
    name: 'InputError',
    message: `${ipv4}: expected no IPv4 ranges, as ${ipv4} has them already. Name one list for each family.`,
  });
  assert.throws(() => readGroupTable(['packaged'], 'country', '--country'), {
    name: 'InputError',
    message:
      '--country: expected a list or database of countries, got "packaged", which has autonomous systems only. Name a file: CSV lines first,last,country, or a MaxMind database.',
  });
});
