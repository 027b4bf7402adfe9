import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareAddresses, formatAddress, parseAddress } from '../addresses/address.ts';
import { parseRanges } from '../addresses/ranges.ts';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import { GroupedRanges, randomBelow, readAddress, writeAddress } from './groupedRanges.ts';

const parse = (text: string) => parseRanges(new TextEncoder().encode(text), 'ranges');
function grouped(text: string): GroupedRanges {
  const ranges = parse(text);
  return new GroupedRanges([{ ranges, groups: ranges.asns }]);
}
const stream = () => new RandomStream(1, PURPOSE.attackers);

/** How often each address is drawn beside the given one. */
function countDraws(ranges: GroupedRanges, beside: string, draws: number): Map<string, number> {
  const random = stream();
  const words = parseAddress(beside)!;
  const out = new Uint32Array(4);
  const counts = new Map<string, number>();
  for (let i = 0; i < draws; i++) {
    assert.ok(ranges.drawBeside(words, 0, random, out));
    const text = formatAddress(out);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return counts;
}

test('each address of the group outside the own /24 is drawn equally often, and no other', () => {
  // Of group 5: 4 addresses before the /24 of 9.0.1.7, 2 and 3 in it, 1 that ends it and 1 behind, 2 further on.
  const ranges = grouped(
    '9.0.0.252,9.0.1.1,5\n9.0.1.5,9.0.1.7,5\n9.0.1.8,9.0.1.9,6\n9.0.1.255,9.0.2.0,5\n9.9.0.0,9.9.0.1,5\n',
  );
  const draws = 14_000;
  const counts = countDraws(ranges, '9.0.1.7', draws);
  assert.deepEqual(
    [...counts.keys()].sort(),
    ['9.0.0.252', '9.0.0.253', '9.0.0.254', '9.0.0.255', '9.0.2.0', '9.9.0.0', '9.9.0.1'].sort(),
  );
  // Five standard deviations of a count of probability 1/7.
  const slack = 5 * Math.sqrt((draws * 6) / 49);
  for (const [address, count] of counts) assert.ok(Math.abs(count - draws / 7) < slack, address);
});

test('a group that has nothing but the own /24 is drawn from all the same', () => {
  const counts = countDraws(grouped('9.0.1.4,9.0.1.7,5\n9.0.2.0,9.0.2.255,6\n'), '9.0.1.7', 200);
  assert.deepEqual([...counts.keys()].sort(), ['9.0.1.4', '9.0.1.5', '9.0.1.6', '9.0.1.7']);
});

test('IPv6: the own /48 is left out to the last address, the rest of a /47 is drawn uniformly', () => {
  const ranges = grouped('9.0.0.0,9.0.255.255,5\n2001:db8::,2001:db8:1:ffff:ffff:ffff:ffff:ffff,5\n');
  const random = stream();
  const out = new Uint32Array(4);
  let upper = 0;
  for (let i = 0; i < 1000; i++) {
    assert.ok(ranges.drawBeside(parseAddress('2001:db8:1::7')!, 0, random, out));
    assert.equal(out[0], 0x20010db8);
    assert.equal(out[1] >>> 16, 0);
    if (out[1] >= 0x8000) upper++;
  }
  assert.ok(Math.abs(upper - 500) < 5 * Math.sqrt(250));
});

test('an address outside all groups draws nothing; group 0 is none', () => {
  const ranges = grouped('9.0.0.0,9.0.255.255,5\n10.0.0.0,10.0.0.255,0\n');
  for (const address of ['10.0.0.1', '11.0.0.1', '2001:db8::1']) {
    assert.equal(ranges.groupOf(parseAddress(address)!, 0), 0);
    assert.ok(!ranges.drawBeside(parseAddress(address)!, 0, stream(), new Uint32Array(4)));
  }
  assert.equal(ranges.groupOf(parseAddress('9.0.255.255')!, 0), 5);
});

test('two tables, one for each family, are one', () => {
  const tables = ['9.0.0.0,9.0.255.255,5\n', '2001:db8::,2001:db8::ff,5\n'].map((text) => {
    const ranges = parse(text);
    return { ranges, groups: ranges.asns };
  });
  const both = new GroupedRanges(tables);
  for (const address of ['9.0.0.1', '2001:db8::1']) assert.equal(both.groupOf(parseAddress(address)!, 0), 5);
  assert.throws(() => new GroupedRanges([tables[0], tables[0]]), {
    name: 'RangeError',
    message: 'expected one table for each family, got two with ranges of one',
  });
  assert.throws(() => new GroupedRanges([{ ranges: tables[0].ranges, groups: new Uint32Array(2) }]), {
    name: 'RangeError',
    message: 'expected a group for each of 1 ranges, got 2',
  });
});

const word = fc.integer({ min: 0, max: 0xffffffff });

test('writeAddress(readAddress(a)) is a, and numbers are ordered as addresses are', () => {
  fc.assert(
    fc.property(fc.array(word, { minLength: 8, maxLength: 8 }), (numbers) => {
      const words = Uint32Array.from(numbers);
      const out = new Uint32Array(4);
      writeAddress(readAddress(words, 1), out);
      assert.deepEqual(out, words.slice(4));
      const difference = readAddress(words, 0) - readAddress(words, 1);
      const order = compareAddresses(words, 0, words, 1);
      assert.equal(difference < 0n, order < 0);
      assert.equal(difference > 0n, order > 0);
    }),
  );
});

test('randomBelow(n) is below n and reaches both ends', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 1n << 128n }), (n) => {
      const value = randomBelow(n, stream());
      assert.ok(value >= 0n && value < n);
    }),
  );
  const of = (bits: number) => ({ u32: () => bits }) as RandomStream;
  assert.equal(randomBelow(1n << 128n, of(0)), 0n);
  assert.equal(randomBelow(1n << 128n, of(0xffffffff)), (1n << 128n) - 1n);
});
