import { z } from 'zod';
import { counted, InputError, quoted } from '../../errors.ts';
import {
  type PlaceTruth,
  type ProvidersAccount,
  TRUTH_KIND,
  TRUTH_VERSION,
  type Truth,
  type TutorialAccount,
} from './truth.ts';

const wholeNumber = z.int().min(0);
const probability = z.number().min(0).max(1);
const rangesIdentity = z.object({
  name: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  count: z.int().min(1),
});

const commonHeader = z.object({
  seed: wholeNumber,
  users: wholeNumber,
  start: z.iso.datetime(),
  end: z.iso.datetime(),
  ranges: rangesIdentity,
});

const headerSchema = z.discriminatedUnion('world', [
  commonHeader.extend({ world: z.literal('tutorial') }),
  commonHeader.extend({ world: z.literal('providers'), ranges6: rangesIdentity, places: wholeNumber }),
]);

const tutorialAccountSchema: z.ZodType<TutorialAccount> = z.object({
  entity: z.string().min(1),
  home: wholeNumber,
  work: wholeNumber,
  travel: probability,
  homeShare: probability,
  events: wholeNumber,
});

const placeSchema: z.ZodType<PlaceTruth> = z.object({
  kind: z.literal(['pool', 'office', 'gateway', 'vpn']),
  asn: wholeNumber,
  leaseSeconds: z.number().positive(),
  ipv4: z.array(z.string()).min(1),
  ipv6: z.string().optional(),
  delegatedBits: wholeNumber.max(128).optional(),
});

const providersAccountSchema: z.ZodType<ProvidersAccount> = z.object({
  entity: z.string().min(1),
  home: wholeNumber,
  office: wholeNumber.nullable(),
  carrier: wholeNumber.nullable(),
  vpn: wholeNumber.nullable(),
  ipv6: z.boolean(),
  shares: z.array(probability).length(5),
  events: wholeNumber,
});

const AGAIN = 'Simulate again with the same seed.';

/**
 * Reads a truth file.
 * @param bytes UTF-8
 * @param name  how messages call it
 * @throws InputError with name and line where it is damaged, or written by another version
 */
export function readTruth(bytes: Uint8Array, name: string): Truth {
  const lines = new TextDecoder().decode(bytes).split('\n');
  if (bytes.length === 0) {
    throw new InputError(`${name}: expected the truth of a simulated log, got an empty file. ${AGAIN}`);
  }
  const header = readHeader(lines[0], name);
  if (lines.pop() !== '') {
    throw new InputError(`${name}:${lines.length + 1}: the line has no end (truncated file). ${AGAIN}`);
  }
  const { seed, ranges, world } = header;
  const startSeconds = Date.parse(header.start) / 1000;
  const endSeconds = Date.parse(header.end) / 1000;
  const common = { seed, startSeconds, endSeconds, ranges };
  const places = world === 'providers' ? header.places : 0;
  if (lines.length - 1 !== places + header.users) {
    const expected = counted(places + header.users, 'line');
    throw new InputError(
      `${name}: expected ${expected} after its header, as that says, got ${lines.length - 1}. ${AGAIN}`,
    );
  }
  const rows = <T>(
    schema: z.ZodType<T>,
    first: number,
    count: number,
    check: (row: T, line: number) => void,
  ) =>
    lines.slice(first - 1, first - 1 + count).map((text, i) => {
      const row = checked(schema, readJson(text, name, first + i), name, first + i);
      check(row, first + i);
      return row;
    });
  const entities = new Set<string>();
  const checkAccount = (entity: string, used: (number | null)[], limit: number, line: number) => {
    for (const place of used) {
      if (place !== null && place >= limit) {
        throw new InputError(`${name}:${line}: expected places below ${limit}, got ${place}. ${AGAIN}`);
      }
    }
    if (entities.has(entity)) {
      throw new InputError(
        `${name}:${line}: expected each account once, got ${quoted(entity)} again. ${AGAIN}`,
      );
    }
    entities.add(entity);
  };
  if (world === 'tutorial') {
    const accounts = rows(tutorialAccountSchema, 2, header.users, (account, line) =>
      checkAccount(account.entity, [account.home, account.work], ranges.count, line),
    );
    return { world, ...common, accounts };
  }
  return {
    world,
    ...common,
    ranges6: header.ranges6,
    places: rows(placeSchema, 2, places, () => {}),
    accounts: rows(providersAccountSchema, 2 + places, header.users, (account, line) => {
      const { entity, home, office, carrier, vpn } = account;
      checkAccount(entity, [home, office, carrier, vpn], places, line);
    }),
  };
}

function readHeader(line: string, name: string): z.infer<typeof headerSchema> {
  let header: unknown;
  try {
    header = JSON.parse(line);
  } catch {
    header = undefined;
  }
  const { kind, version } = (header ?? {}) as { kind?: unknown; version?: unknown };
  if (kind !== TRUTH_KIND) {
    throw new InputError(
      `${name}:1: expected the header of a truth file ("kind":"${TRUTH_KIND}"), got ${quoted(line)}. Name the file that simulate wrote beside its log.`,
    );
  }
  if (version !== TRUTH_VERSION) {
    throw new InputError(
      `${name}:1: written as v${String(version)}, this build reads v${TRUTH_VERSION}. Upgrade, or simulate again.`,
    );
  }
  return checked(headerSchema, header, name, 1);
}

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
