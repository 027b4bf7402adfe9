import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { counted, InputError } from '../errors.ts';
import { readFailure, readInto } from './input.ts';

const PLACES = 64;
const PLACE_BYTES = 4096;

/**
 * What tells two files apart without reading all of them: the size, and 64 places of 4 KiB from the first byte to the last. A change
 * elsewhere that leaves the size goes unnoticed.
 * @returns in words, such as `1,234 bytes, SHA-256 of samples 0123456789abcdef`
 * @throws InputError where it cannot be read
 */
export function fingerprint(path: string): string {
  try {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      const hash = createHash('sha256');
      const block = new Uint8Array(PLACE_BYTES);
      for (let i = 0; i < PLACES; i++) {
        const from = Math.floor((Math.max(0, size - PLACE_BYTES) * i) / (PLACES - 1));
        hash.update(block.subarray(0, readInto(file, from, block)));
      }
      return `${counted(size, 'byte')}, SHA-256 of samples ${hash.digest('hex').slice(0, 16)}`;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw readFailure(path, error);
  }
}

/** Whether a file stays as it is while it is read: processes that each read a part would have parts of different files. */
export class FileAtRest {
  readonly #path: string;
  readonly #file: number;
  readonly #before: string;

  /** @throws InputError where the file cannot be read */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#file = openSync(path, 'r');
      this.#before = this.#state();
    } catch (error) {
      throw readFailure(path, error);
    }
  }

  /** Once; closes the file. @throws InputError where it was written to since */
  requireUnchanged(): void {
    try {
      if (this.#state() === this.#before) return;
    } finally {
      closeSync(this.#file);
    }
    throw new InputError(
      `${this.#path}: expected a file that stays as it is, but it was written to while it was read. Wait until it is complete, then run this again.`,
    );
  }

  #state(): string {
    const { size, mtimeNs } = fstatSync(this.#file, { bigint: true });
    return `${size} ${mtimeNs}`;
  }
}
