import {
  halfLifeOption,
  integerOption,
  onBadLineOption,
  threadsOption,
  thresholdOptions,
} from '../cli/options.ts';
import { InputError, quoted, UsageError } from '../errors.ts';
import type { ThresholdRule } from '../model/threshold.ts';
import { HYPERPARAMETERS, type Hyperparameters, parseNumber } from '../neural/hyperparameters.ts';
import { inJobWords } from './failure.ts';
import { type JsonObject, OPT_ML, readJsonObject } from './optMl.ts';

/** What a job asks for. */
export interface JobSettings {
  hyperparameters: Partial<Hyperparameters>;
  seed: number;
  /** undefined: one for each core */
  threads: number | undefined;
  threshold: ThresholdRule;
  halfLifeDays: number | undefined;
  quantize: boolean;
  onBadLine: 'error' | 'skip';
  /** a tuning job reads the validation metric */
  needsValidation: boolean;
}

/** Beside AWS's ten: what the command line has as options. */
const OWN = [
  'seed',
  'threads',
  'max_fpr',
  'max_alerts_per_day',
  'half_life_days',
  'quantize',
  'on_bad_line',
] as const;

/** The key that a tuning job sets. */
const OBJECTIVE_KEY = '_tuning_objective_metric';

/** What the metric lines have once an epoch, as AWS names it. */
const AUC = 'validation:discriminator_auc';
const METRICS = [AUC, 'train:binary_classification_accuracy', 'train:binary_classification_cross_entropy'];

/**
 * The settings of the job, from `hyperparameters.json`; the defaults where there is none.
 * @param tell writes a line for a person
 * @throws InputError where a key is not known or a value is out of its range
 */
export function readJobSettings(tell: (line: string) => void): JobSettings {
  const given = readJsonObject(OPT_ML.hyperparameters);
  if (given === undefined) tell(`${OPT_ML.hyperparameters}: not there, so defaults hold`);
  try {
    return jobSettings(given ?? {}, tell);
  } catch (error) {
    // Whatever is wrong is in this file; the checks of the command line do not know that.
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${OPT_ML.hyperparameters}: ${inJobWords(error.message)}`);
  }
}

function jobSettings(given: JsonObject, tell: (line: string) => void): JobSettings {
  const texts = textsOf(given);
  const hyperparameters: Partial<Hyperparameters> = {};
  for (const rule of HYPERPARAMETERS) {
    const text = texts.get(rule.awsName);
    if (text !== undefined) hyperparameters[rule.name] = parseNumber(text, rule.awsName, rule);
  }
  tellDefaults(hyperparameters, tell);
  const objective = texts.get(OBJECTIVE_KEY) ?? '';
  if (objective !== '' && !METRICS.includes(objective)) {
    tell(
      `${OBJECTIVE_KEY}: ${quoted(objective)} is a name of the tuning job's own; the regex of that name in its MetricDefinitions is to match a line of ${METRICS.join(', ')}, of which the first needs a channel validation`,
    );
  }
  return {
    hyperparameters,
    seed: integerOption('seed', texts.get('seed') ?? '1', 0, Number.MAX_SAFE_INTEGER),
    threads: threadsOption('threads', texts.get('threads')),
    threshold: thresholdOptions({
      maxFpr: texts.get('max_fpr'),
      maxAlertsPerDay: texts.get('max_alerts_per_day'),
    }),
    halfLifeDays: halfLifeOption('half_life_days', texts.get('half_life_days')),
    quantize: truth('quantize', texts.get('quantize') ?? 'false'),
    onBadLine: onBadLineOption(texts.get('on_bad_line') ?? 'error'),
    needsValidation: objective === AUC,
  };
}

/** A job that counts on AWS's defaults gets ours: said once, beside what AWS's would have been. */
function tellDefaults(given: Partial<Hyperparameters>, tell: (line: string) => void): void {
  const others = HYPERPARAMETERS.filter(
    ({ name, standard, awsStandard }) =>
      given[name] === undefined && standard !== undefined && standard !== awsStandard,
  );
  if (others.length === 0) return;
  const texts = others.map(
    ({ awsName, standard, awsStandard }) => `${awsName} ${standard} (AWS: ${awsStandard})`,
  );
  tell(`defaults that are not AWS's: ${texts.join(', ')}`);
}

/** The values as texts, which they are in a job; a number or truth value, as a person may write it, is taken too. */
function textsOf(given: JsonObject): Map<string, string> {
  const known = [...HYPERPARAMETERS.map(({ awsName }) => awsName), ...OWN];
  const unknown = Object.keys(given).filter((key) => !isOfAws(key) && !known.includes(key));
  if (unknown.length > 0) {
    throw new UsageError(
      `expected ${known.join(', ')}, got ${unknown.map((key) => quoted(key)).join(', ')}. Leave out what is not among them.`,
    );
  }
  const texts = new Map<string, string>();
  for (const [key, value] of Object.entries(given)) {
    if (isOfAws(key) && key !== OBJECTIVE_KEY) continue;
    if (!['string', 'number', 'boolean'].includes(typeof value)) {
      throw new UsageError(`${key}: expected a text, got ${quoted(JSON.stringify(value))}.`);
    }
    texts.set(key, withoutQuotes(String(value).trim()));
  }
  return texts;
}

/** What is meant for AWS's own containers (_log_level, _num_gpus, …), or noted by its SDK for itself (sagemaker_region, …). */
const isOfAws = (key: string) => key.startsWith('_') || key.startsWith('sagemaker_');

/** AWS's SDK writes what it takes for a framework's as JSON within the text, choices of a tuning job too: `"\"64\""`. */
const withoutQuotes = (text: string) => /^"(.*)"$/s.exec(text)?.[1] ?? text;

function truth(key: string, text: string): boolean {
  // Python, which starts most jobs, writes "True".
  const word = text.toLowerCase();
  if (word === 'true' || word === 'false') return word === 'true';
  throw new UsageError(`${key}: expected true or false, got ${quoted(text)}.`);
}
