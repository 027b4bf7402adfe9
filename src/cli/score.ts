import { gzipSync } from 'node:zlib';
import { Command } from 'commander';
import { grouped, UsageError } from '../errors.ts';
import { hashEntityBytes } from '../events/entityHash.ts';
import { EventReader, formatReadSummary } from '../events/readEvents.ts';
import { AtomicFile } from '../files/atomicFile.ts';
import { inputName } from '../files/input.ts';
import { describeShard, type Shard, sharedFileSize } from '../files/shard.ts';
import type { Model, Verdict } from '../model/model.ts';
import { loadModel } from '../model/savedModel.ts';
import { filesOfModel } from '../model/shards/shardedFiles.ts';
import { runRanks } from '../mpi/runRanks.ts';
import { numberOption, onBadLineOption, requireDifferentFiles } from './options.ts';
import { startProgress, tellOfPlainKernels } from './progress.ts';
import { ScoreLines } from './scoreLines.ts';
import { scoreOverRanks } from './scoreOverRanks.ts';
import { SHARD_HELP, shardOption, shardOutput } from './shardOption.ts';
import { eventsOf } from './sharedEvents.ts';

interface ScoreFlags {
  out?: string;
  threshold?: string;
  onlyFlagged?: boolean;
  reasons: boolean;
  onBadLine: string;
  shard?: string;
}

/** `ip-insights score`: events → one JSON object a line, in input order. */
export function scoreCommand(): Command {
  return new Command('score')
    .description('Score events (CSV entity,address[,time]): one JSON object a line, in input order.')
    .argument('<model>', 'a model that `train` wrote')
    .argument('<events>', 'CSV file, gzip recognised, - for standard input')
    .option(
      '--out <file>',
      'where the lines go, gzip where the name ends in .gz; {shard} becomes 00003-of-00010 (default: standard output)',
    )
    .option(
      '--threshold <anomaly>',
      'verdict "suspicious" at this anomaly and above (default: the model\'s own; `evaluate` proposes others)',
    )
    .option('--only-flagged', 'write suspicious events only')
    .option('--no-reasons', 'leave reasons empty, which takes half the time')
    .option('--on-bad-line <what>', 'error: stop at a line that is no event; skip: count it', 'error')
    .option('--shard <which>', SHARD_HELP)
    .action(async (modelPath: string, events: string, flags: ScoreFlags) => {
      const threshold =
        flags.threshold === undefined
          ? undefined
          : numberOption('--threshold', flags.threshold, () => true, 'a number');
      const onBadLine = onBadLineOption(flags.onBadLine);
      const choice = shardOption(flags.shard);
      const out = shardOutput('--out', flags.out, choice);
      requireDifferentFiles([...filesOfModel(modelPath), events], [['--out', out]]);
      if (choice.shard) sharedFileSize(events);
      const onlyFlagged = flags.onlyFlagged === true;
      const settings = { events, out, threshold, onlyFlagged, withReasons: flags.reasons, onBadLine };
      const scoreAlone = () => {
        tellOfPlainKernels();
        return scoreFile({ model: loadModel(modelPath), shard: choice.shard, ...settings });
      };
      // Tasks that share an input need not know of each other, whatever has started them.
      if (choice.shard) await scoreAlone();
      else {
        await runRanks('score', (ranks) =>
          ranks.size === 1 ? scoreAlone() : scoreOverRanks(ranks, modelPath, settings),
        );
      }
    });
}

/** What is scored, and how. */
export interface ScoreSettings {
  events: string;
  /** undefined: standard output */
  out?: string | undefined;
  threshold?: number | undefined;
  onlyFlagged: boolean;
  withReasons: boolean;
  onBadLine: 'error' | 'skip';
}

interface ScoreFileOptions extends ScoreSettings {
  model: Model;
  /** undefined: all events */
  shard: Shard | undefined;
}

/** Scores a file as a stream, in constant memory. */
async function scoreFile(options: ScoreFileOptions): Promise<void> {
  const { model, events, shard, onlyFlagged, withReasons, onBadLine } = options;
  const threshold = requireThreshold(model, options);
  const name = inputName(events);
  const file = options.out === undefined || options.out === '-' ? undefined : new AtomicFile(options.out);
  const lines = new ScoreLines();
  const hash = new Uint32Array(2);
  const counts = { ok: 0, suspicious: 0, unknown: 0 };
  const { stretch, chunks, sizeBytes } = await eventsOf(events, shard).catch((error) => {
    file?.abandon();
    throw error;
  });
  const reader = new EventReader({ name, onBadLine, stretch }, (record) => {
    hashEntityBytes(record.bytes, record.entityStart, record.entityEnd, hash);
    const figures = model.assess(hash[0], hash[1], record.words, 0, options.threshold);
    counts[figures.verdict]++;
    if (onlyFlagged && figures.verdict !== 'suspicious') return;
    lines.add(record, figures, withReasons ? model.reasons() : []);
  });
  const progress = startProgress({
    label: `scoring ${name}`,
    total: sizeBytes / 1e6,
    unit: 'MB',
  });
  let read = 0;
  try {
    for await (const chunk of chunks((bytes) => {
      read += bytes;
    })) {
      reader.push(chunk);
      await write(lines.take(), file);
      progress.update(read / 1e6);
      if (reader.isOver) break;
    }
    const summary = reader.finish();
    await write(lines.take(), file);
    // No bytes at all are no gzip.
    if (file?.sizeBytes === 0 && isGzipName(file.path)) file.write(gzipSync(''));
    file?.commit();
    progress.stop();
    const whose = shard === undefined ? '' : `${describeShard(shard)}: `;
    process.stderr.write(
      `${whose}${name}: ${formatReadSummary(summary)}; ${verdictsText(counts, threshold)}\n`,
    );
  } finally {
    progress.stop();
    file?.abandon();
  }
}

/** @returns from where on an event is suspicious. @throws UsageError where nothing says so, and only those are wanted */
export function requireThreshold(
  { card }: Model,
  { threshold = card.threshold?.anomaly, onlyFlagged }: Pick<ScoreSettings, 'threshold' | 'onlyFlagged'>,
): number | undefined {
  if (!onlyFlagged || threshold !== undefined) return threshold;
  throw new UsageError(
    '--only-flagged: nothing says from where on an event is suspicious, as the model has no threshold of its own. Add --threshold.',
  );
}

export function verdictsText(counts: Record<Verdict, number>, threshold: number | undefined): string {
  if (threshold === undefined) {
    return 'no verdicts: the model has no threshold of its own; --threshold says from where on an event is suspicious';
  }
  return `${grouped(counts.suspicious)} suspicious, ${grouped(counts.ok)} ok, ${grouped(counts.unknown)} unknown`;
}

export const isGzipName = (path: string) => path.endsWith('.gz');

async function write(bytes: Uint8Array, file: AtomicFile | undefined): Promise<void> {
  // Members of gzip may follow each other (RFC 1952, 2.2).
  const isCompressed = file !== undefined && isGzipName(file.path) && bytes.length > 0;
  await writeAsIs(isCompressed ? gzipSync(bytes) : bytes, file);
}

/** Into a file or to standard output. */
export async function writeAsIs(bytes: Uint8Array, file: AtomicFile | undefined): Promise<void> {
  if (bytes.length === 0) return;
  if (file) {
    file.write(bytes);
    return;
  }
  // The buffer is used again: wait until the reader of the pipe has it.
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
