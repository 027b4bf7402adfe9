import { statSync } from 'node:fs';
import { grouped, quoted, UsageError } from '../errors.ts';
import { MOST_SHARDS, outputName, type Shard } from '../files/shard.ts';
import { scheduledTask } from './schedulers.ts';

/** What `--shard` says, with what follows for the names of outputs. */
export interface ShardChoice {
  /** undefined: all of the input */
  shard: Shard | undefined;
  /** whether the scheduler says which shard it is, so that all tasks have the same command line */
  isScheduled: boolean;
}

/** For the help of commands that take it. */
export const SHARD_HELP =
  'one of N tasks that share the input, such as 3/10; auto and auto/N: as Slurm, Kubernetes or AWS Batch says (docs/batch.md)';

/**
 * `--shard I/N`, `--shard auto` or `--shard auto/N`.
 * @throws UsageError where it is none of them, or no scheduler says which shard it is
 */
export function shardOption(
  text: string | undefined,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ShardChoice {
  if (text === undefined) return { shard: undefined, isScheduled: false };
  const choice = chosen(text, environment);
  requireOwnTask(text, choice.shard!, environment);
  return choice;
}

function chosen(text: string, environment: Readonly<Record<string, string | undefined>>): ShardChoice {
  const [, numberText, countText] = /^(auto|\d{1,9})(?:\/(\d{1,9}))?$/.exec(text) ?? [];
  if (numberText === undefined || (numberText !== 'auto' && countText === undefined)) {
    throw new UsageError(`--shard: expected I/N such as 3/10, auto or auto/N, got ${quoted(text)}.`);
  }
  const given = countText === undefined ? undefined : Number(countText);
  if (given !== undefined && !(given >= 1 && given <= MOST_SHARDS)) {
    throw new UsageError(
      `--shard: expected from 1 to ${grouped(MOST_SHARDS)} shards, got ${countText} in ${quoted(text)}.`,
    );
  }
  if (numberText === 'auto') return { shard: scheduledShard(text, given, environment), isScheduled: true };
  const number = Number(numberText);
  if (!(number >= 1 && number <= given!)) {
    throw new UsageError(
      `--shard: expected a shard from 1 to ${given}, got ${number} in ${quoted(text)}. The first one is 1/${given}.`,
    );
  }
  return { shard: { number, count: given! }, isScheduled: false };
}

/** mpirun starts the same command several times: all of them would do the same share. */
function requireOwnTask(
  text: string,
  { number, count }: Shard,
  environment: Readonly<Record<string, string | undefined>>,
): void {
  const { OMPI_COMM_WORLD_RANK: rank, OMPI_COMM_WORLD_SIZE: size, IP_INSIGHTS_MPI } = environment;
  if (size === undefined || Number(size) < 2 || IP_INSIGHTS_MPI === 'off') return;
  if (number === Number(rank) + 1 && count === Number(size)) return;
  throw new UsageError(
    `--shard ${text}: expected ${Number(rank) + 1}/${size}, as mpirun started this as rank ${rank} of ${size}, got shard ${number} of ${count}. Start each task without mpirun, or set IP_INSIGHTS_MPI=off.`,
  );
}

function scheduledShard(
  text: string,
  given: number | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Shard {
  const { index, count: told, variable } = scheduledTask(environment);
  const count = given ?? told;
  if (count === undefined) {
    throw new UsageError(
      `--shard auto: expected the number of shards too, as ${variable} is only an index. Write --shard auto/N, with as many as there are tasks.`,
    );
  }
  // A task that is started again alone has another number of tasks, and would take another share.
  if (told !== undefined && told !== count) {
    throw new UsageError(
      `--shard ${text}: expected ${count} tasks, got ${told} of the scheduler (${variable}). Start as many, or say which shard it is, such as --shard 3/${count}.`,
    );
  }
  if (index < count && count <= MOST_SHARDS) return { number: index + 1, count };
  throw new UsageError(
    `--shard ${text}: expected ${variable} below ${count}, got ${index}. Write --shard auto/N, with as many as there are tasks.`,
  );
}

/**
 * The name of an output file, with the shard in it.
 * @throws UsageError where all tasks of a scheduler would write the same file
 */
export function shardOutput<T extends string | undefined>(
  option: string,
  path: T,
  { shard, isScheduled }: ShardChoice,
): T {
  if (path === undefined) return path;
  const name = outputName(option, path, shard);
  if (isScheduled && name === path && path !== '-' && !isStream(path)) {
    throw new UsageError(
      `${option}: expected {shard} in the name with --shard auto, got ${quoted(path)}, which all tasks would write. Name it such as ${withPlace(path)}.`,
    );
  }
  return name as T;
}

/** Whether it is a device or a pipe, into which tasks may write one after the other. */
function isStream(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && !found.isFile() && !found.isDirectory();
}

/** `out/scores.jsonl` → `out/scores-{shard}.jsonl` */
const withPlace = (path: string) => path.replace(/^(.*\/)?([^/]+?)((?:\.[^./]+)*)$/, '$1$2-{shard}$3');
