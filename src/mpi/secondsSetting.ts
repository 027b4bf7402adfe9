import { InputError, quoted } from '../errors.ts';

/** Whole seconds in a variable of the environment. @param preset where it says nothing. @throws InputError */
export function secondsSetting(
  environment: Readonly<Record<string, string | undefined>>,
  name: string,
  preset: number,
): number {
  const text = environment[name] ?? '';
  if (text === '') return preset;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 2) return value;
  throw new InputError(`${name}: expected whole seconds from 2 to 999999, got ${quoted(text)}.`);
}
