// npm run bench [-- quality tuning parsing training scoring serving soak transform console time-to-quality growth]
// Everything that RESULTS.md reports: how good (quality/), and how fast, each variant in fresh processes and in turns. Rows
// for RESULTS.md go to stdout, what happens to stderr. Without names all of it: about an hour and a half, 12 GB of disk.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { consolePages } from './console.mjs';
import { DATA, TUTORIAL_OPTIONS, tutorialData, tutorialModel } from './data.mjs';
import { inTurns, machine, median, runJson } from './rounds.mjs';
import { serving, soak, transform } from './serving.mjs';

const bench = dirname(fileURLToPath(import.meta.url));
const at = (file) => join(bench, file);
const ROUNDS = 3;
const GROUPS = {
  ...{ quality, tuning, parsing, training, scoring, serving, soak, transform },
  ...{ console: consolePages },
  ...{ 'time-to-quality': timeToQuality, growth },
};
const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !(name in GROUPS));
if (unknown !== undefined) {
  console.error(`bench: expected ${Object.keys(GROUPS).join(', ')}, got ${unknown}.`);
  process.exit(2);
}
requirePrograms(wanted.length > 0 ? wanted : Object.keys(GROUPS));
const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], {
  cwd: bench,
  encoding: 'utf8',
}).stdout.trim();
console.log(`${new Date().toISOString().slice(0, 10)}, commit ${commit}, ${machine()}\n`);
for (const [name, measure] of Object.entries(GROUPS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`## ${name}\n`);
  await measure();
  console.log('');
}

/** What groups run beside Node: commands, and PyTorch. */
function requirePrograms(groups) {
  const needs = {
    quality: [],
    tuning: [],
    parsing: ['time', 'gcc'],
    training: ['time', 'gcc', 'fasttext', 'python3-torch'],
    scoring: ['time', 'gcc'],
    serving: ['time', 'wrk'],
    soak: ['wrk'],
    transform: ['time'],
    console: ['chromium'],
    'time-to-quality': ['time', 'python3-torch'],
    growth: ['time'],
  };
  const needed = new Set(groups.flatMap((group) => needs[group]));
  const names = [...needed].filter((name) => name !== 'python3-torch' && !existsSync(`/usr/bin/${name}`));
  const hasTorch = () => spawnSync('/usr/bin/python3', ['-c', 'import torch, numpy']).status === 0;
  if (needed.has('python3-torch') && !hasTorch()) {
    names.push('python3-torch', 'python3-numpy', 'libopenblas0-openmp');
  }
  if (names.length === 0) return;
  console.error(
    `bench: missing programs. As root: apt-get install --no-install-recommends ${names.join(' ')}`,
  );
  process.exit(1);
}

/** The native programs, compiled on the spot for this processor. */
function compiled(name) {
  mkdirSync(DATA, { recursive: true });
  const flags = ['-O3', '-march=native'];
  const program = join(DATA, name);
  const source = at(`native/${name}.c`);
  const args = [...flags, `-DFLAGS="${flags.join(' ')}"`, source, '-lm', '-o', program];
  if (spawnSync('gcc', args, { stdio: ['ignore', 2, 2] }).status !== 0) {
    console.error(`bench: ${source} does not compile; the lines above say why.`);
    process.exit(1);
  }
  return program;
}

function node(file, ...args) {
  return [process.execPath, at(file), ...args];
}

function pytorch(train, ...args) {
  return [at('peers/pytorch.py'), '--train', train, '--threads', '2', ...args];
}

/** One row for each variant: median, minimum, maximum of a figure, and the ratio of medians to the first variant. */
function report(outputs, figure, unit) {
  console.log(
    `| variant | ${unit}, median | minimum | maximum | ratio to the first |\n| --- | --- | --- | --- | --- |`,
  );
  let first;
  for (const [name, rounds] of outputs) {
    const numbers = rounds.map(figure);
    first ??= median(numbers);
    const shown = [median(numbers), Math.min(...numbers), Math.max(...numbers)].map((n) =>
      n.toLocaleString('en-US', { maximumSignificantDigits: 3 }),
    );
    console.log(`| ${name} | ${shown.join(' | ')} | ${(median(numbers) / first).toFixed(2)} |`);
  }
}

/** The strategies on functions whose best is known, and what a search finds on whole data. */
function tuning() {
  for (const script of ['tuning/run.mjs', 'tuning/data.mjs']) {
    const { status } = spawnSync(process.execPath, [at(script)], { stdio: ['ignore', 'inherit', 'inherit'] });
    if (status !== 0) process.exitCode = 1;
    console.log('');
  }
}

function parsing() {
  const { log, train } = tutorialData(1);
  const prepared = join(DATA, 'prepared.csv');
  const where = "request LIKE 'GET /login_success%' AND status = 200";
  const rate = (megabytes) => (one) => one.megabytesPerSecond ?? megabytes / one.wallSeconds;
  const variants = [
    { name: 'byte scan of the log, native', command: [compiled('scan'), log] },
    {
      name: 'prepare, log → train.csv',
      command: node('timed.mjs', 'prepare', log, '--where', where, '--train', prepared),
    },
  ];
  report(inTurns(variants, ROUNDS), rate(statSync(log).size / 1e6), 'MB/s');
  console.log('');
  const csv = [
    { name: 'byte scan of train.csv, native', command: [compiled('scan'), train] },
    { name: 'train.csv → columns', command: node('reading.mjs', train) },
  ];
  report(inTurns(csv, ROUNDS), (one) => one.megabytesPerSecond, 'MB/s');
}

function training() {
  const { train } = tutorialData(1);
  const dump = join(DATA, 'native-training');
  if (!existsSync(dump))
    spawnSync(process.execPath, [at('dump.mjs'), 'training', train, dump], { stdio: ['ignore', 2, 2] });
  const ours = (threads, kernels, batches) =>
    node('training.mjs', train, '--threads', threads, '--kernels', kernels, '--batches', batches);
  const torch = (...args) => pytorch(train, ...args);
  const outputs = inTurns(
    [
      { name: 'ip-insights, 2 threads', command: ours('2', 'auto', '1000') },
      { name: 'ip-insights, 1 thread', command: ours('1', 'auto', '1000') },
      { name: 'native C, 1 thread', command: [compiled('train'), dump] },
      { name: 'ip-insights, plain kernels, 1 thread', command: ours('1', 'plain', '100') },
      {
        name: 'PyTorch, EmbeddingBag, autograd, SparseAdam, 2 threads',
        command: torch('--gradients', 'autograd', '--optimizer', 'sparse-adam', '--batches', '60'),
      },
      { name: 'PyTorch, prefix sums, gradients by hand, 2 threads', command: torch('--batches', '300') },
      {
        name: 'PyTorch, 32 bits → dense, autograd, 2 threads',
        command: torch('--encoder', 'dense', '--gradients', 'autograd', '--batches', '150'),
      },
      {
        name: 'fastText, 2 threads',
        command: [at('peers/fasttext.py'), '--train', train, '--threads', '2', '--epochs', '2'],
        rounds: 1,
      },
    ],
    ROUNDS,
  );
  const rate = (one) => one.eventsPerSecond ?? one.positivesPerSecond;
  report(outputs, rate, 'events/s');
  console.log(
    '\nWith drawing, looking up and grouping counted for PyTorch too, as they are for ours and for native C:\n',
  );
  const whole = (one) =>
    one.peer === 'pytorch' ? one.positives / (one.seconds + one.secondsPreparing) : rate(one);
  report(
    [...outputs].filter(([name]) => /PyTorch|, 2 threads/.test(name)),
    whole,
    'events/s',
  );
}

function scoring() {
  const files = tutorialData(1);
  const model = tutorialModel(files);
  const dump = join(DATA, 'native-scoring');
  if (!existsSync(dump))
    spawnSync(process.execPath, [at('dump.mjs'), 'scoring', model, files.test, dump], {
      stdio: ['ignore', 2, 2],
    });
  const outputs = inTurns(
    [
      { name: 'ip-insights', command: node('scoring.mjs', model, files.test) },
      { name: 'native C', command: [compiled('score'), dump] },
      {
        name: 'ip-insights, vectors in 8 bits',
        command: node('scoring.mjs', tutorialModel(files, ['--quantize']), files.test),
      },
      {
        name: 'ip-insights, plain kernels',
        command: node('scoring.mjs', model, files.test, '--kernels', 'plain'),
      },
    ],
    ROUNDS,
  );
  report(outputs, (one) => one.dotProductsPerSecond ?? one.eventsPerSecond, 'dot products/s, many at once');
  const ours = [...outputs].filter(([name]) => name !== 'native C');
  for (const [figure, unit] of [
    ['anomaliesPerSecond', 'anomalies/s, many at once'],
    ['scoresPerSecond', '`score()`/s, with reasons'],
    ['observedPerSecond', '`observe()`/s'],
  ]) {
    console.log('');
    report(ours, (one) => one[figure], unit);
  }
}

/** Its scenarios in a process of its own: `node bench/quality/run.mjs` has more options. */
function quality() {
  const { status } = spawnSync(process.execPath, [at('quality/run.mjs')], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}

/** Seconds of training until FPR ≤ 4 % at TPR .99 against announced ranges. */
function timeToQuality() {
  const { train, test } = tutorialData(1);
  const [honest, attacks] = [join(DATA, 'honest.csv'), join(DATA, 'attacks.csv')];
  if (!existsSync(attacks)) {
    const files = ['--train', train, '--test', test, '--honest', honest, '--attacks', attacks];
    spawnSync(process.execPath, [at('qualityData.mjs'), ...files], { stdio: ['ignore', 2, 2] });
  }
  const torch = (...args) => pytorch(train, '--quality', honest, attacks, '--until-fpr', '0.04', ...args);
  const outputs = inTurns(
    [
      { name: 'ip-insights, 2 threads', command: node('timeToQuality.mjs', train, honest, attacks) },
      { name: 'PyTorch, prefix sums, gradients by hand, 2 threads', command: torch() },
      {
        name: 'PyTorch, EmbeddingBag, autograd, SparseAdam, 2 threads',
        command: torch('--gradients', 'autograd', '--optimizer', 'sparse-adam'),
        rounds: 1,
      },
      {
        name: 'PyTorch, 32 bits → dense, gradients by hand, 2 threads',
        command: torch('--encoder', 'dense'),
        rounds: 1,
      },
    ],
    ROUNDS,
  );
  const seconds = (one) => one.secondsToQuality ?? Number.POSITIVE_INFINITY;
  report(outputs, seconds, 'seconds');
  console.log('\nWith drawing, looking up and grouping counted for PyTorch too, as they are for ours:\n');
  report(outputs, (one) => one.secondsToQualityWithPreparing ?? seconds(one), 'seconds');
}

function growth() {
  console.log(
    '| accounts | events | seconds for an epoch | µs/event | ratio | peak MB of `train` |\n| --- | --- | --- | --- | --- | --- |',
  );
  let first;
  for (const times of [1, 3, 10]) {
    const { train } = tutorialData(times);
    const model = join(DATA, 'growth.model');
    const rows = String(20_000 * times);
    const options = [...TUTORIAL_OPTIONS, '--epochs', '1', '--num-entity-vectors', rows];
    const { events, peakMegabytes, wallSeconds } = runJson({
      name: `growth ${times} ×`,
      command: node('timed.mjs', 'train', train, '--model', model, ...options),
    });
    const perEvent = (wallSeconds / events) * 1e6;
    first ??= perEvent;
    console.log(
      `| ${(10_000 * times).toLocaleString('en-US')} | ${events.toLocaleString('en-US')} | ${wallSeconds.toFixed(1)} | ${perEvent.toFixed(2)} | ${(perEvent / first).toFixed(2)} | ${peakMegabytes.toFixed(0)} |`,
    );
  }
}
