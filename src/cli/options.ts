import { resolve } from 'node:path';
import { quoted, UsageError } from '../errors.ts';

/** `--on-bad-line`: what to do with a line that is no event. */
export function onBadLineOption(text: string): 'error' | 'skip' {
  if (text === 'error' || text === 'skip') return text;
  throw new UsageError(`--on-bad-line: expected error or skip, got ${quoted(text)}.`);
}

/** @throws UsageError where the text is no integer from `least` to `most` */
export function integerOption(option: string, text: string, least: number, most: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) {
    throw new UsageError(`${option}: expected an integer from ${least} to ${most}, got ${quoted(text)}.`);
  }
  return value;
}

/** @throws UsageError where the text is no decimal number within the bounds; `expectation` says them in words */
export function numberOption(
  option: string,
  text: string,
  isWithin: (value: number) => boolean,
  expectation: string,
): number {
  const value = /^-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (!(Number.isFinite(value) && isWithin(value))) {
    throw new UsageError(`${option}: expected ${expectation}, got ${quoted(text)}.`);
  }
  return value;
}

/** Output files of one command must differ from each other and from its inputs. */
export function requireDifferentFiles(
  inputs: string[],
  outputs: [option: string, path: string | undefined][],
): void {
  const taken = new Map(inputs.map((path) => [resolve(path), 'the input']));
  for (const [option, path] of outputs) {
    if (path === undefined || path === '-') continue;
    const other = taken.get(resolve(path));
    if (other)
      throw new UsageError(`${option}: expected another file than ${other}, got ${quoted(path)} for both.`);
    taken.set(resolve(path), option);
  }
}

/** `--max-fpr` or `--max-alerts-per-day`: how a threshold is chosen. */
export function thresholdOptions(flags: {
  maxFpr?: string | undefined;
  maxAlertsPerDay?: string | undefined;
}): { maxFalsePositiveRate: number | undefined; maxAlertsPerDay: number | undefined } {
  const { maxFpr, maxAlertsPerDay } = flags;
  if (maxFpr !== undefined && maxAlertsPerDay !== undefined) {
    throw new UsageError('--max-alerts-per-day: expected it or --max-fpr, got both.');
  }
  return {
    maxFalsePositiveRate:
      maxFpr === undefined
        ? undefined
        : numberOption('--max-fpr', maxFpr, (share) => share > 0 && share < 1, 'a share above 0 and below 1'),
    maxAlertsPerDay:
      maxAlertsPerDay === undefined
        ? undefined
        : numberOption('--max-alerts-per-day', maxAlertsPerDay, (alerts) => alerts > 0, 'a number above 0'),
  };
}

/** More would wait for each other only; each takes memory of its own. */
const MAX_THREADS = 256;

/** How many threads train. @returns undefined where it is not said: one for each core */
export function threadsOption(option: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : integerOption(option, text, 1, MAX_THREADS);
}

/** `30d` or `30` → days */
export function halfLifeOption(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const isDays = (days: number) => days >= 0.1 && days <= 36_500;
  return numberOption(option, text.replace(/d$/i, ''), isDays, 'days from 0.1 to 36500, such as 30d');
}
