import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shardOption, shardOutput } from './shardOption.ts';

type Variables = Record<string, string>;

const array = (id: number, min: number, max: number, count: number, step = 1): Variables => ({
  SLURM_JOB_ID: '4711',
  SLURM_ARRAY_TASK_ID: String(id),
  SLURM_ARRAY_TASK_MIN: String(min),
  SLURM_ARRAY_TASK_MAX: String(max),
  SLURM_ARRAY_TASK_COUNT: String(count),
  SLURM_ARRAY_TASK_STEP: String(step),
});

const RIGHT: [option: string, variables: Variables, shard: string][] = [
  ['3/10', {}, '3/10'],
  ['1/1', {}, '1/1'],
  ['999999/999999', {}, '999999/999999'],
  ['2/3', { JOB_COMPLETION_INDEX: '0' }, '2/3'],
  ['auto', array(1, 1, 10, 10), '1/10'],
  ['auto', array(0, 0, 9, 10), '1/10'],
  ['auto', array(12, 5, 14, 10), '8/10'],
  ['auto', array(8, 0, 12, 4, 4), '3/4'],
  // The highest index of --array=0-15:4 is 12; 15 would be no other array.
  ['auto', array(8, 0, 15, 4, 4), '3/4'],
  ['auto/4', array(8, 0, 12, 4, 4), '3/4'],
  ['auto', { SLURM_ARRAY_TASK_ID: '2', SLURM_ARRAY_TASK_COUNT: '3' }, '3/3'],
  // The script of each task of an array has the variables of srun too.
  ['auto', { ...array(3, 1, 10, 10), SLURM_PROCID: '0', SLURM_NTASKS: '1' }, '3/10'],
  ['auto', { SLURM_PROCID: '2', SLURM_NTASKS: '8' }, '3/8'],
  ['auto', { SLURM_JOB_ID: '4711', SLURM_STEP_ID: '0', SLURM_PROCID: '7', SLURM_NTASKS: '8' }, '8/8'],
  ['auto/5', { JOB_COMPLETION_INDEX: '4' }, '5/5'],
  ['auto', { AWS_BATCH_JOB_ARRAY_INDEX: '0', AWS_BATCH_JOB_ARRAY_SIZE: '2' }, '1/2'],
  ['auto/2', { AWS_BATCH_JOB_ARRAY_INDEX: '1' }, '2/2'],
];
for (const [option, variables, expected] of RIGHT) {
  test(`--shard ${option} with ${JSON.stringify(variables)} is ${expected}`, () => {
    const { shard, isScheduled } = shardOption(option, variables);
    assert.equal(`${shard?.number}/${shard?.count}`, expected);
    assert.equal(isScheduled, option.startsWith('auto'));
  });
}

test('without the option nothing is sharded, whatever a scheduler says', () => {
  assert.deepEqual(shardOption(undefined, array(1, 1, 10, 10)), { shard: undefined, isScheduled: false });
});

const EXAMPLE = 'Say which shard it is, such as --shard 3/10.';
const WRONG: [option: string, variables: Variables, message: string][] = [
  ['0/4', {}, '--shard: expected a shard from 1 to 4, got 0 in "0/4". The first one is 1/4.'],
  ['5/4', {}, '--shard: expected a shard from 1 to 4, got 5 in "5/4". The first one is 1/4.'],
  ['1/0', {}, '--shard: expected from 1 to 999,999 shards, got 0 in "1/0".'],
  ['1/1000000', {}, '--shard: expected from 1 to 999,999 shards, got 1000000 in "1/1000000".'],
  ...['a/b', '', '3', '3/', '/3', '-1/4', '1.5/4', '1/4/5', '+1/4', 'AUTO', 'auto/', 'auto/x', ' 1/4'].map(
    (text): [string, Variables, string] => [
      text,
      {},
      `--shard: expected I/N such as 3/10, auto or auto/N, got ${JSON.stringify(text)}.`,
    ],
  ),
  [
    'auto',
    { SLURM_JOB_ID: '1', JOB_COMPLETION_INDEX: '' },
    "--shard auto: expected a scheduler's variable, found none of SLURM_ARRAY_TASK_ID (Slurm's job arrays), SLURM_PROCID (Slurm's srun), " +
      "JOB_COMPLETION_INDEX (Kubernetes' indexed Jobs), AWS_BATCH_JOB_ARRAY_INDEX (AWS Batch's array jobs). Elsewhere say which shard it is, such as --shard 3/10.",
  ],
  [
    'auto/2',
    { JOB_COMPLETION_INDEX: '0', AWS_BATCH_JOB_ARRAY_INDEX: '1' },
    "--shard auto: expected one scheduler's variable, found JOB_COMPLETION_INDEX (Kubernetes' indexed Jobs), " +
      `AWS_BATCH_JOB_ARRAY_INDEX (AWS Batch's array jobs). ${EXAMPLE}`,
  ],
  [
    'auto',
    { JOB_COMPLETION_INDEX: '1' },
    '--shard auto: expected the number of shards too, as JOB_COMPLETION_INDEX is only an index. Write --shard auto/N, with as many as there are tasks.',
  ],
  [
    'auto/3',
    { JOB_COMPLETION_INDEX: '3' },
    '--shard auto/3: expected JOB_COMPLETION_INDEX below 3, got 3. Write --shard auto/N, with as many as there are tasks.',
  ],
  [
    'auto/3',
    { JOB_COMPLETION_INDEX: 'x' },
    'JOB_COMPLETION_INDEX: expected an integer, got "x". It is set by the scheduler.',
  ],
  // A single task of an array that was started again.
  [
    'auto/10',
    array(3, 3, 3, 1),
    '--shard auto/10: expected 10 tasks, got 1 of the scheduler (SLURM_ARRAY_TASK_ID). Start as many, or say which shard it is, such as --shard 3/10.',
  ],
  // --array=1,5,6: for the first task too, whose own index would do.
  [
    'auto',
    array(1, 1, 6, 3),
    `--shard auto: expected an array of indices in even steps, such as --array=1-10, got 3 from 1 to 6, this one 1. ${EXAMPLE}`,
  ],
  [
    'auto',
    array(3, 0, 12, 4, 4),
    `--shard auto: expected an array of indices in even steps, such as --array=1-10, got 4 from 0 to 12, this one 3. ${EXAMPLE}`,
  ],
  [
    'auto',
    { ...array(3, 1, 10, 10), SLURM_STEP_ID: '0', SLURM_STEP_NUM_TASKS: '4', SLURM_PROCID: '2' },
    '--shard auto: expected one process for each task of the array, got 4, which srun started (SLURM_STEP_NUM_TASKS). Start one with srun --ntasks=1, or say which shard each is, such as --shard 3/10.',
  ],
  [
    'auto',
    { SLURM_JOB_ID: '4711', SLURM_PROCID: '0', SLURM_NTASKS: '8' },
    '--shard auto: expected a task of srun, got the script of job 4711 itself. Put srun before the command, or make it an array with --array=1-10.',
  ],
];
for (const [option, variables, message] of WRONG) {
  test(`--shard ${JSON.stringify(option)} with ${JSON.stringify(variables)} is refused`, () => {
    assert.throws(() => shardOption(option, variables), { name: 'UsageError', message });
  });
}

test('tasks that a scheduler numbers may not all write one file', () => {
  const scheduled = shardOption('auto/4', { JOB_COMPLETION_INDEX: '2' });
  assert.equal(shardOutput('--out', 's-{shard}.jsonl', scheduled), 's-00003-of-00004.jsonl');
  for (const path of [undefined, '-', '/dev/null']) assert.equal(shardOutput('--out', path, scheduled), path);
  for (const [path, proposed] of [
    ['out.d/scores.jsonl.gz', 'out.d/scores-{shard}.jsonl.gz'],
    ['scores', 'scores-{shard}'],
    ['/a/.b', '/a/.b-{shard}'],
  ]) {
    assert.throws(() => shardOutput('--out', path, scheduled), {
      name: 'UsageError',
      message: `--out: expected {shard} in the name with --shard auto, got ${JSON.stringify(path)}, which all tasks would write. Name it such as ${proposed}.`,
    });
  }
  // Who says the number can say the name.
  assert.equal(shardOutput('--out', 'scores', shardOption('3/4', {})), 'scores');
});
