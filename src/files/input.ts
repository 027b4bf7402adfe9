import { closeSync, createReadStream, openSync, readFileSync, readSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip, constants as zlib } from 'node:zlib';
import { InputError } from '../errors.ts';

/** How messages call the input named `path`. */
export function inputName(path: string): string {
  return path === '-' ? 'standard input' : path;
}

/** An error of the operating system while reading, in words, with the next step. */
export function readFailure(path: string, error: unknown): Error {
  const name = inputName(path);
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new InputError(
        `${name}: there is no such file. Check the name, or the folder that the command runs in.`,
      );
    case 'EACCES':
    case 'EPERM':
      return new InputError(
        `${name}: no permission to read it. Change its permissions, or run as its owner.`,
      );
    case 'EISDIR':
      return new InputError(
        `${name}: is a folder, expected a file. Name the files in it, e.g. ${name}/*.csv.`,
      );
    case 'Z_BUF_ERROR':
      return new InputError(
        `${name}: the gzip data ends in the middle (truncated file). Copy or download it again.`,
      );
    case 'Z_DATA_ERROR':
      return new InputError(`${name}: the gzip data is damaged (${message}). Copy or download it again.`);
    default:
      return error as Error;
  }
}

/**
 * The bytes of a file, or of standard input for `-`; gzip is recognised by its first two bytes, not by its name.
 * @param onCompressedBytes told how many bytes of the file itself were read, for progress
 */
export async function* readChunks(
  path: string,
  onCompressedBytes: (bytes: number) => void = () => {},
): AsyncGenerator<Uint8Array> {
  const source: Readable = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: 1 << 20 });
  try {
    let first = true;
    let gunzip: ReturnType<typeof createGunzip> | undefined;
    let held: Buffer | undefined;
    const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const counted = async function* () {
      if (held) yield held;
      for (;;) {
        const { done, value } = await chunks.next();
        if (done) return;
        onCompressedBytes(value.length);
        yield value;
      }
    };
    while (first) {
      const { done, value } = await chunks.next();
      if (done) {
        if (held) yield held;
        return;
      }
      onCompressedBytes(value.length);
      held = held ? Buffer.concat([held, value]) : value;
      if (held.length >= 2) first = false;
    }
    if (held![0] === 0x1f && held![1] === 0x8b) {
      gunzip = createGunzip({ chunkSize: 1 << 18, finishFlush: zlib.Z_FINISH });
      const input = counted();
      const { Readable: ReadableStream, pipeline } = await import('node:stream');
      pipeline(ReadableStream.from(input), gunzip, () => {});
      yield* gunzip as AsyncIterable<Uint8Array>;
    } else {
      yield* counted();
    }
  } catch (error) {
    throw readFailure(path, error);
  } finally {
    if (path !== '-') source.destroy();
  }
}

/** Size of a file in bytes, 0 for standard input and pipes. */
export function fileSizeBytes(path: string): number {
  if (path === '-') return 0;
  try {
    const stat = statSync(path);
    return stat.isFile() ? stat.size : 0;
  } catch (error) {
    throw readFailure(path, error);
  }
}

/** A whole file, however large (a Node buffer read in one call may not pass 2 GiB). */
export function readWholeFile(path: string): Uint8Array {
  try {
    const size = statSync(path).size;
    if (size < 2 ** 31 - 1) return readFileSync(path);
    const bytes = new Uint8Array(size);
    const file = openSync(path, 'r');
    try {
      for (let at = 0; at < size; ) {
        const got = readSync(file, bytes, at, Math.min(1 << 30, size - at), at);
        if (got === 0) break;
        at += got;
      }
    } finally {
      closeSync(file);
    }
    return bytes;
  } catch (error) {
    throw readFailure(path, error);
  }
}
