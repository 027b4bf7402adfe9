// node bench/phases.mjs TRAIN.csv [--warm-up 200] [--batches 1000]
// Our own training on one thread, phase by phase as native/train.c tells them: the kernels in the order in which
// src/neural/trainingThread.ts calls them, without the claims and barriers of a crew. One JSON object on stdout.
import { parseArgs } from 'node:util';
import { BatchMaker } from '../dist/neural/batchMaker.js';
import { SIZES, spanningOf, termsOf } from '../dist/neural/miniBatch.js';
import { EpochOrder } from '../dist/random/epochOrder.js';
import { PURPOSE } from '../dist/random/philox.js';
import { tutorialTraining } from './dump.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'warm-up': { type: 'string', default: '200' }, batches: { type: 'string', default: '1000' } },
});
if (positionals.length !== 1) {
  console.error('phases.mjs: expected one CSV file of events.');
  process.exit(2);
}
const warmUp = Number(values['warm-up']);
const measured = Number(values.batches);
const { h, training } = await tutorialTraining(positionals[0]);
const { data, shape, borders, seed, tables, parents, work, batches, entitiesInside } = training.state;
if (!entitiesInside || training.plainReason)
  throw new Error(`WebAssembly does not serve: ${training.plainReason}`);
const kernels = training.kernelsOf(0);
const maker = new BatchMaker(shape, data, training.prefixes, borders, seed, kernels);
const order = new EpochOrder(data.count, seed, PURPOSE.epochOrder, 0);
const [batch] = batches;
const D = h.vectorDim;
const B = h.miniBatchSize;
if ((warmUp + measured) * B > data.count) {
  throw new RangeError(`expected mini-batches of one epoch, at most ${Math.floor(data.count / B)}.`);
}
/** Of the processor, which tells more where others share the machine. */
const processorNow = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const milliseconds = { make: 0, gather: 0, chains: 0, rest: 0 };
let lossNats = 0;
let correct = 0;
let began = { wall: 0, processor: 0 };
for (let b = 0; b < warmUp + measured; b++) {
  if (b === warmUp) {
    began = { wall: performance.now(), processor: processorNow() };
    for (const phase of Object.keys(milliseconds)) milliseconds[phase] = 0;
  }
  let at = processorNow();
  const endOf = (phase) => {
    const now = processorNow();
    milliseconds[phase] += now - at;
    at = now;
  };
  const from = b * B;
  const done = from / data.count / h.epochs;
  const step = {
    learningRate: h.learningRate * (1 - done),
    weightDecay: h.weightDecay,
    gradientScale: 1 / B,
  };
  maker.make(batch, order, from, from + B, 0);
  endOf('make');
  const U = batch.sizes[SIZES.entities];
  kernels.gatherRows(tables.entities, D, batch.entityRows, work.entities, 0, U);
  endOf('gather');
  const { pairs, sums } = batch;
  const [encoded] = work.activations;
  const terms = termsOf(batch);
  const known = terms.count === 0 ? 0 : terms.network[terms.count - 1] + 1;
  encoded.fill(0, known * D, batch.sizes[SIZES.networks] * D);
  kernels.trainChains(
    ...[tables.prefixes, D, parents, terms, pairs.perPositive, work.entities.vectors],
    ...[{ ...work, encoded }, step, 0, terms.chunks],
  );
  let ofBatch = 0;
  for (let c = 0; c < terms.chunks; c++) {
    ofBatch += work.lossNats[c];
    correct += work.correct[c];
  }
  lossNats += ofBatch;
  endOf('chains');
  const spanning = spanningOf(batch);
  kernels.updateSpanning(tables.prefixes, D, spanning, work.partials, step, 0, spanning.count);
  kernels.updateBySums(work.entities, D, sums, pairs.network, encoded, work.error, step, 0, U);
  kernels.scatterRows(work.entities, D, batch.entityRows, tables.entities, 0, U);
  endOf('rest');
}
const wall = performance.now() - began.wall;
const processor = processorNow() - began.processor;
const samples = (warmUp + measured) * B * batch.pairs.perPositive;
for (const phase of Object.keys(milliseconds)) milliseconds[phase] /= measured;
console.log(
  JSON.stringify({
    name: 'ip-insights',
    positivesPerSecond: Math.round((1000 * measured * B) / wall),
    positivesPerProcessorSecond: Math.round((1000 * measured * B) / processor),
    millisecondsPerBatch: processor / measured,
    ...milliseconds,
    warmUp,
    batches: measured,
    crossEntropyNats: lossNats / samples,
    accuracy: correct / samples,
    threads: 1,
  }),
);
