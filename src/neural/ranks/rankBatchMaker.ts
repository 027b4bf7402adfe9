import { RadixSort } from '../../events/radixSort.ts';
import { type Kernels, MAX_CHAIN, NO_ROW } from '../../kernels/kernels.ts';
import { PURPOSE } from '../../random/philox.ts';
import { fillShuffled } from '../batchMaker.ts';
import {
  type BatchShape,
  blocksOf,
  type MiniBatch,
  pairCapacity,
  pairsPerPositive,
  SIZES,
  spanningOf,
} from '../miniBatch.ts';
import { levelWhereJoined, PairArranger } from '../pairArranger.ts';
import type { PrefixRowTree } from '../prefixes.ts';
import { type ShardBorders, shardOf } from '../shards.ts';
import { LocalRows } from './localRows.ts';
import { lossUnits, RANK_SIZES, type RankBatch, recordWords } from './rankBatch.ts';
import type { RankPlan } from './rankPlan.ts';
import type { BatchPlace } from './recordMaker.ts';

/** Records of a batch: those of rank r are records [starts[r], starts[r] + counts[r]) of `words`. */
export interface Records {
  words: Uint32Array;
  starts: Uint32Array; // (N)
  counts: Uint32Array; // (N)
}

/** Makes a rank's part of mini-batches of the records of all ranks, in two steps between which they tell each other what they have. Each thread has one of its own. */
export class RankBatchMaker {
  readonly #shape: BatchShape;
  readonly #dimension: number;
  readonly #borders: ShardBorders;
  readonly #plan: RankPlan;
  readonly #rank: number;
  readonly #rows: LocalRows;
  readonly #kernels: Kernels;
  readonly #seed: readonly [low: number, high: number];
  readonly #arranger: PairArranger;
  readonly #sort: RadixSort;
  readonly #keys: Uint32Array; // (P)
  readonly #pairs: Uint32Array; // (P)
  /** deepest row of each pair of the batch, in the whole table, and here */
  readonly #deepest: Uint32Array; // (P)
  readonly #localRow: Uint32Array; // (P)
  /** of each positive: its entity, numbered over all ranks */
  readonly #entityOf: Uint32Array; // (B)
  /** of entities over all ranks: whether each arrives; their number here */
  readonly #number: Uint32Array; // (B)
  /** where the entities of each rank begin */
  readonly #firstEntity: Uint32Array; // (N + 1)
  /** whether each own entity has pairs in each subtree */
  readonly #meets: Uint8Array; // (B, M)
  /** place in `Partials` of the sums of each row that is shared */
  readonly #spanningOfShared: Int32Array;

  constructor(
    shape: BatchShape,
    dimension: number,
    ownPrefixes: PrefixRowTree,
    borders: ShardBorders,
    plan: RankPlan,
    rank: number,
    seed: readonly [low: number, high: number],
    kernels: Kernels,
  ) {
    const pairs = pairCapacity(shape);
    this.#shape = shape;
    this.#dimension = dimension;
    this.#borders = borders;
    this.#plan = plan;
    this.#rank = rank;
    this.#rows = new LocalRows(ownPrefixes, borders, plan.shares[rank]);
    this.#kernels = kernels;
    this.#seed = seed;
    this.#arranger = new PairArranger(shape, this.#rows, this.#rows.borders);
    this.#sort = new RadixSort(pairs);
    this.#keys = new Uint32Array(pairs);
    this.#pairs = new Uint32Array(pairs);
    this.#deepest = new Uint32Array(pairs);
    this.#localRow = new Uint32Array(pairs);
    this.#entityOf = new Uint32Array(shape.size);
    this.#number = new Uint32Array(shape.size);
    this.#firstEntity = new Uint32Array(plan.size + 1);
    this.#meets = new Uint8Array(shape.size * plan.subtrees.rank.length);
    this.#spanningOfShared = new Int32Array(plan.shares[rank].shared.length);
  }

  /** From the records of all ranks, what this one has to do; `note` is overwritten with what the others must know of it. */
  make(batch: RankBatch, place: BatchPlace, records: Records, note: Uint32Array): void {
    const { B } = place;
    batch.mine.sizes[SIZES.positives] = B;
    this.#readRecords(records);
    this.#drawShuffled(batch.mine, place);
    const count = this.#choosePairs(batch, B);
    this.#numberArriving(batch, B);
    const order = this.#sort.sort(this.#keys, count);
    const pairs = this.#pairs;
    for (let i = 0; i < count; i++) order[i] = pairs[order[i]];
    this.#arranger.arrange(batch.mine, order, count, this.#localRow);
    this.#listReturned(batch);
    this.#listSent(batch, records);
    this.#noteShared(batch.mine, note);
  }

  #readRecords({ words, starts, counts }: Records): void {
    const { random: R } = this.#shape;
    const width = recordWords(this.#shape);
    const K = pairsPerPositive(this.#shape);
    const deepest = this.#deepest;
    const entityOf = this.#entityOf;
    const firstEntity = this.#firstEntity;
    for (let rank = 0; rank < this.#plan.size; rank++) {
      const first = firstEntity[rank];
      let end = first;
      const until = (starts[rank] + counts[rank]) * width;
      for (let at = starts[rank] * width; at < until; at += width) {
        const b = words[at];
        const entity = first + words[at + 1];
        if (entity >= end) end = entity + 1;
        entityOf[b] = entity;
        for (let k = 0; k <= R; k++) deepest[b * K + k] = words[at + 2 + k];
      }
      firstEntity[rank + 1] = end;
    }
  }

  #drawShuffled({ words }: MiniBatch, { from, B, epoch }: BatchPlace): void {
    const blocks = blocksOf(this.#shape.shuffled);
    this.#kernels.randomWords(from, PURPOSE.shuffledNegatives, epoch, this.#seed, blocks, words, B);
    fillShuffled(this.#shape, words, this.#deepest, B);
  }

  /** The pairs at this rank's addresses. @returns how many */
  #choosePairs(batch: RankBatch, B: number): number {
    const K = pairsPerPositive(this.#shape);
    const deepest = this.#deepest;
    const { shards, rows: ownRows, above } = this.#plan.shares[this.#rank];
    const { first, end } = shards;
    const { rows, places } = this.#borders;
    const hasLayers = this.#shape.hasLayers;
    const [fromRow, fromPlace] = first === 0 ? [0, 0] : [rows[first - 1], places[first - 1]];
    const isLast = end > rows.length;
    const [toRow, toPlace] = isLast ? [NO_ROW, NO_ROW] : [rows[end - 1], places[end - 1]];
    const base = ownRows.first - above.length;
    const [pairs, keys, localRow, number, entityOf] = [
      this.#pairs,
      this.#keys,
      this.#localRow,
      this.#number,
      this.#entityOf,
    ];
    number.fill(0, 0, this.#firstEntity[this.#plan.size]);
    let count = 0;
    let withoutRow = 0;
    const isEmpty = first === end;
    for (let b = 0, pair = 0; b < B; b++) {
      for (let k = 0; k < K; k++, pair++) {
        const row = deepest[pair];
        if (row === NO_ROW) {
          withoutRow++;
          // Without layers they teach nothing.
          if (!hasLayers) continue;
        }
        if (row < fromRow || (row === fromRow && b < fromPlace)) continue;
        if (row > toRow || (row === toRow && b >= toPlace) || isEmpty) continue;
        pairs[count] = pair;
        localRow[pair] = row === NO_ROW ? NO_ROW : row - base;
        keys[count++] = localRow[pair];
        number[entityOf[b]] = 1;
      }
    }
    batch.sizes[RANK_SIZES.withoutRow] = withoutRow;
    return count;
  }

  /** Numbers the entities that arrive, by rank and slot. */
  #numberArriving({ mine, arriveFrom }: RankBatch, B: number): void {
    const number = this.#number;
    const firstEntity = this.#firstEntity;
    let arriving = 0;
    for (let rank = 0; rank < this.#plan.size; rank++) {
      const before = arriving;
      for (let e = firstEntity[rank]; e < firstEntity[rank + 1]; e++) {
        if (number[e] === 1) number[e] = arriving++;
      }
      arriveFrom[rank] = arriving - before;
    }
    const { entity } = mine.pairs;
    for (let b = 0; b < B; b++) entity[b] = number[this.#entityOf[b]];
    mine.sizes[SIZES.entities] = arriving;
  }

  /** The sums of each entity, one for each subtree of this rank's shards that it has pairs in. */
  #listReturned({ mine, arriveFrom, returned, returnedTo, sizes }: RankBatch): void {
    const { starts, members, joins } = mine.sums;
    const { ofShard } = this.#plan.subtrees;
    const { shardOf } = this.#arranger;
    let lists = 0;
    let e = 0;
    for (let rank = 0; rank < this.#plan.size; rank++) {
      const before = lists;
      for (const until = e + arriveFrom[rank]; e < until; e++) {
        for (let m = starts[e]; m < starts[e + 1]; m++) {
          const isNew = m === starts[e] || ofShard[shardOf[members[m]]] !== ofShard[shardOf[members[m - 1]]];
          if (isNew) returned.starts[lists++] = m;
          returned.members[m] = members[m];
          returned.joins[m] = joins[m];
        }
      }
      returnedTo[rank] = lists - before;
    }
    returned.starts[lists] = starts[e];
    sizes[RANK_SIZES.returned] = lists;
  }

  /** Which own entities go to which rank, and where their sums come back. */
  #listSent(batch: RankBatch, { words, starts, counts }: Records): void {
    const K = pairsPerPositive(this.#shape);
    const width = recordWords(this.#shape);
    const { ofShard, rank: rankOf, firstShard } = this.#plan.subtrees;
    const M = rankOf.length;
    const { sizes, ownRows, sentRows, sentTo, returnedFrom, ownSums } = batch;
    const U = sizes[RANK_SIZES.own];
    const meets = this.#meets.fill(0, 0, U * M);
    const borders = this.#borders;
    const first = starts[this.#rank] * width;
    const until = first + counts[this.#rank] * width;
    for (let at = first; at < until; at += width) {
      const b = words[at];
      for (let k = 0; k < K; k++) {
        const row = this.#deepest[b * K + k];
        if (row === NO_ROW && !this.#shape.hasLayers) continue;
        meets[words[at + 1] * M + ofShard[shardOf(borders, row, b)]] = 1;
      }
    }
    // What comes back lies by rank, entity and subtree.
    const next = this.#number;
    ownSums.starts.fill(0, 0, U + 1);
    for (let u = 0; u < U; u++) {
      let parts = 0;
      for (let m = 0; m < M; m++) parts += meets[u * M + m];
      ownSums.starts[u + 1] = ownSums.starts[u] + parts;
      next[u] = ownSums.starts[u];
    }
    let sent = 0;
    let unit = 0;
    for (let rank = 0, m = 0; rank < this.#plan.size; rank++) {
      const [sentBefore, unitsBefore] = [sent, unit];
      const firstTree = m;
      while (m < M && rankOf[m] === rank) m++;
      for (let u = 0; u < U; u++) {
        const before = unit;
        for (let tree = firstTree; tree < m; tree++) {
          if (meets[u * M + tree] === 0) continue;
          const place = next[u]++;
          ownSums.members[place] = unit++;
          // The subtree for now; the joins follow.
          ownSums.joins[place] = firstShard[tree];
        }
        if (unit > before) sentRows[sent++] = ownRows[u];
      }
      sentTo[rank] = sent - sentBefore;
      returnedFrom[rank] = unit - unitsBefore;
    }
    for (let u = 0; u < U; u++) {
      for (let i = ownSums.starts[u]; i + 1 < ownSums.starts[u + 1]; i++) {
        ownSums.joins[i] = levelWhereJoined(ownSums.joins[i], ownSums.joins[i + 1]);
      }
    }
    sizes[RANK_SIZES.sent] = sent;
  }

  /** How many chunks there are, and how many have put something aside of each row that others have too. */
  #noteShared(mine: MiniBatch, note: Uint32Array): void {
    const { shared, shards } = this.#plan.shares[this.#rank];
    const { hasLayers } = this.#shape;
    note.fill(0);
    note[0] = mine.sizes[hasLayers ? SIZES.networks : SIZES.chunks];
    const { count, row, first, lastChunk } = spanningOf(mine);
    for (let i = 0; i < count; i++) {
      const number = this.#rows.sharedNumber[row[i]];
      if (number > 0) note[number] = lastChunk[i] - (first[i] >>> 1) + 1;
    }
    if (!hasLayers) return;
    const { ofShard, of } = this.#plan.subtrees;
    for (let shard = shards.first; shard < shards.end; shard++) {
      const networks = mine.firstNetwork[shard + 1] - mine.firstNetwork[shard];
      if (networks > 0) note[1 + shared.length + ofShard[shard] - of[this.#rank].first] = 1;
    }
  }

  /**
   * Now that it is known what all have of the rows that they share: what goes to all, and what each row gets.
   * @param notes of each rank
   */
  finish(batch: RankBatch, notes: Uint32Array[]): void {
    const { lossesOf, asideOf, asideAt, sharedRows, sharedSums, hasNetworks, mine, sizes } = batch;
    const { shares } = this.#plan;
    let subtrees = 0;
    for (const [rank, note] of notes.entries()) {
      lossesOf[rank] = note[0];
      asideOf[rank] = 0;
      const end = 1 + shares[rank].shared.length;
      for (let s = 1; s < end; s++) asideOf[rank] += note[s];
      if (!this.#shape.hasLayers) continue;
      for (let s = end; s < note.length; s++) hasNetworks[subtrees++] = note[s];
    }
    const spanning = spanningOf(mine);
    const { row, depth, first, lastChunk } = spanning;
    const spanningOfShared = this.#spanningOfShared.fill(-1);
    for (let i = 0; i < spanning.count; i++) {
      const shared = this.#rows.sharedNumber[row[i]];
      if (shared > 0) spanningOfShared[shared - 1] = i;
    }
    let aside = 0;
    for (const i of spanningOfShared) {
      if (i < 0) continue;
      for (let place = first[i]; place >>> 1 <= lastChunk[i]; place = 2 * ((place >>> 1) + 1)) {
        asideAt[aside++] = place * MAX_CHAIN + depth[i] - 1;
      }
    }
    sizes[RANK_SIZES.aside] = aside;
    this.#dropShared(mine);
    // Each own row's sums, by rank and chunk.
    let rows = 0;
    let members = 0;
    for (const [s, global] of shares[this.#rank].shared.entries()) {
      const before = members;
      let unit = 0;
      for (const [rank, note] of notes.entries()) {
        const { shared } = shares[rank];
        for (let t = 0; t < shared.length; t++) {
          if (shared[t] === global)
            for (let i = 0; i < note[1 + t]; i++) sharedSums.members[members++] = unit + i;
          unit += note[1 + t];
        }
        unit += lossUnits(note[0], this.#dimension);
      }
      if (members === before) continue;
      sharedSums.starts[rows] = before;
      sharedRows[rows++] = this.#rows.sharedRows[s];
    }
    sharedSums.starts[rows] = members;
    sizes[RANK_SIZES.shared] = rows;
  }

  /** Leaves to this rank alone the spanning rows that no other has. */
  #dropShared({ spanning, sizes }: MiniBatch): void {
    const { row, depth, first, lastChunk } = spanning;
    let kept = 0;
    for (let i = 0; i < sizes[SIZES.spanning]; i++) {
      if (this.#rows.sharedNumber[row[i]] > 0) continue;
      row[kept] = row[i];
      depth[kept] = depth[i];
      first[kept] = first[i];
      lastChunk[kept++] = lastChunk[i];
    }
    sizes[SIZES.spanning] = kept;
  }
}
