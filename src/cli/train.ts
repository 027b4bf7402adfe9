import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Command } from 'commander';
import { counted, quoted, UsageError } from '../errors.ts';
import { writeFailure } from '../files/atomicFile.ts';
import { saveModel } from '../index.ts';
import { FULL_STEPS } from '../kernels/kernels.ts';
import { trainModel } from '../model/trainModel.ts';
import { HYPERPARAMETERS, type Hyperparameters, optionName, parseNumber } from '../neural/hyperparameters.ts';
import { CheckpointFolder } from './checkpointFolder.ts';
import { integerOption, numberOption, onBadLineOption, requireDifferentFiles } from './options.ts';
import { startProgress } from './progress.ts';
import { readEventFiles } from './readInput.ts';

type TrainFlags = {
  model: string;
  validation?: string;
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
    [...events, ...(flags.validation === undefined ? [] : [flags.validation])],
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
    onBadLine,
  });
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
  const { events } = await readEventFiles(options.events, { onBadLine });
  const validation = options.validation
    ? (await readEventFiles([options.validation], { onBadLine })).events
    : undefined;
  let epochs = 1;
  let interval = 1;
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
      onStart: ({ hyperparameters: h, prefixes, threads, plainReason }) => {
        epochs = h.epochs;
        interval = h.batchMetricsPublishInterval;
        process.stderr.write(
          `training: ${counted(events.count, 'event')}, ${counted(h.numEntityVectors, 'entity row')}, ${counted(prefixes, 'network row')}, ${h.vectorDim} dimensions, ${counted(h.epochs, 'epoch')}, ${counted(threads, 'thread')}\n`,
        );
        if (plainReason !== '') process.stderr.write(`note: ${plainReason}\n`);
        if (events.entities.count === 1) {
          process.stderr.write(
            'warning: all events are of one entity, so nothing can be learned from what others do.\n',
          );
        }
        warnOfTooFewSteps(h, events.count);
        progress = startProgress({ label: 'training', total: events.count * h.epochs, unit: 'events' });
      },
      onProgress: ({ epoch, batches, positives, samples, crossEntropyNats, accuracy }) => {
        const metrics = `cross entropy ${crossEntropyNats.toFixed(4)}, accuracy ${accuracy.toFixed(4)}`;
        progress?.update(epoch * events.count + positives, `epoch ${epoch + 1}: ${metrics}`);
        if (epoch !== first.epoch) first = { epoch, samples, time: performance.now() };
        else if (batches % interval === 0) {
          const rate = Math.round(((samples - first.samples) * 1000) / (performance.now() - first.time));
          progress?.line(`epoch ${epoch + 1}, batch ${batches}: ${metrics}, ${counted(rate, 'sample')}/s`);
        }
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
    const { epoch, batch } = checkpoint?.resumedFrom ?? { epoch: 0, batch: 0 };
    const known = epoch * events.count + batch * model.card.hyperparameters.miniBatchSize;
    const rate = Math.round((events.count * epochs - known) / seconds);
    process.stderr.write(
      `${path}: ${(sizeBytes / 1e6).toFixed(1)} MB, trained in ${seconds.toFixed(1)} s (${counted(rate, 'event')}/s)\n`,
    );
  } finally {
    progress?.stop();
  }
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
