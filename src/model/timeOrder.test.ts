import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { alone } from '../mpi/ranks.ts';
import { TimeOrder } from './timeOrder.ts';

const someTime = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(-0, 0, 1e-300, 1.5e9, 1.5e9 + 2 ** -22),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

test('what is behind a place is what a sort by time, then by number in the whole input, has from there on', () => {
  fc.assert(
    fc.property(
      fc.array(someTime, { minLength: 1, maxLength: 40 }),
      fc.nat(1000),
      fc.boolean(),
      (times, drawn, isSparse) => {
        const place = drawn % times.length;
        const index = isSparse ? Float64Array.from(times, (_, i) => i * 50_000_000 + 7) : undefined;
        const order = new TimeOrder(Float64Array.from(times), index, alone('localhost'), place);
        const sorted = [...times.keys()].sort((a, b) => times[a] - times[b] || a - b);
        assert.deepEqual(
          [...times.keys()].filter((i) => order.isBehind(i)),
          sorted.slice(place).sort((a, b) => a - b),
        );
      },
    ),
    { numRuns: 60 },
  );
});
