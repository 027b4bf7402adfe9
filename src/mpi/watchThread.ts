/**
 * The thread of a rank that watches the job, while the others work or wait in MPI. It tells what its rank is doing, hears of the
 * others, and ends the job with one sentence where it cannot go on. It never waits for MPI: a rank that stands still in the
 * middle of a message would take it along.
 */
import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { isRunning } from '../files/atomicFile.ts';
import { guardLauncher } from './launcherGuard.ts';
import { loadOpenMpi, MPI, type OpenMpi } from './openMpi.ts';
import { Progress } from './progress.ts';
import {
  ENTRY,
  FAILED,
  findStall,
  listeners,
  named,
  RankTable,
  speakers,
  type WatchLimits,
} from './watch.ts';

/** What the thread is started with, before MPI is. */
export interface WatchOrders {
  rank: number;
  size: number;
  host: string;
  limits: WatchLimits;
  progress: SharedArrayBuffer;
}

/** What is known once MPI has started. */
export interface Neighbourhood {
  /** for heartbeats alone; undefined where MPI was built for one thread only */
  communicator: bigint | undefined;
  hosts: string[];
  /** of ranks on the same computer that this process can see */
  processes: { rank: number; pid: number }[];
}

export type WatchCommand =
  | { kind: 'up'; neighbourhood: Neighbourhood }
  | { kind: 'fail'; status: number; message: string | undefined }
  | { kind: 'end' };

/** Often enough to catch who has died while the launcher is still ending the others. */
const LOOK_MILLISECONDS = 100;
const BEAT_MILLISECONDS = 1000;
/** Ranks often fail at the same time, for the same reason: what lower ones say of themselves after this tells whether they did. */
const NEWS_MILLISECONDS = 500;
/** Whoever should have spoken first, and lives, has done so within this. */
const TURN_MILLISECONDS = 3000;
/** How long Open MPI may take to end this process. */
const ABORT_MILLISECONDS = 10_000;
/** A process that was not run for this share of a rank's silence was stopped itself, or its whole computer. */
const OWN_SLEEP_SHARE = 0.25;

/** A message under way, in memory that does not move. */
class Mail {
  /** whether it is the last one of its sender */
  readonly last: Int32Array;
  readonly entries: Int32Array;
  readonly bytes: Int32Array;
  readonly #request = new Uint8Array(new SharedArrayBuffer(8));
  readonly #flag = new Int32Array(new SharedArrayBuffer(4));
  #isUnderWay = false;

  constructor(size: number) {
    this.bytes = new Int32Array(new SharedArrayBuffer((1 + size * ENTRY.length) * 4));
    this.last = this.bytes.subarray(0, 1);
    this.entries = this.bytes.subarray(1);
  }

  start(mpi: OpenMpi, name: 'MPI_Isend' | 'MPI_Irecv', other: number, communicator: bigint): void {
    mpi.call(name, this.bytes, this.bytes.byteLength, mpi.byte, other, 0, communicator, this.#request);
    this.#isUnderWay = true;
  }

  /** Whether nothing is under way (any more). */
  isDone(mpi: OpenMpi): boolean {
    if (!this.#isUnderWay) return true;
    mpi.call('MPI_Test', this.#request, this.#flag, MPI.statusIgnore);
    this.#isUnderWay = this.#flag[0] === 0;
    return !this.#isUnderWay;
  }
}

class Watch {
  readonly #orders: WatchOrders;
  readonly #progress: Progress;
  readonly #table: RankTable;
  #startedAt = performance.now();
  #neighbourhood: Neighbourhood | undefined;
  #mpi: OpenMpi | undefined;
  #out: { mail: Mail; rank: number; saidLast: boolean }[] = [];
  #in: { mail: Mail; rank: number; heardLast: boolean }[] = [];
  #beatAt = 0;
  #lookedAt = performance.now();
  #failure: { status: number; message: string | undefined; at: number } | undefined;
  #stallAt: number | undefined;
  #goneBefore: number[] = [];
  #endingAt: number | undefined;
  #isAborting = false;
  #isGuarding = false;

  constructor(orders: WatchOrders) {
    this.#orders = orders;
    this.#progress = new Progress(orders.progress);
    this.#table = new RankTable(orders.size, performance.now());
  }

  async hear(command: WatchCommand): Promise<void> {
    if (command.kind === 'up') await this.#begin(command.neighbourhood);
    if (command.kind === 'fail') this.#fail(command.status, command.message);
    if (command.kind === 'end') this.#endingAt = performance.now();
  }

  /** Looks around once. @returns whether there is more to watch */
  look(): boolean {
    const now = performance.now();
    const silentMs = this.#orders.limits.silentSeconds * 1000;
    if (now - this.#lookedAt > silentMs * OWN_SLEEP_SHARE) this.#forgive(now);
    this.#lookedAt = now;
    if (this.#isAborting) return true;
    if (!this.#neighbourhood) {
      // The first to end has the launcher end the others: one speaks.
      if (now - this.#startedAt > silentMs + this.#orders.rank * TURN_MILLISECONDS) this.#giveUpStart();
      return true;
    }
    this.#talk(now);
    if (this.#endingAt !== undefined) {
      if (this.#hasEnded()) return false;
      if (now - this.#endingAt > silentMs) this.#giveUpEnd();
      return true;
    }
    if (this.#failure) this.#tellFailure(now);
    else this.#judge(now);
    return true;
  }

  async #begin(neighbourhood: Neighbourhood): Promise<void> {
    const { rank, size } = this.#orders;
    const { communicator } = neighbourhood;
    this.#mpi = await loadOpenMpi(process.env);
    if (communicator !== undefined) {
      const letter = (other: number) => ({ mail: new Mail(size), rank: other });
      this.#out = listeners(rank, size).map((other) => ({ ...letter(other), saidLast: false }));
      this.#in = speakers(rank, size).map((other) => ({ ...letter(other), heardLast: false }));
      for (const { mail, rank } of this.#in) mail.start(this.#mpi, 'MPI_Irecv', rank, communicator);
    }
    this.#table.forgive(performance.now());
    this.#neighbourhood = neighbourhood;
  }

  #fail(status: number, message: string | undefined): void {
    this.#failure ??= { status, message, at: performance.now() };
    this.#beatAt = 0;
  }

  /** Says what this rank is doing where it is time to, and hears what the others say. */
  #talk(now: number): void {
    const { communicator } = this.#neighbourhood!;
    if (communicator === undefined) return;
    const mpi = this.#mpi!;
    for (const one of this.#in) {
      while (!one.heardLast && one.mail.isDone(mpi)) {
        // What failed is handed on at once: it decides who speaks.
        if (this.#table.merge(one.mail.entries, now)) this.#beatAt = 0;
        one.heardLast = one.mail.last[0] === 1;
        if (!one.heardLast) one.mail.start(mpi, 'MPI_Irecv', one.rank, communicator);
      }
    }
    if (this.#table.failed.some((rank) => rank !== this.#orders.rank)) {
      this.#progress.claimToTell();
      // Whoever speaks may be on another computer than mpirun.
      this.#guard();
    }
    if (now - this.#beatAt < BEAT_MILLISECONDS && this.#endingAt === undefined) return;
    this.#beatAt = now;
    this.#beat(now);
    for (const one of this.#out) {
      // A beat that the other has not taken yet is enough.
      if (one.saidLast || !one.mail.isDone(mpi)) continue;
      one.mail.entries.set(this.#table.entries);
      one.saidLast = this.#endingAt !== undefined;
      one.mail.last[0] = one.saidLast ? 1 : 0;
      one.mail.start(mpi, 'MPI_Isend', one.rank, communicator);
    }
  }

  /** After this process itself stood still, nothing can be said about the others. */
  #forgive(now: number): void {
    this.#table.forgive(now);
    this.#startedAt = now;
    if (this.#endingAt !== undefined) this.#endingAt = now;
  }

  #beat(now: number): void {
    const { rank } = this.#orders;
    const beat = (this.#table.entries[rank * ENTRY.length + ENTRY.beat] + 1) | 0;
    const operation = this.#failure ? FAILED : this.#progress.operation;
    this.#table.note(rank, [beat, operation, this.#progress.entered, this.#progress.ticks], now);
  }

  #hasEnded(): boolean {
    const mpi = this.#mpi!;
    return (
      this.#out.every(({ mail, saidLast }) => saidLast && mail.isDone(mpi)) &&
      this.#in.every(({ heardLast }) => heardLast)
    );
  }

  /** The lowest rank that failed speaks; the others wait for it to end them. */
  #tellFailure(now: number): void {
    const { status, message, at } = this.#failure!;
    const { rank } = this.#orders;
    const before = this.#table.failed.filter((other) => other < rank).length;
    const isHeard = (other: number) => other >= rank || this.#table.heardAt[other] > at + NEWS_MILLISECONDS;
    const turns = before === 0 && !this.#table.ranks(() => true).every(isHeard) ? 1 : before;
    if (now - at < NEWS_MILLISECONDS + turns * TURN_MILLISECONDS) return;
    this.#progress.claimToTell();
    if (message !== undefined) this.#say(message);
    this.#abort(status);
  }

  #judge(now: number): void {
    const { rank, limits, size } = this.#orders;
    const { hosts } = this.#neighbourhood!;
    // Another rank speaks, and ends this one; unless it is cut off meanwhile.
    const { failed } = this.#table;
    if (failed.length > 0) {
      const since = Math.min(...failed.map((other) => this.#table.changedAt[other]));
      if (now - since < ABORT_MILLISECONDS + TURN_MILLISECONDS) return;
      this.#say(
        `rank ${rank} (${this.#orders.host}): ${named(failed, hosts)} failed, but could not end the job.`,
      );
      this.#abort(1);
      return;
    }
    this.#lookForGone();
    if (this.#isAborting) return;
    if (this.#neighbourhood!.communicator === undefined) {
      this.#table.note(rank, this.#ownEntry(), now);
      if (
        this.#table.operation(rank) === 0 ||
        now - this.#table.changedAt[rank] < limits.lateSeconds * 1000
      ) {
        return;
      }
      this.breakOff(
        `has waited ${limits.lateSeconds} s for the others; who is missing is not known, as this Open MPI was built without MPI_THREAD_MULTIPLE`,
      );
      return;
    }
    const stall = findStall(this.#table, hosts, limits, now);
    if (!stall) {
      this.#stallAt = undefined;
      return;
    }
    this.#stallAt ??= now;
    // Those who are not to blame speak first, by rank, each when the ones before it have not.
    const blame = (other: number) => (stall.culprits.includes(other) ? size : 0) + other;
    const silent = (other: number) => now - this.#table.heardAt[other] > 5 * BEAT_MILLISECONDS;
    const before = this.#table.ranks((other) => blame(other) < blame(rank) && !silent(other)).length;
    if (now - this.#stallAt < before * TURN_MILLISECONDS) return;
    this.breakOff(stall.message);
  }

  #ownEntry(): number[] {
    const { rank } = this.#orders;
    const beat = (this.#table.entries[rank * ENTRY.length] + 1) | 0;
    return [beat, this.#progress.operation, this.#progress.entered, this.#progress.ticks];
  }

  /** A rank of this computer whose process is no more, without a word that it failed. */
  #lookForGone(): void {
    const { rank } = this.#orders;
    const { hosts, processes } = this.#neighbourhood!;
    const gone = processes.filter(({ pid }) => !isRunning(pid)).map((process) => process.rank);
    // Seen twice: its last word may have been on the way.
    const sure = gone.filter((other) => this.#goneBefore.includes(other));
    this.#goneBefore = gone;
    const first = processes.find((process) => !gone.includes(process.rank));
    if (sure.length === 0 || first?.rank !== rank) return;
    this.breakOff(
      `${named(sure, hosts)} is gone without a word: killed, out of memory, or ended by the launcher`,
    );
  }

  /** Ends the job, unless somebody else does. @param message   what happened, without a full stop */
  breakOff(message: string, isBroken = false): void {
    if (!this.#progress.claimToTell()) return;
    const { rank, host } = this.#orders;
    const { advice } = this.#progress;
    this.#say(`rank ${rank} (${host}): ${message}.${advice === '' ? '' : ` ${advice}`}`);
    // The others learn that somebody has spoken.
    this.#fail(1, undefined);
    if (!isBroken) this.#talk(performance.now());
    // Without threads in MPI, the call would meet the one that waits; the launcher ends the others.
    const isInside = this.#neighbourhood!.communicator === undefined && this.#progress.operation !== 0;
    if (isInside) process.kill(process.pid, 'SIGKILL');
    else this.#abort(1);
  }

  #giveUpEnd(): void {
    const missing = this.#in.filter(({ heardLast }) => !heardLast).map(({ rank }) => rank);
    const { hosts } = this.#neighbourhood!;
    const who = missing.length > 0 ? named(missing, hosts) : 'another rank';
    this.breakOff(
      `the work is done, but nothing was heard of ${who} for ${this.#orders.limits.silentSeconds} s`,
    );
  }

  #giveUpStart(): void {
    const { rank, host, limits } = this.#orders;
    this.#say(
      `rank ${rank} (${host}): MPI has not started within ${limits.silentSeconds} s: a rank did not start, or the hosts cannot reach each other.`,
    );
    this.#isAborting = true;
    process.kill(process.pid, 'SIGKILL');
  }

  #guard(): void {
    if (this.#isGuarding) return;
    this.#isGuarding = true;
    guardLauncher(process.ppid);
  }

  #abort(status: number): void {
    this.#isAborting = true;
    this.#guard();
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), ABORT_MILLISECONDS);
    this.#mpi!.abort(status);
  }

  /** At once: the process is about to end, and the thread that streams go by may wait for ever. */
  #say(line: string): void {
    try {
      writeSync(2, `${line}\n`);
    } catch {
      // Nobody reads; the exit code says it.
    }
  }
}

const watch = new Watch(workerData);
parentPort!.on('message', (command: WatchCommand) => watch.hear(command));
const timer = setInterval(() => {
  try {
    if (watch.look()) return;
  } catch (error) {
    watch.breakOff(`the other ranks can no longer be watched: ${(error as Error).message}`, true);
    return;
  }
  clearInterval(timer);
  parentPort!.close();
}, LOOK_MILLISECONDS);
parentPort!.postMessage('started');
