import assert from 'node:assert/strict';
import { test } from 'node:test';
import { availableKernels } from './available.ts';
import { MAX_DIMENSION, ROOM_BYTES, testConformance } from './conformance.ts';
import { OneBuffer } from './memory.ts';
import { createKernelMemory, webAssemblyKernels } from './webAssembly.ts';

const module = availableKernels().module!;
const { kernelMemory, arrays: room } = createKernelMemory(module, MAX_DIMENSION, 3, (memory) =>
  memory.bytes(ROOM_BYTES),
)!;

testConformance({
  kernels: [webAssemblyKernels(kernelMemory, 0), webAssemblyKernels(kernelMemory, 2)],
  memory: () => new OneBuffer(kernelMemory.memory.buffer, room.byteOffset),
});

test('kernels keep to the scratch memory of their thread', () => {
  const { scratch, scoring } = kernelMemory;
  for (const used of [scratch[0], scratch[2]]) assert.ok(used.some((x) => x !== 0));
  // Thread 1 did nothing, and nothing was scored.
  for (const unused of [scratch[1], ...scoring.flatMap(({ left, right, out }) => [left, right, out])])
    assert.ok(unused.every((x) => x === 0));
});

test('a layout beyond 4 GiB has no memory', () => {
  let asked = 0;
  const made = createKernelMemory(module, 4, 1, (memory) => {
    asked++;
    return memory.words(2 ** 30);
  });
  // Measured, never allocated.
  assert.deepEqual([made, asked], [undefined, 1]);
});
