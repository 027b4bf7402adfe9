import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { parseRanges } from '../../addresses/ranges.ts';
import { simulateEvents, simulateLog } from './simulateLog.ts';
import { TUTORIAL, TutorialWorld } from './tutorial.ts';

const list = createRequire(import.meta.url).resolve('@ip-location-db/asn/asn-ipv4.csv');
const ranges = parseRanges(readFileSync(list), 'asn-ipv4.csv');
const identity = { name: 'asn-ipv4.csv', sha256: '0'.repeat(64), count: ranges.count };
const endSeconds = Date.UTC(2018, 10, 14) / 1000;
const newWorld = (users: number, seed: number) =>
  new TutorialWorld({ users, seed, days: 10, endSeconds }, ranges, identity);

const world = newWorld(2000, 11);
const events = simulateEvents(world);
const { accounts } = world.truth();
const R = ranges.count;
/** Steps of a place are shorter than this but for 4e-33 of them. */
const REACH = 12 * TUTORIAL.placeSigma;

/** Fails where a count of independent successes is more than five standard deviations from its expectation. */
function assertCount(count: number, mean: number, variance: number, what: string): void {
  const bound = 5 * Math.sqrt(variance);
  assert.ok(Math.abs(count - mean) < bound, `${what}: ${count}, expected ${mean} ± ${bound}`);
}

test('the logins of each account are as many as its truth says, all inside announced ranges', () => {
  const counts = new Uint32Array(accounts.length);
  for (let i = 0; i < events.count; i++) {
    counts[events.entity[i]]++;
    assert.ok(ranges.find(events.addresses, i) >= 0);
  }
  assert.equal(events.count, world.eventCount);
  assert.deepEqual(
    Array.from(counts),
    accounts.map(({ events }) => events),
  );
  assert.deepEqual(accounts.map(({ entity }) => entity).slice(0, 2), ['user_1', 'user_2']);
  assert.equal(events.entities.name(1), 'user_2');
});

test('P(k logins or more) is 50/k up to 10,000 logins', () => {
  for (const k of [50, 51, 100, 1000, 10_000]) {
    const p = 50 / k;
    const count = accounts.filter(({ events }) => events >= k).length;
    if (k === 50) assert.equal(count, accounts.length);
    else assertCount(count, accounts.length * p, accounts.length * p * (1 - p), `at least ${k} logins`);
  }
  assert.equal(Math.max(...accounts.map(({ events }) => events)) <= 10_000, true);
});

test('travel and home shares have the means of Beta(1, 30) and Beta(3, 5), home is uniform, work within 50,000', () => {
  const n = accounts.length;
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  assertCount(sum(accounts.map(({ travel }) => travel)), n / 31, (n * 30) / (31 ** 2 * 32), 'travel');
  assertCount(sum(accounts.map(({ homeShare }) => homeShare)), (n * 3) / 8, (n * 15) / (64 * 9), 'home');
  assertCount(sum(accounts.map(({ home }) => (home + 0.5) / R)), n / 2, n / 12, 'place of home');
  for (const { home, work } of accounts) assert.ok(Math.abs(home - work) <= 50_000 && work >= 0 && work < R);
  assertCount(accounts.filter(({ home, work }) => work > home).length, n / 2, n / 4, 'work above home');
});

test('logins come from travel, home and work as often as the truth says', () => {
  let far = 0;
  let farMean = 0;
  let farVariance = 0;
  let home = 0;
  let homeMean = 0;
  let homeVariance = 0;
  let steps = 0;
  let squares = 0;
  const window = (2 * REACH + 1) / R;
  // Of accounts whose home and work cannot be mistaken for each other, away from the ends of the list.
  const inside = (place: number) => place > REACH && place < R - 1 - REACH;
  const clear = accounts.map(
    ({ home, work }) => Math.abs(home - work) > 2 * REACH && inside(home) && inside(work),
  );
  for (const [user, { travel, homeShare, events: n }] of accounts.entries()) {
    if (!clear[user]) continue;
    const pFar = travel * (1 - 2 * window);
    const pHome = (1 - travel) * homeShare + travel * window;
    farMean += n * pFar;
    farVariance += n * pFar * (1 - pFar);
    homeMean += n * pHome;
    homeVariance += n * pHome * (1 - pHome);
  }
  for (let i = 0; i < events.count; i++) {
    if (!clear[events.entity[i]]) continue;
    const account = accounts[events.entity[i]];
    const place = ranges.find(events.addresses, i);
    const step = place - account.home;
    if (Math.abs(step) <= REACH) {
      home++;
      // Travel into the window is left out, so that the steps are those of the normal.
      if (Math.abs(step) <= 5 * TUTORIAL.placeSigma) {
        steps += step;
        squares += step * step;
      }
    } else if (Math.abs(place - account.work) > REACH) {
      far++;
    }
  }
  assertCount(far, farMean, farVariance, 'far from home and work');
  assertCount(home, homeMean, homeVariance, 'near home');
  // A rounded normal has the variance σ² + 1/12 (Sheppard); travel adds at most window·travel of uniform steps.
  const variance = TUTORIAL.placeSigma ** 2 + 1 / 12;
  const strays = (farMean * 101) / R;
  assert.ok(Math.abs(steps) < 5 * Math.sqrt(home * variance) + strays * 50, `sum of steps ${steps}`);
  const bound = 5 * Math.sqrt(home * 2) * variance + strays * 2500;
  assert.ok(Math.abs(squares - home * variance) < bound, `squares ${squares / home}, expected ${variance}`);
});

test('addresses are uniform within their ranges, times within the days', () => {
  let position = 0;
  let wide = 0;
  const perDay = new Uint32Array(10);
  for (let i = 0; i < events.count; i++) {
    const range = ranges.find(events.addresses, i);
    if (ranges.sizes[range] >= 256) {
      position += (events.addresses[i * 4 + 3] - ranges.firsts[range * 4 + 3] + 0.5) / ranges.sizes[range];
      wide++;
    }
    perDay[Math.floor((events.time[i] - (endSeconds - 10 * 86400)) / 86400)]++;
  }
  assertCount(position, wide / 2, wide / 12, 'position in the range');
  for (const count of perDay) assertCount(count, events.count / 10, events.count * 0.09, 'logins of a day');
});

async function logOf(users: number, seed: number): Promise<string> {
  const chunks: string[] = [];
  await simulateLog(newWorld(users, seed), (bytes) => void chunks.push(new TextDecoder().decode(bytes)));
  return chunks.join('');
}

test('the log is in time order and holds the logins of simulateEvents', async () => {
  const log = await logOf(300, 5);
  const lines = log.trimEnd().split('\n');
  const inMemory = simulateEvents(newWorld(300, 5));
  assert.equal(lines.length, inMemory.count);
  let before = endSeconds - 10 * 86400;
  for (const [i, line] of lines.entries()) {
    const [, user, stamp] = /- (\S+) \[([^ ]+) /.exec(line)!;
    const second = Date.parse(stamp.replace(':', ' ').replaceAll('/', ' ').concat(' GMT')) / 1000;
    assert.ok(second >= before && second < endSeconds);
    before = second;
    assert.equal(second, inMemory.time[i]);
    assert.equal(user, inMemory.entities.name(inMemory.entity[i]));
  }
});

test('the same seed gives the same bytes, another seed others', async () => {
  const log = await logOf(100, 5);
  assert.equal(await logOf(100, 5), log);
  assert.notEqual(await logOf(100, 6), log);
});

test('a world can be drawn again, with the same logins', () => {
  const small = newWorld(40, 5);
  assert.deepEqual(simulateEvents(small).addresses, simulateEvents(small).addresses);
});

test('places beyond the ends of the list are its ends', () => {
  const few = parseRanges(new TextEncoder().encode('1.0.0.0,1.0.0.255,1\n2.0.0.0,2.0.0.255,2\n'), 'few.csv');
  const options = { users: 50, seed: 1, days: 1, endSeconds };
  const small = new TutorialWorld(options, few, { name: 'few.csv', sha256: '', count: 2 });
  const { addresses, count } = simulateEvents(small);
  for (let i = 0; i < count; i++) assert.ok(few.find(addresses, i) >= 0);
});
