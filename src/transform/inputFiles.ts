import { readdirSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { InputError, UsageError } from '../errors.ts';
import { readFailure } from '../files/input.ts';
import { cutFiles, type FileShare, isGzip, type Shard, shardName, sharedFileSize } from '../files/shard.ts';
import { filesOfModel } from '../model/shards/shardedFiles.ts';
import { isOneRequest, showsBatches, type TransformOptions } from './options.ts';

/** An input, and where its answers go. */
export interface TransformFile {
  input: string;
  output: string;
  /** what it was when the job began; undefined for a pipe or device, which cannot be read twice */
  identity: InputIdentity | undefined;
  /** what of it is answered; undefined: all */
  share?: FileShare | undefined;
}

/** Two files with the same are taken for one. */
export interface InputIdentity {
  sizeBytes: number;
  /** milliseconds since 1970 */
  modified: number;
}

export interface FoundFiles {
  files: TransformFile[];
  /** names in folders that are no inputs */
  leftOut: number;
}

/**
 * The files that the arguments name: folders with all below them, in the order of their names. With a shard each output
 * is a part: those of a.csv.out, a.csv.00003-of-00010.out and others, sort as they follow each other.
 * @param out folder for the outputs; undefined: beside the inputs
 * @throws UsageError where an output would be an input, the model, or that of two inputs; InputError where there is no such file
 */
export function findFiles(
  model: string,
  paths: string[],
  out: string | undefined,
  compresses: boolean,
  shard?: Shard,
): FoundFiles {
  const found: FoundFiles = { files: [], leftOut: 0 };
  const add = (input: string, stat: Stats, name: string) => {
    const part = shard === undefined ? '' : `.${shardName(shard)}`;
    const output = `${out === undefined ? input : join(out, name)}${part}.out${compresses ? '.gz' : ''}`;
    const identity = stat.isFile() ? { sizeBytes: stat.size, modified: stat.mtimeMs } : undefined;
    found.files.push({ input, output, identity });
  };
  for (const path of paths) {
    const stat = statOf(path);
    if (stat.isDirectory()) walk(path, path, add, found);
    else add(path, stat, basename(path));
  }
  if (found.files.length === 0) {
    throw new InputError(
      `${paths.join(', ')}: expected files, found none. Names that begin with . or _ or end in .out are left out of folders.`,
    );
  }
  refuseClashes(model, found.files);
  return found;
}

/**
 * The files that a shard has a share of.
 * @param sharer what shares them out, in messages
 * @throws UsageError where an answer would be cut, InputError where an input is a pipe or cannot be read
 */
export function ownFiles(
  files: TransformFile[],
  options: TransformOptions,
  shard: Shard,
  sharer = '--shard',
): TransformFile[] {
  const sizes = files.map(({ input }) => ({ path: input, sizeBytes: sharedFileSize(input) }));
  const isUncut = (path: string) => isOneRequest(path, options) || isGzip(path);
  const shares = cutFiles(sizes, shard, isUncut);
  const own = files.map((file, i) => ({ ...file, share: shares[i] })).filter(({ share }) => share);
  if (showsBatches(options) && own.some(({ share }) => !share!.isWhole)) {
    throw new UsageError(
      `${sharer}: expected an answer for each record, got one for each mini-batch, and those end elsewhere in a part of a file. Add --strategy SingleRecord, or --accept application/jsonlines.`,
    );
  }
  return own;
}

function statOf(path: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    throw readFailure(path, error);
  }
}

function walk(
  root: string,
  folder: string,
  add: (input: string, stat: Stats, name: string) => void,
  found: FoundFiles,
): void {
  let entries: ReturnType<typeof namesIn>;
  try {
    entries = namesIn(folder);
  } catch (error) {
    throw readFailure(folder, error);
  }
  for (const { name, isFolder } of entries) {
    const path = join(folder, name);
    if (/^[._]|\.out(\.gz)?$/.test(name)) {
      found.leftOut++;
    } else if (isFolder) {
      walk(root, path, add, found);
    } else {
      const stat = statOf(path);
      // A link to a folder may lead in a circle; a pipe that happens to lie here may never end.
      if (stat.isFile()) add(path, stat, relative(root, path));
      else found.leftOut++;
    }
  }
}

const namesIn = (folder: string) =>
  readdirSync(folder, { withFileTypes: true })
    .map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

function refuseClashes(model: string, files: TransformFile[]): void {
  const inputs = new Set(
    [...filesOfModel(model), ...files.map(({ input }) => input)].map((path) => resolve(path)),
  );
  const outputs = new Map<string, string>();
  for (const { input, output } of files) {
    const place = resolve(output);
    const other = outputs.get(place);
    if (other !== undefined) {
      const who = other === input ? `${input} is given twice` : `${other} and ${input} both have it`;
      throw new UsageError(`${output}: expected one input for it, but ${who}.`);
    }
    if (inputs.has(place)) {
      throw new UsageError(
        `${output}: is the model or an input, and would be the output of ${input}. Choose a folder with --out.`,
      );
    }
    outputs.set(place, input);
  }
}

/** The folder that holds all outputs. */
export function commonFolder(files: TransformFile[]): string {
  let common = dirname(resolve(files[0].output));
  for (const { output } of files) {
    while (!resolve(output).startsWith(common === '/' ? '/' : `${common}/`)) common = dirname(common);
  }
  return common;
}
