import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { plainEnvironment } from '../mpi/sampleRanks.ts';

const DRILL = join(import.meta.dirname, 'fitModelDrill.js');

/** What each sample was fitted to. @param size 0: without a launcher */
async function fitted(size: number): Promise<string[]> {
  const launcher = ['mpirun', '--allow-run-as-root', '--oversubscribe', '-np', String(size)];
  const [command, ...args] = [...(size === 0 ? [] : launcher), process.execPath, DRILL];
  const { stdout } = await promisify(execFile)(command, args, { env: plainEnvironment(), timeout: 300_000 });
  return stdout.trimEnd().split('\n');
}

const alone = await fitted(0);

test('the samples have what there is to fit', () => {
  const figures = alone.map((line) => JSON.parse(line));
  assert.equal(figures.length, 8);
  for (const { name, events, newPlaces, judged, neural } of figures) {
    const isEmpty = name === 'nothing held out';
    assert.equal(newPlaces > 0, !isEmpty, name);
    assert.ok(judged <= events && neural > 0, name);
  }
});

for (const size of [1, 2, 3, 5]) {
  test(`${size} ${size === 1 ? 'rank fits' : 'ranks fit'} what one process does, bit for bit`, async () => {
    assert.deepEqual(await fitted(size), alone);
  });
}
