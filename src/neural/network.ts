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

/**
 * Scores one event at a time. An address's vector depends on its deepest row alone, so that each is computed once
 * and kept: weights must not change while a network is in use. What is kept takes the memory of the address table
 * when every network of it has been asked for.
 */
export class Network {
  readonly weights: Weights;
  readonly #kernels: Kernels;
  readonly #chain: Lists = { starts: new Uint32Array(2), members: new Uint32Array(MAX_CHAIN) };
  readonly #activations: [Floats, Floats];
  /** (P + 1, D); the last row is for addresses without any row. The pages of rows never asked for stay unused. */
  readonly #encoded: Float32Array;
  readonly #isEncoded: Uint8Array; // (P + 1)

  constructor(weights: Weights, kernels: Kernels) {
    this.weights = weights;
    this.#kernels = kernels;
    const { dimension, prefixes } = weights;
    this.#activations = [new Float32Array(dimension), new Float32Array(dimension)];
    this.#encoded = new Float32Array((prefixes.rows.count + 1) * dimension);
    this.#isEncoded = new Uint8Array(prefixes.rows.count + 1);
  }

  /** @returns where the vector of addresses with this deepest row starts in #encoded */
  #encode(deepest: number): number {
    const { prefixes, prefixVectors, dimension, layers } = this.weights;
    const row = deepest === NO_ROW ? prefixes.rows.count : deepest;
    const at = row * dimension;
    if (this.#isEncoded[row] === 1) return at;
    const { starts, members } = this.#chain;
    starts[1] = appendChain(prefixes, deepest, members, 0);
    let [current, other] = this.#activations;
    this.#kernels.sumRows(prefixVectors, dimension, this.#chain, current, 0, 1);
    for (const layer of layers) {
      this.#kernels.denseForward(layer, dimension, current, other, 0, 1);
      [current, other] = [other, current];
    }
    this.#encoded.set(current, at);
    this.#isEncoded[row] = 1;
    return at;
  }

  /** Whether training saw no address of this family: then the sum of its prefix vectors is empty. */
  isUnknownFamily(words: AddressWords, index = 0): boolean {
    return this.weights.prefixes.find(words, index) === NO_ROW;
  }

  /**
   * @param row of the entity table
   * @returns inner product as a float32; high = expected
   */
  dotProduct(row: number, words: AddressWords, index = 0): number {
    const { dimension, entityVectors, prefixes } = this.weights;
    const encoded = this.#encoded;
    const vector = this.#encode(prefixes.find(words, index));
    const entity = row * dimension;
    let dot = 0;
    for (let d = 0; d < dimension; d++) dot += entityVectors[entity + d] * encoded[vector + d];
    return Math.fround(dot);
  }
}
