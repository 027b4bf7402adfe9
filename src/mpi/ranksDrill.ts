/** What the ranks of ranks.test.ts and stalls.test.ts do. Tests only; not part of the package. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { InputError, UsageError } from '../errors.ts';
import { agree } from './agreement.ts';
import { joinRanks, type MpiHandle } from './mpiRanks.ts';
import { openRanks } from './openRanks.ts';
import { alone, type Ranks } from './ranks.ts';
import { runRanks } from './runRanks.ts';

const [drill, ...args] = process.argv.slice(2);
const say = (text: string) => process.stdout.write(`${text}\n`);

/** A number from 0 to 2³² − 1 that every rank knows for the same place. */
function known(...place: number[]): number {
  let state = 0x9e3779b9;
  for (const part of place) {
    state = Math.imul(state ^ part, 0x85ebca6b);
    state = Math.imul(state ^ (state >>> 15), 0xc2b2ae35);
    state ^= state >>> 13;
  }
  return state >>> 0;
}

/** Stops this process and mpirun's daemon: all of a computer that mpirun can see. @param file gets their numbers */
function freezeComputer(file: string): void {
  writeFileSync(file, `${process.pid} ${process.ppid}`);
  process.kill(process.ppid, 'SIGSTOP');
  process.kill(process.pid, 'SIGSTOP');
}

/** What rank `from` has for rank `to`: often nothing, sometimes more than MPI sends at once. */
function block(round: number, from: number, to: number): Uint8Array {
  const kind = known(round, from, to, 1) % 8;
  const length =
    kind < 2 ? 0 : kind < 7 ? known(round, from, to, 2) % 200 : known(round, from, to, 2) % 300_000;
  return Uint8Array.from({ length }, (_, place) => known(round, from, to, place));
}

function requireEqual(what: string, got: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(got, expected) !== 0) throw new Error(`${what}: other bytes arrived`);
}

/** Every operation, with sizes from nothing to some hundred kilobytes. */
export function operations(ranks: Ranks, rounds: number): void {
  const { rank, size } = ranks;
  const all = Array.from({ length: size }, (_, index) => index);
  for (let round = 0; round < rounds; round++) {
    const outgoing = all.map((to) => block(round, rank, to));
    const incoming = all.map((from) => block(round, from, rank));
    const lengths = (blocks: Uint8Array[]) => blocks.map(({ length }) => length);
    const sum = (blocks: Uint8Array[]) => blocks.reduce((bytes, { length }) => bytes + length, 0);

    const out = new Uint8Array(new SharedArrayBuffer(sum(outgoing)));
    out.set(Buffer.concat(outgoing));
    const into = new Uint8Array(new SharedArrayBuffer(sum(incoming)));
    const before = ranks.sentBytes;
    ranks.allToAll(out, lengths(outgoing), into, lengths(incoming));
    requireEqual('allToAll', into, Buffer.concat(incoming));
    if (size > 1 && ranks.sentBytes - before !== out.length - outgoing[rank].length) {
      throw new Error(`allToAll: ${ranks.sentBytes - before} bytes were counted`);
    }

    // Blocks that stand apart, the last rank's first.
    const apart = Math.max(1, ...lengths(outgoing), ...lengths(incoming));
    const offsets = all.map((other) => (size - 1 - other) * apart);
    const [spread, gathered] = [new Uint8Array(size * apart), new Uint8Array(size * apart)];
    for (const to of all) spread.set(outgoing[to], offsets[to]);
    ranks.allToAll(spread, lengths(outgoing), gathered, lengths(incoming), offsets, offsets);
    for (const from of all) {
      const { length } = incoming[from];
      requireEqual('offsets', gathered.subarray(offsets[from], offsets[from] + length), incoming[from]);
    }

    for (const [from, part] of ranks.exchange(outgoing).entries())
      requireEqual('exchange', part, incoming[from]);
    for (const [from, part] of ranks.gatherAll(block(round, rank, rank)).entries()) {
      requireEqual('gatherAll', part, block(round, from, from));
    }
    const from = round % size;
    requireEqual(
      'broadcast',
      ranks.broadcast(rank === from ? block(round, 9, 9) : undefined, from),
      block(round, 9, 9),
    );

    const counts = Float64Array.from(
      { length: round % 7 },
      (_, place) => known(round, rank, place) - 2 ** 31,
    );
    const large = BigInt64Array.from(counts, (count) => BigInt(count) << 29n);
    ranks.sumOfIntegers(counts);
    ranks.sumOfIntegers(large);
    for (const [place, count] of counts.entries()) {
      const expected = all.reduce((sum, other) => sum + known(round, other, place) - 2 ** 31, 0);
      if (count !== expected || large[place] !== BigInt(expected) << 29n)
        throw new Error('sumOfIntegers: wrong');
    }
    ranks.barrier();
  }
}

/** Never returns; the thread stays where it is. */
function loop(): never {
  for (;;);
}

const drills: Record<string, (ranks: Ranks) => Promise<void> | void> = {
  operations: (ranks) => operations(ranks, 15),

  /** The same, called in a thread that is not the one that started MPI. */
  async thread(ranks) {
    const worker = new Worker(fileURLToPath(import.meta.url), {
      workerData: { handle: ranks.handle, drill },
    });
    const [message] = await once(worker, 'message');
    if (message !== 'done') throw new Error(message);
    if (!(ranks.sentBytes > 0 && ranks.waitedSeconds > 0)) throw new Error('nothing was counted');
  },

  /** More bytes in one part than MPI can count. */
  large(ranks) {
    const length = 2 ** 31 + 1234;
    const bytes = ranks.rank === 0 ? new Uint8Array(length) : new Uint8Array(0);
    if (ranks.rank === 0)
      for (const place of [0, 2 ** 28, 2 ** 31, length - 1]) bytes[place] = (place % 250) + 1;
    const [part] = ranks.exchange(ranks.rank === 0 ? [new Uint8Array(0), bytes] : [bytes, bytes]);
    if (ranks.rank === 0) return;
    if (part.length !== length) throw new Error(`${part.length} bytes arrived`);
    for (const place of [0, 2 ** 28, 2 ** 31, length - 1]) {
      if (part[place] !== (place % 250) + 1) throw new Error(`byte ${place} is ${part[place]}`);
    }
  },

  agree: (ranks) => agree(ranks, { version: '1', '--seed': args[ranks.rank], same: 'x' }),

  /** `fail 1 usage`: rank 1 has an error, the others wait for it. */
  async fail(ranks) {
    const [who, kind] = args;
    if (who === 'all' || ranks.rank === Number(who)) {
      if (kind === 'usage') throw new UsageError('--seed: expected a number, got "x".');
      if (kind === 'input') throw new InputError('train.csv: expected a file, got none.');
      throw new TypeError('of no known kind');
    }
    ranks.barrier();
  },

  /** One sends more than the other expects. */
  truncate(ranks) {
    const bytes = ranks.rank === 0 ? 100 : 10;
    const counts = new Array(ranks.size).fill(bytes);
    const memory = () => new Uint8Array(bytes * ranks.size);
    ranks.allToAll(memory(), counts, memory(), counts);
  },

  /** `stall 1 SIGSTOP`: what becomes of rank 1 while the others wait for it. */
  async stall(ranks) {
    const [who, what] = args;
    ranks.advise('Continue from model.checkpoint with --continue.');
    ranks.barrier();
    if (ranks.rank === Number(who)) {
      if (what === 'loop') loop();
      if (what === 'exit') process.exit(0);
      if (what === 'freeze') freezeComputer(args[2]);
      else if (what === 'other') ranks.gatherAll(new Uint8Array(3));
      else if (what === 'end') return;
      else process.kill(process.pid, what);
    }
    ranks.barrier();
  },

  /** The same with a main thread that does not wait: another one does. */
  async stallInThread(ranks) {
    ranks.advise('Continue from model.checkpoint with --continue.');
    const [who, what] = args;
    const worker = new Worker(fileURLToPath(import.meta.url), {
      workerData: { handle: ranks.handle, drill },
    });
    if (ranks.rank === Number(who)) setTimeout(() => process.kill(process.pid, what), 200);
    await once(worker, 'exit');
  },

  /** `work 5`: rank 1 computes for long; `ticks` says that it does. */
  work(ranks) {
    const until = performance.now() + Number(args[0]) * 1000;
    while (ranks.rank === 1 && performance.now() < until) if (args[1] === 'ticks') ranks.progressed();
    ranks.barrier();
  },

  /** A process that a rank starts is none. */
  nested(ranks) {
    const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), 'size'], { encoding: 'utf8' });
    if (!child.stdout.startsWith('size 1\n')) throw new Error(`${child.stdout}${child.stderr}`);
    ranks.barrier();
  },

  size(ranks) {
    say(`size ${ranks.size}`);
  },
};

async function runInThread(): Promise<void> {
  const ranks = await joinRanks(workerData.handle as MpiHandle);
  if (workerData.drill === 'stallInThread') for (;;) ranks.barrier();
  operations(ranks, 15);
}

if (!isMainThread) {
  await runInThread().then(
    () => parentPort!.postMessage('done'),
    (error) => parentPort!.postMessage(String(error)),
  );
} else if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    if (drill === 'alone') operations(alone(hostname()), 20);
    else if (drill === 'open') await (await openRanks()).end();
    else
      await runRanks('drill', async (ranks) => {
        await drills[drill](ranks);
        say(`rank ${ranks.rank} of ${ranks.size} done`);
      });
  } catch (error) {
    process.stderr.write(`${error instanceof InputError ? error.message : (error as Error).stack}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}
