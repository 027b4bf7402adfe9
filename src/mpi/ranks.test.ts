import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { alone } from './ranks.ts';
import { runDrill, runJob } from './sampleRanks.ts';

const here = hostname();

for (const size of [1, 2, 3, 5]) {
  test(`${size} under mpirun: every operation brings what was sent, of any size`, async () => {
    const { status, stdout, stderr } = await runJob(size, ['operations']);
    assert.deepEqual([status, stderr], [0, '']);
    assert.deepEqual(
      stdout.trim().split('\n').sort(),
      Array.from({ length: size }, (_, rank) => `rank ${rank} of ${size} done`),
    );
  });
}

test('operations may be called in another thread than the one that started MPI', async () => {
  const { status, stderr } = await runJob(2, ['thread']);
  assert.deepEqual([status, stderr], [0, '']);
});

test('without a launcher one rank does every operation by itself', async () => {
  const { status, stderr } = await runDrill(['alone']);
  assert.deepEqual([status, stderr], [0, '']);
});

test('a process that a rank starts is alone', async () => {
  const { status, stderr } = await runJob(2, ['nested']);
  assert.deepEqual([status, stderr], [0, '']);
});

test('a shell between mpirun and the process does not matter', async () => {
  const command = ['sh', '-c', '"$@"', 'sh', process.execPath];
  const { status, stdout } = await runJob(2, ['size'], { command });
  assert.equal(status, 0);
  assert.equal(stdout.match(/^size 2$/gm)?.length, 2);
});

test('IP_INSIGHTS_MPI=off lets every process work alone, without koffi', async () => {
  const { status, stdout } = await runJob(2, ['size'], { env: { IP_INSIGHTS_MPI: 'off' } });
  assert.equal(status, 0);
  assert.equal(stdout.match(/^size 1$/gm)?.length, 2);
});

test('a part of more bytes than MPI counts arrives whole', async () => {
  const { status, stderr } = await runJob(2, ['large']);
  assert.deepEqual([status, stderr], [0, '']);
});

test('a rank that gets more than it expects ends the job', async () => {
  const { status, told } = await runJob(2, ['truncate']);
  assert.equal(status, 1);
  assert.deepEqual(told, [
    `rank 1 (${here}): MPI_Alltoallv: MPI_ERR_TRUNCATE: message truncated. MPI cannot go on; more may stand above, from Open MPI itself.`,
  ]);
});

test('options that differ are named by rank, host and value, once', async () => {
  const { status, told, stdout } = await runJob(3, ['agree', '7', '7', '8']);
  assert.equal(status, 1);
  assert.deepEqual(told, [
    `rank 0 (${here}): --seed: expected the same on all ranks, got "7" on rank 0 (${here}) and "8" on rank 2 (${here}). Start every rank with the same version, command and options.`,
  ]);
  assert.equal(stdout, '');
});

test('an option that a rank lacks is named, too', async () => {
  const { status, told } = await runJob(2, ['agree', '7']);
  assert.equal(status, 1);
  assert.deepEqual(told, [
    `rank 0 (${here}): --seed: expected the same on all ranks, got "7" on rank 0 (${here}) and nothing on rank 1 (${here}). Start every rank with the same version, command and options.`,
  ]);
});

test('equal options let all ranks go on', async () => {
  const { status, stderr } = await runJob(3, ['agree', '7', '7', '7']);
  assert.deepEqual([status, stderr], [0, '']);
});

for (const { who, kind, status, told } of [
  { who: '1', kind: 'input', status: 1, told: `rank 1 (${here}): train.csv: expected a file, got none.` },
  { who: '0', kind: 'usage', status: 2, told: `rank 0 (${here}): --seed: expected a number, got "x".` },
  { who: 'all', kind: 'usage', status: 2, told: `rank 0 (${here}): --seed: expected a number, got "x".` },
  { who: '2', kind: 'other', status: 1, told: `rank 2 (${here}): unexpected failure, please report it` },
]) {
  test(`an error (${kind}) of rank ${who} is told once and ends the job with ${status}`, async () => {
    const job = await runJob(3, ['fail', who, kind]);
    assert.equal(job.status, status);
    assert.deepEqual(job.told, [told]);
    assert.equal(job.stdout, '');
  });
}

test('a sum that might be rounded is refused', () => {
  const ranks = alone('a');
  ranks.sumOfIntegers(Float64Array.of(2 ** 53, -(2 ** 53), 0));
  ranks.sumOfIntegers(BigInt64Array.of(2n ** 62n));
  for (const value of [0.5, Number.NaN, 2 ** 53 + 2, Number.POSITIVE_INFINITY]) {
    assert.throws(() => ranks.sumOfIntegers(Float64Array.of(1, value)), {
      name: 'InputError',
      message: `sum over 1 ranks, value 1: expected an integer of at most 9007199254740992, got ${value}. Please report it.`,
    });
  }
});

test('a missing library is named once, with the package that holds it', async () => {
  const { status, told } = await runJob(2, ['size'], { env: { IP_INSIGHTS_MPI_LIBRARY: 'libnone.so' } });
  assert.equal(status, 1);
  const sentence =
    'IP_INSIGHTS_MPI_LIBRARY: expected the library of Open MPI as libnone.so, got "Failed to load shared library: cannot open shared object file: No such file or directory". Install Open MPI on every host (Debian and Ubuntu: apt-get install openmpi-bin; Red Hat: dnf install openmpi, then module load mpi).';
  // mpirun ends the others when the first has failed.
  assert.deepEqual(told, [`rank 0 (${here}): ${sentence}`]);
});

test('the library of MPICH is refused by its name', async () => {
  const { status, told } = await runJob(2, ['size'], { env: { IP_INSIGHTS_MPI_LIBRARY: 'libmpich.so.12' } });
  assert.equal(status, 1);
  assert.ok(told.length > 0);
  for (const line of told) {
    assert.match(
      line,
      /^rank [01] \(.*\): libmpich\.so\.12: expected the library of Open MPI, got "MPICH Version: [\d.]+"\. Install Open MPI on every host \(.*\), and start with its mpirun\.$/,
    );
  }
});

test('a library that is no MPI is refused', async () => {
  const { status, told } = await runJob(2, ['size'], { env: { IP_INSIGHTS_MPI_LIBRARY: 'libm.so.6' } });
  assert.equal(status, 1);
  assert.ok(told.length > 0);
  for (const line of told) {
    assert.match(
      line,
      /libm\.so\.6: expected the library of Open MPI, got "no function MPI_Get_library_version"\./,
    );
  }
});

test('a launcher of another MPI than the library is named: the sizes differ', async () => {
  const env = { OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_RANK: '1' };
  const { status, stderr } = await runDrill(['size'], { env });
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^rank 1 \(.*\): expected 4 ranks, as mpirun started, got 1 from Open MPI v[\d.]+: they do not belong together\. Use the mpirun of this Open MPI, or srun --mpi=pmix\.$/m,
  );
});

test('a missing koffi is named with the command that installs it', async (context) => {
  // What is compiled, where no package is installed.
  const folder = mkdtempSync(join(tmpdir(), 'ip-insights-no-koffi-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const dist = join(import.meta.dirname, '..');
  for (const part of ['mpi', 'files', 'errors.js', 'version.js'])
    cpSync(join(dist, part), join(folder, part), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const { optionalDependencies } = JSON.parse(readFileSync(join(dist, '../package.json'), 'utf8'));

  const { status, told } = await runJob(2, ['size'], { folder: join(folder, 'mpi') });
  assert.equal(status, 1);
  assert.ok(told.length > 0);
  for (const line of told) {
    assert.equal(
      line.replace(/^rank [01] \(.*?\): /, '').replace(/imported from .*?"/, 'imported from …"'),
      `MPI: expected the package koffi, which calls it, got "Cannot find package 'koffi' imported from …". It is optional, and npm leaves it out silently where it fails to install: npm install koffi@${optionalDependencies.koffi}`,
    );
  }
  const one = await runJob(1, ['size'], { folder: join(folder, 'mpi') });
  assert.deepEqual([one.status, one.stderr], [0, '']);
});
