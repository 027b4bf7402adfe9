import fc from 'fast-check';
import { type Lists, MAX_CHAIN, NO_ROW } from '../kernels/kernels.ts';
import { separateBuffers } from '../kernels/memory.ts';
import { plainKernels } from '../kernels/plain.ts';
import { EpochOrder } from '../random/epochOrder.ts';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import { BatchMaker } from './batchMaker.ts';
import {
  allocateMiniBatch,
  type BatchShape,
  type MiniBatch,
  SIZES,
  type TrainingPairs,
  termsOf,
} from './miniBatch.ts';
import { appendChain, PrefixTable } from './prefixes.ts';
import { countTerms, shardBorders } from './shards.ts';

const ENTITIES = 50;

/** Events of 50 entities, with the table of their addresses. */
export interface Scene {
  table: PrefixTable;
  data: TrainingPairs;
}

export function sceneOf(count: number, addressOf: (i: number) => number[]): Scene {
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
export const WIDE = sceneOf(544, (i) =>
  i % 272 < 256 ? [0, 0, 0xffff, (i % 272) * 2 ** 24] : [0x20010db8 + (i % 272) - 256, 7, 0, 0],
);

/** Networks within networks, in both families. */
export function nestedScene(): Scene {
  const random = new RandomStream(2, 1);
  return sceneOf(700, (i) => {
    const [a, b, c] = [random.below(4), random.below(20), random.below(20)];
    if (i % 3 === 0) return [0x20010db8 + a, b * 2 ** 16 + c * 256, 1, 1];
    return [0, 0, 0xffff, (10 + a) * 2 ** 24 + b * 2 ** 16 + c * 256 + random.below(256)];
  });
}

/** One event of IPv6, whose family so has no row. */
export const LONELY = sceneOf(300, (i) =>
  i === 7 ? [0x20010db8, 0, 0, 1] : [0, 0, 0xffff, ((i % 9) * 2 ** 20 + 10 * 2 ** 24) >>> 0],
);

export const scenes = fc.constantFrom(WIDE, nestedScene(), LONELY);

export const shapes: fc.Arbitrary<BatchShape> = fc.record({
  size: fc.integer({ min: 1, max: 150 }),
  random: fc.nat({ max: 5 }),
  shuffled: fc.nat({ max: 5 }),
  hasLayers: fc.boolean(),
  shards: fc.constantFrom(1, 2, 4, 16),
});

export const orderOf = ({ data }: Scene, epoch: number, seed = 1) =>
  new EpochOrder(data.count, seed, PURPOSE.epochOrder, epoch);

export const bordersOf = (shape: BatchShape, data: TrainingPairs, table: PrefixTable) =>
  shardBorders(shape, table, countTerms(data, table));

export const makerOf = ({ data, table }: Scene, shape: BatchShape, seed = 1) =>
  new BatchMaker(shape, data, table, bordersOf(shape, data, table), seed, plainKernels);

/** A batch of the places [from, to) of an epoch. */
export function madeBatch(
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

export const indices = (n: number) => Array.from({ length: n }, (_, i) => i);
export const distinct = (list: number[]) => [...new Set(list)].sort((a, b) => a - b);
export const listOf = ({ starts, members }: Lists, i: number) => [
  ...members.subarray(starts[i], starts[i + 1]),
];

/** A row and those above it. */
export function chainOf({ table }: Scene, row: number): number[] {
  const chain = new Uint32Array(MAX_CHAIN);
  return [...chain.subarray(0, appendChain(table, row, chain, 0))];
}

/** The deepest row of each network: that of its terms; without any, NO_ROW. */
export function rowsOfNetworks(batch: MiniBatch): number[] {
  const rows = Array(batch.sizes[SIZES.networks]).fill(NO_ROW);
  const { count, network, row } = termsOf(batch);
  for (let i = 0; i < count; i++) rows[network[i]] = row[i];
  return rows;
}

/** The deepest rows of the pairs of each positive. */
export function rowsOfPairs(batch: MiniBatch): number[][] {
  const rows = rowsOfNetworks(batch);
  const { perPositive: K, network } = batch.pairs;
  return indices(batch.sizes[SIZES.positives]).map((b) =>
    [...network.subarray(b * K, (b + 1) * K)].map((one) => rows[one]),
  );
}

/** Every scene, shape and place in an epoch. */
export const made = fc
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
