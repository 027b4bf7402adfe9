import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { alone } from '../mpi/ranks.ts';
import { CheckpointFolder } from './checkpointFolder.ts';

const folder = mkdtempSync(join(tmpdir(), 'ip-insights-checkpoints-'));
after(() => rmSync(folder, { recursive: true }));

test('what killed runs left in the folder is removed; what a running process writes is not', async () => {
  const dead = spawn('true');
  await once(dead, 'exit');
  const part = (writer: number) => `.training.checkpoint.${writer}-0123abcd.part`;
  // In a container a process has the number of the killed one before.
  for (const writer of [dead.pid!, process.pid, process.ppid]) writeFileSync(join(folder, part(writer)), '');
  writeFileSync(join(folder, 'mine'), '');
  new CheckpointFolder(folder, undefined, () => {});
  assert.deepEqual(readdirSync(folder).sort(), [part(process.ppid), 'mine']);
});

test('a job that breaks off early names the checkpoint that an earlier one has left', () => {
  const advice: string[] = [];
  const ranks = { ...alone('localhost'), advise: (sentence: string) => advice.push(sentence) };
  const kept = mkdtempSync(join(folder, 'kept-'));
  new CheckpointFolder(kept, undefined, () => {}, ranks);
  for (const name of ['fit.checkpoint', 'training.checkpoint']) {
    writeFileSync(join(kept, name), '');
    new CheckpointFolder(kept, undefined, () => {}, ranks);
  }
  const goOn = (name: string) =>
    `Continue from ${join(kept, name)}: run the same command again, with any number of ranks.`;
  assert.deepEqual(advice, [
    'No checkpoint was kept yet: run the same command again.',
    goOn('fit.checkpoint'),
    goOn('training.checkpoint'),
  ]);
});

test('a pause is asked for at every interval until the training ends, and never without one', async () => {
  const pauses = { timed: 0, untimed: 0 };
  // 0.01 minutes are 600 ms.
  const timed = new CheckpointFolder(folder, 0.01, () => {});
  const untimed = new CheckpointFolder(folder, undefined, () => {});
  const asked = new Promise<void>((resolve) => {
    timed.start(() => {
      if (++pauses.timed === 2) resolve();
    });
  });
  untimed.start(() => pauses.untimed++);
  await asked;
  for (const one of [timed, untimed]) one.stop();
  await delay(700);
  assert.deepEqual(pauses, { timed: 2, untimed: 0 });
});
