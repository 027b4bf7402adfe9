import { setTimeout as delay } from 'node:timers/promises';
import { leaveSignals, SIGNAL_EXIT_CODES } from '../files/atomicFile.ts';

/** Within this a launcher ends the others where one has ended: mpirun takes a second. */
const TURN_MILLISECONDS = 3000;
const MOST_TURNS_MILLISECONDS = 15_000;

/**
 * From now on the launcher's SIGTERM ends this process without a word: another rank has ended, and has spoken.
 * @returns ends that again
 */
export function leaveSilently(): () => void {
  leaveSignals(['SIGTERM']);
  const leave = () => process.exit(SIGNAL_EXIT_CODES.SIGTERM);
  process.once('SIGTERM', leave);
  return () => process.removeListener('SIGTERM', leave);
}

/**
 * Waits until a rank may tell an error that others, which it has not met, often have too: the first one that ends has the launcher
 * end the others. Leave silently meanwhile.
 */
export async function turnToTell(rank: number): Promise<void> {
  await delay(Math.min(rank * TURN_MILLISECONDS, MOST_TURNS_MILLISECONDS));
}
