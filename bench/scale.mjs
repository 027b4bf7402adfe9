// node bench/scale.mjs TRAIN.csv [--ranks 1,2,4,8] [--copies 1] [--threads 1] [--mini-batch-size 1000] [--only reading] [--json FILE]
// A whole training over ranks on one computer, phase by phase: seconds, bytes that all ranks sent, memory of the largest. Then what
// docs/scale.md fits to it: bytes of an epoch and seconds of an epoch, fitted on fewer ranks and checked on the most. Seconds mean
// something only where the computer has a core for each thread. --json keeps the figures, --from FILE shows kept ones. Markdown on stdout.
import { once } from 'node:events';
import {
  createReadStream,
  createWriteStream,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readOverRanks } from '../dist/cli/readOverRanks.js';
import { trainOverRanks } from '../dist/model/trainModel.js';
import { runRanks } from '../dist/mpi/runRanks.js';
import { machine, runRanksJson } from './rounds.mjs';

const here = fileURLToPath(import.meta.url);
const EPOCHS = 2;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ranks: { type: 'string', default: '1,2,4,8' },
    copies: { type: 'string', default: '1' },
    threads: { type: 'string', default: '1' },
    'mini-batch-size': { type: 'string', default: '1000' },
    only: { type: 'string' },
    json: { type: 'string' },
    from: { type: 'string' },
    child: { type: 'boolean', default: false },
  },
});
if ((positionals.length !== 1 && !values.from) || ![undefined, 'reading'].includes(values.only)) {
  console.error('scale.mjs: expected one CSV file of events, and --only reading or nothing.');
  process.exit(2);
}
/** One rank of a job; the first one prints what all have. */
async function measure(ranks) {
  const phases = [];
  let last = { at: performance.now(), sent: 0, waited: 0 };
  const endOf = (name) => {
    const now = { at: performance.now(), sent: ranks.sentBytes, waited: ranks.waitedSeconds };
    phases.push({
      name,
      seconds: (now.at - last.at) / 1000,
      sentBytes: now.sent - last.sent,
      waitedSeconds: now.waited - last.waited,
    });
    last = now;
  };
  ranks.barrier();
  last.at = performance.now();
  const h = { epochs: EPOCHS, miniBatchSize: Number(values['mini-batch-size']) };
  const files = { train: positionals, validation: undefined, onBadLine: 'error' };
  const read = await readOverRanks(ranks, files, h, () => {});
  ranks.barrier();
  endOf('read');
  let counts = {};
  if (values.only !== 'reading') {
    const share = { ranks, index: read.train.index };
    const model = await trainOverRanks(read.train.events, share, {
      ...{ hyperparameters: h, seed: 1, threads: Number(values.threads) },
      onStart: ({ stage, pairs, prefixes, entities, hyperparameters, plainReason }) => {
        endOf(`tables of ${stage}`);
        const { numEntityVectors, vectorDim, miniBatchSize } = hyperparameters;
        counts = { pairs, prefixes, entities, numEntityVectors, vectorDim, miniBatchSize, plainReason };
      },
      onFitEpoch: () => endOf('epoch of fit'),
      onEpoch: () => endOf('epoch'),
      onFit: (progress) => endOf(progress === 'begins' ? 'rest of fit' : 'mixture'),
    });
    ranks.barrier();
    endOf('gather');
    const { ipv4Places = 0, ipv6Places = 0 } = model?.card.data ?? {};
    counts.places = ipv4Places + ipv6Places;
  }
  const peakBytes = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
  const own = { phases, peakBytes };
  const all = ranks
    .gatherAll(new TextEncoder().encode(JSON.stringify(own)))
    .map((bytes) => JSON.parse(new TextDecoder().decode(bytes)));
  if (ranks.rank > 0) return;
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
  console.log(
    JSON.stringify({
      ranks: ranks.size,
      events: read.train.total,
      ...counts,
      peakMegabytes: all.map(({ peakBytes: bytes }) => Math.round(bytes / 1e6)),
      phases: phases.map(({ name, seconds }, i) => ({
        name,
        seconds,
        sentBytes: sum(all.map((one) => one.phases[i].sentBytes)),
        waitedSeconds: sum(all.map((one) => one.phases[i].waitedSeconds)) / ranks.size,
      })),
    }),
  );
}

/** The events `copies` times, each time of other accounts. */
async function copied(file, copies, folder) {
  if (copies === 1) return file;
  const path = join(folder, 'train.csv');
  const out = createWriteStream(path);
  for (let copy = 0; copy < copies; copy++) {
    let block = '';
    for await (const line of createInterface({ input: createReadStream(file) })) {
      block += `c${copy}-${line}\n`;
      if (block.length < 1 << 20) continue;
      if (!out.write(block)) await once(out, 'drain');
      block = '';
    }
    out.write(block);
  }
  out.end();
  await once(out, 'finish');
  return path;
}

function job(size, file) {
  const given = ['--threads', values.threads, '--mini-batch-size', values['mini-batch-size']];
  if (values.only) given.push('--only', values.only);
  return runRanksJson(size, [here, file, '--child', ...given]);
}

async function compare() {
  const folder = mkdtempSync(join(tmpdir(), 'scale-'));
  try {
    const file = await copied(positionals[0], Number(values.copies), folder);
    const jobs = [];
    for (const size of values.ranks.split(',').map(Number)) {
      console.error(`# ${size} ranks`);
      jobs.push(job(size, file));
    }
    if (values.json) writeFileSync(values.json, `${JSON.stringify(jobs, undefined, 1)}\n`);
    show(jobs);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function show(jobs) {
  const [{ events, pairs, entities, prefixes, places, miniBatchSize, numEntityVectors }] = jobs;
  const grouped = (n) => n.toLocaleString('en');
  console.log(`${machine()}, ${availableParallelism()} cores; threads of each rank: ${values.threads}\n`);
  console.log(
    values.only
      ? `${grouped(events)} events\n`
      : `${grouped(events)} events, ${grouped(pairs)} pairs, ${grouped(entities)} accounts in ${grouped(numEntityVectors)} rows, ${grouped(prefixes)} network rows, ${grouped(places)} places of accounts; mini-batches of ${grouped(miniBatchSize)}\n`,
  );
  const names = [...new Set(jobs[0].phases.map(({ name }) => name))];
  console.log(`| ranks | ${names.join(' | ')} | memory of the largest, MB |`);
  console.log(`| --- |${' --- |'.repeat(names.length + 1)}`);
  for (const { ranks, phases, peakMegabytes } of jobs) {
    const cells = names.map((name) => {
      const { seconds, sentBytes } = phases.findLast((phase) => phase.name === name);
      return `${seconds.toFixed(1)} s, ${(sentBytes / 1e6).toFixed(0)} MB`;
    });
    console.log(`| ${ranks} | ${cells.join(' | ')} | ${grouped(Math.max(...peakMegabytes))} |`);
  }
  if (!values.only && jobs.length > 3) checkModel(jobs);
}

/**
 * What docs/scale.md says of a mini-batch and of memory, fitted on all jobs but the last and checked on that one:
 * - bytes that N ranks send: a·(N − 1)·(1 − (1 − 1/N)^k) + b·(N − 1). The first part is copies of entity vectors and sums back, where an
 *   entity's pairs fall to ranks as k of them would at random; the second lists of what is whose, which all send to all.
 * - time: that of one process / N, and what a rank sends at some rate.
 * - memory of a rank other than the first: some for all, some shared.
 */
function checkModel(jobs) {
  const found = jobs.map(({ ranks, pairs, miniBatchSize, phases, peakMegabytes }) => {
    const epochs = phases.filter(({ name }) => name === 'epoch');
    const batches = Math.ceil(pairs / miniBatchSize);
    const least = Math.min(...epochs.map(({ seconds }) => seconds));
    return {
      ranks,
      megabytes: epochs.at(-1).sentBytes / batches / 1e6,
      milliseconds: (least * 1000) / batches,
      memory: Math.max(...peakMegabytes.slice(1)),
    };
  });
  const [alone, ...several] = found;
  const last = several.at(-1);
  const known = several.slice(0, -1);
  const bytes = fittedBytes(known);
  const bytesOf = ({ ranks }) => bytes.a * met(ranks, bytes.k) + bytes.b * (ranks - 1);
  const ofOwn = ({ ranks, milliseconds }) => milliseconds - alone.milliseconds / ranks;
  const rate = leastSquares(known.map((one) => [[one.megabytes / one.ranks], ofOwn(one)]))[0];
  const timeOf = ({ ranks }) => alone.milliseconds / ranks + (rate * bytesOf({ ranks })) / ranks;
  const [all, shared] = leastSquares(known.map(({ ranks, memory }) => [[1, 1 / ranks], memory]));
  const memoryOf = ({ ranks }) => all + shared / ranks;
  const n = (number, digits) => number.toFixed(digits);
  console.log(`\n| | fitted on fewer ranks | on ${last.ranks}: expected | measured | off by |`);
  console.log('| --- | --- | --- | --- | --- |');
  const tell = (what, formula, expected, measured, unit, digits) =>
    console.log(
      `| ${what} | ${formula} | ${n(expected, digits)} ${unit} | ${n(measured, digits)} ${unit} | ${n((100 * (expected - measured)) / measured, 0)} % |`,
    );
  tell(
    ...[
      'a mini-batch: sent by all',
      `${n(bytes.a, 3)}·(N−1)·(1−(1−1/N)^${n(bytes.k, 1)}) + ${n(bytes.b, 4)}·(N−1) MB`,
    ],
    ...[bytesOf(last), last.megabytes, 'MB', 2],
  );
  tell(
    ...[
      'a mini-batch: time',
      `${n(alone.milliseconds, 2)} ms / N + what a rank sends at ${n(1000 / rate, 0)} MB/s`,
    ],
    ...[timeOf(last), last.milliseconds, 'ms', 2],
  );
  tell('memory of a rank', `${n(all, 0)} MB + ${n(shared, 0)} MB / N`, memoryOf(last), last.memory, 'MB', 0);
}

/** So many other ranks has an entity pairs at, on average, if `pairs` of them fell to ranks at random. */
const met = (ranks, pairs) => (ranks - 1) * (1 - (1 - 1 / ranks) ** pairs);

/** The exponent by a grid, the factors by least squares of relative errors; none of them below 0. */
function fittedBytes(jobs) {
  let best = { error: Number.POSITIVE_INFINITY };
  for (let k = 0.5; k <= 40; k += 0.1) {
    const rows = jobs.map(({ ranks, megabytes }) => [
      [met(ranks, k) / megabytes, (ranks - 1) / megabytes],
      1,
    ]);
    const [a, b] = leastSquares(rows);
    const error = rows.reduce((sum, [[x, y]]) => sum + (a * x + b * y - 1) ** 2, 0);
    if (a >= 0 && b >= 0 && error < best.error) best = { error, a, b, k };
  }
  return best;
}

/** One or two factors. @param rows of numbers and what their sum should come to */
function leastSquares(rows) {
  const dot = (i, j) => rows.reduce((sum, [x]) => sum + x[i] * x[j], 0);
  const to = (i) => rows.reduce((sum, [x, y]) => sum + x[i] * y, 0);
  if (rows[0][0].length === 1) return [to(0) / dot(0, 0)];
  const determinant = dot(0, 0) * dot(1, 1) - dot(0, 1) ** 2;
  return [
    (to(0) * dot(1, 1) - to(1) * dot(0, 1)) / determinant,
    (to(1) * dot(0, 0) - to(0) * dot(0, 1)) / determinant,
  ];
}

if (values.child) await runRanks('bench', measure);
else if (values.from) show(JSON.parse(readFileSync(values.from, 'utf8')));
else await compare();
