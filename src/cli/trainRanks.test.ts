/** `mpirun -np N ip-insights train --checkpoint`, as a user runs it: ranks are killed and stopped, and another job goes on. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { plainEnvironment } from '../mpi/sampleRanks.ts';
import { sampleLogins } from './sampleLogins.ts';

const main = fileURLToPath(new URL('./main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'train-ranks-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const read = (name: string) => readFileSync(at(name));
const host = hostname();

writeFileSync(at('train.csv'), sampleLogins(6000, 1));
writeFileSync(at('other.csv'), sampleLogins(6000, 2));
const OPTIONS = [
  ...['--vector-dim', '8', '--epochs', '8', '--mini-batch-size', '200', '--learning-rate', '0.05'],
  ...['--num-ip-encoder-layers', '1', '--threads', '1'],
];

interface Job {
  /** 0: without a launcher */
  size: number;
  /** of `train`, after the options that all have */
  flags: string[];
  /** another file of events */
  events?: string;
  /** what a shell does before each rank, in whose place the rank comes */
  before?: string;
  /** what a shell does around the whole job, which is "$@" there */
  around?: string[];
  env?: NodeJS.ProcessEnv;
  /** a signal to a rank or to mpirun, once the job has said something */
  strike?: { when: RegExp; rank: number | 'mpirun'; signal: NodeJS.Signals };
}

async function train({ size, flags, events = 'train.csv', before = ':', around = [], env, strike }: Job) {
  const rank = `echo $$ >pid.$OMPI_COMM_WORLD_RANK; ${before}; exec "$@"`;
  const launcher = ['mpirun', '--allow-run-as-root', '--oversubscribe', '-np', String(size)];
  const command = [
    ...around,
    ...(size === 0 ? [] : [...launcher, 'bash', '-c', rank, 'bash']),
    ...[process.execPath, main, 'train', at(events), ...OPTIONS, ...flags],
  ];
  const child = spawn(command[0], command.slice(1), {
    cwd: folder,
    env: plainEnvironment(env),
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 120_000,
  });
  let stderr = '';
  let isStruck = strike === undefined;
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
    if (isStruck || !strike?.when.test(stderr)) return;
    isStruck = true;
    const pid = strike.rank === 'mpirun' ? child.pid! : Number(read(`pid.${strike.rank}`));
    process.kill(pid, strike.signal);
  });
  const [status] = await once(child, 'close');
  assert.ok(isStruck, stderr);
  const told = stderr.split('\n').filter((line) => /^rank \d+ \(/.test(line));
  return { status, stderr, told };
}

const model = (name: string) => ['--model', at(name)];
assert.equal((await train({ size: 0, flags: model('whole.model') })).status, 0);

test('a rank is killed: another one names it and the checkpoint, and another number of ranks goes on to the same model', async () => {
  const flags = [...model('killed.model'), '--checkpoint', 'killed', '--checkpoint-minutes', '0.01'];
  const killed = await train({
    ...{ size: 3, flags },
    strike: { when: /training\.checkpoint: .* written/, rank: 1, signal: 'SIGKILL' },
  });
  assert.deepEqual(killed.told, [
    `rank 0 (${host}): rank 1 (${host}) is gone without a word: killed, out of memory, or ended by the launcher. Continue from killed/training.checkpoint: run the same command again, with any number of ranks.`,
  ]);
  assert.notEqual(killed.status, 0);
  const again = await train({ size: 2, flags });
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stderr, /^killed\/fit\.checkpoint: going on after 8 epochs$/m);
  assert.equal(again.stderr.match(/^killed\/training\.checkpoint: going on after \d epochs?/gm)?.length, 1);
  assert.deepEqual(read('killed.model'), read('whole.model'));
  assert.deepEqual(readdirSync(at('killed')).sort(), ['fit.checkpoint', 'training.checkpoint']);
});

test('a rank is stopped: another one names it and the checkpoint, and one process alone goes on to the same model', async () => {
  const flags = [...model('stopped.model'), '--checkpoint', 'stopped'];
  const { status, told } = await train({
    ...{ size: 2, flags, env: { IP_INSIGHTS_MPI_SILENT_SECONDS: '3' } },
    strike: { when: /fit\.checkpoint: .* written/, rank: 1, signal: 'SIGSTOP' },
  });
  assert.equal(told.length, 1);
  assert.match(
    told[0],
    new RegExp(
      `^rank 0 \\(${host}\\): rank 0 \\(${host}\\) waits in \\w+ \\(operation \\d+\\) for rank 1 \\(${host}\\), of which nothing was heard for \\d s: it is stopped, or its computer or the network is gone\\. Continue from stopped/fit\\.checkpoint: run the same command again, with any number of ranks\\.$`,
    ),
  );
  assert.equal(status, 1);
  const again = await train({ size: 0, flags });
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stderr, /^stopped\/fit\.checkpoint: going on after \d epochs?$/m);
  assert.deepEqual(read('stopped.model'), read('whole.model'));
});

test('without --checkpoint a job that breaks off says what would have kept one', async () => {
  const { status, told } = await train({
    ...{ size: 2, flags: model('lost.model') },
    strike: { when: /fitting: epoch 1 of/, rank: 1, signal: 'SIGKILL' },
  });
  assert.deepEqual(told, [
    `rank 0 (${host}): rank 1 (${host}) is gone without a word: killed, out of memory, or ended by the launcher. No checkpoint was kept; --checkpoint FOLDER keeps one after every epoch.`,
  ]);
  assert.notEqual(status, 0);
});

test('mpirun is asked to end: one rank says so, and what to do next', async () => {
  const flags = [...model('asked.model'), '--checkpoint', 'asked', '--epochs', '1000'];
  const { status, stderr, told } = await train({
    ...{ size: 3, flags },
    strike: { when: /fit\.checkpoint: .* written/, rank: 'mpirun', signal: 'SIGTERM' },
  });
  assert.deepEqual(told, [
    `rank 0 (${host}): stopped by SIGTERM: the launcher ends the job. Continue from asked/fit.checkpoint: run the same command again, with any number of ranks.`,
  ]);
  assert.doesNotMatch(stderr, /what was being written/);
  assert.notEqual(status, 0);
  assert.deepEqual(readdirSync(at('asked')), ['fit.checkpoint']);
});

test('what does not belong to the checkpoint ends the job with 1 and one sentence, and the model is not touched', async () => {
  const SAME = 'Use the same data and options, or another --checkpoint folder.';
  const SUM = '[0-9a-f]{64}';
  const flags = [...model('refused.model'), '--checkpoint', 'killed'];
  writeFileSync(at('refused.model'), 'old');
  const table: [job: Partial<Job>, said: string][] = [
    [
      { flags: [...flags, '--seed', '2'] },
      `killed/fit.checkpoint: is of another training: --seed was 1, is now 2. ${SAME}`,
    ],
    [
      { events: 'other.csv' },
      `killed/fit.checkpoint: is of another training: the (number of distinct pairs was \\d+, is now \\d+|checksum of the training data was ${SUM}, is now ${SUM}). ${SAME}`,
    ],
    [
      { before: 'if [ $OMPI_COMM_WORLD_RANK = 1 ]; then mkdir -p elsewhere; cd elsewhere; fi' },
      `killed/fit.checkpoint: expected the same file on all ranks, got one of [\\d,]+ bytes on rank 0 \\(${host}\\) and none on rank 1 \\(${host}\\). All ranks need the same folder: name one with --checkpoint that all computers share.`,
    ],
    [
      { before: 'touch in-the-way', flags: [...model('refused.model'), '--checkpoint', 'in-the-way'] },
      'in-the-way: expected a folder for checkpoints, found a file of that name or on the way to it. Name another one with --checkpoint.',
    ],
  ];
  for (const [job, said] of table) {
    const { status, stderr, told } = await train({ size: 2, flags, ...job });
    assert.equal(told.length, 1, stderr);
    assert.match(told[0], new RegExp(`^rank 0 \\(${host}\\): ${said.replaceAll('. ', '\\. ')}$`));
    assert.equal(status, 1, stderr);
  }
  assert.equal(read('refused.model').toString(), 'old');
});

test('tables that do not fit are told before they are made, by one rank, with its share of the memory', async () => {
  const large = ['--num-entity-vectors', '250000000', '--vector-dim', '4096', '--num-ip-encoder-layers', '0'];
  const { status, told } = await train({ size: 2, flags: [...model('large.model'), ...large] });
  assert.equal(told.length, 1);
  assert.match(
    told[0],
    new RegExp(
      `^rank 0 \\(${host}\\): training needs 190\\d\\.\\d GiB of memory: 1908\\.3 GiB for 125,000,000 entity rows of 4096 numbers, 0\\.\\d\\d GiB for \\d+ network rows, 0\\.\\d\\d GiB for events and mini-batches of 200, 0\\.01 GiB for 1 thread; \\d+\\.\\d+ GiB are free for each of the 2 ranks here\\. Lower --num-entity-vectors \\(now 250000000\\) or --vector-dim \\(now 4096\\)\\.$`,
    ),
  );
  assert.equal(status, 1);
});

test('where one rank has no WebAssembly, all use the plain kernels, and the first one says why', async () => {
  const short = ['--epochs', '1'];
  const plain = await train({ size: 0, flags: [...model('plain.model'), ...short, '--kernels', 'plain'] });
  assert.equal(plain.status, 0, plain.stderr);
  // Without a compiler, Node.js has no WebAssembly. (An address limit, as on Node 20 and 22, is none to the engine of Node 24.)
  const before = 'if [ $OMPI_COMM_WORLD_RANK = 1 ]; then export NODE_OPTIONS=--jitless; fi';
  const { status, stderr } = await train({ size: 2, flags: [...model('limited.model'), ...short], before });
  assert.equal(status, 0, stderr);
  const why = stderr.split('\n').filter((line) => line.startsWith('note: the plain kernels'));
  // Of each of the two trainings.
  assert.equal(new Set(why).size, 1);
  assert.match(why[0], / is not to be had here \(.*\) \(rank 1, .*; all ranks do as it must\)\.$/);
  assert.deepEqual(read('limited.model'), read('plain.model'));
});

test('a disk that is full from the second checkpoint on is told, and the training goes on to the same model', async (t) => {
  mkdirSync(at('full'));
  // Room for one checkpoint, and not for the next one beside it; the disk vanishes with the processes.
  const sizeBytes = read('killed/fit.checkpoint').length;
  const mount = `mount -t tmpfs -o size=${Math.ceil((1.5 * sizeBytes) / 4096) * 4}k none full`;
  const ways = [
    ['unshare', '--mount'],
    ['unshare', '--map-root-user', '--mount'],
  ];
  const isPossible = async ([command, ...args]: string[]) => {
    const child = spawn(command, [...args, 'bash', '-c', mount], { cwd: folder, stdio: 'ignore' });
    return (await once(child, 'close'))[0] === 0;
  };
  let way: string[] | undefined;
  for (const one of ways) if (!way && (await isPossible(one))) way = one;
  if (!way) {
    t.skip('no right to mount a small disk here');
    return;
  }
  const around = [...way, 'bash', '-c', `${mount}; "$@"; code=$?; ls -A full >&2; exit $code`, 'bash'];
  const flags = [...model('full.model'), '--checkpoint', 'full'];
  const { status, stderr } = await train({ size: 3, flags, around });
  assert.equal(status, 0, stderr);
  assert.equal(stderr.match(/^full\/fit\.checkpoint: 0\.\d MB written in /gm)?.length, 1);
  const warning = (stage: string) =>
    `warning: no checkpoint: full/${stage}.checkpoint: cannot be written, the disk is full. Free some space in full, then run this again; an older file of that name is whole. The training goes on.`;
  assert.deepEqual(
    stderr.split('\n').filter((line) => line.startsWith('warning:')),
    [...Array(7).fill(warning('fit')), ...Array(8).fill(warning('training'))],
  );
  assert.equal(stderr.trimEnd().split('\n').at(-1), 'fit.checkpoint');
  assert.deepEqual(read('full.model'), read('whole.model'));
});
