import type { CrewMember } from '../../kernels/crew.ts';
import type { Floats, Kernels, Step } from '../../kernels/kernels.ts';
import { type MiniBatch, SIZES, termsOf } from '../miniBatch.ts';
import { listLayerSums } from '../trainingState.ts';
import { clearUnknownNetwork, GRAIN } from '../trainingThread.ts';
import type { RankBatch } from './rankBatch.ts';
import type { RankState } from './rankState.ts';

/** The same block of numbers from every rank to every rank. @param bytes of each rank's block */
export type TellAll = (own: Floats, bytes: number[], all: Floats) => void;

/** What a thread does where fully connected layers stand on top: all ranks have the same ones, and each passes its own networks through. */
export class RankLayers {
  readonly #state: RankState;
  readonly #kernels: Kernels;
  readonly #member: CrewMember;
  readonly #tellAll: TellAll;

  constructor(state: RankState, kernels: Kernels, member: CrewMember, tellAll: TellAll) {
    this.#state = state;
    this.#kernels = kernels;
    this.#member = member;
    this.#tellAll = tellAll;
  }

  /** Vectors of own networks; needs no entity, and so comes before those arrive. */
  encode(mine: MiniBatch): void {
    const { hyperparameters, tables, parents, work } = this.#state;
    const member = this.#member;
    const D = hyperparameters.vectorDim;
    const terms = termsOf(mine);
    const [encoded] = work.activations;
    if (member.index === 0) clearUnknownNetwork(mine, terms, encoded, D);
    while (member.claim(terms.chunks, GRAIN.chunks)) {
      const { from, to } = member;
      this.#kernels.encodeChains(tables.prefixes.vectors, D, parents, terms, encoded, from, to);
    }
    member.barrier();
    const A = mine.sizes[SIZES.networks];
    while (member.claim(A, GRAIN.networks)) {
      const { from, to } = member;
      for (const [l, { vectors }] of tables.layers.entries()) {
        this.#kernels.denseForward(vectors, D, work.activations[l], work.activations[l + 1], from, to);
      }
    }
    member.barrier();
  }

  /** Errors of own pairs, and the steps that they have the layers and own rows take. */
  train(batch: RankBatch, step: Step): void {
    const { mine } = batch;
    this.#findErrors(mine);
    const gradients = this.#backThroughLayers(batch, step);
    this.#updateChains(mine, gradients, step);
  }

  #findErrors({ pairs, pairsOf, sizes }: MiniBatch): void {
    const { hyperparameters, tables, work } = this.#state;
    const member = this.#member;
    const { arrived, error, lossNats, correct, activations, dActivations } = work;
    const D = hyperparameters.vectorDim;
    const top = activations[tables.layers.length];
    while (member.claim(sizes[SIZES.networks], GRAIN.networks)) {
      const { from, to } = member;
      this.#kernels.pairErrors(arrived, D, pairs, pairsOf, top, error, lossNats, correct, from, to);
      const { entity, perPositive } = pairs;
      this.#kernels.weightedSums(arrived, D, entity, perPositive, error, pairsOf, dActivations[0], from, to);
    }
    member.barrier();
  }

  #backThroughLayers(batch: RankBatch, step: Step): Floats {
    const { hyperparameters, tables, work, plan, ranks } = this.#state;
    const member = this.#member;
    const kernels = this.#kernels;
    const D = hyperparameters.vectorDim;
    const layerFloats = (D + 1) * D;
    const { of } = plan.subtrees;
    const own = of[ranks.rank];
    const { layerSums, subtreeSums, dOwnSubtrees, dSubtrees, ones } = work;
    if (member.index === 0) this.#listSums(batch);
    let [dOut, dIn] = work.dActivations;
    for (let l = tables.layers.length - 1; l >= 0; l--) {
      this.#findGradients(batch.mine, l, dOut, dIn);
      for (let tree = own.first; tree < own.end; tree++) {
        const sums = subtreeSums[tree - own.first];
        const out = dOwnSubtrees.subarray((tree - own.first) * layerFloats);
        while (member.claim(D + 1, GRAIN.rows)) {
          kernels.addUp(D, sums, sums.identity, work.dLayer, ones, out, member.from, member.to);
        }
        member.barrier();
      }
      if (member.index === 0) {
        const bytes = of.map(({ first, end }) => (end - first) * layerFloats * 4);
        this.#tellAll(dOwnSubtrees, bytes, dSubtrees);
      }
      member.barrier();
      while (member.claim(D + 1, GRAIN.rows)) {
        const { from, to } = member;
        kernels.updateBySums(
          tables.layers[l],
          D,
          layerSums,
          layerSums.identity,
          dSubtrees,
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

  /** Of the layer's weights, by shard, and of what went into it. */
  #findGradients({ firstNetwork, sizes }: MiniBatch, l: number, dOut: Floats, dIn: Floats): void {
    const { hyperparameters, tables, work, plan, ranks } = this.#state;
    const member = this.#member;
    const D = hyperparameters.vectorDim;
    const A = sizes[SIZES.networks];
    const { shards } = plan.shares[ranks.rank];
    const [input, out] = [work.activations[l], work.activations[l + 1]];
    const outputs = Math.ceil(D / GRAIN.outputs);
    const ofShards = (shards.end - shards.first) * outputs;
    while (member.claim(ofShards + Math.ceil(A / GRAIN.networks), 1)) {
      const piece = member.from;
      if (piece >= ofShards) {
        const from = (piece - ofShards) * GRAIN.networks;
        const to = Math.min(A, from + GRAIN.networks);
        this.#kernels.denseInputGradients(tables.layers[l].vectors, D, input, out, dOut, dIn, from, to);
        continue;
      }
      const shard = shards.first + Math.floor(piece / outputs);
      const [first, end] = [firstNetwork[shard], firstNetwork[shard + 1]];
      if (end === first) continue;
      const from = (piece % outputs) * GRAIN.outputs;
      const to = Math.min(D, from + GRAIN.outputs);
      const own = work.dLayer.subarray(shard * (D + 1) * D, (shard + 1) * (D + 1) * D);
      this.#kernels.denseWeightGradients(D, input, out, dOut, first, end, own, from, to);
    }
    member.barrier();
  }

  /** What has no network has no gradient. */
  #listSums({ mine, hasNetworks }: RankBatch): void {
    const { hyperparameters, shape, work, plan, ranks } = this.#state;
    const D = hyperparameters.vectorDim;
    const { of, ofShard, firstShard } = plan.subtrees;
    const own = of[ranks.rank];
    const shards = Array.from({ length: shape.shards }, (_, shard) => shard);
    const { firstNetwork } = mine;
    for (let tree = own.first; tree < own.end; tree++) {
      const some = shards.filter(
        (shard) => ofShard[shard] === tree && firstNetwork[shard + 1] > firstNetwork[shard],
      );
      listLayerSums(work.subtreeSums[tree - own.first], D, some, shards);
    }
    const trees = Array.from(firstShard, (_, tree) => tree).filter((tree) => hasNetworks[tree] === 1);
    listLayerSums(work.layerSums, D, trees, firstShard);
  }

  #updateChains(mine: MiniBatch, gradients: Floats, step: Step): void {
    const { hyperparameters, tables, parents, work } = this.#state;
    const member = this.#member;
    const D = hyperparameters.vectorDim;
    const terms = termsOf(mine);
    const { partials, ones } = work;
    while (member.claim(terms.chunks, GRAIN.chunks)) {
      const { from, to } = member;
      this.#kernels.updateChains(
        tables.prefixes,
        D,
        parents,
        terms,
        ones,
        gradients,
        step,
        partials,
        from,
        to,
      );
    }
    member.barrier();
  }
}
