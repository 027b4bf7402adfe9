import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { writeFailure, writeFileAtomic } from '../files/atomicFile.ts';
import type { InputIdentity } from './inputFiles.ts';

/** How far an input was answered. */
export interface FileProgress {
  /** of the input's content, after decompression, up to the end of a line */
  inputBytes: number;
  lines: number;
  /** of the output, as it is on the disk */
  outputBytes: number;
  records: number;
  /** records among them that are none */
  bad: number;
}

export interface FileState extends FileProgress {
  /** the input that this is true of */
  input: InputIdentity;
  state: 'begun' | 'done' | 'failed';
  /** why it failed */
  message?: string;
}

/** What a journal must be of to be gone on with; each in words that follow "a job with another …". */
export type JobIdentity = Record<'model' | 'set of options', unknown>;

/**
 * The notes of a job, a JSON object a line: what it is, then how far each output is. A line is written when what it speaks of
 * is on the disk, so whoever goes on finds at least that much.
 */
export class JobJournal {
  readonly #path: string;
  readonly #files = new Map<string, FileState>();
  readonly #file: number;
  /** what an earlier journal was of, where it is of no use */
  readonly differs: keyof JobIdentity | undefined;
  /** outputs that a journal of no use speaks of */
  readonly abandoned: string[] = [];

  /** Reads what an earlier run has left, if it was the same job. @throws InputError where it cannot be written */
  constructor(path: string, identity: JobIdentity) {
    this.#path = path;
    const [job, ...lines] = readLines(path);
    const names = Object.keys(identity) as (keyof JobIdentity)[];
    const earlier = job as JobIdentity | undefined;
    this.differs =
      earlier && names.find((key) => JSON.stringify(earlier[key]) !== JSON.stringify(identity[key]));
    for (const { output, ...state } of lines as (FileState & { output: string })[]) {
      if (this.differs === undefined) this.#files.set(output, state);
      else this.abandoned.push(output);
    }
    // Written anew, as its last line may have been cut off.
    const kept = [...this.#files].map(([output, state]) => ({ output, ...state }));
    writeFileAtomic(path, [identity, ...kept].map((line) => `${JSON.stringify(line)}\n`).join(''));
    try {
      this.#file = openSync(path, 'a');
    } catch (error) {
      throw writeFailure(path, error);
    }
  }

  /** @param output its name from the folder of the journal on */
  stateOf(output: string): FileState | undefined {
    return this.#files.get(output);
  }

  /** @throws InputError where the disk is full */
  note(output: string, state: FileState): void {
    this.#files.set(output, state);
    try {
      writeSync(this.#file, `${JSON.stringify({ output, ...state })}\n`);
    } catch (error) {
      throw writeFailure(this.#path, error);
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  remove(): void {
    rmSync(this.#path, { force: true });
  }
}

/** The lines of a journal up to the first that is not whole, none where there is no journal. */
function readLines(path: string): unknown[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  const lines: unknown[] = [];
  for (const line of text.split('\n').slice(0, -1)) {
    try {
      lines.push(JSON.parse(line));
    } catch {
      return lines;
    }
  }
  return lines;
}
