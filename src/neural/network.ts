import { type AddressWords, isIpv4 } from '../addresses/address.ts';
import { type ByteVectors, type Floats, type Kernels, NO_ROW } from '../kernels/kernels.ts';
import { plainKernels } from '../kernels/plain.ts';
import { type KernelMemory, SCORING_BLOCK, webAssemblyKernels } from '../kernels/webAssembly.ts';
import { expanded, expandRow } from './byteVectors.ts';
import type { PrefixTable } from './prefixes.ts';

/** Floats, or 8 bits each. */
export type Vectors = Floats | ByteVectors;

export const isBytes = (vectors: Vectors): vectors is ByteVectors => 'codes' in vectors;

/** The learned tables, as scoring uses them. E entity vectors, P network rows, D vector, L layers. */
export interface Weights<V extends Vectors = Vectors> {
  dimension: number; // D
  entityVectors: V; // (E, D)
  prefixes: PrefixTable; // (P)
  /** what goes into the first layer for an address whose deepest row is this: Σ of the vectors of its prefixes */
  networkVectors: V; // (P, D)
  /** one for each fully connected layer: D rows of weights, one of biases */
  layers: Floats[]; // L × (D + 1, D)
}

/** Makes network vectors of prefix vectors, in place: to each row it adds that of its parent, which comes before it. */
export function addUpChains(vectors: Floats, dimension: number, parents: Uint32Array): void {
  for (let row = 0; row < parents.length; row++) {
    if (parents[row] === NO_ROW) continue;
    const above = parents[row] * dimension;
    const at = row * dimension;
    for (let d = 0; d < dimension; d++) vectors[at + d] += vectors[above + d];
  }
}

/**
 * Scores events. An address's vector depends on its deepest row alone: without layers it stands in the table, with
 * layers each is computed once and kept, so weights must not change while a network is in use.
 */
export class Network {
  readonly weights: Weights;
  readonly #kernels: Kernels;
  readonly #entityRows: Uint32Array; // (SCORING_BLOCK)
  readonly #networkRows: Uint32Array; // (SCORING_BLOCK)
  readonly #scores: Float32Array; // (SCORING_BLOCK)
  readonly #encoded: EncodedNetworks | undefined;
  /** 8 bits only where the networks' vectors have them too */
  readonly #entityVectors: Vectors;

  /**
   * @param kernelMemory where the tables lie, if they lie in one
   * @param thread       which of those that share the memory this is
   */
  constructor(weights: Weights, kernelMemory?: KernelMemory, thread = 0) {
    this.weights = weights;
    const isInside = (vectors: Vectors) =>
      (isBytes(vectors) ? vectors.codes : vectors).buffer === kernelMemory?.memory.buffer;
    const inMemory = isInside(weights.entityVectors) && isInside(weights.networkVectors);
    const hasLayers = weights.layers.length > 0;
    const useMemory = kernelMemory && inMemory && !hasLayers;
    this.#kernels = useMemory ? webAssemblyKernels(kernelMemory, thread) : plainKernels;
    const block = useMemory ? kernelMemory.scoring[thread] : undefined;
    this.#entityRows = block?.left ?? new Uint32Array(SCORING_BLOCK);
    this.#networkRows = block?.right ?? new Uint32Array(SCORING_BLOCK);
    this.#scores = block?.out ?? new Float32Array(SCORING_BLOCK);
    const { entityVectors, dimension } = weights;
    this.#entityVectors = entityVectors;
    if (!hasLayers) return;
    // What comes out of the layers are floats.
    this.#encoded = new EncodedNetworks(weights);
    if (isBytes(entityVectors)) this.#entityVectors = expanded(entityVectors, dimension);
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
    this.#entityRows[0] = row;
    this.#networkRows[0] = this.weights.prefixes.find(words, index);
    this.#scoreBlock(1);
    return this.#scores[0];
  }

  /**
   * The same for a block of events.
   * @param positions of the events, SCORING_BLOCK at most
   * @param rowOf     gives the row of the entity table for an event
   * @returns f32[positions], overwritten by the next call
   */
  dotProductsAt(positions: Uint32Array, rowOf: (i: number) => number, addresses: AddressWords): Float32Array {
    const { prefixes } = this.weights;
    for (let j = 0; j < positions.length; j++) {
      this.#entityRows[j] = rowOf(positions[j]);
      this.#networkRows[j] = prefixes.find(addresses, positions[j]);
    }
    this.#scoreBlock(positions.length);
    return this.#scores;
  }

  /** Writes the vector of a row of the entity table. @param out f32[D] */
  readEntityVector(row: number, out: Float32Array): void {
    readRow(this.#entityVectors, this.weights.dimension, row, out);
  }

  /** Writes an address's vector, behind the layers where there are some; zeros where its family is unknown. @param out f32[D] */
  readAddressVector(words: AddressWords, index: number, out: Float32Array): void {
    const { networkVectors, dimension, prefixes } = this.weights;
    this.#networkRows[0] = prefixes.find(words, index);
    const vectors = this.#encoded?.prepare(this.#networkRows, 1) ?? networkVectors;
    if (this.#networkRows[0] === NO_ROW) out.fill(0);
    else readRow(vectors, dimension, this.#networkRows[0], out);
  }

  #scoreBlock(length: number): void {
    const { networkVectors, dimension } = this.weights;
    const entities = this.#entityVectors;
    const networks = this.#encoded?.prepare(this.#networkRows, length) ?? networkVectors;
    const [entityRows, networkRows, scores] = [this.#entityRows, this.#networkRows, this.#scores];
    if (isBytes(entities)) {
      const bytes = networks as ByteVectors;
      this.#kernels.byteDotProducts(entities, entityRows, bytes, networkRows, dimension, scores, 0, length);
    } else {
      const floats = networks as Floats;
      this.#kernels.dotProducts(entities, entityRows, floats, networkRows, dimension, scores, 0, length);
    }
  }
}

function readRow(vectors: Vectors, dimension: number, row: number, out: Float32Array): void {
  if (isBytes(vectors)) expandRow(vectors, dimension, row, out, 0);
  else out.set(vectors.subarray(row * dimension, (row + 1) * dimension));
}

/** Network vectors after the layers, each computed when it is asked for first. */
class EncodedNetworks {
  readonly #weights: Weights;
  /** (P + 1, D); the last row is for addresses without any. The pages of rows never asked for stay unused. */
  readonly #vectors: Float32Array;
  readonly #isKnown: Uint8Array; // (P + 1)
  readonly #activations: [Float32Array, Float32Array];

  constructor(weights: Weights) {
    this.#weights = weights;
    const rows = weights.prefixes.rows.count + 1;
    this.#vectors = new Float32Array(rows * weights.dimension);
    this.#isKnown = new Uint8Array(rows);
    this.#activations = [new Float32Array(weights.dimension), new Float32Array(weights.dimension)];
  }

  /** @returns vectors in which all these rows are known; NO_ROW becomes the last one */
  prepare(rows: Uint32Array, length: number): Float32Array {
    const none = this.#weights.prefixes.rows.count;
    for (let i = 0; i < length; i++) {
      if (rows[i] === NO_ROW) rows[i] = none;
      if (this.#isKnown[rows[i]] === 0) this.#encode(rows[i], none);
    }
    return this.#vectors;
  }

  #encode(row: number, none: number): void {
    const { dimension, networkVectors, layers } = this.#weights;
    this.#isKnown[row] = 1;
    let [current, other] = this.#activations;
    if (row === none) current.fill(0);
    else readRow(networkVectors, dimension, row, current);
    for (const layer of layers) {
      plainKernels.denseForward(layer, dimension, current, other, 0, 1);
      [current, other] = [other, current];
    }
    this.#vectors.set(current, row * dimension);
  }
}
