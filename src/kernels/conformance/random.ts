/** Random words. Tests only; not part of the package. */
import assert from 'node:assert/strict';
import { PURPOSE, philox } from '../../random/philox.ts';
import { indices, type Trial, wholeAndParts } from './data.ts';

/** Words of all sizes: high bits, too, are used as they are. */
const SEEDS = [
  [0, 0],
  [1, 0],
  [0xffffffff, 0x1fffff],
] as const;

export function randomWords({ kernels, data, shape: { B, R }, round }: Trial): void {
  const seed = SEEDS[round];
  const epoch = data.below(2 ** 32);
  const first = data.below(2 ** 32 - B);
  const purposes = Object.values(PURPOSE);
  const purpose = purposes[data.below(purposes.length)];
  const blocks = R + 1;
  const out = data.wordsOutput(B * blocks * 4);
  wholeAndParts(kernels, B, [out], (kernels, from, to) =>
    kernels.randomWords(
      first + from,
      purpose,
      epoch,
      seed,
      blocks,
      out.subarray(from * blocks * 4),
      to - from,
    ),
  );
  const block = new Uint32Array(4);
  for (const i of indices(B)) {
    for (const k of indices(blocks)) {
      philox(first + i, 16 * k + purpose, epoch, 0, seed[0], seed[1], block);
      const at = (i * blocks + k) * 4;
      assert.deepEqual([...out.subarray(at, at + 4)], [...block]);
    }
  }
}
