import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from './address.ts';
import { specialBlockOf } from './specialPurpose.ts';

const meaningOf = (address: string) => specialBlockOf(parseAddress(address)!)?.meaning;

/** First and last address of each block. */
const SPECIAL: [meaning: string, ...addresses: string[]][] = [
  ['of "this network" (RFC 791)', '0.0.0.0', '0.255.255.255'],
  ['of a private network (RFC 1918)', '10.0.0.0', '10.255.255.255', '172.16.0.0', '172.31.255.255'],
  ['of a private network (RFC 1918)', '192.168.0.0', '192.168.255.255', '::ffff:192.168.1.1'],
  ['of the address space that carriers share (RFC 6598)', '100.64.0.0', '100.127.255.255'],
  ['the machine itself (RFC 1122)', '127.0.0.0', '127.255.255.255'],
  ['link-local (RFC 3927)', '169.254.0.0', '169.254.255.255'],
  ['set aside for protocols (RFC 6890)', '192.0.0.0', '192.0.0.255'],
  ['for documentation only (RFC 5737)', '192.0.2.0', '192.0.2.255', '198.51.100.0', '198.51.100.255'],
  ['for documentation only (RFC 5737)', '203.0.113.0', '203.0.113.255'],
  ['for benchmarks only (RFC 2544)', '198.18.0.0', '198.19.255.255'],
  ['multicast (RFC 5771)', '224.0.0.0', '239.255.255.255'],
  ['reserved (RFC 1112)', '240.0.0.0', '255.255.255.255'],
  ['unspecified (RFC 4291)', '::'],
  ['the machine itself (RFC 4291)', '::1'],
  ['discarded (RFC 6666)', '100::', '100::ffff:ffff:ffff:ffff'],
  ['for documentation only (RFC 3849)', '2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['for documentation only (RFC 9637)', '3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['of a private network (unique local, RFC 4193)', 'fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['link-local (RFC 4291)', 'fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['multicast (RFC 4291)', 'ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
];

for (const [meaning, ...addresses] of SPECIAL) {
  test(`${addresses.join(', ')}: ${meaning}`, () => {
    for (const address of addresses) assert.equal(meaningOf(address), meaning, address);
  });
}

test('the neighbours of each block are public', () => {
  const neighbours = [
    ...[
      '1.0.0.0',
      '9.255.255.255',
      '11.0.0.0',
      '100.63.255.255',
      '100.128.0.0',
      '126.255.255.255',
      '128.0.0.0',
    ],
    ...['169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0', '191.255.255.255', '192.0.1.0'],
    ...['192.0.3.0', '192.167.255.255', '192.169.0.0', '198.17.255.255', '198.20.0.0', '198.51.99.255'],
    ...['198.51.101.0', '203.0.112.255', '203.0.114.0', '223.255.255.255', '8.8.8.8'],
    ...[
      '::2',
      '100:0:0:1::',
      '2001:db7:ffff::',
      '2001:db9::',
      '3ffe:ffff::',
      '3fff:1000::',
      'fbff::',
      'fe00::',
    ],
    ...['fe7f:ffff::', 'fec0::', '2000::1', '2606:4700::1111', '::fffe:10.0.0.1'],
  ];
  for (const address of neighbours) assert.equal(meaningOf(address), undefined, address);
});

test('a block says where it begins and how long its prefix is, in 128 bits', () => {
  const block = specialBlockOf(parseAddress('172.20.1.2')!)!;
  assert.deepEqual([...block.words], [...parseAddress('172.16.0.0')!]);
  assert.equal(block.bits, 108);
  assert.equal(specialBlockOf(parseAddress('fd12::1')!)!.bits, 7);
});

test('an address of a column is found by its index', () => {
  const column = Uint32Array.from([...parseAddress('8.8.8.8')!, ...parseAddress('10.0.0.1')!]);
  assert.equal(specialBlockOf(column, 0), undefined);
  assert.equal(specialBlockOf(column, 1)?.meaning, 'of a private network (RFC 1918)');
});
