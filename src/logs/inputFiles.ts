import { existsSync, realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { InputError, UsageError } from '../errors.ts';
import { readFailure } from '../files/input.ts';
import { queryRows, quoteText } from './database.ts';

/**
 * The files that the user names, with the globs that the shell did not expand (`*`, `?`, `[…]`, `**`), the files
 * of each glob by name.
 * @throws InputError for what is not there or is a folder, UsageError where an input is named twice
 */
export async function findInputFiles(
  connection: DuckDBConnection,
  names: readonly string[],
): Promise<string[]> {
  const files: string[] = [];
  for (const name of names) {
    if (name === '-' || existsSync(name) || !/[*?[]/.test(name)) {
      files.push(name);
      continue;
    }
    const rows = await queryRows(connection, `SELECT file FROM glob(${quoteText(name)}) ORDER BY file`);
    if (rows.length === 0) {
      throw new InputError(
        `${name}: no file has such a name. Check the pattern, or the folder that the command runs in.`,
      );
    }
    files.push(...rows.map((row) => String(row.file)));
  }
  for (const file of files) {
    if (file === '-') continue;
    try {
      if (statSync(file).isDirectory()) {
        throw new InputError(
          `${file}: is a folder, expected a file. Name the files in it, e.g. "${file}/*.log".`,
        );
      }
    } catch (error) {
      throw readFailure(file, error);
    }
  }
  const places = files.map(placeOf);
  const twice = places.findIndex((place, i) => places.indexOf(place) < i);
  if (twice >= 0) {
    throw new UsageError(
      `${files[twice]}: is named twice, its events would count twice. Name each input once.`,
    );
  }
  return files;
}

/**
 * @throws UsageError where an output is an input or another output
 */
export function checkOutputs(
  inputs: readonly string[],
  outputs: readonly [option: string, path: string][],
): void {
  const taken = new Map(inputs.map((path) => [placeOf(path), 'it is an input']));
  for (const [option, path] of outputs) {
    const reason = taken.get(placeOf(path));
    if (reason) throw new UsageError(`${option} ${path}: ${reason} as well. Choose another name.`);
    taken.set(placeOf(path), `${option === '--json' ? 'another option' : option} writes it`);
  }
}

/** One text for one file, by whatever name it goes. */
function placeOf(path: string): string {
  try {
    return path === '-' ? path : realpathSync(path);
  } catch {
    return resolve(path);
  }
}
