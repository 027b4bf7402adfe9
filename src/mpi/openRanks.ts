import { once } from 'node:events';
import { existsSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { Worker } from 'node:worker_threads';
import { InputError } from '../errors.ts';
import { isRunning, removeUnfinished, SIGNAL_EXIT_CODES } from '../files/atomicFile.ts';
import { findLauncher, type Launcher, markAsRank } from './launcher.ts';
import { type Exit, type MpiHandle, MpiRanks } from './mpiRanks.ts';
import { loadOpenMpi, MPI, type OpenMpi } from './openMpi.ts';
import { OPERATIONS, Progress } from './progress.ts';
import { alone, type Ranks } from './ranks.ts';
import { secondsSetting } from './secondsSetting.ts';
import { leaveSilently, turnToTell } from './turn.ts';
import { DEFAULT_LIMITS, named, type WatchLimits } from './watch.ts';
import type { Neighbourhood, WatchCommand, WatchOrders } from './watchThread.ts';

/** What every rank tells of itself. */
interface Introduction {
  host: string;
  pid: number;
  /** processes see each other's numbers only within the same one */
  space: string;
}

/** Longest introduction, in bytes: a host's name has at most 64. */
const INTRODUCTION_BYTES = 512;

/** News of a failure comes within it; a launcher ends by force whoever has not ended after a second. */
const HEARD_MILLISECONDS = 400;

/**
 * The ranks that a launcher started, or this process alone. In the main thread, and once: MPI starts once in a process.
 * @param host what messages call this computer
 * @throws InputError where a launcher started several and MPI cannot connect them: koffi, the library or Open MPI is missing
 */
export async function openRanks(host = hostname()): Promise<Ranks> {
  const launcher = findLauncher(process.env, process.pid);
  if (!launcher) return alone(host);
  const stay = leaveSilently();
  try {
    const ranks = await connect(launcher, host, limitsOf(process.env));
    stay();
    return ranks;
  } catch (error) {
    if (error instanceof InputError) error.message = `rank ${launcher.rank} (${host}): ${error.message}`;
    await turnToTell(launcher.rank);
    throw error;
  }
}

/** Limits in IP_INSIGHTS_MPI_SILENT_SECONDS and IP_INSIGHTS_MPI_LATE_SECONDS. @throws InputError */
function limitsOf(environment: Record<string, string | undefined>): WatchLimits {
  const seconds = (name: string, preset: number) => secondsSetting(environment, name, preset);
  return {
    silentSeconds: seconds('IP_INSIGHTS_MPI_SILENT_SECONDS', DEFAULT_LIMITS.silentSeconds),
    lateSeconds: seconds('IP_INSIGHTS_MPI_LATE_SECONDS', DEFAULT_LIMITS.lateSeconds),
  };
}

async function connect(launcher: Launcher, host: string, limits: WatchLimits): Promise<Ranks> {
  const mpi = await loadOpenMpi(process.env);
  const progress = new Progress();
  const { rank, size } = launcher;
  const orders: WatchOrders = { rank, size, host, limits, progress: progress.shared };
  // Processes that this one starts have its environment, and are no ranks.
  markAsRank(process.env, process.pid);
  // A rank that waits looks for messages all the time. With more ranks than cores, those that have something to do would hardly
  // get one (8 bytes to each of 4 ranks on 2 cores: 48 ms; so, 0.05 ms); without, it costs nothing that can be measured.
  process.env.OMPI_MCA_mpi_yield_when_idle ??= '1';
  const watch = new Worker(new URL('./watchThread.js', import.meta.url), {
    workerData: orders,
    execArgv: [],
  });
  const command = (order: WatchCommand) => watch.postMessage(order);
  try {
    // MPI changes the environment as it starts. A thread that starts reads it, and the C library lets neither wait for the other.
    await once(watch, 'message');
    const hasThreads = start(mpi, launcher);
    mpi.call('MPI_Comm_set_errhandler', mpi.world, mpi.errorsReturn);
    const communicator = duplicate(mpi);
    const everybody = introduce(mpi, communicator, size, host);
    const hosts = everybody.map((one) => one.host);
    const neighbourhood: Neighbourhood = {
      communicator: hasThreads ? duplicate(mpi) : undefined,
      hosts,
      processes: visible(everybody, everybody[rank]),
    };
    command({ kind: 'up', neighbourhood });
    const handle: MpiHandle = {
      ...{ communicator, rank, size, hosts },
      progress: progress.shared,
      costs: new SharedArrayBuffer(16),
    };
    tellWhoIsGone(orders, neighbourhood, progress);
    return new MpiRanks(mpi, handle, exit(mpi, watch, progress, command));
  } catch (error) {
    await watch.terminate();
    throw error;
  }
}

/** Starts MPI. @returns whether several threads may be in it at a time */
function start(mpi: OpenMpi, { name, rank, size }: Launcher): boolean {
  const provided = new Int32Array(1);
  mpi.call('MPI_Init_thread', null, null, MPI.threadMultiple, provided);
  const found = { rank: new Int32Array(1), size: new Int32Array(1) };
  mpi.call('MPI_Comm_size', mpi.world, found.size);
  mpi.call('MPI_Comm_rank', mpi.world, found.rank);
  if (found.size[0] !== size || found.rank[0] !== rank) {
    throw new InputError(
      `expected ${size} ranks, as ${name} started, got ${found.size[0]} from ${mpi.version}: they do not belong together. Use the mpirun of this Open MPI, or srun --mpi=pmix.`,
    );
  }
  if (provided[0] < MPI.threadSerialized) {
    throw new InputError(
      `expected MPI_THREAD_MULTIPLE or MPI_THREAD_SERIALIZED, got level ${provided[0]} from ${mpi.version}. Use an Open MPI that was built for threads.`,
    );
  }
  return provided[0] >= MPI.threadMultiple;
}

/** All ranks, in a communicator of its own, whose errors come back instead of ending the process. */
function duplicate(mpi: OpenMpi): bigint {
  const communicator = new BigUint64Array(1);
  mpi.call('MPI_Comm_dup', mpi.world, communicator);
  mpi.call('MPI_Comm_set_errhandler', communicator[0], mpi.errorsReturn);
  return communicator[0];
}

function introduce(mpi: OpenMpi, communicator: bigint, size: number, host: string): Introduction[] {
  const own: Introduction = { host, pid: process.pid, space: processSpace() };
  const sent = new Uint8Array(INTRODUCTION_BYTES).fill(32);
  sent.set(new TextEncoder().encode(JSON.stringify(own)));
  const received = new Uint8Array(size * INTRODUCTION_BYTES);
  const counts = [INTRODUCTION_BYTES, mpi.byte];
  mpi.call('MPI_Allgather', sent, ...counts, received, ...counts, communicator);
  return Array.from({ length: size }, (_, rank) => {
    const bytes = received.subarray(rank * INTRODUCTION_BYTES, (rank + 1) * INTRODUCTION_BYTES);
    return JSON.parse(new TextDecoder().decode(bytes));
  });
}

/** Linux: containers on one computer may have the same host name, and numbers of their own. '' elsewhere */
function processSpace(): string {
  const link = '/proc/self/ns/pid';
  return existsSync(link) ? readlinkSync(link) : '';
}

/** The processes of this computer, whose death this one can see. */
function visible(everybody: Introduction[], own: Introduction): Neighbourhood['processes'] {
  return everybody
    .map(({ host, space, pid }, rank) => ({ rank, pid, isHere: host === own.host && space === own.space }))
    .filter(({ pid, isHere }) => isHere && isRunning(pid))
    .map(({ rank, pid }) => ({ rank, pid }));
}

/**
 * When a process dies, its launcher asks the others to end at once. Whoever has the lowest rank of those left on the same
 * computer says which one it was. Where nobody of this computer is gone, the launcher knows more, and the first rank says so.
 */
function tellWhoIsGone(orders: WatchOrders, { hosts, processes }: Neighbourhood, progress: Progress): void {
  process.once('SIGTERM', () => {
    const gone = processes.filter(({ pid }) => !isRunning(pid)).map(({ rank }) => rank);
    const first = processes.find(({ rank }) => !gone.includes(rank));
    if (gone.length > 0) {
      const what = `${named(gone, hosts)} is gone without a word: killed, out of memory, or ended by the launcher.`;
      endBySignal(orders, progress, first?.rank === orders.rank ? what : undefined);
      return;
    }
    // Whoever ends first has the launcher end the others by force, and what another rank has said is heard within this.
    const isFirst = orders.rank === 0;
    const what = isFirst ? 'stopped by SIGTERM: the launcher ends the job.' : undefined;
    setTimeout(
      () => endBySignal(orders, progress, what),
      isFirst ? HEARD_MILLISECONDS : 2 * HEARD_MILLISECONDS,
    );
  });
}

/** @param what to be told, unless another rank has spoken */
function endBySignal({ rank, host }: WatchOrders, progress: Progress, what: string | undefined): void {
  if (what !== undefined && progress.claimToTell()) {
    const advice = progress.advice === '' ? '' : ` ${progress.advice}`;
    process.stderr.write(`rank ${rank} (${host}): ${what}${advice}\n`);
  }
  removeUnfinished();
  process.exit(SIGNAL_EXIT_CODES.SIGTERM);
}

function exit(mpi: OpenMpi, watch: Worker, progress: Progress, command: (order: WatchCommand) => void): Exit {
  let isWatching = true;
  const ended = new Promise<void>((resolve) => {
    watch.on('exit', () => {
      isWatching = false;
      resolve();
    });
  });
  watch.on('error', (error) => {
    process.stderr.write(`The thread that watches the ranks died (${error.message}). Please report it.\n`);
    mpi.abort(1);
  });
  return {
    async end() {
      progress.enter(OPERATIONS.indexOf('end'));
      // No operation uses this communicator: one that others are in cannot be taken for it.
      mpi.call('MPI_Barrier', mpi.world);
      command({ kind: 'end' });
      await ended;
      mpi.call('MPI_Finalize');
    },
    async abort(status, message) {
      if (isWatching) {
        command({ kind: 'fail', status, message });
      } else {
        if (message !== undefined) process.stderr.write(`${message}\n`);
        mpi.abort(status);
      }
      // The process is ended meanwhile; the timer keeps it until then.
      return new Promise<never>(() => setInterval(() => {}, 1000));
    },
  };
}
