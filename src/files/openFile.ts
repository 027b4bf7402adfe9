import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { InputError } from '../errors.ts';
import { readFailure, readInto } from './input.ts';

/** Whether a path leads to a file that has a size and can be read again: no pipe, no folder, and there is one. */
export const isPlainFile = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** A file that is read at any place, as much as is wanted, without being in memory whole. */
export class OpenFile {
  readonly sizeBytes: number;
  readonly #path: string;
  readonly #file: number;
  #piece = new Uint8Array(0);

  /** @throws InputError where it cannot be read, or is no file with a size (a folder, a pipe) */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#file = openSync(path, 'r');
    } catch (error) {
      throw readFailure(path, error);
    }
    const stat = fstatSync(this.#file);
    this.sizeBytes = stat.size;
    if (stat.isFile()) return;
    this.close();
    throw new InputError(
      `${path}: expected a file, found a folder or device. Remove it or name another one.`,
    );
  }

  /** @returns bytes [from, from + length); good until the next call */
  piece(from: number, length: number): Uint8Array {
    if (this.#piece.length < length) this.#piece = new Uint8Array(length);
    const piece = this.#piece.subarray(0, length);
    this.fill(from, piece);
    return piece;
  }

  /**
   * Fills memory, shared or not, with the bytes from there on.
   * @throws InputError where the file ends before
   */
  fill(from: number, into: Pick<DataView, 'buffer' | 'byteOffset' | 'byteLength'>): void {
    let got: number;
    try {
      got = readInto(this.#file, from, into);
    } catch (error) {
      throw readFailure(this.#path, error);
    }
    if (got === into.byteLength) return;
    throw new InputError(
      `${this.#path}: ends at byte ${from + got}, it had ${this.sizeBytes} when it was opened. Somebody is changing it: copy it again.`,
    );
  }

  close(): void {
    closeSync(this.#file);
  }
}
