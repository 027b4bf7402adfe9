import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { expanded, quantizeInPlace } from './byteVectors.ts';

const float = fc.float({
  noNaN: true,
  noDefaultInfinity: true,
  min: Math.fround(-1e30),
  max: Math.fround(1e30),
});

test('a component is off by half a step at most, a step being 1/127 of the largest of its vector', () => {
  fc.assert(
    fc.property(fc.integer({ min: 4, max: 9 }), fc.array(float, { maxLength: 60 }), (D, numbers) => {
      const vectors = Float32Array.from(numbers.slice(0, Math.floor(numbers.length / D) * D));
      const before = vectors.slice();
      const made = quantizeInPlace(vectors, D);
      const after = expanded(made, D);
      assert.equal(made.scales.length, before.length / D);
      for (let i = 0; i < before.length; i++) {
        const row = before.subarray(Math.floor(i / D) * D, Math.floor(i / D) * D + D);
        const largest = Math.max(...row.map(Math.abs));
        assert.ok(Math.abs(made.codes[i]) <= 127);
        // Below 2^-126 / 127 there is no scale left: the vector becomes nothing.
        const error = (largest / 127) * 0.5 * (1 + 1e-5) + 2 ** -140;
        assert.ok(Math.abs(after[i] - before[i]) <= error, `${before[i]} became ${after[i]} in ${row}`);
      }
    }),
  );
});

test('the largest component of a vector is kept, zeros stay zeros', () => {
  const made = quantizeInPlace(Float32Array.of(1, -0.5, 0, 0.25, 0, 0, 0, 0, -254, 2, 1, 0), 4);
  assert.deepEqual([...made.codes], [127, -63, 0, 32, 0, 0, 0, 0, -127, 1, 1, 0]);
  assert.deepEqual([...made.scales], [Math.fround(1 / 127), 0, 2]);
});

test('codes and scales lie where the floats lay', () => {
  const buffer = new SharedArrayBuffer(64 + 5 * 3 * 4);
  const { codes, scales } = quantizeInPlace(new Float32Array(buffer, 64, 15).fill(3), 5);
  assert.deepEqual([codes.buffer, codes.byteOffset, codes.length], [buffer, 64, 15]);
  assert.deepEqual([scales.buffer, scales.byteOffset, scales.length], [buffer, 80, 3]);
  assert.deepEqual(new Set(codes), new Set([127]));
});
