import { startProgress } from '../cli/progress.ts';
import { aheadText } from '../cli/trainingText.ts';
import { counted, InputError } from '../errors.ts';
import { type Events, EventsBuilder } from '../events/events.ts';
import { withoutFuture } from '../events/future.ts';
import { EventReader, formatReadSummary, type ReadSummary } from '../events/readEvents.ts';
import { fileSizeBytes, readChunks } from '../files/input.ts';

/**
 * The events of a channel's files, one file after the other. Each is read on its own, so that a message names the file and
 * its line, and any of them may begin with a header row. Those that lie in the future are left out, and counted.
 * @throws InputError at the first bad line where `onBadLine` is `error`, or where there is no event
 */
export async function readChannel(
  name: string,
  paths: string[],
  onBadLine: 'error' | 'skip',
): Promise<Events> {
  const builder = new EventsBuilder();
  const total: ReadSummary = { lines: 0, events: 0, headerLines: 0, blankLines: 0, skipped: new Map() };
  const totalBytes = paths.reduce((sum, path) => sum + fileSizeBytes(path), 0);
  const progress = startProgress({ label: `reading channel ${name}`, total: totalBytes / 1e6, unit: 'MB' });
  let done = 0;
  try {
    for (const path of paths) {
      const reader = new EventReader(
        { name: path, onBadLine },
        ({ bytes, entityStart, entityEnd, words, time }) =>
          builder.add(bytes, entityStart, entityEnd, words, time),
      );
      const chunks = readChunks(path, (bytes) => {
        done += bytes;
        progress.update(done / 1e6);
      });
      for await (const chunk of chunks) reader.push(chunk);
      addUp(total, reader.finish());
    }
  } finally {
    progress.stop();
  }
  process.stderr.write(`channel ${name}: ${formatReadSummary(total)}\n`);
  const { events, ahead } = withoutFuture(builder.build(), Date.now() / 1000);
  if (ahead > 0) process.stderr.write(`channel ${name}: ${aheadText(ahead)}\n`);
  if (events.count === 0) throw noEvents(name, total, paths.length, paths[0]);
  return events;
}

/** Files that hold nothing to learn from. @param first of them */
export const noEvents = (name: string, read: ReadSummary, files: number, first: string): InputError =>
  new InputError(
    `channel ${name}: expected events of the past (entity,address[,time]), got none in ${counted(files, 'file')} (${formatReadSummary(read)}). Check them; the first is ${first}.`,
  );

function addUp(total: ReadSummary, one: ReadSummary): void {
  total.lines += one.lines;
  total.events += one.events;
  total.headerLines += one.headerLines;
  total.blankLines += one.blankLines;
  for (const [reason, count] of one.skipped) {
    total.skipped.set(reason, (total.skipped.get(reason) ?? 0) + count);
  }
}
