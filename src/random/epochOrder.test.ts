import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EpochOrder } from './epochOrder.ts';
import { PURPOSE } from './philox.ts';

const seeds = fc.nat({ max: Number.MAX_SAFE_INTEGER });

function numbersOf(count: number, seed: number, purpose: number = PURPOSE.epochOrder, index = 0): number[] {
  const order = new EpochOrder(count, seed, purpose, index);
  return Array.from({ length: count }, (_, place) => order.at(place));
}

/** Whether each of 0 … count − 1 is at one place. */
function assertPermutation(count: number, seed: number): void {
  const order = new EpochOrder(count, seed, PURPOSE.epochOrder, 0);
  const isThere = new Uint8Array(count);
  for (let place = 0; place < count; place++) isThere[order.at(place)] = 1;
  assert.ok(
    isThere.every((there) => there === 1),
    `${count} numbers, seed ${seed}`,
  );
}

test('every number has one place: all counts up to 600, and around powers of two', () => {
  const around = (power: number) => [power - 1, power, power + 1];
  const counts = Array.from({ length: 600 }, (_, i) => i + 1);
  for (const count of [...counts, ...around(2 ** 12), ...around(2 ** 17), 1_000_003])
    assertPermutation(count, count);
});

test('every number has one place: any count and seed', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 5000 }), seeds, assertPermutation));
});

test('among 2^31 numbers, places of different numbers differ, and none is beyond', () => {
  for (const count of [2 ** 31, 2 ** 31 - 1, 2 ** 30 + 1]) {
    const order = new EpochOrder(count, 3, PURPOSE.epochOrder, 0);
    const places = Array.from({ length: 20_000 }, (_, i) => (i < 10_000 ? i : count - 1 - i));
    const numbers = places.map((place) => order.at(place));
    assert.equal(new Set(numbers).size, numbers.length);
    assert.ok(numbers.every((x) => Number.isInteger(x) && x >= 0 && x < count));
  }
});

test('the order depends on seed, purpose and index, and on nothing else', () => {
  fc.assert(
    fc.property(seeds, seeds, fc.nat({ max: 2 ** 32 - 2 }), (seed, other, index) => {
      const own = numbersOf(100, seed, PURPOSE.epochOrder, index);
      assert.deepEqual(numbersOf(100, seed, PURPOSE.epochOrder, index), own);
      // Two of 100! orders are the same by chance in 1 of 10^158 trials.
      if (other !== seed) assert.notDeepEqual(numbersOf(100, other, PURPOSE.epochOrder, index), own);
      assert.notDeepEqual(numbersOf(100, seed, PURPOSE.sampling, index), own);
      assert.notDeepEqual(numbersOf(100, seed, PURPOSE.epochOrder, index + 1), own);
    }),
  );
  // Seeds whose low words are the same.
  const orders = [5, 5 + 2 ** 32, 5 + 2 ** 52].map((seed) => numbersOf(100, seed).join());
  assert.equal(new Set(orders).size, 3);
});

/**
 * Asserts that counts are those of uniform draws: their chi-square, of k degrees of freedom, is above k + 2√(kx) + 2x
 * with a probability of at most e^−x, and below k − 2√(kx) likewise (Laurent and Massart 2000, lemma 1).
 */
function assertUniform(counts: Uint32Array, draws: number, what: string): void {
  const expected = draws / counts.length;
  const chiSquare = counts.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  const [k, x] = [counts.length - 1, 20];
  const spread = 2 * Math.sqrt(k * x);
  assert.ok(chiSquare < k + spread + 2 * x && chiSquare > k - spread, `${what}: chi-square ${chiSquare}`);
}

// Of a handful of numbers some places are a tenth too likely: the class says so.
for (const count of [16, 17, 33, 100]) {
  test(`of ${count} numbers, each is equally likely at each place, and as any other's neighbour`, () => {
    const orders = Math.ceil(3e6 / count);
    const atPlace = Array.from({ length: count }, () => new Uint32Array(count));
    const ahead = new Uint32Array(count - 1);
    for (let seed = 0; seed < orders; seed++) {
      const numbers = numbersOf(count, seed);
      for (const [place, number] of numbers.entries()) {
        atPlace[place][number]++;
        if (place > 0) ahead[(number - numbers[place - 1] + count - 1) % count]++;
      }
    }
    for (const [place, counts] of atPlace.entries())
      assertUniform(counts, orders, `numbers at place ${place}`);
    assertUniform(ahead, orders * (count - 1), 'steps to the neighbour');
  });
}

test('placeOf is the inverse of at, for any count and seed, up to 2^31 numbers', () => {
  const counts = fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 2 ** 30, max: 2 ** 31 }));
  fc.assert(
    fc.property(counts, seeds, fc.nat(), (count, seed, x) => {
      const order = new EpochOrder(count, seed, PURPOSE.epochOrder, seed % 7);
      assert.equal(order.placeOf(order.at(x % count)), x % count);
      assert.equal(order.at(order.placeOf(x % count)), x % count);
    }),
  );
});
