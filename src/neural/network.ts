import type { AddressWords } from '../addresses/address.ts';
import { hashEntity, hashModulo } from '../events/entityHash.ts';
import type { Floats, Kernels, Lists } from '../kernels/kernels.ts';
import { MAX_CHAIN, NO_ROW, type PrefixTable } from './prefixes.ts';

/** The learned tables. E entity vectors, P address rows, D vector, L layers. */
export interface Weights {
  dimension: number; // D
  entityVectors: Floats; // (E, D)
  prefixes: PrefixTable; // (P)
  prefixVectors: Floats; // (P, D)
  /** one for each fully connected layer: D rows of weights, one of biases */
  layers: Floats[]; // L × (D + 1, D)
}

/** Row of the entity table for a name. */
export function entityRow(name: string, numEntityVectors: number): number {
  const [low, high] = hashEntity(name);
  return hashModulo(low, high, numEntityVectors);
}

/** Appends the rows that an address is the sum of, narrow to wide; returns the new length. */
export function appendChain(
  prefixes: PrefixTable,
  deepest: number,
  out: Uint32Array,
  length: number,
): number {
  for (let row = deepest; row !== NO_ROW; row = prefixes.parent[row]) out[length++] = row;
  return length;
}

/** Scores one event at a time, without allocating. */
export class Network {
  readonly weights: Weights;
  readonly #kernels: Kernels;
  readonly #chain: Lists = { starts: new Uint32Array(2), members: new Uint32Array(MAX_CHAIN) };
  readonly #activations: [Floats, Floats];

  constructor(weights: Weights, kernels: Kernels) {
    this.weights = weights;
    this.#kernels = kernels;
    const { dimension } = weights;
    this.#activations = [new Float32Array(dimension), new Float32Array(dimension)];
  }

  /**
   * The vector of an address: zero where no prefix of it was seen in training (another family).
   * @returns f32[D], overwritten by the next call
   */
  encode(words: AddressWords, index = 0): Floats {
    const { prefixes, prefixVectors, dimension, layers } = this.weights;
    const { starts, members } = this.#chain;
    starts[1] = appendChain(prefixes, prefixes.find(words, index), members, 0);
    let [current, other] = this.#activations;
    this.#kernels.sumRows(prefixVectors, dimension, this.#chain, current, 0, 1);
    for (const layer of layers) {
      this.#kernels.denseForward(layer, dimension, current, other, 0, 1);
      [current, other] = [other, current];
    }
    return current;
  }

  /** Whether training saw no address of this family: then every vector of it is zero. */
  isUnknownFamily(words: AddressWords, index = 0): boolean {
    return this.weights.prefixes.find(words, index) === NO_ROW;
  }

  /**
   * @param row of the entity table
   * @returns inner product as a float32; high = expected
   */
  dotProduct(row: number, words: AddressWords, index = 0): number {
    const { dimension, entityVectors } = this.weights;
    const vector = this.encode(words, index);
    const at = row * dimension;
    let dot = 0;
    for (let d = 0; d < dimension; d++) dot += entityVectors[at + d] * vector[d];
    return Math.fround(dot);
  }
}
