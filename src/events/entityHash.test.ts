import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hashEntity, hashModulo } from './entityHash.ts';

const MASK = (1n << 64n) - 1n;

/** The definition in the docstring, in arbitrary-precision integers. */
function plainHash(name: string): bigint {
  let h = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(name)) h = ((h ^ BigInt(byte)) * 0x100000001b3n) & MASK;
  h = ((h ^ (h >> 33n)) * 0xff51afd7ed558ccdn) & MASK;
  h = ((h ^ (h >> 33n)) * 0xc4ceb9fe1a85ec53n) & MASK;
  return h ^ (h >> 33n);
}

test('the hash is its definition in 64-bit integers, and so is the row', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 2 ** 32 }), (name, rows) => {
      const [low, high] = hashEntity(name);
      const expected = plainHash(name);
      assert.equal((BigInt(high) << 32n) | BigInt(low), expected);
      assert.equal(hashModulo(low, high, rows), Number(expected % BigInt(rows)));
    }),
    { numRuns: 2000 },
  );
});

test('known values: a model written by any version must find its rows again', () => {
  const hex = (name: string) =>
    [...hashEntity(name)]
      .reverse()
      .map((word) => word.toString(16).padStart(8, '0'))
      .join('');
  assert.equal(hex(''), 'efd01f60ba992926');
  assert.equal(hex('a'), '82a2a958a9bece5b');
  assert.equal(hex('user_1'), 'ac0b711a1246cb5b');
  assert.equal(hex('José'), '7e14c127537bb951');
});
