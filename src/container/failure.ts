import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { InputError } from '../errors.ts';
import { writeFailure, writeFileAtomic } from '../files/atomicFile.ts';
import { HYPERPARAMETERS, optionName } from '../neural/hyperparameters.ts';
import { OPT_ML } from './optMl.ts';

/** What messages of the command line call things, and what a job calls them. The longer ones first: they hold shorter ones. */
const JOB_WORDS: [option: string, word: string][] = [
  ['--checkpoint folder', 'folder for checkpoints (CheckpointConfig)'],
  ['--checkpoint keeps', 'a CheckpointConfig keeps'],
  ['--checkpoint FOLDER keeps', 'a CheckpointConfig keeps'],
  ['run the same command again, with any number of ranks', 'start the same job again with these checkpoints'],
  ['run the same command again', 'start the same job again'],
  ['--on-bad-line', 'on_bad_line'],
  ['--max-alerts-per-day', 'max_alerts_per_day'],
  ['--max-fpr', 'max_fpr'],
  ['--half-life', 'half_life_days'],
  ['--quantize', 'quantize'],
  ['--seed', 'seed'],
  ['--threads', 'threads'],
  ...HYPERPARAMETERS.map(({ name, awsName }): [string, string] => [optionName(name), awsName]),
];

/** A message of the command line, with the hyperparameters of a job in place of options. */
export function inJobWords(message: string): string {
  return JOB_WORDS.reduce(
    (text, [option, word]) => text.replace(new RegExp(`${option}(?![\\w-])`, 'g'), word),
    message,
  );
}

/** What SageMaker shows of a failure, in characters. */
const SHOWN = 1024;

/** The message; of one that is longer than what is shown, begin and end first: its place and the next step. */
function essential(message: string): string {
  if (message.length <= SHOWN) return message;
  return `${message.slice(0, 600)} … ${message.slice(-400)}\n\n${message}`;
}

/** Says on stderr why the training failed, and leaves it where SageMaker looks for it. */
export function reportFailure(error: unknown): void {
  const isExpected = error instanceof InputError;
  const said = error instanceof Error ? error.message : String(error);
  const message = inJobWords(isExpected ? said : `unexpected failure, please report it: ${said}`);
  const stack = isExpected || !(error instanceof Error) ? '' : `${error.stack}\n`;
  process.stderr.write(`ip-insights: ${message}\n${stack}`);
  try {
    mkdirSync(dirname(OPT_ML.failure), { recursive: true });
    writeFileAtomic(OPT_ML.failure, `${essential(message)}\n${stack}`);
  } catch (error) {
    const { message } = writeFailure(OPT_ML.failure, error);
    process.stderr.write(`ip-insights: the failure is not in its file: ${message}\n`);
  }
}
