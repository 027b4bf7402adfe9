import { availableParallelism, cpus } from 'node:os';
import { Command } from 'commander';
import { quoted, UsageError } from '../errors.ts';
import type { Model } from '../model/model.ts';
import type { ModelCard } from '../model/modelCard.ts';
import { modelCard } from '../model/modelFile.ts';
import { saveModel } from '../model/savedModel.ts';
import { requireShardCount, type ShardedModel, saveSharded } from '../model/shards/writeShards.ts';
import { agree } from '../mpi/agreement.ts';
import { allOrNone } from '../mpi/allOrNone.ts';
import { type Ranks, ranksOfHost } from '../mpi/ranks.ts';
import { runRanks } from '../mpi/runRanks.ts';
import { SAME_FILES } from '../mpi/sameFiles.ts';
import type { Hyperparameters } from '../neural/hyperparameters.ts';
import { ENTITY_SHARDS } from '../neural/ranks/rankPlan.ts';
import { CheckpointFolder, NOTHING_KEPT } from './checkpointFolder.ts';
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
import { requireFileName } from './outputFiles.ts';
import { readOverRanks } from './readOverRanks.ts';
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
  sharded?: boolean;
  shards?: string;
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
    .option('--sharded', 'write the model in shards beside its manifest: each rank its own accounts')
    .option('--shards <n>', 'how many shards, a multiple of the ranks (default: one for each rank)')
    .option('--kernels <which>', 'auto: WebAssembly where it is to be had; plain: plain JavaScript', 'auto')
    .option('--on-bad-line <what>', 'error: stop at a line that is no event; skip: count it', 'error');
  return addHyperparameterOptions(command).action((events: string[], flags: TrainFlags) =>
    runRanks('train', (ranks) => run(ranks, events, flags)),
  );
}

async function run(ranks: Ranks, events: string[], flags: TrainFlags): Promise<void> {
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
  const shards = allOrNone(ranks, () => shardsOption(flags, ranks));
  agree(ranks, factsOf(events, flags));
  const tell = (line: string) => {
    if (ranks.rank === 0) process.stderr.write(`${line}\n`);
  };
  const settings = modelSettings(flags, tell);
  agree(ranks, Object.fromEntries(settings.tables.map(({ name, sha256 }) => [name, sha256])), SAME_FILES);
  const train = ranks.size === 1 ? trainFiles : trainFilesOverRanks;
  await train(ranks, {
    events,
    validation: flags.validation,
    model: flags.model,
    hyperparameters,
    seed,
    threads,
    kernels: flags.kernels,
    checkpoint: flags.checkpoint === undefined ? undefined : { folder: flags.checkpoint, minutes },
    ...settings,
    onBadLine,
    shards,
  });
}

/** @returns undefined where the model is to be one file */
function shardsOption({ sharded, shards, model }: TrainFlags, ranks: Ranks): number | undefined {
  if (sharded !== true) {
    if (shards === undefined) return undefined;
    throw new UsageError('--shards: nothing says that the model is to be in shards. Add --sharded.');
  }
  requireFileName(model, 'Shards lie beside their manifest, which is a file.');
  const count = shards === undefined ? ranks.size : integerOption('--shards', shards, 1, ENTITY_SHARDS);
  requireShardCount(count, ranks);
  return count;
}

/** What all ranks must have been given alike; how many threads is each one's own business. */
function factsOf(events: string[], { threads: _threads, ...flags }: TrainFlags): Record<string, string> {
  const given = Object.entries(flags).filter(([, value]) => value !== undefined);
  return {
    events: events.join(' '),
    ...Object.fromEntries(
      given.map(([name, value]) => [
        `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
        String(value),
      ]),
    ),
  };
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
  /** undefined: the model is one file */
  shards: number | undefined;
}

/** Trains from files, with progress, and writes the model. */
async function trainFiles(ranks: Ranks, options: TrainFiles): Promise<void> {
  const { events: paths, validation: validationPath, model: path, checkpoint: kept, onBadLine } = options;
  const shown = new ShownTraining();
  requireFolder(path);
  const checkpoint = kept && new CheckpointFolder(kept.folder, kept.minutes, (line) => shown.tell(line));
  const events = await readPastEvents(paths, onBadLine);
  const validation = validationPath ? await readPastEvents([validationPath], onBadLine) : undefined;
  for (const line of fadingLines(events, options.halfLifeDays)) process.stderr.write(`${line}\n`);
  const { hyperparameters, seed, threads, kernels, tables, halfLifeDays, quantize, threshold } = options;
  const started = performance.now();
  const settings = {
    ...{ hyperparameters, seed, threads, kernels, checkpoint, validation },
    ...{ tables, halfLifeDays, quantize, threshold },
  };
  const { shards } = options;
  const share = { ranks, index: undefined };
  const { card, sizeBytes } =
    shards === undefined
      ? saved(await shown.train(events, settings), path)
      : savedInShards(await shown.trainSharded(events, share, settings), path, shards, ranks);
  process.stderr.write(`${thresholdText(card)}\n`);
  const eventsSeen = events.count * card.hyperparameters.epochs;
  process.stderr.write(`${savedText(path, sizeBytes, eventsSeen, performance.now() - started)}\n`);
}

interface Saved {
  card: ModelCard;
  sizeBytes: number;
}

const saved = (model: Model, path: string): Saved => ({
  card: model.card,
  sizeBytes: saveModel(model, path),
});

const savedInShards = (model: ShardedModel, path: string, shards: number, ranks: Ranks): Saved => ({
  card: modelCard(model.card),
  sizeBytes: saveSharded(model, path, shards, ranks),
});

/** The same on all ranks together; the first one writes the model. */
async function trainFilesOverRanks(ranks: Ranks, options: TrainFiles): Promise<void> {
  const { events: train, validation, model: path, checkpoint: kept, onBadLine } = options;
  const isFirst = ranks.rank === 0;
  if (isFirst) requireFolder(path);
  const shown = new ShownTraining();
  ranks.advise(NOTHING_KEPT);
  const checkpoint =
    kept && new CheckpointFolder(kept.folder, kept.minutes, (line) => shown.tell(line), ranks);
  const tell = (line: string) => {
    if (isFirst) process.stderr.write(`${line}\n`);
  };
  const { hyperparameters, seed, kernels, tables, halfLifeDays, quantize, threshold } = options;
  const read = await readOverRanks(ranks, { train, validation, onBadLine }, hyperparameters, tell);
  const started = performance.now();
  const share = { ranks, index: read.train.index, validationIndex: read.validation?.index };
  const threads = options.threads ?? threadsOfRank(ranks);
  const settings = {
    ...{ hyperparameters, seed, threads, kernels, checkpoint, validation: read.validation?.events },
    ...{ tables, halfLifeDays, quantize, threshold },
  };
  const { shards } = options;
  let done: Saved;
  if (shards === undefined) {
    const model = await shown.trainOverRanks(read.train.events, share, settings);
    if (!model) return;
    done = saved(model, path);
  } else {
    done = savedInShards(await shown.trainSharded(read.train.events, share, settings), path, shards, ranks);
  }
  const { card, sizeBytes } = done;
  tell(thresholdText(card));
  const eventsSeen = read.train.total * card.hyperparameters.epochs;
  tell(savedText(path, sizeBytes, eventsSeen, performance.now() - started));
}

/** Ranks of one computer share its cores, unless the launcher has given each some of its own. */
function threadsOfRank(ranks: Ranks): number {
  const own = availableParallelism();
  if (own < cpus().length) return own;
  return Math.max(1, Math.floor(own / ranksOfHost(ranks)));
}
