import { InputError } from '../errors.ts';
import type { CrewMember } from '../kernels/crew.ts';
import type { Floats, Kernels, Step } from '../kernels/kernels.ts';
import { plainKernels } from '../kernels/plain.ts';
import { EpochOrder } from '../random/epochOrder.ts';
import { PURPOSE } from '../random/philox.ts';
import { BatchMaker } from './batchMaker.ts';
import { type MiniBatch, SIZES, spanningOf, termsOf } from './miniBatch.ts';
import { GRAIN, PairSteps } from './pairSteps.ts';
import { PrefixTable } from './prefixes.ts';
import { listLayerSums, TOTALS, type TrainingState } from './trainingState.ts';

/** Entity rows that are moved as one piece. */
export const GATHERED = 64;

/**
 * What one of the threads of a training does. All run the same program in step; between two barriers each takes
 * the next piece of what is to do. Every result is computed by one thread in an order that the mini-batch alone decides, so that
 * the number of threads changes nothing.
 */
export class TrainingThread {
  readonly #state: TrainingState;
  readonly #kernels: Kernels;
  /** moves entity rows between their table and the batch: only the plain kernels reach a table outside */
  readonly #copier: Kernels;
  readonly #member: CrewMember;
  readonly #maker: BatchMaker;
  readonly #pairs: PairSteps;

  constructor(state: TrainingState, kernels: Kernels, member: CrewMember) {
    this.#state = state;
    this.#kernels = kernels;
    this.#copier = state.entitiesInside ? kernels : plainKernels;
    this.#member = member;
    this.#pairs = new PairSteps(state, kernels, member);
    this.#maker = new BatchMaker(
      state.shape,
      state.data,
      new PrefixTable(state.prefixParts),
      state.borders,
      state.seed,
      kernels,
    );
  }

  /**
   * One pass over the data in an order of its own, from mini-batch `firstBatch` on; stops after every mini-batch.
   * @throws InputError where the loss is no longer a number, CrewAborted where another thread failed
   */
  *runEpoch(epoch: number, firstBatch: number): Generator<void> {
    const { data, seed, batches, hyperparameters } = this.#state;
    const { miniBatchSize, learningRate, weightDecay, epochs } = hyperparameters;
    const order = new EpochOrder(data.count, seed, PURPOSE.epochOrder, epoch);
    const lastBatch = Math.ceil(data.count / miniBatchSize);
    const ahead = this.#member.size;
    const begin = (batch: number) => batch * miniBatchSize;
    const end = (batch: number) => Math.min(data.count, (batch + 1) * miniBatchSize);
    for (let next = firstBatch; next < lastBatch; next += ahead) {
      // Mini-batches do not depend on what was learned: each thread makes one of the next ones.
      const own = next + this.#member.index;
      if (own < lastBatch) {
        this.#maker.make(batches[this.#member.index], order, begin(own), end(own), epoch);
      }
      this.#member.barrier();
      for (let batch = next; batch < Math.min(lastBatch, next + ahead); batch++) {
        const done = (epoch + begin(batch) / data.count) / epochs;
        this.#train(batches[batch - next], epoch, {
          learningRate: learningRate * (1 - done),
          weightDecay,
          gradientScale: 1 / (end(batch) - begin(batch)),
        });
        yield;
      }
    }
  }

  #train(batch: MiniBatch, epoch: number, step: Step): void {
    if (this.#state.shape.hasLayers) {
      this.#pairs.encode(batch);
      this.#gather(batch);
      this.#pairs.forwardThroughLayers(batch);
      this.#findErrors(batch);
      this.#addTotals(epoch, batch.sizes[SIZES.networks]);
      this.#pairs.updateChains(batch, this.#backThroughLayers(batch, step), step);
    } else {
      this.#gather(batch);
      this.#pairs.trainChains(batch, this.#state.work.entities.vectors, step);
      const terms = termsOf(batch);
      const withoutRow = batch.sizes[SIZES.positives] * batch.pairs.perPositive - terms.count;
      this.#addTotals(epoch, terms.chunks, withoutRow * LOSS_OF_NO_ROW);
    }
    this.#updateRest(batch, step);
  }

  /** Entity rows of the batch side by side. */
  #gather(batch: MiniBatch): void {
    const { hyperparameters, tables, work } = this.#state;
    const member = this.#member;
    const D = hyperparameters.vectorDim;
    while (member.claim(batch.sizes[SIZES.entities], GATHERED)) {
      this.#copier.gatherRows(tables.entities, D, batch.entityRows, work.entities, member.from, member.to);
    }
    member.barrier();
  }

  #findErrors(batch: MiniBatch): void {
    const { hyperparameters, tables, work } = this.#state;
    const member = this.#member;
    while (member.claim(batch.sizes[SIZES.networks], GRAIN.networks)) {
      this.#kernels.pairErrors(
        work.entities.vectors,
        hyperparameters.vectorDim,
        batch.pairs,
        batch.pairsOf,
        work.activations[tables.layers.length],
        work.error,
        work.lossNats,
        work.correct,
        member.from,
        member.to,
      );
    }
    member.barrier();
  }

  /** In order, as sums in other orders would differ in their last bits. */
  #addTotals(epoch: number, parts: number, lossOfOthers = 0): void {
    if (this.#member.index !== 0) return;
    const { totals, work, hyperparameters } = this.#state;
    let lossNats = lossOfOthers;
    for (let i = 0; i < parts; i++) {
      lossNats += work.lossNats[i];
      totals[TOTALS.correct] += work.correct[i];
    }
    totals[TOTALS.lossNats] += lossNats;
    totals[TOTALS.batches]++;
    if (!Number.isFinite(lossNats)) {
      throw new InputError(
        `epoch ${epoch + 1}, batch ${totals[TOTALS.batches]}: loss is ${lossNats}. Lower --learning-rate (now ${hyperparameters.learningRate}).`,
      );
    }
  }

  /** Gradients of all networks, from the errors down to the sum of prefix vectors; the layers take their steps. */
  #backThroughLayers(batch: MiniBatch, step: Step): Floats {
    const { hyperparameters, tables, work, shape } = this.#state;
    const member = this.#member;
    const kernels = this.#kernels;
    const D = hyperparameters.vectorDim;
    if (member.index === 0) this.#listLayerSums(batch);
    const { perPositive, entity } = batch.pairs;
    const { error } = work;
    let [dOut, dIn] = work.dActivations;
    while (member.claim(batch.sizes[SIZES.networks], GRAIN.networks)) {
      const { from, to } = member;
      kernels.weightedSums(
        work.entities.vectors,
        D,
        entity,
        perPositive,
        error,
        batch.pairsOf,
        dOut,
        from,
        to,
      );
    }
    member.barrier();
    const shards = { first: 0, end: shape.shards };
    for (let l = tables.layers.length - 1; l >= 0; l--) {
      this.#pairs.layerGradients(batch, l, shards, dOut, dIn);
      this.#pairs.updateLayer(l, work.dLayer, step);
      [dOut, dIn] = [dIn, dOut];
    }
    return dOut;
  }

  /** Shards without a network have no gradient. */
  #listLayerSums({ firstNetwork }: MiniBatch): void {
    const { work, shape, hyperparameters } = this.#state;
    const all = Array.from({ length: shape.shards }, (_, shard) => shard);
    const some = all.filter((shard) => firstNetwork[shard + 1] > firstNetwork[shard]);
    listLayerSums(work.layerSums, hyperparameters.vectorDim, some, all);
  }

  /** Address rows of several chunks, and the entity rows: these only now, as the gradients above needed them as they were. */
  #updateRest(batch: MiniBatch, step: Step): void {
    const { hyperparameters, tables, work } = this.#state;
    const member = this.#member;
    const kernels = this.#kernels;
    const D = hyperparameters.vectorDim;
    const spanning = spanningOf(batch);
    const S = spanning.count;
    const U = batch.sizes[SIZES.entities];
    while (member.claim(S + U, GRAIN.rows)) {
      const { from, to } = member;
      if (from < S) {
        kernels.updateSpanning(tables.prefixes, D, spanning, work.partials, step, from, Math.min(to, S));
      }
      if (to <= S) continue;
      const [first, last] = [Math.max(0, from - S), to - S];
      const encoded = work.activations[tables.layers.length];
      const { sums, pairs } = batch;
      kernels.updateBySums(work.entities, D, sums, pairs.network, encoded, work.error, step, first, last);
      this.#copier.scatterRows(work.entities, D, batch.entityRows, tables.entities, first, last);
    }
    if (member.index === 0) member.decidePause(member.takeWishForPause());
    member.barrier();
  }
}

/** An address without any row has the dot product 0: a probability of one half, neither right nor wrong. */
export const LOSS_OF_NO_ROW = Math.LN2;
