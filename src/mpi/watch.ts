import { counted } from '../errors.ts';
import { OPERATIONS } from './progress.ts';

/** How long ranks may take. */
export interface WatchLimits {
  /** a rank of which nothing is heard this long is stopped, or its computer or the network is gone */
  silentSeconds: number;
  /** a rank that lives, but comes to no operation and says of no progress this long while others wait for it, is stuck */
  lateSeconds: number;
}

/**
 * Silence: longer than a network takes to find another way (a switch that starts again is silent for about a minute), as Open MPI
 * itself then goes on; shorter than the quarter of an hour for which Linux repeats itself before it gives a connection up.
 * Late: reading the largest file, which tells of no progress, takes minutes.
 */
export const DEFAULT_LIMITS: WatchLimits = { silentSeconds: 120, lateSeconds: 1800 };

/** A rank that tells the others so is about to end the job. */
export const FAILED = 255;
/** i32[4] of each rank: beat, operation, operations entered, ticks */
export const ENTRY = { beat: 0, operation: 1, entered: 2, ticks: 3, length: 4 } as const;

/** What is known of all ranks. Ranks hand their tables on; of each rank, the latest entry counts. */
export class RankTable {
  readonly size: number;
  /** i32[size × ENTRY.length] */
  readonly entries: Int32Array;
  /** milliseconds, of the clock of who holds the table */
  readonly heardAt: Float64Array;
  readonly changedAt: Float64Array;

  constructor(size: number, now: number) {
    this.size = size;
    this.entries = new Int32Array(size * ENTRY.length);
    this.heardAt = new Float64Array(size).fill(now);
    this.changedAt = new Float64Array(size).fill(now);
  }

  /** What another rank knew. @returns whether it brought the news of a failure */
  merge(entries: Int32Array, now: number): boolean {
    let isFailure = false;
    for (let rank = 0; rank < this.size; rank++) {
      const entry = entries.subarray(rank * ENTRY.length, (rank + 1) * ENTRY.length);
      isFailure = this.note(rank, entry, now) || isFailure;
    }
    return isFailure;
  }

  /** What one rank is doing. @returns whether this is the news of its failure */
  note(rank: number, entry: ArrayLike<number>, now: number): boolean {
    const known = this.entries.subarray(rank * ENTRY.length, (rank + 1) * ENTRY.length);
    // Beats count modulo 2³².
    if (((entry[ENTRY.beat] - known[ENTRY.beat]) | 0) <= 0) return false;
    this.heardAt[rank] = now;
    const { operation, entered, ticks } = ENTRY;
    if ([operation, entered, ticks].some((place) => entry[place] !== known[place]))
      this.changedAt[rank] = now;
    const isFailure = entry[operation] === FAILED && known[operation] !== FAILED;
    known.set(entry);
    return isFailure;
  }

  /** After this process itself stood still, nothing can be said about the others' silence. */
  forgive(now: number): void {
    this.heardAt.fill(now);
    this.changedAt.fill(now);
  }

  operation(rank: number): number {
    return this.entries[rank * ENTRY.length + ENTRY.operation];
  }

  entered(rank: number): number {
    return this.entries[rank * ENTRY.length + ENTRY.entered];
  }

  get failed(): number[] {
    return this.ranks((rank) => this.operation(rank) === FAILED);
  }

  ranks(holds: (rank: number) => boolean): number[] {
    return Array.from({ length: this.size }, (_, rank) => rank).filter(holds);
  }
}

/** Why a job cannot go on. */
export interface Stall {
  /** whom the others wait for */
  culprits: number[];
  /** what goes on, without a full stop */
  message: string;
}

/** Entries are at most some beats old: what two of them show for this long is no picture of a moment. */
const DIFFERENT_SECONDS = 5;

/**
 * Whether the job is stuck, and by whom. While nobody waits, or whoever is waited for shows progress, it is not.
 * @param now   milliseconds
 */
export function findStall(
  table: RankTable,
  hosts: readonly string[],
  limits: WatchLimits,
  now: number,
): Stall | undefined {
  const waits = (ranks: number[]) =>
    `${named(ranks, hosts)} ${ranks.length === 1 ? 'waits' : 'wait'} in ${place(table, ranks[0])}`;
  const silentMs = limits.silentSeconds * 1000;
  const lateMs = limits.lateSeconds * 1000;
  const waiting = table.ranks((rank) => table.operation(rank) !== 0);
  const silence = (rank: number) => now - table.heardAt[rank];
  const isSilent = table.ranks((rank) => silence(rank) > silentMs).length > 0;
  // Whoever fell silent together with that one was heard some beats later.
  const lastBeats = Math.min(DIFFERENT_SECONDS * 1000, silentMs / 2);
  const silent = isSilent ? table.ranks((rank) => silence(rank) > silentMs - lastBeats) : [];
  const heard = waiting.filter((rank) => !silent.includes(rank));
  if (silent.length > 0 && heard.length > 0) {
    const what = silent.length === 1 ? 'it is stopped, or its' : 'they are stopped, or their';
    return {
      culprits: silent,
      message: `${waits(heard)} for ${named(silent, hosts)}, of which nothing was heard for ${limits.silentSeconds} s: ${what} computer or the network is gone`,
    };
  }
  // Which is first is a matter of some beats only where counts have just gone around.
  const step = (rank: number) => table.entered(rank) * 2 - (table.operation(rank) === 0 ? 0 : 1);
  const least = Math.min(...table.ranks(() => true).map(step));
  const behind = table.ranks((rank) => step(rank) === least);
  const still = (ranks: number[], ms: number) => ranks.every((rank) => now - table.changedAt[rank] > ms);

  const different = behind.filter((rank) => table.operation(rank) !== table.operation(behind[0]));
  if (different.length > 0 && still(behind, Math.min(DIFFERENT_SECONDS * 1000, silentMs))) {
    const alike = behind.filter((rank) => !different.includes(rank));
    return {
      culprits: behind,
      message: `${waits(alike)}, and ${waits(different)}: they do not run the same program. Please report it`,
    };
  }
  const ahead = waiting.filter((rank) => step(rank) > least);
  if (ahead.length > 0 && still(behind, lateMs) && still(ahead, lateMs)) {
    const isOutside = table.operation(behind[0]) === 0;
    const doing = isOutside
      ? 'neither came nor told of progress'
      : `did not get on in ${place(table, behind[0])}`;
    const what = behind.length === 1 ? 'it lives, but is stuck' : 'they live, but are stuck';
    return {
      culprits: behind,
      message: `${waits(ahead)} for ${named(behind, hosts)}, which ${doing} for ${limits.lateSeconds} s: ${what}`,
    };
  }
  if (behind.length === table.size && table.operation(0) !== 0 && still(behind, lateMs)) {
    return {
      culprits: behind,
      message: `all ranks came to ${place(table, 0)}, and it did not end for ${limits.lateSeconds} s: the network of MPI does not carry its messages`,
    };
  }
  return undefined;
}

/** `rank 3 (host)`, `rank 1 (a), rank 2 (b) and 5 more` */
export function named(ranks: readonly number[], hosts: readonly string[]): string {
  const most = 4;
  const names = ranks.slice(0, most).map((rank) => `rank ${rank} (${hosts[rank]})`);
  const more = ranks.length - names.length;
  if (more > 0) return `${names.join(', ')} and ${counted(more, 'more', 'more')}`;
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

const place = (table: RankTable, rank: number) =>
  `${OPERATIONS[table.operation(rank)]} (operation ${table.entered(rank)})`;

/** Ranks that ranks `rank` tell directly: 1, 2, 4, … further on. News reaches all in about log₂(size) beats, whoever is gone. */
export function listeners(rank: number, size: number): number[] {
  const found: number[] = [];
  for (let distance = 1; distance < size; distance *= 2) found.push((rank + distance) % size);
  return found;
}

/** The ranks that tell `rank`. */
export function speakers(rank: number, size: number): number[] {
  const found: number[] = [];
  for (let distance = 1; distance < size; distance *= 2) found.push((rank - distance + size) % size);
  return found;
}
