import { type Stretch, textStart } from '../events/readEvents.ts';
import { findRecordStart } from '../events/recordStart.ts';
import { fileSizeBytes, inputName, readChunks, readRange } from '../files/input.ts';
import { cutFiles, type FileShare, isGzip, type Shard, sharedFileSize } from '../files/shard.ts';

/** What one task reads of a file of events. */
export interface EventsToRead {
  /** undefined: all of it */
  stretch: Stretch | undefined;
  /** the bytes, to be left off where the reader has all; called once */
  chunks(onBytes: (bytes: number) => void): AsyncIterable<Uint8Array>;
  /** about so many bytes of the file are read, 0 where that is not known */
  sizeBytes: number;
}

/**
 * Finds a shard's part of a file. Plain text is looked through from its beginning up to there.
 * @throws UsageError for standard input, InputError where the file cannot be read or is UTF-16
 */
export async function eventsOf(path: string, shard: Shard | undefined): Promise<EventsToRead> {
  if (shard === undefined) return allOf(path, fileSizeBytes(path));
  const sizeBytes = sharedFileSize(path);
  const [share] = cutFiles([{ path, sizeBytes }], shard, isGzip);
  if (share === undefined) return { stretch: undefined, chunks: () => nothing(), sizeBytes: 0 };
  return shareOf(path, share, sizeBytes);
}

const allOf = (path: string, sizeBytes: number): EventsToRead => ({
  stretch: undefined,
  chunks: (onBytes) => readChunks(path, onBytes),
  sizeBytes,
});

/** What a task reads of a file of which it has this share. */
export async function shareOf(
  path: string,
  { from, to, isWhole }: FileShare,
  sizeBytes: number,
): Promise<EventsToRead> {
  if (isWhole) return allOf(path, sizeBytes);
  const { byte, line } = from === 0 ? { byte: 0, line: 1 } : await recordStart(path, from, sizeBytes);
  return {
    stretch: { byte, line, until: to },
    chunks: (onBytes) => (byte < to ? readRange(path, byte, sizeBytes, onBytes) : nothing()),
    sizeBytes: Math.max(0, to - byte),
  };
}

async function recordStart(path: string, place: number, sizeBytes: number) {
  let mark = 0;
  for await (const head of readRange(path, 0, Math.min(3, sizeBytes)))
    mark = textStart(head, inputName(path));
  return findRecordStart(readRange(path, mark, sizeBytes), place, mark);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
