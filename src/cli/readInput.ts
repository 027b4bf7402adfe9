import type { EntityDictionary } from '../events/events.ts';
import { formatReadSummary, type ReadOptions, readEvents } from '../events/readEvents.ts';
import { fileSizeBytes, inputName, readChunks } from '../files/input.ts';
import { startProgress } from './progress.ts';

/** The chunks of several files as one input; a file that does not end in a line end gets one. */
async function* concatenate(paths: string[], onBytes: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for (const path of paths) {
    let lastByte = 10;
    for await (const chunk of readChunks(path, onBytes)) {
      if (chunk.length > 0) lastByte = chunk[chunk.length - 1];
      yield chunk;
    }
    if (paths.length > 1 && lastByte !== 10) yield Uint8Array.of(10);
  }
}

/** Reads events from files (or `-`), with progress and a summary on stderr that accounts for every line. */
export async function readEventFiles(
  paths: string[],
  options: Omit<ReadOptions, 'name'>,
  dictionary?: EntityDictionary,
): ReturnType<typeof readEvents> {
  const name = paths.map(inputName).join(', ');
  const totalBytes = paths.reduce((sum, path) => sum + fileSizeBytes(path), 0);
  const progress = startProgress({ label: `reading ${name}`, total: totalBytes / 1e6, unit: 'MB' });
  let done = 0;
  try {
    const chunks = concatenate(paths, (bytes) => {
      done += bytes;
      progress.update(done / 1e6);
    });
    const read = await readEvents(chunks, { ...options, name }, dictionary);
    progress.stop();
    process.stderr.write(`${name}: ${formatReadSummary(read.summary)}\n`);
    return read;
  } finally {
    progress.stop();
  }
}
