import { RadixSort } from '../../events/radixSort.ts';
import { type ByteVectors, type Floats, NO_ROW } from '../../kernels/kernels.ts';
import { plainKernels } from '../../kernels/plain.ts';
import type { Ranks } from '../../mpi/ranks.ts';
import { expanded } from '../byteVectors.ts';
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

  /** Of the pairs of networks [from, to). */
  positions(from: number, to: number): Uint32Array {
    return this.order.subarray(this.starts[from], this.starts[to]);
  }

  /** Of the same pairs: which network each is of, counted from `from`. */
  networksOf(from: number, to: number): Uint32Array {
    const networks = new Uint32Array(this.starts[to] - this.starts[from]);
    for (let network = from; network < to; network++) {
      networks.fill(
        network - from,
        this.starts[network] - this.starts[from],
        this.starts[network + 1] - this.starts[from],
      );
    }
    return networks;
  }

  /** Positions of pairs whose address has no row. */
  get withoutRow(): Uint32Array {
    return this.order.subarray(this.starts[this.networks.length]);
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

/** Passes vectors, one after the other, through the layers. */
export type Encode = (vectors: Float32Array) => Float32Array;

/**
 * Dot products of tables that have been learned, with the bits that `Network` gives.
 * @param rows   of the whole address table
 * @param layers on top of network vectors
 * @returns f32[N]
 */
export function dotProductsOverRanks(
  ranks: Ranks,
  plan: RankPlan,
  rows: number,
  dimension: number,
  { entityVectors, networkVectors }: { entityVectors: Vectors; networkVectors: Vectors },
  layers: readonly Floats[],
  list: RankPairList,
): Float32Array {
  const { entityRows } = list;
  const hasLayers = layers.length > 0;
  const out = new Float32Array(entityRows.length);
  const entities = hasLayers && isBytes(entityVectors) ? expanded(entityVectors, dimension) : entityVectors;
  const carrier = isBytes(networkVectors)
    ? carrierOfBytes(networkVectors, dimension)
    : carrierOfFloats(dimension, (row, into) => into.set(rowOf(networkVectors, dimension, row)));
  const score = (vectors: Vectors, positions: Uint32Array, networks: Uint32Array) => {
    const own = Uint32Array.from(positions, (i) => entityRows[i]);
    const dots = new Float32Array(own.length);
    const [D, n] = [dimension, own.length];
    if (isBytes(entities) && isBytes(vectors)) {
      plainKernels.byteDotProducts(entities, own, vectors, networks, D, dots, 0, n);
    } else {
      plainKernels.dotProducts(entities as Floats, own, vectors as Floats, networks, D, dots, 0, n);
    }
    for (let i = 0; i < n; i++) out[positions[i]] = dots[i];
  };
  const encode = encoderOf(layers, dimension);
  eachNetworks(ranks, plan, rows, list, carrier, (from, to, bytes) => {
    const arrived = isBytes(networkVectors)
      ? unpackedBytes(bytes, to - from, dimension)
      : new Float32Array(bytes.buffer);
    const floats = isBytes(arrived) && hasLayers ? expanded(arrived, dimension) : arrived;
    const vectors = hasLayers ? encode(floats as Float32Array) : floats;
    score(vectors, list.positions(from, to), list.networksOf(from, to));
  });
  // The sum of no rows is zero; layers make something of it.
  const rest = list.withoutRow;
  if (hasLayers) score(encode(new Float32Array(dimension)), rest, new Uint32Array(rest.length));
  return out;
}

/** By the plain kernels, as `Network` has it. */
function encoderOf(layers: readonly Floats[], dimension: number): Encode {
  return (vectors) => {
    let current = vectors;
    for (const layer of layers) {
      const next = new Float32Array(current.length);
      plainKernels.denseForward(layer, dimension, current, next, 0, current.length / dimension);
      current = next;
    }
    return current;
  };
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
  encode: Encode,
  list: RankPairList,
): Float64Array {
  const { entityRows } = list;
  const out = new Float64Array(entityRows.length);
  const D = dimension;
  const carrier = carrierOfFloats(D, (row, into) => {
    into.fill(0);
    const chain: number[] = [];
    for (let at = row; at !== NO_ROW; at = parent[at]) chain.push(at);
    for (const at of chain.reverse()) for (let d = 0; d < D; d++) into[d] += prefixes[at * D + d];
  });
  const score = (vectors: Float32Array, positions: Uint32Array, networks: Uint32Array) => {
    for (const [j, i] of positions.entries()) {
      const [e, v] = [entityRows[i] * D, networks[j] * D];
      let dot = 0;
      for (let d = 0; d < D; d++) dot += entities[e + d] * vectors[v + d];
      out[i] = Math.fround(dot);
    }
  };
  eachNetworks(ranks, plan, rows, list, carrier, (from, to, bytes) => {
    score(encode(new Float32Array(bytes.buffer)), list.positions(from, to), list.networksOf(from, to));
  });
  const rest = list.withoutRow;
  score(encode(new Float32Array(D)), rest, new Uint32Array(rest.length));
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
