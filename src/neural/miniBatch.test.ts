import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Groups, MiniBatch, type TrainingPairs } from './miniBatch.ts';
import { appendChain } from './network.ts';
import { IPV4_PREFIX_LENGTHS, IPV6_PREFIX_LENGTHS, MAX_CHAIN, PrefixTable } from './prefixes.ts';

/** All /8 of IPv4, and 16 providers of IPv6, each twice. */
const TABLE = PrefixTable.build(
  Uint32Array.from({ length: 2 * (256 + 16) * 4 }, (_, i) => {
    const k = (i >>> 2) % 272;
    if (k < 256) return [0, 0, 0xffff, k * 2 ** 24][i % 4];
    return [0x20010db8 + (k - 256), 7, 0, 0][i % 4];
  }),
);
const ENTITIES = 50;

/** N events: entity i mod 50, address of network i mod 272. */
const data = (count: number): TrainingPairs => {
  const network = (i: number) => i % 272;
  const words = (i: number) =>
    network(i) < 256
      ? Uint32Array.of(0, 0, 0xffff, network(i) * 2 ** 24)
      : Uint32Array.of(0x20010db8 + network(i) - 256, 7, 0, 0);
  return {
    count,
    entityRow: Uint32Array.from({ length: count }, (_, i) => i % ENTITIES),
    deepest: Uint32Array.from({ length: count }, (_, i) => TABLE.find(words(i))),
    isIpv6: Uint8Array.from({ length: count }, (_, i) => (network(i) < 256 ? 0 : 1)),
  };
};

const batchOf = (capacity: number, R: number, S: number, seed = 1) =>
  new MiniBatch(capacity, R, S, ENTITIES, TABLE, seed);
const inOrder = (count: number) => Uint32Array.from({ length: count }, (_, i) => i);
const listOf = ({ starts, members }: { starts: Uint32Array; members: Uint32Array }, i: number) => [
  ...members.subarray(starts[i], starts[i + 1]),
];

test('groups hold each key once, in order of appearance, with its items in order', () => {
  const groups = new Groups(20, 60);
  const keys = fc.array(fc.nat({ max: 19 }), { maxLength: 60 });
  fc.assert(
    fc.property(keys, fc.option(fc.array(fc.nat(), { minLength: 60, maxLength: 60 })), (keys, owners) => {
      const expected = new Map<number, number[]>();
      for (const [i, key] of keys.entries())
        expected.set(key, [...(expected.get(key) ?? []), owners ? owners[i] : i]);
      // The same object again and again, as in training.
      groups.group(Uint32Array.from(keys), keys.length, owners ? Uint32Array.from(owners) : undefined);
      assert.deepEqual([...groups.keys.subarray(0, groups.count)], [...expected.keys()]);
      for (const [i, items] of [...expected.values()].entries())
        assert.deepEqual(listOf(groups.lists, i), items);
    }),
    { numRuns: 500 },
  );
});

for (const [B, R, S] of [
  [1, 1, 1],
  [1, 0, 1],
  [5, 3, 0],
  [5, 0, 2],
  [40, 5, 6],
]) {
  test(`B = ${B}, R = ${R}, S = ${S}: every pair, address and row is where its definition says`, () => {
    const batch = batchOf(B + 3, R, S);
    const events = data(300);
    const order = inOrder(300).reverse();
    batch.assemble(events, order, 30, 30 + B, 2);
    assert.deepEqual([batch.size, batch.addressCount, batch.pairCount], [B, B * (1 + R), B * (1 + R + S)]);
    const K = batch.pairs.pairsPerPositive;
    assert.equal(K, 1 + R + S);
    for (let b = 0; b < B; b++) {
      const event = order[30 + b];
      assert.equal(batch.entityRow[b], events.entityRow[event]);
      const own = new Uint32Array(MAX_CHAIN);
      const length = appendChain(TABLE, events.deepest[event], own, 0);
      assert.deepEqual(listOf(batch.rowsOf, b), [...own.subarray(0, length)]);
      const pairs = [...batch.pairs.address.subarray(b * K, (b + 1) * K)];
      assert.deepEqual(pairs.slice(0, 1 + R), [b, ...Array.from({ length: R }, (_, r) => B + b * R + r)]);
      for (const address of pairs.slice(1 + R)) assert.ok(address < B && (address !== b || B === 1));
    }
    for (let a = 0; a < batch.addressCount; a++) {
      const expected = [...batch.pairs.address.subarray(0, batch.pairCount).entries()].filter(
        ([, x]) => x === a,
      );
      assert.deepEqual(
        listOf(batch.pairsOf, a),
        expected.map(([p]) => p),
      );
    }
    for (let i = 0; i < batch.prefixes.count; i++) {
      const holders = Array.from({ length: batch.addressCount }, (_, a) => a).filter((a) =>
        listOf(batch.rowsOf, a).includes(batch.prefixes.keys[i]),
      );
      assert.deepEqual(listOf(batch.prefixes.lists, i), holders);
    }
    const touched = listOf(batch.entities.lists, 0).map((b) => batch.entityRow[b]);
    assert.ok(touched.every((row) => row === batch.entities.keys[0]));
  });
}

/** The rows of each random address of the event at a place of the epoch. */
const drawnAt = (batch: MiniBatch, from: number, place: number, R: number) =>
  Array.from({ length: R }, (_, r) => listOf(batch.rowsOf, batch.size + (place - from) * R + r));

test('what is drawn for a place depends on seed, epoch and place, not on how the epoch is cut into batches', () => {
  const R = 9;
  const draw = (seed: number, epoch: number, from: number, to: number) => {
    const batch = batchOf(300, R, 1, seed);
    batch.assemble(data(300), inOrder(300), from, to, epoch);
    return [250, 251, 258].map((place) => drawnAt(batch, from, place, R));
  };
  const expected = draw(7, 3, 0, 300);
  assert.deepEqual(draw(7, 3, 250, 260), expected);
  assert.deepEqual(draw(7, 3, 200, 299), expected);
  assert.notDeepEqual(draw(8, 3, 0, 300), expected);
  assert.notDeepEqual(draw(7 + 2 ** 40, 3, 0, 300), expected);
  assert.notDeepEqual(draw(7, 4, 0, 300), expected);
});

test('a batch is the same whatever was assembled in its memory before', () => {
  const used = batchOf(64, 2, 2);
  used.assemble(data(300), inOrder(300), 100, 164, 0);
  used.assemble(data(300), inOrder(300), 0, 10, 1);
  const fresh = batchOf(64, 2, 2);
  fresh.assemble(data(300), inOrder(300), 0, 10, 1);
  for (const batch of [used, fresh]) assert.equal(batch.size, 10);
  assert.deepEqual(used.pairs.address.subarray(0, 50), fresh.pairs.address.subarray(0, 50));
  for (let a = 0; a < 30; a++) {
    assert.deepEqual(listOf(used.rowsOf, a), listOf(fresh.rowsOf, a));
    assert.deepEqual(listOf(used.pairsOf, a), listOf(fresh.pairsOf, a));
  }
});

/** Whether counts are those of uniform draws: each within 5 standard deviations. */
function assertUniform(counts: number[], draws: number): void {
  const expected = draws / counts.length;
  for (const [i, n] of counts.entries()) {
    assert.ok(
      Math.abs(n - expected) < 5 * Math.sqrt(expected),
      `${i}: ${n} of ${draws}, expected ${expected}`,
    );
  }
}

test('random addresses of IPv4 are uniform; those of IPv6 are of a uniform provider', () => {
  const R = 500;
  const batch = batchOf(100, R, 0);
  const events = data(300);
  batch.assemble(events, inOrder(300), 200, 300, 0);
  const octets = new Array(256).fill(0);
  const providers = new Array(16).fill(0);
  const provider = IPV4_PREFIX_LENGTHS.length + IPV6_PREFIX_LENGTHS.indexOf(32);
  for (let a = 100; a < batch.addressCount; a++) {
    const rows = listOf(batch.rowsOf, a);
    // Random bits below the /8 or /32 hit none of the narrow networks, but the one in 16 that begins with zeros.
    for (const row of rows) {
      if (TABLE.rows.level[row] === 1) octets[TABLE.rows.high[row] >>> 24]++;
      if (TABLE.rows.level[row] === provider) providers[TABLE.rows.high[row] - 0x20010db8]++;
    }
  }
  const ipv6 = events.isIpv6.subarray(200, 300).reduce((sum, one) => sum + one, 0);
  assertUniform(octets, (100 - ipv6) * R);
  assertUniform(providers, ipv6 * R);
});

test('every other record of the batch is equally likely as a shuffled pair', () => {
  const [B, S] = [20, 500];
  const batch = batchOf(B, 0, S);
  batch.assemble(data(300), inOrder(300), 0, B, 0);
  const ahead = new Array(B).fill(0);
  for (let b = 0; b < B; b++) {
    for (let s = 0; s < S; s++) ahead[(batch.pairs.address[b * (1 + S) + 1 + s] - b + B) % B]++;
  }
  assert.equal(ahead[0], 0);
  assertUniform(ahead.slice(1), B * S);
});
