import { isUtf8 } from 'node:buffer';
import { type AddressWords, explainBadAddress, parseAddress } from '../addresses/address.ts';
import { counted, quoted } from '../errors.ts';
import { EventReader } from '../events/readEvents.ts';
import { jsonFault } from './jsonFault.ts';
import type { RequestFormat } from './mediaTypes.ts';
import { RequestError } from './requestError.ts';

/** What receives the records of a request, in their order. */
export interface RecordSink {
  /**
   * @param name  UTF-8 bytes; the entity is name[start, end); valid during the call only
   * @param words u32[4], valid during the call only
   * @param time  of a third column of CSV, in seconds since 1970; NaN or undefined where there is none
   */
  add(name: Uint8Array, start: number, end: number, words: AddressWords, time?: number): void;
  /** A record that is none. @param message with its place in the request */
  bad(message: string): void;
}

/** Where a request stands that is cut out of a longer text: of whole lines, each a record, one of them not blank at least. */
export interface Excerpt {
  /** number of its first line in the text, from 1 */
  firstLine: number;
  /** whether the text ends with it, but for blank lines */
  isEnd: boolean;
}

/**
 * Reads the records of a request, each of which is added or told as bad, so that answers can be matched by their place.
 * A third column of CSV, the time, changes no answer.
 * @param excerpt lines are numbered as in the text that they are cut from; not for JSON, which has no lines
 * @throws RequestError 400 where the request as a whole is none
 */
export function readRequest(
  bytes: Uint8Array,
  format: RequestFormat,
  sink: RecordSink,
  excerpt?: Excerpt,
): void {
  if (format === 'csv') readCsv(bytes, sink, excerpt?.firstLine);
  else if (format === 'json') readJson(bytes, sink);
  else readJsonLines(bytes, sink, excerpt);
}

function readCsv(bytes: Uint8Array, sink: RecordSink, linesFrom: number | undefined): void {
  if (isUtf16(bytes) && (linesFrom ?? 1) === 1)
    throw new RequestError(400, 'body: expected UTF-8 text, got UTF-16.');
  const onBadLine = (line: number, sentence: string) => sink.bad(`line ${line}: ${sentence}`);
  const reader = new EventReader({ name: 'body', onBadLine, linesFrom }, (record) => {
    sink.add(record.bytes, record.entityStart, record.entityEnd, record.words, record.time);
  });
  reader.push(bytes);
  const { lines, blankLines } = reader.finish();
  if (lines === blankLines)
    throw new RequestError(400, 'body: expected lines of entity,address, got nothing.');
}

const isUtf16 = (bytes: Uint8Array) =>
  (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);

function readJson(bytes: Uint8Array, sink: RecordSink): void {
  const instances = instancesOf(parseJsonBody(bytes));
  for (let i = 0; i < instances.length; i++) addRecord(instances[i], sink, () => `instances[${i}]`);
}

/** The whole body as JSON. @throws RequestError 400 with the place of the fault */
export function parseJsonBody(bytes: Uint8Array): unknown {
  const text = textOf(bytes);
  if (text.trim() === '') throw new RequestError(400, 'body: expected JSON, got nothing.');
  return parseJson(text, 'body');
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RequestError(400, `${what}: expected JSON, ${jsonFault(text) ?? (error as Error).message}.`);
  }
}

/** @throws RequestError 400 where the bytes are no UTF-8 */
function textOf(bytes: Uint8Array, excerpt?: Excerpt): string {
  if (!isUtf8(bytes)) throw new RequestError(400, 'body: expected UTF-8 text, got other bytes.');
  const mark = markLength(bytes, excerpt);
  return Buffer.from(bytes.buffer, bytes.byteOffset + mark, bytes.length - mark).toString();
}

/** Bytes of the byte-order mark at the start of a text. */
const markLength = (bytes: Uint8Array, excerpt?: Excerpt) =>
  (excerpt?.firstLine ?? 1) === 1 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;

function instancesOf(body: unknown): unknown[] {
  const instances = isObject(body) ? body.instances : undefined;
  if (Array.isArray(instances)) return instances;
  const got = isObject(body) ? `instances: ${described(instances)}` : described(body);
  throw new RequestError(
    400,
    `body: expected {"instances":[{"features":[entity, address]}, …]}, got ${isObject(body) && !('instances' in body) ? 'an object without instances' : got}.`,
  );
}

/** One object a line. AWS's own sample has a comma behind a line, and a ] behind the last: both are read past, wherever a writer of lists may leave them. */
function readJsonLines(bytes: Uint8Array, sink: RecordSink, excerpt: Excerpt | undefined): void {
  // A request has one fault for all; of a long text somebody wants to know the line.
  const lines = excerpt && !isUtf8(bytes) ? linesOf(bytes, excerpt) : textOf(bytes, excerpt).split('\n');
  while (lines.length > 0 && isBlank(lines[lines.length - 1])) lines.pop();
  if (lines.length === 0) throw new RequestError(400, 'body: expected a JSON object a line, got nothing.');
  const firstLine = excerpt?.firstLine ?? 1;
  for (const [i, line] of lines.entries()) {
    const place = () => `line ${firstLine + i}`;
    let value: unknown;
    try {
      value = parseLine(line, i === lines.length - 1 && excerpt?.isEnd !== false);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      sink.bad(`${place()}: ${error.message}`);
      continue;
    }
    addRecord(value, sink, place);
  }
}

/** Blanks of JSON (RFC 8259) alone: others are characters that do not belong there. */
const isBlank = (line: string | undefined) => line !== undefined && /^[ \t\r]*$/.test(line);

/** The lines of a text some of which are no UTF-8: those are undefined. */
function linesOf(bytes: Uint8Array, excerpt: Excerpt): (string | undefined)[] {
  const lines: (string | undefined)[] = [];
  for (let start = markLength(bytes, excerpt); start <= bytes.length; ) {
    const found = bytes.indexOf(NEWLINE, start);
    const end = found < 0 ? bytes.length : found;
    const line = bytes.subarray(start, end);
    lines.push(isUtf8(line) ? decoder.decode(line) : undefined);
    start = end + 1;
  }
  return lines;
}

const NEWLINE = 10;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function parseLine(line: string | undefined, isLast: boolean): unknown {
  if (line === undefined) throw new RequestError(400, 'expected UTF-8 text, got other bytes.');
  if (isBlank(line)) throw new RequestError(400, 'expected a JSON object, got a blank line.');
  try {
    return JSON.parse(line);
  } catch {
    const rest = line.trimEnd().replace(isLast ? /\s*,?\s*\]?$/ : /\s*,$/, '');
    // The line of the fault is that of the request, not of this text.
    const fault = (text: string) => jsonFault(text)?.replace(/^line 1, /, '') ?? 'it is none';
    try {
      return JSON.parse(rest);
    } catch {
      throw new RequestError(400, `expected JSON, ${fault(line)}.`);
    }
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Adds an instance, `{"features": […]}` or `{"data": {"features": {"values": […]}}}`. @param place where it stands */
function addRecord(instance: unknown, sink: RecordSink, place: () => string): void {
  if (!isObject(instance)) {
    sink.bad(`${place()}: expected {"features":[entity, address]}, got ${described(instance)}.`);
    return;
  }
  const { features, data } = instance;
  if (features !== undefined) {
    addFeatures(features, sink, () => `${place()}.features`);
    return;
  }
  const values = isObject(data) && isObject(data.features) ? data.features.values : undefined;
  if (values === undefined) {
    sink.bad(`${place()}: expected features or data.features.values, got neither.`);
    return;
  }
  addFeatures(values, sink, () => `${place()}.data.features.values`);
}

function addFeatures(features: unknown, sink: RecordSink, place: () => string): void {
  if (!Array.isArray(features) || features.length !== 2) {
    const got = Array.isArray(features) ? counted(features.length, 'value') : described(features);
    sink.bad(`${place()}: expected [entity, address], got ${got}.`);
    return;
  }
  const entity = entityText(features[0]);
  if (entity === undefined || entity === '') {
    const got = entity === '' ? 'an empty string' : described(features[0]);
    sink.bad(`${place()}[0]: expected the entity as a string, got ${got}.`);
    return;
  }
  const address = features[1];
  const words = typeof address === 'string' ? parseAddress(address) : undefined;
  if (!words) {
    const got =
      typeof address === 'string' ? `${quoted(address)}: ${explainBadAddress(address)}` : described(address);
    sink.bad(`${place()}[1]: expected an IP address as a string, got ${got}.`);
    return;
  }
  const { name, length } = encoded(entity);
  sink.add(name, 0, length, words);
}

/** Numbers of accounts are often left without quotes; of whole ones the text is certain. */
function entityText(entity: unknown): string | undefined {
  if (typeof entity === 'string') return entity;
  return Number.isSafeInteger(entity) ? String(entity) : undefined;
}

const encoder = new TextEncoder();
/** Names as people give them fit in, three bytes a character at most. */
const scratch = new Uint8Array(3 * 256);

function encoded(text: string): { name: Uint8Array; length: number } {
  if (text.length * 3 <= scratch.length)
    return { name: scratch, length: encoder.encodeInto(text, scratch).written };
  const name = encoder.encode(text);
  return { name, length: name.length };
}

/** A JSON value for a message, without its content: `an object`, `a number`. */
function described(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${counted(value.length, 'value')}`;
  if (typeof value === 'number') return `the number ${value}`;
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? quoted(value) : String(value);
}
