import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../errors.ts';

/** Files and folders being written, to be removed where the process is told to stop. */
const unfinished = new Set<string>();

function removeUnfinished(): void {
  for (const path of unfinished) rmSync(path, { force: true, recursive: true });
  unfinished.clear();
}

/** Removes what is half-written when Ctrl-C or a polite kill ends the process. Called once, by the command. */
export function cleanUpOnSignals(): void {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.once(signal, () => {
      removeUnfinished();
      process.stderr.write(`\nstopped by ${signal}: what was being written is removed, older files are whole\n`);
      process.exit(code);
    });
  }
}

/** A name beside `path` that nobody uses yet, removed on Ctrl-C until `forgetTemporary`. */
export function temporaryBeside(path: string): string {
  const name = join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(4).toString('hex')}.part`);
  unfinished.add(name);
  return name;
}

/** Removes a file or folder made under a name of `temporaryBeside`. */
export function removeTemporary(path: string): void {
  rmSync(path, { force: true, recursive: true });
  unfinished.delete(path);
}

/** Gives a finished file its name, in one step; the file that had the name before is whole until then. */
export function renameTemporary(temporary: string, path: string): void {
  try {
    const file = openSync(temporary, 'r+');
    fsyncSync(file);
    closeSync(file);
    renameSync(temporary, path);
  } catch (error) {
    removeTemporary(temporary);
    throw writeFailure(path, error);
  }
  unfinished.delete(temporary);
}

/**
 * A file that appears under its name only when it is complete: it is written beside and renamed. Where
 * writing fails or the process ends, whatever had the name before is untouched.
 */
export class AtomicFile {
  readonly path: string;
  readonly #temporary: string;
  readonly #file: number;
  #open = true;
  sizeBytes = 0;

  constructor(path: string) {
    this.path = path;
    this.#temporary = temporaryBeside(path);
    try {
      this.#file = openSync(this.#temporary, 'wx', 0o644);
    } catch (error) {
      unfinished.delete(this.#temporary);
      throw writeFailure(path, error);
    }
  }

  write(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    } catch (error) {
      this.abandon();
      throw writeFailure(this.path, error);
    }
    this.sizeBytes += bytes.length;
  }

  /** Makes the file appear under its name. */
  commit(): void {
    this.#open = false;
    closeSync(this.#file);
    renameTemporary(this.#temporary, this.path);
  }

  /** Removes what was written; does nothing after `commit`. */
  abandon(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#file);
    removeTemporary(this.#temporary);
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
    case 'ENOENT':
    case 'ENOTDIR':
      return new InputError(`${path}: cannot be written, there is no folder ${folder}. Create it with "mkdir -p ${folder}".`);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new InputError(`${path}: cannot be written, no permission in ${folder}. Choose another place, or change the permissions.`);
    case 'ENOSPC':
    case 'EDQUOT':
      return new InputError(`${path}: cannot be written, the disk is full. Free some space in ${folder}, then run this again; nothing was changed.`);
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
