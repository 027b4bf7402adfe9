import { closeSync, openSync, statSync } from 'node:fs';
import { InputError, UsageError } from '../errors.ts';
import { removeTemporary, renameTemporary, temporaryBeside, writeFailure } from '../files/atomicFile.ts';
import { fileSizeBytes, inputName, readChunks, readRange } from '../files/input.ts';
import { lineStartFrom } from '../files/lineBorders.ts';
import {
  cutFiles,
  type FileShare,
  isGzip,
  outputName,
  refuseOutputsAmong,
  type Shard,
  sharedFileSize,
} from '../files/shard.ts';
import { type Database, databaseFailure, openDatabase, watched } from './database.ts';
import { chooseFormat, type FormatName, firstLines } from './detect.ts';
import { checkExpressions, type ExpressionContext, type Expressions } from './expressions.ts';
import { REASON, SKIPPED } from './format.ts';
import { checkOutputs, findInputFiles } from './inputFiles.ts';
import { Ledger } from './ledger.ts';
import { type LineBlock, readLineBlocks } from './lineBlocks.ts';
import {
  countEvents,
  countReasons,
  findCut,
  isoTime,
  type Split,
  writeByTime,
  writeInLogOrder,
  writeShuffled,
} from './outputs.ts';
import { openParquet, PARQUET_MAGIC } from './parquet.ts';
import { findExamples } from './skippedLines.ts';
import { spool } from './spool.ts';
import { accountOfLines, formatExamples, type PrepareSummary } from './summary.ts';

/** Keeps the process below 1.5 GB: 1.29 GB at its peak on a log of 7 GB with 28 million events, two threads. */
export const DEFAULT_MEMORY_LIMIT = '700MB';

export interface PrepareOptions extends Expressions {
  /** files, globs, `-` for standard input */
  inputs: readonly string[];
  format?: FormatName;
  /** file for the training events, in an order that `seed` fixes; `{shard}` in it becomes the shard's name */
  train: string;
  /** file for the test events, in the order of time; goes with `split`; `{shard}` as in `train` */
  test?: string;
  split?: Split;
  /** `log`: both files have the order of the log */
  order?: 'shuffled' | 'log';
  /** a part of the inputs; needs the order of the log, and no split by a share */
  shard?: Shard;
  /** integer, 0 to 2^53 − 1 */
  seed?: number;
  threads?: number;
  /** for data, as DuckDB reads it; with two threads the process holds up to 600 MB besides */
  memoryLimit?: string;
  /** other files that the caller writes: named like an input, they are refused */
  otherOutputs?: readonly [option: string, path: string][];
  onProgress?: (progress: PrepareProgress) => void;
}

/** How far a stage is; `total` is 0 where it is not known. */
export interface PrepareProgress {
  /** `reading`, `writing train.csv`, … */
  stage: string;
  done: number;
  total: number;
  /** MB as the files lie on disk */
  unit: 'MB' | '%';
}

/**
 * Reads access logs, keeps the lines that are events and writes them as CSV `entity,address,time` for training
 * and for testing. Memory is bounded whatever the size of the logs. The outputs appear only when all is done.
 * @throws UsageError for options that do not fit each other or the log, InputError for what cannot be read or
 * written, and where no event is left
 */
export async function prepareLog(options: PrepareOptions): Promise<PrepareSummary> {
  const { split, order = 'shuffled', shard, seed = 1 } = options;
  if ((options.test === undefined) !== (split === undefined)) {
    throw new UsageError(
      options.test === undefined
        ? '--split: there is no file for the test events. Name one with --test.'
        : '--test: nothing says which events it is for. Add --split-at with a date, or --split with a share such as 0.7.',
    );
  }
  if (shard) refuseWholeOnly(options);
  const train = outputName('--train', options.train, shard);
  const test = options.test === undefined ? undefined : outputName('--test', options.test, shard);
  const outputs = [train, ...(test === undefined ? [] : [test])];
  const temporaries: string[] = [];
  let database: Database | undefined;
  try {
    for (const path of outputs) temporaries.push(openOutput(path));
    database = await openDatabase({
      threads: options.threads ?? 2,
      memoryLimit: options.memoryLimit ?? DEFAULT_MEMORY_LIMIT,
      beside: train,
    });
    const { connection } = database;
    const inputs = await findInputFiles(connection, options.inputs);
    checkOutputs(inputs, [
      ['--train', train],
      ...(test === undefined ? [] : [['--test', test] as [string, string]]),
      ...(options.otherOutputs ?? []),
    ]);
    if (shard) {
      refuseOutputsAmong(inputs, '--train', options.train, shard);
      refuseOutputsAmong(inputs, '--test', options.test ?? '', shard);
    }
    const ledger = await Ledger.create(database, options.threads ?? 2);
    const formats = await fillLedger(database, ledger, inputs, { ...options, train });
    await ledger.close();
    const summary = await summarise(database, ledger, formats);
    if (shard) summary.shard = shard;
    // A part of a log may well have none.
    else if (summary.events === 0) throw noEvents(summary, inputs);

    const writing = (path: string, work: () => Promise<void>) =>
      watched(
        connection,
        (done) => options.onProgress?.({ stage: `writing ${path}`, done, total: 100, unit: '%' }),
        work,
      );
    const { isTraining, isTest } = await findCut(connection, split);
    summary.train = { path: train, ...(await countEvents(connection, isTraining)) };
    if (test !== undefined) summary.test = { path: test, ...(await countEvents(connection, isTest)) };
    if (!shard) refuseEmptySide(summary, split);
    const write = (path: string, condition: string, file: string) =>
      writing(path, () => {
        if (order === 'log') return writeInLogOrder(connection, condition, file);
        if (path === train) return writeShuffled(connection, condition, seed, file);
        return writeByTime(connection, condition, file);
      });
    await write(train, isTraining, temporaries[0]);
    if (test !== undefined) await write(test, isTest, temporaries[1]);
    database.close();
    database = undefined;
    for (const [i, path] of outputs.entries()) renameTemporary(temporaries[i], path);
    return summary;
  } catch (error) {
    throw databaseFailure(error, train);
  } finally {
    database?.close();
    for (const temporary of temporaries) removeTemporary(temporary);
  }
}

/** What needs all events at once cannot be done to a part of them. @throws UsageError */
function refuseWholeOnly({ order, split, inputs }: PrepareOptions): void {
  if (split?.kind === 'share') {
    throw new UsageError(
      '--split: expected --split-at with --shard, as a share is known of the whole log only. Name a moment with --split-at.',
    );
  }
  if (order !== 'log') {
    throw new UsageError(
      '--shard: expected --order log with it, as the whole log alone can be shuffled or sorted. Add --order log: `train` needs no other order.',
    );
  }
  if (inputs.includes('-')) sharedFileSize('-');
}

/** Makes the file that the output is written to, so that a place that cannot be written to is told at once. */
function openOutput(path: string): string {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      throw Object.assign(new Error(), { code: 'EISDIR' });
    }
  } catch (error) {
    throw writeFailure(path, error);
  }
  const temporary = temporaryBeside(path);
  try {
    closeSync(openSync(temporary, 'wx', 0o644));
    return temporary;
  } catch (error) {
    removeTemporary(temporary);
    throw writeFailure(path, error);
  }
}

/** @returns the format of each input */
async function fillLedger(
  database: Database,
  ledger: Ledger,
  inputs: readonly string[],
  options: PrepareOptions,
): Promise<string[]> {
  const { onProgress = () => {}, format = 'auto' } = options;
  const given: Expressions = {
    where: options.where,
    entity: options.entity,
    address: options.address,
    time: options.time,
  };
  const shares = sharesOf(inputs, options.shard);
  const ownBytes = (path: string, share: FileShare) =>
    share === ALL ? fileSizeBytes(path) : share.to - share.from;
  const totalBytes = inputs.includes('-')
    ? 0
    : inputs.reduce((sum, path, i) => sum + (shares[i] ? ownBytes(path, shares[i]) : 0), 0);
  const timeIsNeeded = options.split !== undefined;
  let bytes = 0;
  const formats: string[] = [];
  for (const [i, path] of inputs.entries()) {
    const share = shares[i];
    if (share === undefined) continue;
    const onBytes = (read: number) => {
      bytes += read;
      onProgress({ stage: 'reading', done: bytes / 1e6, total: totalBytes / 1e6, unit: 'MB' });
    };
    const chunks = readChunks(path, share.isWhole ? onBytes : undefined);
    const { value: first, done } = await chunks.next();
    const isParquet = !done && Buffer.from(first.subarray(0, 4)).toString('latin1') === PARQUET_MAGIC;
    if (isParquet && (format === 'auto' || format === 'parquet')) {
      const file = await spool(path, first, chunks, options.train);
      try {
        const size = share.isWhole ? 1 : fileSizeBytes(path);
        const part = share.isWhole ? { from: 0, to: 1 } : { from: share.from / size, to: share.to / size };
        const parquet = await openParquet(database.connection, file.path, path, part);
        const context: ExpressionContext = { path, format: 'parquet', ...parquet };
        const sql = await checkExpressions(database.connection, given, context);
        await ledger.addRows(parquet.relation, parquet.rows, sql, timeIsNeeded, context, given);
      } finally {
        file.remove();
      }
      formats.push('parquet');
      continue;
    }
    if (format === 'parquet') {
      await chunks.return(undefined);
      throw new InputError(
        `${inputName(path)}: expected Parquet, got something else. Name the format with --format.`,
      );
    }
    const blocks = readLineBlocks(done ? chunks : joined(first, chunks), path);
    const head = await blocks.next();
    if (head.done) {
      // An empty file among others is a quiet day's log; all of them empty is told at the end.
      formats.push('empty');
      continue;
    }
    const log = chooseFormat(format, firstLines(head.value.bytes), path);
    const context: ExpressionContext = { ...log, path, format: log.name };
    const sql = await checkExpressions(database.connection, given, context);
    const timeNeeded = timeIsNeeded || log.timeRequired;
    if (share.isWhole) {
      const all = joined<LineBlock>(head.value, blocks);
      await ledger.addLines(all, log.parse, sql, timeNeeded, context, given);
    } else {
      // What the format is stands at the file's beginning, whoever has that.
      await blocks.return(undefined);
      const [from, to] = [lineStartFrom(path, share.from), lineStartFrom(path, share.to)];
      const own = readLineBlocks(readRange(path, from, to, onBytes), path, from === 0);
      await ledger.addLines(own, log.parse, sql, timeNeeded, context, given, from);
    }
    formats.push(log.name);
  }
  return formats;
}

/** Every file of an unsharded run. */
const ALL: FileShare = { from: 0, to: 0, isWhole: true };

function sharesOf(inputs: readonly string[], shard: Shard | undefined): (FileShare | undefined)[] {
  if (shard === undefined) return inputs.map(() => ALL);
  const files = inputs.map((path) => ({ path, sizeBytes: sharedFileSize(path) }));
  return cutFiles(files, shard, isGzip);
}

/** The generator again, with what was taken from it. */
async function* joined<T>(first: T, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}

async function summarise(database: Database, ledger: Ledger, formats: string[]): Promise<PrepareSummary> {
  const reasons = await countReasons(database.connection);
  const perBlock = await ledger.linesPerBlock();
  const inputs = ledger.inputs.map((input) => ({
    path: inputName(input.path),
    format: '',
    lines: input.rowCount ?? perBlock.slice(input.from, input.to).reduce((sum, n) => sum + n, 0),
  }));
  const named = formats.filter((format) => format !== 'empty');
  inputs.forEach((input, i) => {
    input.format = named[i];
  });
  const lines = inputs.reduce((sum, input) => sum + input.lines, 0);
  const of = (reason: number) => reasons.get(reason) ?? 0;
  const skipped = Object.fromEntries(
    SKIPPED.filter(([code]) => of(code) > 0).map(([code, words]) => [words, of(code)]),
  );
  const events = of(REASON.event);
  const headers = of(REASON.header);
  const filtered = lines - events - headers - Object.values(skipped).reduce((sum, n) => sum + n, 0);
  const examples = await findExamples(database, ledger, perBlock);
  return { inputs, lines, events, filtered, headers, skipped, examples };
}

/** Says which reasons took all lines. */
function noEvents(summary: PrepareSummary, inputs: readonly string[]): InputError {
  if (summary.lines === 0) {
    const names = inputs.map(inputName).join(', ');
    return new InputError(
      `${names}: expected a log, got no line at all. Check that this is the file you mean.`,
    );
  }
  const advice =
    summary.filtered * 2 >= summary.lines ? '--where' : '--format, --entity, --address and --time';
  return new InputError(
    [`no event is left of ${accountOfLines(summary)}. Check ${advice}.`, ...formatExamples(summary)].join(
      '\n',
    ),
  );
}

/** A side without events is a mistake in the option, found when the log is read. */
function refuseEmptySide({ train, test }: PrepareSummary, split: Split | undefined): void {
  if (!split || !train || !test || (train.events > 0 && test.events > 0)) return;
  const all = train.events > 0 ? train : test;
  const range = `the events run from ${all.from} to ${all.to}`;
  if (split.kind === 'share') {
    throw new InputError(
      `--split ${split.share}: leaves nothing for --${train.events > 0 ? 'test' : 'train'} of ${all.events === 1 ? '1 event' : `${all.events} events`}. Choose another share, or read a longer log.`,
    );
  }
  throw new InputError(
    `--split-at ${isoTime(split.micros)}: leaves nothing for --${train.events > 0 ? 'test' : 'train'}, ${range}. Choose a moment within.`,
  );
}
