import { NO_ROW } from '../kernels/kernels.ts';
import { separateBuffers } from '../kernels/memory.ts';
import type { BatchShape, TrainingPairs } from './miniBatch.ts';
import type { PrefixTable } from './prefixes.ts';
import { LEVEL_LENGTHS } from './prefixLevels.ts';

/**
 * The address table is cut into V virtual shards, whose terms are added up by themselves, so that the order of all sums
 * depends on the data alone and not on who has which shards. A term belongs to the shard of its deepest row; a row that
 * many pairs end at is cut by the place of the pair in its mini-batch.
 */
export interface ShardBorders {
  /** shard v + 1 begins at this row */
  rows: Uint32Array; // (V − 1)
  /** and at this positive of the mini-batch */
  places: Uint32Array; // (V − 1)
  /** the deepest row that has terms in both shards at a border, with all above it; NO_ROW for none */
  edges: Uint32Array; // (V − 1)
}

/** Fewer terms would fill no chunk or two, and the sums over chunks would take longer than the chunks. */
const LEAST_TERMS = 256;
/** More ranks than this would have nothing to do. */
const MOST_SHARDS = 256;

/** With layers each shard has gradients of a whole layer of its own; together they take no more than this. */
const MOST_LAYER_BYTES = 2 ** 26;

/**
 * V for a mini-batch: a power of two, so that shards form a binary tree.
 * @param pairs      of the mini-batch
 * @param layerBytes of the weights of one layer; 0 without layers
 */
export function shardCount(pairs: number, layerBytes: number): number {
  const most = Math.min(MOST_SHARDS, pairs / LEAST_TERMS, MOST_LAYER_BYTES / layerBytes);
  return 2 ** Math.max(0, Math.floor(Math.log2(most)));
}

/**
 * What a row that a mini-batch touches costs, in terms: measured on the tutorial's data, a term takes .5 µs (half of it before and after
 * the walk), a row .32.
 */
const ROW_COST = 0.65;

/** Borders between which a mini-batch costs about as much. */
export function shardBorders(shape: BatchShape, prefixes: PrefixTable, counts: TermCounts): ShardBorders {
  const weights = expectedCosts(shape, prefixes, counts);
  const words = () => separateBuffers.words(shape.shards - 1);
  const borders = { rows: words(), places: words(), edges: words().fill(NO_ROW) };
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let before = 0;
  let v = 0;
  for (let row = 0; row < weights.length; row++) {
    const after = before + weights[row];
    for (; v < shape.shards - 1 && (total * (v + 1)) / shape.shards < after; v++) {
      const share = Math.max(0, ((total * (v + 1)) / shape.shards - before) / weights[row]);
      borders.rows[v] = row;
      borders.places[v] = Math.ceil(share * shape.size);
      borders.edges[v] = borders.places[v] > 0 ? row : prefixes.parent[row];
    }
    before = after;
  }
  for (; v < shape.shards - 1; v++) borders.rows[v] = NO_ROW;
  return borders;
}

/** What the expected number of terms of each row follows from. */
export interface TermCounts {
  /** of each row how many events have it as their deepest */
  observed: Float64Array; // (rows)
  /** IPv4 events, and all */
  ipv4: number;
  count: number;
}

export function countTerms({ count, deepest, isIpv6 }: TrainingPairs, prefixes: PrefixTable): TermCounts {
  const observed = new Float64Array(prefixes.rows.count);
  let ipv4 = 0;
  for (let i = 0; i < count; i++) {
    if (deepest[i] !== NO_ROW) observed[deepest[i]]++;
    ipv4 += 1 - isIpv6[i];
  }
  return { observed, ipv4, count };
}

/** What the terms of each row, and it itself, are expected to cost in a mini-batch. */
function expectedCosts(shape: BatchShape, prefixes: PrefixTable, counts: TermCounts): Float64Array {
  const { parent, rows } = prefixes;
  const terms = expectedTerms(shape, prefixes, counts).map((count) => (count * shape.size) / counts.count);
  const below = terms.slice();
  // Rows come before all that lie below them.
  for (let row = rows.count - 1; row >= 0; row--) {
    if (parent[row] !== NO_ROW) below[parent[row]] += below[row];
  }
  // About the chance that any term lies below a row.
  return terms.map((count, row) => count + ROW_COST * (below[row] / (1 + below[row])));
}

/** How often each row is a pair's deepest one in an epoch. */
function expectedTerms(
  { random, shuffled }: BatchShape,
  prefixes: PrefixTable,
  { observed, ipv4, count }: TermCounts,
): Float64Array {
  const { rows, parent, ipv4Rows } = prefixes;
  const terms = observed.map((events) => events * (1 + shuffled));
  const perAddress = (random * ipv4) / 2 ** 32;
  for (let row = 0; row < ipv4Rows; row++) {
    const addresses = 2 ** (32 - LEVEL_LENGTHS[rows.level[row]]);
    terms[row] += perAddress * addresses;
    if (parent[row] !== NO_ROW) terms[parent[row]] -= perAddress * addresses;
  }
  const providers = prefixes.ipv6ProviderRows();
  for (const row of providers) terms[row] += (random * (count - ipv4)) / providers.length;
  // Differences of what is equal may leave a trace below zero.
  return terms.map((count) => Math.max(0, count));
}

/** The shard of one term after the other, in their order. */
export class ShardCursor {
  readonly #borders: ShardBorders;
  shard = 0;

  constructor(borders: ShardBorders) {
    this.#borders = borders;
  }

  reset(): void {
    this.shard = 0;
  }

  /** @returns the shard of a pair whose deepest row is `row`, of positive b */
  advance(row: number, b: number): number {
    const { rows, places } = this.#borders;
    while (
      this.shard < rows.length &&
      (rows[this.shard] < row || (rows[this.shard] === row && places[this.shard] <= b))
    ) {
      this.shard++;
    }
    return this.shard;
  }
}

/** The shard of any term. */
export function shardOf({ rows, places }: ShardBorders, row: number, b: number): number {
  let from = 0;
  let to = rows.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (rows[middle] < row || (rows[middle] === row && places[middle] <= b)) from = middle + 1;
    else to = middle;
  }
  return from;
}
