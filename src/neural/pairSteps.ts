import type { CrewMember } from '../kernels/crew.ts';
import type { Floats, Kernels, Step } from '../kernels/kernels.ts';
import type { Hyperparameters } from './hyperparameters.ts';
import { type MiniBatch, SIZES, termsOf } from './miniBatch.ts';
import type { LayerSums, Tables } from './trainingState.ts';

/** Pieces that threads claim: small enough to end together, large enough that claiming costs nothing. */
export const GRAIN = { networks: 16, outputs: 16, chunks: 1, rows: 8 } as const;

/** What of a training the pairs of a mini-batch meet at their addresses. */
export interface PairArrays {
  hyperparameters: Hyperparameters;
  tables: Tables;
  parents: Uint32Array;
  work: {
    activations: Floats[];
    dLayer: Floats;
    layerSums: LayerSums;
    error: Floats;
    lossNats: Float64Array;
    correct: Uint32Array;
    partials: Floats;
    ones: Floats;
  };
}

/**
 * What the threads of a crew do together with pairs at their addresses: all pairs of a mini-batch, or those of one rank. Each step
 * is called by all threads, which claim its pieces; it ends at a barrier.
 */
export class PairSteps {
  readonly #arrays: PairArrays;
  readonly #kernels: Kernels;
  readonly #member: CrewMember;

  constructor(arrays: PairArrays, kernels: Kernels, member: CrewMember) {
    this.#arrays = arrays;
    this.#kernels = kernels;
    this.#member = member;
  }

  /** Without layers, one walk over the rows does it all. @param entities vectors that the pairs' entities are numbers of */
  trainChains(batch: MiniBatch, entities: Floats, step: Step): void {
    const { hyperparameters, tables, parents, work } = this.#arrays;
    const terms = termsOf(batch);
    const encoded = this.#clearUnknownNetwork(batch);
    const { error, lossNats, correct, partials } = work;
    const out = { encoded, error, lossNats, correct, partials };
    this.#inPieces(terms.chunks, GRAIN.chunks, (from, to) =>
      this.#kernels.trainChains(
        tables.prefixes,
        hyperparameters.vectorDim,
        parents,
        terms,
        batch.pairs.perPositive,
        entities,
        out,
        step,
        from,
        to,
      ),
    );
  }

  /** Vectors of the batch's networks, before the layers. */
  encode(batch: MiniBatch): void {
    const { hyperparameters, tables, parents } = this.#arrays;
    const { vectors } = tables.prefixes;
    const terms = termsOf(batch);
    const encoded = this.#clearUnknownNetwork(batch);
    this.#inPieces(terms.chunks, GRAIN.chunks, (from, to) =>
      this.#kernels.encodeChains(vectors, hyperparameters.vectorDim, parents, terms, encoded, from, to),
    );
  }

  forwardThroughLayers({ sizes }: MiniBatch): void {
    const { hyperparameters, tables, work } = this.#arrays;
    const { activations } = work;
    this.#inPieces(sizes[SIZES.networks], GRAIN.networks, (from, to) => {
      for (const [l, { vectors }] of tables.layers.entries()) {
        const [input, out] = [activations[l], activations[l + 1]];
        this.#kernels.denseForward(vectors, hyperparameters.vectorDim, input, out, from, to);
      }
    });
  }

  /**
   * Gradients of layer l: of its weights, by shard, and of what went into it.
   * @param shards those that the networks are of
   */
  layerGradients(
    { firstNetwork, sizes }: MiniBatch,
    l: number,
    shards: { first: number; end: number },
    dOut: Floats,
    dIn: Floats,
  ): void {
    const { hyperparameters, tables, work } = this.#arrays;
    const kernels = this.#kernels;
    const D = hyperparameters.vectorDim;
    const A = sizes[SIZES.networks];
    const { vectors } = tables.layers[l];
    const [input, out] = [work.activations[l], work.activations[l + 1]];
    // Two kinds of pieces: first some outputs of the layer for one shard, then networks.
    const outputs = Math.ceil(D / GRAIN.outputs);
    const ofShards = (shards.end - shards.first) * outputs;
    this.#inPieces(ofShards + Math.ceil(A / GRAIN.networks), 1, (piece) => {
      if (piece >= ofShards) {
        const from = (piece - ofShards) * GRAIN.networks;
        const to = Math.min(A, from + GRAIN.networks);
        kernels.denseInputGradients(vectors, D, input, out, dOut, dIn, from, to);
        return;
      }
      const shard = shards.first + Math.floor(piece / outputs);
      const [first, end] = [firstNetwork[shard], firstNetwork[shard + 1]];
      if (end === first) return;
      const from = (piece % outputs) * GRAIN.outputs;
      const to = Math.min(D, from + GRAIN.outputs);
      const own = work.dLayer.subarray(shard * (D + 1) * D, (shard + 1) * (D + 1) * D);
      kernels.denseWeightGradients(D, input, out, dOut, first, end, own, from, to);
    });
  }

  /** The step of layer l. @param parts gradients that `layerSums` add up */
  updateLayer(l: number, parts: Floats, step: Step): void {
    const { hyperparameters, tables, work } = this.#arrays;
    const D = hyperparameters.vectorDim;
    const { layerSums, ones } = work;
    this.#inPieces(D + 1, GRAIN.rows, (from, to) =>
      this.#kernels.updateBySums(
        tables.layers[l],
        D,
        layerSums,
        layerSums.identity,
        parts,
        ones,
        step,
        from,
        to,
      ),
    );
  }

  /** Steps of address rows, with layers. @param gradients of the batch's networks, before the layers */
  updateChains(batch: MiniBatch, gradients: Floats, step: Step): void {
    const { hyperparameters, tables, parents, work } = this.#arrays;
    const terms = termsOf(batch);
    this.#inPieces(terms.chunks, GRAIN.chunks, (from, to) =>
      this.#kernels.updateChains(
        tables.prefixes,
        hyperparameters.vectorDim,
        parents,
        terms,
        work.ones,
        gradients,
        step,
        work.partials,
        from,
        to,
      ),
    );
  }

  /** Addresses without any row come last, as a network without terms: their sum is empty. @returns the encoded networks */
  #clearUnknownNetwork(batch: MiniBatch): Floats {
    const [encoded] = this.#arrays.work.activations;
    if (this.#member.index !== 0) return encoded;
    const { count, network } = termsOf(batch);
    const D = this.#arrays.hyperparameters.vectorDim;
    const known = count === 0 ? 0 : network[count - 1] + 1;
    return encoded.fill(0, known * D, batch.sizes[SIZES.networks] * D);
  }

  #inPieces(count: number, grain: number, work: (from: number, to: number) => void): void {
    const member = this.#member;
    while (member.claim(count, grain)) work(member.from, member.to);
    member.barrier();
  }
}
