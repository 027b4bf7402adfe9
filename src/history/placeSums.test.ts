import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { alone } from '../mpi/ranks.ts';
import { AccountShards } from './accountShards.ts';
import { partsFrom, sumsOverRanks } from './placeSums.ts';

const WORDS = [0, 1, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];

/** An account adds to a key once, and accounts add in order. */
const someTerms = fc.uniqueArray(
  fc.record({
    account: fc.nat(8),
    high: fc.constantFrom(...WORDS),
    low: fc.constantFrom(...WORDS),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    weight: fc.nat(5),
  }),
  { selector: ({ account, high, low }) => `${account} ${high} ${low}`, maxLength: 60 },
);

test('each key has the sums of its accounts in their order, and keys ascend: of two words, and of one', () => {
  fc.assert(
    fc.property(someTerms, fc.boolean(), (drawn, hasLow) => {
      const terms = drawn.filter(({ low }) => hasLow || low === 0).sort((a, b) => a.account - b.account);
      const naive = new Map<number, { share: number; weight: number; users: number }>();
      for (const { high, low, share, weight } of terms) {
        const key = hasLow ? high * 2 ** 20 + WORDS.indexOf(low) : high;
        const so = naive.get(key) ?? { share: 0, weight: 0, users: 0 };
        naive.set(key, { share: so.share + share, weight: so.weight + weight, users: so.users + 1 });
      }
      const column = (of: (term: (typeof terms)[number]) => number) => Uint32Array.from(terms, of);
      const hashes = Uint32Array.from({ length: 18 }, (_, word) => word);
      const { high, low, sums, users } = sumsOverRanks(
        {
          high: column((term) => term.high),
          low: hasLow ? column((term) => term.low) : new Uint32Array(0),
          account: column((term) => term.account),
          terms: Float64Array.from(terms.flatMap(({ share, weight }) => [share, weight])),
        },
        hasLow,
        partsFrom(0, 16),
        new AccountShards(alone('localhost'), 1, new Array(9).fill(0), hashes),
      );
      const found = [...high].map((word, q) => [
        hasLow ? word * 2 ** 20 + WORDS.indexOf(low[q]) : word,
        { share: sums[q * 2 + 2], weight: sums[q * 2 + 3], users: users[q] },
      ]);
      assert.deepEqual(
        found,
        [...naive].sort(([a], [b]) => a - b),
      );
    }),
  );
});

test('parts ascend, and what lies outside is with the first and the last', () => {
  const partOf = partsFrom(0x20000000, 13);
  assert.deepEqual(
    [0, 0x1fffffff, 0x20000000, 0x20001fff, 0x20002000, 0x3fffffff, 0x40000000, 0xffffffff].map(partOf),
    [0, 0, 0, 0, 1, 65_535, 65_535, 65_535],
  );
  assert.deepEqual([0, 0x0000ffff, 0x00010000, 0xffffffff].map(partsFrom(0, 16)), [0, 0, 1, 65_535]);
});
