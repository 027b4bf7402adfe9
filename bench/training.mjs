// node bench/training.mjs TRAIN.csv [--threads 2] [--kernels auto|plain] [--batches 1000] [--layers 0]
// Our own training at the settings of AWS's tutorial: events per second over some mini-batches, after as many as
// it takes for the compiler and the caches to settle. One JSON object on stdout.
import { parseArgs } from 'node:util';
import { readEventFiles } from '../dist/cli/readInput.js';
import { trainModel } from '../dist/model/trainModel.js';
import { TUTORIAL } from './tutorial.mjs';

/** Mini-batches before measuring begins. */
const WARM_UP = 200;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '1' },
    kernels: { type: 'string', default: 'auto' },
    batches: { type: 'string', default: '1000' },
    layers: { type: 'string', default: '0' },
  },
});
if (positionals.length !== 1) {
  console.error('training.mjs: expected one CSV file of events.');
  process.exit(2);
}
const batches = Number(values.batches);
const { events } = await readEventFiles(positionals, { onBadLine: 'error' });
const stop = new AbortController();
let first;
let last;
let cpuBefore;
const hyperparameters = {
  ...TUTORIAL,
  numIpEncoderLayers: Number(values.layers),
  batchMetricsPublishInterval: 50,
};
try {
  await trainModel(events, {
    hyperparameters: { ...hyperparameters, epochs: 1000 },
    threads: Number(values.threads),
    kernels: values.kernels,
    signal: stop.signal,
    onProgress: (progress) => {
      const done = progress.epoch * Math.ceil(events.count / TUTORIAL.miniBatchSize) + progress.batches;
      const now = { done, time: performance.now(), progress: { ...progress } };
      if (!first && done >= WARM_UP) {
        first = now;
        cpuBefore = process.cpuUsage();
      }
      if (first && done >= first.done + batches) {
        last = now;
        stop.abort('measured');
      }
    },
  });
} catch (error) {
  if (error !== 'measured') throw error;
}
const seconds = (last.time - first.time) / 1000;
const cpu = process.cpuUsage(cpuBefore);
const measured = last.done - first.done;
console.log(
  JSON.stringify({
    name: 'ip-insights',
    threads: Number(values.threads),
    kernels: values.kernels,
    eventsPerSecond: (measured * TUTORIAL.miniBatchSize) / seconds,
    millisecondsPerBatch: (1000 * seconds) / measured,
    cores: (cpu.user + cpu.system) / 1e6 / seconds,
    batches: measured,
    crossEntropy: last.progress.crossEntropyNats,
  }),
);
