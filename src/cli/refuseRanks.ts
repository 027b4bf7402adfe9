import { InputError, UsageError } from '../errors.ts';
import { allOrNone } from '../mpi/allOrNone.ts';
import { findLauncher } from '../mpi/launcher.ts';
import { runRanks } from '../mpi/runRanks.ts';

/** What ranks do together; tasks of `--shard` are none. */
const TOGETHER = ['train', 'score', 'transform', 'evaluate'];

/**
 * Processes that a launcher started as ranks would all do the same, and write the same files.
 * @param args what follows the command
 * @throws UsageError where a command that is for one process was started as several
 */
export async function refuseRanks(command: string, args: readonly string[]): Promise<void> {
  if (TOGETHER.includes(command) || args.some((arg) => /^--(shard(=|$)|help$)/.test(arg))) return;
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
  await runRanks(async (ranks) => allOrNone(ranks, () => refuse(`${ranks.size} ranks`)));
}
