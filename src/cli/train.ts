import { Command } from 'commander';
import { quoted, UsageError } from '../errors.ts';
import { saveModel } from '../model/savedModel.ts';
import type { Hyperparameters } from '../neural/hyperparameters.ts';
import { CheckpointFolder } from './checkpointFolder.ts';
import {
  addHyperparameterOptions,
  addModelOptions,
  hyperparameterFlags,
  type ModelFlags,
  type ModelSettings,
  modelSettings,
  readPastEvents,
  requireFolder,
} from './modelFlags.ts';
import {
  integerOption,
  numberOption,
  onBadLineOption,
  requireDifferentFiles,
  threadsOption,
} from './options.ts';
import { fadingLines, savedText, thresholdText } from './trainingText.ts';
import { ShownTraining } from './trainWithProgress.ts';

type TrainFlags = ModelFlags & {
  model: string;
  validation?: string;
  seed: string;
  threads?: string;
  checkpoint?: string;
  checkpointMinutes?: string;
  kernels: string;
  onBadLine: string;
};

/** `ip-insights train`: events → model. */
export function trainCommand(): Command {
  const command = new Command('train')
    .description('Learn which networks each entity uses: events (CSV entity,address[,time]) → model.')
    .argument('<events...>', 'CSV files, gzip recognised, - for standard input')
    .requiredOption('--model <file>', 'the model to write')
    .option('--validation <file>', 'later honest events: discriminator_auc after every epoch');
  addModelOptions(command)
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
  return addHyperparameterOptions(command).action(run);
}

async function run(events: string[], flags: TrainFlags): Promise<void> {
  const hyperparameters = hyperparameterFlags(flags);
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
    ...modelSettings(flags),
    onBadLine,
  });
}

/** A timer takes no more than 24.8 days. */
const isDelay = (minutes: number) => minutes >= 0.01 && minutes <= 35_000;

interface TrainFiles extends ModelSettings {
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
  const { events: paths, validation: validationPath, model: path, checkpoint: kept, onBadLine } = options;
  const shown = new ShownTraining();
  requireFolder(path);
  const checkpoint = kept && new CheckpointFolder(kept.folder, kept.minutes, (line) => shown.tell(line));
  const events = await readPastEvents(paths, onBadLine);
  const validation = validationPath ? await readPastEvents([validationPath], onBadLine) : undefined;
  for (const line of fadingLines(events, options.halfLifeDays)) process.stderr.write(`${line}\n`);
  const { hyperparameters, seed, threads, kernels, tables, halfLifeDays, quantize, threshold } = options;
  const started = performance.now();
  const model = await shown.train(events, {
    ...{ hyperparameters, seed, threads, kernels, checkpoint, validation },
    ...{ tables, halfLifeDays, quantize, threshold },
  });
  const sizeBytes = saveModel(model, path);
  process.stderr.write(`${thresholdText(model.card)}\n`);
  const eventsSeen = events.count * model.card.hyperparameters.epochs;
  process.stderr.write(`${savedText(path, sizeBytes, eventsSeen, performance.now() - started)}\n`);
}
