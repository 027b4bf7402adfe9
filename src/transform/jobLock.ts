import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { InputError } from '../errors.ts';
import { writeFailure } from '../files/atomicFile.ts';

/**
 * A file that exists while a job runs, so that a second one on the same outputs refuses. It names the process: that of one that
 * is no more is taken over. Works on one machine: of a process on another nobody knows whether it lives.
 */
export class JobLock {
  readonly #path: string;

  /** @throws InputError where another job holds it */
  constructor(path: string) {
    this.#path = path;
    const mine = JSON.stringify({ pid: process.pid, started: startOf(process.pid), host: hostname() });
    if (create(path, mine)) return;
    const found = read(path);
    const pid = found === undefined ? undefined : holderOf(found);
    if (pid !== undefined) throw busy(path, pid);
    // Of two that find the same dead holder, one gets its file away; the other may have caught the new one.
    const aside = `${path}.${process.pid}`;
    try {
      renameSync(path, aside);
    } catch {
      // Somebody else was faster; whether the lock is free shows below.
    }
    const caught = read(aside);
    rmSync(aside, { force: true });
    if (caught !== found && caught !== undefined) create(path, caught);
    if (!create(path, mine)) throw busy(path, holderOf(read(path) ?? '') ?? 0);
  }

  release(): void {
    rmSync(this.#path, { force: true });
  }
}

function busy(path: string, pid: number): InputError {
  const who = pid > 0 ? `process ${pid}` : 'another process';
  return new InputError(
    `${path}: another transform is writing these outputs (${who}). Wait until it has ended, or choose another folder with --out.`,
  );
}

/** A link appears with its content, so that nobody reads a lock that is half-written. */
function create(path: string, text: string): boolean {
  const draft = `${path}.${process.pid}.new`;
  try {
    writeFileSync(draft, text);
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw writeFailure(path, error);
  } finally {
    rmSync(draft, { force: true });
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** @returns the number of the process that holds a lock, undefined where it has ended */
function holderOf(text: string): number | undefined {
  let lock: { pid?: unknown; started?: unknown; host?: unknown };
  try {
    lock = JSON.parse(text);
  } catch {
    // Cut off by a power cut.
    return undefined;
  }
  const { pid, started, host } = lock;
  if (typeof pid !== 'number' || host !== hostname()) return undefined;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, and is somebody else's.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return undefined;
  }
  // Numbers of processes come again, in a container at every start.
  return startOf(pid) === started ? pid : undefined;
}

/** When a process began, in the kernel's ticks; '' where the system does not tell (not Linux). */
function startOf(pid: number): string {
  const stat = read(`/proc/${pid}/stat`);
  // Behind the name in brackets, which may hold blanks: proc(5), field 22.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
