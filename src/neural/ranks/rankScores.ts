import { RadixSort } from '../../events/radixSort.ts';
import { type ByteVectors, type Floats, NO_ROW } from '../../kernels/kernels.ts';
import { plainKernels } from '../../kernels/plain.ts';
import type { Ranks } from '../../mpi/ranks.ts';
import { isBytes, type Vectors } from '../network.ts';
import { localRow, type RankPlan, rankOfRow } from './rankPlan.ts';

/** Rows of the whole address table whose vectors travel together: 32 MB of 128 numbers each. */
const ROWS_AT_ONCE = 2 ** 16;

/** Own pairs of an entity and an address, in the order of the address table, so that its vectors are needed once and in turn. */
export class RankPairList {
  /** rows of the own part of the entity table */
  readonly entityRows: Uint32Array; // (N)
  /** positions in the order of deepest rows; those without a row are last */
  readonly order: Uint32Array; // (N)
  /** distinct deepest rows, in the whole table, ascending */
  readonly networks: Uint32Array; // (A)
  /** where the pairs of each begin in `order` */
  readonly starts: Uint32Array; // (A + 1)

  /** @param deepest row of the whole table, or NO_ROW */
  constructor(entityRows: Uint32Array, deepest: Uint32Array) {
    const N = deepest.length;
    const sort = new RadixSort(N);
    this.entityRows = entityRows;
    this.order = sort.sort(deepest, N).slice(0, N);
    const networks: number[] = [];
    const starts: number[] = [];
    let known = 0;
    for (; known < N && deepest[this.order[known]] !== NO_ROW; known++) {
      const row = deepest[this.order[known]];
      if (networks.at(-1) === row) continue;
      networks.push(row);
      starts.push(known);
    }
    starts.push(known);
    this.networks = Uint32Array.from(networks);
    this.starts = Uint32Array.from(starts);
  }
}

/** Vectors of some rows of the whole table, as they travel. */
interface Carrier {
  bytesPerRow: number;
  /** puts the vector of an own row at a place in a message */
  pack(row: number, message: Uint8Array, at: number): void;
}

/**
 * Has the vectors of a list's networks come here, some at a time. All ranks call it together.
 * @param take is given networks [from, to) of the list, and their vectors one after the other
 */
function eachNetworks(
  ranks: Ranks,
  plan: RankPlan,
  rows: number,
  { networks }: RankPairList,
  { bytesPerRow, pack }: Carrier,
  take: (from: number, to: number, vectors: Uint8Array) => void,
): void {
  const share = plan.shares[ranks.rank];
  let from = 0;
  for (let first = 0; first < rows; first += ROWS_AT_ONCE) {
    let to = from;
    while (to < networks.length && networks[to] < first + ROWS_AT_ONCE) to++;
    // Networks are ascending, and so are their ranks: what comes back is in the order of the list.
    const asked: Uint32Array[] = Array.from({ length: ranks.size }, () => new Uint32Array(0));
    for (let i = from; i < to; ) {
      const rank = rankOfRow(plan, networks[i]);
      const begin = i;
      while (i < to && networks[i] < plan.shares[rank].rows.end) i++;
      asked[rank] = networks.slice(begin, i);
    }
    const wanted = ranks.exchange(asked.map((list) => new Uint8Array(list.buffer)));
    const answers = wanted.map((bytes) => {
      const list = new Uint32Array(bytes.slice().buffer);
      const message = new Uint8Array(list.length * bytesPerRow);
      for (const [i, row] of list.entries()) pack(localRow(share, row), message, i * bytesPerRow);
      return message;
    });
    const vectors = joined(ranks.exchange(answers));
    if (to > from) take(from, to, vectors);
    from = to;
  }
}

/**
 * Dot products of tables that have been learned, with the bits that `Network` gives.
 * @param rows of the whole address table
 * @returns f32[N]; 0 where the address has no row
 */
export function dotProductsOverRanks(
  ranks: Ranks,
  plan: RankPlan,
  rows: number,
  dimension: number,
  { entityVectors, networkVectors }: { entityVectors: Vectors; networkVectors: Vectors },
  list: RankPairList,
): Float32Array {
  const { entityRows, order, starts } = list;
  const out = new Float32Array(order.length);
  const carrier = isBytes(networkVectors)
    ? carrierOfBytes(networkVectors, dimension)
    : carrierOfFloats(dimension, (row, into) => into.set(rowOf(networkVectors, dimension, row)));
  eachNetworks(ranks, plan, rows, list, carrier, (from, to, bytes) => {
    const count = starts[to] - starts[from];
    const left = new Uint32Array(count);
    const right = new Uint32Array(count);
    for (let network = from; network < to; network++) {
      for (let i = starts[network]; i < starts[network + 1]; i++) {
        left[i - starts[from]] = entityRows[order[i]];
        right[i - starts[from]] = network - from;
      }
    }
    const dots = new Float32Array(count);
    if (isBytes(entityVectors)) {
      const arrived = unpackedBytes(bytes, to - from, dimension);
      plainKernels.byteDotProducts(entityVectors, left, arrived, right, dimension, dots, 0, count);
    } else {
      const arrived = new Float32Array(bytes.buffer);
      plainKernels.dotProducts(entityVectors, left, arrived, right, dimension, dots, 0, count);
    }
    for (let i = 0; i < count; i++) out[order[starts[from] + i]] = dots[i];
  });
  return out;
}

/**
 * Dot products while a training stands still, with the bits that `TrainingScores` gives.
 * @param prefixes vectors of own rows
 * @param parent   of own rows
 * @returns f64[N]
 */
export function trainingDotProducts(
  ranks: Ranks,
  plan: RankPlan,
  rows: number,
  dimension: number,
  entities: Floats,
  prefixes: Floats,
  parent: Uint32Array,
  list: RankPairList,
): Float64Array {
  const { entityRows, order, starts } = list;
  const out = new Float64Array(order.length);
  const D = dimension;
  const carrier = carrierOfFloats(D, (row, into) => {
    into.fill(0);
    const chain: number[] = [];
    for (let at = row; at !== NO_ROW; at = parent[at]) chain.push(at);
    for (const at of chain.reverse()) for (let d = 0; d < D; d++) into[d] += prefixes[at * D + d];
  });
  eachNetworks(ranks, plan, rows, list, carrier, (from, to, bytes) => {
    const vectors = new Float32Array(bytes.buffer);
    for (let network = from; network < to; network++) {
      const v = (network - from) * D;
      for (let i = starts[network]; i < starts[network + 1]; i++) {
        const e = entityRows[order[i]] * D;
        let dot = 0;
        for (let d = 0; d < D; d++) dot += entities[e + d] * vectors[v + d];
        out[order[i]] = Math.fround(dot);
      }
    }
  });
  return out;
}

const rowOf = (vectors: Floats, dimension: number, row: number) =>
  vectors.subarray(row * dimension, (row + 1) * dimension);

function carrierOfFloats(dimension: number, write: (row: number, into: Float32Array) => void): Carrier {
  return {
    bytesPerRow: dimension * 4,
    pack: (row, message, at) => write(row, new Float32Array(message.buffer, at, dimension)),
  };
}

/** Codes, then the scale, at a multiple of 4 bytes. */
const bytesOfCodes = (dimension: number) => Math.ceil(dimension / 4) * 4 + 4;

function carrierOfBytes({ codes, scales }: ByteVectors, dimension: number): Carrier {
  const bytesPerRow = bytesOfCodes(dimension);
  return {
    bytesPerRow,
    pack(row, message, at) {
      message.set(codes.subarray(row * dimension, (row + 1) * dimension), at);
      new Float32Array(message.buffer, at + bytesPerRow - 4, 1)[0] = scales[row];
    },
  };
}

function unpackedBytes(bytes: Uint8Array, rows: number, dimension: number): ByteVectors {
  const bytesPerRow = bytesOfCodes(dimension);
  const codes = new Int8Array(rows * dimension);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    codes.set(new Int8Array(bytes.buffer, row * bytesPerRow, dimension), row * dimension);
    scales[row] = new Float32Array(bytes.buffer, (row + 1) * bytesPerRow - 4, 1)[0];
  }
  return { codes, scales };
}

function joined(parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
