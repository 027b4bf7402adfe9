import { type AddressWords, explainBadAddress, parseAddressBytes } from '../addresses/address.ts';
import { counted, grouped, InputError, quoted } from '../errors.ts';
import { CsvRecords, MAX_RECORD_BYTES, type RecordProblem } from './csvRecords.ts';
import { type EntityDictionary, type Events, EventsBuilder } from './events.ts';
import { parseTimeBytes } from './time.ts';

/** Why a line taught nothing; the words stand in the summary. */
export type SkipReason =
  | RecordProblem
  | 'wrong number of fields'
  | 'no entity'
  | 'no address'
  | 'bad time'
  | 'bad label'
  | 'not UTF-8';

/** Accounts for every line of an input. */
export interface ReadSummary {
  lines: number;
  events: number;
  /** 1 where the first line was a header row; of several files, how many began with one */
  headerLines: number;
  blankLines: number;
  skipped: Map<SkipReason, number>;
}

/** `1,204,331 lines: 1,203,940 events, 391 skipped (388 no address, 3 bad time)` */
export function formatReadSummary({ lines, events, headerLines, blankLines, skipped }: ReadSummary): string {
  const parts = [counted(events, 'event')];
  if (headerLines > 0) parts.push(counted(headerLines, 'header row'));
  if (blankLines > 0) parts.push(counted(blankLines, 'blank line'));
  const total = [...skipped.values()].reduce((sum, n) => sum + n, 0);
  if (total > 0) {
    const reasons = [...skipped].sort((a, b) => b[1] - a[1]);
    parts.push(`${grouped(total)} skipped (${reasons.map(([why, n]) => `${grouped(n)} ${why}`).join(', ')})`);
  }
  return `${counted(lines, 'line')}: ${parts.join(', ')}`;
}

/** One event, and what else its record holds; bytes are valid during the call only. */
export interface EventRecord {
  bytes: Uint8Array;
  entityStart: number;
  entityEnd: number;
  /** u32[4], reused for the next event */
  words: AddressWords;
  /** seconds since 1970, NaN where the record has none */
  time: number;
  /** labelled files only: 1 attack, 0 honest */
  label: number;
  /** labelled files only: the kind of event, '' where not given */
  kind: string;
}

export interface ReadOptions {
  /** how messages call the input */
  name: string;
  /**
   * `error` stops at the first bad line, `skip` counts it. A function is told of it: then each line is to be answered in its
   * place, so that a header row is a bad line, and a blank one too where others follow.
   */
  onBadLine: 'error' | 'skip' | ((line: number, sentence: string) => void);
  /** `events`: entity,address[,time]; `labelled`: entity,address,time,label[,kind] */
  columns?: 'events' | 'labelled';
  /**
   * The bytes are whole lines out of a larger text, each a record, and the first has this number there: a quoted field ends with
   * its line, and a byte-order mark is one before line 1 only.
   */
  linesFrom?: number | undefined;
  /** The bytes begin somewhere in a larger text, in which records may have several lines. */
  stretch?: Stretch | undefined;
}

/** Records of a text that follow each other. */
export interface Stretch {
  /** where the first one begins, in bytes; a byte-order mark stands before byte 0 only */
  byte: number;
  /** the number of its first line */
  line: number;
  /** records that begin at this byte or behind it are not read; bytes behind it may be needed to know that one is damaged */
  until: number;
}

/** Parses the events' CSV (`entity,address[,time]`, no header needed) as its bytes arrive. */
export class EventReader {
  readonly summary: ReadSummary = { lines: 0, events: 0, headerLines: 0, blankLines: 0, skipped: new Map() };
  readonly #options: ReadOptions;
  readonly #records: CsvRecords;
  readonly #onEvent: (event: EventRecord) => void;
  readonly #event: EventRecord = {
    bytes: new Uint8Array(0),
    entityStart: 0,
    entityEnd: 0,
    words: new Uint32Array(4),
    time: Number.NaN,
    label: 0,
    kind: '',
  };
  #head: Uint8Array | undefined = new Uint8Array(0);
  /** blank lines since the last record */
  #blankLines: number[] = [];

  constructor(options: ReadOptions, onEvent: (event: EventRecord) => void) {
    this.#options = options;
    this.#onEvent = onEvent;
    const { onBadLine, linesFrom, stretch } = options;
    const sink = {
      record: (bytes: Uint8Array, fieldCount: number, line: number) => this.#record(bytes, fieldCount, line),
      problem: (problem: RecordProblem, line: number) => {
        this.#tellOfBlankLines();
        this.#bad(line, problem, PROBLEMS[problem]);
      },
      blank: (line: number) => {
        if (typeof onBadLine === 'function') this.#blankLines.push(line);
      },
    };
    this.#records = new CsvRecords(sink, MAX_RECORD_BYTES, linesFrom !== undefined, stretch?.until);
    if (stretch) {
      this.#records.pass(stretch.byte, stretch.line - 1);
      if (stretch.byte > 0) this.#head = undefined;
    }
    if (linesFrom === undefined) return;
    this.#records.lines = linesFrom - 1;
    if (linesFrom > 1) this.#head = undefined;
  }

  /** Whether all records of the stretch are read: more bytes change nothing. */
  get isOver(): boolean {
    return this.#head === undefined && this.#records.isOver;
  }

  push(chunk: Uint8Array): void {
    if (this.#head === undefined) {
      this.#records.push(chunk);
      return;
    }
    // A byte-order mark may be split over two chunks.
    const joined = new Uint8Array(this.#head.length + chunk.length);
    joined.set(this.#head);
    joined.set(chunk, this.#head.length);
    this.#head = joined;
    if (joined.length >= 3) this.#start();
  }

  finish(): ReadSummary {
    if (this.#head !== undefined) this.#start();
    this.#records.finish();
    const { linesFrom, stretch } = this.#options;
    this.summary.lines = this.#records.lines - ((linesFrom ?? stretch?.line ?? 1) - 1);
    this.summary.blankLines = this.#records.blankLines;
    return this.summary;
  }

  #start(): void {
    const head = this.#head!;
    this.#head = undefined;
    const mark = textStart(head, this.#options.name);
    this.#records.pass(mark, 0);
    this.#records.push(mark === 0 ? head : head.subarray(mark));
  }

  /** Those at the end are none of anybody's business. */
  #tellOfBlankLines(): void {
    const { onBadLine } = this.#options;
    if (this.#blankLines.length === 0 || typeof onBadLine !== 'function') return;
    for (const line of this.#blankLines) onBadLine(line, `expected ${EVENT_COLUMNS}, got a blank line.`);
    this.#blankLines = [];
  }

  #record(bytes: Uint8Array, fieldCount: number, line: number): void {
    const { starts, ends } = this.#records;
    this.#tellOfBlankLines();
    const labelled = this.#options.columns === 'labelled';
    const [fewest, most] = labelled ? [4, 5] : [2, 3];
    const addressEnd = trimmedEnd(bytes, starts[1], ends[1]);
    const event = this.#event;
    const fits = fieldCount >= fewest && fieldCount <= most;
    const parsed = fits && parseAddressBytes(bytes, starts[1], addressEnd, event.words);
    const isHeader =
      !parsed && line === 1 && fieldCount >= 2 && looksLikeHeader(bytes, starts[1], addressEnd);
    if (isHeader && typeof this.#options.onBadLine !== 'function') {
      this.summary.headerLines = 1;
      return;
    }
    if (!fits) {
      const hint = fieldCount > most ? ' Names that hold commas must be quoted.' : '';
      this.#bad(
        line,
        'wrong number of fields',
        `expected ${fewest} or ${most} fields (${labelled ? LABELLED_COLUMNS : EVENT_COLUMNS}), got ${fieldCount}.${hint}`,
      );
      return;
    }
    if (ends[0] <= starts[0]) {
      this.#bad(line, 'no entity', 'expected an entity in field 1, got nothing.');
      return;
    }
    if (!isUtf8(bytes, starts[0], ends[0])) {
      this.#bad(
        line,
        'not UTF-8',
        'expected UTF-8 text in field 1, got other bytes. Convert the file with iconv.',
      );
      return;
    }
    if (!parsed) {
      const text = lossyText(bytes, starts[1], addressEnd);
      this.#bad(
        line,
        'no address',
        `expected an IP address in field 2, got ${quoted(text)}: ${explainBadAddress(text)}.`,
      );
      return;
    }
    event.time = Number.NaN;
    if (fieldCount > 2) {
      const end = trimmedEnd(bytes, starts[2], ends[2]);
      if (end > starts[2]) {
        event.time = parseTimeBytes(bytes, starts[2], end);
        if (Number.isNaN(event.time)) {
          const text = lossyText(bytes, starts[2], end);
          const hint = /^\d{12,14}$/.test(text) ? ' These look like milliseconds: divide by 1000.' : '';
          this.#bad(
            line,
            'bad time',
            `expected ISO 8601 or Unix seconds in field 3, got ${quoted(text)}.${hint}`,
          );
          return;
        }
      }
    }
    if (labelled) {
      const label = bytes[starts[3]];
      if (trimmedEnd(bytes, starts[3], ends[3]) !== starts[3] + 1 || (label !== 48 && label !== 49)) {
        const text = quoted(lossyText(bytes, starts[3], ends[3]));
        this.#bad(line, 'bad label', `expected label 0 (honest) or 1 (attack) in field 4, got ${text}.`);
        return;
      }
      event.label = label - 48;
      event.kind = fieldCount > 4 ? lossyText(bytes, starts[4], trimmedEnd(bytes, starts[4], ends[4])) : '';
    }
    event.bytes = bytes;
    event.entityStart = starts[0];
    event.entityEnd = ends[0];
    this.summary.events++;
    this.#onEvent(event);
  }

  #bad(line: number, reason: SkipReason, sentence: string): void {
    const { name, onBadLine } = this.#options;
    if (onBadLine === 'error') {
      throw new InputError(`${name}:${line}: ${sentence} Skip such lines with --on-bad-line=skip.`);
    }
    if (onBadLine !== 'skip') onBadLine(line, sentence);
    this.summary.skipped.set(reason, (this.summary.skipped.get(reason) ?? 0) + 1);
  }
}

/**
 * How many bytes of byte-order mark a text begins with.
 * @param head its first three bytes at least, where it has as many
 * @throws InputError where it is UTF-16
 */
export function textStart(head: Uint8Array, name: string): number {
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)) {
    throw new InputError(`${name}: expected UTF-8 text, got UTF-16. Convert it: iconv -f UTF-16 -t UTF-8.`);
  }
  return head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
}

const EVENT_COLUMNS = 'entity,address[,time]';
const LABELLED_COLUMNS = 'entity,address,time,label[,kind]';

const PROBLEMS: Record<RecordProblem, string> = {
  'line too long': 'expected a line of at most 1 MiB, got a longer one.',
  'quote never closed': 'expected a closing quote, found none.',
  'text after a closing quote': 'expected a comma or a line end after a closing quote, got other text.',
};

function trimmedEnd(bytes: Uint8Array, start: number, end: number): number {
  while (end > start && (bytes[end - 1] === 32 || bytes[end - 1] === 9)) end--;
  return end;
}

/** A header calls its second column an address; any other word there is a bad address and told as one. */
function looksLikeHeader(bytes: Uint8Array, start: number, end: number): boolean {
  if (end <= start) return false;
  return /^[a-z_ -]*(ip|ipv4|ipv6|addr|address|host)[a-z_ -]*$/i.test(lossyText(bytes, start, end));
}

const lossy = new TextDecoder();
const strict = new TextDecoder('utf-8', { fatal: true });

function lossyText(bytes: Uint8Array, start: number, end: number): string {
  return lossy.decode(bytes.subarray(start, Math.min(end, start + 1000)));
}

function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    if (bytes[i] < 128) continue;
    try {
      strict.decode(bytes.subarray(i, end));
      return true;
    } catch {
      return false;
    }
  }
  return true;
}

/** One text of several that are read as one input. */
export interface EventText {
  /** how messages call it */
  name: string;
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  stretch?: Stretch | undefined;
}

export interface ReadResult {
  events: Events;
  /** of a labelled file */
  labels: Uint8Array;
  kinds: string[];
  summary: ReadSummary;
  /** events of each text */
  counts: number[];
}

/**
 * All events of some texts, as columns; there may be none. Each text may begin with a header row.
 * @param dictionary numbers the entities; give the same one to compare two sets of events
 * @throws InputError where a line is bad and `onBadLine` is `error`
 */
export async function readTexts(
  texts: Iterable<EventText>,
  options: Omit<ReadOptions, 'name' | 'stretch'>,
  dictionary?: EntityDictionary,
): Promise<ReadResult> {
  const builder = new EventsBuilder(dictionary);
  const labels: number[] = [];
  const kinds: string[] = [];
  const labelled = options.columns === 'labelled';
  const all: ReadSummary = { lines: 0, events: 0, headerLines: 0, blankLines: 0, skipped: new Map() };
  const counts: number[] = [];
  for (const { name, chunks, stretch } of texts) {
    const reader = new EventReader({ ...options, name, stretch }, (event) => {
      builder.add(event.bytes, event.entityStart, event.entityEnd, event.words, event.time);
      if (labelled) {
        labels.push(event.label);
        kinds.push(event.kind);
      }
    });
    for await (const chunk of chunks) {
      reader.push(chunk);
      if (reader.isOver) break;
    }
    const summary = reader.finish();
    addSummary(all, summary);
    counts.push(summary.events);
  }
  return { events: builder.build(), labels: Uint8Array.from(labels), kinds, summary: all, counts };
}

function addSummary(all: ReadSummary, one: ReadSummary): void {
  all.lines += one.lines;
  all.events += one.events;
  all.headerLines += one.headerLines;
  all.blankLines += one.blankLines;
  for (const [reason, count] of one.skipped) all.skipped.set(reason, (all.skipped.get(reason) ?? 0) + count);
}

/** @param name of the input. @throws InputError where it holds no event */
export function requireEvents(
  name: string,
  summary: ReadSummary,
  columns: ReadOptions['columns'] = 'events',
): void {
  if (summary.events > 0) return;
  const expected = columns === 'labelled' ? LABELLED_COLUMNS : EVENT_COLUMNS;
  const what = summary.lines === 0 ? 'it is empty' : `it holds none (${formatReadSummary(summary)})`;
  throw new InputError(`${name}: expected events (${expected}), but ${what}.`);
}

/**
 * All events of an input, as columns.
 * @param chunks     the bytes of the CSV
 * @param dictionary numbers the entities; give the same one to compare two sets of events
 * @throws InputError where a line is bad and `onBadLine` is `error`, or where there is no event at all
 */
export async function readEvents(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ReadOptions,
  dictionary?: EntityDictionary,
): Promise<ReadResult> {
  const { name } = options;
  const read = await readTexts([{ name, chunks }], options, dictionary);
  requireEvents(name, read.summary, options.columns);
  return read;
}
