import { InputError } from '../errors.ts';
import type { MpiHandle } from './mpiRanks.ts';

/** Vectors of whole numbers: their sum does not depend on the order. */
export type Integers = Float64Array | BigInt64Array;

/**
 * The processes that work through one program together, each with data of its own. Every operation but `progressed`, `advise`
 * and `abort` is one that all ranks must call, in the same order; they block the thread that calls them. One thread of a
 * process at a time may be in one: which thread that is may change.
 */
export interface Ranks {
  /** this process: 0 to size − 1 */
  readonly rank: number;
  readonly size: number;
  /** name of the computer of each rank; several ranks may share one */
  readonly hosts: readonly string[];
  /** bytes that this rank had for others, once for each of them: MPI may hand them on more cleverly */
  readonly sentBytes: number;
  /** time of this rank in these operations: waiting for others, and moving bytes */
  readonly waitedSeconds: number;
  /** What a thread of this process is started with, so that `joinRanks` gives it the same ranks. */
  readonly handle: MpiHandle | undefined;

  /**
   * A block from every rank to every rank, its own one included; sizes that both sides know. Memory may be shared between
   * threads. One call of MPI, and nothing is allocated.
   * @param outgoing          block r goes to rank r
   * @param outgoingBytes     [size], length of each block
   * @param incoming          block r came from rank r; must not overlap `outgoing`
   * @param incomingBytes     [size]: what the others say in their `outgoingBytes`
   * @param outgoingOffsets   [size], start of each block; left out, they follow each other
   * @param incomingOffsets   [size], likewise
   * @throws InputError where a rank sends more than the other expects (less is not noticed), and where a block ends beyond
   * 2 GiB, as MPI counts in 32 bits: `exchange` has no such limit
   */
  allToAll(
    outgoing: Uint8Array,
    outgoingBytes: ArrayLike<number>,
    incoming: Uint8Array,
    incomingBytes: ArrayLike<number>,
    outgoingOffsets?: ArrayLike<number>,
    incomingOffsets?: ArrayLike<number>,
  ): void;

  /** `parts[r]` to rank r; returns what rank r sent here at [r]. Any sizes, that the other side need not know. */
  exchange(parts: readonly Uint8Array[]): Uint8Array[];

  /** The bytes of every rank, by rank; any sizes. */
  gatherAll(bytes: Uint8Array): Uint8Array[];

  /** The bytes of rank `from`, for all; the others' argument is not looked at. */
  broadcast(bytes: Uint8Array | undefined, from: number): Uint8Array;

  /** Returns when all ranks have come here. */
  barrier(): void;

  /**
   * Replaces each place by its sum over all ranks. There is no sum of other numbers: it would depend on the order.
   * @throws InputError where a number is no integer, or so large that a sum might be rounded (above 2⁵³ / size)
   */
  sumOfIntegers(values: Integers): void;

  /** Says that this rank works, for one that computes for long between two operations. Costs next to nothing. */
  progressed(): void;

  /** A sentence that ends the message of a job that breaks off: what to do next. Up to 1000 bytes of UTF-8. */
  advise(sentence: string): void;

  /** Waits for all ranks and leaves MPI, in the thread that opened the ranks; nothing may be called afterwards. */
  end(): Promise<void>;

  /**
   * Ends the processes of all ranks, this one included, with an exit code of mpirun's that is not 0. Says nothing of its own
   * but what is given.
   */
  abort(status: number, message?: string): Promise<never>;
}

/** How many ranks this one's computer has, this one included: they share its cores and memory. */
export const ranksOfHost = ({ hosts, rank }: Pick<Ranks, 'hosts' | 'rank'>): number =>
  hosts.filter((host) => host === hosts[rank]).length;

/** One rank, without MPI: every operation is a copy of its own bytes, or nothing. */
export function alone(host: string): Ranks {
  return {
    rank: 0,
    size: 1,
    hosts: [host],
    sentBytes: 0,
    waitedSeconds: 0,
    handle: undefined,
    allToAll(outgoing, outgoingBytes, incoming, incomingBytes, outgoingOffsets, incomingOffsets) {
      const [from, to] = [outgoingOffsets?.[0] ?? 0, incomingOffsets?.[0] ?? 0];
      if (outgoingBytes[0] > incomingBytes[0]) throw tooLong(outgoingBytes[0], incomingBytes[0]);
      incoming.set(outgoing.subarray(from, from + outgoingBytes[0]), to);
    },
    exchange: (parts) => [parts[0].slice()],
    gatherAll: (bytes) => [bytes.slice()],
    broadcast: (bytes) => bytes!.slice(),
    barrier() {},
    sumOfIntegers: (values) => requireExact(values, 1),
    progressed() {},
    advise() {},
    async end() {},
    async abort(status, message) {
      if (message !== undefined) process.stderr.write(`${message}\n`);
      process.exit(status);
    },
  };
}

function tooLong(sent: number, expected: number): InputError {
  return new InputError(`allToAll: expected ${expected} bytes from rank 0, got ${sent}. Please report it.`);
}

/** @throws InputError where the sum over `size` ranks might not be exact */
export function requireExact(values: Integers, size: number): void {
  if (values instanceof BigInt64Array) return;
  const limit = (Number.MAX_SAFE_INTEGER + 1) / size;
  for (const [place, value] of values.entries()) {
    if (Number.isInteger(value) && Math.abs(value) <= limit) continue;
    throw new InputError(
      `sum over ${size} ranks, value ${place}: expected an integer of at most ${limit}, got ${value}. Please report it.`,
    );
  }
}
