import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { quoted, UsageError } from '../errors.ts';
import { OBJECTIVE_WORDS, parseObjective } from '../tune/objectives.ts';
import {
  addHyperparameterOptions,
  addModelOptions,
  hyperparameterFlags,
  type ModelFlags,
  modelSettings,
  typedModelOptions,
} from './modelFlags.ts';
import {
  integerOption,
  numberOption,
  onBadLineOption,
  requireDifferentFiles,
  threadsOption,
} from './options.ts';
import { requireFileName } from './outputFiles.ts';
import { tuneFiles } from './tuneFiles.ts';
import { TRIAL_EPOCHS } from './tunePlan.ts';
import { searchSpaceOf } from './tuneSpace.ts';

export type TuneFlags = ModelFlags & {
  validation: string;
  test?: string;
  model: string;
  range?: string[];
  choice?: string[];
  strategy: string;
  earlyStopping: string;
  objective: string;
  sample: string;
  maxTrials: string;
  maxTime?: string;
  workers?: string;
  threads?: string;
  journal?: string;
  report?: string;
  json?: string;
  seed: string;
  onBadLine: string;
};

/** `ip-insights tune`: many short trainings → the model with the best hyperparameters. */
export function tuneCommand(): Command {
  const again = (value: string, before: string[] = []) => [...before, value];
  const command = new Command('tune')
    .description('Search the hyperparameters that are best on later events, and train the model with them.')
    .argument('<events...>', 'events to train on, CSV entity,address[,time], gzip recognised')
    .requiredOption('--validation <file>', 'later honest events: what trials are judged on')
    .requiredOption('--model <file>', 'the model to write: the best setting, trained as "train" would')
    .option(
      '--test <file>',
      'still later honest events that the search never sees: the winner is judged on them once',
    )
    .option(
      '--range <name>',
      'search a hyperparameter: vector_dim (in the range that AWS recommends), vector_dim=64:1024, learning_rate=1e-4:1e-1:log; may be given again',
      again,
    )
    .option('--choice <name>', 'try some values: num_ip_encoder_layers=0,1,2; may be given again', again)
    .option('--strategy <which>', 'tpe: learns from the trials before; random: does not', 'tpe')
    .option(
      '--early-stopping <which>',
      'asha: ends trials early that are not among the best third; hyperband: the same, with patience for some; none',
      'asha',
    )
    .option('--objective <which>', OBJECTIVE_WORDS, 'discriminator_auc')
    .option('--sample <n>', 'honest events to judge a trial on (discriminator_auc takes all)', '100000')
    .option('--max-trials <n>', 'trials to try, those of an interrupted run included', '30')
    .option(
      '--max-time <duration>',
      'begin no more after this time and end what runs, such as 30m, 2h or 90s',
    )
    .option(
      '--workers <n>',
      'trials at a time (default: as cores and memory allow); with 1 the same seed gives the same trials',
    )
    .option('--threads <n>', 'threads of each trial (default: the cores divided by the workers)')
    .option(
      '--journal <file>',
      'what was tried; the same command goes on from there (default: MODEL.tuning.jsonl)',
    )
    .option('--report <file>', 'write a page to look at, one HTML file')
    .option('--json <file>', 'write all trials and figures as JSON');
  addModelOptions(command)
    .option('--seed <n>', 'fixes what is tried, and each training', '1')
    .option('--on-bad-line <what>', 'error: stop at a line that is no event; skip: count it', 'error');
  return addHyperparameterOptions(command, { epochs: TRIAL_EPOCHS }).action(tune);
}

async function tune(events: string[], flags: TuneFlags): Promise<void> {
  const fixed = hyperparameterFlags(flags);
  const space = searchSpaceOf(flags.range ?? [], flags.choice ?? [], fixed);
  const objective = parseObjective(flags.objective);
  const strategy = oneOf('--strategy', flags.strategy, ['tpe', 'random'] as const);
  const stopping = ['asha', 'hyperband', 'none'] as const;
  const earlyStopping = oneOf('--early-stopping', flags.earlyStopping, stopping);
  const sampleSize = integerOption('--sample', flags.sample, 100, 100_000_000);
  const maxTrials = integerOption('--max-trials', flags.maxTrials, 1, 100_000);
  const maxSeconds = flags.maxTime === undefined ? undefined : seconds('--max-time', flags.maxTime);
  const cores = availableParallelism();
  const workers = flags.workers === undefined ? undefined : integerOption('--workers', flags.workers, 1, 256);
  const threads = threadsOption('--threads', flags.threads);
  const seed = integerOption('--seed', flags.seed, 0, Number.MAX_SAFE_INTEGER);
  const onBadLine = onBadLineOption(flags.onBadLine);
  const { validation, test, model, report, json } = flags;
  const journal = flags.journal ?? `${model}.tuning.jsonl`;
  const tables = [...(flags.asn ?? []), ...(flags.country ?? [])];
  const outputs: [string, string | undefined][] = [
    ['--model', model],
    ['--journal', journal],
    ['--report', report],
    ['--json', json],
  ];
  requireDifferentFiles([...events, validation, ...(test === undefined ? [] : [test]), ...tables], outputs);
  for (const [option, path] of outputs) {
    if (path === undefined) continue;
    requireFileName(path, `Name a file with ${option}.`);
  }
  await tuneFiles({
    ...{ events, validation, test, model, journal, report, json },
    ...{ space, fixed, objective, strategy, earlyStopping, sampleSize },
    ...{ maxTrials, maxSeconds, cores, workers, threads, seed, onBadLine },
    settings: modelSettings(flags),
    modelOptions: [...typedModelOptions(flags), ...(onBadLine === 'skip' ? ['--on-bad-line', 'skip'] : [])],
  });
}

function oneOf<T extends string>(option: string, text: string, words: readonly T[]): T {
  const word = words.find((one) => one === text);
  if (word !== undefined) return word;
  throw new UsageError(
    `${option}: expected ${words.slice(0, -1).join(', ')} or ${words.at(-1)}, got ${quoted(text)}.`,
  );
}

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** `90s`, `30m`, `2h`, `90`: seconds */
function seconds(option: string, text: string): number {
  const [, number, unit] = /^(.*?)([smhd]?)$/s.exec(text) ?? ['', text, ''];
  const factor = unit === '' ? 1 : SECONDS[unit as keyof typeof SECONDS];
  const isTime = (value: number) => value > 0 && value * factor <= MAX_SECONDS;
  return factor * numberOption(option, number, isTime, 'a time such as 90s, 30m or 2h, of 20 days at most');
}

/** A timer takes no more than 24.8 days. */
const MAX_SECONDS = 20 * SECONDS.d;
