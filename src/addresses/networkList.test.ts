import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareAddresses, formatAddress, formatIpv4, isIpv4, parseAddress } from './address.ts';
import { parseNetworkList } from './networkList.ts';

const parse = (text: string) => parseNetworkList(new TextEncoder().encode(text), 'vpn.txt');
function rows(text: string): string[] {
  const { count, firsts, lasts } = parse(text);
  return Array.from({ length: count }, (_, i) => `${formatAddress(firsts, i)} ${formatAddress(lasts, i)}`);
}

test('reads networks, addresses and ranges of both families, sorted; comments, blanks, CRLF and a byte-order mark aside', () => {
  const text = [
    '\uFEFF# VPNs',
    '',
    ' \t',
    '2001:db8::/32',
    '192.0.2.7\t# one address',
    '198.51.100.0/24#provider',
    '203.0.113.5 , 203.0.114.9',
    '2001:db9::1,2001:db9::ff\r',
    '0.0.0.0/8',
    '::ffff:10.0.0.0/104',
    '203.0.200.1/32',
    '2002::/128',
  ].join('\n');
  assert.deepEqual(rows(text), [
    '0.0.0.0 0.255.255.255',
    '10.0.0.0 10.255.255.255',
    '192.0.2.7 192.0.2.7',
    '198.51.100.0 198.51.100.255',
    '203.0.113.5 203.0.114.9',
    '203.0.200.1 203.0.200.1',
    '2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff',
    '2001:db9::1 2001:db9::ff',
    '2002:: 2002::',
  ]);
  assert.equal(parse(text).merged, 0);
  assert.deepEqual(rows('0.0.0.0/0\n2000::/3\n'), [
    '0.0.0.0 255.255.255.255',
    '2000:: 3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  ]);
});

test('networks with addresses in common become one and are counted; those that only touch stay two', () => {
  const text = '1.0.1.0/24\n1.0.0.0/24\n1.0.0.0/25\n1.0.0.0/24\n1.0.1.200,1.0.2.3\n1.0.1.7\n';
  assert.deepEqual(rows(text), ['1.0.0.0 1.0.0.255', '1.0.1.0 1.0.2.3']);
  assert.equal(parse(text).merged, 4);
  assert.equal(parse('2001:db8::/32\n2001:db8:1::/48').merged, 1);
});

test('every line that cannot be read is refused with its place and the next step', () => {
  const forms = 'expected a network such as 192.0.2.0/24, an address, or first,last';
  const comment = 'Start comments with #.';
  const table: [string, string][] = [
    [
      '',
      'vpn.txt: expected networks, one a line, got none. Write each as 192.0.2.0/24, 192.0.2.1 or 192.0.2.1,192.0.2.9.',
    ],
    [
      '# nothing\n\n',
      'vpn.txt: expected networks, one a line, got none. Write each as 192.0.2.0/24, 192.0.2.1 or 192.0.2.1,192.0.2.9.',
    ],
    ['1.2.3.4\n\nnetwork', `vpn.txt:3: ${forms}, got "network": it is not an IP address. ${comment}`],
    ['1.2.3.256/24', `vpn.txt:1: ${forms}, got "1.2.3.256": octet 4 is above 255. ${comment}`],
    ['1.2.3.4,', `vpn.txt:1: ${forms}, got "": it is empty. ${comment}`],
    ['1.2.3.0 /24', `vpn.txt:1: ${forms}, got "1.2.3.0 ": it has blanks around it. ${comment}`],
    [
      '1.2.3.4,1.2.3.0/24',
      `vpn.txt:1: ${forms}, got "1.2.3.0/24": it is a network, not an address. ${comment}`,
    ],
    [
      '1.2.3.0/33',
      'vpn.txt:1: expected a length from 0 to 32 after the slash, got "1.2.3.0/33". Write a network as 192.0.2.0/24 or 2001:db8::/32.',
    ],
    [
      '2001:db8::/129',
      'vpn.txt:1: expected a length from 0 to 128 after the slash, got "2001:db8::/129". Write a network as 192.0.2.0/24 or 2001:db8::/32.',
    ],
    [
      '1.2.3.0/255.255.255.0',
      'vpn.txt:1: expected a length from 0 to 32 after the slash, got "1.2.3.0/255.255.255.0". Write a network as 192.0.2.0/24 or 2001:db8::/32.',
    ],
    [
      '1.2.3.0/',
      'vpn.txt:1: expected a length from 0 to 32 after the slash, got "1.2.3.0/". Write a network as 192.0.2.0/24 or 2001:db8::/32.',
    ],
    [
      '1.2.3.4/24',
      'vpn.txt:1: expected a network whose bits after /24 are zero, got "1.2.3.4/24". Correct the address or the length; a single address needs none.',
    ],
    [
      '2001:db8:1::/32',
      'vpn.txt:1: expected a network whose bits after /32 are zero, got "2001:db8:1::/32". Correct the address or the length; a single address needs none.',
    ],
    [
      '1.2.3.4,2001:db8::',
      'vpn.txt:1: expected both ends of a range in one family, got "1.2.3.4,2001:db8::". Write a line for each family.',
    ],
    [
      '1.2.3.4,1.2.3.3',
      'vpn.txt:1: expected a range that ends at or after its start, got "1.2.3.4,1.2.3.3". Swap the two.',
    ],
    [
      '1.2.3.4\n::/0',
      'vpn.txt:2: expected a network of one family, got "::/0", which holds all of IPv4 (::ffff:0:0/96). Write the IPv6 networks that are meant, such as 2000::/3.',
    ],
  ];
  for (const [text, message] of table) {
    assert.throws(() => parse(text), { name: 'InputError', message }, text);
  }
});

/** IPv4 networks within 1.2.0.0/22 and IPv6 ones within 2001:db8::/118, so that many overlap. */
const network = fc
  .tuple(fc.boolean(), fc.nat(1023), fc.nat(10))
  .map(([v4, host, free]) => ({ v4, first: (host >>> free) << free, size: 2 ** free, free }));

test('the ranges ascend, do not overlap, and hold exactly what the networks hold, in whatever order they come', () => {
  fc.assert(
    fc.property(fc.array(network, { minLength: 1, maxLength: 20 }), (networks) => {
      const text = networks.map(({ v4, first, free }) =>
        v4
          ? `${formatIpv4(0x01020000 + first)}/${32 - free}`
          : `2001:db8::${first.toString(16)}/${128 - free}`,
      );
      const list = parse(text.join('\n'));
      assert.deepEqual(parse(text.toReversed().join('\n')), list);
      assert.equal(list.count + list.merged, networks.length);
      for (let i = 0; i < list.count; i++) {
        assert.equal(isIpv4(list.firsts, i), isIpv4(list.lasts, i));
        assert.ok(compareAddresses(list.firsts, i, list.lasts, i) <= 0);
        if (i > 0) assert.ok(compareAddresses(list.lasts, i - 1, list.firsts, i) < 0);
      }
      for (const v4 of [true, false]) {
        for (let host = 0; host < 1024; host++) {
          const words = parseAddress(v4 ? formatIpv4(0x01020000 + host) : `2001:db8::${host.toString(16)}`)!;
          const isListed = networks.some(
            ({ v4: family, first, size }) => family === v4 && host >= first && host < first + size,
          );
          let isHeld = false;
          for (let i = 0; i < list.count; i++) {
            if (
              compareAddresses(words, 0, list.firsts, i) >= 0 &&
              compareAddresses(words, 0, list.lasts, i) <= 0
            )
              isHeld = true;
          }
          assert.equal(isHeld, isListed);
        }
      }
    }),
    { numRuns: 30 },
  );
});
