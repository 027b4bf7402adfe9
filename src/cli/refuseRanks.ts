import { hostname } from 'node:os';
import { InputError, UsageError } from '../errors.ts';
import { allOrNone } from '../mpi/allOrNone.ts';
import { findLauncher, type Launcher } from '../mpi/launcher.ts';
import { runRanks } from '../mpi/runRanks.ts';
import { leaveSilently, turnToTell } from '../mpi/turn.ts';

/** What ranks do together; tasks of `--shard` are none. */
const TOGETHER = ['train', 'score', 'transform', 'evaluate'];

/** Whether a process is one of several tasks that have nothing to do with each other, or only tells how it is used. */
const isByItself = (args: readonly string[]) => args.some((arg) => /^--(shard(=|$)|help$)/.test(arg));

/**
 * Processes that a launcher started as ranks would all do the same, and write the same files.
 * @param args what follows the command
 * @throws UsageError where a command that is for one process was started as several
 */
export async function refuseRanks(command: string, args: readonly string[]): Promise<void> {
  if (TOGETHER.includes(command) || isByItself(args)) return;
  const refuse = (count: string) => {
    const shared = command === 'prepare' ? ', or share the input out with --shard' : '';
    throw new UsageError(
      `${command}: expected one process, got ${count}, which would all do the same. Start it without mpirun or srun${shared}; ${TOGETHER.slice(0, -1).join(', ')} and ${TOGETHER.at(-1)} work over ranks.`,
    );
  };
  const { IP_INSIGHTS_MPI } = process.env;
  try {
    if (!findLauncher(process.env, process.pid)) return;
  } catch (error) {
    // Others were started, whether they can find each other or not.
    if (!(error instanceof InputError) || IP_INSIGHTS_MPI) throw error;
    refuse('several');
  }
  await runRanks(command, async (ranks) => allOrNone(ranks, () => refuse(`${ranks.size} ranks`)));
}

/**
 * As which rank this process tells an error that it has before it met the others; which of them does is for the first to tell, as
 * they often have the same.
 * @param args of the command line
 * @returns `rank 3 (host): `; '' where it is none
 */
export async function rankToTell(args: readonly string[]): Promise<string> {
  // A wrong value of the switch may be what there is to tell.
  const { IP_INSIGHTS_MPI, ...environment } = process.env;
  if (isByItself(args) || IP_INSIGHTS_MPI === 'off') return '';
  let launcher: Launcher | undefined;
  try {
    launcher = findLauncher(environment, process.pid);
  } catch {
    // Of a launcher that started no ranks of ours, this error is not the one to tell.
  }
  if (!launcher) return '';
  leaveSilently();
  await turnToTell(launcher.rank);
  return `rank ${launcher.rank} (${hostname()}): `;
}
