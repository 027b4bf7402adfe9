import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CHUNK_TERMS, type Lists, MAX_CHAIN, NO_ROW, type Terms } from '../kernels/kernels.ts';
import { separateBuffers } from '../kernels/memory.ts';
import { plainKernels } from '../kernels/plain.ts';
import { EpochOrder } from '../random/epochOrder.ts';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import { BatchMaker } from './batchMaker.ts';
import {
  allocateMiniBatch,
  type BatchShape,
  chunkCapacity,
  type MiniBatch,
  networkCapacity,
  pairsPerPositive,
  SIZES,
  spanningOf,
  type TrainingPairs,
  termsOf,
} from './miniBatch.ts';
import { appendChain, IPV4_PREFIX_LENGTHS, IPV6_PREFIX_LENGTHS, PrefixTable } from './prefixes.ts';
import { countTerms, shardBorders } from './shards.ts';

const ENTITIES = 50;

/** Events of 50 entities, with the table of their addresses. */
interface Scene {
  table: PrefixTable;
  data: TrainingPairs;
}

function sceneOf(count: number, addressOf: (i: number) => number[]): Scene {
  const addresses = Uint32Array.from(Array.from({ length: count }, (_, i) => addressOf(i)).flat());
  const table = PrefixTable.build(addresses);
  return {
    table,
    data: {
      count,
      entityRow: Uint32Array.from({ length: count }, (_, i) => i % ENTITIES),
      deepest: Uint32Array.from({ length: count }, (_, i) => table.find(addresses, i)),
      isIpv6: Uint8Array.from({ length: count }, (_, i) => (addresses[i * 4 + 2] === 0xffff ? 0 : 1)),
    },
  };
}

/** Twice each /8 of IPv4, and twice each of 16 providers of IPv6. */
const WIDE = sceneOf(544, (i) =>
  i % 272 < 256 ? [0, 0, 0xffff, (i % 272) * 2 ** 24] : [0x20010db8 + (i % 272) - 256, 7, 0, 0],
);

/** Networks within networks, in both families. */
function nestedScene(): Scene {
  const random = new RandomStream(2, 1);
  return sceneOf(700, (i) => {
    const [a, b, c] = [random.below(4), random.below(20), random.below(20)];
    if (i % 3 === 0) return [0x20010db8 + a, b * 2 ** 16 + c * 256, 1, 1];
    return [0, 0, 0xffff, (10 + a) * 2 ** 24 + b * 2 ** 16 + c * 256 + random.below(256)];
  });
}

/** One event of IPv6, whose family so has no row. */
const LONELY = sceneOf(300, (i) =>
  i === 7 ? [0x20010db8, 0, 0, 1] : [0, 0, 0xffff, ((i % 9) * 2 ** 20 + 10 * 2 ** 24) >>> 0],
);

const scenes = fc.constantFrom(WIDE, nestedScene(), LONELY);

const shapes: fc.Arbitrary<BatchShape> = fc.record({
  size: fc.integer({ min: 1, max: 150 }),
  random: fc.nat({ max: 5 }),
  shuffled: fc.nat({ max: 5 }),
  hasLayers: fc.boolean(),
  shards: fc.constantFrom(1, 2, 4, 16),
});

const orderOf = ({ data }: Scene, epoch: number, seed = 1) =>
  new EpochOrder(data.count, seed, PURPOSE.epochOrder, epoch);

const bordersOf = (shape: BatchShape, data: TrainingPairs, table: PrefixTable) =>
  shardBorders(shape, table, countTerms(data, table));

const makerOf = ({ data, table }: Scene, shape: BatchShape, seed = 1) =>
  new BatchMaker(shape, data, table, bordersOf(shape, data, table), seed, plainKernels);

/** A batch of the places [from, to) of an epoch. */
function madeBatch(
  scene: Scene,
  shape: BatchShape,
  from: number,
  to: number,
  epoch = 0,
  seed = 1,
): MiniBatch {
  const batch = allocateMiniBatch(shape, separateBuffers);
  makerOf(scene, shape, seed).make(batch, orderOf(scene, epoch, seed), from, to, epoch);
  return batch;
}

const indices = (n: number) => Array.from({ length: n }, (_, i) => i);
const distinct = (list: number[]) => [...new Set(list)].sort((a, b) => a - b);
const listOf = ({ starts, members }: Lists, i: number) => [...members.subarray(starts[i], starts[i + 1])];

/** A row and those above it. */
function chainOf({ table }: Scene, row: number): number[] {
  const chain = new Uint32Array(MAX_CHAIN);
  return [...chain.subarray(0, appendChain(table, row, chain, 0))];
}

/** The deepest row of each network: that of its terms; without any, NO_ROW. */
function rowsOfNetworks(batch: MiniBatch): number[] {
  const rows = Array(batch.sizes[SIZES.networks]).fill(NO_ROW);
  const { count, network, row } = termsOf(batch);
  for (let i = 0; i < count; i++) rows[network[i]] = row[i];
  return rows;
}

/** The deepest rows of the pairs of each positive. */
function rowsOfPairs(batch: MiniBatch): number[][] {
  const rows = rowsOfNetworks(batch);
  const { perPositive: K, network } = batch.pairs;
  return indices(batch.sizes[SIZES.positives]).map((b) =>
    [...network.subarray(b * K, (b + 1) * K)].map((one) => rows[one]),
  );
}

/** Every scene, shape and place in an epoch. */
const made = fc
  .tuple(scenes, shapes, fc.nat(), fc.nat({ max: 3 }), fc.nat())
  .map(([scene, shape, at, epoch, seed]) => {
    const from = at % scene.data.count;
    const to = Math.min(scene.data.count, from + shape.size);
    return {
      scene,
      shape,
      from,
      B: to - from,
      epoch,
      seed,
      batch: madeBatch(scene, shape, from, to, epoch, seed),
    };
  });

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

test('entities and networks are the distinct ones, ascending; each positive knows its entity, each network its pairs', () => {
  fc.assert(
    fc.property(made, ({ scene: { data, table }, shape, from, B, epoch, seed, batch }) => {
      const order = new EpochOrder(data.count, seed, PURPOSE.epochOrder, epoch);
      const entityOf = indices(B).map((b) => data.entityRow[order.at(from + b)]);
      const entities = distinct(entityOf);
      assert.deepEqual([...batch.entityRows.subarray(0, batch.sizes[SIZES.entities])], entities);
      for (const [i, entity] of entities.entries()) {
        const own = indices(B).filter((b) => entityOf[b] === entity);
        for (const b of own) assert.equal(batch.pairs.entity[b], i);
      }
      const networks = rowsOfNetworks(batch);
      assert.deepEqual(
        networks,
        networks.toSorted((a, b) => a - b),
      );
      // A row is cut where a shard ends within it.
      const { rows: borders } = bordersOf(shape, data, table);
      for (const row of distinct(networks)) {
        const parts = networks.filter((one) => one === row).length;
        assert.ok(parts <= 1 + borders.filter((border) => border === row).length);
      }
      assert.ok(networks.length <= networkCapacity(shape));
      const pairs = batch.pairs.network.subarray(0, B * batch.pairs.perPositive);
      for (const network of networks.keys()) {
        const own = indices(pairs.length).filter((pair) => pairs[pair] === network);
        assert.ok(own.length > 0);
        if (shape.hasLayers) assert.deepEqual(listOf(batch.pairsOf, network), own);
      }
    }),
    { numRuns: 300 },
  );
});

test('terms are the pairs, or with layers the networks, sorted by row, with the depths of their chains', () => {
  fc.assert(
    fc.property(made, ({ scene, shape, batch }) => {
      const terms = termsOf(batch);
      const { entity, network: networkOf, perPositive } = batch.pairs;
      const rows = rowsOfPairs(batch).flat();
      const known = shape.hasLayers
        ? indices(batch.sizes[SIZES.networks]).filter((network) => rowsOfNetworks(batch)[network] !== NO_ROW)
        : indices(rows.length).filter((pair) => rows[pair] !== NO_ROW);
      assert.deepEqual(distinct([...terms.coefficient.subarray(0, terms.count)]), known);
      assert.equal(terms.count, known.length);
      for (let i = 0; i < terms.count; i++) {
        const of = terms.coefficient[i];
        assert.equal(terms.network[i], shape.hasLayers ? of : networkOf[of]);
        assert.equal(terms.vector[i], shape.hasLayers ? of : entity[Math.floor(of / perPositive)]);
        const chain = chainOf(scene, terms.row[i]);
        assert.equal(terms.depth[i], chain.length);
        if (i + 1 === terms.count) {
          assert.equal(terms.shared[i], 0);
          continue;
        }
        assert.ok(terms.row[i] <= terms.row[i + 1]);
        const next = chainOf(scene, terms.row[i + 1]);
        assert.equal(terms.shared[i], chain.filter((row) => next.includes(row)).length);
      }
    }),
    { numRuns: 300 },
  );
});

/** The chunk of a term. */
const chunkOf = ({ chunks, chunkStarts }: Terms, term: number) =>
  indices(chunks).findIndex((c) => chunkStarts[c + 1] > term);

test('chunks are of one shard, full but for the last of each, and sums have the pairs of each entity by shard', () => {
  fc.assert(
    fc.property(made, ({ scene: { data, table }, shape, batch }) => {
      const terms = termsOf(batch);
      const { perPositive: K, entity, network } = batch.pairs;
      const borders = bordersOf(shape, data, table);
      const rows = rowsOfPairs(batch).flat();
      const shardOf = (row: number, b: number) =>
        indices(shape.shards - 1).filter(
          (v) => borders.rows[v] < row || (borders.rows[v] === row && borders.places[v] <= b),
        ).length;
      const shardOfPair = rows.map((row, pair) => shardOf(row, Math.floor(pair / K)));
      const shardOfTerm = indices(terms.count).map((i) => {
        const of = terms.coefficient[i];
        return shardOfPair[shape.hasLayers ? rows.findIndex((_, pair) => network[pair] === of) : of];
      });
      assert.equal(terms.chunks === 0 ? 0 : terms.chunkStarts[terms.chunks], terms.count);
      for (const chunk of indices(terms.chunks)) {
        const [first, end] = terms.chunkStarts.subarray(chunk, chunk + 2);
        assert.ok(end > first && end - first <= CHUNK_TERMS);
        assert.deepEqual(distinct(shardOfTerm.slice(first, end)), [shardOfTerm[first]]);
        if (end < terms.count && shardOfTerm[end] === shardOfTerm[first])
          assert.equal(end - first, CHUNK_TERMS);
      }
      const { starts, members, joins } = batch.sums;
      for (const u of indices(batch.sizes[SIZES.entities])) {
        const own = indices(rows.length).filter((pair) => entity[Math.floor(pair / K)] === u);
        const summed = own.filter((pair) => shape.hasLayers || rows[pair] !== NO_ROW);
        const sorted = summed.sort((a, b) => rows[a] - rows[b] || a - b);
        assert.deepEqual(listOf({ starts, members }, u), sorted);
        for (const [m, pair] of sorted.slice(0, -1).entries()) {
          const differing = shardOfPair[pair] ^ shardOfPair[sorted[m + 1]];
          assert.equal(joins[starts[u] + m], differing === 0 ? 0 : Math.floor(Math.log2(differing)) + 1);
        }
      }
    }),
    { numRuns: 300 },
  );
});

/** The shard of each chunk. */
function shardsOfChunks({ data, table }: Scene, shape: BatchShape, batch: MiniBatch): number[] {
  const { rows, places } = bordersOf(shape, data, table);
  const { row, coefficient, chunkStarts, chunks } = termsOf(batch);
  const { perPositive: K, network } = batch.pairs;
  return indices(chunks).map((chunk) => {
    const term = chunkStarts[chunk];
    const pair = shape.hasLayers ? network.indexOf(coefficient[term]) : coefficient[term];
    const b = Math.floor(pair / K);
    return indices(shape.shards - 1).filter(
      (v) => rows[v] < row[term] || (rows[v] === row[term] && places[v] <= b),
    ).length;
  });
}

test('spanning rows are those with terms in several chunks, or that may have some in the next shard, each once', () => {
  let most = 0;
  let alone = 0;
  fc.assert(
    fc.property(made, ({ scene, shape, batch }) => {
      const terms = termsOf(batch);
      const chunks = new Map<number, number[]>();
      for (let i = 0; i < terms.count; i++) {
        for (const row of chainOf(scene, terms.row[i])) {
          chunks.set(row, [...(chunks.get(row) ?? []), chunkOf(terms, i)]);
        }
      }
      const { edges } = bordersOf(shape, scene.data, scene.table);
      const shardOf = shardsOfChunks(scene, shape, batch);
      const crosses = (row: number, border: number) =>
        border >= 0 && border < edges.length && chainOf(scene, edges[border]).includes(row);
      const expected = [...chunks].flatMap(([row, list]) => {
        const [first, last] = [list[0], list.at(-1)!];
        const isBefore = crosses(row, shardOf[first] - 1);
        if (first === last && !isBefore && !crosses(row, shardOf[last])) return [];
        if (first === last) alone++;
        return [[row, chainOf(scene, row).length, 2 * first + (isBefore ? 0 : 1), last]];
      });
      const { count, row, depth, first, lastChunk } = spanningOf(batch);
      const actual = indices(count).map((i) => [row[i], depth[i], first[i], lastChunk[i]]);
      const byRow = (list: number[][]) => list.sort(([a], [b]) => a - b);
      assert.deepEqual(byRow(actual), byRow(expected));
      assert.ok(terms.chunks <= chunkCapacity(shape));
      assert.ok(count <= row.length);
      most = Math.max(most, count);
    }),
    { numRuns: 300 },
  );
  assert.ok(alone > 0);
  // Deeper than the two roots.
  assert.ok(most > 2);
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
