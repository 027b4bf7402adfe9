import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { findLauncher, markAsRank } from './launcher.ts';

const here = hostname();
const mpirun = { OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_RANK: '3', PMIX_RANK: '3' };

for (const { name, environment, expected } of [
  { name: 'nothing', environment: {}, expected: undefined },
  { name: "Open MPI's mpirun", environment: mpirun, expected: { name: 'mpirun', rank: 3, size: 4 } },
  {
    name: 'mpirun with one process',
    environment: { OMPI_COMM_WORLD_SIZE: '1', OMPI_COMM_WORLD_RANK: '0' },
    expected: undefined,
  },
  {
    name: 'mpirun within Slurm, which starts its daemons by srun',
    environment: { ...mpirun, SLURM_STEP_NUM_TASKS: '2', SLURM_PROCID: '1' },
    expected: { name: 'mpirun', rank: 3, size: 4 },
  },
  {
    name: 'srun with PMIx',
    environment: { SLURM_STEP_NUM_TASKS: '8', SLURM_PROCID: '7', PMIX_RANK: '7' },
    expected: { name: 'srun', rank: 7, size: 8 },
  },
  {
    name: 'srun with PMI-2',
    environment: { SLURM_STEP_NUM_TASKS: '8', SLURM_PROCID: '7', PMI_RANK: '7', PMI_SIZE: '8' },
    expected: { name: 'srun', rank: 7, size: 8 },
  },
  {
    name: 'srun with one task',
    environment: { SLURM_STEP_NUM_TASKS: '1', SLURM_PROCID: '0', PMIX_RANK: '0', SLURM_NTASKS: '1' },
    expected: undefined,
  },
  {
    name: 'a batch script of Slurm, whose job has several tasks',
    environment: { SLURM_JOB_ID: '9', SLURM_NTASKS: '8', SLURM_PROCID: '0' },
    expected: undefined,
  },
  {
    name: "MPICH's launcher with one process",
    environment: { PMI_SIZE: '1', PMI_RANK: '0' },
    expected: undefined,
  },
  { name: 'mpirun, switched off', environment: { ...mpirun, IP_INSIGHTS_MPI: 'off' }, expected: undefined },
]) {
  test(`${name}: ${expected ? `rank ${expected.rank} of ${expected.size}` : 'alone'}`, () => {
    assert.deepEqual(findLauncher(environment, 123), expected);
  });
}

test('the processes of a rank are no ranks, whatever they inherit; the rank itself stays one', () => {
  const environment: Record<string, string | undefined> = { ...mpirun };
  markAsRank(environment, 123);
  assert.equal(findLauncher(environment, 124), undefined);
  assert.equal(findLauncher(environment, 123)?.rank, 3);
});

const ALONE = 'To let every process work alone, set IP_INSIGHTS_MPI=off.';
for (const { environment, message } of [
  {
    environment: { PMI_SIZE: '2', PMI_RANK: '1' },
    message: `rank 1 (${here}): expected to be started by Open MPI's mpirun, got a launcher of MPICH's kind (PMI_SIZE=2). Call the mpirun of Open MPI: mpirun.openmpi on Debian (package openmpi-bin). ${ALONE}`,
  },
  {
    environment: { SLURM_STEP_NUM_TASKS: '4', SLURM_PROCID: '2' },
    message: `rank 2 (${here}): srun started 4 tasks that cannot find each other: expected PMIX_RANK in the environment, got none. Use srun --mpi=pmix. ${ALONE}`,
  },
  {
    environment: { OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_RANK: '4' },
    message: `OMPI_COMM_WORLD_RANK: expected an integer from 0 to 3, as a launcher of MPI sets it, got "4". ${ALONE}`,
  },
  {
    environment: { OMPI_COMM_WORLD_SIZE: 'two', OMPI_COMM_WORLD_RANK: '0' },
    message: `OMPI_COMM_WORLD_SIZE: expected an integer from 1 to 2147483647, as a launcher of MPI sets it, got "two". ${ALONE}`,
  },
  { environment: { IP_INSIGHTS_MPI: 'no' }, message: 'IP_INSIGHTS_MPI: expected off or nothing, got "no".' },
]) {
  test(`refused: ${Object.entries(environment).join(' ')}`, () => {
    assert.throws(() => findLauncher(environment, 123), { name: 'InputError', message });
  });
}
