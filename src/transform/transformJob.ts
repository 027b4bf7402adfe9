import { closeSync, fstatSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { counted, grouped, InputError } from '../errors.ts';
import { writeFailure } from '../files/atomicFile.ts';
import { readFailure, readInto } from '../files/input.ts';
import { lineEndsBefore, recordBorderFrom } from '../files/lineBorders.ts';
import { describeShard, type Shard, shardName } from '../files/shard.ts';
import { ScoringCrew } from '../inference/crew.ts';
import {
  type AnsweringCrew,
  answerInput,
  type CrewModel,
  FileFailure,
  type InputPart,
} from './answerInput.ts';
import { commonFolder, type FoundFiles, findFiles, ownFiles, type TransformFile } from './inputFiles.ts';
import { type FileProgress, type FileState, JobJournal } from './jobJournal.ts';
import { JobLock } from './jobLock.ts';
import { formatOf, type TransformOptions } from './options.ts';
import { Output } from './output.ts';
import { PartFile, partNameOf } from './partFile.ts';

export interface JobSettings {
  /** path of a model file */
  model: string;
  /** files and folders */
  inputs: string[];
  /** folder for the outputs; undefined: beside the inputs */
  out: string | undefined;
  options: TransformOptions;
  /** undefined: all of the inputs */
  shard?: Shard | undefined;
  threads: number;
  /** between two notes of how far an output is: as much is lost where the process dies */
  stepMilliseconds?: number;
  /** bytes that a thread answers at once, where the output does not show them */
  blockBytes?: number;
  /** who answers; default: threads of its own, which the job ends */
  crew?: AnsweringCrew;
  /** what shares the inputs out, in messages; default: `--shard` */
  sharer?: string;
}

/** What hears how a job goes. */
export interface JobListener {
  /** @param bytes of input files that were read since the last call; @param file which one */
  read(bytes: number, file: string): void;
  /** a sentence that stays */
  line(text: string): void;
}

/** Seconds of work are done again after a power cut; a disk of platters takes a tenth of one to be sure of what it was given. */
const STEP_MILLISECONDS = 1000;

/** Answers all records of files, each file into an output of its own, and goes on where an earlier run has ended. */
export class TransformJob {
  readonly inputBytes: number;
  readonly #settings: JobSettings;
  readonly #listener: JobListener;
  readonly #found: FoundFiles;
  /** outputs are noted by their names from here on */
  readonly #folder: string;
  readonly #journalPath: string;
  #lock: JobLock | undefined;
  #fileLock: JobLock | undefined;
  readonly #failed: { output: string; message: string }[] = [];
  #before = 0;
  #records = 0;
  #bad = 0;

  /** @throws InputError where an input is none; UsageError where outputs and inputs do not go together */
  constructor(settings: JobSettings, listener: JobListener) {
    this.#settings = settings;
    this.#listener = listener;
    const { model, inputs, out, options, shard } = settings;
    this.#found = findFiles(model, inputs, out, options.gzip, shard);
    const all = this.#found.files;
    const files = shard === undefined ? all : ownFiles(all, options, shard, settings.sharer);
    this.#found.files = files;
    this.inputBytes = files.reduce((sum, file) => sum + bytesOf(file), 0);
    this.#folder = out === undefined ? commonFolder(all) : resolve(out);
    const [{ output }] = all;
    // Jobs on single files of one folder do not meet; nor do shards, whose outputs have names of their own.
    const whose = shard === undefined ? '' : `.${shardName(shard)}`;
    this.#journalPath =
      all.length === 1
        ? join(dirname(resolve(output)), `.${basename(output)}.transform-progress.jsonl`)
        : join(this.#folder, `.transform-progress${whose}.jsonl`);
  }

  /**
   * @returns a summary, a sentence
   * @throws InputError at the end where files have failed, at once where outputs cannot be written or the model not be read
   */
  async run(): Promise<string> {
    const { model, threads } = this.#settings;
    // There are more shards than files have bytes.
    if (this.#found.files.length === 0) return this.#summary();
    makeFolder(dirname(this.#journalPath));
    this.#lock = new JobLock(this.#journalPath.replace(/\.jsonl$/, '.lock'));
    try {
      const journal = this.#openJournal();
      const crew = this.#settings.crew ?? new ScoringCrew(threads);
      try {
        const { number } = await crew.load(model, model);
        for (const file of this.#found.files) await this.#file(file, { crew, number }, journal);
      } finally {
        journal.close();
        await crew.end();
      }
      if (this.#failed.length > 0) throw this.#failure();
      journal.remove();
      return this.#summary();
    } finally {
      this.#lock.release();
    }
  }

  /** Outputs that there are not, and why. */
  get failures(): readonly { output: string; message: string }[] {
    return this.#failed;
  }

  get counts(): TransformCounts {
    const { files, leftOut } = this.#found;
    return { files: files.length, records: this.#records, bad: this.#bad, before: this.#before, leftOut };
  }

  /** Nothing of it will be gone on with: its outputs are gone. */
  forget(): void {
    rmSync(this.#journalPath, { force: true });
  }

  /** For a process that ends now: the same job goes on from the last note. */
  stop(): void {
    this.#fileLock?.release();
    this.#lock?.release();
  }

  #openJournal(): JobJournal {
    const { options, model } = this.#settings;
    const identity = { model: checksumOf(model), 'set of options': options };
    const journal = new JobJournal(this.#journalPath, identity);
    if (journal.differs !== undefined) {
      for (const output of journal.abandoned) rmSync(partNameOf(join(this.#folder, output)), { force: true });
      this.#listener.line(`note: begins anew, as the job that ended early had another ${journal.differs}`);
    }
    return journal;
  }

  async #file(file: TransformFile, crewModel: CrewModel, journal: JobJournal): Promise<void> {
    const key = relative(this.#folder, resolve(file.output));
    const known = journal.stateOf(key);
    const earlier = isSame(known, file) ? known : undefined;
    if (earlier?.state === 'done' && sizeOf(file.output) === earlier.outputBytes) {
      this.#before++;
      this.#records += earlier.records;
      this.#bad += earlier.bad;
      this.#listener.read(bytesOf(file), file.input);
      return;
    }
    if (earlier?.state === 'failed') {
      this.#fail(file, earlier.message!);
      this.#listener.read(bytesOf(file), file.input);
      this.#listener.line(`${earlier.message} (The file is as it was at the last run.)`);
      return;
    }
    const note = (progress: FileProgress, state: FileState['state'], message?: string) => {
      // What comes out of a pipe is not there a second time.
      const input = file.identity;
      if (input) journal.note(key, { input, state, ...progress, ...(message !== undefined && { message }) });
    };
    const begun = earlier?.state === 'begun' && sizeOf(partNameOf(file.output)) >= earlier.outputBytes;
    try {
      const { start, part } = await partOf(file, this.#settings.options);
      const from = begun ? earlier : start;
      const end = await this.#answer(file, crewModel, from, part, (progress) => note(progress, 'begun'));
      note(end, 'done');
      this.#records += end.records;
      this.#bad += end.bad;
      const bad = end.bad > 0 ? `, ${grouped(end.bad)} of them bad` : '';
      this.#listener.line(`${file.input}: ${counted(end.records, 'record')}${bad} → ${file.output}`);
    } catch (error) {
      if (!(error instanceof FileFailure)) throw error;
      if (error.isLasting) note(NOTHING, 'failed', error.message);
      this.#fail(file, error.message);
      this.#listener.line(error.message);
    }
  }

  async #answer(
    file: TransformFile,
    crewModel: CrewModel,
    from: FileProgress,
    part: InputPart | undefined,
    note: (progress: FileProgress) => void,
  ): Promise<FileProgress> {
    makeFolder(dirname(file.output));
    // Another job may have this output among others.
    this.#fileLock = new JobLock(join(dirname(file.output), `.${basename(file.output)}.lock`));
    try {
      return await this.#answerLocked(file, crewModel, from, part, note);
    } finally {
      this.#fileLock.release();
    }
  }

  async #answerLocked(
    file: TransformFile,
    crewModel: CrewModel,
    from: FileProgress,
    part: InputPart | undefined,
    note: (progress: FileProgress) => void,
  ): Promise<FileProgress> {
    const { options, blockBytes, stepMilliseconds = STEP_MILLISECONDS } = this.#settings;
    const written = new PartFile(file.output, from.outputBytes);
    const output = new Output((bytes) => written.write(bytes), options.gzip, from.outputBytes === 0);
    let at: Omit<FileProgress, 'outputBytes'> = from;
    let noted = performance.now();
    try {
      await answerInput(
        crewModel,
        file.input,
        options,
        from,
        {
          write: (bytes) => output.write(bytes),
          reached: async (progress) => {
            at = progress;
            if (performance.now() - noted < stepMilliseconds) return;
            await output.flush();
            written.sync();
            note({ ...progress, outputBytes: written.sizeBytes });
            noted = performance.now();
          },
          read: (bytes) => this.#listener.read(bytes, file.input),
        },
        blockBytes,
        part,
      );
      await output.finish();
      requireUnchanged(file);
      written.commit();
      return { ...at, outputBytes: written.sizeBytes };
    } catch (error) {
      if (error instanceof FileFailure) written.remove();
      else written.close();
      throw error;
    }
  }

  #fail({ output }: TransformFile, message: string): void {
    this.#failed.push({ output, message });
  }

  #failure(): InputError {
    const messages = this.#failed.map(({ message }) => message);
    return filesFailure(messages, this.#found.files.length, MEND);
  }

  #summary(): string {
    const { shard } = this.#settings;
    return `${shard === undefined ? '' : `${describeShard(shard)}: `}${countsText(this.counts)}`;
  }
}

/** What a job has done. */
export interface TransformCounts {
  files: number;
  records: number;
  bad: number;
  /** files that an earlier run has done */
  before: number;
  /** names in folders that are no inputs */
  leftOut: number;
}

/** `3 files: 1,204,331 records, 12 bad; 2 names left out` */
export function countsText({ files, records, bad, before, leftOut }: TransformCounts): string {
  const parts = [`${counted(files, 'file')}: ${counted(records, 'record')}, ${grouped(bad)} bad`];
  if (before > 0) parts.push(`${counted(before, 'file')} done by an earlier run`);
  if (leftOut > 0) parts.push(`${counted(leftOut, 'name')} in folders left out`);
  return parts.join('; ');
}

const MEND = 'Mend them, then give the same command again: files that are done are not done twice.';

/**
 * @param failed a sentence for each file
 * @param files  of the job, those that failed included
 * @param advice the next step
 */
export function filesFailure(failed: readonly string[], files: number, advice: string): InputError {
  const shown = failed.slice(0, 10).map((message) => `\n  ${message}`);
  if (failed.length > shown.length) shown.push(`\n  and ${failed.length - shown.length} more`);
  return new InputError(
    `transform: ${grouped(failed.length)} of ${counted(files, 'file')} failed and ${failed.length === 1 ? 'has' : 'have'} no output.${shown.join('')}\n${advice}`,
  );
}

/** Bytes of a file that are answered. */
function bytesOf({ identity, share }: TransformFile): number {
  return share === undefined || share.isWhole ? (identity?.sizeBytes ?? 0) : share.to - share.from;
}

/**
 * Where the answers of a file begin and end. Lines before a shard's part are counted, as messages have their numbers.
 * @returns no part: all of the file
 */
async function partOf(
  { input, share, identity }: TransformFile,
  options: TransformOptions,
): Promise<{ start: FileProgress; part?: InputPart }> {
  if (share === undefined || share.isWhole) return { start: NOTHING };
  const format = formatOf(input, options.contentType) === 'csv' ? 'csv' : 'jsonlines';
  const border = (place: number) => recordBorderFrom(input, place, format);
  const [from, to] = [border(share.from), border(share.to)];
  return {
    start: { ...NOTHING, inputBytes: from, lines: await lineEndsBefore(input, from) },
    part: { to, goesOn: to < identity!.sizeBytes },
  };
}

const NOTHING: FileProgress = { inputBytes: 0, lines: 0, outputBytes: 0, records: 0, bad: 0 };

const isSame = (known: FileState | undefined, { identity }: TransformFile) =>
  known !== undefined &&
  identity !== undefined &&
  known.input.sizeBytes === identity.sizeBytes &&
  known.input.modified === identity.modified;

/** @returns −1 where there is no such file */
const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? -1;

/** Somebody who writes to an input meanwhile would get the answers to one half of each. */
function requireUnchanged({ input, identity }: TransformFile): void {
  if (!identity) return;
  const now = statSync(input, { throwIfNoEntry: false });
  if (now?.size === identity.sizeBytes && now.mtimeMs === identity.modified) return;
  throw new FileFailure(
    `${input}: expected a file at rest, but it was changed while it was read. Run this again when its writer has ended.`,
    false,
  );
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOTDIR') {
      throw new InputError(`${path}: expected a folder for the outputs, found a file. Name another one.`);
    }
    throw writeFailure(join(path, 'x'), error);
  }
}

/** A model file ends with the SHA-256 of what stands before it. @returns hex */
function checksumOf(path: string): string {
  try {
    const file = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(32);
      readInto(file, Math.max(0, fstatSync(file).size - bytes.length), bytes);
      return bytes.toString('hex');
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw readFailure(path, error);
  }
}
