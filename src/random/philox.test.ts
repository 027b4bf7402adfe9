import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PURPOSE, permutation, philox, RandomStream } from './philox.ts';

// Published known answers of the Random123 distribution for philox4x32-10.
test('blocks are those of the published known-answer table', () => {
  const cases: [number[], number[], string][] = [
    [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    [[-1, -1, -1, -1], [-1, -1], '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    ],
  ];
  for (const [c, k, expected] of cases) {
    const out = new Uint32Array(4);
    philox(c[0] >>> 0, c[1] >>> 0, c[2] >>> 0, c[3] >>> 0, k[0] >>> 0, k[1] >>> 0, out);
    const hex = [...out].map((word) => word.toString(16).padStart(8, '0')).join(' ');
    assert.equal(hex, expected);
  }
});

test('a stream depends on seed, purpose and index, and on nothing else', () => {
  const first = (seed: number, purpose: number, index: number) =>
    new RandomStream(seed, purpose, index).u32();
  const words = [
    first(1, 1, 0),
    first(2, 1, 0),
    first(1, 2, 0),
    first(1, 1, 1),
    first(2 ** 40 + 1, 1, 0),
    first(1, 1, 2 ** 40),
  ];
  assert.equal(new Set(words).size, words.length);
  assert.equal(first(1, 1, 0), words[0]);
});

test('moments of the distributions are theirs, within five standard errors', () => {
  const n = 40_000;
  const check = (draw: () => number, mean: number, variance: number) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += draw();
    assert.ok(Math.abs(sum / n - mean) < 5 * Math.sqrt(variance / n), `mean ${sum / n}, expected ${mean}`);
  };
  const random = new RandomStream(3, PURPOSE.sampling);
  check(() => random.uniform(), 0.5, 1 / 12);
  check(() => random.normal(), 0, 1);
  check(() => random.normal() ** 2, 1, 2);
  check(() => random.beta(1, 30), 1 / 31, 30 / (31 ** 2 * 32));
  check(() => random.beta(3, 5), 3 / 8, 15 / (64 * 9));
  check(() => random.binomial(7, 0.2), 1.4, 1.12);
  check(() => random.binomial(9000, 0.4), 3600, 2160);
  check(() => random.below(10), 4.5, 8.25);
});

test('a permutation holds every number once', () => {
  const order = permutation(1000, new RandomStream(5, PURPOSE.epochOrder));
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    [...Array(1000).keys()],
  );
  assert.notDeepEqual([...order], [...Array(1000).keys()]);
});
