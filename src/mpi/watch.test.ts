import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from './progress.ts';
import { findStall, listeners, named, RankTable, speakers } from './watch.ts';

const limits = { silentSeconds: 120, lateSeconds: 1800 };
const hosts = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const BARRIER = OPERATIONS.indexOf('barrier');
const EXCHANGE = OPERATIONS.indexOf('exchange');

/** A table of ranks, each in an operation (0: its own work), after so many; the last heard of and changed at these seconds. */
function table(
  ...ranks: { operation: number; entered: number; heard?: number; changed?: number }[]
): RankTable {
  const made = new RankTable(ranks.length, 0);
  for (const [rank, { operation, entered, heard, changed }] of ranks.entries()) {
    made.note(rank, [1, operation, entered, 0], (changed ?? 0) * 1000);
    made.note(rank, [2, operation, entered, 0], (heard ?? 0) * 1000);
  }
  return made;
}

const waits = (entered: number, more = {}) => ({ operation: BARRIER, entered, ...more });
const works = (entered: number, more = {}) => ({ operation: 0, entered, ...more });

test('nobody waits: whoever is silent may be', () => {
  assert.equal(findStall(table(works(3, { heard: 1000 }), works(3)), hosts, limits, 1_000_000), undefined);
});

test('silence counts from its limit on', () => {
  const both = table(waits(4, { heard: 120 }), works(3));
  assert.equal(findStall(both, hosts, limits, 120_000), undefined);
  assert.deepEqual(findStall(both, hosts, limits, 120_001), {
    culprits: [1],
    message:
      'rank 0 (a) waits in barrier (operation 4) for rank 1 (b), of which nothing was heard for 120 s: it is stopped, or its computer or the network is gone',
  });
});

test('ranks that fell silent together are named together', () => {
  const beats = { heard: 120 };
  const all = table(waits(4, beats), works(3), works(3, { heard: 3 }), works(3, { heard: 100 }));
  assert.deepEqual(findStall(all, hosts, limits, 121_000)?.culprits, [1, 2]);
});

test('a rank that beats is waited for, until it has told of no progress for the other limit', () => {
  const beats = { heard: 1799 };
  assert.equal(findStall(table(waits(4, beats), works(3, beats)), hosts, limits, 1_800_000), undefined);
  assert.deepEqual(
    findStall(table(waits(4, beats), works(3, beats)), hosts, limits, 1_800_001)?.culprits,
    [1],
  );
  const recent = works(3, { ...beats, changed: 10 });
  assert.equal(findStall(table(waits(4, beats), recent), hosts, limits, 1_800_001), undefined);
});

test('a rank that went ahead, as the sender of a broadcast may, is none to blame', () => {
  const beats = { heard: 1800 };
  const stall = findStall(table(waits(5, beats), waits(4, beats), works(3, beats)), hosts, limits, 1_800_001);
  assert.deepEqual(stall?.culprits, [2]);
});

test('all have come, and nothing moves: the network', () => {
  const beats = { heard: 1800 };
  assert.deepEqual(findStall(table(waits(4, beats), waits(4, beats)), hosts, limits, 1_800_001), {
    culprits: [0, 1],
    message:
      'all ranks came to barrier (operation 4), and it did not end for 1800 s: the network of MPI does not carry its messages',
  });
});

test('different operations of the same number are noticed after 5 s', () => {
  const both = table(waits(4), { operation: EXCHANGE, entered: 4 });
  assert.equal(findStall(both, hosts, limits, 5000), undefined);
  assert.equal(
    findStall(both, hosts, limits, 5001)?.message,
    'rank 0 (a) waits in barrier (operation 4), and rank 1 (b) waits in exchange (operation 4): they do not run the same program. Please report it',
  );
});

test('an older entry does not replace a newer one, also where beats start again at their end', () => {
  const known = new RankTable(1, 0);
  known.note(0, [0x7fffffff, 1, 7, 0], 1);
  known.note(0, [-0x80000000, 2, 8, 0], 2);
  known.note(0, [0x7ffffffe, 3, 6, 0], 3);
  assert.deepEqual([known.operation(0), known.entered(0), known.heardAt[0]], [2, 8, 2]);
});

test('news reaches every rank, whichever one is gone', () => {
  for (const size of [2, 3, 4, 5, 8, 13, 64]) {
    for (let gone = 0; gone < size; gone++) {
      const reached = new Set([(gone + 1) % size]);
      for (const rank of reached)
        for (const next of listeners(rank, size)) if (next !== gone) reached.add(next);
      assert.equal(reached.size, size - 1);
      assert.ok(listeners(gone, size).every((other) => speakers(other, size).includes(gone)));
    }
  }
});

test('ranks are named with their hosts, four at most', () => {
  assert.equal(named([3], hosts), 'rank 3 (d)');
  assert.equal(named([0, 1, 2], hosts), 'rank 0 (a), rank 1 (b) and rank 2 (c)');
  assert.equal(
    named([0, 1, 2, 3, 4, 5, 6], hosts),
    'rank 0 (a), rank 1 (b), rank 2 (c), rank 3 (d) and 3 more',
  );
});
