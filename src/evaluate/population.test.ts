import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../addresses/address.ts';
import { collectEvents } from '../index.ts';
import { Population } from './population.ts';

const populationOf = (...addresses: string[]) =>
  new Population(collectEvents(addresses.map((address) => ({ entity: 'a', address }))));
const probability = (population: Population, address: string) =>
  Math.exp(population.logProbability(parseAddress(address)!));

test('the probability of a /24 is that of a product by hand', () => {
  const population = populationOf('10.0.0.1', '10.0.0.2', '10.200.0.1', '2001:db8::');
  const ofIpv4 = 4 / 6;
  const near = (value: number, expected: number) =>
    assert.ok(Math.abs(value / expected - 1) < 1e-12, `${value}, expected ${expected}`);
  // Levels /8, /12, /16, /20, /24: all three events are in 10/8, two of them in each narrower network.
  const eighth = (3 + 1 / 256) / 4;
  near(probability(population, '10.0.0.77'), ofIpv4 * eighth * ((2 + 1 / 16) / 4) * ((2 + 1 / 16) / 3) ** 3);
  near(probability(population, '11.0.0.0'), ofIpv4 * (1 / 256 / 4) * (1 / 16) ** 4);
  near(probability(population, '2001:db8::1'), (2 / 6) * ((1 + 2 ** -16) / 2) * ((1 + 2 ** -8) / 2) ** 4);
});

test('probabilities of all networks of a level add up to that of the network around them', () => {
  const population = populationOf('10.0.0.1', '10.0.3.1', '10.1.0.1', '99.0.0.1', '99.0.0.2');
  // Below 77/8 nobody was seen: its 65,536 /24 share what it has evenly.
  const unseen = probability(population, '77.0.0.0') * 65536;
  let sum = 0;
  for (let first = 0; first < 256; first++) {
    if (first === 10 || first === 99) {
      for (let second = 0; second < 256; second++) {
        for (let third = 0; third < 256; third++) {
          sum += probability(population, `${first}.${second}.${third}.0`);
        }
      }
    } else sum += unseen;
  }
  assert.ok(Math.abs(sum - 6 / 7) < 1e-9, `${sum}`);
});

test('a family that nobody used has a finite probability', () => {
  assert.ok(Number.isFinite(populationOf('10.0.0.1').logProbability(parseAddress('2001:db8::1')!)));
});
