import { InputError } from '../errors.ts';
import type { CrewMember } from '../kernels/crew.ts';
import type { Floats, Kernels, Step, Terms } from '../kernels/kernels.ts';
import { plainKernels } from '../kernels/plain.ts';
import { EpochOrder } from '../random/epochOrder.ts';
import { PURPOSE } from '../random/philox.ts';
import { BatchMaker } from './batchMaker.ts';
import { type MiniBatch, SIZES, spanningOf, termsOf } from './miniBatch.ts';
import { PrefixTable } from './prefixes.ts';
import { listLayerSums, TOTALS, type TrainingState } from './trainingState.ts';

/** Pieces that threads claim: small enough to end together, large enough that claiming costs nothing. */
export const GRAIN = { networks: 16, outputs: 16, chunks: 1, rows: 8 } as const;
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

  constructor(state: TrainingState, kernels: Kernels, member: CrewMember) {
    this.#state = state;
    this.#kernels = kernels;
    this.#copier = state.entitiesInside ? kernels : plainKernels;
    this.#member = member;
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
      this.#encode(batch);
      this.#gather(batch);
      this.#forwardThroughLayers(batch);
      this.#findErrors(batch);
      this.#addTotals(epoch, batch.sizes[SIZES.networks]);
      this.#updateChains(batch, step, this.#backThroughLayers(batch, step));
    } else {
      this.#gather(batch);
      this.#trainChains(batch, step);
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

  /** Without layers, one walk over the rows does it all. */
  #trainChains(batch: MiniBatch, step: Step): void {
    const { hyperparameters, tables, parents, work } = this.#state;
    const member = this.#member;
    const D = hyperparameters.vectorDim;
    const terms = termsOf(batch);
    const [encoded] = work.activations;
    const { perPositive } = batch.pairs;
    if (member.index === 0) clearUnknownNetwork(batch, terms, encoded, D);
    const { error, lossNats, correct, partials } = work;
    const out = { encoded, error, lossNats, correct, partials };
    const entities = work.entities.vectors;
    while (member.claim(terms.chunks, GRAIN.chunks)) {
      const { from, to } = member;
      this.#kernels.trainChains(
        tables.prefixes,
        D,
        parents,
        terms,
        perPositive,
        entities,
        out,
        step,
        from,
        to,
      );
    }
    member.barrier();
  }

  /** Vectors of the batch's networks. */
  #encode(batch: MiniBatch): void {
    const { hyperparameters, tables, parents, work } = this.#state;
    const member = this.#member;
    const D = hyperparameters.vectorDim;
    const terms = termsOf(batch);
    const [encoded] = work.activations;
    if (member.index === 0) clearUnknownNetwork(batch, terms, encoded, D);
    while (member.claim(terms.chunks, GRAIN.chunks)) {
      const { vectors } = tables.prefixes;
      this.#kernels.encodeChains(vectors, D, parents, terms, encoded, member.from, member.to);
    }
    member.barrier();
  }

  #forwardThroughLayers(batch: MiniBatch): void {
    const { hyperparameters, tables, work } = this.#state;
    const member = this.#member;
    const D = hyperparameters.vectorDim;
    const networks = batch.sizes[SIZES.networks];
    const { activations } = work;
    while (member.claim(networks, GRAIN.networks)) {
      const { from, to } = member;
      for (const [l, { vectors }] of tables.layers.entries()) {
        this.#kernels.denseForward(vectors, D, activations[l], activations[l + 1], from, to);
      }
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
    const A = batch.sizes[SIZES.networks];
    if (member.index === 0) this.#listLayerSums(batch);
    const { perPositive, entity } = batch.pairs;
    const { error, dLayer, activations } = work;
    let [dOut, dIn] = work.dActivations;
    while (member.claim(A, GRAIN.networks)) {
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
    for (let l = tables.layers.length - 1; l >= 0; l--) {
      const { vectors } = tables.layers[l];
      const [input, out] = [activations[l], activations[l + 1]];
      // Two kinds of pieces: first some outputs of the layer for one shard, then networks.
      const outputs = Math.ceil(D / GRAIN.outputs);
      const ofShards = shape.shards * outputs;
      while (member.claim(ofShards + Math.ceil(A / GRAIN.networks), 1)) {
        const piece = member.from;
        if (piece < ofShards) {
          const shard = Math.floor(piece / outputs);
          const [first, end] = [batch.firstNetwork[shard], batch.firstNetwork[shard + 1]];
          const from = (piece % outputs) * GRAIN.outputs;
          const own = dLayer.subarray(shard * (D + 1) * D, (shard + 1) * (D + 1) * D);
          const to = Math.min(D, from + GRAIN.outputs);
          if (end > first) kernels.denseWeightGradients(D, input, out, dOut, first, end, own, from, to);
        } else {
          const from = (piece - ofShards) * GRAIN.networks;
          const to = Math.min(A, from + GRAIN.networks);
          kernels.denseInputGradients(vectors, D, input, out, dOut, dIn, from, to);
        }
      }
      member.barrier();
      const { layerSums, ones } = work;
      while (member.claim(D + 1, GRAIN.rows)) {
        const { from, to } = member;
        kernels.updateBySums(
          tables.layers[l],
          D,
          layerSums,
          layerSums.identity,
          dLayer,
          ones,
          step,
          from,
          to,
        );
      }
      member.barrier();
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

  #updateChains(batch: MiniBatch, step: Step, gradients: Floats | undefined): void {
    const { hyperparameters, tables, parents, work } = this.#state;
    const member = this.#member;
    const terms = termsOf(batch);
    const coefficients = gradients ? work.ones : work.error;
    const vectors = gradients ?? work.entities.vectors;
    while (member.claim(terms.chunks, GRAIN.chunks)) {
      this.#kernels.updateChains(
        tables.prefixes,
        hyperparameters.vectorDim,
        parents,
        terms,
        coefficients,
        vectors,
        step,
        work.partials,
        member.from,
        member.to,
      );
    }
    member.barrier();
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

/** Addresses without any row come last, as a network without terms: their sum is empty. */
export function clearUnknownNetwork(
  { sizes }: MiniBatch,
  terms: Terms,
  encoded: Floats,
  dimension: number,
): void {
  const known = terms.count === 0 ? 0 : terms.network[terms.count - 1] + 1;
  encoded.fill(0, known * dimension, sizes[SIZES.networks] * dimension);
}
