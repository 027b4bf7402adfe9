import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cutFiles, outputName, refuseOutputsAmong, shardName, sharedFileSize } from './shard.ts';

const shards = (count: number) => Array.from({ length: count }, (_, i) => ({ number: i + 1, count }));

test('the shares of all shards are every byte once, in order, and no share is twice another one and a byte', () => {
  const size = fc.oneof(fc.nat(20), fc.nat(1e12), fc.constant(0));
  fc.assert(
    fc.property(fc.array(size, { maxLength: 6 }), fc.integer({ min: 1, max: 40 }), (sizes, count) => {
      const files = sizes.map((sizeBytes, i) => ({ path: String(i), sizeBytes }));
      const total = sizes.reduce((sum, n) => sum + n, 0);
      const reached = sizes.map(() => 0);
      const seen = sizes.map(() => 0);
      let last = 0;
      for (const shard of shards(count)) {
        let own = 0;
        for (const [i, share] of cutFiles(files, shard, () => false).entries()) {
          if (!share) continue;
          assert.ok(i >= last, 'files come in order');
          last = i;
          assert.equal(share.from, reached[i]);
          reached[i] = share.to;
          seen[i]++;
          own += share.to - share.from;
        }
        assert.ok(Math.abs(own - total / count) <= 2, `${own} of ${total} for each of ${count}`);
      }
      assert.deepEqual(reached, sizes);
      for (const [i, sizeBytes] of sizes.entries()) if (sizeBytes === 0) assert.equal(seen[i], 1);
    }),
  );
});

test('a file that cannot be cut goes whole to the shard that its middle lies in, and to no other', () => {
  const files = [30, 40, 0, 30].map((sizeBytes, i) => ({ path: `${i}.gz`, sizeBytes }));
  const owners = shards(4).map((shard) =>
    cutFiles(files, shard, () => true).flatMap((share, i) => (share?.isWhole ? [i] : [])),
  );
  // The middles are the bytes 15, 50, 70 and 85 of 100.
  assert.deepEqual(owners, [[0], [], [1, 2], [3]]);
});

test('names sort as shards do, also of more than 99,999', () => {
  assert.equal(shardName({ number: 3, count: 10 }), '00003-of-00010');
  assert.equal(shardName({ number: 3, count: 123_456 }), '000003-of-123456');
  const names = shards(1200).map(shardName);
  assert.deepEqual([...names].sort(), names);
});

test('{shard} in a name becomes the shard, and without one is refused', () => {
  const shard = { number: 2, count: 3 };
  assert.equal(
    outputName('--out', 'a/{shard}/b-{shard}.csv', shard),
    'a/00002-of-00003/b-00002-of-00003.csv',
  );
  assert.equal(outputName('--out', 'a.csv', shard), 'a.csv');
  assert.equal(outputName('--out', 'a.csv', undefined), 'a.csv');
  assert.throws(() => outputName('--out', 'a-{shard}.csv', undefined), {
    name: 'UsageError',
    message:
      '--out: expected --shard with {shard} in a-{shard}.csv, got none. Add --shard, or choose another name.',
  });
});

test('an input that has the name of some output is refused: a pattern may find what another task has written', () => {
  const shard = { number: 2, count: 3 };
  refuseOutputsAmong(['a.csv', 'b-00001-of-00003.csv', 'a-1-of-3.csv'], '--train', 'a-{shard}.csv', shard);
  assert.throws(
    () => refuseOutputsAmong(['a.csv', 'a+00003-of-00003.csv'], '--train', 'a+{shard}.csv', shard),
    {
      name: 'UsageError',
      message:
        '--train: expected names that no input has, but a+00003-of-00003.csv is among 2 inputs. Choose another name or folder.',
    },
  );
});

test('standard input and devices are refused: each task has another one', () => {
  assert.throws(() => sharedFileSize('-'), {
    name: 'UsageError',
    message:
      '--shard: expected files, got standard input, of which each task has another one. Write it to a file that all tasks can read.',
  });
  assert.throws(() => sharedFileSize('/dev/null'), {
    name: 'InputError',
    message:
      '/dev/null: expected a file for --shard, got a pipe or device, of which each task has another one. Write it to a file that all tasks can read.',
  });
  assert.throws(() => sharedFileSize('/nowhere/x'), /no such file/);
});
