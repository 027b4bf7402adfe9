import { relative, sep } from 'node:path';
import { addedUp, clockOfFirst, type RankRead, textsOf } from '../cli/readOverRanks.ts';
import { aheadText } from '../cli/trainingText.ts';
import { counted, InputError } from '../errors.ts';
import { latestTime, withoutFuture } from '../events/future.ts';
import { formatReadSummary, readTexts } from '../events/readEvents.ts';
import { FileAtRest, fingerprint } from '../files/fingerprint.ts';
import { readChunks } from '../files/input.ts';
import { agree } from '../mpi/agreement.ts';
import { toldByAll } from '../mpi/ofAllRanks.ts';
import type { Ranks } from '../mpi/ranks.ts';
import { SAME_FILES } from '../mpi/sameFiles.ts';
import { type ChannelName, channelFolder, type Distribution, findFiles, foundText } from './channels.ts';
import { noEvents } from './readChannel.ts';

/** A channel of a job of several hosts, with one rank on each. */
export interface RankChannel {
  name: ChannelName;
  /** of all hosts, as names within the channel, in the order in which one host alone would read them */
  names: string[];
  /** whether every host has them all (FullyReplicated); else each is on one host alone (ShardedByS3Key) */
  isReplicated: boolean;
  /** paths of those that this host has, in that order */
  own: string[];
}

/** What each host tells of a channel. */
interface Listing {
  names: string[];
  empty: number;
  hidden: number;
}

/**
 * Which files of a channel are where. Called by all ranks.
 * @param distribution what the job says; where it says nothing, the files tell
 * @param tell         writes a line; of the first rank alone it is heard
 * @throws InputError where hosts have some files in common and others not, or there is none
 */
export function findRankChannel(
  ranks: Ranks,
  name: ChannelName,
  distribution: Distribution,
  tell: (line: string) => void,
): RankChannel {
  const folder = channelFolder(name);
  const { files, empty, hidden } = findFiles(name);
  const nameOf = (path: string) => relative(folder, path).split(sep).join('/');
  const own: Listing = { names: files.map(nameOf), empty, hidden };
  const listings = toldByAll(ranks, own);
  const holders = new Map<string, number[]>();
  for (const [rank, { names }] of listings.entries()) {
    for (const one of names) holders.set(one, [...(holders.get(one) ?? []), rank]);
  }
  const isReplicated = [...holders.values()].every(({ length }) => length === ranks.size);
  if (!isReplicated) requireOneHolder(ranks, name, distribution, holders);
  const names = [...holders.keys()].sort(inOrderOfWalk);
  const sum = (of: 'empty' | 'hidden') =>
    isReplicated ? listings[0][of] : listings.reduce((all, listing) => all + listing[of], 0);
  const text = foundText(name, names.length, { empty: sum('empty'), hidden: sum('hidden') });
  const what = isReplicated ? 'all on every host' : 'each on one of them';
  tell(`${text} (${counted(ranks.size, 'host')}, ${what})`);
  if (isReplicated) {
    const marks = files.map((path) => [`channel ${name}: ${nameOf(path)}`, fingerprint(path)]);
    agree(ranks, Object.fromEntries(marks), SAME_FILES);
  }
  return { name, names, isReplicated, own: files };
}

/** As a walk through folders goes, each in the order of its names: by parts of the path. */
function inOrderOfWalk(one: string, other: string): number {
  const [a, b] = [one.split('/'), other.split('/')];
  const differing = a.findIndex((part, i) => part !== b[i]);
  if (differing < 0) return a.length - b.length;
  return a[differing] < (b[differing] ?? '') ? -1 : 1;
}

function requireOneHolder(
  ranks: Ranks,
  channel: ChannelName,
  distribution: Distribution,
  holders: Map<string, number[]>,
): void {
  const hosts = (of: number[]) => of.map((rank) => ranks.hosts[rank]).join(', ');
  const everywhere = [...ranks.hosts.keys()];
  const refuse = (expected: string, [file, of]: [string, number[]], next: string) => {
    const without = everywhere.filter((rank) => !of.includes(rank));
    throw new InputError(
      `channel ${channel}: expected ${expected}, got ${file} on ${hosts(of)} and not on ${hosts(without)}. ${next}`,
    );
  };
  const partial = [...holders].find(([, of]) => of.length < ranks.size)!;
  if (channel === 'asn' || channel === 'country') {
    refuse('its table on every host', partial, 'Give the channel S3DistributionType=FullyReplicated.');
  }
  if (distribution === 'FullyReplicated') {
    refuse(
      'the same files on every host, as S3DistributionType is FullyReplicated',
      partial,
      'Start the job again, or give the channel S3DistributionType=ShardedByS3Key.',
    );
  }
  const shared = [...holders].find(([, of]) => of.length > 1);
  if (shared) {
    refuse('each file on one host, or all on every host', shared, 'Start the job again.');
  }
}

/**
 * Reads what is this rank's of a channel's events. Called by all ranks. What lies in the future is left out, and counted.
 * @throws InputError at the first bad line where `onBadLine` is `error`, or where no rank has an event
 */
export async function readRankChannel(
  ranks: Ranks,
  channel: RankChannel,
  onBadLine: 'error' | 'skip',
  tell: (line: string) => void,
): Promise<RankRead> {
  const { name, names, isReplicated, own } = channel;
  const now = clockOfFirst(ranks);
  const files = own.map((path) => new FileAtRest(path));
  const whole = () => own.map((path) => ({ name: path, chunks: readChunks(path, () => ranks.progressed()) }));
  const read = await readTexts(isReplicated ? await textsOf(ranks, own) : whole(), { onBadLine });
  for (const file of files) file.requireUnchanged();
  const summary = addedUp(ranks, read.summary);
  tell(`channel ${name}: ${formatReadSummary(summary)}`);
  const { events, ahead } = withoutFuture(read.events, now);
  const sums = Float64Array.of(events.count, ahead);
  ranks.sumOfIntegers(sums);
  if (sums[1] > 0) tell(`channel ${name}: ${aheadText(sums[1])}`);
  if (sums[0] === 0) throw noEvents(name, summary, names.length, names[0]);
  if (isReplicated) return { events };
  const kept = keptOf(read.counts, read.events.time, latestTime(now));
  return { events, numbers: numbersOf(ranks, channel, kept) };
}

/** How many of each file's events are not of the future. */
function keptOf(counts: number[], time: Float64Array, latest: number): number[] {
  let end = 0;
  return counts.map((count) => {
    const start = end;
    end += count;
    return time.subarray(start, end).reduce((sum, one) => sum + (one > latest ? 0 : 1), 0);
  });
}

/** Numbers of this rank's events in the whole channel, whose files follow each other by name. @param kept events of each own file */
function numbersOf(ranks: Ranks, { name, names, own }: RankChannel, kept: number[]): Float64Array {
  const place = new Map(names.map((one, i) => [one, i]));
  const folder = channelFolder(name);
  const places = own.map((path) => place.get(relative(folder, path).split(sep).join('/'))!);
  const counts = new Float64Array(names.length);
  for (const [i, at] of places.entries()) counts[at] = kept[i];
  ranks.sumOfIntegers(counts);
  const starts = new Float64Array(names.length);
  for (let i = 1; i < names.length; i++) starts[i] = starts[i - 1] + counts[i - 1];
  const numbers = new Float64Array(kept.reduce((sum, count) => sum + count, 0));
  let at = 0;
  for (const [i, count] of kept.entries()) {
    for (let event = 0; event < count; event++) numbers[at++] = starts[places[i]] + event;
  }
  return numbers;
}
