import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Command } from 'commander';
import type { GroupKind } from '../addresses/groupTable.ts';
import { counted, grouped, quoted, UsageError } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { withoutFuture } from '../events/future.ts';
import { writeFailure } from '../files/atomicFile.ts';
import { saveModel } from '../index.ts';
import { FULL_STEPS } from '../kernels/kernels.ts';
import type { FittedModel } from '../model/fitModel.ts';
import type { ModelCard } from '../model/modelCard.ts';
import type { ThresholdRule } from '../model/threshold.ts';
import { type ProviderTable, trainModel } from '../model/trainModel.ts';
import { HYPERPARAMETERS, type Hyperparameters, optionName, parseNumber } from '../neural/hyperparameters.ts';
import { CheckpointFolder } from './checkpointFolder.ts';
import { readGroupTable } from './groupTables.ts';
import { quantizationText, thresholdRuleText } from './modelText.ts';
import {
  integerOption,
  numberOption,
  onBadLineOption,
  requireDifferentFiles,
  thresholdOptions,
} from './options.ts';
import { startProgress } from './progress.ts';
import { readEventFiles } from './readInput.ts';

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
  const threads =
    flags.threads === undefined ? undefined : integerOption('--threads', flags.threads, 1, MAX_THREADS);
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
    halfLifeDays: halfLifeOption(flags.halfLife),
    quantize: flags.quantize ?? false,
    threshold: thresholdOptions(flags),
    onBadLine,
  });
}

/** A table as a rung of the ladder; what was cut or dropped is said. */
function readProviderTable(paths: string[], kind: GroupKind, option: string): ProviderTable {
  const { table, trimmed, dropped, identity } = readGroupTable(paths, kind, option);
  const count = table.count - 1;
  const groups = kind === 'asn' ? counted(count, 'provider') : counted(count, 'country', 'countries');
  const cut = trimmed > 0 ? `, ${counted(trimmed, 'range')} cut short where the next one begins` : '';
  const lost = dropped > 0 ? `, ${counted(dropped, 'IPv6 range')} narrower than a /64 left out` : '';
  process.stderr.write(`${identity.name}: ${groups}${cut}${lost}\n`);
  return { table, ...identity };
}

/** `30d` or `30` → days */
function halfLifeOption(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const isDays = (days: number) => days >= 0.1 && days <= 36_500;
  return numberOption('--half-life', text.replace(/d$/i, ''), isDays, 'days from 0.1 to 36500, such as 30d');
}

/** More would wait for each other only; each takes memory of its own. */
const MAX_THREADS = 256;

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
  if (options.halfLifeDays !== undefined && events.time.every(Number.isNaN)) {
    process.stderr.write('warning: --half-life: no event has a time (third column), so nothing fades.\n');
  }
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
      onStart: ({ stage, pairs: count, hyperparameters: h, prefixes, threads, plainReason }) => {
        pairs = count;
        epochs = h.epochs;
        interval = h.batchMetricsPublishInterval;
        first = { epoch: -1, samples: 0, time: 0 };
        progress?.stop();
        if (stage === 'fit') {
          process.stderr.write(
            `fitting: vectors of the earlier ${counted(count, 'pair')}, to see on later events how far they can be trusted\n`,
          );
          if (plainReason !== '') process.stderr.write(`note: ${plainReason}\n`);
          if (events.entities.count === 1) {
            process.stderr.write(
              'warning: all events are of one entity, so nothing can be learned from what others do.\n',
            );
          }
          warnOfTooFewSteps(h, count);
        } else {
          process.stderr.write(
            `training: ${counted(events.count, 'event')}, ${counted(count, 'distinct pair')}, ${counted(h.numEntityVectors, 'entity row')}, ${counted(prefixes, 'network row')}, ${h.vectorDim} dimensions, ${counted(h.epochs, 'epoch')}, ${counted(threads, 'thread')}\n`,
          );
        }
        const label = stage === 'fit' ? 'fitting' : 'training';
        progress = startProgress({ label, total: count * h.epochs, unit: 'pairs' });
      },
      onFit: (fitted) => {
        if (fitted === 'begins') {
          progress?.stop();
          fitStarted = performance.now();
          return;
        }
        const seconds = (performance.now() - fitStarted) / 1000;
        process.stderr.write(`${fitSummary(fitted)} (${seconds.toFixed(1)} s)\n`);
        if (fitted.quantization) process.stderr.write(`8 bits: ${quantizationText(fitted.quantization)}\n`);
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
      onFitEpoch: ({ epoch, crossEntropyNats, accuracy }) => {
        progress?.line(
          `fitting: epoch ${epoch} of ${epochs}: cross entropy ${crossEntropyNats.toFixed(5)}, accuracy ${accuracy.toFixed(5)}`,
        );
      },
      onEpoch: ({ epoch, crossEntropyNats, accuracy, discriminatorAuc }) => {
        const auc =
          discriminatorAuc === null ? '' : `, validation discriminator_auc ${discriminatorAuc.toFixed(6)}`;
        progress?.line(
          `epoch ${epoch} of ${epochs}: cross entropy ${crossEntropyNats.toFixed(5)}, accuracy ${accuracy.toFixed(5)}${auc}`,
        );
        if (crossEntropyNats > DIVERGED_NATS) {
          progress?.line(
            `warning: the cross entropy is far above that of a coin (${Math.LN2.toFixed(3)}): the training diverges. Lower --learning-rate.`,
          );
        }
      },
    });
    progress?.stop();
    const sizeBytes = saveModel(model, path);
    const seconds = (performance.now() - started) / 1000;
    const rate = Math.round((events.count * epochs) / seconds);
    process.stderr.write(`${thresholdText(model.card)}\n`);
    process.stderr.write(
      `${path}: ${(sizeBytes / 1e6).toFixed(1)} MB, trained in ${seconds.toFixed(1)} s (${counted(rate, 'event')}/s)\n`,
    );
  } finally {
    progress?.stop();
  }
}

/** The events of files; those that lie in the future are left out, and counted. */
async function readPastEvents(paths: string[], onBadLine: 'error' | 'skip'): Promise<Events> {
  const read = await readEventFiles(paths, { onBadLine });
  const { events, ahead } = withoutFuture(read.events, Date.now() / 1000);
  if (ahead > 0) {
    process.stderr.write(
      `left out: ${counted(ahead, 'event')} more than a day ahead of this machine's clock\n`,
    );
  }
  return events;
}

/** What the later events said, in one line. */
function fitSummary({ fittedOn, stacking }: FittedModel): string {
  if (fittedOn.newPlaces === 0) {
    return 'fitting: no later event is from a place new to its account, so the mixture keeps the weights that it begins with';
  }
  return `fitting: ${counted(fittedOn.events, 'later event')}, ${grouped(fittedOn.newPlaces)} of them from places new to their account; trust in history ${stacking.history.toFixed(2)}, in vectors ${stacking.neural.toFixed(2)}`;
}

function thresholdText({ threshold }: ModelCard): string {
  if (!threshold) return 'threshold: none, later honest events were too few';
  const { anomaly, falsePositiveRate } = threshold;
  return `threshold: suspicious from an anomaly of ${anomaly.toFixed(3)} on (${thresholdRuleText(threshold)}; ${(100 * falsePositiveRate).toFixed(2)} % of the later ones)`;
}

/** Ten times the loss of a model that knows nothing, ln 2: no sound training comes near it. */
const DIVERGED_NATS = 10 * Math.LN2;

/** Vectors of some ten components of size 1 are needed before dot products say anything. */
const LEAST_MOVE = 1;

/** AWS's defaults suit millions of events; with few, most of the training never happens, and nothing else would tell. */
function warnOfTooFewSteps(h: Hyperparameters, events: number): void {
  const steps = h.epochs * Math.ceil(events / h.miniBatchSize);
  let move = 0;
  for (let t = 0; t < steps && move < LEAST_MOVE; t++) {
    move += h.learningRate * (1 - t / steps) * Math.min(1, Math.sqrt(FULL_STEPS / (t + 1)));
  }
  if (move >= LEAST_MOVE) return;
  process.stderr.write(
    `warning: ${counted(steps, 'mini-batch', 'mini-batches')} of this learning rate move a vector's component by at most ${move.toFixed(2)}, which is too little to learn from so few events. Try --mini-batch-size 1000 --learning-rate 0.02.\n`,
  );
}

/** Said before minutes of training, not after. */
function requireFolder(path: string): void {
  const folder = dirname(path);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw writeFailure(path, { code: 'ENOENT' });
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw writeFailure(path, { code: 'EISDIR' });
}
