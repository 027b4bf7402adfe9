import { CHUNK_TERMS, MAX_CHAIN, NO_ROW } from '../kernels/kernels.ts';
import { type BatchShape, chunkCapacity, type MiniBatch, pairCapacity, SIZES } from './miniBatch.ts';
import type { PrefixRowTree } from './prefixes.ts';
import { type ShardBorders, ShardCursor } from './shards.ts';

/** How far up the tree of shards two of them meet. */
export const levelWhereJoined = (a: number, b: number): number => 32 - Math.clz32(a ^ b);

/** Orders the pairs of a mini-batch, once it is known who meets whom: into terms, chunks and sums. */
export class PairArranger {
  readonly #hasLayers: boolean;
  readonly #prefixes: PrefixRowTree;
  readonly #edges: Uint32Array; // (V − 1)
  readonly #cursor: ShardCursor;
  /** of each pair that was arranged last */
  readonly shardOf: Uint32Array; // (P)
  readonly #shardOfChunk: Uint32Array; // (C)
  /** of each entity of the batch */
  readonly #lastShard: Uint32Array; // (B)
  readonly #next: Uint32Array; // (B)
  readonly #openRow = new Uint32Array(MAX_CHAIN + 1);
  readonly #openSince = new Uint32Array(MAX_CHAIN + 1);

  constructor(shape: BatchShape, prefixes: PrefixRowTree, borders: ShardBorders) {
    this.#hasLayers = shape.hasLayers;
    this.#prefixes = prefixes;
    this.#edges = borders.edges;
    this.#cursor = new ShardCursor(borders);
    this.shardOf = new Uint32Array(pairCapacity(shape));
    this.#shardOfChunk = new Uint32Array(chunkCapacity(shape));
    this.#lastShard = new Uint32Array(shape.size);
    this.#next = new Uint32Array(shape.size);
  }

  /**
   * Networks, terms, chunks, the sums of entities and, with layers, the pairs of each network. Pairs without a row come last, as a
   * network of no rows.
   * @param order  pairs, by their deepest rows
   * @param count  how many of them
   * @param rowOf  deepest row of each pair
   */
  arrange(batch: MiniBatch, order: Uint32Array, count: number, rowOf: Uint32Array): void {
    const summed = this.#listTerms(batch, order, count, rowOf);
    this.#listSums(batch, order, summed);
    this.#findCrossings(batch);
    this.#findSpanning(batch);
  }

  /** @returns pairs up to which there is something to sum up */
  #listTerms(batch: MiniBatch, order: Uint32Array, count: number, rowOf: Uint32Array): number {
    const hasLayers = this.#hasLayers;
    const { row, depth, shared, network, coefficient, vector, chunkStarts } = batch.terms;
    const { firstNetwork } = batch;
    const { starts, members } = batch.pairsOf;
    const { entity, network: networkOf, perPositive: K } = batch.pairs;
    const cursor = this.#cursor;
    const shardOf = this.shardOf;
    const shardOfChunk = this.#shardOfChunk;
    cursor.reset();
    let begun = 0;
    let networks = 0;
    let terms = 0;
    let chunks = 0;
    let last = -1;
    let shard = -1;
    let summed = 0;
    for (let i = 0; i < count; i++) {
      const pair = order[i];
      const b = (pair / K) >>> 0;
      const own = cursor.advance(rowOf[pair], b);
      shardOf[pair] = own;
      const isNewShard = own !== shard;
      const isNew = rowOf[pair] !== last || isNewShard;
      if (isNew) {
        last = rowOf[pair];
        shard = own;
        while (begun <= own) firstNetwork[begun++] = networks;
        if (hasLayers) starts[networks] = i;
        networks++;
      }
      networkOf[pair] = networks - 1;
      if (hasLayers) members[i] = pair;
      if (last !== NO_ROW || hasLayers) summed = i + 1;
      if (last === NO_ROW || (hasLayers && !isNew)) continue;
      if (terms === 0 || isNewShard || terms - chunkStarts[chunks - 1] === CHUNK_TERMS) {
        shardOfChunk[chunks] = own;
        chunkStarts[chunks++] = terms;
      }
      row[terms] = last;
      network[terms] = networks - 1;
      coefficient[terms] = hasLayers ? networks - 1 : pair;
      vector[terms] = hasLayers ? networks - 1 : entity[b];
      terms++;
    }
    firstNetwork.fill(networks, begun);
    chunkStarts[chunks] = terms;
    this.#prefixes.measureChains(row, terms, depth, shared);
    if (hasLayers) starts[networks] = count;
    batch.sizes[SIZES.networks] = networks;
    batch.sizes[SIZES.terms] = terms;
    batch.sizes[SIZES.chunks] = chunks;
    return summed;
  }

  /** The pairs of each entity in the order of their terms. */
  #listSums(batch: MiniBatch, order: Uint32Array, summed: number): void {
    const { starts, members, joins } = batch.sums;
    const { entity, perPositive: K } = batch.pairs;
    const shardOf = this.shardOf;
    const lastShard = this.#lastShard;
    const U = batch.sizes[SIZES.entities];
    starts.fill(0, 0, U + 1);
    for (let i = 0; i < summed; i++) starts[entity[(order[i] / K) >>> 0] + 1]++;
    for (let u = 0; u < U; u++) starts[u + 1] += starts[u];
    const next = this.#next;
    for (let u = 0; u < U; u++) next[u] = starts[u];
    for (let i = 0; i < summed; i++) {
      const pair = order[i];
      const u = entity[(pair / K) >>> 0];
      const m = next[u]++;
      members[m] = pair;
      if (m > starts[u]) joins[m - 1] = levelWhereJoined(lastShard[u], shardOf[pair]);
      lastShard[u] = shardOf[pair];
    }
  }

  /**
   * What each chunk may share with those before and after. Where shards meet, this is what the shards share, whether or not this batch has
   * terms on both sides: so the sums are the same where one of them is elsewhere.
   */
  #findCrossings({ terms, sizes }: MiniBatch): void {
    const { row, shared, chunkStarts, before, after } = terms;
    const edges = this.#edges;
    const shardOf = this.#shardOfChunk;
    const chunks = sizes[SIZES.chunks];
    const sharedWithEdge = (term: number, border: number): number =>
      edges[border] === NO_ROW ? 0 : this.#prefixes.sharedDepth(edges[border], row[term]);
    for (let chunk = 0; chunk < chunks; chunk++) {
      const shard = shardOf[chunk];
      const first = chunkStarts[chunk];
      const last = chunkStarts[chunk + 1] - 1;
      if (chunk > 0 && shardOf[chunk - 1] === shard) before[chunk] = shared[first - 1];
      else before[chunk] = shard === 0 ? 0 : sharedWithEdge(first, shard - 1);
      if (chunk + 1 < chunks && shardOf[chunk + 1] === shard) after[chunk] = shared[last];
      else after[chunk] = shard === edges.length ? 0 : sharedWithEdge(last, shard);
    }
  }

  /** Rows that chunks put sums aside of; one may go on over several borders. */
  #findSpanning({ terms, spanning, sizes }: MiniBatch): void {
    const { row, depth, first, lastChunk } = spanning;
    const { parent } = this.#prefixes;
    const chunks = sizes[SIZES.chunks];
    const openRow = this.#openRow;
    const openSince = this.#openSince;
    let open = 0;
    let count = 0;
    const close = (downTo: number, chunk: number): void => {
      for (; open > downTo; open--) {
        row[count] = openRow[open];
        depth[count] = open;
        first[count] = openSince[open];
        lastChunk[count++] = chunk;
      }
    };
    /** Opens the rows above a term, of depths (open, downTo], after closing those that are not among them. */
    const openAbove = (term: number, downTo: number, since: number, closing: number): void => {
      let at = terms.row[term];
      for (let d = terms.depth[term]; d > downTo; d--) at = parent[at];
      let same = downTo;
      // From the deepest up: those that are open already have the same row at the same depth.
      for (let x = at; same > 0 && !(same <= open && openRow[same] === x); same--) x = parent[x];
      close(same, closing);
      for (let d = downTo; d > same; d--, at = parent[at]) {
        openRow[d] = at;
        openSince[d] = since;
      }
      open = downTo;
    };
    for (let chunk = 0; chunk < chunks; chunk++) {
      const begin = terms.chunkStarts[chunk];
      const last = terms.chunkStarts[chunk + 1] - 1;
      if (chunk > 0) close(terms.shared[begin - 1], chunk - 1);
      openAbove(begin, terms.before[chunk], 2 * chunk, chunk - 1);
      openAbove(last, terms.after[chunk], 2 * chunk + 1, chunk);
    }
    close(0, chunks - 1);
    sizes[SIZES.spanning] = count;
  }
}
