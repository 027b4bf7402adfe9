import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Floats, MOMENT_DECAY, MOMENT_EPSILON, type Rows } from '../kernels/kernels.ts';
import { separateBuffers } from '../kernels/memory.ts';
import { pairsPerPositive, SIZES } from './miniBatch.ts';
import { Training } from './train.ts';
import { DoublesTraining, Reference } from './trainingReference.ts';
import { complete, copyOf, KERNELS, rowsOf, someEvents, trained, trainToEnd } from './trainingSamples.ts';
import { TOTALS } from './trainingState.ts';

/** Roundings of f32 and f64 move a number by at most this share of it. */
const UNIT = { f32: 2 ** -24, f64: 2 ** -53 };

for (const layers of [0, 1, 2]) {
  test(`gradients agree with finite differences: ${layers} dense layers`, () => {
    // One mini-batch.
    const h = complete({
      numIpEncoderLayers: layers,
      randomNegativeSamplingRate: 2,
      shuffledNegativeSamplingRate: 1,
      miniBatchSize: 12,
      weightDecay: 0,
      epochs: 1,
    });
    const training = new DoublesTraining(someEvents(12), h, 1);
    const { state } = training;
    const random = someNumbers();
    const tables = rowsOf(state.tables);
    for (const { vectors } of tables)
      for (let i = 0; i < vectors.length; i++) vectors[i] = 0.5 * random[i % random.length];
    /** Of the mini-batch, with steps of this size. */
    const lossOf = (learningRate: number) => {
      state.hyperparameters = { ...h, learningRate };
      for (const { moment, steps } of tables) {
        moment.fill(0);
        steps.fill(0);
      }
      const [{ crossEntropyNats, samples }] = [...training.runEpoch(0)];
      return crossEntropyNats * samples;
    };
    const start = tables.map(({ vectors }) => vectors.slice());
    lossOf(1);
    // A first step is −gradient / (its root mean square + ε), of which the moment keeps the square.
    const gradients = tables.map(({ vectors, moment }, t) =>
      vectors.map((after, i) => {
        const root = Math.sqrt(moment[Math.floor(i / h.vectorDim)] / (1 - MOMENT_DECAY));
        return (start[t][i] - after) * (root + MOMENT_EPSILON) * h.miniBatchSize;
      }),
    );
    for (const [t, { vectors }] of tables.entries()) {
      assert.ok(gradients[t].some((g) => g !== 0));
      for (const [u, one] of tables.entries()) one.vectors.set(start[u]);
      for (let i = 0; i < vectors.length; i++) {
        // Central differences: the error of third order is about h², that of rounding about 1e-16·loss/h.
        const h = 1e-5;
        vectors[i] = start[t][i] + h;
        const above = lossOf(0);
        vectors[i] = start[t][i] - h;
        const below = lossOf(0);
        vectors[i] = start[t][i];
        assert.ok(Math.abs((above - below) / (2 * h) - gradients[t][i]) < 1e-7, `table ${t}, number ${i}`);
      }
    }
  });
}

/** Numbers between −1 and 1 without pattern: multiples of the golden ratio, modulo 1. */
const someNumbers = () => Array.from({ length: 1000 }, (_, i) => 2 * ((i * 1.6180339887498949) % 1) - 1);

for (const layers of [0, 1, 2]) {
  const events = someEvents(700);
  const h = complete({
    numIpEncoderLayers: layers,
    // So many that a mini-batch has several chunks of terms: of pairs, and with layers of networks.
    miniBatchSize: 400,
    weightDecay: 0.01,
    // So many that rows pass FULL_STEPS.
    epochs: 13,
  });
  const trainings = [
    { name: 'plain, f64', unit: UNIT.f64, start: () => new DoublesTraining(events, h, 9) },
    ...KERNELS.map(({ name, kernels }) => ({
      name,
      unit: UNIT.f32,
      start: () => new Training(events, h, 9, kernels),
    })),
  ];
  for (const { name, unit, start } of trainings) {
    test(`training is what its definition says, in plain f64 arithmetic: ${name}, ${layers} dense layers`, () => {
      const training = start();
      const { tables, shape } = training.state;
      const reference = new Reference(training);
      const expected = [reference.entities, reference.prefixes, ...reference.layers];
      const pairs = h.miniBatchSize * pairsPerPositive(shape);
      let steps = 0;
      for (let epoch = 0; epoch < h.epochs; epoch++) {
        let before = 0;
        let batch = 0;
        for (const { crossEntropyNats, samples } of training.runEpoch(epoch)) {
          const loss = reference.step(epoch, batch++);
          steps++;
          // Each step adds what a sum of all pairs, and of a vector, and some more operations round in numbers up
          // to the largest. What it adds hardly grows in later steps: f64 shows 1e-15 after all of them.
          const largest = Math.max(1, ...expected.flatMap((table) => [...table].map(Math.abs)));
          const error = steps * (pairs + h.vectorDim + 8) * unit * largest;
          for (const [t, { vectors }] of rowsOf(tables).entries())
            assertClose(vectors, expected[t], error, t);
          // A loss differs no more than its dot product, a sum of D products.
          const lossError = pairs * 2 * h.vectorDim * largest * error;
          const ofBatch = crossEntropyNats * samples - before;
          assert.ok(Math.abs(ofBatch - loss) <= lossError, `epoch ${epoch}: ${ofBatch}, expected ${loss}`);
          before += ofBatch;
          assert.ok(training.state.batches[0].sizes[SIZES.spanning] > 0);
        }
      }
    });
  }
}

function assertClose(actual: Floats, expected: Float64Array, error: number, table: number): void {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < actual.length; i++) {
    assert.ok(
      Math.abs(actual[i] - expected[i]) <= error,
      `table ${table}[${i}]: expected ${expected[i]} ± ${error}, got ${actual[i]}`,
    );
  }
}

for (const { name, kernels } of KERNELS) {
  test(`${name}: a seed fixes every weight, bit for bit; another seed gives others`, () => {
    const events = someEvents(200);
    const h = complete({ numIpEncoderLayers: 1, vectorDim: 12 });
    const train = (seed: number) => copyOf(trained(events, h, seed, kernels).state.tables);
    const first = train(1);
    assert.deepEqual(train(1), first);
    for (const seed of [0, 2, 1 + 2 ** 32]) {
      for (const [t, rows] of train(seed).entries()) assert.notDeepEqual(rows.vectors, first[t].vectors);
    }
  });

  test(`${name}: the loss falls`, () => {
    for (const numIpEncoderLayers of [0, 1, 2]) {
      const h = complete({ numIpEncoderLayers, numEntityVectors: 50, vectorDim: 12, epochs: 6 });
      const losses = trainToEnd(new Training(someEvents(2000), h, 1, kernels));
      // It begins at ln 2, where every dot product is about 0.
      assert.ok(losses[0] < Math.LN2 && losses[5] < 0.7 * losses[0], `${numIpEncoderLayers}: ${losses}`);
    }
  });

  test(`${name}: a single event, and a mini-batch of one, train`, () => {
    for (const numIpEncoderLayers of [0, 1]) {
      for (const shuffledNegativeSamplingRate of [0, 1]) {
        const h = complete({
          miniBatchSize: 1,
          numIpEncoderLayers,
          shuffledNegativeSamplingRate,
          weightDecay: 0,
        });
        for (const count of [1, 5]) {
          const training = new Training(someEvents(count), h, 1, kernels);
          const before = copyOf(training.state.tables);
          assert.ok(Number.isFinite(trainToEnd(training)[2]));
          const hasLearned = copyOf(training.state.tables).some(({ vectors }, t) =>
            vectors.some((x, i) => x !== before[t].vectors[i]),
          );
          // A single event of a family has no row, and the sum of none teaches nothing.
          assert.equal(hasLearned, count > 1);
        }
      }
    }
  });

  test(`${name}: a loss that is no longer a number stops the training with advice`, () => {
    const h = complete({ learningRate: 10, numIpEncoderLayers: 60 });
    assert.throws(() => trainToEnd(new Training(someEvents(500), h, 1, kernels)), {
      name: 'InputError',
      message: /^epoch \d, batch \d+: loss is (NaN|Infinity)\. Lower --learning-rate \(now 10\)\.$/,
    });
  });

  test(`${name}: entity rows outside the kernels' memory learn the same`, () => {
    const h = complete({ miniBatchSize: 37, vectorDim: 12, numEntityVectors: 20 });
    const events = someEvents(300);
    const outside = new Training(events, h, 1, kernels);
    const { state } = outside;
    const { vectors, moment, steps } = state.tables.entities;
    const moved: Rows = {
      vectors: separateBuffers.floats(vectors.length),
      moment: separateBuffers.floats(moment.length),
      steps: separateBuffers.words(steps.length),
    };
    moved.vectors.set(vectors);
    state.tables.entities = moved;
    state.entitiesInside = false;
    trainToEnd(outside);
    assert.ok(moved.steps.some((count) => count > 0));
    assert.deepEqual(copyOf(state.tables), copyOf(trained(events, h, 1, kernels).state.tables));
    // The table that they were copied from is left alone.
    assert.ok(steps.every((count) => count === 0));
  });
}

test('an entity row starts from its own numbers, uniform with a deviation of .05, however many rows there are', () => {
  for (const { kernels } of KERNELS) {
    for (const vectorDim of [5, 128, 4096]) {
      const start = (numEntityVectors: number, miniBatchSize: number) => {
        const h = complete({ numEntityVectors, vectorDim, miniBatchSize, randomNegativeSamplingRate: 7 });
        return new Training(someEvents(300), h, 3, kernels).state.tables;
      };
      const { entities, prefixes } = start(70, 1);
      const few = start(3, 300).entities.vectors;
      assert.deepEqual(entities.vectors.slice(0, few.length), few);
      assert.ok(prefixes.vectors.every((x) => x === 0));
      const n = entities.vectors.length;
      let [sum, squares] = [0, 0];
      for (const x of entities.vectors) {
        sum += x;
        squares += x * x;
      }
      // Five standard errors; the variance of the square of a uniform number is 4/5 of its squared mean.
      const variance = 0.05 ** 2;
      assert.ok(Math.abs(sum / n) < 5 * Math.sqrt(variance / n));
      assert.ok(Math.abs(squares / n - variance) < 5 * variance * Math.sqrt(0.8 / n));
      assert.ok(entities.vectors.every((x) => Math.abs(x) <= Math.sqrt(3 * variance) * (1 + UNIT.f32)));
      // No number twice: among n draws of f32 some are equal by chance, whole rows are not.
      const rows = Array.from({ length: 70 }, (_, row) =>
        entities.vectors.subarray(row * vectorDim, (row + 1) * vectorDim).join(),
      );
      assert.equal(new Set(rows).size, 70);
    }
  }
});

test('a layer starts with normal weights, of which the sum over layers has He’s deviation, and without biases', () => {
  const D = 60;
  const h = complete({ numIpEncoderLayers: 3, vectorDim: D });
  const { layers } = new Training(someEvents(20), h, 3, KERNELS[0].kernels).state.tables;
  const variance = 2 / D / 3 ** 2;
  for (const { vectors } of layers) {
    const weights = [...vectors.subarray(0, D * D)];
    const squares = weights.reduce((sum, x) => sum + x * x, 0) / weights.length;
    // The variance of the square of a normal number is twice its squared mean.
    assert.ok(Math.abs(squares - variance) < 5 * variance * Math.sqrt(2 / weights.length));
    assert.ok(vectors.subarray(D * D).every((x) => x === 0));
  }
  assert.notDeepEqual(layers[0].vectors, layers[1].vectors);
});

test('kinds of kernels start from the same weights, bit for bit', () => {
  const h = complete({ numIpEncoderLayers: 2, vectorDim: 12, numEntityVectors: 20 });
  const [plain, webAssembly] = KERNELS.map(({ kernels }) =>
    copyOf(new Training(someEvents(50), h, 3, kernels).state.tables),
  );
  assert.deepEqual(webAssembly, plain);
});

test('progress counts observed and drawn pairs, and the last mini-batch may be short', () => {
  const h = complete({ miniBatchSize: 30, randomNegativeSamplingRate: 2, shuffledNegativeSamplingRate: 3 });
  const training = new Training(someEvents(100), h, 1, KERNELS[0].kernels);
  assert.equal(training.batchesPerEpoch, 4);
  assert.equal([...training.runEpoch(0)].length, 4);
  const counts: number[][] = [];
  for (const { epoch, batches, positives, samples, accuracy } of training.runEpoch(1)) {
    counts.push([epoch, batches, positives, samples]);
    // A whole number of pairs.
    const correct = training.state.totals[TOTALS.correct];
    assert.ok(Number.isInteger(correct) && accuracy === correct / samples);
  }
  assert.deepEqual(counts, [
    [1, 1, 30, 180],
    [1, 2, 60, 360],
    [1, 3, 90, 540],
    [1, 4, 100, 600],
  ]);
});

test('a pair whose address has no row counts as a guess: ln 2 nats, not right', () => {
  for (const { kernels } of KERNELS) {
    // Seen once, no prefix has a row.
    const training = new Training(someEvents(1), complete({ epochs: 1 }), 1, kernels);
    assert.equal(training.prefixes.rows.count, 0);
    const [{ samples, crossEntropyNats, accuracy }] = [...training.runEpoch(0)];
    assert.equal(
      samples,
      1 + complete({}).randomNegativeSamplingRate + complete({}).shuffledNegativeSamplingRate,
    );
    assert.deepEqual([crossEntropyNats, accuracy], [Math.LN2, 0]);
  }
});

test('a training says which kernels serve it', () => {
  const [plain, webAssembly] = KERNELS.map(
    ({ kernels }) => new Training(someEvents(20), complete({}), 1, kernels),
  );
  assert.deepEqual(
    [plain.kernelMemory, plain.plainReason, plain.kernelsOf(0).name],
    [undefined, 'the plain kernels serve, as asked.', 'plain'],
  );
  assert.deepEqual([webAssembly.plainReason, webAssembly.kernelsOf(0).name], ['', 'WebAssembly']);
});

test('tables that do not fit are told before they are made, with what takes how much', () => {
  const start = (given: Parameters<typeof complete>[0], freeBytes?: number) => () =>
    new Training(someEvents(20), complete(given), 1, KERNELS[1].kernels, 1, freeBytes);
  assert.throws(start({ numEntityVectors: 2 ** 20, vectorDim: 126 }, 2 ** 28), {
    name: 'InputError',
    message:
      'training needs 0.51 GiB of memory: 0.50 GiB for 1,048,576 entity rows of 126 numbers, 0.00 GiB for 23 network rows, 0.00 GiB for events and mini-batches of 16, 0.01 GiB for 1 thread; 0.25 GiB are free. Lower --num-entity-vectors (now 1048576) or --vector-dim (now 126).',
  });
  assert.throws(start({ numEntityVectors: 2 ** 21, vectorDim: 4096 }), {
    name: 'InputError',
    message:
      'training needs 32.0 GiB of memory: 32.0 GiB for 2,097,152 entity rows of 4096 numbers, 0.00 GiB for 23 network rows, 0.00 GiB for events and mini-batches of 16, 0.01 GiB for 1 thread; one table may have 16.0 GiB. Lower --num-entity-vectors (now 2097152) or --vector-dim (now 4096).',
  });
});
