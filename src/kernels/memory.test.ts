import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Memory, OneBuffer, separateBuffers, sizeBytesOf } from './memory.ts';

type Kind = keyof Memory;
const SIZE_BYTES: Record<Kind, number> = { floats: 4, doubles: 8, words: 4, bytes: 1 };
const kinds = Object.keys(SIZE_BYTES) as Kind[];
const layouts = fc.array(fc.tuple(fc.constantFrom(...kinds), fc.nat({ max: 100 })), { maxLength: 30 });

test('one buffer of the counted size holds the arrays of a layout, apart from each other', () => {
  fc.assert(
    fc.property(layouts, fc.nat({ max: 3 }), (layout, page) => {
      const sizeBytes = sizeBytesOf((counter) => layout.map(([kind, length]) => counter[kind](length)));
      const start = page * 64;
      const buffer = new SharedArrayBuffer(start + sizeBytes);
      const memory = new OneBuffer(buffer, start);
      const arrays = layout.map(([kind, length]) => memory[kind](length));
      const bytesOf = ({ byteOffset, byteLength }: (typeof arrays)[0]) =>
        new Uint8Array(buffer, byteOffset, byteLength);
      // Each array is filled with its own number: an overlap would change what stands in an earlier one.
      for (const [i, array] of arrays.entries()) bytesOf(array).fill(i + 1);
      for (const [i, array] of arrays.entries()) {
        const [kind, length] = layout[i];
        assert.equal(array.byteLength, length * SIZE_BYTES[kind]);
        assert.equal(array.byteOffset % 64, 0);
        assert.ok(bytesOf(array).every((x) => x === i + 1));
      }
      assert.ok(new Uint8Array(buffer, 0, start).every((x) => x === 0));
      // The last array may end before the next cache line.
      const end = Math.max(start, ...arrays.map((array) => array.byteOffset + array.byteLength));
      assert.ok(buffer.byteLength - end < 64);
    }),
  );
});

test('separate buffers are shared, and of the kind and length asked for', () => {
  fc.assert(
    fc.property(layouts, (layout) => {
      for (const [kind, length] of layout) {
        const array = separateBuffers[kind](length);
        const oneBuffer = new OneBuffer(new SharedArrayBuffer(length * 8), 0)[kind](length);
        assert.ok(array.buffer instanceof SharedArrayBuffer);
        assert.equal(array.constructor, oneBuffer.constructor);
        assert.equal(array.byteLength, length * SIZE_BYTES[kind]);
      }
    }),
  );
});
