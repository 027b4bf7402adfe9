import type { EntityDictionary } from '../events/events.ts';
import {
  formatReadSummary,
  type ReadOptions,
  type ReadResult,
  readTexts,
  requireEvents,
} from '../events/readEvents.ts';
import { fileSizeBytes, inputName, readChunks } from '../files/input.ts';
import { startProgress } from './progress.ts';

/** Reads events from files (or `-`), with progress and a summary on stderr that accounts for every line. */
export async function readEventFiles(
  paths: string[],
  options: Omit<ReadOptions, 'name' | 'stretch'>,
  dictionary?: EntityDictionary,
): Promise<ReadResult> {
  const name = paths.map(inputName).join(', ');
  const totalBytes = paths.reduce((sum, path) => sum + fileSizeBytes(path), 0);
  const progress = startProgress({ label: `reading ${name}`, total: totalBytes / 1e6, unit: 'MB' });
  let done = 0;
  const onBytes = (bytes: number) => {
    done += bytes;
    progress.update(done / 1e6);
  };
  try {
    const texts = paths.map((path) => ({ name: inputName(path), chunks: readChunks(path, onBytes) }));
    const read = await readTexts(texts, options, dictionary);
    requireEvents(name, read.summary, options.columns);
    progress.stop();
    process.stderr.write(`${name}: ${formatReadSummary(read.summary)}\n`);
    return read;
  } finally {
    progress.stop();
  }
}
