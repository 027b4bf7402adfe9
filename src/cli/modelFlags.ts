import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import type { Events } from '../events/events.ts';
import { withoutFuture } from '../events/future.ts';
import { writeFailure } from '../files/atomicFile.ts';
import type { ThresholdRule } from '../model/threshold.ts';
import type { ProviderTable } from '../model/trainModel.ts';
import { HYPERPARAMETERS, type Hyperparameters, optionName, parseNumber } from '../neural/hyperparameters.ts';
import { halfLifeOption, thresholdOptions } from './options.ts';
import { readProviderTable } from './providerTable.ts';
import { readEventFiles } from './readInput.ts';
import { aheadText } from './trainingText.ts';

/** Options of commands that make a model. */
export type ModelFlags = {
  asn?: string[];
  country?: string[];
  halfLife?: string;
  quantize?: boolean;
  maxFpr?: string;
  maxAlertsPerDay?: string;
} & { [name in keyof Hyperparameters]?: string };

/** What those options say, but for the hyperparameters. */
export interface ModelSettings {
  tables: ProviderTable[];
  halfLifeDays: number | undefined;
  quantize: boolean;
  threshold: ThresholdRule;
}

/** What a model is beside its vectors. */
export function addModelOptions(command: Command): Command {
  return command
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
    .option('--max-alerts-per-day <n>', 'verdict "suspicious" for at most so many honest events a day');
}

/** An option for each hyperparameter. @param others defaults that are not those of a training */
export function addHyperparameterOptions(command: Command, others: Partial<Hyperparameters> = {}): Command {
  for (const rule of HYPERPARAMETERS) {
    const { name, minimum, maximum, awsStandard, meaning } = rule;
    const standard = others[name] ?? rule.standard;
    const range = maximum === Number.MAX_SAFE_INTEGER ? `≥ ${minimum}` : `${minimum} to ${maximum}`;
    const ofAws = awsStandard === standard ? '' : `; AWS: ${awsStandard}`;
    const byDefault = standard === undefined ? '' : `, default ${standard}${ofAws}`;
    command.option(`${optionName(name)} <n>`, `${meaning} (${range}${byDefault})`);
  }
  return command;
}

/** @throws UsageError where one is out of its range */
export function hyperparameterFlags(flags: ModelFlags): Partial<Hyperparameters> {
  const hyperparameters: Partial<Hyperparameters> = {};
  for (const rule of HYPERPARAMETERS) {
    const text = flags[rule.name];
    if (text !== undefined) hyperparameters[rule.name] = parseNumber(text, optionName(rule.name), rule);
  }
  return hyperparameters;
}

/** Reads the tables, too. @param tell writes a line about each; left out, to standard error */
export function modelSettings(flags: ModelFlags, tell?: (line: string) => void): ModelSettings {
  const halfLifeDays = halfLifeOption('--half-life', flags.halfLife);
  const threshold = thresholdOptions(flags);
  return {
    tables: [
      ...(flags.asn ? [readProviderTable(flags.asn, 'asn', '--asn', tell)] : []),
      ...(flags.country ? [readProviderTable(flags.country, 'country', '--country', tell)] : []),
    ],
    halfLifeDays,
    quantize: flags.quantize ?? false,
    threshold,
  };
}

/** The options of `addModelOptions` as words of a command line. */
export function typedModelOptions(flags: ModelFlags): string[] {
  const { asn = [], country = [], halfLife, quantize, maxFpr, maxAlertsPerDay } = flags;
  const option = (name: string, ...values: (string | undefined)[]) =>
    values[0] === undefined ? [] : [name, ...values.map(String)];
  return [
    ...option('--asn', ...asn),
    ...option('--country', ...country),
    ...option('--half-life', halfLife),
    ...(quantize ? ['--quantize'] : []),
    ...option('--max-fpr', maxFpr),
    ...option('--max-alerts-per-day', maxAlertsPerDay),
  ];
}

/** The events of files; those that lie in the future are left out, and counted. */
export async function readPastEvents(paths: string[], onBadLine: 'error' | 'skip'): Promise<Events> {
  const read = await readEventFiles(paths, { onBadLine });
  const { events, ahead } = withoutFuture(read.events, Date.now() / 1000);
  if (ahead > 0) process.stderr.write(`${aheadText(ahead)}\n`);
  return events;
}

/** Said before minutes of training, not after. @throws InputError where a file cannot be written under that name */
export function requireFolder(path: string): void {
  const folder = dirname(path);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw writeFailure(path, { code: 'ENOENT' });
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw writeFailure(path, { code: 'EISDIR' });
}
