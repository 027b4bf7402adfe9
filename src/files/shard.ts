import { closeSync, openSync, type Stats, statSync } from 'node:fs';
import { counted, InputError, UsageError } from '../errors.ts';
import { readFailure, readInto } from './input.ts';

/** One of `count` tasks that share an input; their outputs one after the other are the output of a single task. */
export interface Shard {
  /** from 1 to `count` */
  number: number;
  count: number;
}

/** Six digits: more than any scheduler starts for one job. */
export const MOST_SHARDS = 999_999;

/** Names sort as the shards do: `00003-of-00010`. */
export function shardName({ number, count }: Shard): string {
  const digits = Math.max(5, String(count).length);
  return [number, count].map((n) => String(n).padStart(digits, '0')).join('-of-');
}

/** For messages: `shard 3 of 10`. */
export const describeShard = ({ number, count }: Shard) => `shard ${number} of ${count}`;

/** What of a file is for one shard. */
export interface FileShare {
  /** bytes [from, to) are its own; records that begin there, wherever they end */
  from: number;
  to: number;
  /** all of the file, which has no places to be cut at: `from` and `to` say nothing */
  isWhole: boolean;
}

/**
 * Cuts files, one after the other, into shares of about equal bytes.
 * @param isUncut whether a file goes to one shard whole, as its bytes are no text: to the one that its middle lies in; asked only
 *                of files that may be this shard's
 * @returns for each file what is this shard's, undefined where nothing is; an empty file is one shard's alone
 */
export function cutFiles(
  files: readonly { path: string; sizeBytes: number }[],
  { number, count }: Shard,
  isUncut: (path: string) => boolean,
): (FileShare | undefined)[] {
  const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  // The same number for the end of a shard and the start of the next, exactly: it depends on the border alone.
  const border = (i: number) => Math.floor(total * (i / count));
  const [first, end] = [border(number - 1), border(number)];
  const isOwn = (place: number) => (first <= place && place < end) || (place >= total && number === count);
  let before = 0;
  return files.map(({ path, sizeBytes }) => {
    const start = before;
    before += sizeBytes;
    const within = (place: number) => Math.max(0, Math.min(sizeBytes, place - start));
    const [from, to] = [within(first), within(end)];
    if (from === to && !(sizeBytes === 0 && isOwn(start))) return undefined;
    if (!isUncut(path)) return { from, to, isWhole: false };
    return isOwn(start + Math.floor(sizeBytes / 2)) ? { from: 0, to: sizeBytes, isWhole: true } : undefined;
  });
}

/** Who shares a file, and by what: for messages. */
export interface Sharing {
  by: string;
  who: string;
}

const TASKS: Sharing = { by: '--shard', who: 'task' };

/**
 * The size of a file of which several processes read a part each, in bytes.
 * @throws UsageError for standard input, InputError for a pipe or device, which only one process can read
 */
export function sharedFileSize(path: string, { by, who }: Sharing = TASKS): number {
  const advice = `of which each ${who} has another one. Write it to a file that all ${who}s can read.`;
  if (path === '-') throw new UsageError(`${by}: expected files, got standard input, ${advice}`);
  // Opening a pipe would wait for its writer.
  const stat = statOf(path);
  if (stat.isFile() || stat.isDirectory()) return stat.size;
  throw new InputError(`${path}: expected a file for ${by}, got a pipe or device, ${advice}`);
}

function statOf(path: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    throw readFailure(path, error);
  }
}

/** Whether a file is compressed with gzip, by its first bytes: it can only be read from its start. */
export function isGzip(path: string): boolean {
  return withFile(path, (file) => {
    const head = new Uint8Array(2);
    return readInto(file, 0, head) === 2 && head[0] === 0x1f && head[1] === 0x8b;
  });
}

function withFile<T>(path: string, work: (file: number) => T): T {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw readFailure(path, error);
  }
  try {
    return work(file);
  } catch (error) {
    throw readFailure(path, error);
  } finally {
    closeSync(file);
  }
}

/** What stands for the shard in the name of an output. */
const PLACE = '{shard}';

/**
 * The name of an output: `{shard}` in it becomes `00003-of-00010`.
 * @param option for the message
 * @throws UsageError where a name has a place for a shard and there is none
 */
export function outputName(option: string, path: string, shard: Shard | undefined): string {
  if (!path.includes(PLACE)) return path;
  if (shard) return path.replaceAll(PLACE, shardName(shard));
  throw new UsageError(
    `${option}: expected --shard with ${PLACE} in ${path}, got none. Add --shard, or choose another name.`,
  );
}

/**
 * Inputs may come from a pattern, which must not find what other tasks have written.
 * @throws UsageError where an input has a name that the output of some shard has
 */
export function refuseOutputsAmong(
  inputs: readonly string[],
  option: string,
  path: string,
  { count }: Shard,
): void {
  if (!path.includes(PLACE)) return;
  const names = path.split(PLACE).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const digits = Math.max(5, String(count).length);
  const isOutput = new RegExp(`^${names.join(`\\d{${digits}}-of-\\d{${digits}}`)}$`);
  const found = inputs.find((input) => isOutput.test(input));
  if (found === undefined) return;
  throw new UsageError(
    `${option}: expected names that no input has, but ${found} is among ${counted(inputs.length, 'input')}. Choose another name or folder.`,
  );
}
