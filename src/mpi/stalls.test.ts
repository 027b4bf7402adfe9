import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isRunning } from '../files/atomicFile.ts';
import { type JobOptions, type JobResult, runJob } from './sampleRanks.ts';

const here = hostname();
const rank = (index: number) => `rank ${index} (${here})`;
const ADVICE = 'Continue from model.checkpoint with --continue.';

/** Short limits; a job that hangs would be ended by the time limit of `runJob`, without a message. */
const run = (size: number, drill: string[], options: JobOptions = {}) =>
  runJob(size, drill, {
    ...options,
    env: { IP_INSIGHTS_MPI_SILENT_SECONDS: '4', IP_INSIGHTS_MPI_LATE_SECONDS: '6', ...options.env },
  });

/** One line, by one rank, and all processes gone: their pipes have closed. */
function assertTold(job: JobResult, line: string, status: number): void {
  assert.deepEqual(job.told, [line], job.stderr);
  assert.equal(job.status, status);
}

for (const { stopped, teller, waiting } of [
  { stopped: 1, teller: 0, waiting: [0, 2] },
  { stopped: 0, teller: 1, waiting: [1, 2] },
]) {
  test(`rank ${stopped} is stopped: rank ${teller} names it, and all processes end`, async () => {
    const job = await run(3, ['stall', String(stopped), 'SIGSTOP']);
    assertTold(
      job,
      `${rank(teller)}: ${waiting.map(rank).join(' and ')} wait in barrier (operation 3) for ${rank(stopped)}, of which nothing was heard for 4 s: it is stopped, or its computer or the network is gone. ${ADVICE}`,
      1,
    );
  });
}

test('a computer is frozen, the daemon of mpirun with it: mpirun, which would wait for that for ever, is ended', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'frozen-'));
  const agent = join(folder, 'agent.sh');
  writeFileSync(agent, '#!/bin/sh\nshift\nexec sh -c "$*"\n', { mode: 0o755 });
  const frozen = join(folder, 'frozen');
  try {
    const { told, stderr, signal, seconds } = await run(2, ['stall', '1', 'freeze', frozen], { agent });
    assert.deepEqual(
      told,
      [
        `${rank(0)}: ${rank(0)} waits in barrier (operation 3) for ${rank(1)}, of which nothing was heard for 4 s: it is stopped, or its computer or the network is gone. ${ADVICE}`,
      ],
      stderr,
    );
    assert.equal(signal, 'SIGKILL');
    assert.ok(seconds < 60, `${seconds} s`);
  } finally {
    // What is stopped may have been ended with the one who started it.
    for (const pid of readFileSync(frozen, 'utf8').split(' ').map(Number)) {
      if (isRunning(pid)) process.kill(pid, 'SIGKILL');
    }
    rmSync(folder, { recursive: true });
  }
});

test('a rank in an endless loop is named: it lives, and tells of no progress', async () => {
  assertTold(
    await run(3, ['stall', '1', 'loop']),
    `${rank(0)}: ${rank(0)} and ${rank(2)} wait in barrier (operation 3) for ${rank(1)}, which neither came nor told of progress for 6 s: it lives, but is stuck. ${ADVICE}`,
    1,
  );
});

test('a rank that works for longer than the limit, and tells of progress, is waited for', async () => {
  const { status, stderr } = await run(2, ['work', '8', 'ticks']);
  assert.deepEqual([status, stderr], [0, '']);
});

for (const killed of [0, 2]) {
  test(`rank ${killed} is killed: another one names it, before all end`, async () => {
    const first = killed === 0 ? 1 : 0;
    assertTold(
      await run(3, ['stall', String(killed), 'SIGKILL']),
      `${rank(first)}: ${rank(killed)} is gone without a word: killed, out of memory, or ended by the launcher. ${ADVICE}`,
      137,
    );
  });
}

test('a rank is killed while the others wait in a thread of theirs: one of them names it', async () => {
  assertTold(
    await run(3, ['stallInThread', '1', 'SIGKILL']),
    `${rank(0)}: ${rank(1)} is gone without a word: killed, out of memory, or ended by the launcher. ${ADVICE}`,
    137,
  );
});

test('a rank that ends its process early is named', async () => {
  const job = await run(3, ['stall', '2', 'exit']);
  assert.deepEqual(job.told, [
    `${rank(0)}: ${rank(2)} is gone without a word: killed, out of memory, or ended by the launcher. ${ADVICE}`,
  ]);
  assert.notEqual(job.status, 0);
});

test('ranks in different operations are named at once, whatever the limits', async () => {
  const env = { IP_INSIGHTS_MPI_SILENT_SECONDS: '100', IP_INSIGHTS_MPI_LATE_SECONDS: '100' };
  const job = await run(3, ['stall', '1', 'other'], { env, timeoutSeconds: 60 });
  assertTold(
    job,
    `${rank(0)}: ${rank(0)} and ${rank(2)} wait in barrier (operation 3), and ${rank(1)} waits in gatherAll (operation 3): they do not run the same program. Please report it. ${ADVICE}`,
    1,
  );
});

test('a rank that is done while others have work is named', async () => {
  assertTold(
    await run(3, ['stall', '1', 'end']),
    `${rank(0)}: ${rank(0)} and ${rank(2)} wait in barrier (operation 3), and ${rank(1)} waits in end (operation 3): they do not run the same program. Please report it. ${ADVICE}`,
    1,
  );
});

test('a limit that is no number is refused', async () => {
  const job = await run(2, ['size'], { env: { IP_INSIGHTS_MPI_SILENT_SECONDS: '1' } });
  assert.match(
    job.stderr,
    /IP_INSIGHTS_MPI_SILENT_SECONDS: expected whole seconds from 2 to 999999, got "1"\./,
  );
  assert.equal(job.status, 1);
});

test('a rank that never starts: one of the others says so, and the job ends', async () => {
  const command = [
    'sh',
    '-c',
    '[ $OMPI_COMM_WORLD_RANK = 1 ] && exec sleep 60; exec "$@"',
    'sh',
    process.execPath,
  ];
  const job = await run(3, ['size'], { command });
  const message =
    'MPI has not started within 4 s: a rank did not start, or the hosts cannot reach each other.';
  assert.deepEqual(job.told, [`${rank(0)}: ${message}`], job.stderr);
  assert.notEqual(job.status, 0);
  assert.ok(job.seconds < 60, `${job.seconds} s`);
});
