import { InputError, UsageError } from '../errors.ts';
import { version } from '../version.ts';
import { agree } from './agreement.ts';
import { openRanks } from './openRanks.ts';
import type { Ranks } from './ranks.ts';

/**
 * Runs a program on all ranks that a launcher started, or on this process alone. Where it fails on one of several, the job ends: the
 * error is told once, by the lowest rank that has one, as `rank 3 (host): message`; exit code 2 for wrong usage, else 1.
 * @param command what `main` does, the same on all ranks, as is the version
 * @param host    what messages call this computer; default: its own name
 * @throws what `main` throws, where this process is alone; InputError where the ranks cannot be opened
 */
export async function runRanks(
  command: string,
  main: (ranks: Ranks) => Promise<void>,
  host?: string,
): Promise<void> {
  const ranks = await openRanks(host);
  if (ranks.size === 1) {
    await main(ranks);
    return;
  }
  try {
    agree(ranks, { version, command });
    await main(ranks);
  } catch (error) {
    const name = `rank ${ranks.rank} (${ranks.hosts[ranks.rank]})`;
    const isKnown = error instanceof InputError;
    const text = isKnown
      ? `${name}: ${error.message}`
      : `${name}: unexpected failure, please report it\n${(error as Error)?.stack ?? error}`;
    await ranks.abort(error instanceof UsageError ? 2 : 1, text);
  }
  await ranks.end();
}
