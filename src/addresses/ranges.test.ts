import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InputError } from '../errors.ts';
import { compareAddresses, formatAddress, parseAddress } from './address.ts';
import { parseRanges, requireFamily } from './ranges.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const parse = (text: string) => parseRanges(bytes(text), 'ranges.csv');
const find = (text: string, address: string) => parse(text).find(parseAddress(address)!);
const rows = (text: string) => {
  const table = parse(text);
  return Array.from({ length: table.count }, (_, range) => [
    formatAddress(table.firsts, range),
    formatAddress(table.lasts, range),
    table.asns[range],
    table.names.get(table.asns[range]),
  ]);
};

test('reads addresses, decimal numbers, quotes, header, CRLF, byte-order mark, empty lines and AS numbers', () => {
  const row = ['1.0.0.0', '1.0.0.255', 13335, 'Cloudflare, Inc.'];
  const lines = [
    '1.0.0.0,1.0.0.255,13335,"Cloudflare, Inc."',
    '16777216,16777471,13335,"Cloudflare, Inc."',
    '"16777216","16777471","AS13335","Cloudflare, Inc.","more"',
    '1.0.0.0, 1.0.0.255, as13335, "Cloudflare, Inc."\r\n\r\n',
    'first,last,asn,name\n1.0.0.0,1.0.0.255,13335,"Cloudflare, Inc."\n',
    '\uFEFFstart_ip,end_ip,asn\n1.0.0.0,1.0.0.255,13335,"Cloudflare, Inc."',
  ];
  for (const line of lines) assert.deepEqual(rows(line), [row], line);
  assert.deepEqual(rows('1.0.0.0,1.0.0.0,5'), [['1.0.0.0', '1.0.0.0', 5, undefined]]);
  assert.deepEqual(rows('2001:db8::,2001:db8::ff,7\n'), [['2001:db8::', '2001:db8::ff', 7, undefined]]);
  assert.deepEqual(rows('42540488161975842760550356425300246528,42540488161975842760550356425300246529,7'), [
    ['2001::', '2001::1', 7, undefined],
  ]);
});

test('every line that cannot be read is refused with its place and the next step', () => {
  const table: [string, string][] = [
    ['', 'ranges.csv: expected lines first,last,asn[,name], got no range.'],
    ['first,last,asn\n', 'ranges.csv: expected lines first,last,asn[,name], got no range.'],
    ['1.0.0.0', 'ranges.csv:1: expected first,last,asn[,name], got 1 field.'],
    ['1.0.0.0,1.0.0.255', 'ranges.csv:1: expected first,last,asn[,name], got 2 fields.'],
    [
      '1.0.0.0,1.0.0.256,5',
      'ranges.csv:1: expected an IP address or its decimal number, got "1.0.0.256": octet 4 is above 255.',
    ],
    [
      '1.0.0.0,1.0.0.1,5\nfirst,last,asn',
      'ranges.csv:2: expected an IP address or its decimal number, got "first": it is not an IP address.',
    ],
    [
      '1.0.0.0,1.0.0.1,5\n,1.0.0.4,5',
      'ranges.csv:2: expected an IP address or its decimal number, got "": it is empty.',
    ],
    [
      '340282366920938463463374607431768211456,1.0.0.1,5',
      'ranges.csv:1: expected an IP address or its decimal number, got "340282366920938463463374607431768211456": it has 1 part, not 4.',
    ],
    [
      '1.0.0.0,1.0.0.1,AS',
      'ranges.csv:1: expected the number of an autonomous system (0 to 4294967295), got "AS".',
    ],
    [
      '1.0.0.0,1.0.0.1,4294967296',
      'ranges.csv:1: expected the number of an autonomous system (0 to 4294967295), got "4294967296".',
    ],
    [
      '1.0.0.0,2001::,5',
      'ranges.csv:1: expected both ends of a range in one family, got 1.0.0.0 and 2001::.',
    ],
    [
      '1.0.0.9,1.0.0.1,5',
      'ranges.csv:1: expected a range that ends at or after its start, got 1.0.0.9 to 1.0.0.1.',
    ],
    [
      '2.0.0.0,2.0.0.255,5\n1.0.0.0,1.0.0.255,6',
      'ranges.csv:2: expected a range after 2.0.0.0 to 2.0.0.255, the one before, got 1.0.0.0 to 1.0.0.255. Sort the list by address and remove ranges within others.',
    ],
    [
      '2.0.0.0,2.0.0.255,5\n2.0.0.4,2.0.0.7,6',
      'ranges.csv:2: expected a range after 2.0.0.0 to 2.0.0.255, the one before, got 2.0.0.4 to 2.0.0.7. Sort the list by address and remove ranges within others.',
    ],
  ];
  for (const [text, message] of table) {
    assert.throws(() => parse(text), { name: 'InputError', message }, text);
  }
});

test('a range that reaches into the next one ends before it, and is counted', () => {
  const table = parse(
    '1.0.0.0,1.0.1.9,5\n1.0.1.0,1.0.1.255,6\n2001:db8::,2001:db9::5,7\n2001:db9::,2001:dba::,8',
  );
  assert.equal(table.trimmed, 2);
  assert.equal(formatAddress(table.lasts, 0), '1.0.0.255');
  assert.equal(formatAddress(table.lasts, 2), '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff');
});

test('sizes count the addresses of a range', () => {
  const table = parse(
    '0.0.0.0,0.0.0.0,1\n1.0.0.0,1.0.0.255,1\n2.0.0.0,255.255.255.255,1\n2001:db8::,2001:db8:ffff:ffff:ffff:ffff:ffff:ffff,1',
  );
  assert.deepEqual([...table.sizes], [1, 256, 254 * 2 ** 24, 2 ** 96]);
});

test('finds the range of an address at both its ends, and none beside it', () => {
  const list = '1.0.0.0,1.0.0.255,5\n1.0.2.0,1.0.2.255,6\n2001:db8::,2001:db8::ff,7\n';
  const cases: [string, number][] = [
    ['0.255.255.255', -1],
    ['1.0.0.0', 0],
    ['1.0.0.255', 0],
    ['1.0.1.0', -1],
    ['1.0.2.7', 1],
    ['1.0.3.0', -1],
    ['::', -1],
    ['2001:db8::80', 2],
    ['2001:db8::100', -1],
  ];
  for (const [address, range] of cases) assert.equal(find(list, address), range, address);
});

test('for any ascending list, find agrees with a look at every range', () => {
  const last = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 2, maxLength: 40 });
  fc.assert(
    fc.property(last, fc.integer({ min: 0, max: 300 }), (ends, wanted) => {
      const sorted = [...new Set(ends)].sort((a, b) => a - b);
      const pairs: [number, number][] = [];
      for (let i = 0; i + 1 < sorted.length; i += 2) pairs.push([sorted[i], sorted[i + 1]]);
      if (pairs.length === 0) return;
      const table = parse(pairs.map(([first, end]) => `${first},${end},1`).join('\n'));
      const words = Uint32Array.of(0, 0, 0xffff, wanted);
      assert.equal(
        table.find(words),
        pairs.findIndex(([first, end]) => first <= wanted && wanted <= end),
      );
    }),
  );
});

test('any bytes give an ascending list or a message', () => {
  const piece = fc.constantFrom(
    '1.0.0.0',
    '1.0.0.9',
    '5',
    '"',
    ',',
    '\n',
    '\r',
    '::',
    'AS',
    '2001:db8::',
    ' ',
    'é',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      try {
        const { count, firsts, lasts } = parse(pieces.join(''));
        for (let range = 0; range < count; range++) {
          assert.ok(compareAddresses(firsts, range, lasts, range) <= 0);
          assert.ok(range === 0 || compareAddresses(lasts, range - 1, firsts, range) < 0);
        }
      } catch (error) {
        assert.ok(error instanceof InputError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test('a list of the wrong family is refused', () => {
  const table = parse('1.0.0.0,1.0.0.255,5\n2001:db8::,2001:db8::ff,7\n');
  assert.throws(() => requireFamily(table, 'IPv4', 'ranges.csv'), {
    message:
      'ranges.csv: expected IPv4 ranges only, got one that starts at 2001:db8::. Remove the IPv6 ranges.',
  });
  assert.throws(() => requireFamily(table, 'IPv6', 'ranges.csv'), {
    message: 'ranges.csv: expected IPv6 ranges only, got one that starts at 1.0.0.0. Remove the IPv4 ranges.',
  });
});
