import { readRange } from './input.ts';
import { OpenFile } from './openFile.ts';

/** Where lines of a plain file begin and end, found without reading more of it than is asked about. */

const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;
const TAB = 9;
/** Read at once around a place: more than a line mostly has. */
const WINDOW_BYTES = 1 << 16;

/** @returns where the first line begins that begins at `place` or behind it, in bytes; the size where none does */
export function lineStartFrom(path: string, place: number): number {
  return inFile(path, (file) => lineStartIn(file, place));
}

function lineStartIn(file: OpenFile, place: number): number {
  if (place === 0) return 0;
  // A line begins at the place itself where the byte before it ends one.
  for (let at = place - 1; at < file.sizeBytes; at += WINDOW_BYTES) {
    const found = window(file, at).indexOf(NEWLINE);
    if (found >= 0) return at + found + 1;
  }
  return file.sizeBytes;
}

/**
 * Where lines may be parted so that blank ones stay with what follows them: behind a line that is not blank, or at the end of the
 * text, blank lines there included.
 * @param place  the first line that begins here or behind it, and its blank lines, belong to what follows
 * @param format carriage returns alone make a CSV line blank, a JSON line may have blanks too
 */
export function recordBorderFrom(path: string, place: number, format: 'csv' | 'jsonlines'): number {
  return inFile(path, (file) => {
    const start = lineStartIn(file, place);
    const next = blankLinesFrom(file, start, format);
    return next === file.sizeBytes ? next : blankLinesBefore(file, start, format);
  });
}

/** @returns where the blank lines that begin at a line's start are over */
function blankLinesFrom(file: OpenFile, start: number, format: 'csv' | 'jsonlines'): number {
  let over = start;
  const line = new BlankLine(format);
  for (let at = start; at < file.sizeBytes; at += WINDOW_BYTES) {
    const bytes = window(file, at);
    for (let i = 0; i < bytes.length; i++) {
      if (bytes[i] === NEWLINE) {
        over = at + i + 1;
        line.begin();
      } else if (!line.takes(bytes[i])) {
        return over;
      }
    }
  }
  return file.sizeBytes;
}

/** @returns where the blank lines begin that end at a line's start */
function blankLinesBefore(file: OpenFile, start: number, format: 'csv' | 'jsonlines'): number {
  let begin = start;
  const line = new BlankLine(format);
  // The byte before a line's start ends the line before.
  for (let end = start - 1; end > 0; end -= WINDOW_BYTES) {
    const from = Math.max(0, end - WINDOW_BYTES);
    const bytes = file.piece(from, end - from);
    for (let i = bytes.length - 1; i >= 0; i--) {
      if (bytes[i] === NEWLINE) {
        begin = from + i + 1;
        line.begin();
      } else if (!line.takes(bytes[i])) {
        return from + i === MARK.length - 1 && beginsWithMark(file) ? 0 : begin;
      }
    }
  }
  return 0;
}

/** A byte-order mark at the beginning of a text is no part of its first line. */
const MARK = [0xef, 0xbb, 0xbf];
const beginsWithMark = (file: OpenFile) => MARK.every((byte, i) => file.piece(i, 1)[0] === byte);

/** Is shown the bytes of a line, from either end, as long as it may be a blank one. */
class BlankLine {
  readonly #format: 'csv' | 'jsonlines';
  #length = 0;

  constructor(format: 'csv' | 'jsonlines') {
    this.#format = format;
  }

  begin(): void {
    this.#length = 0;
  }

  takes(byte: number): boolean {
    this.#length++;
    if (this.#format === 'csv') return byte === RETURN && this.#length === 1;
    return byte === RETURN || byte === SPACE || byte === TAB;
  }
}

/** Line ends among the first bytes of a file; all of them are read, some 400 MB in a second. */
export async function lineEndsBefore(path: string, place: number): Promise<number> {
  let count = 0;
  for await (const chunk of readRange(path, 0, place)) count += lineEndsIn(chunk);
  return count;
}

/** @returns how many line ends there are in some bytes */
export function lineEndsIn(bytes: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === NEWLINE) count++;
  return count;
}

const window = (file: OpenFile, at: number) => file.piece(at, Math.min(WINDOW_BYTES, file.sizeBytes - at));

function inFile<T>(path: string, work: (file: OpenFile) => T): T {
  const file = new OpenFile(path);
  try {
    return work(file);
  } finally {
    file.close();
  }
}
