import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { counted, grouped, quoted, UsageError } from '../errors.ts';
import { leaveSignals, SIGNAL_EXIT_CODES } from '../files/atomicFile.ts';
import { outputName, sharedFileSize } from '../files/shard.ts';
import { answerForm, requestFormat } from '../inference/mediaTypes.ts';
import { RequestError } from '../inference/requestError.ts';
import type { Ranks } from '../mpi/ranks.ts';
import { runRanks } from '../mpi/runRanks.ts';
import type { TransformOptions } from '../transform/options.ts';
import { TransformJob } from '../transform/transformJob.ts';
import { type RankJobSettings, transformOverRanks } from '../transform/transformOverRanks.ts';
import { transformStream } from '../transform/transformStream.ts';
import { integerOption, numberOption } from './options.ts';
import { startProgress, tellOfPlainKernels } from './progress.ts';
import { SHARD_HELP, shardOption } from './shardOption.ts';

interface TransformFlags {
  out?: string;
  contentType?: string;
  accept: string;
  splitType?: string;
  strategy: string;
  maxPayload: string;
  assembleWith: string;
  onBadRecord: string;
  gzip?: boolean;
  threads?: string;
  shard?: string;
}

/** `ip-insights transform`: files of records → files of answers, as AWS's batch transform has them. */
export function transformCommand(): Command {
  return new Command('transform')
    .description(
      'Answer files and folders of records, each X into X.out, as a SageMaker batch transform does.',
    )
    .argument('<model>', 'a model that `train` wrote')
    .argument('<input...>', 'files and folders, gzip recognised; - for standard input to standard output')
    .option('--out <folder>', 'where the outputs go, by the same names (default: beside the inputs)')
    .option(
      '--content-type <type>',
      'text/csv, application/jsonlines or application/json (default: by the ending of each name, text/csv for others)',
    )
    .option(
      '--accept <type>',
      'application/jsonlines or application/json, with ";verbose=True" the vectors too, with ";detail=full" anomaly, verdict and reasons',
      'application/jsonlines',
    )
    .option(
      '--split-type <how>',
      'Line: each line is a record, so a quoted CSV field that holds a line break is a bad one; None: each file is one request (default: Line, None for application/json)',
    )
    .option(
      '--strategy <how>',
      'for JSON answers. MultiRecord: one for each mini-batch; SingleRecord: one for each record',
      'MultiRecord',
    )
    .option('--max-payload <MB>', 'largest mini-batch, and largest record', '6')
    .option('--assemble-with <what>', 'Line: a line feed behind each JSON answer; None: nothing', 'Line')
    .option(
      '--on-bad-record <what>',
      'error: its file has no output, the others have; mark: {"error": …} in its place',
      'error',
    )
    .option('--gzip', 'compress the outputs: X.out.gz')
    .option('--threads <n>', 'threads that score (default: one for each core)')
    .option('--shard <which>', `${SHARD_HELP}; X.00003-of-00010.out has its part of X.out`)
    .action(async (model: string, inputs: string[], flags: TransformFlags) => {
      const options = transformOptions(flags);
      const threads =
        flags.threads === undefined
          ? availableParallelism()
          : integerOption('--threads', flags.threads, 1, 64);
      const { shard } = shardOption(flags.shard);
      const out = flags.out === undefined ? undefined : outputName('--out', flags.out, shard);
      if (shard && inputs.includes('-')) sharedFileSize('-');
      const job = { model, inputs, out, options, threads };
      // Tasks that share inputs need not know of each other, whatever has started them.
      if (shard) return runJob({ ...job, shard });
      return runRanks('transform', (ranks) => (ranks.size === 1 ? runAlone(job) : runOverRanks(ranks, job)));
    });
}

/** Files into files, or standard input to standard output. */
async function runAlone(job: RankJobSettings): Promise<void> {
  const { model, inputs, out, options, threads } = job;
  if (!inputs.includes('-')) return runJob(job);
  if (inputs.length > 1) {
    throw new UsageError(`transform: expected - alone or files, got ${quoted(inputs.join(' '))}.`);
  }
  if (out !== undefined) {
    throw new UsageError('--out: expected none with -, whose answers go to standard output.');
  }
  return runStream(model, options, threads);
}

async function runOverRanks(ranks: Ranks, job: RankJobSettings): Promise<void> {
  const isFirst = ranks.rank === 0;
  if (isFirst) tellOfPlainKernels();
  const { inputs, out, options } = job;
  const facts = {
    input: inputs.join(' '),
    '--out': out ?? 'nothing',
    options: JSON.stringify(options),
  };
  const summary = await transformOverRanks(ranks, job, facts, (text) => process.stderr.write(`${text}\n`));
  if (isFirst) process.stderr.write(`${summary}\n`);
}

/** @throws UsageError where an option is none */
function transformOptions(flags: TransformFlags): TransformOptions {
  const megabytes = numberOption(
    '--max-payload',
    flags.maxPayload,
    (n) => n >= 0.001 && n <= 1000,
    MEGABYTES,
  );
  return {
    contentType: flags.contentType === undefined ? undefined : contentTypeOption(flags.contentType),
    form: answerForm(acceptOption(flags.accept)),
    splitType:
      flags.splitType === undefined ? undefined : choice('--split-type', flags.splitType, ['Line', 'None']),
    strategy: choice('--strategy', flags.strategy, ['MultiRecord', 'SingleRecord']),
    maxPayloadBytes: Math.round(megabytes * 1e6),
    assembleWith: choice('--assemble-with', flags.assembleWith, ['Line', 'None']),
    gzip: flags.gzip === true,
    onBadRecord: choice('--on-bad-record', flags.onBadRecord, ['error', 'mark']),
  };
}

const MEGABYTES = 'megabytes from 0.001 to 1000';

function choice<const T extends string>(option: string, text: string, choices: readonly T[]): T {
  const found = choices.find((one) => one.toLowerCase() === text.toLowerCase());
  if (found !== undefined) return found;
  throw new UsageError(`${option}: expected ${choices.join(' or ')}, got ${quoted(text)}.`);
}

function contentTypeOption(text: string): string {
  try {
    requestFormat(text);
    return text;
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    throw new UsageError(error.message.replace('Content-Type:', '--content-type:'));
  }
}

/** A service answers JSON to whoever wants something else; somebody at a keyboard wants to know. */
function acceptOption(text: string): string {
  if (/^\s*application\/json(lines)?\s*(;|$)/i.test(text)) return text;
  throw new UsageError(`--accept: expected application/jsonlines or application/json, got ${quoted(text)}.`);
}

type JobSettings = ConstructorParameters<typeof TransformJob>[0];

async function runJob(settings: JobSettings): Promise<void> {
  let read = 0;
  const job = new TransformJob(settings, {
    read: (bytes, file) => {
      read += bytes;
      progress.update(read / 1e6, file);
    },
    line: (text) => progress.line(text),
  });
  const progress = startProgress({ label: 'transform', total: job.inputBytes / 1e6, unit: 'MB' });
  onSignal(() => {
    job.stop();
    progress.stop();
    return 'what is done is kept; give the same command again to go on';
  });
  tellOfPlainKernels();
  try {
    const summary = await job.run();
    progress.stop();
    process.stderr.write(`${summary}\n`);
  } finally {
    progress.stop();
  }
}

async function runStream(model: string, options: TransformOptions, threads: number): Promise<void> {
  let read = 0;
  const progress = startProgress({ label: 'transform', total: 0, unit: 'MB' });
  onSignal(() => {
    progress.stop();
    return 'what was written is incomplete';
  });
  tellOfPlainKernels();
  try {
    const { records, bad } = await transformStream({
      model,
      options,
      threads,
      write: (bytes) =>
        new Promise((resolve, reject) => {
          process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
        }),
      read: (bytes) => {
        read += bytes;
        progress.update(read / 1e6);
      },
    });
    progress.stop();
    process.stderr.write(`standard input: ${counted(records, 'record')}, ${grouped(bad)} bad\n`);
  } finally {
    progress.stop();
  }
}

/** Ends at once: a job is safe at any moment. @param end does what must be done, and says how things stand */
function onSignal(end: () => string): void {
  leaveSignals();
  for (const [signal, code] of Object.entries(SIGNAL_EXIT_CODES)) {
    process.once(signal, () => {
      process.stderr.write(`\nstopped by ${signal}: ${end()}\n`);
      process.exit(code);
    });
  }
}
