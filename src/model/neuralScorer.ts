import type { AddressWords } from '../addresses/address.ts';
import { hashModulo } from '../events/entityHash.ts';
import type { Events } from '../events/events.ts';
import type { HashedEvents } from '../events/hashedEvents.ts';
import { lookupOrder } from '../events/lookupOrder.ts';
import { type KernelMemory, SCORING_BLOCK } from '../kernels/webAssembly.ts';
import { Network, type Weights } from '../neural/network.ts';
import type { HeldRows } from './shards/heldRows.ts';

/** Events that a block is not worth preparing for. */
export const FEW = 8;

/** IP Insights itself: dot products of entities, which have rows by their hash, and addresses. */
export class NeuralScorer {
  readonly #network: Network;
  readonly #numEntityVectors: number;
  readonly #held: HeldRows | undefined;

  /** @param held which rows of the entity table the weights have; default: all */
  constructor(
    weights: Weights,
    numEntityVectors: number,
    kernelMemory?: KernelMemory,
    thread = 0,
    held?: HeldRows,
  ) {
    this.#network = new Network(weights, kernelMemory, thread);
    this.#numEntityVectors = numEntityVectors;
    this.#held = held;
  }

  #rowOf(hashLow: number, hashHigh: number): number {
    const row = hashModulo(hashLow, hashHigh, this.#numEntityVectors);
    return this.#held === undefined ? row : this.#held.localRow(row);
  }

  /** Inner product for an entity given by its hash (low and high word). High = expected. */
  dotProduct(hashLow: number, hashHigh: number, words: AddressWords, index = 0): number {
    return this.#network.dotProduct(this.#rowOf(hashLow, hashHigh), words, index);
  }

  /**
   * Inner products of many events, several times faster for each than one at a time. High = expected; an entity that
   * training did not see has one that means nothing.
   * @param take is given them in blocks: positions of events and as many dot products, overwritten by the next block
   */
  eachBlock(events: Events | HashedEvents, take: (positions: Uint32Array, dots: Float32Array) => void): void {
    const { count, addresses } = events;
    const rowOf = this.#rowsOf(events);
    const order = lookupOrder(events);
    for (let from = 0; from < count; from += SCORING_BLOCK) {
      const positions = order.subarray(from, from + SCORING_BLOCK);
      take(positions, this.#network.dotProductsAt(positions, rowOf, addresses));
    }
  }

  /** The same of events by their hashes; of few it is as fast as one. @returns f32[N] */
  dotProductsOf(events: HashedEvents): Float32Array {
    const { count, hashes, addresses } = events;
    const out = new Float32Array(count);
    if (count <= FEW) {
      for (let i = 0; i < count; i++)
        out[i] = this.dotProduct(hashes[i * 2], hashes[i * 2 + 1], addresses, i);
    } else {
      this.eachBlock(events, (positions, dots) => {
        for (let j = 0; j < positions.length; j++) out[positions[j]] = dots[j];
      });
    }
    return out;
  }

  /** @returns what gives the row of an event's entity */
  #rowsOf(events: Events | HashedEvents): (i: number) => number {
    if ('hashes' in events) {
      const { hashes } = events;
      return (i) => this.#rowOf(hashes[i * 2], hashes[i * 2 + 1]);
    }
    const { entities, entity } = events;
    const rows = new Uint32Array(entities.count);
    for (let e = 0; e < entities.count; e++) {
      const [low, high] = entities.hashOf(e);
      rows[e] = this.#rowOf(low, high);
    }
    return (i) => rows[entity[i]];
  }

  /** The same at once. @returns f32[N] */
  dotProducts(events: Events): Float32Array {
    const out = new Float32Array(events.count);
    this.eachBlock(events, (positions, dots) => {
      for (let j = 0; j < positions.length; j++) out[positions[j]] = dots[j];
    });
    return out;
  }

  /** Vectors of an entity, given by its hash, and an address. @param entity, address f32[D], overwritten */
  readVectors(
    hashLow: number,
    hashHigh: number,
    words: AddressWords,
    index: number,
    entity: Float32Array,
    address: Float32Array,
  ): void {
    this.readEntityVector(hashLow, hashHigh, entity);
    this.readAddressVector(words, index, address);
  }

  /** @param out f32[D], overwritten */
  readEntityVector(hashLow: number, hashHigh: number, out: Float32Array): void {
    this.#network.readEntityVector(this.#rowOf(hashLow, hashHigh), out);
  }

  /** @param out f32[D], overwritten */
  readAddressVector(words: AddressWords, index: number, out: Float32Array): void {
    this.#network.readAddressVector(words, index, out);
  }

  /** Whether training saw no address of this family: then every dot product is zero. */
  isUnknownFamily(words: AddressWords, index = 0): boolean {
    return this.#network.isUnknownFamily(words, index);
  }
}
