import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsync,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../errors.ts';

/** Files and folders being written, to be removed where the process is told to stop. */
const unfinished = new Set<string>();

/** Removes what is half-written, before the process ends. */
export function removeUnfinished(): void {
  for (const path of unfinished) rmSync(path, { force: true, recursive: true });
  unfinished.clear();
}

/** What asks a process to end, with the exit code of one that it ended. */
export const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
export type Signal = keyof typeof SIGNAL_EXIT_CODES;
const SIGNALS = Object.keys(SIGNAL_EXIT_CODES) as Signal[];

function stop(signal: Signal): void {
  removeUnfinished();
  process.stderr.write(`\nstopped by ${signal}: what was being written is removed, older files are whole\n`);
  process.exit(SIGNAL_EXIT_CODES[signal]);
}

/** Removes what is half-written when Ctrl-C or a polite kill ends the process. Called once, by the command. */
export function cleanUpOnSignals(): void {
  for (const signal of SIGNALS) process.once(signal, stop);
}

/** For a command that ends by itself, once it has done what it was asked to: such a signal is its own business from now on. */
export function leaveSignals(signals: readonly Signal[] = SIGNALS): void {
  for (const signal of signals) process.removeListener(signal, stop);
}

/**
 * A name beside `path` that nobody uses yet, removed on Ctrl-C until it is renamed or removed. For a device or a pipe the
 * place beside is none for files: there it is a name among the temporary files.
 */
export function temporaryBeside(path: string): string {
  const target = targetOf(path);
  const folder = target.isStream ? tmpdir() : dirname(target.path);
  // Short, as a name that is just short enough for the file system must still work.
  const start = basename(path).slice(0, 40);
  const name = join(folder, `.${start}.${process.pid}-${randomBytes(4).toString('hex')}.part`);
  unfinished.add(name);
  return name;
}

/** Removes what killed processes were writing beside `path`, under names of `temporaryBeside`. */
export function removeLeftParts(path: string): void {
  const [folder, start] = [dirname(path), `.${basename(path).slice(0, 40)}.`];
  for (const name of readdirSync(folder)) {
    const writer = name.startsWith(start) && /^(\d+)-[0-9a-f]+\.part$/.exec(name.slice(start.length))?.[1];
    if (writer && !isAnother(Number(writer))) rmSync(join(folder, name), { recursive: true });
  }
}

/** Whether another process of this number is running. Its own number may have been the killed one's: in containers it is the same every time. */
const isAnother = (writer: number): boolean => writer !== process.pid && isRunning(writer);

/** Whether there is a process of this number. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Removes files beside `path` whose names are chosen, where there are such. */
export function removeBeside(path: string, isChosen: (name: string) => boolean): void {
  const folder = dirname(path);
  for (const name of readdirSync(folder)) if (isChosen(name)) rmSync(join(folder, name), { force: true });
}

/** Removes a file or folder made under a name of `temporaryBeside`. */
export function removeTemporary(path: string): void {
  rmSync(path, { force: true, recursive: true });
  unfinished.delete(path);
}

/**
 * Gives a finished file its name, in one step; the file that had the name before is whole until then. A device or
 * a pipe is not replaced: the content is written into it.
 */
export function renameTemporary(temporary: string, path: string): void {
  try {
    const target = targetOf(path);
    if (target.isStream) {
      pour(temporary, target.path);
      rmSync(temporary);
    } else {
      if (target.mode !== undefined) chmodSync(temporary, target.mode);
      flush(temporary, 'r+');
      renameSync(temporary, target.path);
      // The new name is safe from a power cut once the folder that holds it is on the disk.
      flush(dirname(target.path), 'r');
    }
  } catch (error) {
    removeTemporary(temporary);
    throw writeFailure(path, error);
  }
  unfinished.delete(temporary);
}

/** Where a file of that name really lies: files beside it belong there, too. The name itself where there is none. */
export const realPath = (path: string): string => targetOf(path).path;

interface Target {
  /** links are followed, so that the file they lead to is replaced, not the link */
  path: string;
  isFolder: boolean;
  /** device or pipe: takes bytes as they come */
  isStream: boolean;
  /** permissions of the file that has the name now */
  mode?: number;
}

/** What a name stands for. One that cannot be looked at is taken for free: writing will tell what is wrong. */
function targetOf(path: string): Target {
  try {
    const found = statSync(path);
    const isFolder = found.isDirectory();
    if (!found.isFile()) return { path, isFolder, isStream: !isFolder };
    return { path: realpathSync(path), isFolder, isStream: false, mode: found.mode & 0o7777 };
  } catch {
    return { path, isFolder: false, isStream: false };
  }
}

function flush(path: string, flags: string): void {
  const file = openSync(path, flags);
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Copies a file into a device or pipe. */
function pour(from: string, into: string): void {
  const source = openSync(from, 'r');
  const sink = openSync(into, 'w');
  try {
    const bytes = new Uint8Array(1 << 20);
    for (;;) {
      const got = readSync(source, bytes);
      if (got === 0) return;
      writeWhole(sink, bytes.subarray(0, got));
    }
  } finally {
    closeSync(source);
    closeSync(sink);
  }
}

function writeWhole(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

/**
 * A file that appears under its name only when it is complete: it is written beside and renamed. Where
 * writing fails or the process ends, whatever had the name before is untouched. Where the name is that of a device
 * or a pipe, the bytes go straight into it.
 */
export class AtomicFile {
  readonly path: string;
  /** undefined for a device or a pipe */
  readonly #temporary: string | undefined;
  readonly #file: number;
  #open = true;
  sizeBytes = 0;

  /** where its bytes lie until `commit` */
  get writtenPath(): string {
    return this.#temporary ?? this.path;
  }

  /** @throws InputError where the name cannot be written, before any work is done for it */
  constructor(path: string) {
    this.path = path;
    const target = targetOf(path);
    if (target.isFolder) throw writeFailure(path, { code: 'EISDIR' });
    try {
      if (target.isStream) {
        this.#file = openSync(path, 'w');
      } else {
        this.#temporary = temporaryBeside(path);
        this.#file = openSync(this.#temporary, 'wx', 0o644);
      }
    } catch (error) {
      if (this.#temporary !== undefined) unfinished.delete(this.#temporary);
      throw writeFailure(path, error);
    }
  }

  write(bytes: Uint8Array): void {
    try {
      writeWhole(this.#file, bytes);
    } catch (error) {
      this.abandon();
      throw writeFailure(this.path, error);
    }
    this.sizeBytes += bytes.length;
  }

  /** Brings what was written to the disk while others work, so that `commit` has little left to wait for. */
  async flush(): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) =>
        fsync(this.#file, (error) => (error ? reject(error) : resolve())),
      );
    } catch (error) {
      // A device or a pipe has nothing to bring anywhere.
      if ((error as NodeJS.ErrnoException).code === 'EINVAL') return;
      this.abandon();
      throw writeFailure(this.path, error);
    }
  }

  /** Makes the file appear under its name, or another one beside it that was not known before. */
  commit(path = this.path): void {
    this.#open = false;
    try {
      closeSync(this.#file);
    } catch (error) {
      // Some file systems tell only now that the disk is full.
      if (this.#temporary !== undefined) removeTemporary(this.#temporary);
      throw writeFailure(path, error);
    }
    if (this.#temporary !== undefined) renameTemporary(this.#temporary, path);
  }

  /** Removes what was written; does nothing after `commit`. */
  abandon(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#file);
    if (this.#temporary !== undefined) removeTemporary(this.#temporary);
  }
}

/** Writes a whole file beside and renames it. */
export function writeFileAtomic(path: string, content: Uint8Array | string): void {
  const file = new AtomicFile(path);
  file.write(typeof content === 'string' ? new TextEncoder().encode(content) : content);
  file.commit();
}

/** An error of the operating system while writing, in words, with the next step. */
export function writeFailure(path: string, error: unknown): Error {
  const code = (error as NodeJS.ErrnoException).code;
  const folder = dirname(path);
  switch (code) {
    case 'EFBIG':
      return new InputError(
        `${path}: cannot be written, files here may not grow this large (ulimit -f, or the limit of the file system).`,
      );
    case 'ENAMETOOLONG':
      return new InputError(`${path}: cannot be written, the name is too long. Choose a shorter one.`);
    case 'EPIPE':
      return new InputError(`${path}: cannot be written, its reader went away before the end.`);
    case 'ENOENT':
    case 'ENOTDIR':
      return new InputError(
        `${path}: cannot be written, there is no folder ${folder}. Create it with "mkdir -p ${folder}".`,
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new InputError(
        `${path}: cannot be written, no permission in ${folder}. Choose another place, or change the permissions.`,
      );
    case 'ENOSPC':
    case 'EDQUOT':
      return new InputError(
        `${path}: cannot be written, the disk is full. Free some space in ${folder}, then run this again; an older file of that name is whole.`,
      );
    case 'EISDIR':
    case 'ENOTEMPTY':
      return new InputError(`${path}: cannot be written, it is a folder. Name a file.`);
    default:
      return error as Error;
  }
}

/** Hex SHA-256 of some bytes. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
