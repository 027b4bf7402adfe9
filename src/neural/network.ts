import { type AddressWords, isIpv4 } from '../addresses/address.ts';
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
  /** rows encoded one by one so far, and how many are enough to do the rest at once */
  #asked = 0;
  readonly #enoughAsked: number;

  constructor(weights: Weights, kernels: Kernels) {
    this.weights = weights;
    this.#kernels = kernels;
    const { dimension, prefixes } = weights;
    this.#activations = [new Float32Array(dimension), new Float32Array(dimension)];
    this.#encoded = new Float32Array((prefixes.rows.count + 1) * dimension);
    this.#isEncoded = new Uint8Array(prefixes.rows.count + 1);
    this.#enoughAsked = Math.ceil(prefixes.rows.count / 16);
  }

  /** @returns where the vector of addresses with this deepest row starts in #encoded */
  #encode(deepest: number): number {
    const { prefixes, dimension, layers } = this.weights;
    const row = deepest === NO_ROW ? prefixes.rows.count : deepest;
    if (this.#isEncoded[row] === 0) {
      this.#isEncoded[row] = 1;
      if (layers.length > 0) this.#encodeThroughLayers(deepest, row);
      else if (deepest !== NO_ROW) this.#addToParent(deepest);
      if (layers.length === 0 && ++this.#asked === this.#enoughAsked) this.#encodeAll();
    }
    return row * dimension;
  }

  /** In the order of rows, which is several times faster for each than in the order of questions. */
  #encodeAll(): void {
    const { count } = this.weights.prefixes.rows;
    for (let row = 0; row < count; row++) {
      if (this.#isEncoded[row] === 1) continue;
      this.#isEncoded[row] = 1;
      this.#addToParent(row);
    }
  }

  /** Without layers a row's vector is that of its parent and its own. */
  #addToParent(row: number): void {
    const { prefixes, prefixVectors, dimension } = this.weights;
    const encoded = this.#encoded;
    const at = row * dimension;
    const parent = prefixes.parent[row];
    if (parent === NO_ROW) {
      for (let d = 0; d < dimension; d++) encoded[at + d] = prefixVectors[at + d];
    } else {
      const above = this.#encode(parent);
      for (let d = 0; d < dimension; d++) encoded[at + d] = encoded[above + d] + prefixVectors[at + d];
    }
  }

  #encodeThroughLayers(deepest: number, row: number): void {
    const { prefixes, prefixVectors, dimension, layers } = this.weights;
    const { starts, members } = this.#chain;
    starts[1] = appendChain(prefixes, deepest, members, 0);
    let [current, other] = this.#activations;
    this.#kernels.sumRows(prefixVectors, dimension, this.#chain, current, 0, 1);
    for (const layer of layers) {
      this.#kernels.denseForward(layer, dimension, current, other, 0, 1);
      [current, other] = [other, current];
    }
    this.#encoded.set(current, row * dimension);
  }

  /** Whether training saw no address of this family: then the sum of its prefix vectors is empty. */
  isUnknownFamily(words: AddressWords, index = 0): boolean {
    return !this.weights.prefixes.hasFamily(isIpv4(words, index));
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
    // Four sums at once, as one alone would wait for each addition before the next.
    let dot = 0;
    let dot1 = 0;
    let dot2 = 0;
    let dot3 = 0;
    let d = 0;
    for (; d + 3 < dimension; d += 4) {
      dot += entityVectors[entity + d] * encoded[vector + d];
      dot1 += entityVectors[entity + d + 1] * encoded[vector + d + 1];
      dot2 += entityVectors[entity + d + 2] * encoded[vector + d + 2];
      dot3 += entityVectors[entity + d + 3] * encoded[vector + d + 3];
    }
    for (; d < dimension; d++) dot += entityVectors[entity + d] * encoded[vector + d];
    return Math.fround(dot + dot1 + (dot2 + dot3));
  }
}
