import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RadixSort } from './radixSort.ts';

/** Keys of all widths, so that one, two and three digits are needed; many of them equal. */
const keys = fc
  .constantFrom(0, 1, 3, 2 ** 11 - 1, 2 ** 11, 2 ** 22 - 1, 2 ** 22, 2 ** 32 - 1)
  .chain((max) => fc.array(fc.nat({ max }), { maxLength: 100 }));

test('positions come in the order of their keys, equal ones as they came', () => {
  // The same object again and again, as in training.
  const sort = new RadixSort(100);
  fc.assert(
    fc.property(keys, fc.array(fc.nat({ max: 2 ** 32 - 1 }), { maxLength: 5 }), (list, beyond) => {
      const order = sort.sort(Uint32Array.from([...list, ...beyond]), list.length);
      // JavaScript's sort keeps the order of equals.
      const expected = [...list.keys()].sort((a, b) => list[a] - list[b]);
      assert.deepEqual([...order.subarray(0, list.length)], expected);
    }),
    { numRuns: 1000 },
  );
});
