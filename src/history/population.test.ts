import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../addresses/address.ts';
import { collectEvents } from '../index.ts';
import { RandomStream } from '../random/philox.ts';
import { AccountPlaces } from './accountPlaces.ts';
import { Decay } from './decay.ts';
import { Population } from './population.ts';
import { populationParts } from './populationParts.ts';
import { PLACE_RUNG, RUNGS } from './rungs.ts';

/*
 * Shares against a naive sum over random accounts: history.test.ts. Here the borders of the /16 that are indexed, by hand.
 */

function populationOf(list: [entity: number, address: string][], entityCount: number): Population {
  const events = collectEvents(list.map(([entity, address]) => ({ entity: `u${entity}`, address })));
  const numbers = Uint32Array.from({ length: events.entities.count }, (_, e) =>
    Number(events.entities.name(e).slice(1)),
  );
  return new Population(populationParts(AccountPlaces.of(events, entityCount, numbers), new Decay()));
}

function around(population: Population, address: string): { shares: number[]; weights: number[] } {
  const [shares, weights] = [new Float64Array(RUNGS), new Float64Array(RUNGS)];
  population.look(true, parseAddress(address)![3], 0, shares, weights);
  return { shares: [...shares], weights: [...weights] };
}

test('each account weighs the same in shares, each place in weights; one without places in neither', () => {
  const population = populationOf(
    [
      [0, '10.0.0.1'],
      [0, '10.0.0.2'],
      [0, '10.0.1.1'],
      [0, '99.0.0.1'],
      [2, '10.0.0.1'],
    ],
    4,
  );
  assert.deepEqual([population.accounts, population.total], [2, 5]);
  const { shares, weights } = around(population, '10.0.0.1');
  // /0, /8 to /22, /24 and /28, the address itself: 4, 3, 3, 2, 2 and 1 of 4 places of one account; the other has all there.
  assert.deepEqual(shares, [1, ...new Array(8).fill((3 / 4 + 1) / 2), 3 / 4, 3 / 4, (1 / 4 + 1) / 2]);
  assert.deepEqual(weights, [5, ...new Array(8).fill(4), 3, 3, 2]);
  // The /20 of 10.0.16.1 and narrower networks are empty.
  assert.deepEqual(around(population, '10.0.16.1').weights, [5, 4, 4, 4, 4, 4, 4, 0, 0, 0, 0, 0]);
});

test('networks at both ends of the address space and on both sides of a /16 are counted apart', () => {
  const addresses = [
    '0.0.0.0',
    '0.0.255.255',
    '0.1.0.0',
    '127.255.255.255',
    '128.0.0.0',
    '255.255.0.0',
    '255.255.255.255',
  ];
  const population = populationOf(
    addresses.map((address, e) => [e, address]),
    addresses.length,
  );
  const placesAt = (address: string, rung: number) => around(population, address).weights[rung];
  for (const address of addresses) {
    assert.equal(placesAt(address, 0), 7);
    assert.equal(placesAt(address, PLACE_RUNG), 1);
  }
  // /8, /14, /16 and /18
  const rungs = [1, 4, 5, 6];
  assert.deepEqual(
    ['0.0.0.0', '0.0.255.255', '0.1.0.0', '128.0.0.0', '255.255.0.0'].map((address) =>
      rungs.map((rung) => placesAt(address, rung)),
    ),
    [
      [3, 3, 2, 1],
      [3, 3, 2, 1],
      [3, 3, 1, 1],
      [1, 1, 1, 1],
      [2, 2, 2, 1],
    ],
  );
});

test('accounts at a place are counted once each, whatever their events', () => {
  const population = populationOf(
    [
      [0, '10.0.0.1'],
      [0, '10.0.0.1'],
      [1, '10.0.0.1'],
      [1, '10.0.0.2'],
    ],
    2,
  );
  const at = (address: string) => population.accountsAt(true, parseAddress(address)![3], 0);
  assert.deepEqual(
    ['10.0.0.1', '10.0.0.2', '10.0.0.3', '0.0.0.0', '255.255.255.255'].map(at),
    [2, 1, 0, 0, 0],
  );
  assert.equal(population.accountsAt(false, 0, 0), 0);
});

test('without anybody every share is 0', () => {
  const population = populationOf([], 3);
  assert.deepEqual([population.accounts, population.total], [0, 0]);
  const { shares, weights } = around(population, '255.255.255.255');
  assert.ok([...shares, ...weights].every((value) => value === 0));
});

test('what is looked at before changes nothing', () => {
  const random = new RandomStream(1, 1);
  // Few values for each part of an address, so that neighbours share networks of all lengths and some /16 are empty.
  const ipv4 = () => [8, 4, 3, 40].map((values) => random.below(values) * 3).join('.');
  const ipv6 = () => `2001:${random.below(4)}:${random.below(3)}:${random.below(40)}::`;
  const any = () => (random.below(3) === 0 ? ipv6() : ipv4());
  const list = Array.from({ length: 300 }, (): [number, string] => [random.below(20), any()]);
  const population = populationOf(list, 20);
  const look = (of: Population, address: string) => {
    const words = parseAddress(address)!;
    const isIpv4 = !address.includes(':');
    const [shares, weights] = [new Float64Array(RUNGS), new Float64Array(RUNGS)];
    of.look(isIpv4, words[isIpv4 ? 3 : 0], isIpv4 ? 0 : words[1], shares, weights);
    return { shares: [...shares], weights: [...weights] };
  };
  for (let i = 0; i < 300; i++) {
    const address = i % 3 === 0 ? list[i][1] : any();
    assert.deepEqual(look(population, address), look(populationOf(list, 20), address), address);
  }
});
