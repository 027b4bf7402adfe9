import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { InputError } from '../errors.ts';
import { isRunning, writeFailure } from '../files/atomicFile.ts';
import {
  journalHead,
  journalLine,
  PAUSE_LINE,
  replayJournal,
  requireSameSearch,
} from '../tune/journalLines.ts';
import type { SearchEvent } from '../tune/runSearch.ts';
import type { Search } from '../tune/search.ts';

/** The journal of a search as a file that only grows: each line is on the disk before the search goes on. */
export class TuneJournal {
  readonly path: string;
  readonly #lock: string;
  #file: number | undefined;

  /** @throws InputError where another process searches with it, or it cannot be written */
  constructor(path: string) {
    this.path = path;
    this.#lock = `${path}.lock`;
    this.#takeLock();
    try {
      this.#file = openSync(path, 'a+');
      if (!fstatSync(this.#file).isFile()) throw Object.assign(new Error(), { code: 'EISDIR' });
    } catch (error) {
      this.close();
      throw writeFailure(path, error);
    }
  }

  /**
   * Brings the search to where the journal ends, or begins the journal. A line that was cut while it was written is removed.
   * @param search  what a run must have in common with those before it
   * @returns seconds that the search has taken, and whether there was anything to go on from
   * @throws InputError where the journal is damaged or of another search
   */
  resume(state: Search, search: Record<string, unknown>): { seconds: number; resumed: boolean } {
    const bytes = readFileSync(this.path);
    const whole = bytes.lastIndexOf(NEWLINE) + 1;
    if (whole === 0) {
      this.#cutTo(0);
      this.#write(JSON.stringify(journalHead(search)));
      return { seconds: 0, resumed: false };
    }
    const [head, ...lines] = bytes.toString('utf8', 0, whole - 1).split('\n');
    requireSameSearch(head, search, this.path);
    const seconds = replayJournal(state, lines, this.path);
    // Only now: what is not ours stays as it is.
    this.#cutTo(whole);
    return { seconds, resumed: lines.length > 0 };
  }

  /** @throws InputError where the disk is full */
  append(event: SearchEvent): void {
    this.#write(journalLine(event));
  }

  /** To be called where the search ends while trials run. */
  pause(): void {
    this.#write(PAUSE_LINE);
  }

  close(): void {
    process.removeListener('exit', this.#unlock);
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    this.#unlock();
  }

  readonly #unlock = () => rmSync(this.#lock, { force: true });

  #cutTo(sizeBytes: number): void {
    ftruncateSync(this.#file!, sizeBytes);
  }

  #write(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    const before = fstatSync(this.#file!).size;
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#file!, bytes, written);
      fsyncSync(this.#file!);
    } catch (error) {
      if (written > 0) ftruncateSync(this.#file!, before);
      throw writeFailure(this.path, error);
    }
  }

  /** A file with the number of the process that searches; one that a killed process left is taken over. */
  #takeLock(): void {
    for (let attempt = 0; ; attempt++) {
      try {
        writeFileSync(this.#lock, `${process.pid}\n`, { flag: 'wx' });
        process.on('exit', this.#unlock);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 1) {
          throw writeFailure(this.path, error);
        }
      }
      const holder = Number(readFileSync(this.#lock, 'utf8'));
      if (holder > 0 && holder !== process.pid && isRunning(holder)) {
        throw new InputError(
          `${this.path}: process ${holder} searches with this journal. Wait for its end, or name another one with --journal. If that process is something else, remove ${this.#lock}.`,
        );
      }
      rmSync(this.#lock, { force: true });
    }
  }
}

const NEWLINE = 10;
