import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIpv4, parseAddress } from '../addresses/address.ts';
import { groupTableOf } from '../addresses/buildGroupTable.ts';
import { readRangeLines } from '../addresses/rangeLines.ts';
import { collectEvents } from '../index.ts';
import { AccountGroups } from './accountGroups.ts';
import { AccountPlaces } from './accountPlaces.ts';
import { Decay } from './decay.ts';
import { History } from './history.ts';
import { densities, expertCount } from './mixture.ts';
import { placeHigh, placeLow } from './rungs.ts';

/*
 * Against a naive model: history.test.ts. Here a small table by hand; groups 1, 2 and 3 are AS7, AS8 and AS9.
 */
const LIST =
  '10.0.0.0,10.0.0.255,7\n20.0.0.0,20.0.0.255,8\n30.0.0.0,30.0.0.255,9\n2001:db8::,2001:db8::ffff:ffff:ffff:ffff,7\n';
const { table } = groupTableOf('asn', [readRangeLines(new TextEncoder().encode(LIST), 'list.csv', 'asn')]);

const DAY = 86_400;

function placesOf(list: [entity: string, address: string, day?: number][]): AccountPlaces {
  const events = collectEvents(
    list.map(([entity, address, day]) => ({
      entity,
      address,
      time: day === undefined ? Number.NaN : day * DAY,
    })),
  );
  const count = events.entities.count;
  return AccountPlaces.of(
    events,
    count,
    Uint32Array.from({ length: count }, (_, e) => e),
  );
}

const EVENTS: [string, string][] = [
  ['a', '10.0.0.1'],
  ['a', '10.0.0.1'],
  ['a', '10.0.0.2'],
  ['a', '2001:db8::1'],
  ['a', '99.0.0.1'],
  ['b', '20.0.0.1'],
  ['c', '99.0.0.1'],
];

test('an account weighs as much in a group as it has places there, of both families together', () => {
  const groups = new AccountGroups(table, placesOf(EVENTS), new Decay());
  const weights = [0, 1, 2, -1, 3, 99].map((e) => [0, 1, 2, 3].map((group) => groups.weightOf(e, group)));
  const none = [0, 0, 0, 0];
  assert.deepEqual(weights, [[0, 3, 0, 0], [0, 0, 1, 0], none, none, none, none]);
});

test('shares are the mean over accounts, those in no range among them; "in no range" itself stays 0', () => {
  const groups = new AccountGroups(table, placesOf(EVENTS), new Decay());
  assert.deepEqual([...groups.shares], [0, 3 / 4 / 3, 1 / 3, 0]);
  assert.deepEqual([...groups.weights], [0, 3, 1, 0]);
});

test('an added place counts for its account alone; what was counted before is still known', () => {
  const groups = new AccountGroups(table, placesOf(EVENTS), new Decay());
  const add = (entity: number, address: string) => {
    const words = parseAddress(address)!;
    const ipv4 = isIpv4(words);
    groups.add(entity, ipv4, placeHigh(words, 0, ipv4), placeLow(words, 0, ipv4), 1);
  };
  add(1, '30.0.0.1');
  add(1, '20.0.0.2');
  add(1, '99.0.0.2');
  add(7, '2001:db8::2');
  assert.deepEqual(
    [0, 1, 2, 3].map((group) => groups.weightOf(1, group)),
    [0, 0, 2, 1],
  );
  assert.deepEqual(
    [0, 1, 2, 3].map((group) => groups.countedWeightOf(1, group)),
    [0, 0, 1, 0],
  );
  assert.deepEqual([groups.weightOf(7, 1), groups.countedWeightOf(7, 1)], [1, 0]);
  assert.deepEqual([groups.weightOf(0, 1), groups.shares[3], groups.weights[3]], [3, 0, 0]);
});

test('with a half-life, others have exactly nothing of a provider that one account alone uses', () => {
  const places = placesOf([
    ['a', '10.0.0.1', 97],
    ['a', '10.0.0.2', 93],
    ['a', '20.0.0.1', 91],
    ['b', '30.0.0.1', 100],
  ]);
  const history = new History(places, [table], new Decay(7, 100));
  const view = history.view();
  history.look(0, parseAddress('10.0.0.9')!, 0, view);
  const out = new Float64Array(expertCount(history.rungs) - 1);
  densities(view, history.population, out);
  assert.ok(view.own[view.own.length - 1] > 0);
  assert.equal(out[out.length - 1], 0);
});
