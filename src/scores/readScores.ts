import type { AddressWords } from '../addresses/address.ts';
import { EventReader } from '../events/readEvents.ts';
import type { ScoredFigures } from './scoredEvents.ts';
import { ScoreLine } from './scoreLine.ts';

/** What receives events; all arguments are valid during the call only. */
export interface ScoreSink {
  /** @param time seconds since 1970, NaN where unknown; @param figures undefined: nobody has scored it yet */
  event(name: Uint8Array, words: AddressWords, time: number, figures: ScoredFigures | undefined): void;
  /** A line that is no event. @param place `line 7` */
  bad(place: string, sentence: string): void;
}

/** Reads events as their bytes arrive. */
export interface ScoreReader {
  push(chunk: Uint8Array): void;
  finish(): void;
}

const NEWLINE = 10;
const RETURN = 13;
/** As for CSV: no event needs more, and memory stays bounded. */
const LONGEST_LINE_BYTES = 1 << 20;

/** What the first bytes of an input say that it is; undefined: there are blanks only, so far. */
export function formatOfScores(head: Uint8Array): 'json' | 'csv' | undefined {
  const mark = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
  for (let i = mark; i < head.length; i++) {
    if (head[i] > 32) return head[i] === 123 ? 'json' : 'csv';
  }
  return undefined;
}

/** Lines of `score`. */
export class ScoreLinesReader implements ScoreReader {
  readonly #sink: ScoreSink;
  readonly #line = new ScoreLine();
  #carry: Uint8Array = new Uint8Array(0);
  #isTooLong = false;
  #lines = 0;

  constructor(sink: ScoreSink) {
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, at);
      if (end < 0) break;
      if (this.#isTooLong || this.#carry.length > 0) this.#endCarried(chunk.subarray(at, end));
      else this.#read(chunk, at, end);
      at = end + 1;
    }
    this.#keep(chunk.subarray(at));
  }

  /** The last line, where the input does not end in a line end. */
  finish(): void {
    if (this.#isTooLong || this.#carry.length > 0) this.#endCarried(new Uint8Array(0));
  }

  #keep(rest: Uint8Array): void {
    if (rest.length === 0 || this.#isTooLong) return;
    this.#isTooLong = this.#carry.length + rest.length > LONGEST_LINE_BYTES;
    this.#carry = this.#isTooLong ? new Uint8Array(0) : joined(this.#carry, rest);
  }

  #endCarried(rest: Uint8Array): void {
    this.#keep(rest);
    if (this.#isTooLong) {
      this.#lines++;
      this.#sink.bad(`line ${this.#lines}`, 'expected a line of at most 1 MiB, got a longer one.');
    } else {
      this.#read(this.#carry, 0, this.#carry.length);
    }
    this.#isTooLong = false;
    this.#carry = new Uint8Array(0);
  }

  #read(bytes: Uint8Array, from: number, to: number): void {
    this.#lines++;
    let [start, end] = [from, to];
    if (this.#lines === 1 && bytes[start] === 0xef && bytes[start + 1] === 0xbb) start += 3;
    while (end > start && (bytes[end - 1] === RETURN || bytes[end - 1] === 32)) end--;
    while (start < end && (bytes[start] === 32 || bytes[start] === 9)) start++;
    if (start === end) return;
    const line = this.#line;
    const fault = line.read(bytes, start, end);
    if (fault !== undefined) {
      this.#sink.bad(`line ${this.#lines}`, fault);
      return;
    }
    const name = line.nameBytes.subarray(line.nameStart, line.nameEnd);
    this.#sink.event(name, line.words, line.time, line.isScored ? line.figures : undefined);
  }
}

/** Events that nobody has scored: CSV `entity,address[,time]`. */
export class EventLinesReader implements ScoreReader {
  readonly #reader: EventReader;

  constructor(name: string, sink: ScoreSink) {
    // A header row comes as a bad line, since each line is to be told of; the first is none where nothing parses in it.
    const onBadLine = (line: number, sentence: string) => {
      if (line > 1 || !/field 2, got "[a-z_ -]+"/i.test(sentence)) sink.bad(`line ${line}`, sentence);
    };
    this.#reader = new EventReader({ name, onBadLine }, ({ bytes, entityStart, entityEnd, words, time }) =>
      sink.event(bytes.subarray(entityStart, entityEnd), words, time, undefined),
    );
  }

  push(chunk: Uint8Array): void {
    this.#reader.push(chunk);
  }

  finish(): void {
    this.#reader.finish();
  }
}

export function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b.slice();
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
