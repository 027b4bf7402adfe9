import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NO_ROW } from '../kernels/kernels.ts';
import { separateBuffers } from '../kernels/memory.ts';
import { EpochOrder } from '../random/epochOrder.ts';
import { PURPOSE } from '../random/philox.ts';
import { allocateMiniBatch, type MiniBatch, pairsPerPositive, SIZES } from './miniBatch.ts';
import { IPV4_PREFIX_LENGTHS, IPV6_PREFIX_LENGTHS } from './prefixLevels.ts';
import {
  chainOf,
  indices,
  listOf,
  made,
  madeBatch,
  makerOf,
  orderOf,
  rowsOfPairs,
  sceneOf,
  scenes,
  shapes,
  WIDE,
} from './sampleBatches.ts';

test('a pair joins an event, in the order of the epoch, with its own address, random ones, or those of others of the batch', () => {
  fc.assert(
    fc.property(made, ({ scene: { data, table }, shape, from, B, epoch, seed, batch }) => {
      const order = new EpochOrder(data.count, seed, PURPOSE.epochOrder, epoch);
      const events = indices(B).map((b) => order.at(from + b));
      assert.equal(batch.sizes[SIZES.positives], B);
      assert.equal(batch.pairs.perPositive, pairsPerPositive(shape));
      for (const [b, rows] of rowsOfPairs(batch).entries()) {
        assert.equal(batch.entityRows[batch.pairs.entity[b]], data.entityRow[events[b]]);
        assert.equal(rows[0], data.deepest[events[b]]);
        for (const row of rows.slice(1, 1 + shape.random)) {
          const isFamily =
            row === NO_ROW
              ? !table.hasFamily(data.isIpv6[events[b]] === 0)
              : row < table.ipv4Rows === (data.isIpv6[events[b]] === 0);
          assert.ok(isFamily);
        }
        const others = events
          .filter((_, other) => other !== b || B === 1)
          .map((event) => data.deepest[event]);
        for (const row of rows.slice(1 + shape.random)) assert.ok(others.includes(row));
      }
    }),
    { numRuns: 300 },
  );
});

test('what is drawn for a place depends on seed, epoch and place, not on layers or how the epoch is cut into batches', () => {
  const shape = { size: 300, random: 9, shuffled: 1, hasLayers: false, shards: 1 };
  const draw = (seed: number, epoch: number, from: number, to: number, hasLayers = false) => {
    const batch = madeBatch(WIDE, { ...shape, hasLayers }, from, to, epoch, seed);
    // The observed and the random ones; shuffled ones are of the batch, so that larger ones have more to draw from.
    return [250, 251, 258].map((place) => rowsOfPairs(batch)[place - from].slice(0, 10));
  };
  const expected = draw(7, 3, 0, 300);
  assert.deepEqual(draw(7, 3, 250, 260), expected);
  assert.deepEqual(draw(7, 3, 200, 299), expected);
  assert.deepEqual(draw(7, 3, 200, 299, true), expected);
  assert.notDeepEqual(draw(8, 3, 0, 300), expected);
  assert.notDeepEqual(draw(7 + 2 ** 40, 3, 0, 300), expected);
  assert.notDeepEqual(draw(7, 4, 0, 300), expected);
});

test('random addresses are drawn anew for every place, epoch and seed', () => {
  const shape = { size: 20, random: 9, shuffled: 0, hasLayers: false, shards: 1 };
  const draw = (from: number, epoch: number, seed: number) => {
    const batch = allocateMiniBatch(shape, separateBuffers);
    // The order of another epoch: the same events at the same places.
    makerOf(WIDE, shape, seed).make(batch, orderOf(WIDE, 0), from, from + 20, epoch);
    return rowsOfPairs(batch).map((rows) => rows.slice(1));
  };
  const own = draw(0, 0, 1);
  for (const other of [draw(20, 0, 1), draw(0, 1, 1), draw(0, 0, 2), draw(0, 0, 1 + 2 ** 32)])
    for (const [b, rows] of own.entries()) assert.notDeepEqual(other[b], rows);
});

test('a batch is the same whatever was made in its memory, and by its maker, before', () => {
  fc.assert(
    fc.property(scenes, shapes, fc.nat({ max: 100 }), (scene, shape, from) => {
      const maker = makerOf(scene, shape);
      const used = allocateMiniBatch(shape, separateBuffers);
      maker.make(used, orderOf(scene, 0), 100, 100 + shape.size, 0);
      const to = from + Math.ceil(shape.size / 3);
      maker.make(used, orderOf(scene, 1), from, to, 1);
      const fresh = madeBatch(scene, shape, from, to, 1);
      assert.deepEqual(used.sizes, fresh.sizes);
      const parts = (batch: MiniBatch) => {
        const { positives, entities, networks, terms, spanning } = SIZES;
        const of = (size: number, array: Uint32Array) => [...array.subarray(0, batch.sizes[size])];
        const { count: _, chunks: ___, chunkStarts, before, after, ...termArrays } = batch.terms;
        const { count: __, ...spanningArrays } = batch.spanning;
        return [
          of(positives, batch.pairs.entity),
          rowsOfPairs(batch),
          of(entities, batch.entityRows),
          indices(batch.sizes[entities]).map((i) => listOf(batch.sums, i)),
          ...[chunkStarts, before, after].map((array) => of(SIZES.chunks, array)),
          Object.values(termArrays).map((array) => of(terms, array)),
          Object.values(spanningArrays).map((array) => of(spanning, array)),
          shape.hasLayers ? indices(batch.sizes[networks]).map((i) => listOf(batch.pairsOf, i)) : [],
        ];
      };
      assert.deepEqual(parts(used), parts(fresh));
    }),
  );
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
  const { table, data } = WIDE;
  const batch = madeBatch(WIDE, { size: 300, random: R, shuffled: 0, hasLayers: false, shards: 1 }, 200, 500);
  const octets = new Array(256).fill(0);
  const providers = new Array(16).fill(0);
  const provider = IPV4_PREFIX_LENGTHS.length + IPV6_PREFIX_LENGTHS.indexOf(32);
  for (const rows of rowsOfPairs(batch)) {
    for (const row of rows.slice(1).flatMap((one) => chainOf(WIDE, one))) {
      // Random bits below the /8 or /32 hit none of the narrow networks, but the one in 16 that begins with zeros.
      if (table.rows.level[row] === 1) octets[table.rows.high[row] >>> 24]++;
      if (table.rows.level[row] === provider) providers[table.rows.high[row] - 0x20010db8]++;
    }
  }
  const order = orderOf(WIDE, 0);
  const ipv6 = indices(300).filter((b) => data.isIpv6[order.at(200 + b)] === 1).length;
  assertUniform(octets, (300 - ipv6) * R);
  assertUniform(providers, ipv6 * R);
});

test('every other record of the batch is equally likely as a shuffled pair', () => {
  const [B, S] = [20, 500];
  // Each event is a network of its own, so that a row tells the record.
  const scene = sceneOf(2 * B, (i) => [0, 0, 0xffff, (10 + (i % B)) * 2 ** 24]);
  const own = { ...scene.data, count: B };
  const batch = madeBatch(
    { ...scene, data: own },
    { size: B, random: 0, shuffled: S, hasLayers: false, shards: 1 },
    0,
    B,
  );
  const pairs = rowsOfPairs(batch);
  const ahead = new Array(B).fill(0);
  for (const [b, [, ...drawn]] of pairs.entries()) {
    for (const row of drawn) ahead[(pairs.findIndex(([observed]) => observed === row) - b + B) % B]++;
  }
  assert.equal(ahead[0], 0);
  assertUniform(ahead.slice(1), B * S);
});

test('random and shuffled pairs are drawn from numbers of their own', () => {
  const B = 256;
  // Each event has a first octet of its own.
  const scene = sceneOf(2 * B, (i) => [0, 0, 0xffff, (i % B) * 2 ** 24]);
  const own = { ...scene, data: { ...scene.data, count: B } };
  const batch = madeBatch(own, { size: B, random: 4, shuffled: 4, hasLayers: false, shards: 1 }, 0, B);
  const octet = (row: number) => scene.table.rows.high[row] >>> 24;
  const octets = rowsOfPairs(batch).map((rows) => rows.map(octet));
  const place = new Map(octets.map(([observed], b) => [observed, b]));
  let alike = 0;
  for (const [b, [, ...drawn]] of octets.entries()) {
    for (let k = 0; k < 4; k++) {
      // Of one number, both would be its place among all, in 256 and in 255 steps.
      const ahead = (place.get(drawn[4 + k])! - b - 1 + B) % B;
      if (ahead === drawn[k] || ahead === drawn[k] - 1) alike++;
    }
  }
  // By chance 2 of 256; within 5 standard deviations.
  const expected = (4 * B * 2) / 256;
  assert.ok(alike < expected + 5 * Math.sqrt(expected), `${alike}`);
});
