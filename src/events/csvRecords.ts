/** Records longer than this are refused: no entity and address need it, and memory stays bounded. */
export const MAX_RECORD_BYTES = 1 << 20;

const TAB = 9;
const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;
const QUOTE = 34;
const COMMA = 44;

/** Why a record could not be split into fields. */
export type RecordProblem = 'line too long' | 'quote never closed' | 'text after a closing quote';

/** What receives the records; field i is bytes[starts[i], ends[i]), valid during the call only. */
export interface RecordSink {
  record(bytes: Uint8Array, fieldCount: number, line: number): void;
  /** a line without a character */
  blank?(line: number): void;
  problem(problem: RecordProblem, line: number): void;
}

/** Fields beyond this many are counted, but their places are not kept. */
const KEPT_FIELDS = 16;

/**
 * Splits CSV bytes (RFC 4180) into records, chunk by chunk, in constant memory. Lines end in LF or CRLF; quoted
 * fields may hold commas, doubled quotes and line ends; blanks before a field other than the first are dropped,
 * as AWS's examples have a space after the comma. A record with a problem costs its first line only: reading
 * goes on with the next one. Own code rather than a library, because the reader must name the line of every
 * problem, survive every one of them, and make no string per field (docs/decisions/0002).
 */
export class CsvRecords {
  readonly starts = new Int32Array(KEPT_FIELDS);
  readonly ends = new Int32Array(KEPT_FIELDS);
  /** physical lines seen */
  lines = 0;
  blankLines = 0;
  readonly #sink: RecordSink;
  readonly #limit: number;
  readonly #recordsAreLines: boolean;
  #carry = new Uint8Array(0);
  /** bytes of the text before `#carry` */
  #passed = 0;
  readonly #until: number;
  /** inside a line that is given up; the next record starts after its end */
  #skippingLine = false;
  #fieldCount = 0;
  #unquoted = new Uint8Array(4096);

  /**
   * @param maxRecordBytes  longest record, without its line end
   * @param recordsAreLines a quoted field must end where its line ends
   * @param until           records that begin at this byte of the text or behind it are not read
   */
  constructor(
    sink: RecordSink,
    maxRecordBytes = MAX_RECORD_BYTES,
    recordsAreLines = false,
    until = Number.POSITIVE_INFINITY,
  ) {
    this.#sink = sink;
    this.#limit = maxRecordBytes;
    this.#recordsAreLines = recordsAreLines;
    this.#until = until;
  }

  /** Whether the next record would begin at `until` or behind it: more bytes change nothing. */
  get isOver(): boolean {
    return !this.#skippingLine && this.#passed >= this.#until;
  }

  /** Where the next record begins in the text; inside a line that is given up, the next byte. */
  get place(): number {
    return this.#passed;
  }

  /** Whether it stands at the beginning of a record of which nothing has come yet. */
  get isBetween(): boolean {
    return this.#carry.length === 0 && !this.#skippingLine;
  }

  /** Takes bytes as read, whole records that somebody else has looked at. To be called between records. */
  pass(bytes: number, lines: number): void {
    this.#passed += bytes;
    this.lines += lines;
  }

  push(chunk: Uint8Array): void {
    if (this.isOver) return;
    let bytes = chunk;
    if (this.#carry.length > 0) {
      bytes = new Uint8Array(this.#carry.length + chunk.length);
      bytes.set(this.#carry);
      bytes.set(chunk, this.#carry.length);
    }
    const rest = this.#scan(bytes, false);
    this.#passed += rest;
    this.#carry = bytes.slice(rest);
  }

  /** The last record, where the input does not end in a line end. */
  finish(): void {
    if (this.#carry.length > 0) this.#passed += this.#scan(this.#carry, true);
    this.#carry = new Uint8Array(0);
  }

  /** @returns where the first incomplete record starts */
  #scan(bytes: Uint8Array, last: boolean): number {
    let at = 0;
    while (at < bytes.length && (this.#skippingLine || this.#passed + at < this.#until)) {
      if (this.#skippingLine) {
        const end = bytes.indexOf(NEWLINE, at);
        if (end < 0) return bytes.length;
        this.#skippingLine = false;
        at = end + 1;
        continue;
      }
      const next = this.#plainRecord(bytes, at, last);
      if (next >= 0) at = next;
      else if (bytes.length - at <= this.#limit) return at;
      else this.#giveUpLine('line too long');
    }
    return at;
  }

  #giveUpLine(problem: RecordProblem): void {
    this.#skippingLine = true;
    this.#sink.problem(problem, ++this.lines);
  }

  /** @returns where the next record starts, or −1 where this one is incomplete */
  #plainRecord(bytes: Uint8Array, start: number, last: boolean): number {
    let fields = 0;
    let fieldStart = start;
    for (let i = start; ; i++) {
      const byte = i < bytes.length ? bytes[i] : NEWLINE;
      if (byte === COMMA) {
        if (fields < KEPT_FIELDS) {
          this.starts[fields] = fieldStart;
          this.ends[fields] = i;
        }
        fields++;
        fieldStart = i + 1;
        while (bytes[fieldStart] === SPACE || bytes[fieldStart] === TAB) fieldStart++;
        i = fieldStart - 1;
      } else if (byte === QUOTE && i === fieldStart) {
        return this.#quotedRecord(bytes, start, last);
      } else if (byte === NEWLINE) {
        if (i >= bytes.length && !last) return -1;
        if (i - start > this.#limit) {
          this.#giveUpLine('line too long');
          return start;
        }
        const end = i > start && bytes[i - 1] === RETURN ? i - 1 : i;
        this.lines++;
        if (end === start) {
          this.blankLines++;
          this.#sink.blank?.(this.lines);
        } else {
          if (fields < KEPT_FIELDS) {
            this.starts[fields] = Math.min(fieldStart, end);
            this.ends[fields] = end;
          }
          this.#sink.record(bytes, fields + 1, this.lines);
        }
        return i + 1;
      }
    }
  }

  /** A record that holds a quoted field: its fields are unquoted into a buffer of their own. */
  #quotedRecord(bytes: Uint8Array, start: number, last: boolean): number {
    const room = Math.min(bytes.length - start, this.#limit);
    if (this.#unquoted.length < room) this.#unquoted = new Uint8Array(room);
    const end = this.#unquote(bytes, start, last);
    if (typeof end !== 'number') {
      this.#giveUpLine(end);
      return start;
    }
    if (end < 0) return -1;
    this.lines++;
    this.#sink.record(this.#unquoted, this.#fieldCount, this.lines);
    // Line ends inside quotes count as lines, after the record has been reported at its first one.
    for (let i = bytes.indexOf(NEWLINE, start); i >= 0 && i < end; i = bytes.indexOf(NEWLINE, i + 1))
      this.lines++;
    return end + 1;
  }

  /**
   * Looks at each byte once and never beyond the limit, so that the outcome cannot depend on the chunks.
   * @returns where the line end is, −1 where more bytes are needed, or what is wrong
   */
  #unquote(bytes: Uint8Array, start: number, last: boolean): number | RecordProblem {
    const out = this.#unquoted;
    let written = 0;
    let fieldStart = 0;
    let state = FIELD_START;
    this.#fieldCount = 0;
    for (let i = start; ; i++) {
      const atEnd = i >= bytes.length;
      const byte = atEnd ? NEWLINE : bytes[i];
      if (i - start > this.#limit || (atEnd && last)) {
        if (state === QUOTED) return 'quote never closed';
        if (i - start > this.#limit) return 'line too long';
      } else if (atEnd) {
        return -1;
      }
      if (state === FIELD_START && this.#fieldCount > 0 && (byte === SPACE || byte === TAB)) continue;
      if (state === FIELD_START && byte === QUOTE) {
        state = QUOTED;
      } else if (state === QUOTED) {
        if (byte === QUOTE) state = QUOTE_IN_QUOTES;
        else if (byte === NEWLINE && this.#recordsAreLines) return 'quote never closed';
        else out[written++] = byte;
      } else if (state === QUOTE_IN_QUOTES && byte === QUOTE) {
        out[written++] = byte;
        state = QUOTED;
      } else if ((byte === COMMA && state !== CLOSED_BEFORE_LINE_END) || byte === NEWLINE) {
        if (state === UNQUOTED && byte === NEWLINE && out[written - 1] === RETURN) written--;
        if (this.#fieldCount < KEPT_FIELDS) {
          this.starts[this.#fieldCount] = fieldStart;
          this.ends[this.#fieldCount] = written;
        }
        this.#fieldCount++;
        if (byte === NEWLINE) return i;
        fieldStart = written;
        state = FIELD_START;
      } else if (state === FIELD_START || state === UNQUOTED) {
        out[written++] = byte;
        state = UNQUOTED;
      } else if (byte === RETURN && state !== CLOSED_BEFORE_LINE_END) {
        state = CLOSED_BEFORE_LINE_END;
      } else if ((byte === SPACE || byte === TAB) && state !== CLOSED_BEFORE_LINE_END) {
        state = CLOSED;
      } else {
        return 'text after a closing quote';
      }
    }
  }
}

// Where `#unquote` stands: before a field (blanks may come), in a plain one, in a quoted one, after a quote in it
// (the first of two, or the closing one), after the closing one, after the carriage return that follows it.
const FIELD_START = 0;
const UNQUOTED = 1;
const QUOTED = 2;
const QUOTE_IN_QUOTES = 3;
const CLOSED = 4;
const CLOSED_BEFORE_LINE_END = 5;
