import { isUtf8 } from 'node:buffer';
import { InputError } from '../errors.ts';
import { inputName } from '../files/input.ts';

/**
 * A stream of bytes cut into blocks of whole lines. The cuts depend on the bytes alone, not on how they
 * arrive, so that the same log gives the same blocks from a file, from gzip and from a pipe.
 *
 * A line ends with LF, or with the end of the input; an LF at the very end starts no further line. Lines that
 * SQL must not see are replaced by a marker, so that every physical line is still there to be counted.
 */

/** Large enough that the fixed cost of a statement (1.7 ms) is below a tenth, small enough to stay in cache. */
export const BLOCK_BYTES = 4 << 20;

/** A line above this is skipped: nothing that a server logs for one request is longer. */
export const LONGEST_LINE_BYTES = 1 << 20;

// U+FFFF is no character (Unicode 23.7): no log holds it by intention.
export const NOT_UTF8_MARKER = '\uffffnot UTF-8';
export const TOO_LONG_MARKER = '\uffffline too long';
const notUtf8Marker = Buffer.from(NOT_UTF8_MARKER);
const tooLongMarker = Buffer.from(TOO_LONG_MARKER);

const LF = 10;
const CR = 13;

export interface LineBlock {
  /** valid UTF-8: whole lines with LF between them, without the LF of the last one */
  readonly bytes: Buffer;
  /** whether any line may end with CR */
  readonly hasCarriageReturn: boolean;
  /** gives the memory back; `bytes` must not be used after it */
  release(): void;
}

/**
 * @param chunks  the bytes, decompressed
 * @param path    for messages
 * @param isStart whether they begin where the text does, where a byte-order mark may stand
 * @throws InputError where the text is UTF-16
 */
export async function* readLineBlocks(
  chunks: AsyncIterable<Uint8Array>,
  path: string,
  isStart = true,
): AsyncGenerator<LineBlock> {
  const free: Buffer[] = [];
  const take = () => free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  const blockOf = (owner: Buffer, end: number): LineBlock => {
    const bytes = withMarkers(owner.subarray(0, end));
    let released = false;
    return {
      bytes,
      hasCarriageReturn: bytes.includes(CR),
      release() {
        if (!released) free.push(owner);
        released = true;
      },
    };
  };

  let buffer = take();
  let filled = 0;
  let dropping = false;
  let start = isStart;
  for await (const chunk of chunks) {
    let at = 0;
    while (at < chunk.length) {
      if (dropping) {
        const end = chunk.indexOf(LF, at);
        if (end < 0) break;
        at = end;
        dropping = false;
      }
      const count = Math.min(buffer.length - filled, chunk.length - at);
      buffer.set(chunk.subarray(at, at + count), filled);
      at += count;
      filled += count;
      if (start && filled >= 3) {
        filled = withoutByteOrderMark(buffer, filled, path);
        start = false;
      }
      if (filled < buffer.length) continue;
      const end = buffer.lastIndexOf(LF);
      if (end < 0) {
        // One line fills the block: what follows of it is dropped up to its LF.
        filled = tooLongMarker.copy(buffer);
        dropping = true;
        continue;
      }
      const next = take();
      filled = buffer.copy(next, 0, end + 1);
      yield blockOf(buffer, end);
      buffer = next;
    }
  }
  if (filled === 0) return;
  if (buffer[filled - 1] === LF) filled--;
  yield blockOf(buffer, filled);
}

/** Removes a UTF-8 byte-order mark; refuses UTF-16, which would be nothing but malformed lines. */
function withoutByteOrderMark(buffer: Buffer, filled: number, path: string): number {
  const [a, b, c] = buffer;
  if (a === 0xef && b === 0xbb && c === 0xbf) {
    buffer.copyWithin(0, 3, filled);
    return filled - 3;
  }
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) {
    const name = inputName(path);
    throw new InputError(
      `${name}: is UTF-16 text, expected UTF-8. Convert it, e.g. with "iconv -f UTF-16 -t UTF-8 ${name}".`,
    );
  }
  return filled;
}

/** The block itself where all of it can be read, otherwise a copy with markers for the lines that cannot. */
function withMarkers(bytes: Buffer): Buffer {
  if (isUtf8(bytes) && !hasLongLine(bytes)) return bytes;
  const lines: Buffer[] = [];
  const newline = Buffer.of(LF);
  for (let start = 0; start <= bytes.length; ) {
    let end = bytes.indexOf(LF, start);
    if (end < 0) end = bytes.length;
    const line = bytes.subarray(start, end);
    if (start > 0) lines.push(newline);
    if (line.length > LONGEST_LINE_BYTES) lines.push(tooLongMarker);
    else lines.push(isUtf8(line) ? line : notUtf8Marker);
    start = end + 1;
  }
  return Buffer.concat(lines);
}

/** Steps from the last LF of one window to the next: a few searches a megabyte, not one a line. */
function hasLongLine(bytes: Buffer): boolean {
  for (let start = 0; bytes.length - start > LONGEST_LINE_BYTES; ) {
    const end = bytes.lastIndexOf(LF, start + LONGEST_LINE_BYTES);
    if (end < start) return true;
    start = end + 1;
  }
  return false;
}
