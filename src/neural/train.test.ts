import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../addresses/address.ts';
import { type Events, EventsBuilder } from '../events/events.ts';
import { type Floats, FULL_STEPS, type Lists, MOMENT_DECAY, MOMENT_EPSILON } from '../kernels/kernels.ts';
import { plainKernels } from '../kernels/plain.ts';
import { PURPOSE, permutation, RandomStream } from '../random/philox.ts';
import { completeHyperparameters, type Hyperparameters } from './hyperparameters.ts';
import { MiniBatch } from './miniBatch.ts';
import type { Weights } from './network.ts';
import { PrefixTable } from './prefixes.ts';
import { Trainer, trainingPairs } from './train.ts';

/** `count` events of 7 accounts, each at home in two networks; every third one IPv6. */
function someEvents(count: number): Events {
  const builder = new EventsBuilder();
  const random = new RandomStream(5, 1);
  for (let i = 0; i < count; i++) {
    const account = random.below(7);
    const place = account * 2 + random.below(2);
    const host = random.below(200);
    const address = i % 3 === 0 ? `2001:db8:${place}::${host}` : `10.${place}.${random.below(2)}.${host}`;
    const name = new TextEncoder().encode(`user_${account}`);
    builder.add(name, 0, name.length, parseAddress(address)!, Number.NaN);
  }
  return builder.build();
}

const complete = (given: Partial<Hyperparameters>) =>
  completeHyperparameters(
    { numEntityVectors: 5, vectorDim: 4, miniBatchSize: 16, epochs: 3, learningRate: 0.05, ...given },
    7,
  );

const trainer = (events: Events, h: Hyperparameters, seed = 1) => new Trainer(events, h, seed, plainKernels);

function runAll(one: Trainer, epochs: number): number[] {
  return Array.from({ length: epochs }, (_, epoch) => {
    let loss = Number.NaN;
    for (const progress of one.runEpoch(epoch)) loss = progress.crossEntropyNats;
    return loss;
  });
}

const members = ({ starts, members }: Lists, i: number) => [...members.subarray(starts[i], starts[i + 1])];

for (const layers of [0, 1, 2]) {
  test(`gradients agree with finite differences: ${layers} dense layers`, () => {
    const events = someEvents(60);
    const h = complete({
      numIpEncoderLayers: layers,
      randomNegativeSamplingRate: 2,
      shuffledNegativeSamplingRate: 1,
    });
    const D = h.vectorDim;
    const prefixes = PrefixTable.build(events.addresses);
    const batch = new MiniBatch(12, 2, 1, h.numEntityVectors, prefixes, 1);
    const data = trainingPairs(events, prefixes, h.numEntityVectors);
    batch.assemble(
      data,
      Uint32Array.from({ length: 60 }, (_, i) => i),
      20,
      32,
      0,
    );
    const random = new RandomStream(3, 1);
    const table = (rows: number) => Float64Array.from({ length: rows * D }, () => 0.5 * random.normal());
    const entities = table(h.numEntityVectors);
    const rows = table(prefixes.rows.count);
    const weights = Array.from({ length: layers }, () => table(D + 1));

    const A = batch.addressCount;
    const encoded = Array.from({ length: layers + 1 }, () => new Float64Array(A * D));
    const dEntity = new Float64Array(batch.size * D);
    const error = new Float64Array(batch.pairCount);
    const loss = () => {
      plainKernels.sumRows(rows, D, batch.rowsOf, encoded[0], 0, A);
      for (const [l, w] of weights.entries())
        plainKernels.denseForward(w, D, encoded[l], encoded[l + 1], 0, A);
      const { entityRow, pairs, size } = batch;
      return plainKernels.pairErrors(entities, D, entityRow, encoded[layers], pairs, dEntity, error, 0, size)
        .lossNats;
    };

    loss();
    let dTop = new Float64Array(A * D);
    plainKernels.encodedGradients(
      entities,
      D,
      batch.entityRow,
      batch.pairs,
      batch.pairsOf,
      error,
      dTop,
      0,
      A,
    );
    const dWeights = weights.map((w) => new Float64Array(w.length));
    for (let l = layers - 1; l >= 0; l--) {
      const dNext = new Float64Array(A * D);
      plainKernels.denseBackward(weights[l], D, encoded[l], encoded[l + 1], dTop, dNext, dWeights[l], 0, A);
      dTop = dNext;
    }
    /** Gradient of a table's row: the sum over those that hold it. */
    const gathered = (length: number, groups: MiniBatch['entities'], gradients: Float64Array) => {
      const sums = new Float64Array(length);
      for (let i = 0; i < groups.count; i++) {
        for (const member of members(groups.lists, i)) {
          for (let d = 0; d < D; d++) sums[groups.keys[i] * D + d] += gradients[member * D + d];
        }
      }
      return sums;
    };
    const gradients: [string, Float64Array, Float64Array][] = [
      ['entity vectors', entities, gathered(entities.length, batch.entities, dEntity)],
      ['prefix vectors', rows, gathered(rows.length, batch.prefixes, dTop)],
      ...weights.map((w, l): [string, Float64Array, Float64Array] => [`layer ${l}`, w, dWeights[l]]),
    ];
    for (const [name, values, gradient] of gradients) {
      assert.ok(gradient.some((g) => g !== 0));
      for (let i = 0; i < values.length; i++) {
        // Central differences: the error of third order is about h², that of rounding about 1e-16·loss/h.
        const h = 1e-5;
        const value = values[i];
        values[i] = value + h;
        const above = loss();
        values[i] = value - h;
        const below = loss();
        values[i] = value;
        assert.ok(Math.abs((above - below) / (2 * h) - gradient[i]) < 1e-7, `${name}[${i}]`);
      }
    }
  });

  test(`training is what its definition says, in plain f64 arithmetic: ${layers} dense layers`, () => {
    const events = someEvents(90);
    const h = complete({
      numIpEncoderLayers: layers,
      randomNegativeSamplingRate: 3,
      shuffledNegativeSamplingRate: 2,
      weightDecay: 0.01,
      // So many that rows pass FULL_STEPS.
      epochs: 6,
    });
    const trained = trainer(events, h, 9);
    const reference = new Reference(events, h, 9, trained.weights);
    for (let epoch = 0; epoch < h.epochs; epoch++) {
      for (const progress of trained.runEpoch(epoch)) {
        const loss = reference.step(epoch, progress.batches - 1);
        const before = progress.crossEntropyNats * progress.samples - reference.lossBefore;
        // 36 steps of f32 tables: each rounds by 2^-24 of the weight, and a step of .05 per weight passes it on.
        assert.ok(Math.abs(before - loss) < 1e-3, `epoch ${epoch}, loss ${before}, expected ${loss}`);
        reference.lossBefore += loss;
      }
      reference.lossBefore = 0;
    }
    const tables: [string, Floats, Float64Array][] = [
      ['entity vectors', trained.weights.entityVectors, reference.entities],
      ['prefix vectors', trained.weights.prefixVectors, reference.prefixes],
      ...trained.weights.layers.map((layer, l): [string, Floats, Float64Array] => [
        `layer ${l}`,
        layer,
        reference.layers[l],
      ]),
    ];
    for (const [name, actual, expected] of tables) {
      for (let i = 0; i < actual.length; i++)
        assert.ok(Math.abs(actual[i] - expected[i]) < 1e-4, `${name}[${i}]`);
    }
  });
}

/** The whole of training once more, as plainly as it can be said: no kernels, no lists, everything in f64. */
class Reference {
  readonly entities: Float64Array;
  readonly prefixes: Float64Array;
  readonly layers: Float64Array[];
  lossBefore = 0;
  readonly #h: Hyperparameters;
  readonly #seed: number;
  readonly #data: ReturnType<typeof trainingPairs>;
  readonly #table: PrefixTable;
  readonly #moments = new Map<string, { moment: number; steps: number }>();

  constructor(events: Events, h: Hyperparameters, seed: number, start: Weights) {
    this.#h = h;
    this.#seed = seed;
    this.#table = start.prefixes;
    this.#data = trainingPairs(events, start.prefixes, h.numEntityVectors);
    this.entities = Float64Array.from(start.entityVectors);
    this.prefixes = Float64Array.from(start.prefixVectors);
    this.layers = start.layers.map((layer) => Float64Array.from(layer));
  }

  /** One mini-batch; returns its loss. */
  step(epoch: number, index: number): number {
    const h = this.#h;
    const D = h.vectorDim;
    const { count } = this.#data;
    const order = permutation(count, new RandomStream(this.#seed, PURPOSE.epochOrder, epoch));
    const from = index * h.miniBatchSize;
    const to = Math.min(count, from + h.miniBatchSize);
    const batch = new MiniBatch(
      h.miniBatchSize,
      h.randomNegativeSamplingRate,
      h.shuffledNegativeSamplingRate,
      h.numEntityVectors,
      this.#table,
      this.#seed,
    );
    batch.assemble(this.#data, order, from, to, epoch);
    const gradients = new Map<string, Float64Array>();
    const add = (key: string, d: number, value: number) => {
      if (!gradients.has(key)) gradients.set(key, new Float64Array(D));
      gradients.get(key)![d] += value;
    };
    let loss = 0;
    for (let p = 0; p < batch.pairCount; p++) {
      const K = batch.pairs.pairsPerPositive;
      const entity = batch.entityRow[Math.floor(p / K)];
      const rows = members(batch.rowsOf, batch.pairs.address[p]);
      const label = p % K === 0 ? 1 : 0;
      const dims = Array.from({ length: D }, (_, d) => d);
      // Forward.
      const activations = [dims.map((d) => rows.reduce((sum, row) => sum + this.prefixes[row * D + d], 0))];
      for (const layer of this.layers) {
        const x = activations[activations.length - 1];
        const y = dims.map(
          (i) =>
            x[i] +
            Math.max(
              0,
              dims.reduce((sum, d) => sum + layer[i * D + d] * x[d], layer[D * D + i]),
            ),
        );
        activations.push(y);
      }
      const top = activations[activations.length - 1];
      const logit = dims.reduce((sum, d) => sum + this.entities[entity * D + d] * top[d], 0);
      const probability = 1 / (1 + Math.exp(-logit));
      loss -= Math.log(label === 1 ? probability : 1 - probability);
      // Backward.
      const error = probability - label;
      let delta = dims.map((d) => error * this.entities[entity * D + d]);
      for (const d of dims) add(`entity ${entity}`, d, error * top[d]);
      for (let l = this.layers.length - 1; l >= 0; l--) {
        const x = activations[l];
        const active = dims.map((i) => (activations[l + 1][i] > x[i] ? delta[i] : 0));
        for (const i of dims) for (const d of dims) add(`layer ${l} ${i}`, d, active[i] * x[d]);
        for (const i of dims) add(`layer ${l} ${D}`, i, active[i]);
        delta = dims.map(
          (d) => delta[d] + dims.reduce((sum, i) => sum + active[i] * this.layers[l][i * D + d], 0),
        );
      }
      for (const row of rows) for (const d of dims) add(`prefix ${row}`, d, delta[d]);
    }
    const rate = h.learningRate * (1 - (epoch + from / count) / h.epochs);
    for (const [key, gradient] of gradients) {
      const [kind, number, row] = key.split(' ');
      const table =
        kind === 'entity' ? this.entities : kind === 'prefix' ? this.prefixes : this.layers[Number(number)];
      this.#update(
        key,
        table,
        Number(row ?? number) * D,
        gradient.map((g) => g / (to - from)),
        rate,
      );
    }
    return loss;
  }

  #update(key: string, table: Float64Array, at: number, gradient: Float64Array, rate: number): void {
    const state = this.#moments.get(key) ?? { moment: 0, steps: 0 };
    this.#moments.set(key, state);
    const sum = gradient.map((g, d) => g + this.#h.weightDecay * table[at + d]);
    const square = sum.reduce((total, g) => total + g * g, 0) / sum.length;
    state.moment = MOMENT_DECAY * state.moment + (1 - MOMENT_DECAY) * square;
    state.steps++;
    const unbiased = state.moment / (1 - MOMENT_DECAY ** state.steps);
    const size =
      (rate * Math.min(1, Math.sqrt(FULL_STEPS / state.steps))) / (Math.sqrt(unbiased) + MOMENT_EPSILON);
    for (const [d, g] of sum.entries()) table[at + d] -= size * g;
  }
}

test('a seed fixes every weight, bit for bit; another seed gives others', () => {
  const events = someEvents(200);
  const h = complete({ numIpEncoderLayers: 1, vectorDim: 12 });
  const train = (seed: number) => {
    const one = trainer(events, h, seed);
    const losses = runAll(one, h.epochs);
    return { losses, ...one.weights, prefixes: one.weights.prefixes.rows };
  };
  const first = train(1);
  assert.deepEqual(train(1), first);
  for (const seed of [0, 2, 1 + 2 ** 32]) assert.notDeepEqual(train(seed).entityVectors, first.entityVectors);
});

test('the loss falls', () => {
  for (const numIpEncoderLayers of [0, 1, 2]) {
    const h = complete({ numIpEncoderLayers, numEntityVectors: 50, vectorDim: 12, epochs: 6 });
    const losses = runAll(trainer(someEvents(2000), h), h.epochs);
    // It begins at ln 2, where every dot product is about 0.
    assert.ok(losses[0] < Math.LN2 && losses[5] < 0.7 * losses[0], `${numIpEncoderLayers}: ${losses}`);
  }
});

test('progress counts observed and drawn pairs, and the last mini-batch may be short', () => {
  const h = complete({ miniBatchSize: 30, randomNegativeSamplingRate: 2, shuffledNegativeSamplingRate: 3 });
  const one = trainer(someEvents(100), h);
  assert.equal(one.batchesPerEpoch, 4);
  const seen = [...one.runEpoch(0)].length;
  assert.equal(seen, 4);
  const counts: number[][] = [];
  for (const { epoch, batches, positives, samples } of one.runEpoch(1))
    counts.push([epoch, batches, positives, samples]);
  assert.deepEqual(counts, [
    [1, 1, 30, 180],
    [1, 2, 60, 360],
    [1, 3, 90, 540],
    [1, 4, 100, 600],
  ]);
});

test('a single event, and a mini-batch of one, train', () => {
  for (const numIpEncoderLayers of [0, 1]) {
    for (const shuffledNegativeSamplingRate of [0, 1]) {
      const h = complete({ miniBatchSize: 1, numIpEncoderLayers, shuffledNegativeSamplingRate });
      for (const count of [1, 5]) assert.ok(Number.isFinite(runAll(trainer(someEvents(count), h), 2)[1]));
    }
  }
});

test('a loss that is no longer a number stops the training with advice', () => {
  const h = complete({ learningRate: 10, numIpEncoderLayers: 60 });
  assert.throws(() => runAll(trainer(someEvents(500), h), h.epochs), {
    name: 'InputError',
    message: /^epoch \d, batch \d+: loss is (NaN|Infinity)\. Lower --learning-rate \(now 10\)\.$/,
  });
});
