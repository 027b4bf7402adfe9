import type { AddressWords } from '../addresses/address.ts';
import { hashModulo } from '../events/entityHash.ts';
import type { Events } from '../events/events.ts';
import type { KernelMemory } from '../kernels/webAssembly.ts';
import { Network, type Weights } from '../neural/network.ts';

/** IP Insights itself: dot products of entities, which have rows by their hash, and addresses. */
export class NeuralScorer {
  readonly #network: Network;
  readonly #numEntityVectors: number;

  constructor(weights: Weights, numEntityVectors: number, kernelMemory?: KernelMemory) {
    this.#network = new Network(weights, kernelMemory);
    this.#numEntityVectors = numEntityVectors;
  }

  /** Inner product for an entity given by its hash (low and high word). High = expected. */
  dotProduct(hashLow: number, hashHigh: number, words: AddressWords, index = 0): number {
    return this.#network.dotProduct(hashModulo(hashLow, hashHigh, this.#numEntityVectors), words, index);
  }

  /**
   * Inner products of many events, several times faster for each than one at a time. High = expected; an entity that
   * training did not see has one that means nothing.
   * @returns f32[N]
   */
  dotProducts({ count, entities, entity, addresses }: Events): Float32Array {
    const rowOf = new Uint32Array(entities.count);
    for (let e = 0; e < entities.count; e++) {
      const [low, high] = entities.hashOf(e);
      rowOf[e] = hashModulo(low, high, this.#numEntityVectors);
    }
    const out = new Float32Array(count);
    this.#network.dotProducts(count, (i) => rowOf[entity[i]], addresses, out);
    return out;
  }

  /** Whether training saw no address of this family: then every dot product is zero. */
  isUnknownFamily(words: AddressWords, index = 0): boolean {
    return this.#network.isUnknownFamily(words, index);
  }
}
