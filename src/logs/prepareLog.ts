import { closeSync, openSync, statSync } from 'node:fs';
import { explainBadAddress } from '../addresses/address.ts';
import { InputError, quoted, UsageError } from '../errors.ts';
import { removeTemporary, renameTemporary, temporaryBeside, writeFailure } from '../files/atomicFile.ts';
import { fileSizeBytes, inputName, readChunks } from '../files/input.ts';
import { type Database, databaseFailure, openDatabase, queryRows, watched } from './database.ts';
import { chooseFormat, type FormatName, firstLines } from './detect.ts';
import { checkExpressions, type ExpressionContext, type Expressions } from './expressions.ts';
import { REASON, SKIPPED } from './format.ts';
import { checkOutputs, findInputFiles } from './inputFiles.ts';
import { Ledger, LINES_PER_BLOCK_BITS } from './ledger.ts';
import { type LineBlock, readLineBlocks } from './lineBlocks.ts';
import {
  countEvents,
  countReasons,
  findCut,
  isoTime,
  type Split,
  writeByTime,
  writeShuffled,
} from './outputs.ts';
import { openParquet, PARQUET_MAGIC } from './parquet.ts';
import { spool } from './spool.ts';
import { accountOfLines, formatExamples, type PrepareSummary } from './summary.ts';

/** Keeps the process below 1.5 GB: 1.29 GB at its peak on a log of 7 GB with 28 million events, two threads. */
export const DEFAULT_MEMORY_LIMIT = '700MB';

export interface PrepareOptions extends Expressions {
  /** files, globs, `-` for standard input */
  inputs: readonly string[];
  format?: FormatName;
  /** file for the training events, in an order that `seed` fixes */
  train: string;
  /** file for the test events, in the order of time; goes with `split` */
  test?: string;
  split?: Split;
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
  const { train, test, split, seed = 1 } = options;
  if ((test === undefined) !== (split === undefined)) {
    throw new UsageError(
      test === undefined
        ? '--split: there is no file for the test events. Name one with --test.'
        : '--test: nothing says which events it is for. Add --split-at with a date, or --split with a share such as 0.7.',
    );
  }
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
    const ledger = await Ledger.create(database, options.threads ?? 2);
    const formats = await fillLedger(database, ledger, inputs, options);
    await ledger.close();
    const summary = await summarise(database, ledger, formats);
    if (summary.events === 0) throw noEvents(summary, inputs);

    const writing = (path: string, work: () => Promise<void>) =>
      watched(
        connection,
        (done) => options.onProgress?.({ stage: `writing ${path}`, done, total: 100, unit: '%' }),
        work,
      );
    const { isTraining, isTest } = await findCut(connection, split);
    summary.train = { path: train, ...(await countEvents(connection, isTraining)) };
    if (test !== undefined) summary.test = { path: test, ...(await countEvents(connection, isTest)) };
    refuseEmptySide(summary, split);
    await writing(train, () => writeShuffled(connection, isTraining, seed, temporaries[0]));
    if (test !== undefined) await writing(test, () => writeByTime(connection, isTest, temporaries[1]));
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
  const totalBytes = inputs.includes('-') ? 0 : inputs.reduce((sum, path) => sum + fileSizeBytes(path), 0);
  const timeIsNeeded = options.split !== undefined;
  let bytes = 0;
  const formats: string[] = [];
  for (const path of inputs) {
    const chunks = readChunks(path, (read) => {
      bytes += read;
      onProgress({ stage: 'reading', done: bytes / 1e6, total: totalBytes / 1e6, unit: 'MB' });
    });
    const { value: first, done } = await chunks.next();
    const isParquet = !done && Buffer.from(first.subarray(0, 4)).toString('latin1') === PARQUET_MAGIC;
    if (isParquet && (format === 'auto' || format === 'parquet')) {
      const file = await spool(path, first, chunks, options.train);
      try {
        const parquet = await openParquet(database.connection, file.path, path);
        const context: ExpressionContext = { path, format: 'parquet', ...parquet };
        const sql = await checkExpressions(database.connection, given, context);
        await ledger.addRows(parquet.relation, parquet.rowCount, sql, timeIsNeeded, context, given);
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
    await ledger.addLines(
      joined<LineBlock>(head.value, blocks),
      log.parse,
      sql,
      timeIsNeeded || log.timeRequired,
      context,
      given,
    );
    formats.push(log.name);
  }
  return formats;
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

/** The summary shows the first line of each reason, and this many lines where there are as many. */
const EXAMPLES = 3;

async function findExamples(
  database: Database,
  ledger: Ledger,
  perBlock: readonly number[],
): Promise<PrepareSummary['examples']> {
  const skipped = `
    SELECT position, text,
      CASE WHEN reason = ${REASON.eventIfAddress} THEN ${REASON.noAddress} ELSE CAST(reason AS INTEGER) END AS reason
    FROM ledger LEFT JOIN odd_addresses ON text = written
    WHERE reason >= ${REASON.blank} OR (reason = ${REASON.eventIfAddress} AND canonical IS NULL)`;
  const perReason = await queryRows(
    database.connection,
    `SELECT reason, unnest(arg_min({position: position, text: text}, position, ${EXAMPLES}), recursive := true)
     FROM (${skipped}) GROUP BY reason`,
  );
  const all = perReason as { reason: number; position: bigint; text: string | null }[];
  all.sort((a, b) => Number(a.position - b.position));
  const isFirst = (row: (typeof all)[number]) => all.find(({ reason }) => reason === row.reason) === row;
  const firsts = all.filter(isFirst);
  const others = all.filter((row) => !isFirst(row)).slice(0, Math.max(0, EXAMPLES - firsts.length));
  const shown = [...firsts, ...others].sort((a, b) => Number(a.position - b.position));
  return shown.map(({ position, reason, text }) => {
    const { path, line } = placeOf(position, ledger, perBlock);
    return {
      path,
      line,
      reason: SKIPPED.find(([code]) => code === reason)![1],
      explanation: explain(reason, text),
    };
  });
}

/** Input and line number, from 1, of a position in the ledger. */
function placeOf(
  position: bigint,
  ledger: Ledger,
  perBlock: readonly number[],
): { path: string; line: number } {
  const bits = BigInt(LINES_PER_BLOCK_BITS);
  const block = Number(position >> bits);
  const input = ledger.inputs.find(({ from, to }) => block >= from && block < to)!;
  const path = inputName(input.path);
  if (input.rowCount !== undefined) return { path, line: Number(position - (BigInt(input.from) << bits)) };
  const before = perBlock.slice(input.from, block).reduce((sum, n) => sum + n, 0);
  return { path, line: before + Number(position & ((1n << bits) - 1n)) };
}

function explain(reason: number, text: string | null): string {
  switch (reason) {
    case REASON.noAddress:
      return text ? `, ${quoted(text)}: ${explainBadAddress(text)}` : '';
    case REASON.badTime:
      return text ? `, ${quoted(text)}` : ', it is missing';
    case REASON.malformed:
      return `, ${quoted(text ?? '')}`;
    default:
      return '';
  }
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
