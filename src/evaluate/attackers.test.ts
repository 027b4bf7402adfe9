import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, isIpv4, sharedBits } from '../addresses/address.ts';
import { parseNetworkList } from '../addresses/networkList.ts';
import { parseRanges } from '../addresses/ranges.ts';
import { collectEvents } from '../index.ts';
import { PrefixTable } from '../neural/prefixes.ts';
import {
  drawAnnouncedAttacks,
  drawListedAttacks,
  drawOctetAttacks,
  drawSameGroupAttacks,
  drawSwapAttacks,
} from './attackers.ts';
import { GroupedRanges } from './groupedRanges.ts';

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

// 10.0 in stretches of 16 /24s of providers 1 and 2 in turn, 10.4 of nobody, 10.12 of provider 3, 2001:db8::/47 of provider 1.
const providers = (() => {
  const lines = Array.from(
    { length: 16 },
    (_, i) => `10.0.${i * 16}.0,10.0.${i * 16 + 15}.255,${1 + (i % 2)}`,
  );
  lines.push(
    '10.4.0.0,10.4.255.255,0',
    '10.12.0.0,10.12.255.255,3',
    '2001:db8::,2001:db8:1:ffff:ffff:ffff:ffff:ffff,1',
  );
  const ranges = parseRanges(new TextEncoder().encode(lines.join('\n')), 'ranges');
  return new GroupedRanges([{ ranges, groups: ranges.asns }]);
})();
const spread = collectEvents(
  Array.from({ length: N }, (_, i) => ({
    entity: `user_${i % 7}`,
    address:
      i % 5 === 0
        ? `2001:db8:${i % 4}::${i}`
        : i % 5 === 1
          ? `10.${4 + 8 * (i % 3)}.${i & 255}.1`
          : `10.0.${i & 255}.1`,
    time: i,
  })),
);
test('an attacker of the same provider has an address of the same provider and family, from another site', () => {
  const { positions, attacks } = drawSameGroupAttacks(spread, 'provider', providers, 1)!;
  const hasGroup = (i: number) => providers.groupOf(spread.addresses, i) !== 0;
  assert.deepEqual([...positions], Array.from({ length: N }, (_, i) => i).filter(hasGroup));
  assert.ok(positions.length < N);
  assert.equal(attacks.count, positions.length);
  for (let k = 0; k < attacks.count; k++) {
    const i = positions[k];
    assert.equal(attacks.entity[k], spread.entity[i]);
    assert.equal(attacks.time[k], spread.time[i]);
    assert.equal(providers.groupOf(attacks.addresses, k), providers.groupOf(spread.addresses, i));
    assert.equal(isIpv4(attacks.addresses, k), isIpv4(spread.addresses, i));
    const bits = isIpv4(attacks.addresses, k) ? 96 + 24 : 48;
    assert.ok(sharedBits(attacks.addresses, k, spread.addresses, i) < bits);
  }
});

const listed = parseNetworkList(new TextEncoder().encode('8.0.0.0/8\n9.9.9.9\n7.0.0.5,7.0.0.7\n'), 'vpn');

test('listed attacks fall into each range equally often, uniformly within; events of a family that the list lacks are left out', () => {
  const { positions, attacks } = drawListedAttacks(honest, listed, 0, 1)!;
  const isIpv4Event = (i: number) => isIpv4(honest.addresses, i);
  assert.deepEqual([...positions], Array.from({ length: N }, (_, i) => i).filter(isIpv4Event));
  const counts = new Map<number, number>();
  let upper = 0;
  for (let k = 0; k < attacks.count; k++) {
    assert.equal(attacks.entity[k], honest.entity[positions[k]]);
    const value = attacks.addresses[k * 4 + 3];
    counts.set(value >>> 24, (counts.get(value >>> 24) ?? 0) + 1);
    if (value >>> 24 === 8 && (value & 0x800000) !== 0) upper++;
    if (value >>> 24 === 9) assert.equal(value, 0x09090909);
    if (value >>> 24 === 7) assert.ok(value >= 0x07000005 && value <= 0x07000007);
  }
  assert.deepEqual([...counts.keys()].sort(), [7, 8, 9]);
  for (const count of counts.values())
    assert.ok(Math.abs(count - attacks.count / 3) < slack(attacks.count, 1 / 3));
  assert.ok(Math.abs(upper - counts.get(8)! / 2) < slack(counts.get(8)!, 1 / 2));

  const ipv6 = parseNetworkList(new TextEncoder().encode('2001:db8:7::/48\n'), 'vpn');
  const drawn = drawListedAttacks(honest, ipv6, 0, 1)!;
  assert.equal(drawn.positions.length, N - positions.length);
  for (let k = 0; k < drawn.attacks.count; k++)
    assert.ok(sharedBits(drawn.attacks.addresses, k, ipv6.firsts, 0) >= 48);
});

test('where no honest event can be attacked there are no attacks', () => {
  const lone = collectEvents([{ entity: 'a', address: '1.2.3.4' }]);
  assert.equal(drawSameGroupAttacks(lone, 'provider', providers, 1), undefined);
  const ipv6 = parseNetworkList(new TextEncoder().encode('2001:db8::/48\n'), 'vpn');
  assert.equal(drawListedAttacks(lone, ipv6, 0, 1), undefined);
});

test('a seed fixes partial attacks too; provider, country and each list draw from streams of their own', () => {
  const draws = [
    (seed: number) => drawSameGroupAttacks(spread, 'provider', providers, seed)!,
    (seed: number) => drawSameGroupAttacks(spread, 'country', providers, seed)!,
    (seed: number) => drawListedAttacks(spread, listed, 0, seed)!,
    (seed: number) => drawListedAttacks(spread, listed, 1, seed)!,
  ];
  const drawn = draws.map((draw) => {
    const { addresses } = draw(3).attacks;
    assert.deepEqual(draw(3).attacks.addresses, addresses);
    assert.notDeepEqual(draw(4).attacks.addresses, addresses);
    return addresses.join();
  });
  assert.equal(new Set(drawn).size, 4);
});

test('the attackers that there were before still draw what they drew', () => {
  const ranges = parseRanges(new TextEncoder().encode('1.0.0.0,1.255.255.255,1\n'), 'ranges');
  const drawn: [{ addresses: Uint32Array }, string[]][] = [
    [
      drawOctetAttacks(honest, PrefixTable.build(honest.addresses), 1),
      ['2001:db8:ccd6:9dca:4dc:12e0:2705:d054', '103.78.44.32', '75.62.52.174'],
    ],
    [drawAnnouncedAttacks(honest, ranges, 1)!, ['1.65.99.219', '1.29.228.13', '1.83.224.39']],
    [drawSwapAttacks(honest, 1)!, ['10.5.181.1', '10.13.226.1', '10.0.193.1']],
  ];
  for (const [{ addresses }, expected] of drawn)
    assert.deepEqual(
      [0, 1, 2].map((i) => formatAddress(addresses, i)),
      expected,
    );
});
