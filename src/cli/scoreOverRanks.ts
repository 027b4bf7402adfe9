import { closeSync, openSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { grown } from '../events/events.ts';
import { HashedEvents } from '../events/hashedEvents.ts';
import { EventReader, type EventRecord, formatReadSummary } from '../events/readEvents.ts';
import { AtomicFile, removeLeftParts } from '../files/atomicFile.ts';
import { FileAtRest } from '../files/fingerprint.ts';
import { inputName, readInto } from '../files/input.ts';
import type { Verdict } from '../model/model.ts';
import { askOwners, ByteRows } from '../model/shards/askOwners.ts';
import { loadRankPart, type RankPart } from '../model/shards/rankPart.ts';
import { agree } from '../mpi/agreement.ts';
import { allOrNone } from '../mpi/allOrNone.ts';
import { toldByAll, totals } from '../mpi/ofAllRanks.ts';
import type { Ranks } from '../mpi/ranks.ts';
import { requireSameFiles } from '../mpi/sameFiles.ts';
import { tellOfPlainKernels } from './progress.ts';
import { addedUp } from './readOverRanks.ts';
import { isGzipName, requireThreshold, type ScoreSettings, verdictsText, writeAsIs } from './score.ts';
import { ScoreLines } from './scoreLines.ts';
import { eventsOf } from './sharedEvents.ts';

const VERDICTS: Verdict[] = ['ok', 'suspicious', 'unknown'];

/**
 * Scores a file with a model in shards: each rank reads a part of it, asks the ranks that have the accounts, and writes the
 * lines of its part, which come one after the other into the output. Called by all ranks.
 */
export async function scoreOverRanks(ranks: Ranks, path: string, settings: ScoreSettings): Promise<void> {
  const { events, out, onlyFlagged, withReasons, onBadLine } = settings;
  const isFirst = ranks.rank === 0;
  if (isFirst) tellOfPlainKernels();
  const facts = {
    ...{ events, '--out': out ?? '-', '--threshold': String(settings.threshold) },
    ...{ '--only-flagged': String(onlyFlagged), '--no-reasons': String(!withReasons) },
    '--on-bad-line': onBadLine,
  };
  agree(ranks, facts);
  requireSameFiles(ranks, [events]);
  const part = loadRankPart(ranks, path);
  const { model } = part;
  const name = inputName(events);
  allOrNone(ranks, () => {
    if (isFirst && out !== undefined && out !== '-') removeLeft(out);
  });
  const { threshold, file } = allOrNone(ranks, () => ({
    threshold: requireThreshold(model, settings),
    file: new PartOfOutput(ranks, out),
  }));
  const counts: Record<Verdict, number> = { ok: 0, suspicious: 0, unknown: 0 };
  try {
    const input = new FileAtRest(events);
    const { stretch, chunks } = await eventsOf(events, { number: ranks.rank + 1, count: ranks.size });
    const block = new ScoredBlock();
    const lines = new ScoreLines();
    const reader = new EventReader({ name, onBadLine, stretch }, (record) => block.add(record));
    const bytes = chunks(() => ranks.progressed())[Symbol.asyncIterator]();
    let isOver = false;
    let summary = reader.summary;
    const readOn = async () => {
      while (!isOver && block.events.count === 0) {
        const { done, value } = await bytes.next();
        if (!done) reader.push(value);
        isOver = done === true || reader.isOver;
        if (isOver) summary = reader.finish();
      }
    };
    for (;;) {
      const failure = await readOn().then(
        () => undefined,
        (error: Error) => error,
      );
      const [events, failures] = totals(ranks, block.events.count, failure ? 1 : 0);
      if (failures > 0) await endTogether(ranks, file, failure);
      if (events === 0) break;
      const answers = askOwners(part, block.events, (own) => figuresOf(part, own, settings, lines));
      block.each((record, i) => {
        const verdict = VERDICTS[answers[i][0]];
        counts[verdict]++;
        if (!onlyFlagged || verdict === 'suspicious') lines.addWith(record, answers[i].subarray(1));
      });
      await file.write(lines.take());
      block.clear();
    }
    await bytes.return?.();
    allOrNone(ranks, () => input.requireUnchanged());
    await file.end();
    const all = addedUp(ranks, summary);
    const sums = totals(ranks, ...VERDICTS.map((verdict) => counts[verdict]));
    for (const [i, verdict] of VERDICTS.entries()) counts[verdict] = sums[i];
    if (isFirst)
      process.stderr.write(`${name}: ${formatReadSummary(all)}; ${verdictsText(counts, threshold)}\n`);
  } finally {
    file.abandon();
  }
}

/** Who waits for others when it is ended leaves what it was writing: so all remove that first, and wait for who has failed to tell it. */
async function endTogether(ranks: Ranks, file: PartOfOutput, failure: Error | undefined): Promise<void> {
  file.abandon();
  ranks.barrier();
  if (failure) throw failure;
  ranks.barrier();
}

/** Of each event its verdict, a byte, and what its line says by the model. */
function figuresOf(
  { model }: RankPart,
  events: HashedEvents,
  { threshold, withReasons }: ScoreSettings,
  lines: ScoreLines,
): ByteRows {
  const rows = new ByteRows();
  let row = new Uint8Array(1024);
  for (let i = 0; i < events.count; i++) {
    const [low, high] = events.hashes.subarray(i * 2, i * 2 + 2);
    const figures = model.assess(low, high, events.addresses, i, threshold);
    const text = lines.figuresOf(figures, withReasons ? model.reasons() : []);
    if (text.length >= row.length) row = new Uint8Array(text.length * 2);
    row[0] = VERDICTS.indexOf(figures.verdict);
    row.set(text, 1);
    rows.add(row.subarray(0, text.length + 1));
  }
  return rows;
}

/** Records of events whose scores are asked for. */
class ScoredBlock {
  events = new HashedEvents();
  #names = new Uint8Array(1 << 16);
  #ends: number[] = [];
  #times: number[] = [];

  add({ bytes, entityStart, entityEnd, words, time }: EventRecord): void {
    this.events.add(bytes, entityStart, entityEnd, words);
    const start = this.#ends.at(-1) ?? 0;
    const end = start + entityEnd - entityStart;
    if (end > this.#names.length) this.#names = grown(this.#names, Math.max(end, this.#names.length * 2));
    this.#names.set(bytes.subarray(entityStart, entityEnd), start);
    this.#ends.push(end);
    this.#times.push(time);
  }

  /** @param take is given each record, valid during the call only */
  each(take: (record: EventRecord, i: number) => void): void {
    for (let i = 0; i < this.events.count; i++) {
      const record: EventRecord = {
        bytes: this.#names,
        entityStart: i === 0 ? 0 : this.#ends[i - 1],
        entityEnd: this.#ends[i],
        words: this.events.addresses.subarray(i * 4, i * 4 + 4),
        time: this.#times[i],
        label: 0,
        kind: '',
      };
      take(record, i);
    }
  }

  clear(): void {
    this.events = new HashedEvents();
    this.#ends = [];
    this.#times = [];
  }
}

/** What killed jobs were writing beside an output; called before anybody writes there. @throws InputError where nothing can be written there */
function removeLeft(path: string): void {
  new AtomicFile(path).abandon();
  if (isForFiles(path)) removeLeftParts(path);
}

/** Whether a name is that of a file, or may become one: no device, and in a folder that is there. */
function isForFiles(path: string | undefined): path is string {
  if (path === undefined) return false;
  const found = statSync(path, { throwIfNoEntry: false });
  return found ? found.isFile() : statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Sent to the first rank in one go. */
const SENT_BYTES = 1 << 24;

/** One output of all ranks: what each writes follows what those before it write. That of the first goes straight into it. */
class PartOfOutput {
  readonly #ranks: Ranks;
  readonly #out: string | undefined;
  /** undefined: standard output */
  readonly #file: AtomicFile | undefined;

  /** @throws InputError where it cannot be written */
  constructor(ranks: Ranks, out: string | undefined) {
    this.#ranks = ranks;
    this.#out = out === '-' ? undefined : out;
    if (ranks.rank === 0) {
      if (this.#out !== undefined) this.#file = new AtomicFile(this.#out);
      return;
    }
    // What is written is never given that name. The output's folder may be the first rank's alone.
    this.#file = new AtomicFile(isForFiles(this.#out) ? this.#out : join(tmpdir(), 'ip-insights-scores'));
  }

  async write(bytes: Uint8Array): Promise<void> {
    const isCompressed = this.#out !== undefined && isGzipName(this.#out) && bytes.length > 0;
    await writeAsIs(isCompressed ? gzipSync(bytes) : bytes, this.#file);
  }

  /** Puts the parts together; the output is complete then. Called by all ranks. */
  async end(): Promise<void> {
    const { rank, size } = this.#ranks;
    const sizeBytes = this.#file?.sizeBytes ?? 0;
    const sizes = toldByAll(this.#ranks, sizeBytes);
    const none = new Uint8Array(0);
    for (let from = 1; from < size; from++) {
      for (let at = 0; at < sizes[from]; at += SENT_BYTES) {
        const own = rank === from ? this.#piece(at, Math.min(SENT_BYTES, sizes[from] - at)) : none;
        const parts = Array.from({ length: size }, (_, to) => (to === 0 ? own : none));
        const received = this.#ranks.exchange(parts);
        if (rank === 0) await writeAsIs(received[from], this.#file);
      }
    }
    if (rank > 0) {
      this.#file!.abandon();
      return;
    }
    // No bytes at all are no gzip.
    if (this.#file?.sizeBytes === 0 && isGzipName(this.#file.path)) this.#file.write(gzipSync(''));
    this.#file?.commit();
  }

  #piece(at: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    const file = openSync(this.#file!.writtenPath, 'r');
    try {
      readInto(file, at, bytes);
    } finally {
      closeSync(file);
    }
    return bytes;
  }

  abandon(): void {
    this.#file?.abandon();
  }
}
