// node bench/timeToQuality.mjs TRAIN.csv HONEST.csv ATTACKS.csv [--threads 2] [--until-fpr 0.04]
// Seconds of training at the settings of AWS's tutorial until the false-positive rate at TPR .99 is low enough, judged
// after every half epoch on rows that the peers are judged on too (qualityData.mjs). Neither reading nor judging counts. One
// JSON object on stdout.
import { parseArgs } from 'node:util';
import { readEventFiles } from '../dist/cli/readInput.js';
import { hashModulo } from '../dist/events/entityHash.js';
import { trainModel } from '../dist/model/trainModel.js';
import { TrainingScores } from '../dist/neural/trainingScores.js';
import { pointAtTruePositiveRate, rankScores } from '../dist/ranking/roc.js';
import { TUTORIAL } from './tutorial.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { threads: { type: 'string', default: '2' }, 'until-fpr': { type: 'string', default: '0.04' } },
});
if (positionals.length !== 3) {
  console.error('timeToQuality.mjs: expected CSV files of training events, honest events and attacks.');
  process.exit(2);
}
const [train, honest, attacks] = await Promise.all(
  positionals.map(async (path) => (await readEventFiles([path], { onBadLine: 'error' })).events),
);

/** FPR at the highest threshold that catches 99 % of the attacks. */
function falsePositiveRateOf(scores) {
  const anomalies = Float64Array.from(scores, (dotProduct) => -dotProduct);
  const ranked = rankScores(anomalies.subarray(0, honest.count), anomalies.subarray(honest.count));
  return pointAtTruePositiveRate(ranked, 0.99).falsePositiveRate;
}

const limit = Number(values['until-fpr']);
const overTime = [];
const reached = new AbortController();
let scores;
let started;
let judging = 0;
const batchesPerEpoch = Math.ceil(train.count / TUTORIAL.miniBatchSize);
let pauseSoon;
let halfSeen = -1;
/** The half of an epoch is judged soon after it, at most 50 ms. */
function judgeHalf({ epoch, batches }) {
  if (halfSeen === epoch || batches < batchesPerEpoch / 2) return;
  halfSeen = epoch;
  pauseSoon();
}
// The hooks of a checkpoint are called where nothing changes.
const judge = {
  restore(training) {
    const { prefixes } = training;
    const both = [honest, attacks];
    const entityRows = both.flatMap(({ count, entities, entity }) =>
      Array.from({ length: count }, (_, i) =>
        hashModulo(...entities.hashOf(entity[i]), TUTORIAL.numEntityVectors),
      ),
    );
    const networkRows = both.flatMap(({ count, addresses }) =>
      Array.from({ length: count }, (_, i) => prefixes.find(addresses, i)),
    );
    scores = new TrainingScores(training, Uint32Array.from(entityRows), Uint32Array.from(networkRows));
    started = performance.now();
    return undefined;
  },
  start(pause) {
    pauseSoon = pause;
  },
  save({ epoch, batch }) {
    const began = performance.now();
    const seconds = (began - started) / 1000 - judging;
    const falsePositiveRate = falsePositiveRateOf(scores.dotProducts());
    overTime.push({ epochs: epoch + batch / batchesPerEpoch, seconds, falsePositiveRate });
    judging += (performance.now() - began) / 1000;
    if (falsePositiveRate <= limit) reached.abort('reached');
  },
  stop() {},
};
try {
  await trainModel(train, {
    hyperparameters: TUTORIAL,
    threads: Number(values.threads),
    checkpoint: judge,
    onProgress: judgeHalf,
    signal: reached.signal,
  });
} catch (error) {
  if (error !== 'reached') throw error;
}
const last = overTime.at(-1);
console.log(
  JSON.stringify({
    name: 'ip-insights',
    threads: Number(values.threads),
    secondsToQuality: last.falsePositiveRate <= limit ? last.seconds : null,
    overTime,
  }),
);
