import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  explainBadAddress,
  followsAddress,
  formatAddress,
  isIpv4,
  parseAddress,
  sharedBits,
} from './address.ts';

const canonical = (text: string) => {
  const words = parseAddress(text);
  return words && formatAddress(words);
};

test('parse(format(a)) is a, for any 128 bits', () => {
  const word = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.integer({ min: 0, max: 0xffffffff }));
  fc.assert(
    fc.property(fc.array(word, { minLength: 4, maxLength: 4 }), (values) => {
      const words = Uint32Array.from(values);
      assert.deepEqual(parseAddress(formatAddress(words)), words);
    }),
  );
});

test("accepts exactly what Node's strict parser accepts, but for zone ids", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      ':',
      '::',
      '.',
      '0',
      '00',
      '1',
      'ffff',
      'F',
      '255',
      '256',
      '10',
      'g',
      ' ',
      '%',
      '1.2.3.4',
    ),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(piece, { maxLength: 16 }).map((p) => p.join('')),
        fc.ipV4(),
        fc.ipV6(),
      ),
      (text) => {
        assert.equal(parseAddress(text) !== undefined, isIP(text) !== 0 && !text.includes('%'), text);
      },
    ),
    { numRuns: 5000 },
  );
});

test('IPv6 is written as RFC 5952 says', () => {
  assert.equal(canonical('2001:DB8:0:0:8:0:0:1'), '2001:db8::8:0:0:1');
  assert.equal(canonical('0:0:0:0:0:0:0:0'), '::');
  assert.equal(canonical('1:0:2:3:4:5:6:7'), '1:0:2:3:4:5:6:7');
  assert.equal(canonical('fe80:0:0:0:0:0:0:1'), 'fe80::1');
  assert.equal(canonical('1::'), '1::');
});

test('an IPv4-mapped address is the IPv4 address, however it is written', () => {
  for (const text of ['::ffff:1.2.3.4', '::FFFF:102:304', '0:0:0:0:0:ffff:1.2.3.4', '1.2.3.4']) {
    const words = parseAddress(text)!;
    assert.ok(isIpv4(words));
    assert.equal(formatAddress(words), '1.2.3.4');
  }
  assert.ok(!isIpv4(parseAddress('::1.2.3.4')!));
});

const REFUSED: [string, string][] = [
  ['', 'it is empty'],
  ['010.1.2.3', 'octet 1 has a leading zero'],
  ['1.2.3', 'it has 3 parts, not 4'],
  ['1.2.3.4.5', 'it has 5 parts, not 4'],
  ['16909060', 'it has 1 part, not 4'],
  ['1.2.3.256', 'octet 4 is above 255'],
  ['1..3.4', 'octet 2 is empty'],
  ['0x7f.1', 'it is not an IP address'],
  ['1.2.3.4:443', 'it has a port'],
  ['[2001:db8::1]:443', 'it has a port'],
  ['[2001:db8::1]', 'it has brackets'],
  ['fe80::1%eth0', 'it has a zone id'],
  ['10.0.0.0/8', 'it is a network, not an address'],
  [' 1.2.3.4', 'it has blanks around it'],
  ['1:2:3', 'it is not a valid IPv6 address'],
  ['1::2::3', 'it is not a valid IPv6 address'],
  [':::', 'it is not a valid IPv6 address'],
  ['example.org', 'it is not an IP address'],
  ['１.2.3.4', 'it is not an IP address'],
];
for (const [text, why] of REFUSED) {
  test(`rejects ${JSON.stringify(text)}: ${why}`, () => {
    assert.equal(parseAddress(text), undefined);
    assert.equal(explainBadAddress(text), why);
  });
}

test('shared bits count from the most significant', () => {
  const bits = (a: string, b: string) => sharedBits(parseAddress(a)!, 0, parseAddress(b)!, 0);
  assert.equal(bits('10.0.0.0', '10.0.0.0'), 128);
  assert.equal(bits('10.0.0.0', '10.0.0.1'), 127);
  assert.equal(bits('0.0.0.0', '128.0.0.0'), 96);
  assert.equal(bits('2001:db8::', '2001:db9::'), 31);
});

test('one address follows another where it is one more, and nothing follows the last', () => {
  const follows = (a: string, b: string) => followsAddress(parseAddress(a)!, 0, parseAddress(b)!, 0);
  const cases: [string, string, boolean][] = [
    ['1.0.0.0', '0.255.255.255', true],
    ['1.0.0.1', '0.255.255.255', false],
    ['1.0.0.0', '1.0.0.0', false],
    ['2001:db9::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', true],
    ['::1:0:0:0', '255.255.255.255', true],
    ['::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', false],
  ];
  for (const [a, b, expected] of cases) assert.equal(follows(a, b), expected, `${a} after ${b}`);
});
