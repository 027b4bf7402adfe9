import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { plainEnvironment } from '../../mpi/sampleRanks.ts';

const DRILL = join(import.meta.dirname, 'rankTrainingDrill.js');

/** What each case learned. @param size 0: without a launcher */
async function learned(size: number): Promise<string[]> {
  const launcher = ['mpirun', '--allow-run-as-root', '--oversubscribe', '-np', String(size)];
  const [command, ...args] = [...(size === 0 ? [] : launcher), process.execPath, DRILL];
  const { stdout } = await promisify(execFile)(command, args, { env: plainEnvironment(), timeout: 120_000 });
  return stdout.trimEnd().split('\n');
}

const alone = await learned(0);

test('the trainings differ in what they learn, and none stands still', () => {
  const cases = alone.map((line) => JSON.parse(line));
  assert.equal(cases.length, 15);
  for (const { losses } of cases) assert.equal(new Set(losses).size, 2);
  assert.equal(new Set(cases.map((one) => one.learned.join())).size, cases.length);
});

for (const size of [1, 2, 3, 4, 5]) {
  test(`${size} ${size === 1 ? 'rank learns' : 'ranks learn'} what one process does, bit for bit: vectors, moments, steps and losses`, async () => {
    assert.deepEqual(await learned(size), alone);
  });
}
