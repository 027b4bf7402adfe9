import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { alone } from '../mpi/ranks.ts';
import { AccountShards } from './accountShards.ts';

const ranks = alone('localhost');
const noHashes = new Uint32Array(0);

const someRows = fc
  .record({ shards: fc.integer({ min: 1, max: 9 }), accounts: fc.integer({ min: 1, max: 30 }) })
  .chain(({ shards, accounts }) =>
    fc.record({
      shards: fc.constant(shards),
      ofAccount: fc.array(fc.nat(shards - 1), { minLength: accounts, maxLength: accounts }),
      accountOf: fc.array(fc.nat(accounts - 1), { maxLength: 60 }),
    }),
  );

test('rows are sorted by the shard of their account, and stay in their order within it', () => {
  fc.assert(
    fc.property(someRows, ({ shards, ofAccount, accountOf }) => {
      const { rows, starts } = new AccountShards(ranks, shards, ofAccount, noHashes).inShards(
        accountOf.map((_, row) => row),
        accountOf,
      );
      const shardOf = (row: number) => ofAccount[accountOf[row]];
      assert.deepEqual(
        [...rows],
        [...accountOf.keys()].sort((a, b) => shardOf(a) - shardOf(b) || a - b),
      );
      for (let shard = 0; shard < shards; shard++) {
        assert.ok(
          [...rows.subarray(starts[shard], starts[shard + 1])].every((row) => shardOf(row) === shard),
        );
      }
      assert.deepEqual([starts[0], starts[shards]], [0, rows.length]);
    }),
  );
});

test('a sum by shards is the plain sum, within the rounding of as many additions', () => {
  fc.assert(
    fc.property(someRows, fc.nat(1000), ({ shards, ofAccount, accountOf }, seed) => {
      const all = new AccountShards(ranks, shards, ofAccount, noHashes);
      const { rows, starts } = all.inShards(
        accountOf.map((_, row) => row),
        accountOf,
      );
      const value = (row: number) => Math.sin(row * 12.9898 + seed);
      const [sum, count] = all.sum(2, (shard, into) => {
        for (let r = starts[shard]; r < starts[shard + 1]; r++) {
          into[0] += value(rows[r]);
          into[1]++;
        }
      });
      const plain = accountOf.reduce((total, _, row) => total + value(row), 0);
      const magnitude = accountOf.reduce((total, _, row) => total + Math.abs(value(row)), 0);
      // Higham 2002, 4.2: each of two orders is off by at most (n − 1) · u · Σ|x|, u = ε / 2.
      assert.ok(Math.abs(sum - plain) <= (accountOf.length + shards) * Number.EPSILON * magnitude);
      assert.equal(count, accountOf.length);
    }),
  );
});

test('without accounts sums are 0', () => {
  const none = new AccountShards(ranks, 3, [], noHashes);
  const { starts } = none.inShards([], []);
  assert.deepEqual([...starts], [0, 0, 0, 0]);
  assert.deepEqual(
    none.sum(2, () => {}),
    new Float64Array(2),
  );
});
