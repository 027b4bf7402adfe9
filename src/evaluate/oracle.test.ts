import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { parseAddress } from '../addresses/address.ts';
import { parseRanges, type RangeTable } from '../addresses/ranges.ts';
import { type Events, EventsBuilder } from '../events/events.ts';
import { simulateEvents } from '../events/simulate/simulateLog.ts';
import type { ProvidersTruth, TutorialTruth } from '../events/simulate/truth.ts';
import { TutorialWorld } from '../events/simulate/tutorial.ts';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import { Oracle, type OracleAttack } from './oracle.ts';

const sha256 = 'ab'.repeat(32);
const encoder = new TextEncoder();

/** Ranges of 1, 2, 3, … addresses with gaps between them. */
function fewRanges(count: number): RangeTable {
  const lines = Array.from({ length: count }, (_, i) => `${i * 1000},${i * 1000 + i},${i}`);
  return parseRanges(encoder.encode(lines.join('\n')), 'few.csv');
}

function truthOf(count: number, accounts: TutorialTruth['accounts']): TutorialTruth {
  const ranges = { name: 'few.csv', sha256, count };
  return { world: 'tutorial', seed: 1, startSeconds: 0, endSeconds: 864000, ranges, accounts };
}

/** One event of that entity from the first address of each range. */
function oneEventPerRange(entity: string, ranges: RangeTable): Events {
  const name = encoder.encode(entity);
  const builder = new EventsBuilder();
  for (let range = 0; range < ranges.count; range++) {
    builder.add(name, 0, name.length, ranges.firsts.subarray(range * 4, range * 4 + 4), 0);
  }
  return builder.build();
}

test('probabilities of the ranges add up to 1 for every account and for the population, also at the ends of the list', () => {
  for (const count of [1, 2, 30, 700]) {
    const ranges = fewRanges(count);
    const last = count - 1;
    const accounts = [
      { entity: 'low', home: 0, work: Math.min(5, last), travel: 0.02, homeShare: 0.4, events: 50 },
      { entity: 'high', home: last, work: last >> 1, travel: 0, homeShare: 0.7, events: 70 },
      { entity: 'middle', home: last >> 1, work: last >> 2, travel: 1, homeShare: 1, events: 1 },
    ];
    const oracle = new Oracle(truthOf(count, accounts), ranges, sha256);
    for (const account of accounts) {
      let sum = 0;
      for (let range = 0; range < count; range++) sum += oracle.rangeProbability(account, range);
      assert.ok(Math.abs(sum - 1) < 1e-11, `${account.entity}: ${sum}`);
    }
    // p_swap = p_account · exp(anomaly against swap)
    const low = accounts[0];
    const anomalies = oracle.anomalies(oneEventPerRange('low', ranges), 'swap');
    let population = 0;
    for (let range = 0; range < count; range++) {
      const p = oracle.rangeProbability(low, range);
      const byHand = accounts.reduce(
        (sum, a) => sum + (a.events * oracle.rangeProbability(a, range)) / 121,
        0,
      );
      assert.ok(Math.abs(p * Math.exp(anomalies[range]) - byHand) < 1e-12);
      population += byHand;
    }
    assert.ok(Math.abs(population - 1) < 1e-11);
  }
});

test('the anomaly of an address is that of a sum by hand', () => {
  // Published values of the standard normal: Φ(0.05) = 0.519939, Φ(0.25) = 0.598706, Φ(0.35) = 0.636831.
  const account = { entity: 'u', home: 300, work: 100, travel: 0.05, homeShare: 0.4, events: 9 };
  const ranges = fewRanges(700);
  const oracle = new Oracle(truthOf(700, [account]), ranges, sha256);
  const anomalies = oracle.anomalies(oneEventPerRange('u', ranges), 'announced');
  const atHome = 0.05 / 700 + 0.95 * 0.4 * (2 * 0.519939 - 1);
  const threeFromHome = 0.05 / 700 + 0.95 * 0.4 * (0.636831 - 0.598706);
  assert.ok(Math.abs(anomalies[300] + Math.log(700 * atHome)) < 1e-4);
  assert.ok(Math.abs(anomalies[303] + Math.log(700 * threeFromHome)) < 1e-4);
  assert.ok(Math.abs(anomalies[600] + Math.log(0.05)) < 1e-9);
  // Range 303 has 304 of the 2^32 addresses.
  const octets = oracle.anomalies(oneEventPerRange('u', ranges), 'octets');
  assert.ok(Math.abs(octets[303] - (anomalies[303] + Math.log((304 / 2 ** 32) * 700))) < 1e-9);
});

test('an unknown entity gets 0 inside a range, anybody +Infinity outside all ranges', () => {
  const ranges = fewRanges(700);
  const account = { entity: 'u', home: 300, work: 100, travel: 0.05, homeShare: 0.4, events: 9 };
  const oracle = new Oracle(truthOf(700, [account]), ranges, sha256);
  const builder = new EventsBuilder();
  for (const [entity, address] of [
    ['stranger', '0.0.0.0'],
    ['stranger', '9.9.9.9'],
    ['u', '9.9.9.9'],
    ['u', '2001:db8::1'],
  ]) {
    builder.add(encoder.encode(entity), 0, entity.length, parseAddress(address)!, 0);
  }
  for (const attack of ['announced', 'swap', 'octets'] satisfies OracleAttack[]) {
    const infinity = Number.POSITIVE_INFINITY;
    assert.deepEqual(
      [...oracle.anomalies(builder.build(), attack)],
      [0, infinity, infinity, infinity],
      attack,
    );
  }
});

test('another list of ranges, or a world without a limit, is refused', () => {
  const ranges = fewRanges(30);
  assert.throws(() => new Oracle(truthOf(30, []), ranges, 'cd'.repeat(32)), {
    name: 'InputError',
    message:
      'the truth was made with the ranges of few.csv (SHA-256 abababababab…, 30 ranges), got a list with SHA-256 cdcdcdcdcdcd… and 30 ranges. Name the same list with --ranges, or simulate again.',
  });
  const { ranges: identity } = truthOf(30, []);
  const common = { seed: 1, startSeconds: 0, endSeconds: 1, ranges: identity, ranges6: identity };
  const providers: ProvidersTruth = { world: 'providers', ...common, places: [], accounts: [] };
  assert.throws(() => new Oracle(providers, ranges, sha256), {
    name: 'InputError',
    message:
      'the world "providers" has no known limit: its leases make the logins of an account depend on each other, so that the true likelihood ratio of one login has no closed form. The oracle judges the world "tutorial" only.',
  });
});

test("on the tutorial's data the oracle reaches the limit that the truth implies", () => {
  const list = createRequire(import.meta.url).resolve('@ip-location-db/asn/asn-ipv4.csv');
  const ranges = parseRanges(readFileSync(list), 'asn-ipv4.csv');
  const identity = { name: 'asn-ipv4.csv', sha256, count: ranges.count };
  const endSeconds = Date.UTC(2018, 10, 14) / 1000;
  const world = new TutorialWorld({ users: 1500, seed: 21, days: 10, endSeconds }, ranges, identity);
  const truth = world.truth();
  const honest = simulateEvents(world);
  const random = new RandomStream(21, PURPOSE.attackers);
  const attackers = new EventsBuilder(honest.entities);
  const words = Uint32Array.of(0, 0, 0xffff, 0);
  const attacksPerAccount = 40;
  for (let i = 0; i < truth.accounts.length * attacksPerAccount; i++) {
    const range = random.below(ranges.count);
    words[3] = ranges.firsts[range * 4 + 3] + random.below(ranges.sizes[range]);
    attackers.addNumbered(i % truth.accounts.length, words, 0, 0);
  }
  const oracle = new Oracle(truth, ranges, sha256);
  const honestAnomalies = oracle.anomalies(honest, 'announced').sort();
  const attacks = attackers.build();
  const attackAnomalies = oracle.anomalies(attacks, 'announced').sort();

  // Away from home and work the ratio is P(travel) of the account, near them it is above 1. So an attack passes for
  // honest where its account travels more than the honest traveller's, or where it falls near home or work, which
  // at most 2 · 241 of the ranges are.
  const byTravel = truth.accounts.toSorted((a, b) => a.travel - b.travel);
  const N = honest.count;
  const near = (2 * 241) / ranges.count;
  const travellers = (quantile: number) =>
    byTravel
      .slice(0, Math.ceil(quantile * byTravel.length))
      .reduce((sum, a) => sum + a.events * a.travel, 0) / N;
  const sampling = 5 * Math.sqrt(0.03 / N);
  for (const truePositiveRate of [0.99, 0.999]) {
    const threshold = attackAnomalies[Math.floor(attackAnomalies.length * (1 - truePositiveRate))];
    const falsePositiveRate = honestAnomalies.filter((anomaly) => anomaly >= threshold).length / N;
    const low = travellers(truePositiveRate - near) * (1 - 2 * near) - sampling;
    const high = travellers(Math.min(1, truePositiveRate + 2 * near)) + sampling;
    assert.ok(
      falsePositiveRate > low && falsePositiveRate < high,
      `FPR ${falsePositiveRate} at TPR ${truePositiveRate}, expected ${low} to ${high}`,
    );
  }

  const auc = areaUnderCurve(honestAnomalies, attackAnomalies);
  const expected = byTravel.reduce(
    (sum, { events, travel }, rank) => sum + (events / N) * (1 - travel + (travel * rank) / byTravel.length),
    0,
  );
  assert.ok(Math.abs(auc - expected) < near + sampling, `AUC ${auc}, expected ${expected}`);

  // The attackers here take every account equally often: that too can be told from honest logins.
  const better = areaUnderCurve(
    oracle.anomalies(honest, 'announced', 'accounts').sort(),
    oracle.anomalies(attacks, 'announced', 'accounts').sort(),
  );
  assert.ok(better > auc, `AUC ${better} with the number of logins, ${auc} without`);
});

/** How often an honest login is less strange than an attack; both ascending, ties counted against. */
function areaUnderCurve(honest: Float64Array, attacks: Float64Array): number {
  let below = 0;
  let area = 0;
  for (const anomaly of attacks) {
    while (below < honest.length && honest[below] < anomaly) below++;
    area += below / honest.length / attacks.length;
  }
  return area;
}
