/** A process that ends mpirun where it does not end by itself: `node endLauncher.js PID STARTED_AT`. See `guardLauncher`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isStillThere } from './launcherGuard.ts';

/** mpirun takes a second or two to end a job whose computers all answer. */
const PATIENCE_MILLISECONDS = 15_000;
const LOOK_MILLISECONDS = 200;

const launcher = { pid: Number(process.argv[2]), startedAt: process.argv[3] };
const until = performance.now() + PATIENCE_MILLISECONDS;
while (isStillThere(launcher) && performance.now() < until) await sleep(LOOK_MILLISECONDS);
// Not SIGTERM: asked a second time, mpirun 4.1.4 breaks down in the middle of its clean-up, and prints where.
if (isStillThere(launcher)) process.kill(launcher.pid, 'SIGKILL');
