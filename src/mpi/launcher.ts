import { hostname } from 'node:os';
import { InputError, quoted } from '../errors.ts';

/** What started this process as one of several. */
export interface Launcher {
  name: 'mpirun' | 'srun';
  rank: number;
  size: number;
}

type Environment = Record<string, string | undefined>;

/** Names the process that has joined a job, for the processes that it starts: they have its environment, and are no ranks. */
const JOINED = 'IP_INSIGHTS_RANK_PROCESS';
/** `off`: whatever started it, this process works alone. */
const SWITCH = 'IP_INSIGHTS_MPI';
const ALONE = `To let every process work alone, set ${SWITCH}=off.`;

/**
 * Which launcher started this process as one of several ranks, by the environment:
 * - Open MPI's mpirun sets OMPI_COMM_WORLD_SIZE. So do Kubernetes' MPI Operator and SageMaker, as they call it. It comes first,
 *   since mpirun starts its daemons through srun where there is one.
 * - Slurm's srun sets SLURM_STEP_NUM_TASKS. SLURM_NTASKS would be wrong: a batch script has it too, and is one process.
 *   Only with PMIx (PMIX_RANK) or PMI-2 (PMI_RANK) can Open MPI find the others.
 * - MPICH's and Intel's launchers set PMI_SIZE and nothing of Open MPI's.
 * One task is no job of several: such a process is alone, and needs no MPI. A shell script between launcher and process does not
 * matter; a process that a rank starts is alone, as it is told by `markAsRank`.
 * @returns undefined where the process is alone
 * @throws InputError where others were started that cannot be reached by Open MPI
 */
export function findLauncher(environment: Environment, processId: number): Launcher | undefined {
  const choice = environment[SWITCH];
  if (choice === 'off') return undefined;
  if (choice !== undefined && choice !== '') {
    throw new InputError(`${SWITCH}: expected off or nothing, got ${quoted(choice)}.`);
  }
  const joined = environment[JOINED];
  if (joined !== undefined && joined !== String(processId)) return undefined;

  if (environment.OMPI_COMM_WORLD_SIZE !== undefined) {
    return several('mpirun', environment, 'OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE');
  }
  if (environment.SLURM_STEP_NUM_TASKS !== undefined) {
    const launcher = several('srun', environment, 'SLURM_PROCID', 'SLURM_STEP_NUM_TASKS');
    if (!launcher || environment.PMIX_RANK !== undefined || environment.PMI_RANK !== undefined) {
      return launcher;
    }
    throw new InputError(
      `rank ${launcher.rank} (${hostname()}): srun started ${launcher.size} tasks that cannot find each other: expected PMIX_RANK in the environment, got none. Use srun --mpi=pmix. ${ALONE}`,
    );
  }
  if (environment.PMI_SIZE !== undefined) {
    const other = several('mpirun', environment, 'PMI_RANK', 'PMI_SIZE');
    if (!other) return undefined;
    throw new InputError(
      `rank ${other.rank} (${hostname()}): expected to be started by Open MPI's mpirun, got a launcher of MPICH's kind (PMI_SIZE=${other.size}). Call the mpirun of Open MPI: mpirun.openmpi on Debian (package openmpi-bin). ${ALONE}`,
    );
  }
  return undefined;
}

/** Tells the processes that this one starts from now on that they are no ranks. */
export function markAsRank(environment: Environment, processId: number): void {
  environment[JOINED] = String(processId);
}

function several(
  name: Launcher['name'],
  environment: Environment,
  rankName: string,
  sizeName: string,
): Launcher | undefined {
  const size = wholeNumber(environment, sizeName, 1, 2 ** 31 - 1);
  const rank = wholeNumber(environment, rankName, 0, size - 1);
  return size === 1 ? undefined : { name, rank, size };
}

function wholeNumber(environment: Environment, name: string, least: number, most: number): number {
  const text = environment[name] ?? '';
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new InputError(
    `${name}: expected an integer from ${least} to ${most}, as a launcher of MPI sets it, got ${quoted(text)}. ${ALONE}`,
  );
}
