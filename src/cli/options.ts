import { quoted, UsageError } from '../errors.ts';

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
  const value = /^(\d+\.?\d*|\.\d+)(e-?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (!(Number.isFinite(value) && isWithin(value))) {
    throw new UsageError(`${option}: expected ${expectation}, got ${quoted(text)}.`);
  }
  return value;
}
