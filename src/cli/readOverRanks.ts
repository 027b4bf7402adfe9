import { hashModulo } from '../events/entityHash.ts';
import type { Events } from '../events/events.ts';
import { withoutFuture } from '../events/future.ts';
import {
  type EventText,
  formatReadSummary,
  type ReadSummary,
  readTexts,
  requireEvents,
} from '../events/readEvents.ts';
import { countEntities, type RankEvents, routeEvents } from '../events/routeEvents.ts';
import { FileAtRest } from '../files/fingerprint.ts';
import { inputName } from '../files/input.ts';
import { cutFiles, isGzip, sharedFileSize } from '../files/shard.ts';
import { toldByAll } from '../mpi/ofAllRanks.ts';
import type { Ranks } from '../mpi/ranks.ts';
import { RANKS, requireSameFiles } from '../mpi/sameFiles.ts';
import { completeHyperparameters, type Hyperparameters } from '../neural/hyperparameters.ts';
import { ownerOf } from '../neural/ranks/rankPlan.ts';
import { shareOf } from './sharedEvents.ts';
import { aheadText } from './trainingText.ts';

/** What all ranks have read together. */
export interface ReadOverRanks {
  /** of the entities that this rank has */
  train: RankEvents;
  validation: RankEvents | undefined;
}

/**
 * Each rank reads its part of the files; then every event goes to the rank that has its entity. Called by all ranks.
 * @param tell writes a line; of the first rank alone it is heard
 * @throws InputError where ranks do not see the same files, or somebody writes to one meanwhile
 */
export async function readOverRanks(
  ranks: Ranks,
  files: { train: string[]; validation: string | undefined; onBadLine: 'error' | 'skip' },
  hyperparameters: Partial<Hyperparameters>,
  tell: (line: string) => void,
): Promise<ReadOverRanks> {
  const { onBadLine } = files;
  requireSameFiles(ranks, [...files.train, ...(files.validation === undefined ? [] : [files.validation])]);
  const now = clockOfFirst(ranks);
  const train = await readShare(ranks, files.train, onBadLine, now, tell);
  const validation =
    files.validation === undefined
      ? undefined
      : await readShare(ranks, [files.validation], onBadLine, now, tell);
  return routeToOwners(ranks, { events: train }, validation && { events: validation }, hyperparameters);
}

/** What one rank has read. */
export interface RankRead {
  events: Events;
  /** number of each among those of all ranks, ascending; undefined: what ranks have read follows each other by rank */
  numbers?: Float64Array | undefined;
}

/** Sends every event to the rank that has its entity. Called by all ranks. */
export function routeToOwners(
  ranks: Ranks,
  train: RankRead,
  validation: RankRead | undefined,
  hyperparameters: Partial<Hyperparameters>,
): ReadOverRanks {
  const { numEntityVectors } = completeHyperparameters(hyperparameters, countEntities(ranks, train.events));
  const owner = (low: number, high: number) =>
    ownerOf(hashModulo(low, high, numEntityVectors), numEntityVectors, ranks.size);
  return {
    train: routeEvents(ranks, train.events, owner, train.numbers),
    validation: validation && routeEvents(ranks, validation.events, owner, validation.numbers),
  };
}

/** What lies in the future must do so for all. */
export function clockOfFirst(ranks: Ranks): number {
  const now = new Uint8Array(Float64Array.of(Date.now() / 1000).buffer);
  return new Float64Array(ranks.broadcast(now, 0).slice().buffer)[0];
}

async function readShare(
  ranks: Ranks,
  paths: string[],
  onBadLine: 'error' | 'skip',
  now: number,
  tell: (line: string) => void,
) {
  const files = paths.map((path) => new FileAtRest(path));
  const read = await readTexts(await textsOf(ranks, paths), { onBadLine });
  for (const file of files) file.requireUnchanged();
  const summary = addedUp(ranks, read.summary);
  const name = paths.map(inputName).join(', ');
  requireEvents(name, summary);
  tell(`${name}: ${formatReadSummary(summary)}`);
  const { events, ahead } = withoutFuture(read.events, now);
  const all = Float64Array.of(ahead);
  ranks.sumOfIntegers(all);
  if (all[0] > 0) tell(aheadText(all[0]));
  return events;
}

/** This rank's part of files that all see, as if they were one: about as many bytes as others have. */
export async function textsOf(ranks: Ranks, paths: string[]): Promise<EventText[]> {
  const files = paths.map((path) => ({ path, sizeBytes: sharedFileSize(path, RANKS) }));
  const shares = cutFiles(files, { number: ranks.rank + 1, count: ranks.size }, isGzip);
  const texts: EventText[] = [];
  for (const [i, share] of shares.entries()) {
    if (share === undefined) continue;
    const { path, sizeBytes } = files[i];
    const { stretch, chunks } = await shareOf(path, share, sizeBytes);
    texts.push({ name: inputName(path), stretch, chunks: chunks(() => ranks.progressed()) });
  }
  return texts;
}

/** What all ranks have read, of what each has. Called by all ranks. */
export function addedUp(ranks: Ranks, own: ReadSummary): ReadSummary {
  const all: ReadSummary = { lines: 0, events: 0, headerLines: 0, blankLines: 0, skipped: new Map() };
  for (const one of toldByAll(ranks, { ...own, skipped: [...own.skipped] })) {
    all.lines += one.lines;
    all.events += one.events;
    all.headerLines += one.headerLines;
    all.blankLines += one.blankLines;
    for (const [reason, count] of one.skipped)
      all.skipped.set(reason, (all.skipped.get(reason) ?? 0) + count);
  }
  return all;
}
