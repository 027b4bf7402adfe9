import type { CrewMember } from '../../kernels/crew.ts';
import type { Floats, Kernels, Step } from '../../kernels/kernels.ts';
import { type MiniBatch, SIZES } from '../miniBatch.ts';
import { GRAIN, type PairSteps } from '../pairSteps.ts';
import { listLayerSums } from '../trainingState.ts';
import type { RankBatch } from './rankBatch.ts';
import type { RankState } from './rankState.ts';

/** The same block of numbers from every rank to every rank. @param bytes of each rank's block */
export type TellAll = (own: Floats, bytes: number[], all: Floats) => void;

/** What a thread does where fully connected layers stand on top: all ranks have the same ones, and each passes its own networks through. */
export class RankLayers {
  readonly #state: RankState;
  readonly #kernels: Kernels;
  readonly #member: CrewMember;
  readonly #pairs: PairSteps;
  readonly #tellAll: TellAll;

  constructor(state: RankState, kernels: Kernels, member: CrewMember, pairs: PairSteps, tellAll: TellAll) {
    this.#state = state;
    this.#kernels = kernels;
    this.#member = member;
    this.#pairs = pairs;
    this.#tellAll = tellAll;
  }

  /** Vectors of own networks; needs no entity, and so comes before those arrive. */
  encode(mine: MiniBatch): void {
    this.#pairs.encode(mine);
    this.#pairs.forwardThroughLayers(mine);
  }

  /** Errors of own pairs, and the steps that they have the layers and own rows take. */
  train(batch: RankBatch, step: Step): void {
    const { mine } = batch;
    this.#findErrors(mine);
    const gradients = this.#backThroughLayers(batch, step);
    this.#pairs.updateChains(mine, gradients, step);
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
    const { subtreeSums, dOwnSubtrees, dSubtrees, ones } = work;
    if (member.index === 0) this.#listSums(batch);
    let [dOut, dIn] = work.dActivations;
    for (let l = tables.layers.length - 1; l >= 0; l--) {
      this.#pairs.layerGradients(batch.mine, l, plan.shares[ranks.rank].shards, dOut, dIn);
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
      this.#pairs.updateLayer(l, dSubtrees, step);
      [dOut, dIn] = [dIn, dOut];
    }
    return dOut;
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
}
