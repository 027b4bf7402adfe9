import { z } from 'zod';
import { counted, InputError, quoted } from '../../errors.ts';

/** Which list of ranges a world was built on; places in the truth mean nothing with another one. */
export interface RangesIdentity {
  name: string;
  /** hex SHA-256 of the list as it was read */
  sha256: string;
  /** number of ranges */
  count: number;
}

/** What the tutorial's world knows about one account; docs/worlds.md says how it is used. */
export interface TutorialAccount {
  entity: string;
  /** place of the home range in the list, from 0 */
  home: number;
  /** place of the work range in the list, from 0 */
  work: number;
  /** probability that a login comes from a range drawn from the whole list */
  travel: number;
  /** probability of home rather than work where it does not */
  homeShare: number;
  /** number of logins in the log */
  events: number;
}

export interface TutorialTruth {
  world: 'tutorial';
  seed: number;
  /** seconds since 1970-01-01 UTC */
  startSeconds: number;
  /** seconds since 1970-01-01 UTC */
  endSeconds: number;
  ranges: RangesIdentity;
  accounts: TutorialAccount[];
}

/** What a simulated world knows; it makes the best possible detector (src/evaluate/oracle.ts). */
export type Truth = TutorialTruth;

const KIND = 'ip-insights-truth';
const VERSION = 1;

const instant = z.iso.datetime();
const place = z.int().min(0);
const probability = z.number().min(0).max(1);

const headerSchema = z.object({
  kind: z.literal(KIND),
  version: z.literal(VERSION),
  world: z.literal('tutorial'),
  seed: z.int().min(0),
  users: z.int().min(0),
  start: instant,
  end: instant,
  ranges: z.object({ name: z.string(), sha256: z.string(), count: z.int().min(1) }),
});

const tutorialAccountSchema = z.object({
  entity: z.string().min(1),
  home: place,
  work: place,
  travel: probability,
  homeShare: probability,
  events: z.int().min(0),
});

/** The lines of a truth file: a header, then one JSON object an account, each with its line end. */
export function* truthLines(truth: Truth): Generator<string> {
  const { world, seed, startSeconds, endSeconds, ranges, accounts } = truth;
  const start = new Date(startSeconds * 1000).toISOString();
  const end = new Date(endSeconds * 1000).toISOString();
  const header = { kind: KIND, version: VERSION, world, seed, users: accounts.length, start, end, ranges };
  yield `${JSON.stringify(header)}\n`;
  for (const account of accounts) yield `${JSON.stringify(account)}\n`;
}

/**
 * Reads the lines of a truth file.
 * @param name how messages call it
 * @throws InputError with name and line where it is damaged, or written by another version
 */
export function parseTruth(bytes: Uint8Array, name: string): Truth {
  const lines = new TextDecoder().decode(bytes).split('\n');
  if (lines.at(-1) === '') lines.pop();
  else if (lines.length > 0)
    throw new InputError(`${name}:${lines.length}: the line has no end (truncated file). ${AGAIN}`);
  if (lines.length === 0)
    throw new InputError(`${name}: expected the truth of a simulated log, got an empty file. ${AGAIN}`);
  const found = readJson(lines[0], name, 1);
  const { kind, version } = (found ?? {}) as { kind?: unknown; version?: unknown };
  if (kind !== KIND) {
    throw new InputError(
      `${name}:1: expected the header of a truth file ("kind":"${KIND}"), got ${quoted(lines[0])}. Name the file that simulate wrote beside its log.`,
    );
  }
  if (version !== VERSION) {
    throw new InputError(
      `${name}:1: written as v${String(version)}, this build reads v${VERSION}. Upgrade, or simulate again.`,
    );
  }
  const header = checked(headerSchema, found, name, 1);
  if (lines.length - 1 !== header.users) {
    throw new InputError(
      `${name}: expected ${counted(header.users, 'account')} as its header says, got ${lines.length - 1}. ${AGAIN}`,
    );
  }
  const accounts: TutorialAccount[] = [];
  const entities = new Set<string>();
  for (let line = 2; line <= lines.length; line++) {
    const account = checked(tutorialAccountSchema, readJson(lines[line - 1], name, line), name, line);
    const furthest = Math.max(account.home, account.work);
    if (furthest >= header.ranges.count) {
      throw new InputError(
        `${name}:${line}: expected places below ${header.ranges.count}, the number of ranges, got ${furthest}. ${AGAIN}`,
      );
    }
    if (entities.has(account.entity)) {
      throw new InputError(
        `${name}:${line}: expected each account once, got ${quoted(account.entity)} again. ${AGAIN}`,
      );
    }
    entities.add(account.entity);
    accounts.push(account);
  }
  return {
    world: header.world,
    seed: header.seed,
    startSeconds: Date.parse(header.start) / 1000,
    endSeconds: Date.parse(header.end) / 1000,
    ranges: header.ranges,
    accounts,
  };
}

const AGAIN = 'Simulate again with the same seed.';

function readJson(line: string, name: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new InputError(`${name}:${number}: expected a JSON object, got ${quoted(line)}. ${AGAIN}`);
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown, name: string, line: number): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0];
  const field = path.length > 0 ? `${path.join('.')}: ` : '';
  throw new InputError(`${name}:${line}: ${field}${message}. ${AGAIN}`);
}
