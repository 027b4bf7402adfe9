import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A process by what no later one of the same number has. */
export interface KnownProcess {
  pid: number;
  /** in ticks since the computer started */
  startedAt: string;
}

const LAUNCHERS = new Set(['mpirun', 'mpiexec', 'orterun', 'mpirun.openmpi', 'mpiexec.openmpi']);
/** What mpirun starts on other computers: who has that above itself is not on mpirun's own. */
const DAEMONS = new Set(['orted', 'prted']);

/**
 * Sees to it that mpirun ends. A rank that gives up has mpirun end the others, and mpirun waits for its daemons; that of a computer
 * that is frozen never answers, while its connections live. So a process of its own, which outlives this rank, ends
 * mpirun where it does not end by itself; its daemons on other computers then end what they started.
 * On Linux, by the ranks on mpirun's own computer; others leave it to them. Slurm ends its jobs itself.
 * @param startedBy what this process has above itself
 */
export function guardLauncher(startedBy: number): void {
  const launcher = findLauncherProcess(startedBy);
  if (!launcher) return;
  const script = fileURLToPath(new URL('./endLauncher.js', import.meta.url));
  const guard = spawn(process.execPath, [script, String(launcher.pid), launcher.startedAt], {
    detached: true,
    stdio: 'ignore',
  });
  // Where no process can be started, mpirun may hang, and that is all.
  guard.on('error', () => {});
  guard.unref();
}

function findLauncherProcess(from: number): KnownProcess | undefined {
  for (let pid = from, steps = 0; pid > 1 && steps < 16; steps++) {
    const found = lookUp(pid);
    if (!found || DAEMONS.has(found.name)) return undefined;
    if (LAUNCHERS.has(found.name)) return { pid, startedAt: found.startedAt };
    pid = found.parent;
  }
  return undefined;
}

/** Whether the process still runs: neither gone, nor dead and not yet taken note of. */
export function isStillThere({ pid, startedAt }: KnownProcess): boolean {
  const found = lookUp(pid);
  return found !== undefined && found.startedAt === startedAt && found.state !== 'Z';
}

/** From /proc/PID/stat: the number, the name in brackets, then fields that hold no bracket (proc(5)). */
function lookUp(pid: number) {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = line.lastIndexOf(')');
    const fields = line.slice(end + 2).split(' ');
    return {
      name: line.slice(line.indexOf('(') + 1, end),
      state: fields[0],
      parent: Number(fields[1]),
      startedAt: fields[19],
    };
  } catch {
    return undefined;
  }
}
