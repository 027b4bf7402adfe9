import { NO_ROW } from '../kernels/kernels.ts';
import { separateBuffers } from '../kernels/memory.ts';
import type { BatchShape, TrainingPairs } from './miniBatch.ts';
import { LEVEL_LENGTHS, type PrefixTable } from './prefixes.ts';

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

/** V for a mini-batch of so many pairs: a power of two, so that shards form a binary tree. */
export function shardCount(pairs: number): number {
  return 2 ** Math.min(Math.log2(MOST_SHARDS), Math.max(0, Math.floor(Math.log2(pairs / LEAST_TERMS))));
}

/** Borders between which a mini-batch has about equally many terms. */
export function shardBorders(shape: BatchShape, data: TrainingPairs, prefixes: PrefixTable): ShardBorders {
  const weights = expectedTerms(shape, data, prefixes);
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

/** How often each row is a pair's deepest one in an epoch. */
function expectedTerms(
  { random, shuffled }: BatchShape,
  data: TrainingPairs,
  prefixes: PrefixTable,
): Float64Array {
  const { rows, parent, ipv4Rows } = prefixes;
  const terms = new Float64Array(rows.count);
  let ipv4 = 0;
  for (let i = 0; i < data.count; i++) {
    if (data.deepest[i] !== NO_ROW) terms[data.deepest[i]] += 1 + shuffled;
    ipv4 += 1 - data.isIpv6[i];
  }
  const perAddress = (random * ipv4) / 2 ** 32;
  for (let row = 0; row < ipv4Rows; row++) {
    const addresses = 2 ** (32 - LEVEL_LENGTHS[rows.level[row]]);
    terms[row] += perAddress * addresses;
    if (parent[row] !== NO_ROW) terms[parent[row]] -= perAddress * addresses;
  }
  const providers = prefixes.ipv6ProviderRows();
  for (const row of providers) terms[row] += (random * (data.count - ipv4)) / providers.length;
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
