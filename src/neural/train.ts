import { isIpv4 } from '../addresses/address.ts';
import { InputError } from '../errors.ts';
import { hashModulo } from '../events/entityHash.ts';
import type { Events } from '../events/events.ts';
import type { Floats, Kernels, Lists, Step } from '../kernels/kernels.ts';
import { PURPOSE, permutation, philox, RandomStream } from '../random/philox.ts';
import type { Hyperparameters } from './hyperparameters.ts';
import { MiniBatch, type TrainingPairs } from './miniBatch.ts';
import type { Weights } from './network.ts';
import { PrefixTable } from './prefixes.ts';

/** Standard deviation of a starting entity vector's components (docs/decisions/0004 has what else was tried). */
const ENTITY_START_DEVIATION = 0.05;

/** Training metrics since the start of the epoch, over all expanded samples (observed and drawn pairs). */
export interface EpochProgress {
  epoch: number; // from 0
  batches: number;
  /** observed pairs so far in this epoch */
  positives: number;
  /** observed and drawn pairs so far */
  samples: number;
  crossEntropyNats: number;
  accuracy: number;
}

/** Optimiser state beside one table: 8 bytes a row. */
interface RowState {
  moment: Float32Array;
  steps: Uint32Array;
}

const rowState = (rows: number): RowState => ({
  moment: new Float32Array(rows),
  steps: new Uint32Array(rows),
});

/** The rows of the tables that each event trains. */
export function trainingPairs(
  events: Events,
  prefixes: PrefixTable,
  numEntityVectors: number,
): TrainingPairs {
  const { count, entities, entity, addresses } = events;
  const rowOf = new Uint32Array(entities.count);
  for (let e = 0; e < entities.count; e++) {
    const [low, high] = entities.hashOf(e);
    rowOf[e] = hashModulo(low, high, numEntityVectors);
  }
  const data: TrainingPairs = {
    count,
    entityRow: new Uint32Array(count),
    deepest: new Uint32Array(count),
    isIpv6: new Uint8Array(count),
  };
  for (let i = 0; i < count; i++) {
    data.entityRow[i] = rowOf[entity[i]];
    data.deepest[i] = prefixes.find(addresses, i);
    data.isIpv6[i] = isIpv4(addresses, i) ? 0 : 1;
  }
  return data;
}

/** Trains the tables batch by batch; `runEpoch` does one pass. */
export class Trainer {
  readonly weights: Weights;
  readonly #hyperparameters: Hyperparameters;
  readonly #seed: number;
  readonly #kernels: Kernels;
  readonly #data: TrainingPairs;
  readonly #batch: MiniBatch;
  readonly #entityState: RowState;
  readonly #prefixState: RowState;
  readonly #layerStates: RowState[];
  readonly #dEntity: Floats; // (B, D)
  readonly #error: Floats; // (P)
  readonly #encoded: Floats[]; // L + 1 of (A, D)
  readonly #dEncoded: [Floats, Floats]; // (A, D)
  readonly #dLayer: Floats; // (D + 1, D)
  readonly #layerRows: { rows: Uint32Array; lists: Lists };

  constructor(events: Events, hyperparameters: Hyperparameters, seed: number, kernels: Kernels) {
    const h = hyperparameters;
    this.#hyperparameters = h;
    this.#seed = seed;
    this.#kernels = kernels;
    const prefixes = PrefixTable.build(events.addresses);
    this.#data = trainingPairs(events, prefixes, h.numEntityVectors);
    this.weights = startingWeights(prefixes, h, seed);
    const B = Math.min(h.miniBatchSize, events.count);
    const D = h.vectorDim;
    const A = B * (1 + h.randomNegativeSamplingRate);
    this.#batch = new MiniBatch(
      B,
      h.randomNegativeSamplingRate,
      h.shuffledNegativeSamplingRate,
      h.numEntityVectors,
      prefixes,
      seed,
    );
    this.#entityState = rowState(h.numEntityVectors);
    this.#prefixState = rowState(prefixes.rows.count);
    this.#layerStates = this.weights.layers.map(() => rowState(D + 1));
    this.#dEntity = new Float32Array(B * D);
    this.#error = new Float32Array(this.#batch.pairs.address.length);
    this.#encoded = Array.from({ length: h.numIpEncoderLayers + 1 }, () => new Float32Array(A * D));
    this.#dEncoded = [new Float32Array(A * D), new Float32Array(h.numIpEncoderLayers > 0 ? A * D : 0)];
    this.#dLayer = new Float32Array(h.numIpEncoderLayers > 0 ? (D + 1) * D : 0);
    const rows = Uint32Array.from({ length: D + 1 }, (_, i) => i);
    this.#layerRows = {
      rows,
      lists: { starts: Uint32Array.from({ length: D + 2 }, (_, i) => i), members: rows },
    };
  }

  /** Mini-batches of an epoch. */
  get batchesPerEpoch(): number {
    return Math.ceil(this.#data.count / this.#hyperparameters.miniBatchSize);
  }

  /**
   * One pass over the data in an order of its own; yields after every mini-batch.
   * @throws InputError where the loss is no longer a number
   */
  *runEpoch(epoch: number): Generator<EpochProgress> {
    const { miniBatchSize, learningRate, weightDecay, epochs } = this.#hyperparameters;
    const count = this.#data.count;
    const order = permutation(count, new RandomStream(this.#seed, PURPOSE.epochOrder, epoch));
    const progress: EpochProgress = {
      epoch,
      batches: 0,
      positives: 0,
      samples: 0,
      crossEntropyNats: 0,
      accuracy: 0,
    };
    let lossNats = 0;
    let correct = 0;
    for (let from = 0; from < count; from += miniBatchSize) {
      const to = Math.min(count, from + miniBatchSize);
      this.#batch.assemble(this.#data, order, from, to, epoch);
      const done = (epoch + from / count) / epochs;
      const totals = this.#step({
        learningRate: learningRate * (1 - done),
        weightDecay,
        gradientScale: 1 / (to - from),
      });
      lossNats += totals.lossNats;
      correct += totals.correct;
      progress.batches++;
      progress.positives = to;
      progress.samples += this.#batch.pairCount;
      progress.crossEntropyNats = lossNats / progress.samples;
      progress.accuracy = correct / progress.samples;
      if (!Number.isFinite(lossNats)) {
        throw new InputError(
          `epoch ${epoch + 1}, batch ${progress.batches}: loss is ${lossNats}. Lower --learning-rate (now ${learningRate}).`,
        );
      }
      yield progress;
    }
  }

  #step(step: Step): { lossNats: number; correct: number } {
    const kernels = this.#kernels;
    const batch = this.#batch;
    const { dimension: D, entityVectors, prefixVectors, layers } = this.weights;
    const { size: B, addressCount: A, pairs } = batch;
    const encoded = this.#encoded;
    kernels.sumRows(prefixVectors, D, batch.rowsOf, encoded[0], 0, A);
    for (const [l, layer] of layers.entries())
      kernels.denseForward(layer, D, encoded[l], encoded[l + 1], 0, A);
    const top = encoded[layers.length];
    const error = this.#error;
    const totals = kernels.pairErrors(
      entityVectors,
      D,
      batch.entityRow,
      top,
      pairs,
      this.#dEntity,
      error,
      0,
      B,
    );
    let [dTop, dNext] = this.#dEncoded;
    kernels.encodedGradients(entityVectors, D, batch.entityRow, pairs, batch.pairsOf, error, dTop, 0, A);
    for (let l = layers.length - 1; l >= 0; l--) {
      this.#dLayer.fill(0);
      kernels.denseBackward(layers[l], D, encoded[l], encoded[l + 1], dTop, dNext, this.#dLayer, 0, A);
      [dTop, dNext] = [dNext, dTop];
      const { rows, lists } = this.#layerRows;
      const { moment, steps } = this.#layerStates[l];
      kernels.updateRows(layers[l], D, moment, steps, rows, lists, this.#dLayer, step, 0, D + 1);
    }
    const entity = this.#entityState;
    kernels.updateRows(
      entityVectors,
      D,
      entity.moment,
      entity.steps,
      batch.entities.keys,
      batch.entities.lists,
      this.#dEntity,
      step,
      0,
      batch.entities.count,
    );
    const prefix = this.#prefixState;
    kernels.updateRows(
      prefixVectors,
      D,
      prefix.moment,
      prefix.steps,
      batch.prefixes.keys,
      batch.prefixes.lists,
      dTop,
      step,
      0,
      batch.prefixes.count,
    );
    return totals;
  }
}

/**
 * Entity vectors start small and random, each from its own numbers, so that a row's start does not depend on how
 * many rows there are; address vectors at zero; layers with He's deviation over their number.
 */
function startingWeights(prefixes: PrefixTable, h: Hyperparameters, seed: number): Weights {
  const D = h.vectorDim;
  const entityVectors = allocate(h.numEntityVectors * D, h);
  const prefixVectors = allocate(prefixes.rows.count * D, h);
  const block = new Uint32Array(4);
  const width = (ENTITY_START_DEVIATION * Math.sqrt(12)) / 2 ** 32;
  for (let row = 0; row < h.numEntityVectors; row++) {
    for (let d = 0; d < D; d++) {
      if (d % 4 === 0) {
        philox(d >>> 2, PURPOSE.initialWeights, row, 0, seed >>> 0, Math.floor(seed / 2 ** 32), block);
      }
      entityVectors[row * D + d] = width * (block[d % 4] - 2 ** 31);
    }
  }
  const layers = Array.from({ length: h.numIpEncoderLayers }, (_, l) => {
    const layer = new Float32Array((D + 1) * D);
    const random = new RandomStream(seed, PURPOSE.layerWeights, l);
    const deviation = Math.sqrt(2 / D) / h.numIpEncoderLayers;
    for (let i = 0; i < D * D; i++) layer[i] = deviation * random.normal();
    return layer;
  });
  return { dimension: D, entityVectors, prefixes, prefixVectors, layers };
}

function allocate(length: number, { numEntityVectors, vectorDim }: Hyperparameters): Float32Array {
  try {
    return new Float32Array(length);
  } catch {
    const gigabytes = ((4 * length) / 2 ** 30).toFixed(1);
    throw new InputError(
      `a table of ${gigabytes} GiB does not fit into memory. Lower --num-entity-vectors (now ${numEntityVectors}) or --vector-dim (now ${vectorDim}).`,
    );
  }
}
