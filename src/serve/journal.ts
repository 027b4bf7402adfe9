import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type AddressWords, formatAddress } from '../addresses/address.ts';
import { InputError } from '../errors.ts';
import { hashEntityBytes } from '../events/entityHash.ts';
import { EventReader } from '../events/readEvents.ts';
import { formatTime } from '../events/time.ts';
import { AtomicFile, writeFailure } from '../files/atomicFile.ts';
import { readChunks, readInto } from '../files/input.ts';

const NEWLINE = 10;

/** An event that a model was told of. */
export interface Observation {
  entity: string;
  words: AddressWords;
  /** seconds since 1970 */
  time: number;
}

/**
 * Observed events as a CSV file that only grows: what a server was told survives its end, and `ip-insights update` takes it.
 * Events are with the operating system when `append` returns: they survive a kill -9, not a power cut.
 */
export class Journal {
  readonly path: string;
  #file: number;

  /**
   * Opens or makes the file. What a killed server was writing when it died is cut off: nobody was told that it was kept.
   * @throws InputError where it cannot be written
   */
  constructor(path: string) {
    this.path = path;
    try {
      this.#file = openSync(path, 'a+');
    } catch (error) {
      throw writeFailure(path, error);
    }
    const stat = fstatSync(this.#file);
    if (!stat.isFile()) {
      closeSync(this.#file);
      throw new InputError(`${path}: expected a file to keep observed events in, found a folder or device.`);
    }
    ftruncateSync(this.#file, wholeLines(this.#file, stat.size));
  }

  /**
   * Keeps events, all or none.
   * @throws InputError where the disk is full
   */
  append(observations: Observation[]): void {
    const bytes = Buffer.from(observations.map(lineOf).join(''));
    this.#reopenIfReplaced();
    this.#write(bytes);
    // Another server may have copied the file before this was written, and replaced it after.
    if (this.#reopenIfReplaced() && !readFileSync(this.path).includes(bytes)) this.#write(bytes);
  }

  #write(bytes: Uint8Array): void {
    const before = fstatSync(this.#file).size;
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#file, bytes, written);
    } catch (error) {
      if (written > 0) ftruncateSync(this.#file, before);
      throw writeFailure(this.path, error);
    }
  }

  /**
   * The events that are kept when it is called, in their order; not those that come meanwhile.
   * @param take is given low and high word of the entity's hash, u32[4] of the address, and the time; valid during the call only
   * @returns how many
   * @throws InputError at a line that is none of ours
   */
  async replay(take: (hash: Uint32Array, words: AddressWords, time: number) => void): Promise<number> {
    this.#reopenIfReplaced();
    const sizeBytes = fstatSync(this.#file).size;
    const hash = new Uint32Array(2);
    const options = {
      name: this.path,
      onBadLine: (line: number, sentence: string) => {
        throw new InputError(`${this.path}:${line}: ${sentence} Remove the line, or name another journal.`);
      },
    };
    const reader = new EventReader(options, ({ bytes, entityStart, entityEnd, words, time }) => {
      hashEntityBytes(bytes, entityStart, entityEnd, hash);
      take(hash, words, time);
    });
    let left = sizeBytes;
    for await (const chunk of readChunks(this.path)) {
      reader.push(chunk.subarray(0, left));
      left -= Math.min(left, chunk.length);
    }
    return reader.finish().events;
  }

  /**
   * Takes the last line of an event out of the file, which is replaced in one step; what is appended meanwhile stays.
   * @returns whether there was one
   * @throws InputError where the file cannot be written; then it is as it was
   */
  async remove(one: Observation): Promise<boolean> {
    if (Number.isNaN(one.time)) return false;
    this.#reopenIfReplaced();
    const sizeBytes = fstatSync(this.#file).size;
    const bytes = (await readFile(this.path)).subarray(0, sizeBytes);
    const line = Buffer.from(lineOf(one));
    let at = bytes.lastIndexOf(line);
    while (at > 0 && bytes[at - 1] !== NEWLINE) at = bytes.lastIndexOf(line, at - 1);
    if (at < 0) return false;
    const copy = new AtomicFile(this.path);
    try {
      copy.write(bytes.subarray(0, at));
      copy.write(bytes.subarray(at + line.length));
      copy.write(this.#since(sizeBytes));
      copy.commit();
    } finally {
      copy.abandon();
    }
    this.#reopenIfReplaced();
    return true;
  }

  /** Goes on with the file that has the name now, where an event was taken out of it. @returns whether it was another one */
  #reopenIfReplaced(): boolean {
    const now = statSync(this.path, { throwIfNoEntry: false });
    // Where somebody has moved it away, what is kept stays in what was moved.
    if (now === undefined || now.ino === fstatSync(this.#file).ino) return false;
    closeSync(this.#file);
    this.#file = openSync(this.path, 'a+');
    return true;
  }

  /** What was appended to so many bytes. */
  #since(sizeBytes: number): Uint8Array {
    const rest = new Uint8Array(fstatSync(this.#file).size - sizeBytes);
    readInto(this.#file, sizeBytes, rest);
    return rest;
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Whether a name can stand in a line of the journal. */
export const isOneLine = (entity: string) => !/[\r\n]/.test(entity);

export const csvField = (text: string): string =>
  /^[ \t]|[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

const lineOf = ({ entity, words, time }: Observation): string =>
  `${csvField(entity)},${formatAddress(words)},${formatTime(time)}\n`;

/** Where the last whole line of a file ends. */
function wholeLines(file: number, sizeBytes: number): number {
  const piece = new Uint8Array(1 << 16);
  for (let end = sizeBytes; end > 0; ) {
    const from = Math.max(0, end - piece.length);
    const got = readSync(file, piece, 0, end - from, from);
    const newline = piece.subarray(0, got).lastIndexOf(NEWLINE);
    if (newline >= 0) return from + newline + 1;
    end = from;
  }
  return 0;
}
