// node bench/trainingOverRanks.mjs TRAIN.csv [--rounds 3] [--batches 600]
// Training over ranks on one computer, at the default hyperparameters: the speed of 2 ranks with a thread each beside one process
// with 2 threads, in turns and fresh processes; and what 2, 4 and 8 ranks send for a mini-batch, beside what they would send to
// reduce whole tables. Markdown on stdout.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readPastEvents } from '../dist/cli/modelFlags.js';
import { distinctPairs } from '../dist/events/distinctPairs.js';
import { selectEvents } from '../dist/events/events.js';
import { availableKernels } from '../dist/kernels/available.js';
import { runRanks } from '../dist/mpi/runRanks.js';
import { completeHyperparameters } from '../dist/neural/hyperparameters.js';
import { PrefixTable } from '../dist/neural/prefixes.js';
import { ownerOf } from '../dist/neural/ranks/rankPlan.js';
import { RankTraining } from '../dist/neural/ranks/rankTraining.js';
import { runTraining } from '../dist/neural/runTraining.js';
import { Training } from '../dist/neural/train.js';
import { trainingPairs } from '../dist/neural/trainingState.js';
import { machine, median, runRanksJson } from './rounds.mjs';

const here = fileURLToPath(import.meta.url);
const SEED = 1;
/** Mini-batches before measuring begins. */
const WARM_UP = 100;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    batches: { type: 'string', default: '600' },
    child: { type: 'boolean', default: false },
  },
});
if (positionals.length !== 1) {
  console.error('trainingOverRanks.mjs: expected one CSV file of events.');
  process.exit(2);
}
const [csv] = positionals;
const batches = Number(values.batches);
if (values.child)
  await runRanks('bench', (ranks) => (ranks.size === 1 ? trainAlone() : trainTogether(ranks)));
else compare();

async function readPairs() {
  const events = await readPastEvents([csv], 'error');
  const pairs = selectEvents(events, distinctPairs(events));
  return { pairs, h: completeHyperparameters({ batchMetricsPublishInterval: 50 }, pairs.entities.count) };
}

function tell(figures) {
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

/** One process, two threads. */
async function trainAlone() {
  const { pairs, h } = await readPairs();
  const training = new Training(pairs, h, SEED, availableKernels('auto'), 2);
  let first;
  const measured = new AbortController();
  const onBatches = ({ batches: done }) => {
    if (!first && done >= WARM_UP) first = { done, at: performance.now() };
    if (!first || done < first.done + batches || measured.signal.aborted) return;
    const seconds = (performance.now() - first.at) / 1000;
    const rows = h.numEntityVectors + training.prefixes.rows.count;
    tell({
      pairsPerSecond: ((done - first.done) * h.miniBatchSize) / seconds,
      tableBytes: rows * h.vectorDim * 4,
    });
    measured.abort('measured');
  };
  try {
    await runTraining(training, { epoch: 0, batch: 0 }, { onProgress: onBatches, signal: measured.signal });
  } catch (error) {
    if (error !== 'measured') throw error;
  }
}

async function trainTogether(ranks) {
  const { pairs, h } = await readPairs();
  const prefixes = PrefixTable.build(pairs.addresses);
  const { entityRow } = trainingPairs(pairs, prefixes, h.numEntityVectors);
  const isOwn = (i) => ownerOf(entityRow[i], h.numEntityVectors, ranks.size) === ranks.rank;
  const numbers = Uint32Array.from({ length: pairs.count }, (_, i) => i).filter(isOwn);
  const data = trainingPairs(selectEvents(pairs, numbers), prefixes, h.numEntityVectors);
  const own = { data, numbers, total: pairs.count };
  const training = new RankTraining(ranks, own, prefixes, h, SEED, availableKernels('auto'), 1);
  let done = 0;
  let first;
  for (const _ of training.runEpoch(0)) {
    done++;
    if (done === WARM_UP) first = { at: performance.now(), sent: ranks.sentBytes };
    if (done === WARM_UP + batches) break;
  }
  const seconds = (performance.now() - first.at) / 1000;
  const sent = Float64Array.of(ranks.sentBytes - first.sent);
  ranks.sumOfIntegers(sent);
  if (ranks.rank > 0) return;
  tell({ pairsPerSecond: (batches * h.miniBatchSize) / seconds, bytesPerBatch: sent[0] / batches });
}

function measure(ranks) {
  return runRanksJson(ranks, [here, csv, '--child', '--batches', String(batches)]);
}

function compare() {
  const rounds = Array.from({ length: Number(values.rounds) }, () => ({
    alone: measure(1),
    two: measure(2),
  }));
  const thousands = (list) => list.map((rate) => Math.round(rate / 1000)).join(', ');
  console.log(`${machine()}\n\n| what | 1,000 pairs/s, every round |\n| --- | --- |`);
  console.log(`| 1 process, 2 threads | ${thousands(rounds.map(({ alone }) => alone.pairsPerSecond))} |`);
  console.log(`| 2 ranks, a thread each | ${thousands(rounds.map(({ two }) => two.pairsPerSecond))} |`);
  const ratios = rounds.map(({ alone, two }) => two.pairsPerSecond / alone.pairsPerSecond);
  console.log(`| ratio, median (goal ≥ .85) | ${median(ratios).toFixed(2)} |\n`);
  console.log(
    '| ranks | MB for a mini-batch, all ranks | whole tables reduced in a ring | ratio (goal ≤ .1) |',
  );
  console.log('| --- | --- | --- | --- |');
  for (const ranks of [2, 4, 8]) {
    const { bytesPerBatch } = ranks === 2 ? rounds[0].two : measure(ranks);
    // Each byte of a table passes every rank but one, once to be added up and once to be told.
    const whole = 2 * (ranks - 1) * rounds[0].alone.tableBytes;
    const megabytes = (bytes) => (bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0);
    console.log(
      `| ${ranks} | ${megabytes(bytesPerBatch)} | ${megabytes(whole)} | ${(bytesPerBatch / whole).toFixed(4)} |`,
    );
  }
}
