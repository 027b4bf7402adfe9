/**
 * The whole of training once more, as plainly as it can be said: no kernels, no lists, no threads, everything in f64.
 * Tests only; not part of the package.
 */
import type { Events } from '../events/events.ts';
import { type Bounded, sumOf, U } from '../kernels/conformance/bounds.ts';
import { CrewMember, createControl } from '../kernels/crew.ts';
import { type Floats, FULL_STEPS, MOMENT_DECAY, MOMENT_EPSILON, NO_ROW } from '../kernels/kernels.ts';
import { type Memory, separateBuffers } from '../kernels/memory.ts';
import { plainKernels } from '../kernels/plain.ts';
import { EpochOrder } from '../random/epochOrder.ts';
import { PURPOSE } from '../random/philox.ts';
import { BatchMaker } from './batchMaker.ts';
import type { Hyperparameters } from './hyperparameters.ts';
import { allocateMiniBatch, SIZES, termsOf } from './miniBatch.ts';
import type { Weights } from './network.ts';
import { PrefixTable } from './prefixes.ts';
import { countTerms, shardBorders } from './shards.ts';
import { progressOf } from './train.ts';
import {
  allocateRows,
  batchShape,
  fillStart,
  layOutTraining,
  TOTALS,
  type TrainingState,
  trainingPairs,
} from './trainingState.ts';
import { TrainingThread } from './trainingThread.ts';

/** Arrays of f64 where kernels would have f32: rounding then hides nothing. */
const doubles: Memory = {
  ...separateBuffers,
  floats: (length) => separateBuffers.doubles(length) as unknown as Float32Array,
};

/** A training whose tables and work arrays are f64, by the plain kernels. */
export class DoublesTraining {
  readonly state: TrainingState;
  readonly prefixes: PrefixTable;

  constructor(events: Events, h: Hyperparameters, seed: number) {
    this.prefixes = PrefixTable.build(events.addresses);
    const shape = batchShape(h, events.count);
    const { prefixes, layers, parents, batches, work } = layOutTraining(
      h,
      shape,
      this.prefixes.rows.count,
      1,
      doubles,
    );
    parents.set(this.prefixes.parent);
    const entities = allocateRows(h.numEntityVectors, h.vectorDim, doubles);
    const data = trainingPairs(events, this.prefixes, h.numEntityVectors);
    this.state = {
      hyperparameters: h,
      seed,
      shape,
      data,
      prefixParts: this.prefixes.parts,
      borders: shardBorders(shape, this.prefixes, countTerms(data, this.prefixes)),
      tables: { entities, prefixes, layers },
      parents,
      batches,
      work,
      entitiesInside: true,
      totals: separateBuffers.doubles(Object.keys(TOTALS).length),
    };
    fillStart(this.state, h, seed, plainKernels);
  }

  *runEpoch(epoch: number) {
    const thread = new TrainingThread(this.state, plainKernels, new CrewMember(createControl(), 0, 1));
    for (const _ of thread.runEpoch(epoch, 0)) yield progressOf(this.state, this.state.data.count, epoch);
    this.state.totals.fill(0);
  }
}

/** A pair of a mini-batch: who, where, and whether it was observed. */
interface Pair {
  entity: number;
  /** all prefixes of the address */
  chain: number[];
  label: 0 | 1;
}

/** Gradients of the rows that a mini-batch touches, by the row's place in its table. */
type Gradients = Map<number, Float64Array>;

interface Moments {
  moment: number;
  steps: number;
}

export class Reference {
  readonly entities: Float64Array;
  readonly prefixes: Float64Array;
  readonly layers: Float64Array[];
  readonly #state: TrainingState;
  readonly #table: PrefixTable;
  readonly #moments = new Map<Float64Array, Map<number, Moments>>();

  /** @param start tables before the first mini-batch */
  constructor(start: { state: TrainingState; prefixes: PrefixTable }) {
    const { tables } = start.state;
    this.#state = start.state;
    this.#table = start.prefixes;
    this.entities = Float64Array.from(tables.entities.vectors);
    this.prefixes = Float64Array.from(tables.prefixes.vectors);
    this.layers = tables.layers.map(({ vectors }) => Float64Array.from(vectors));
  }

  /** One mini-batch. @returns its loss in nats */
  step(epoch: number, index: number): number {
    const { hyperparameters: h, data } = this.#state;
    const from = index * h.miniBatchSize;
    const to = Math.min(data.count, from + h.miniBatchSize);
    const gradients = new Map<Float64Array, Gradients>();
    let loss = 0;
    for (const pair of this.#pairs(epoch, from, to)) loss += this.#addPair(pair, gradients);
    const rate = h.learningRate * (1 - (epoch + from / data.count) / h.epochs);
    for (const [table, ofRows] of gradients) {
      for (const [row, sum] of ofRows)
        this.#update(
          table,
          row,
          sum.map((g) => g / (to - from)),
          rate,
        );
    }
    return loss;
  }

  /** What a `BatchMaker` draws (its own test says that it draws what it should), one pair after the other. */
  #pairs(epoch: number, from: number, to: number): Pair[] {
    const { shape, data, seed, borders } = this.#state;
    const batch = allocateMiniBatch(shape, separateBuffers);
    const order = new EpochOrder(data.count, seed, PURPOSE.epochOrder, epoch);
    new BatchMaker(shape, data, this.#table, borders, seed, plainKernels).make(batch, order, from, to, epoch);
    const { perPositive: K, entity, network } = batch.pairs;
    const terms = termsOf(batch);
    const rows = Array(batch.sizes[SIZES.networks]).fill(NO_ROW);
    for (let i = 0; i < terms.count; i++) rows[terms.network[i]] = terms.row[i];
    return Array.from({ length: (to - from) * K }, (_, p) => {
      const chain: number[] = [];
      for (let row = rows[network[p]]; row !== NO_ROW; row = this.#table.parent[row]) chain.push(row);
      return {
        entity: batch.entityRows[entity[Math.floor(p / K)]],
        chain,
        label: p % K === 0 ? 1 : 0,
      };
    });
  }

  /** Forward and backward. @returns the pair's loss */
  #addPair({ entity, chain, label }: Pair, gradients: Map<Float64Array, Gradients>): number {
    const D = this.#state.hyperparameters.vectorDim;
    const dims = Array.from({ length: D }, (_, d) => d);
    const sum = (term: (d: number) => number) => dims.reduce((total, d) => total + term(d), 0);
    const add = (table: Float64Array, row: number, d: number, value: number) => {
      if (!gradients.has(table)) gradients.set(table, new Map());
      const ofRows = gradients.get(table)!;
      if (!ofRows.has(row)) ofRows.set(row, new Float64Array(D));
      ofRows.get(row)![d] += value;
    };
    const activations = [
      dims.map((d) => chain.reduce((total, row) => total + this.prefixes[row * D + d], 0)),
    ];
    for (const layer of this.layers) {
      const x = activations.at(-1)!;
      activations.push(
        dims.map((i) => x[i] + Math.max(0, layer[D * D + i] + sum((d) => layer[i * D + d] * x[d]))),
      );
    }
    const top = activations.at(-1)!;
    const probability = 1 / (1 + Math.exp(-sum((d) => this.entities[entity * D + d] * top[d])));
    const error = probability - label;
    for (const d of dims) add(this.entities, entity, d, error * top[d]);
    let delta = dims.map((d) => error * this.entities[entity * D + d]);
    for (let l = this.layers.length - 1; l >= 0; l--) {
      const layer = this.layers[l];
      const x = activations[l];
      const active = dims.map((i) => (activations[l + 1][i] > x[i] ? delta[i] : 0));
      for (const i of dims) {
        for (const d of dims) add(layer, i, d, active[i] * x[d]);
        add(layer, D, i, active[i]);
      }
      delta = dims.map((d) => delta[d] + sum((i) => active[i] * layer[i * D + d]));
    }
    for (const row of chain) for (const d of dims) add(this.prefixes, row, d, delta[d]);
    return -Math.log(label === 1 ? probability : 1 - probability);
  }

  #update(table: Float64Array, row: number, gradient: Float64Array, rate: number): void {
    if (!this.#moments.has(table)) this.#moments.set(table, new Map());
    const ofRows = this.#moments.get(table)!;
    const state = ofRows.get(row) ?? { moment: 0, steps: 0 };
    ofRows.set(row, state);
    const at = row * gradient.length;
    const { weightDecay } = this.#state.hyperparameters;
    const whole = gradient.map((g, d) => g + weightDecay * table[at + d]);
    const square = whole.reduce((total, g) => total + g * g, 0) / whole.length;
    state.moment = MOMENT_DECAY * state.moment + (1 - MOMENT_DECAY) * square;
    state.steps++;
    const unbiased = state.moment / (1 - MOMENT_DECAY ** state.steps);
    const decay = Math.min(1, Math.sqrt(FULL_STEPS / state.steps));
    const size = (rate * decay) / (Math.sqrt(unbiased) + MOMENT_EPSILON);
    for (const [d, g] of whole.entries()) table[at + d] -= size * g;
  }
}

/** The dot product of an entity and an address with this deepest row, and by how much f32 may miss it. */
export function dotByDefinition(
  { dimension: D, entityVectors, networkVectors, layers }: Weights<Floats>,
  entity: number,
  row: number,
): Bounded {
  const dims = Array.from({ length: D }, (_, d) => d);
  const sum = (term: (d: number) => number) => dims.reduce((total, d) => total + term(d), 0);
  let x = dims.map((d) => (row === NO_ROW ? 0 : networkVectors[row * D + d]));
  let miss = dims.map(() => 0);
  for (const w of layers) {
    const inner = dims.map((i) => sumOf(D, (d) => w[i * D + d] * x[d], w[D * D + i]));
    // What the input misses, the roundings of the sum, one of the result.
    miss = dims.map((i) => {
      const passedOn = miss[i] + sum((d) => Math.abs(w[i * D + d]) * miss[d]);
      return (passedOn + inner[i].error + U * Math.abs(x[i] + inner[i].value)) * (1 + 2 * U);
    });
    x = dims.map((i) => x[i] + Math.max(0, inner[i].value));
  }
  const e = (d: number) => entityVectors[entity * D + d];
  const { value, error } = sumOf(D, (d) => e(d) * x[d]);
  return { value, error: error + sum((d) => Math.abs(e(d)) * miss[d]) * (1 + (D + 4) * U) };
}
