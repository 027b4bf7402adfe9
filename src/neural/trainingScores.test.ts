import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_ROW } from '../kernels/kernels.ts';
import { RandomStream } from '../random/philox.ts';
import { networkCapacity } from './miniBatch.ts';
import { Network } from './network.ts';
import { Training } from './train.ts';
import { dotByDefinition } from './trainingReference.ts';
import { complete, copyOf, KERNELS, someEvents, trainToEnd } from './trainingSamples.ts';
import { TrainingScores } from './trainingScores.ts';

for (const { name, kernels } of KERNELS) {
  for (const numIpEncoderLayers of [0, 2]) {
    test(`${name}, ${numIpEncoderLayers} layers: scores while training stands still are those of the finished network`, () => {
      // Mini-batches so small that the work arrays hold a few networks at a time.
      const h = complete({ numIpEncoderLayers, vectorDim: 12, numEntityVectors: 20, miniBatchSize: 3 });
      const events = someEvents(400);
      const training = new Training(events, h, 1, kernels);
      trainToEnd(training);
      const rows = training.prefixes.rows.count;
      assert.ok(rows > 5 * networkCapacity(training.state.shape));
      const random = new RandomStream(6, 1);
      const count = 3 * rows;
      const entityRows = Uint32Array.from({ length: count }, () => random.below(20));
      // Each row, in no order and some often; and addresses without any.
      const networkRows = Uint32Array.from({ length: count }, (_, i) => {
        if (i % 9 === 0) return NO_ROW;
        return i < rows ? rows - 1 - i : random.below(rows);
      });
      const before = copyOf(training.state.tables);
      const scores = new TrainingScores(training, entityRows, networkRows);
      const dots = scores.dotProducts();
      // What it used of the training's arrays changes nothing.
      assert.deepEqual(scores.dotProducts(), dots);
      assert.deepEqual(copyOf(training.state.tables), before);
      const weights = training.finish();
      for (let i = 0; i < count; i++) {
        const { value, error } = dotByDefinition(weights, entityRows[i], networkRows[i]);
        assert.ok(Math.abs(dots[i] - value) <= error, `${i}: expected ${value} ± ${error}, got ${dots[i]}`);
        assert.equal(Math.fround(dots[i]), dots[i]);
      }
      assert.ok(dots.some((dot) => Math.abs(dot) > 0.1));
    });
  }

  test(`${name}: scores in training are, without layers, those of scoring events`, () => {
    const h = complete({ vectorDim: 12, numEntityVectors: 20 });
    const events = someEvents(400);
    const training = new Training(events, h, 1, kernels);
    trainToEnd(training);
    const { data } = training.state;
    const dots = new TrainingScores(training, data.entityRow, data.deepest).dotProducts();
    const weights = training.finish();
    const network = new Network(weights, training.kernelMemory);
    const all = Uint32Array.from(events.entity.keys());
    const out = network.dotProductsAt(all, (i) => data.entityRow[i], events.addresses);
    for (const [i, dot] of dots.entries()) {
      const { error } = dotByDefinition(weights, data.entityRow[i], data.deepest[i]);
      assert.ok(Math.abs(dot - out[i]) <= 2 * error, `${i}: ${dot} in training, ${out[i]} after`);
    }
  });
}
