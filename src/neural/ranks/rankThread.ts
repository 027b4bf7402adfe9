import { InputError } from '../../errors.ts';
import { RadixSort } from '../../events/radixSort.ts';
import type { CrewMember } from '../../kernels/crew.ts';
import type { Kernels, Step } from '../../kernels/kernels.ts';
import { plainKernels } from '../../kernels/plain.ts';
import type { Ranks } from '../../mpi/ranks.ts';
import { EpochOrder } from '../../random/epochOrder.ts';
import { PURPOSE } from '../../random/philox.ts';
import { spanningOf } from '../miniBatch.ts';
import { GRAIN, PairSteps } from '../pairSteps.ts';
import { PrefixTable } from '../prefixes.ts';
import { TOTALS } from '../trainingState.ts';
import { GATHERED, LOSS_OF_NO_ROW } from '../trainingThread.ts';
import { lossUnits, noteWords, RANK_SIZES, type RankBatch, recordWords } from './rankBatch.ts';
import { RankBatchMaker } from './rankBatchMaker.ts';
import { RankLayers } from './rankLayers.ts';
import type { RankState } from './rankState.ts';
import { type BatchPlace, RecordMaker } from './recordMaker.ts';

/** What one of the threads of a rank does; the first one speaks to the other ranks. The sums are those of `TrainingThread`, bit for bit. */
export class RankThread {
  readonly #state: RankState;
  readonly #kernels: Kernels;
  readonly #copier: Kernels;
  readonly #member: CrewMember;
  /** of the first thread alone */
  readonly #ranks: Ranks | undefined;
  readonly #records: RecordMaker;
  readonly #maker: RankBatchMaker;
  readonly #bytes: MessageBytes;
  readonly #pairs: PairSteps;
  readonly #layers: RankLayers | undefined;

  constructor(state: RankState, kernels: Kernels, member: CrewMember, ranks: Ranks | undefined) {
    this.#state = state;
    this.#kernels = kernels;
    this.#copier = state.entitiesInside ? kernels : plainKernels;
    this.#member = member;
    this.#ranks = ranks;
    this.#bytes = new MessageBytes(state.plan.size);
    this.#pairs = new PairSteps(state, kernels, member);
    if (state.shape.hasLayers) {
      this.#layers = new RankLayers(state, kernels, member, this.#pairs, (own, bytes, all) =>
        this.#tellAll(own, bytes, all),
      );
    }
    const seed = [state.seed >>> 0, Math.floor(state.seed / 2 ** 32)] as const;
    const { shape, data, borders, plan, ranks: own } = state;
    this.#records = new RecordMaker(shape, data, new PrefixTable(state.prefixParts), seed, kernels);
    this.#maker = new RankBatchMaker(
      shape,
      state.hyperparameters.vectorDim,
      new PrefixTable(state.ownPrefixParts),
      borders,
      plan,
      own.rank,
      seed,
      kernels,
    );
  }

  /** See `TrainingThread`. */
  *runEpoch(epoch: number, firstBatch: number): Generator<void> {
    const { pairs, batches, hyperparameters } = this.#state;
    const { miniBatchSize, learningRate, weightDecay, epochs } = hyperparameters;
    const lastBatch = Math.ceil(pairs / miniBatchSize);
    const ahead = batches.length;
    const placeOf = (batch: number): BatchPlace => {
      const from = batch * miniBatchSize;
      return { from, B: Math.min(pairs, from + miniBatchSize) - from, epoch };
    };
    if (this.#member.index === 0) this.#findPlaces(epoch, lastBatch);
    this.#member.barrier();
    for (let next = firstBatch; next < lastBatch; next += ahead) {
      const end = Math.min(lastBatch, next + ahead);
      this.#makeGroup(next, end, lastBatch, placeOf);
      for (let batch = next; batch < end; batch++) {
        const { from, B } = placeOf(batch);
        this.#train(batches[batch - next], epoch, {
          learningRate: learningRate * (1 - (epoch + from / pairs) / epochs),
          weightDecay,
          gradientScale: 1 / B,
        });
        yield;
      }
    }
  }

  /** Own pairs in the order of the epoch, and how many of each batch every rank has. */
  #findPlaces(epoch: number, batches: number): void {
    const { numbers, pairs, seed, hyperparameters, epoch: of } = this.#state;
    const order = new EpochOrder(pairs, seed, PURPOSE.epochOrder, epoch);
    const n = numbers.length;
    const placeOf = new Uint32Array(n);
    for (let i = 0; i < n; i++) placeOf[i] = order.placeOf(numbers[i]);
    const sort = new RadixSort(n);
    of.order.set(sort.sort(placeOf, n).subarray(0, n));
    of.places.set(sort.sortedKeys.subarray(0, n));
    for (let batch = 0, i = 0; batch <= batches; batch++) {
      while (i < n && of.places[i] < batch * hyperparameters.miniBatchSize) i++;
      of.starts[batch] = i;
    }
    const own = Uint32Array.from({ length: batches }, (_, batch) => of.starts[batch + 1] - of.starts[batch]);
    const all = this.#ranks!.gatherAll(new Uint8Array(own.buffer));
    for (const [rank, bytes] of all.entries()) of.counts.set(wordsOf(bytes), rank * batches);
  }

  /** Draws and orders the batches [first, end). */
  #makeGroup(first: number, end: number, batches: number, placeOf: (batch: number) => BatchPlace): void {
    const { shape, plan, ranks, epoch: of } = this.#state;
    const member = this.#member;
    const N = plan.size;
    const width = recordWords(shape);
    while (member.claim(end - first, 1)) {
      const batch = first + member.from;
      const [from, to] = [of.starts[batch], of.starts[batch + 1]];
      const [pairs, places] = [of.order.subarray(from, to), of.places.subarray(from, to)];
      const at = from - of.starts[first];
      this.#records.draw(this.#state.batches[member.from], placeOf(batch), pairs, places, of.drawn, at);
    }
    member.barrier();
    const countsOf = (rank: number) => of.counts.subarray(rank * batches + first, rank * batches + end);
    const totals = Array.from({ length: N }, (_, rank) => countsOf(rank).reduce((sum, n) => sum + n, 0));
    if (member.index === 0) {
      const bytes = totals.map((records) => records * width * 4);
      this.#tellAll(of.drawn, bytes, of.records);
    }
    member.barrier();
    const noteBytes = Array.from({ length: N }, (_, rank) => noteWords(plan, rank) * (end - first) * 4);
    const ownWords = noteWords(plan, ranks.rank);
    while (member.claim(end - first, 1)) {
      const g = member.from;
      const starts = new Uint32Array(N);
      for (let rank = 0, before = 0; rank < N; before += totals[rank++]) {
        starts[rank] =
          before +
          countsOf(rank)
            .subarray(0, g)
            .reduce((sum, n) => sum + n, 0);
      }
      const counts = Uint32Array.from({ length: N }, (_, rank) => countsOf(rank)[g]);
      const note = of.noted.subarray(g * ownWords, (g + 1) * ownWords);
      this.#maker.make(
        this.#state.batches[g],
        placeOf(first + g),
        { words: of.records, starts, counts },
        note,
      );
    }
    member.barrier();
    if (member.index === 0) this.#tellAll(of.noted, noteBytes, of.notes);
    member.barrier();
    while (member.claim(end - first, 1)) {
      const g = member.from;
      let at = 0;
      const notes = Array.from({ length: N }, (_, rank) => {
        const words = noteWords(plan, rank);
        const note = of.notes.subarray(at + g * words, at + (g + 1) * words);
        at += noteBytes[rank] / 4;
        return note;
      });
      this.#maker.finish(this.#state.batches[g], notes);
    }
    member.barrier();
  }

  /** The same block to every rank. @param bytes of each rank's block */
  #tellAll(own: ArrayBufferView, bytes: number[], all: ArrayBufferView): void {
    const message = this.#bytes.toAll(bytes[this.#state.ranks.rank]);
    this.#ranks!.allToAll(bytesOf(own), message, bytesOf(all), bytes, this.#bytes.nowhere);
  }

  #train(batch: RankBatch, epoch: number, step: Step): void {
    if (this.#layers) this.#layers.encode(batch.mine);
    this.#sendVectors(batch);
    if (this.#layers) this.#layers.train(batch, step);
    else this.#pairs.trainChains(batch.mine, this.#state.work.arrived, step);
    this.#returnSums(batch);
    this.#addTotals(batch, epoch);
    this.#update(batch, step);
  }

  /** Copies of own rows, to whoever has addresses that they meet. */
  #sendVectors({ ownRows, sentRows, sentTo, arriveFrom, sizes }: RankBatch): void {
    const { hyperparameters, tables, work } = this.#state;
    const member = this.#member;
    const D = hyperparameters.vectorDim;
    const [sent, own] = [sizes[RANK_SIZES.sent], sizes[RANK_SIZES.own]];
    while (member.claim(sent, GATHERED)) {
      this.#copier.gatherRows(tables.entities, D, sentRows, work.sent, member.from, member.to);
    }
    member.barrier();
    if (member.index === 0) {
      const [to, from] = this.#bytes.of(sentTo, arriveFrom, D);
      this.#ranks!.allToAll(bytesOf(work.sent.vectors), to, bytesOf(work.arrived), from);
    }
    // The others bring what the step will change meanwhile.
    while (member.claim(own, GATHERED)) {
      this.#copier.gatherRows(tables.entities, D, ownRows, work.entities, member.from, member.to);
    }
    member.barrier();
  }

  /** The sums of others' entities to their owners; to all, what chunks put aside, and the losses. */
  #returnSums({
    mine,
    returned,
    returnedTo,
    returnedFrom,
    asideAt,
    lossesOf,
    asideOf,
    sizes,
  }: RankBatch): void {
    const { hyperparameters, work, ranks } = this.#state;
    const member = this.#member;
    const D = hyperparameters.vectorDim;
    const { error } = work;
    const encoded = work.activations[this.#state.tables.layers.length];
    const { network } = mine.pairs;
    while (member.claim(sizes[RANK_SIZES.returned], GRAIN.rows)) {
      const { from, to } = member;
      this.#kernels.addUp(D, returned, network, encoded, error, work.returned, from, to);
    }
    member.barrier();
    if (member.index === 0) {
      const [to, from] = this.#bytes.of(returnedTo, returnedFrom, D);
      this.#ranks!.allToAll(bytesOf(work.returned), to, bytesOf(work.parts), from);
      const aside = sizes[RANK_SIZES.aside];
      for (let i = 0; i < aside; i++) {
        const at = asideAt[i] * D;
        work.told.set(work.partials.subarray(at, at + D), i * D);
      }
      const count = lossesOf[ranks.rank];
      const losses = bytesOf(work.told).subarray(aside * D * 4);
      losses.set(bytesOf(work.lossNats).subarray(0, 8 * count));
      losses.set(bytesOf(work.correct).subarray(0, 4 * count), 8 * count);
      losses[12 * count] = member.takeWishForPause() ? 1 : 0;
      const bytes = Array.from(lossesOf, (count, rank) => (asideOf[rank] + lossUnits(count, D)) * D * 4);
      this.#tellAll(work.told, bytes, work.heard);
    }
    member.barrier();
  }

  /** In the order of all chunks or networks, as if one had done them all. */
  #addTotals({ lossesOf, asideOf, sizes }: RankBatch, epoch: number): void {
    if (this.#member.index !== 0) return;
    const { totals, work, hyperparameters, shape } = this.#state;
    const D = hyperparameters.vectorDim;
    const heard = bytesOf(work.heard);
    const view = new DataView(heard.buffer, heard.byteOffset, heard.byteLength);
    // With layers they are pairs of a network as others are.
    let lossNats = shape.hasLayers ? 0 : sizes[RANK_SIZES.withoutRow] * LOSS_OF_NO_ROW;
    let isPause = false;
    let unit = 0;
    for (let rank = 0; rank < lossesOf.length; rank++) {
      const losses = lossesOf[rank];
      const at = (unit + asideOf[rank]) * D * 4;
      for (let i = 0; i < losses; i++) {
        lossNats += view.getFloat64(at + 8 * i, true);
        totals[TOTALS.correct] += view.getUint32(at + 8 * losses + 4 * i, true);
      }
      if (heard[at + 12 * losses] === 1) isPause = true;
      unit += asideOf[rank] + lossUnits(losses, D);
    }
    totals[TOTALS.lossNats] += lossNats;
    totals[TOTALS.batches]++;
    this.#member.decidePause(isPause);
    if (!Number.isFinite(lossNats)) {
      throw new InputError(
        `epoch ${epoch + 1}, batch ${totals[TOTALS.batches]}: loss is ${lossNats}. Lower --learning-rate (now ${hyperparameters.learningRate}).`,
      );
    }
  }

  /** Rows of several chunks, rows of several ranks, and own entities. */
  #update({ mine, ownRows, ownSums, sharedRows, sharedSums, sizes }: RankBatch, step: Step): void {
    const { hyperparameters, tables, work } = this.#state;
    const member = this.#member;
    const kernels = this.#kernels;
    const D = hyperparameters.vectorDim;
    const spanning = spanningOf(mine);
    const S = spanning.count;
    const shared = sizes[RANK_SIZES.shared];
    const U = sizes[RANK_SIZES.own];
    while (member.claim(S + shared + U, GRAIN.rows)) {
      const { from, to } = member;
      if (from < S)
        kernels.updateSpanning(tables.prefixes, D, spanning, work.partials, step, from, Math.min(to, S));
      for (let i = Math.max(from, S); i < Math.min(to, S + shared); i++) {
        const s = i - S;
        const own = oneRow(tables.prefixes, D, sharedRows[s]);
        const sums = { starts: sharedSums.starts.subarray(s, s + 2), members: sharedSums.members };
        kernels.updateRows(own, D, sums, work.heard, step, 0, 1);
      }
      if (to <= S + shared) continue;
      const [first, last] = [Math.max(0, from - S - shared), to - S - shared];
      const { identity, parts, ones } = work;
      kernels.updateBySums(work.entities, D, ownSums, identity, parts, ones, step, first, last);
      this.#copier.scatterRows(work.entities, D, ownRows, tables.entities, first, last);
    }
    member.barrier();
  }
}

const oneRow = ({ vectors, moment, steps }: RankState['tables']['prefixes'], D: number, row: number) => ({
  vectors: vectors.subarray(row * D, (row + 1) * D),
  moment: moment.subarray(row, row + 1),
  steps: steps.subarray(row, row + 1),
});

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

/** What came as bytes may begin anywhere. */
const wordsOf = (bytes: Uint8Array): Uint32Array => new Uint32Array(bytes.slice().buffer);

/** Lengths of blocks, in arrays that are used again and again. */
class MessageBytes {
  readonly #to: Float64Array;
  readonly #from: Float64Array;
  /** every block begins at 0 */
  readonly nowhere: Float64Array;

  constructor(size: number) {
    this.#to = new Float64Array(size);
    this.#from = new Float64Array(size);
    this.nowhere = new Float64Array(size);
  }

  /** Of so many vectors to and from each rank. */
  of(to: Uint32Array, from: Uint32Array, dimension: number): [Float64Array, Float64Array] {
    for (let rank = 0; rank < to.length; rank++) {
      this.#to[rank] = to[rank] * dimension * 4;
      this.#from[rank] = from[rank] * dimension * 4;
    }
    return [this.#to, this.#from];
  }

  /** Of the same block to each rank. */
  toAll(bytes: number): Float64Array {
    return this.#to.fill(bytes);
  }
}
