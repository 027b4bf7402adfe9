import { closeSync, fdatasyncSync, ftruncateSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { writeFailure } from '../files/atomicFile.ts';

/** The name of an output until it is whole. Hidden, so that no folder of inputs has it among them. */
export const partNameOf = (output: string) => join(dirname(output), `.${basename(output)}.part`);

/** An output in the making. It stays where the process dies, and whoever goes on cuts off what was written too much. */
export class PartFile {
  readonly #output: string;
  readonly #file: number;
  #isOpen = true;
  sizeBytes: number;

  /**
   * @param keptBytes of an earlier run, 0 to begin anew
   * @throws InputError where it cannot be written
   */
  constructor(output: string, keptBytes: number) {
    this.#output = output;
    this.sizeBytes = keptBytes;
    try {
      this.#file = openSync(partNameOf(output), keptBytes > 0 ? 'r+' : 'w', 0o644);
      ftruncateSync(this.#file, keptBytes);
    } catch (error) {
      throw writeFailure(output, error);
    }
  }

  /** @throws InputError where the disk is full */
  write(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length; ) {
        const written = writeSync(this.#file, bytes, at, bytes.length - at, this.sizeBytes);
        at += written;
        this.sizeBytes += written;
      }
    } catch (error) {
      throw writeFailure(this.#output, error);
    }
  }

  /** Returns when what was written is safe from a power cut. */
  sync(): void {
    try {
      fdatasyncSync(this.#file);
    } catch (error) {
      throw writeFailure(this.#output, error);
    }
  }

  /** Gives it the name of the output. */
  commit(): void {
    try {
      this.sync();
      this.close();
      renameSync(partNameOf(this.#output), this.#output);
    } catch (error) {
      throw writeFailure(this.#output, error);
    }
  }

  /** Keeps it for another run. */
  close(): void {
    if (this.#isOpen) closeSync(this.#file);
    this.#isOpen = false;
  }

  remove(): void {
    this.close();
    rmSync(partNameOf(this.#output), { force: true });
  }
}
