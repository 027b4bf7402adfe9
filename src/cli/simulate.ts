import { createGzip } from 'node:zlib';
import { Command } from 'commander';
import { counted, grouped, quoted, UsageError } from '../errors.ts';
import { ProvidersWorld } from '../events/simulate/providers.ts';
import { simulateLog } from '../events/simulate/simulateLog.ts';
import { truthLines } from '../events/simulate/truth.ts';
import { TutorialWorld } from '../events/simulate/tutorial.ts';
import type { World, WorldOptions } from '../events/simulate/world.ts';
import { AtomicFile } from '../files/atomicFile.ts';
import { integerOption } from './options.ts';
import { requireFileName } from './outputFiles.ts';
import { startProgress } from './progress.ts';
import { type RangeList, readRangeList } from './rangeLists.ts';

interface SimulateFlags {
  users: string;
  seed: string;
  days: string;
  end: string;
  world: string;
  out: string;
  truth?: string;
  ranges?: string;
  ranges6?: string;
}

/** `ip-insights simulate`: the log of a population that is known in full, and beside it what is known. */
export function simulateCommand(): Command {
  return new Command('simulate')
    .description(
      'Write the access log of a simulated population, and beside it the truth that the oracle judges by.',
    )
    .requiredOption(
      '--out <file>',
      'the log to write; gzip where the name ends in .gz; - for standard output',
    )
    .option('--users <n>', 'number of accounts', '10000')
    .option('--seed <n>', 'the same seed gives the same log', '1')
    .option(
      '--world <name>',
      'tutorial, or providers: scattered ranges, leases, shared addresses, IPv6',
      'tutorial',
    )
    .option('--days <n>', 'number of days', '10')
    .option('--end <date>', 'the days end at the beginning of this one (UTC)', '2018-11-14')
    .option('--truth <file>', 'where the truth goes (default: <out>.truth.jsonl, none for standard output)')
    .option(
      '--ranges <file>',
      'announced IPv4 ranges, CSV first,last,asn[,name] (default: that of @ip-location-db/asn)',
    )
    .option(
      '--ranges6 <file>',
      'announced IPv6 ranges for --world providers (default: that of @ip-location-db/asn)',
    )
    .action(simulate);
}

/** For outputs that are no files. */
const ADVICE = 'Write to standard output with --out - and redirect that.';

async function simulate(flags: SimulateFlags): Promise<void> {
  const options: WorldOptions = {
    users: integerOption('--users', flags.users, 1, MOST_USERS),
    seed: integerOption('--seed', flags.seed, 0, Number.MAX_SAFE_INTEGER),
    days: integerOption('--days', flags.days, 1, 3650),
    endSeconds: dateOption('--end', flags.end),
  };
  const truthPath = flags.truth ?? (flags.out === '-' ? undefined : `${flags.out}.truth.jsonl`);
  if (truthPath === flags.out) {
    throw new UsageError(`--truth: expected another file than --out, got ${quoted(truthPath)} for both.`);
  }
  if (flags.out !== '-') requireFileName(flags.out, ADVICE);
  if (truthPath !== undefined) requireFileName(truthPath, ADVICE);
  const world = createWorld(flags, options);
  // Written before the log, so that a name that cannot be written fails at once; both appear when both are complete.
  const truthFile = truthPath === undefined ? undefined : new AtomicFile(truthPath);
  try {
    truthFile?.write(new TextEncoder().encode([...truthLines(world.truth())].join('')));
    await writeLog(world, flags.out);
    truthFile?.commit();
  } finally {
    truthFile?.abandon();
  }
  const place = flags.out === '-' ? 'standard output' : flags.out;
  const beside = truthPath === undefined ? '' : `, the truth in ${truthPath}`;
  process.stderr.write(
    `${place}: ${counted(world.eventCount, 'login')} of ${counted(options.users, 'account')}${beside}\n`,
  );
}

/** Time and memory for the log of this many accounts (70 GB) are the limit, not the code. */
const MOST_USERS = 1_000_000;

function createWorld(flags: SimulateFlags, options: WorldOptions): World {
  if (flags.world !== 'tutorial' && flags.world !== 'providers') {
    throw new UsageError(`--world: expected tutorial or providers, got ${quoted(flags.world)}.`);
  }
  if (flags.world === 'tutorial' && flags.ranges6 !== undefined) {
    throw new UsageError('--ranges6: expected --world providers with it, the world tutorial has IPv4 only.');
  }
  const ipv4 = readList(flags.ranges, 'ipv4', '--ranges');
  if (flags.world === 'tutorial') return new TutorialWorld(options, ipv4.ranges, ipv4.identity);
  const ipv6 = readList(flags.ranges6, 'ipv6', '--ranges6');
  const ranges = { ipv4: ipv4.ranges, ipv6: ipv6.ranges };
  return new ProvidersWorld(options, ranges, [ipv4.identity, ipv6.identity]);
}

function readList(path: string | undefined, family: 'ipv4' | 'ipv6', option: string): RangeList {
  const list = readRangeList(path, family, option);
  const { trimmed, count } = list.ranges;
  if (trimmed > 0) {
    process.stderr.write(
      `${list.identity.name}: ${counted(count, 'range')}, ${grouped(trimmed)} reached into the next one and now ends before it\n`,
    );
  }
  return list;
}

async function writeLog(world: World, out: string): Promise<void> {
  const progress = startProgress({ label: 'simulating', total: world.eventCount, unit: 'lines' });
  const file = out === '-' ? undefined : new AtomicFile(out);
  try {
    const write = (write: LogSink) => simulateLog(world, write, (lines) => progress.update(lines));
    if (!file) await write(writeToStandardOutput);
    else if (out.endsWith('.gz')) await writeGzip(write, file);
    else await write((bytes) => file.write(bytes));
    file?.commit();
  } finally {
    progress.stop();
    file?.abandon();
  }
}

type LogSink = Parameters<typeof simulateLog>[1];

function writeToStandardOutput(bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

async function writeGzip(simulate: (write: LogSink) => Promise<void>, file: AtomicFile): Promise<void> {
  const gzip = createGzip({ chunkSize: 1 << 18 });
  const failed = new Promise<never>((_, reject) => {
    gzip.on('error', reject);
    gzip.on('data', (bytes: Uint8Array) => {
      try {
        file.write(bytes);
      } catch (error) {
        reject(error);
      }
    });
  });
  const finished = new Promise<void>((resolve) => gzip.on('end', resolve));
  await simulate((bytes) =>
    Promise.race([failed, new Promise<void>((resolve) => gzip.write(bytes, () => resolve()))]),
  );
  gzip.end();
  await Promise.race([failed, finished]);
}

/** @returns seconds since 1970 of the beginning of that day, UTC */
function dateOption(option: string, text: string): number {
  const milliseconds = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  // Date.parse takes 2018-02-30 for 2018-03-02.
  if (Number.isNaN(milliseconds) || new Date(milliseconds).toISOString().slice(0, 10) !== text) {
    throw new UsageError(`${option}: expected a date such as 2018-11-14, got ${quoted(text)}.`);
  }
  return milliseconds / 1000;
}
