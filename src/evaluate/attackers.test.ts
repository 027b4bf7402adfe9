import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, isIpv4 } from '../addresses/address.ts';
import { parseRanges } from '../addresses/ranges.ts';
import { collectEvents } from '../index.ts';
import { PrefixTable } from '../neural/prefixes.ts';
import { drawAnnouncedAttacks, drawOctetAttacks, drawSwapAttacks } from './attackers.ts';

const N = 4000;
const honest = collectEvents(
  Array.from({ length: N }, (_, i) => ({
    // Account 0 has half of the events.
    entity: `user_${i % 2 === 0 ? 0 : i % 7}`,
    address: i % 5 === 0 ? `2001:db8:${(i % 3) + 1}::${i}` : `10.${i >> 8}.${i & 255}.1`,
    time: i,
  })),
);
/** Five standard deviations of a count with that probability. */
const slack = (n: number, p: number) => 5 * Math.sqrt(n * p * (1 - p));

test('each attack has the account and time of its honest event, and a seed fixes it', () => {
  const ranges = parseRanges(new TextEncoder().encode('1.0.0.0,1.0.0.255,1\n'), 'ranges');
  const prefixes = PrefixTable.build(honest.addresses);
  const draws = [
    (seed: number) => drawOctetAttacks(honest, prefixes, seed),
    (seed: number) => drawAnnouncedAttacks(honest, ranges, seed)!,
    (seed: number) => drawSwapAttacks(honest, seed)!,
  ];
  for (const draw of draws) {
    const attacks = draw(3);
    assert.equal(attacks.entity, honest.entity);
    assert.equal(attacks.time, honest.time);
    assert.deepEqual(attacks.addresses, draw(3).addresses);
    assert.notDeepEqual(attacks.addresses, draw(4).addresses);
  }
});

test('octets are uniform for IPv4; IPv6 keeps to the providers of the training data', () => {
  const { addresses } = drawOctetAttacks(honest, PrefixTable.build(honest.addresses), 1);
  const counts = new Array(256).fill(0);
  let ipv4 = 0;
  for (let i = 0; i < N; i++) {
    assert.equal(isIpv4(addresses, i), isIpv4(honest.addresses, i));
    if (!isIpv4(addresses, i)) {
      assert.equal(addresses[i * 4], 0x20010db8);
      continue;
    }
    ipv4++;
    for (let shift = 0; shift < 32; shift += 8) counts[(addresses[i * 4 + 3] >>> shift) & 255]++;
  }
  for (const count of counts) assert.ok(Math.abs(count - ipv4 / 64) < slack(4 * ipv4, 1 / 256));
});

test('announced attacks fall into each IPv4 range equally often, whatever its size, uniformly within', () => {
  const list = '9.0.0.5,9.0.0.5,1\n9.0.1.0,9.0.1.255,2\n9.1.0.0,9.1.255.255,3\n2001:db8::,2001:db8::ff,4\n';
  const ranges = parseRanges(new TextEncoder().encode(list), 'ranges');
  const attacks = drawAnnouncedAttacks(honest, ranges, 1)!;
  const counts = [0, 0, 0, 0];
  let upper = 0;
  for (let i = 0; i < N; i++) {
    const range = ranges.find(attacks.addresses, i);
    counts[range]++;
    if (range === 2 && attacks.addresses[i * 4 + 3] >= ranges.firsts[2 * 4 + 3] + 32768) upper++;
  }
  assert.equal(counts[3], 0);
  for (const count of counts.slice(0, 3)) assert.ok(Math.abs(count - N / 3) < slack(N, 1 / 3));
  assert.ok(Math.abs(upper - counts[2] / 2) < slack(counts[2], 1 / 2));
  const ipv6 = parseRanges(new TextEncoder().encode('2001:db8::,2001:db8::ff,4\n'), 'ranges');
  assert.equal(drawAnnouncedAttacks(honest, ipv6, 1), undefined);
});

test("swap takes an address of another account's event, each of them equally often", () => {
  const owners = new Map<string, number>();
  for (let i = 0; i < N; i++) owners.set(formatAddress(honest.addresses, i), honest.entity[i]);
  const { addresses, entity } = drawSwapAttacks(honest, 1)!;
  const drawnFrom = new Array(honest.entities.count).fill(0);
  let victims = 0;
  for (let i = 0; i < N; i++) {
    const owner = owners.get(formatAddress(addresses, i))!;
    assert.notEqual(owner, entity[i]);
    if (entity[i] !== 0) continue;
    victims++;
    drawnFrom[owner]++;
  }
  const others = honest.entity.filter((e) => e !== 0);
  for (let e = 1; e < honest.entities.count; e++) {
    const share = others.filter((one) => one === e).length / others.length;
    assert.ok(Math.abs(drawnFrom[e] - victims * share) < slack(victims, share));
  }
  assert.equal(drawSwapAttacks(collectEvents([{ entity: 'a', address: '1.2.3.4' }]), 1), undefined);
});
