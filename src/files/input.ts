import { closeSync, createReadStream, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip, constants as zlib } from 'node:zlib';
import { InputError, quoted } from '../errors.ts';

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
    case 'ENAMETOOLONG':
      return new InputError(`${quoted(name)}: a file name of ${name.length} characters is too long.`);
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
 * @param from              how many bytes of the content are passed over
 * @throws InputError where the file cannot be read, or is gzip that is damaged or cut short
 */
export async function* readChunks(
  path: string,
  onCompressedBytes: (bytes: number) => void = () => {},
  from = 0,
): AsyncGenerator<Uint8Array> {
  if (from > 0) {
    // Files that are not compressed could be entered at that place, but reading takes a hundredth of what follows.
    let left = from;
    for await (const chunk of readChunks(path, onCompressedBytes)) {
      if (chunk.length > left) yield chunk.subarray(left);
      left -= Math.min(left, chunk.length);
    }
    return;
  }
  const source: Readable = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: 1 << 20 });
  try {
    const chunks = countedChunks(source, onCompressedBytes);
    // The first two bytes may come one by one.
    let head = Buffer.alloc(0);
    while (head.length < 2) {
      const { done, value } = await chunks.next();
      if (done) break;
      head = Buffer.concat([head, value]);
    }
    if (head[0] === 0x1f && head[1] === 0x8b) {
      const gunzip = createGunzip({ chunkSize: 1 << 18, finishFlush: zlib.Z_FINISH });
      // Errors of either end reach the loop over `gunzip`.
      pipeline(Readable.from(joined(head, chunks)), gunzip, () => {});
      yield* gunzip as AsyncIterable<Uint8Array>;
    } else {
      yield* joined(head, chunks);
    }
  } catch (error) {
    throw readFailure(path, error);
  } finally {
    if (path !== '-') source.destroy();
  }
}

/**
 * Bytes [from, to) of a plain file, as they lie there.
 * @throws InputError where the file cannot be read
 */
export async function* readRange(
  path: string,
  from: number,
  to: number,
  onBytes: (bytes: number) => void = () => {},
): AsyncGenerator<Uint8Array> {
  if (from >= to) return;
  // `end` is the last byte.
  const source = createReadStream(path, { start: from, end: to - 1, highWaterMark: 1 << 20 });
  try {
    yield* countedChunks(source, onBytes);
  } catch (error) {
    throw readFailure(path, error);
  } finally {
    source.destroy();
  }
}

async function* countedChunks(
  source: AsyncIterable<Buffer>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    onBytes(chunk.length);
    yield chunk;
  }
}

async function* joined(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  yield* rest;
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

/** The bytes of a whole file. @throws InputError where it cannot be read */
export function readWholeFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw readFailure(path, error);
  }
}

/** Neither Node nor the system reads more than 2 GiB in one call. */
const PIECE_BYTES = 1 << 30;

/**
 * Fills memory, shared or not, with the bytes of an open file from a place on.
 * @returns how many there were; fewer than wanted where the file ends before
 */
export function readInto(
  file: number,
  from: number,
  { buffer, byteOffset, byteLength }: Pick<DataView, 'buffer' | 'byteOffset' | 'byteLength'>,
): number {
  let at = 0;
  while (at < byteLength) {
    const piece = new Uint8Array(buffer, byteOffset + at, Math.min(PIECE_BYTES, byteLength - at));
    const got = readSync(file, piece, 0, piece.length, from + at);
    if (got === 0) break;
    at += got;
  }
  return at;
}

/** Read in one go; Node takes less than 2 GiB. */
const READ_PIECE_BYTES = 1 << 25;

/**
 * The same as `readWholeView`, while this thread does something else.
 * @throws InputError where it cannot be read
 */
export async function readWholeViewMeanwhile(
  path: string,
  allocate: (sizeBytes: number) => DataView,
): Promise<DataView> {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return withoutSize(path);
    const { size } = stat;
    const file = await open(path);
    try {
      const { buffer, byteOffset } = allocate(size);
      let at = 0;
      while (at < size) {
        const piece = new Uint8Array(buffer, byteOffset + at, Math.min(READ_PIECE_BYTES, size - at));
        const { bytesRead } = await file.read(piece, 0, piece.length, at);
        // Somebody is shortening the file meanwhile.
        if (bytesRead === 0) break;
        at += bytesRead;
      }
      return new DataView(buffer, byteOffset, at);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw readFailure(path, error);
  }
}

/** A pipe or device does not tell its size. */
function withoutSize(path: string): DataView {
  const { buffer, byteOffset, byteLength } = readFileSync(path);
  return new DataView(buffer, byteOffset, byteLength);
}

/**
 * A whole file of any size; an array of bytes ends at 4 GiB (Node 20), a view of a buffer does not.
 * @param allocate gives the memory for its bytes
 * @throws InputError where it cannot be read
 */
export function readWholeView(path: string, allocate: (sizeBytes: number) => DataView): DataView {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return withoutSize(path);
    const { buffer, byteOffset } = allocate(stat.size);
    const file = openSync(path, 'r');
    try {
      // Less where somebody is shortening the file meanwhile.
      const got = readInto(file, 0, new DataView(buffer, byteOffset, stat.size));
      return new DataView(buffer, byteOffset, got);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw readFailure(path, error);
  }
}
