import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CHUNK_TERMS, NO_ROW, type Terms } from '../kernels/kernels.ts';
import { EpochOrder } from '../random/epochOrder.ts';
import { PURPOSE } from '../random/philox.ts';
import {
  type BatchShape,
  chunkCapacity,
  type MiniBatch,
  networkCapacity,
  SIZES,
  spanningOf,
  termsOf,
} from './miniBatch.ts';
import {
  bordersOf,
  chainOf,
  distinct,
  indices,
  listOf,
  made,
  rowsOfNetworks,
  rowsOfPairs,
  type Scene,
} from './sampleBatches.ts';

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
