import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Command } from 'commander';
import { counted, quoted, UsageError } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { withoutFuture } from '../events/future.ts';
import { writeFailure } from '../files/atomicFile.ts';
import { saveModel } from '../index.ts';
import type { ThresholdRule } from '../model/threshold.ts';
import { type ProviderTable, trainModel } from '../model/trainModel.ts';
import { HYPERPARAMETERS, type Hyperparameters, optionName, parseNumber } from '../neural/hyperparameters.ts';
import { CheckpointFolder } from './checkpointFolder.ts';
import {
  halfLifeOption,
  integerOption,
  numberOption,
  onBadLineOption,
  requireDifferentFiles,
  threadsOption,
  thresholdOptions,
} from './options.ts';
import { startProgress } from './progress.ts';
import { readProviderTable } from './providerTable.ts';
import { readEventFiles } from './readInput.ts';
import {
  aheadText,
  divergenceLines,
  epochText,
  fadingLines,
  fitLines,
  savedText,
  startLines,
  thresholdText,
} from './trainingText.ts';

type TrainFlags = {
  model: string;
  validation?: string;
  asn?: string[];
  country?: string[];
  halfLife?: string;
  quantize?: boolean;
  maxFpr?: string;
  maxAlertsPerDay?: string;
  seed: string;
  threads?: string;
  checkpoint?: string;
  checkpointMinutes?: string;
  kernels: string;
  onBadLine: string;
} & { [name in keyof Hyperparameters]?: string };

/** `ip-insights train`: events → model. */
export function trainCommand(): Command {
  const command = new Command('train')
    .description('Learn which networks each entity uses: events (CSV entity,address[,time]) → model.')
    .argument('<events...>', 'CSV files, gzip recognised, - for standard input')
    .requiredOption('--model <file>', 'the model to write')
    .option('--validation <file>', 'later honest events: discriminator_auc after every epoch')
    .option(
      '--asn <file...>',
      'providers of addresses, CSV first,last,asn[,name] or MMDB: a rung of the ladder; "packaged" for @ip-location-db/asn',
    )
    .option('--country <file...>', 'countries of addresses, CSV first,last,country or MMDB: a rung too')
    .option(
      '--half-life <days>',
      'half of what an address counts fades in so many days, such as 30d (default: nothing fades)',
    )
    .option('--quantize', 'vectors in 8 bits: a quarter of the size; says what that costs on later events')
    .option(
      '--max-fpr <share>',
      'verdict "suspicious" for at most this share of honest events (default: 0.01)',
    )
    .option('--max-alerts-per-day <n>', 'verdict "suspicious" for at most so many honest events a day')
    .option('--seed <n>', 'the same seed and data give the same model', '1')
    .option(
      '--threads <n>',
      'threads that train (default: one for each core); any number gives the same model',
    )
    .option(
      '--checkpoint <folder>',
      'keep what was learned in this folder after every epoch; the same command goes on from there',
    )
    .option('--checkpoint-minutes <n>', 'keep it every so many minutes too (needs --checkpoint)')
    .option('--kernels <which>', 'auto: WebAssembly where it is to be had; plain: plain JavaScript', 'auto')
    .option('--on-bad-line <what>', 'error: stop at a line that is no event; skip: count it', 'error');
  for (const { name, minimum, maximum, standard, meaning } of HYPERPARAMETERS) {
    const range = maximum === Number.MAX_SAFE_INTEGER ? `≥ ${minimum}` : `${minimum} to ${maximum}`;
    const byDefault = standard === undefined ? '' : `, default ${standard}`;
    command.option(`${optionName(name)} <n>`, `${meaning} (${range}${byDefault})`);
  }
  return command.action(run);
}

async function run(events: string[], flags: TrainFlags): Promise<void> {
  const hyperparameters: Partial<Hyperparameters> = {};
  for (const rule of HYPERPARAMETERS) {
    const text = flags[rule.name];
    if (text !== undefined) hyperparameters[rule.name] = parseNumber(text, optionName(rule.name), rule);
  }
  const threads = threadsOption('--threads', flags.threads);
  if (flags.kernels !== 'auto' && flags.kernels !== 'plain') {
    throw new UsageError(`--kernels: expected auto or plain, got ${quoted(flags.kernels)}.`);
  }
  const minutes =
    flags.checkpointMinutes === undefined
      ? undefined
      : numberOption('--checkpoint-minutes', flags.checkpointMinutes, isDelay, 'a number of at least 0.01');
  if (minutes !== undefined && flags.checkpoint === undefined) {
    throw new UsageError('--checkpoint-minutes: nothing says where. Add --checkpoint FOLDER.');
  }
  const seed = integerOption('--seed', flags.seed, 0, Number.MAX_SAFE_INTEGER);
  const onBadLine = onBadLineOption(flags.onBadLine);
  requireDifferentFiles(
    [
      ...events,
      ...(flags.validation === undefined ? [] : [flags.validation]),
      ...(flags.asn ?? []),
      ...(flags.country ?? []),
    ],
    [['--model', flags.model]],
  );
  await trainFiles({
    events,
    validation: flags.validation,
    model: flags.model,
    hyperparameters,
    seed,
    threads,
    kernels: flags.kernels,
    checkpoint: flags.checkpoint === undefined ? undefined : { folder: flags.checkpoint, minutes },
    tables: [
      ...(flags.asn ? [readProviderTable(flags.asn, 'asn', '--asn')] : []),
      ...(flags.country ? [readProviderTable(flags.country, 'country', '--country')] : []),
    ],
    halfLifeDays: halfLifeOption('--half-life', flags.halfLife),
    quantize: flags.quantize ?? false,
    threshold: thresholdOptions(flags),
    onBadLine,
  });
}

/** A timer takes no more than 24.8 days. */
const isDelay = (minutes: number) => minutes >= 0.01 && minutes <= 35_000;

interface TrainFiles {
  events: string[];
  validation?: string;
  model: string;
  hyperparameters: Partial<Hyperparameters>;
  seed: number;
  threads?: number;
  kernels: 'auto' | 'plain';
  checkpoint?: { folder: string; minutes?: number };
  tables: ProviderTable[];
  halfLifeDays?: number;
  quantize: boolean;
  threshold: ThresholdRule;
  onBadLine: 'error' | 'skip';
}

/** Trains from files, with progress, and writes the model. */
async function trainFiles(options: TrainFiles): Promise<void> {
  const { model: path, onBadLine } = options;
  let progress: ReturnType<typeof startProgress> | undefined;
  requireFolder(path);
  const tell = (line: string) => (progress ? progress.line(line) : process.stderr.write(`${line}\n`));
  const checkpoint =
    options.checkpoint && new CheckpointFolder(options.checkpoint.folder, options.checkpoint.minutes, tell);
  const events = await readPastEvents(options.events, onBadLine);
  const validation = options.validation ? await readPastEvents([options.validation], onBadLine) : undefined;
  for (const line of fadingLines(events, options.halfLifeDays)) process.stderr.write(`${line}\n`);
  let pairs = 0;
  let epochs = 1;
  let interval = 1;
  let fitStarted = 0;
  /** the first report of the present epoch */
  let first = { epoch: -1, samples: 0, time: 0 };
  const started = performance.now();
  try {
    const model = await trainModel(events, {
      hyperparameters: options.hyperparameters,
      seed: options.seed,
      threads: options.threads,
      kernels: options.kernels,
      checkpoint,
      validation,
      tables: options.tables,
      halfLifeDays: options.halfLifeDays,
      quantize: options.quantize,
      threshold: options.threshold,
      onStart: (start) => {
        const { stage, pairs: count, hyperparameters: h } = start;
        pairs = count;
        epochs = h.epochs;
        interval = h.batchMetricsPublishInterval;
        first = { epoch: -1, samples: 0, time: 0 };
        progress?.stop();
        for (const line of startLines(start, events)) process.stderr.write(`${line}\n`);
        const label = stage === 'fit' ? 'fitting' : 'training';
        progress = startProgress({ label, total: count * h.epochs, unit: 'pairs' });
      },
      onFit: (fitted) => {
        if (fitted === 'begins') {
          progress?.stop();
          fitStarted = performance.now();
          return;
        }
        const lines = fitLines(fitted, performance.now() - fitStarted);
        for (const line of lines) process.stderr.write(`${line}\n`);
      },
      onProgress: ({ epoch, batches, positives, samples, crossEntropyNats, accuracy }) => {
        const metrics = `cross entropy ${crossEntropyNats.toFixed(4)}, accuracy ${accuracy.toFixed(4)}`;
        progress?.update(epoch * pairs + positives, `epoch ${epoch + 1}: ${metrics}`);
        if (epoch !== first.epoch) first = { epoch, samples, time: performance.now() };
        else if (batches % interval === 0) {
          const rate = Math.round(((samples - first.samples) * 1000) / (performance.now() - first.time));
          progress?.line(`epoch ${epoch + 1}, batch ${batches}: ${metrics}, ${counted(rate, 'sample')}/s`);
        }
      },
      onFitEpoch: (record) => progress?.line(`fitting: ${epochText(record, epochs)}`),
      onEpoch: (record) => {
        const { discriminatorAuc } = record;
        const auc =
          discriminatorAuc === null ? '' : `, validation discriminator_auc ${discriminatorAuc.toFixed(6)}`;
        progress?.line(`${epochText(record, epochs)}${auc}`);
        for (const line of divergenceLines(record)) progress?.line(line);
      },
    });
    progress?.stop();
    const sizeBytes = saveModel(model, path);
    process.stderr.write(`${thresholdText(model.card)}\n`);
    const saved = savedText(path, sizeBytes, events.count * epochs, performance.now() - started);
    process.stderr.write(`${saved}\n`);
  } finally {
    progress?.stop();
  }
}

/** The events of files; those that lie in the future are left out, and counted. */
async function readPastEvents(paths: string[], onBadLine: 'error' | 'skip'): Promise<Events> {
  const read = await readEventFiles(paths, { onBadLine });
  const { events, ahead } = withoutFuture(read.events, Date.now() / 1000);
  if (ahead > 0) process.stderr.write(`${aheadText(ahead)}\n`);
  return events;
}

/** Said before minutes of training, not after. */
function requireFolder(path: string): void {
  const folder = dirname(path);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw writeFailure(path, { code: 'ENOENT' });
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw writeFailure(path, { code: 'EISDIR' });
}
