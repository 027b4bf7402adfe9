/** Records longer than this are refused: no entity and address need it, and memory stays bounded. */
export const MAX_RECORD_BYTES = 1 << 20;

const NEWLINE = 10;
const RETURN = 13;
const QUOTE = 34;
const COMMA = 44;

/** Why a record could not be split into fields. */
export type RecordProblem = 'line too long' | 'quote never closed' | 'text after a closing quote';

/** What receives the records; field i is bytes[starts[i], ends[i]), valid during the call only. */
export interface RecordSink {
  record(bytes: Uint8Array, fieldCount: number, line: number): void;
  problem(problem: RecordProblem, line: number): void;
}

/** Fields beyond this many are counted, but their places are not kept. */
const KEPT_FIELDS = 16;

/**
 * Splits CSV bytes (RFC 4180) into records, chunk by chunk, in constant memory. Lines end in LF or CRLF; quoted
 * fields may hold commas, doubled quotes and line ends; blanks before a field other than the first are dropped,
 * as AWS's examples have a space after the comma. A quote that is never closed costs its own line only: reading
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
  #carry = new Uint8Array(0);
  #skippingLongLine = false;
  #fieldCount = 0;
  #unquoted = new Uint8Array(4096);

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.#carry.length > 0) {
      bytes = new Uint8Array(this.#carry.length + chunk.length);
      bytes.set(this.#carry);
      bytes.set(chunk, this.#carry.length);
    }
    const rest = this.#scan(bytes, false);
    this.#carry = bytes.slice(rest);
  }

  /** The last record, where the input does not end in a line end. */
  finish(): void {
    if (this.#carry.length > 0) this.#scan(this.#carry, true);
    this.#carry = new Uint8Array(0);
  }

  /** @returns where the first incomplete record starts */
  #scan(bytes: Uint8Array, last: boolean): number {
    let at = 0;
    while (at < bytes.length) {
      if (this.#skippingLongLine) {
        const end = bytes.indexOf(NEWLINE, at);
        if (end < 0) return bytes.length;
        this.#skippingLongLine = false;
        at = end + 1;
        continue;
      }
      const next = this.#plainRecord(bytes, at, last);
      if (next >= 0) {
        at = next;
        continue;
      }
      if (bytes.length - at <= MAX_RECORD_BYTES) return at;
      this.lines++;
      this.#sink.problem('line too long', this.lines);
      this.#skippingLongLine = true;
    }
    return at;
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
        while (bytes[fieldStart] === 32 || bytes[fieldStart] === 9) fieldStart++;
        i = fieldStart - 1;
      } else if (byte === QUOTE && i === fieldStart) {
        return this.#quotedRecord(bytes, start, last);
      } else if (byte === NEWLINE) {
        if (i >= bytes.length && !last) return -1;
        if (i - start > MAX_RECORD_BYTES) {
          this.#sink.problem('line too long', ++this.lines);
          return i + 1;
        }
        const end = i > start && bytes[i - 1] === RETURN ? i - 1 : i;
        this.lines++;
        if (end === start) {
          this.blankLines++;
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
    if (this.#unquoted.length < bytes.length - start) {
      this.#unquoted = new Uint8Array(Math.min(bytes.length - start, MAX_RECORD_BYTES + 1));
    }
    const end = this.#unquote(bytes, start, last);
    if (typeof end === 'number') {
      if (end < 0) return -1;
      this.lines++;
      this.#sink.record(this.#unquoted, this.#fieldCount, this.lines);
      // Line ends inside quotes count as lines, after the record has been reported at its first one.
      const stop = Math.min(end, bytes.length) - 1;
      for (let i = bytes.indexOf(NEWLINE, start); i >= 0 && i < stop; i = bytes.indexOf(NEWLINE, i + 1))
        this.lines++;
      return end;
    }
    this.#sink.problem(end, ++this.lines);
    const lineEnd = bytes.indexOf(NEWLINE, start);
    return lineEnd < 0 ? bytes.length : lineEnd + 1;
  }

  /** @returns where the next record starts, −1 where more bytes are needed, or what is wrong */
  #unquote(bytes: Uint8Array, start: number, last: boolean): number | RecordProblem {
    const out = this.#unquoted;
    let written = 0;
    let i = start;
    this.#fieldCount = 0;
    for (;;) {
      const fieldStart = written;
      if (this.#fieldCount > 0) while (bytes[i] === 32 || bytes[i] === 9) i++;
      const quoted = bytes[i] === QUOTE;
      if (quoted) i++;
      for (; ; i++) {
        if (i - start > MAX_RECORD_BYTES) return quoted ? 'quote never closed' : 'line too long';
        if (i >= bytes.length) {
          if (!last) return -1;
          if (quoted) return 'quote never closed';
          break;
        }
        const byte = bytes[i];
        if (quoted) {
          if (byte === QUOTE) {
            if (i + 1 >= bytes.length && !last) return -1;
            if (bytes[i + 1] !== QUOTE) break;
            i++;
          }
        } else if (byte === COMMA || byte === NEWLINE) {
          break;
        }
        out[written++] = byte;
      }
      if (quoted) {
        i++;
        while (
          bytes[i] === 32 ||
          bytes[i] === 9 ||
          (bytes[i] === RETURN && i + 1 < bytes.length && bytes[i + 1] === NEWLINE)
        )
          i++;
        if (i >= bytes.length && !last) return -1;
        if (bytes[i] === RETURN && i + 1 === bytes.length) {
          if (!last) return -1;
          i++;
        }
        if (i < bytes.length && bytes[i] !== COMMA && bytes[i] !== NEWLINE)
          return 'text after a closing quote';
      } else if (written > fieldStart && bytes[i] !== COMMA && out[written - 1] === RETURN) {
        written--;
      }
      if (this.#fieldCount < KEPT_FIELDS) {
        this.starts[this.#fieldCount] = fieldStart;
        this.ends[this.#fieldCount] = written;
      }
      this.#fieldCount++;
      if (i >= bytes.length) return bytes.length + 1;
      if (bytes[i++] === NEWLINE) return i;
    }
  }
}
