/** Debian's own Slurm, on one node: training over its ranks, and the scripts as a user submits them. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { COMMAND, EXAMPLES, logins } from './exampleRun.ts';
import { SampleSlurm } from './sampleSlurm.ts';

const folder = mkdtempSync(join(tmpdir(), 'ip-insights-slurm-'));
mkdirSync(join(folder, 'slurm'));
mkdirSync(join(folder, 'bin'));
const slurm = await SampleSlurm.start(join(folder, 'slurm'));
after(() => {
  slurm.end();
  rmSync(folder, { recursive: true, maxRetries: 5 });
});

writeFileSync(join(folder, 'bin/ip-insights'), `#!/bin/sh\nexec '${process.execPath}' '${COMMAND}' "$@"\n`, {
  mode: 0o755,
});
const own = Object.entries(process.env).filter(([name]) => !/^(SLURM_|OMPI_|PMIX_|IP_INSIGHTS_)/.test(name));
const environment = {
  ...Object.fromEntries(own),
  PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}`,
};
const run = (...command: string[]) => slurm.run(folder, environment, command);
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const bytes = (name: string) => readFileSync(join(folder, name));

const events = logins(Date.UTC(2024, 5, 17) / 1000);
const csv = events.map(({ entity, address, time }) => `${entity},${address},${time}\n`).join('');
for (const name of ['train.csv', 'events.csv']) writeFileSync(join(folder, name), csv);
const alone = run('ip-insights', 'train', 'train.csv', '--model', 'alone.model');
assert.equal(alone.status, 0, alone.stderr);

test('srun --mpi=pmix starts ranks that learn the model of one process, byte for byte', () => {
  const train = ['ip-insights', 'train', 'train.csv', '--model', 'srun.model'];
  const { status, stderr } = run('srun', '--mpi=pmix', '--ntasks=2', ...train);
  assert.equal(status, 0, stderr);
  assert.deepEqual(bytes('srun.model'), bytes('alone.model'));
});

test('without --mpi=pmix both tasks say what is missing', () => {
  const train = ['ip-insights', 'train', 'train.csv', '--model', 'none.model'];
  const { status, stderr } = run('srun', '--mpi=none', '--ntasks=2', ...train);
  assert.notEqual(status, 0);
  for (const rank of [0, 1]) {
    const line = `ip-insights: rank ${rank} (node-1): srun started 2 tasks that cannot find each other: expected PMIX_RANK in the environment, got none. Use srun --mpi=pmix. To let every process work alone, set IP_INSIGHTS_MPI=off.`;
    assert.ok(stderr.split('\n').includes(line), stderr);
  }
});

/** Submits to the one node what asks for more, and waits for the end. */
const submit = (...args: string[]) => run('sbatch', '--wait', '--parsable', ...args);

test('train.sbatch learns the model of one process, and keeps checkpoints', () => {
  const small = ['--nodes=1', '--ntasks-per-node=2', '--cpus-per-task=1'];
  const { status, stdout, stderr } = submit(...small, join(EXAMPLES, 'slurm/train.sbatch'));
  assert.equal(status, 0, stderr);
  assert.match(read(`train-${stdout.trim()}.log`), /^checkpoints\/training\.checkpoint: .* MB written in /m);
  assert.deepEqual(bytes('login.model'), bytes('alone.model'));
  assert.deepEqual(readdirSync(join(folder, 'checkpoints')).sort(), [
    'fit.checkpoint',
    'training.checkpoint',
  ]);
});

test('score.sbatch does its shares as an array, and the parts are the whole', () => {
  const { status, stderr } = submit('--export=ALL,MODEL=alone.model', join(EXAMPLES, 'slurm/score.sbatch'));
  assert.equal(status, 0, stderr);
  const whole = run('ip-insights', 'score', 'alone.model', 'events.csv');
  assert.equal(whole.status, 0, whole.stderr);
  const names = readdirSync(folder).filter((name) => /^scores-.*\.jsonl$/.test(name));
  assert.equal(names.length, 6);
  assert.equal(names.sort().map(read).join(''), whole.stdout);
});

test('a task of an array whose srun starts several processes is refused, as all would do one share', () => {
  const score =
    "srun --ntasks=2 ip-insights score alone.model events.csv --shard auto --out 'twice-{shard}.jsonl'";
  const { status } = submit('--array=1-2', '--ntasks=2', '--output=twice-%a.log', '--wrap', score);
  assert.notEqual(status, 0);
  for (const id of [1, 2]) {
    assert.ok(
      read(`twice-${id}.log`)
        .split('\n')
        .includes(
          'ip-insights: --shard auto: expected one process for each task of the array, got 2, which srun started (SLURM_STEP_NUM_TASKS). Start one with srun --ntasks=1, or say which shard each is, such as --shard 3/10.',
        ),
      read(`twice-${id}.log`),
    );
  }
  assert.deepEqual(
    readdirSync(folder).filter((name) => /^twice-.*jsonl$/.test(name)),
    [],
  );
});

test('tasks of srun alone have a share each', () => {
  const score = ['ip-insights', 'score', 'alone.model', 'events.csv', '--shard', 'auto'];
  const { status, stderr } = run('srun', '--ntasks=3', ...score, '--out', 'tasks-{shard}.jsonl');
  assert.equal(status, 0, stderr);
  const names = readdirSync(folder).filter((name) => /^tasks-.*\.jsonl$/.test(name));
  assert.equal(names.length, 3);
  const whole = run('ip-insights', 'score', 'alone.model', 'events.csv');
  assert.equal(names.sort().map(read).join(''), whole.stdout);
});
