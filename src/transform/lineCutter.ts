import { grouped } from '../errors.ts';
import { RequestError } from '../inference/requestError.ts';

/** Whole lines of a text, at least one of which is not blank. */
export interface LineBlock {
  /** all of its buffer */
  bytes: Uint8Array;
  /** from 1 */
  firstLine: number;
  /** line ends in the bytes */
  lineEnds: number;
  /** where it ends in the text, in bytes */
  endByte: number;
  /** whether the text ends with it, but for blank lines */
  isEnd: boolean;
}

export interface CutOptions {
  /** A block has as many lines as fit into so many bytes, one at least. */
  targetBytes: number;
  /** longest line, at least `targetBytes`; a block with blank lines in front of its record may be longer */
  maxLineBytes: number;
  /** carriage returns alone make a CSV line blank, a JSON line may have blanks too */
  format: 'csv' | 'jsonlines';
  /** where the first byte stands in the text, and how many lines are before it */
  from?: { byte: number; lines: number };
  /** whether the text is a part of one that goes on, with a line that is not blank; default: no */
  goesOn?: boolean;
}

const NEWLINE = 10;
const RETURN = 13;
/** Blank lines that follow each other must fit into memory. */
const MAX_BLANK_BYTES = 1 << 26;

/**
 * Cuts a text at line ends only. Where it is cut depends on the text alone, not on the chunks that it comes in. Blank lines go
 * to the block behind them, as those at the end of a text are no records.
 */
export class LineCutter {
  readonly #options: CutOptions;
  #buffer: Uint8Array;
  #filled = 0;
  #byte: number;
  #line: number;
  /** the last block, until it is known whether another one follows */
  #held: LineBlock | undefined;

  constructor(options: CutOptions) {
    this.#options = options;
    this.#byte = options.from?.byte ?? 0;
    this.#line = (options.from?.lines ?? 0) + 1;
    // One byte more shows that something follows.
    this.#buffer = new Uint8Array(options.targetBytes + 1);
  }

  /** @throws RequestError 413 where a line is too long */
  *push(chunk: Uint8Array): Generator<LineBlock> {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + this.#buffer.length - this.#filled);
      this.#buffer.set(piece, this.#filled);
      this.#filled += piece.length;
      at += piece.length;
      if (this.#filled === this.#buffer.length) yield* this.#cutAll(false);
    }
  }

  /** The lines that are left; the last one may have no line end. @throws RequestError 413 where a line is too long */
  *finish(): Generator<LineBlock> {
    yield* this.#cutAll(true);
    if (this.#firstRecordEnd(true) > 0) yield* this.#cut(this.#filled);
    if (this.#held) yield { ...this.#held, isEnd: this.#options.goesOn !== true };
    this.#held = undefined;
  }

  /** Cuts as long as there is more than a block. */
  *#cutAll(isOver: boolean): Generator<LineBlock> {
    while (this.#filled > this.#options.targetBytes) {
      const end = this.#blockEnd() || this.#firstRecordEnd(isOver);
      if (end > 0) {
        yield* this.#cut(end);
        continue;
      }
      // Blank lines alone, at the end of the text.
      if (isOver) return;
      const grown = new Uint8Array(this.#buffer.length * 2);
      grown.set(this.#buffer.subarray(0, this.#filled));
      this.#buffer = grown;
      return;
    }
  }

  /** @returns where the last record that fits ends, 0 where none does */
  #blockEnd(): number {
    const bytes = this.#buffer;
    let end = bytes.lastIndexOf(NEWLINE, this.#options.targetBytes - 1) + 1;
    while (end > 0) {
      const start = end < 2 ? 0 : bytes.lastIndexOf(NEWLINE, end - 2) + 1;
      if (!this.#isBlank(start, end - 1)) return end;
      end = start;
    }
    return 0;
  }

  /** @returns where the first line that is not blank ends, 0 where there is none, or its end has not come */
  #firstRecordEnd(isOver: boolean): number {
    const { maxLineBytes } = this.#options;
    let line = this.#line;
    for (let start = 0; start < this.#filled; line++) {
      const found = this.#buffer.indexOf(NEWLINE, start);
      const isWhole = found >= 0 && found < this.#filled;
      const end = isWhole ? found : this.#filled;
      if (end - start > maxLineBytes) {
        throw new RequestError(
          413,
          `line ${line}: expected a record of at most ${grouped(maxLineBytes)} bytes, got a longer one. Raise --max-payload.`,
        );
      }
      if ((isWhole || isOver) && !this.#isBlank(start, end)) return isWhole ? end + 1 : end;
      if (!isWhole) break;
      start = end + 1;
    }
    if (this.#filled > MAX_BLANK_BYTES + maxLineBytes) {
      throw new RequestError(
        413,
        `line ${this.#line}: expected a record, got ${grouped(MAX_BLANK_BYTES)} bytes of blank lines.`,
      );
    }
    return 0;
  }

  #isBlank(start: number, end: number): boolean {
    if (this.#options.format === 'csv') {
      return end === start || (end === start + 1 && this.#buffer[start] === RETURN);
    }
    for (let i = start; i < end; i++) {
      const byte = this.#buffer[i];
      if (byte !== 32 && byte !== 9 && byte !== RETURN) return false;
    }
    return true;
  }

  *#cut(end: number): Generator<LineBlock> {
    if (this.#held) yield this.#held;
    const bytes = this.#buffer.slice(0, end);
    let lineEnds = 0;
    for (let i = 0; i < bytes.length; i++) if (bytes[i] === NEWLINE) lineEnds++;
    this.#byte += end;
    this.#held = { bytes, firstLine: this.#line, lineEnds, endByte: this.#byte, isEnd: false };
    this.#line += lineEnds;
    this.#filled -= end;
    const rest = this.#buffer.subarray(end, end + this.#filled);
    if (this.#filled <= this.#options.targetBytes && this.#buffer.length > this.#options.targetBytes + 1) {
      this.#buffer = new Uint8Array(this.#options.targetBytes + 1);
      this.#buffer.set(rest);
    } else {
      this.#buffer.copyWithin(0, end, end + this.#filled);
    }
  }
}
