import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { UsageError } from '../errors.ts';
import { AtomicFile } from '../files/atomicFile.ts';
import { FORMAT_NAMES, type FormatName } from '../logs/detect.ts';
import type { Split } from '../logs/outputs.ts';
import { DEFAULT_MEMORY_LIMIT, prepareLog } from '../logs/prepareLog.ts';
import { formatSummary } from '../logs/summary.ts';
import { type Progress, startProgress } from './progress.ts';
import { SHARD_HELP, shardOption, shardOutput } from './shardOption.ts';

interface RawOptions {
  format: string;
  where?: string;
  entity?: string;
  address?: string;
  time?: string;
  train?: string;
  test?: string;
  splitAt?: string;
  split?: string;
  order: string;
  seed: string;
  shard?: string;
  threads?: string;
  memoryLimit: string;
  json?: string;
}

/** `ip-insights prepare`: access logs → CSV of events for training and testing. */
export function prepareCommand(): Command {
  return new Command('prepare')
    .description(
      'Read access logs and write their logins as CSV "entity,address,time", for training and for testing. ' +
        'Logs may be compressed with gzip.',
    )
    .argument('<log...>', 'files, globs in quotes, or - for standard input')
    .option('--format <name>', `format of the logs: ${FORMAT_NAMES.join(', ')}`, 'auto')
    .option('--where <sql>', `which lines count, e.g. "request LIKE 'GET /login%' AND status = 200"`)
    .option('--entity <sql>', "the account (default: the log's user)")
    .option('--address <sql>', "the address (default: the log's host)")
    .option('--time <sql>', "the time (default: the log's time)")
    .option('--train <file>', 'where the training events go, shuffled')
    .option('--test <file>', 'where the test events go, in the order of time')
    .option(
      '--split-at <time>',
      'events from this moment on are for testing: 2018-11-11 or 2018-11-11T06:00:00Z (UTC)',
    )
    .option('--split <share>', 'this share of the events, the earliest, is for training: 0.7')
    .option(
      '--order <which>',
      'shuffled: the training events shuffled, the test events by time; log: both as they stand in the log',
      'shuffled',
    )
    .option('--seed <n>', 'fixes the order of the training events', '1')
    .option('--threads <n>', 'processor cores to use (default: all)')
    .option(
      '--memory-limit <size>',
      'memory for data (the command itself takes up to 600MB more); what does not fit goes to disk beside --train',
      DEFAULT_MEMORY_LIMIT,
    )
    .option('--json <file>', 'writes the summary as JSON as well')
    .option(
      '--shard <which>',
      `${SHARD_HELP}; with --order log; {shard} in names of outputs becomes 00003-of-00010`,
    )
    .addHelpText(
      'after',
      `
Columns for the SQL expressions: host, ident, user, time, request, method, path, status, bytes, referer, agent
for Apache and nginx logs; the header's names for CSV; the keys for JSON lines; the columns for Parquet.

  ip-insights prepare web.log --where "request LIKE 'GET /login_success%' AND status = 200" \\
      --split-at 2018-11-11 --train train.csv --test test.csv`,
    )
    .action(run);
}

async function run(inputs: string[], raw: RawOptions): Promise<void> {
  if (raw.train === undefined)
    throw new UsageError(
      '--train: expected a file name, got nothing. Name the file for the training events.',
    );
  if (raw.json !== undefined && raw.json === '')
    throw new UsageError('--json: expected a file name, got nothing.');
  const choice = shardOption(raw.shard);
  shardOutput('--train', raw.train, choice);
  shardOutput('--test', raw.test, choice);
  const jsonName = shardOutput('--json', raw.json, choice);
  // Opened first: a place that cannot be written to is told before the work, not after it.
  const json = jsonName === undefined ? undefined : new AtomicFile(jsonName);
  let progress: Progress | undefined;
  let stage = '';
  try {
    const summary = await prepareLog({
      inputs,
      format: formatOf(raw.format),
      where: raw.where,
      entity: raw.entity,
      address: raw.address,
      time: raw.time,
      train: raw.train,
      test: raw.test,
      split: splitOf(raw),
      order: orderOf(raw.order),
      ...(choice.shard && { shard: choice.shard }),
      seed: integer('--seed', raw.seed, 0, Number.MAX_SAFE_INTEGER),
      threads:
        raw.threads === undefined ? availableParallelism() : integer('--threads', raw.threads, 1, 1024),
      memoryLimit: memoryLimitOf(raw.memoryLimit),
      otherOutputs: jsonName === undefined ? [] : [['--json', jsonName]],
      onProgress({ stage: now, done, total, unit }) {
        if (now !== stage) {
          progress?.stop();
          progress = startProgress({ label: now, total, unit });
          stage = now;
        }
        progress?.update(done);
      },
    });
    progress?.stop();
    json?.write(Buffer.from(`${JSON.stringify(summary, null, 2)}\n`));
    json?.commit();
    for (const line of formatSummary(summary)) process.stderr.write(`${line}\n`);
  } finally {
    json?.abandon();
    progress?.stop();
  }
}

function formatOf(text: string): FormatName {
  const name = FORMAT_NAMES.find((one) => one === text);
  if (!name) throw new UsageError(`--format: expected one of ${FORMAT_NAMES.join(', ')}, got ${text}.`);
  return name;
}

function orderOf(text: string): 'shuffled' | 'log' {
  if (text === 'shuffled' || text === 'log') return text;
  throw new UsageError(`--order: expected shuffled or log, got ${text}.`);
}

function integer(option: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < low || value > high) {
    throw new UsageError(`${option}: expected an integer from ${low} to ${high}, got ${text}.`);
  }
  return value;
}

function memoryLimitOf(text: string): string {
  if (!/^\d+(\.\d+)?\s*([KMGT]i?B)$/i.test(text)) {
    throw new UsageError(`--memory-limit: expected a size such as 1GB or 512MB, got ${text}.`);
  }
  return text;
}

function splitOf({ split, splitAt }: RawOptions): Split | undefined {
  if (split !== undefined && splitAt !== undefined) {
    throw new UsageError('--split and --split-at: expected one of them, got both.');
  }
  if (split !== undefined) {
    const share = Number(split);
    if (!(share > 0 && share < 1)) {
      throw new UsageError(`--split: expected a share between 0 and 1, such as 0.7, got ${split}.`);
    }
    return { kind: 'share', share };
  }
  return splitAt === undefined ? undefined : { kind: 'at', micros: momentOf(splitAt) };
}

/** ISO 8601, UTC where it names no offset; down to microseconds. */
function momentOf(text: string): bigint {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,6}))?(Z|[+-]\d\d:?\d\d)?)?$/i.exec(
    text,
  );
  if (match) {
    const [, date, clock = '00:00', fraction = '', offset = 'Z'] = match;
    const milliseconds = Date.parse(`${date}T${clock}${offset.replace(/^([+-]\d\d):?(\d\d)$/, '$1:$2')}`);
    // Date.parse takes the 31st of February for a day in March.
    const dayExists = new Date(`${date}T00:00Z`).toJSON()?.startsWith(date) === true;
    if (!Number.isNaN(milliseconds) && dayExists) {
      return BigInt(milliseconds) * 1000n + BigInt(fraction.padEnd(6, '0'));
    }
  }
  throw new UsageError(
    `--split-at: expected a date such as 2018-11-11 or a time such as 2018-11-11T06:00:00Z, got ${text}.`,
  );
}
