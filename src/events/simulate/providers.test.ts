import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { formatIpv4, isIpv4, parseAddress } from '../../addresses/address.ts';
import { parseRanges } from '../../addresses/ranges.ts';
import { ACCOUNTS, ProvidersWorld } from './providers.ts';
import { simulateEvents, simulateLog } from './simulateLog.ts';
import type { PlaceTruth } from './truth.ts';

const readList = (family: string) => {
  const name = `asn-${family}.csv`;
  const file = createRequire(import.meta.url).resolve(`@ip-location-db/asn/${name}`);
  const ranges = parseRanges(readFileSync(file), name);
  return { ranges, identity: { name, sha256: '0'.repeat(64), count: ranges.count } };
};
const ipv4 = readList('ipv4');
const ipv6 = readList('ipv6');
const endSeconds = Date.UTC(2018, 10, 14) / 1000;
const newWorld = (users: number, seed: number) =>
  new ProvidersWorld({ users, seed, days: 10, endSeconds }, { ipv4: ipv4.ranges, ipv6: ipv6.ranges }, [
    ipv4.identity,
    ipv6.identity,
  ]);

const world = newWorld(4000, 3);
const events = simulateEvents(world);
const { accounts, places } = world.truth();

/** `first-last` as numbers. */
const blockOf = (text: string) => text.split('-').map((address) => parseAddress(address)![3]);
const blocks = places.map(({ ipv4 }) => ipv4.map(blockOf));
const holds = (place: number | null, address: number) =>
  place !== null && blocks[place].some(([first, last]) => first <= address && address <= last);
const ofKind = (kind: PlaceTruth['kind']) => places.flatMap((place, at) => (place.kind === kind ? [at] : []));
const pools = ofKind('pool');

/** Fails where a count of independent successes is more than five standard deviations from its expectation. */
function assertCount(count: number, mean: number, variance: number, what: string): void {
  const bound = 5 * Math.sqrt(variance);
  assert.ok(Math.abs(count - mean) < bound, `${what}: ${count}, expected ${mean} ± ${bound}`);
}

/** Positions of each account's logins, in time. */
const loginsOf = accounts.map((): number[] => []);
for (let i = 0; i < events.count; i++) loginsOf[events.entity[i]].push(i);

test('half of the accounts have fewer than 10 logins in the first 7 days, one in a hundred hundreds', () => {
  const split = endSeconds - 3 * 86400;
  const training = loginsOf.map((logins) => logins.filter((i) => events.time[i] < split).length);
  const median = training.sort((a, b) => a - b)[accounts.length / 2];
  assert.ok(median >= 5 && median < 10, `median ${median}`);
  // P(500 logins or more) = fewestEvents / 500
  const p = ACCOUNTS.fewestEvents / 500;
  const many = accounts.filter(({ events }) => events >= 500).length;
  assertCount(many, accounts.length * p, accounts.length * p * (1 - p), 'accounts with 500 logins');
  assert.deepEqual(
    loginsOf.map((logins) => logins.length),
    accounts.map(({ events }) => events),
  );
});

test('every address belongs to a place of its account, or to a pool where it travels', () => {
  const poolsOf = new Map<number, number[]>();
  for (const pool of pools) {
    for (const [first, last] of blocks[pool]) {
      for (let net = first >>> 8; net <= last >>> 8; net++)
        poolsOf.set(net, [...(poolsOf.get(net) ?? []), pool]);
    }
  }
  for (let i = 0; i < events.count; i++) {
    if (!isIpv4(events.addresses, i)) continue;
    const address = events.addresses[i * 4 + 3];
    const { home, office, carrier, vpn } = accounts[events.entity[i]];
    const known = [home, office, carrier, vpn, ...(poolsOf.get(address >>> 8) ?? [])];
    assert.ok(
      known.some((place) => holds(place, address)),
      `${formatIpv4(address)} of ${events.entity[i]}`,
    );
    assert.ok(ipv4.ranges.find(events.addresses, i) >= 0);
  }
});

test('a third of the accounts has IPv6 at home, and uses IPv4 there at times', () => {
  const n = accounts.length;
  assertCount(accounts.filter(({ ipv6 }) => ipv6).length, n / 3, (n * 2) / 9, 'accounts with IPv6');
  let logins = 0;
  let mean = 0;
  let variance = 0;
  for (let i = 0; i < events.count; i++) {
    const account = accounts[events.entity[i]];
    if (account.ipv6) {
      const p = account.shares[0] * ACCOUNTS.ipv6Preference;
      mean += p;
      variance += p * (1 - p);
    }
    if (isIpv4(events.addresses, i)) continue;
    logins++;
    assert.ok(account.ipv6);
    assert.ok(ipv6.ranges.find(events.addresses, i) >= 0);
  }
  assertCount(logins, mean, variance, 'logins over IPv6');
});

test('an account keeps its address at home for the time of the lease, and then leaves it', () => {
  // Travel to the own pool cannot be told from home: at most this share of the pairs, for each of their two logins.
  const strays = 2 / 31 / pools.length;
  for (const leaseSeconds of [1, 7, 60].map((days) => days * 86400)) {
    let pairs = 0;
    let kept = 0;
    let mean = 0;
    let variance = 0;
    for (const [user, { home }] of accounts.entries()) {
      if (places[home].leaseSeconds !== leaseSeconds) continue;
      let before = -1;
      for (const i of loginsOf[user]) {
        const address = events.addresses[i * 4 + 3];
        if (!isIpv4(events.addresses, i) || !holds(home, address)) continue;
        if (before >= 0) {
          const same = events.addresses[before * 4 + 3] === address;
          const p = Math.exp(-(events.time[i] - events.time[before]) / leaseSeconds);
          pairs++;
          kept += same ? 1 : 0;
          mean += p;
          variance += p * (1 - p);
        }
        before = i;
      }
    }
    assert.ok(pairs > 1000, `only ${pairs} pairs of logins`);
    const bound = 5 * Math.sqrt(variance) + 3 * strays * pairs;
    assert.ok(
      Math.abs(kept - mean) < bound,
      `${leaseSeconds} s: kept ${kept} of ${pairs}, expected ${mean} ± ${bound}`,
    );
  }
});

test('an address at home that was left comes back by chance only', () => {
  let returns = 0;
  let mean = 0;
  for (const [user, { home, shares }] of accounts.entries()) {
    const left = new Set<number>();
    let current = -1;
    for (const i of loginsOf[user]) {
      const address = events.addresses[i * 4 + 3];
      // A stray from travel to the own pool makes the address at home come back once.
      mean += shares[4] / pools.length;
      if (!isIpv4(events.addresses, i) || !holds(home, address) || address === current) continue;
      if (left.has(address)) returns++;
      left.add(current);
      current = address;
      for (const known of left) {
        for (const [first, last] of blocks[home]) {
          if (first <= known && known <= last) mean += 1 / blocks[home].length / (last - first + 1);
        }
      }
    }
  }
  assert.ok(returns < mean + 5 * Math.sqrt(mean), `${returns} returns, expected about ${mean}`);
});

test('the staff of an office shares its address: each is seen there as often as its share says', () => {
  let seen = 0;
  let mean = 0;
  let variance = 0;
  let shared = 0;
  for (const office of ofKind('office')) {
    const staff = accounts.flatMap((account, user) => (account.office === office ? [user] : []));
    const [[first, last]] = blocks[office];
    if (first !== last) continue;
    let people = 0;
    for (const user of staff) {
      const { shares, events: n } = accounts[user];
      const p = 1 - (1 - shares[1]) ** n;
      mean += p;
      variance += p * (1 - p);
      if (loginsOf[user].some((i) => isIpv4(events.addresses, i) && events.addresses[i * 4 + 3] === first))
        people++;
    }
    seen += people;
    if (people >= 5) shared++;
  }
  assertCount(seen, mean, variance, 'staff seen at the office');
  assert.ok(shared >= 20, `${shared} offices with five accounts or more behind one address`);
});

test('carriers and VPN services put many accounts behind few addresses', () => {
  for (const [kind, key] of [
    ['gateway', 'carrier'],
    ['vpn', 'vpn'],
  ] as const) {
    const users = new Map<number, Set<number>>();
    for (let i = 0; i < events.count; i++) {
      const user = events.entity[i];
      const address = events.addresses[i * 4 + 3];
      if (!isIpv4(events.addresses, i) || !holds(accounts[user][key], address)) continue;
      users.set(address, (users.get(address) ?? new Set()).add(user));
    }
    const addresses = ofKind(kind).flatMap((place) => blocks[place].map(([first, last]) => last - first + 1));
    assert.ok(users.size <= addresses.reduce((sum, size) => sum + size));
    const people = [...users.values()].map((set) => set.size).sort((a, b) => a - b);
    assert.ok(
      people[people.length >> 1] >= 3,
      `${kind}: the median address has ${people[people.length >> 1]} accounts`,
    );
  }
});

test('an IPv6 address lies in the delegated block and its lower half changes every day', () => {
  for (const [user, { ipv6, home }] of accounts.entries()) {
    if (!ipv6) continue;
    const [first, last] = places[home].ipv6!.split('-').map((text) => parseAddress(text)!);
    const identifiers = new Set<string>();
    let start = 0;
    let end = 0;
    for (const i of loginsOf[user]) {
      if (isIpv4(events.addresses, i)) continue;
      const [upper, lower, third, fourth] = events.addresses.subarray(i * 4, i * 4 + 4);
      assert.ok(upper === first[0] && lower >= first[1] && lower <= last[1]);
      identifiers.add(`${third} ${fourth}`);
      start ||= events.time[i];
      end = events.time[i];
    }
    // The moments of change are a day apart: between the first and the last login lie at most one more than whole days.
    assert.ok(identifiers.size <= Math.floor((end - start) / 86400) + 2);
  }
});

test('pools are scattered: most span three or more /16 networks', () => {
  const spans = pools.map((pool) => new Set(blocks[pool].map(([first]) => first >>> 16)).size);
  assert.ok(spans.filter((span) => span >= 3).length > pools.length / 2);
});

test('shares of an account add up to 1', () => {
  for (const { shares } of accounts) {
    assert.ok(Math.abs(shares.reduce((sum, share) => sum + share) - 1) < 1e-9);
    assert.ok(shares.every((share) => share >= 0));
  }
});

test('the same seed gives the same bytes in time order, another seed others', async () => {
  const logOf = async (seed: number) => {
    const chunks: string[] = [];
    await simulateLog(newWorld(200, seed), (bytes) => void chunks.push(new TextDecoder().decode(bytes)));
    return chunks.join('');
  };
  const log = await logOf(4);
  assert.equal(await logOf(4), log);
  assert.notEqual(await logOf(5), log);
  const small = newWorld(200, 4);
  const { time, addresses } = simulateEvents(small);
  assert.deepEqual(time, time.slice().sort());
  assert.deepEqual(simulateEvents(small).addresses, addresses);
});

test('lists without enough large providers are refused', () => {
  const few = parseRanges(new TextEncoder().encode('1.0.0.0,1.255.255.255,1\n'), 'few.csv');
  const identity = { name: 'few.csv', sha256: '', count: 1 };
  const options = { users: 10, seed: 1, days: 1, endSeconds };
  assert.throws(
    () => new ProvidersWorld(options, { ipv4: few, ipv6: ipv6.ranges }, [identity, ipv6.identity]),
    {
      name: 'InputError',
      message:
        'few.csv and asn-ipv6.csv: expected at least 71 autonomous systems with 16 IPv4 ranges and an IPv6 /48 or more, got 0. Use the complete lists of @ip-location-db/asn.',
    },
  );
});
