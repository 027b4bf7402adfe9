import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AccountWeights } from './accountWeights.ts';

/** A code stands for a sixteenth of a halving, so that it is off by a thirty-second at most. */
const HALF_STEP = 2 ** (1 / 32);
/** The least weight that has a code of its own. */
const LEAST = 2 ** (-254 / 16);

const readBack = (weights: Float64Array): Float64Array => {
  const out = new Float64Array(weights.length);
  assert.ok(AccountWeights.of(new Map([[0, weights]]), weights.length).read(0, out));
  return out;
};
const sumOf = (weights: Float64Array) => weights.reduce((sum, weight) => sum + weight, 0);
const normalised = (weights: number[]) => {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return Float64Array.from(weights, (weight) => weight / sum);
};

/** Weights of up to 13 experts over many sizes, some none. */
const someWeights = fc
  .array(
    fc.oneof(
      fc.constant(0),
      fc.double({ min: -14, max: 0, noNaN: true }).map((log) => 2 ** log),
    ),
    { minLength: 1, maxLength: 13 },
  )
  .filter((weights) => weights.some((weight) => weight > 0))
  .map(normalised);

test('weights that are read sum to 1', () => {
  fc.assert(
    fc.property(someWeights, (weights) => {
      assert.ok(Math.abs(sumOf(readBack(weights)) - 1) <= weights.length * Number.EPSILON);
    }),
  );
});

test('a weight is right to 2.2 % before, and so to 4.4 % after all are made to sum to 1', () => {
  fc.assert(
    fc.property(someWeights, (weights) => {
      // Too small for a code of its own: it gets the least.
      fc.pre(weights.every((weight) => weight === 0 || weight >= LEAST));
      const back = readBack(weights);
      for (const [x, weight] of weights.entries()) {
        if (weight === 0) assert.equal(back[x], 0);
        // One half step of its own, one of the sum, which is between the sums of terms a half step down and up.
        else {
          const factor = back[x] / weight;
          const bound = HALF_STEP * HALF_STEP * (1 + 1e-12);
          assert.ok(factor <= bound && factor >= 1 / bound, `${weight} became ${back[x]}`);
        }
      }
    }),
  );
});

test('powers of 2 come back exactly', () => {
  const weights = Float64Array.of(0.5, 0.25, 0.125, 0.125, 0);
  assert.deepEqual([...readBack(weights)], [...weights]);
  assert.deepEqual([...readBack(Float64Array.of(0, 1))], [0, 1]);
});

test('what was read once and is encoded again stays as it is', () => {
  fc.assert(
    fc.property(someWeights, (weights) => {
      const once = AccountWeights.of(new Map([[0, weights]]), weights.length);
      const again = AccountWeights.of(new Map([[0, readBack(weights)]]), weights.length);
      assert.deepEqual(again.codes, once.codes);
    }),
  );
});

test('however small, a weight above 0 stays above 0: an expert that was thought possible is never ruled out', () => {
  for (const small of [2 ** -15.9, 2 ** -16, 1e-8, 1e-300, Number.MIN_VALUE]) {
    const [read] = readBack(Float64Array.of(small, 1));
    assert.ok(read > 0 && read <= Math.max(small * HALF_STEP, LEAST), `${small} became ${read}`);
  }
});

test('entities without weights of their own say so', () => {
  const weights = AccountWeights.of(
    new Map([
      [7, Float64Array.of(0.25, 0.75)],
      [2, Float64Array.of(1, 0)],
    ]),
    2,
  );
  const out = Float64Array.of(9, 9);
  for (const entity of [-1, 0, 1, 3, 6, 8, 1000]) assert.equal(weights.read(entity, out), false);
  assert.deepEqual([...out], [9, 9]);
  assert.ok(weights.read(2, out));
  assert.deepEqual([...out], [1, 0]);
  assert.ok(weights.read(7, out));
  assert.ok(Math.abs(out[0] - 0.25) < 0.01);
  assert.deepEqual([...weights.entities], [2, 7]);
  assert.equal(AccountWeights.of(new Map(), 2).read(0, out), false);
});
