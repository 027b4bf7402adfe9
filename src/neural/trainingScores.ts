import { RadixSort } from '../events/radixSort.ts';
import { MAX_CHAIN, NO_ROW } from '../kernels/kernels.ts';
import type { Training } from './train.ts';

/**
 * Scores the same pairs again and again while a training stands still between two mini-batches. One walk over
 * the address table in its order makes the vectors of all networks asked for, in the training's own work arrays.
 */
export class TrainingScores {
  readonly #training: Training;
  readonly #entityRows: Uint32Array; // (N)
  readonly #networkRows: Uint32Array; // (N)
  /** pairs in the order of their network rows */
  readonly #order: Uint32Array; // (N)

  /**
   * @param entityRows  row of the entity table of each pair
   * @param networkRows deepest row of its address, or NO_ROW
   */
  constructor(training: Training, entityRows: Uint32Array, networkRows: Uint32Array) {
    this.#training = training;
    this.#entityRows = entityRows;
    this.#networkRows = networkRows;
    this.#order = new RadixSort(networkRows.length).sort(networkRows, networkRows.length);
  }

  /** @returns f64[N] inner products as float32; high = expected */
  dotProducts(): Float64Array {
    const { state, prefixes } = this.#training;
    const { tables, work, hyperparameters } = state;
    const D = hyperparameters.vectorDim;
    const rows = this.#networkRows;
    const kernels = this.#training.kernelsOf(0);
    const [sums] = work.activations;
    const top = work.activations[tables.layers.length];
    const room = sums.length / D;
    const { vectors } = tables.entities;
    const out = new Float64Array(rows.length);
    // Sums of the chain above the present row, one for each depth; row 0 stays zero.
    const chain = new Float32Array((MAX_CHAIN + 1) * D);
    let next = 0;
    let row = 0;
    while (next < rows.length) {
      const first = next;
      let networks = 0;
      let last = -1;
      for (; next < rows.length; next++) {
        const wanted = rows[this.#order[next]];
        if (wanted === last) continue;
        if (networks === room) break;
        last = wanted;
        for (; row <= wanted && row < prefixes.rows.count; row++) {
          const at = prefixes.depth(row) * D;
          for (let d = 0; d < D; d++)
            chain[at + d] = chain[at - D + d] + tables.prefixes.vectors[row * D + d];
        }
        const from = wanted === NO_ROW ? 0 : prefixes.depth(wanted) * D;
        sums.set(chain.subarray(from, from + D), networks++ * D);
      }
      for (const [l, layer] of tables.layers.entries()) {
        kernels.denseForward(layer.vectors, D, work.activations[l], work.activations[l + 1], 0, networks);
      }
      let network = -1;
      last = -1;
      for (let i = first; i < next; i++) {
        const pair = this.#order[i];
        if (rows[pair] !== last) {
          last = rows[pair];
          network++;
        }
        const [e, v] = [this.#entityRows[pair] * D, network * D];
        let dot = 0;
        for (let d = 0; d < D; d++) dot += vectors[e + d] * top[v + d];
        out[pair] = Math.fround(dot);
      }
    }
    return out;
  }
}
