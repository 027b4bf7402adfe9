import { InputError } from '../errors.ts';
import { loadOpenMpi, MPI, type OpenMpi } from './openMpi.ts';
import { OPERATIONS, type Operation, Progress } from './progress.ts';
import { type Integers, type Ranks, requireExact } from './ranks.ts';

/** The ranks, in a form that reaches another thread of the process. */
export interface MpiHandle {
  /** of our own, so that nothing else that speaks MPI here is mixed up with it */
  communicator: bigint;
  rank: number;
  size: number;
  hosts: string[];
  progress: SharedArrayBuffer;
  /** f64[2]: bytes sent, seconds waited */
  costs: SharedArrayBuffer;
}

/** How the thread that opened the ranks leaves MPI. */
export interface Exit {
  end(): Promise<void>;
  abort(status: number, message?: string): Promise<never>;
}

/** MPI counts in 32 bits. */
const MOST_BYTES = 2 ** 31 - 1;
/** Longer parts travel in pieces: few enough to cost nothing, and small enough for what MPI keeps of each. */
const PIECE_BYTES = 256 * 2 ** 20;

const number = (operation: Operation) => OPERATIONS.indexOf(operation);
const ALL_TO_ALL = number('allToAll');
const EXCHANGE = number('exchange');
const GATHER_ALL = number('gatherAll');
const BROADCAST = number('broadcast');
const BARRIER = number('barrier');
const SUM = number('sumOfIntegers');

/** In another thread of a process whose ranks are open: the same ranks. Only the thread that opened them can end them. */
export async function joinRanks(handle: MpiHandle): Promise<Ranks> {
  const refuse = async () => {
    throw new Error('ranks are ended by the thread that opened them');
  };
  return new MpiRanks(await loadOpenMpi(process.env), handle, { end: refuse, abort: refuse });
}

/** The ranks of a job, over Open MPI. */
export class MpiRanks implements Ranks {
  readonly rank: number;
  readonly size: number;
  readonly hosts: readonly string[];
  readonly handle: MpiHandle;
  readonly #mpi: OpenMpi;
  readonly #exit: Exit;
  readonly #communicator: bigint;
  readonly #progress: Progress;
  readonly #costs: Float64Array;
  readonly #allToAllv: (...args: unknown[]) => number;
  /** what MPI_Alltoallv takes: counts and places of what goes out, then of what comes in */
  readonly #counts: [Int32Array, Int32Array, Int32Array, Int32Array];

  constructor(mpi: OpenMpi, handle: MpiHandle, exit: Exit) {
    this.handle = handle;
    this.rank = handle.rank;
    this.size = handle.size;
    this.hosts = handle.hosts;
    this.#mpi = mpi;
    this.#exit = exit;
    this.#communicator = handle.communicator;
    this.#progress = new Progress(handle.progress);
    this.#costs = new Float64Array(handle.costs);
    this.#allToAllv = mpi.get('MPI_Alltoallv');
    const places = () => new Int32Array(handle.size);
    this.#counts = [places(), places(), places(), places()];
  }

  get sentBytes(): number {
    return this.#costs[0];
  }

  get waitedSeconds(): number {
    return this.#costs[1];
  }

  allToAll(
    outgoing: Uint8Array,
    outgoingBytes: ArrayLike<number>,
    incoming: Uint8Array,
    incomingBytes: ArrayLike<number>,
    outgoingOffsets?: ArrayLike<number>,
    incomingOffsets?: ArrayLike<number>,
  ): void {
    const [outBytes, outPlaces, inBytes, inPlaces] = this.#counts;
    const sent = this.#lay(outBytes, outPlaces, outgoing, outgoingBytes, outgoingOffsets);
    this.#lay(inBytes, inPlaces, incoming, incomingBytes, incomingOffsets);
    // The size of the own block is known to both sides, and a shorter one would be cut by MPI without a word.
    if (outBytes[this.rank] > inBytes[this.rank]) {
      throw new InputError(
        `allToAll: expected ${inBytes[this.rank]} bytes from rank ${this.rank}, got ${outBytes[this.rank]}. Please report it.`,
      );
    }
    const { byte } = this.#mpi;
    const started = this.#enter(ALL_TO_ALL);
    // biome-ignore format: what goes out, what comes in
    const code = this.#allToAllv(
      outgoing, outBytes, outPlaces, byte,
      incoming, inBytes, inPlaces, byte,
      this.#communicator,
    );
    this.#leave(started);
    this.#mpi.check('MPI_Alltoallv', code);
    this.#costs[0] += sent - outBytes[this.rank];
  }

  exchange(parts: readonly Uint8Array[]): Uint8Array[] {
    const { rank, size } = this;
    if (parts.length !== size) {
      throw new InputError(`exchange: expected ${size} parts, got ${parts.length}. Please report it.`);
    }
    const started = this.#enter(EXCHANGE);
    const outgoing = Float64Array.from(parts, ({ length }) => length);
    const incoming = new Float64Array(size);
    const { byte } = this.#mpi;
    this.#mpi.call('MPI_Alltoall', outgoing, 8, byte, incoming, 8, byte, this.#communicator);
    const received = Array.from(incoming, (length) => new Uint8Array(length));
    received[rank].set(parts[rank]);
    // In each step every rank sends to one and receives from one, so that no link carries two parts at once.
    for (let step = 1; step < size; step++) {
      const [to, from] = [(rank + step) % size, (rank - step + size) % size];
      this.#swap(parts[to], to, received[from], from);
      this.#costs[0] += parts[to].length;
    }
    this.#costs[0] += (size - 1) * 8;
    this.#leave(started);
    return received;
  }

  gatherAll(bytes: Uint8Array): Uint8Array[] {
    const started = this.#enter(GATHER_ALL);
    const lengths = new Float64Array(this.size);
    const { byte } = this.#mpi;
    const own = Float64Array.of(bytes.length);
    this.#mpi.call('MPI_Allgather', own, 8, byte, lengths, 8, byte, this.#communicator);
    const gathered = Array.from(lengths, (length, rank) =>
      rank === this.rank ? bytes.slice() : new Uint8Array(length),
    );
    for (const [rank, part] of gathered.entries()) this.#spread(part, rank);
    this.#costs[0] += (this.size - 1) * (bytes.length + 8);
    this.#leave(started);
    return gathered;
  }

  broadcast(bytes: Uint8Array | undefined, from: number): Uint8Array {
    const started = this.#enter(BROADCAST);
    const length = Float64Array.of(from === this.rank ? bytes!.length : 0);
    this.#mpi.call('MPI_Bcast', length, 8, this.#mpi.byte, from, this.#communicator);
    const all = from === this.rank ? bytes!.slice() : new Uint8Array(length[0]);
    this.#spread(all, from);
    if (from === this.rank) this.#costs[0] += (this.size - 1) * (all.length + 8);
    this.#leave(started);
    return all;
  }

  barrier(): void {
    const started = this.#enter(BARRIER);
    this.#mpi.call('MPI_Barrier', this.#communicator);
    this.#leave(started);
  }

  sumOfIntegers(values: Integers): void {
    requireExact(values, this.size);
    const started = this.#enter(SUM);
    const { sum, int64, double } = this.#mpi;
    const kind = values instanceof BigInt64Array ? int64 : double;
    for (let from = 0; from < values.length; from += PIECE_BYTES / 8) {
      this.#progress.tick();
      const piece = values.subarray(from, from + PIECE_BYTES / 8);
      this.#mpi.call('MPI_Allreduce', MPI.inPlace, piece, piece.length, kind, sum, this.#communicator);
    }
    this.#costs[0] += (this.size - 1) * values.byteLength;
    this.#leave(started);
  }

  progressed(): void {
    this.#progress.tick();
  }

  advise(sentence: string): void {
    this.#progress.advice = sentence;
  }

  end(): Promise<void> {
    return this.#exit.end();
  }

  abort(status: number, message?: string): Promise<never> {
    return this.#exit.abort(status, message);
  }

  #enter(operation: number): number {
    this.#progress.enter(operation);
    return performance.now();
  }

  #leave(started: number): void {
    this.#progress.leave();
    this.#costs[1] += (performance.now() - started) / 1000;
  }

  /** Fills in where the blocks stand. @returns their bytes in all */
  #lay(
    counts: Int32Array,
    places: Int32Array,
    memory: Uint8Array,
    bytes: ArrayLike<number>,
    offsets: ArrayLike<number> | undefined,
  ): number {
    let sum = 0;
    for (let rank = 0; rank < this.size; rank++) {
      const place = offsets ? offsets[rank] : sum;
      const end = place + bytes[rank];
      if (!(place >= 0 && bytes[rank] >= 0 && end <= memory.length && end <= MOST_BYTES)) {
        throw new InputError(
          `allToAll: expected the block of rank ${rank} within ${Math.min(memory.length, MOST_BYTES)} bytes, got bytes ${place} to ${end}. Please report it.`,
        );
      }
      counts[rank] = bytes[rank];
      places[rank] = place;
      sum += bytes[rank];
    }
    return sum;
  }

  /** One part to a rank while one comes from another, piece by piece; both sides know both lengths. */
  #swap(outgoing: Uint8Array, to: number, incoming: Uint8Array, from: number): void {
    const { byte } = this.#mpi;
    const longest = Math.max(outgoing.length, incoming.length);
    for (let place = 0; place < longest; place += PIECE_BYTES) {
      this.#progress.tick();
      const out = outgoing.subarray(place, place + PIECE_BYTES);
      const into = incoming.subarray(place, place + PIECE_BYTES);
      const [receiver, sender] = [out, into].map((piece, side) =>
        piece.length === 0 ? MPI.procNull : [to, from][side],
      );
      this.#mpi.call(
        'MPI_Sendrecv',
        ...[out, out.length, byte, receiver, 0],
        ...[into, into.length, byte, sender, 0],
        ...[this.#communicator, MPI.statusIgnore],
      );
    }
  }

  /** The bytes of one rank to all, whose lengths all know. */
  #spread(bytes: Uint8Array, from: number): void {
    for (let place = 0; place < bytes.length; place += PIECE_BYTES) {
      this.#progress.tick();
      const piece = bytes.subarray(place, place + PIECE_BYTES);
      this.#mpi.call('MPI_Bcast', piece, piece.length, this.#mpi.byte, from, this.#communicator);
    }
  }
}
