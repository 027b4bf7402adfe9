import { setTimeout as delay } from 'node:timers/promises';

/** Within this a launcher ends the others where one has ended: mpirun takes a second. */
const TURN_MILLISECONDS = 3000;
const MOST_TURNS_MILLISECONDS = 15_000;

/** Waits until a rank may tell an error that others, which it has not met, often have too: the first one that ends has the launcher end the others. */
export async function turnToTell(rank: number): Promise<void> {
  await delay(Math.min(rank * TURN_MILLISECONDS, MOST_TURNS_MILLISECONDS));
}
