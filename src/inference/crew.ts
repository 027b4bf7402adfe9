import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { AddressWords } from '../addresses/address.ts';
import { InputError } from '../errors.ts';
import { HashedEvents } from '../events/hashedEvents.ts';
import type { SharedModel } from '../model/sharedBytes.ts';
import type { AnswerOptions, Tally } from './answer.ts';
import type { Order, Report } from './crewMessages.ts';
import { MisdirectedError } from './misdirected.ts';
import { RequestError } from './requestError.ts';

/** An answer that a thread is writing. */
export interface StreamedAnswer {
  records: number;
  /** The text, piece by piece. @throws RequestError where the thread died */
  pieces: AsyncGenerator<Uint8Array>;
  /** Ends the work: the reader has all that it wants. Must be called, whether anything was read or not. */
  end(): void;
  /** Records that were none; undefined until all pieces were read. */
  badRecords(): number | undefined;
}

interface Job {
  thread: Thread;
  begun(records: number): void;
  failed(error: Error): void;
  received: Uint8Array[];
  /** known once the text is complete */
  badRecords: number | undefined;
  error: Error | undefined;
  wake(): void;
}

interface Thread {
  /** which of those that share a model's memory */
  index: number;
  worker: Worker;
  jobs: Set<number>;
  /** those who wait for what it says of a model, in the order in which they asked */
  waiting: { model: number; resolve(shared: SharedModel | undefined): void; reject(error: Error): void }[];
}

interface OpenModel {
  shared: SharedModel;
  /** in their order, for a thread that takes the place of one that died */
  observed: HashedEvents;
  times: number[];
}

/** @param time to the millisecond, as journals keep it @returns −1 where there is none */
function lastOf(
  { observed: { hashes, addresses }, times }: OpenModel,
  [low, high]: Uint32Array,
  words: AddressWords,
  time: number,
): number {
  const milliseconds = Math.round(time * 1000);
  for (let i = times.length - 1; i >= 0; i--) {
    if (hashes[i * 2] !== low || hashes[i * 2 + 1] !== high) continue;
    if (Math.round(times[i] * 1000) !== milliseconds) continue;
    if (words.every((word, w) => addresses[i * 4 + w] === word)) return i;
  }
  return -1;
}

/** A timer takes no more than 24.8 days. */
const isDelay = (seconds: number) => seconds < 2_000_000;

function failureOf({ status, message, shards }: Extract<Report, { kind: 'failed' }>): Error {
  if (shards) return new MisdirectedError(message, shards);
  return status === undefined ? new Error(message) : new RequestError(status, message);
}

/** One thread beside the calling one for each core, at least one. */
export const defaultCrewSize = () => Math.max(1, availableParallelism() - 1);

/**
 * Threads that score large requests while the calling thread goes on with small ones. They share the vectors of the models;
 * each has histories of its own and is told of every observed event.
 */
export class ScoringCrew {
  /** calling thread and those of the crew, for `readSharedModel` */
  readonly sharers: number;
  /** Told what the model thought of the records of a request, where that was to be counted. */
  onCounted: (tally: Tally) => void = () => {};
  readonly #threads: Thread[] = [];
  readonly #models = new Map<number, OpenModel>();
  readonly #jobs = new Map<number, Job>();
  #nextJob = 0;
  #nextModel = 0;
  #closed = false;

  /** @param size threads, at least 1; they start at once */
  constructor(size: number) {
    this.sharers = size + 1;
    for (let index = 1; index <= size; index++) this.#threads.push(this.#start(index));
  }

  /**
   * Sums up what all threads share of a model while the calling thread does something else.
   * @returns the same model with that
   * @throws InputError where it is none
   */
  async sumUp(shared: SharedModel): Promise<SharedModel> {
    return (await this.#ask(this.#threads[0], { kind: 'sumUp', model: this.#nextModel++, shared }))!;
  }

  /**
   * Reads a model file, and has the model at hand in every thread.
   * @param name   how messages call it
   * @param shards of a model in shards those that are wanted; default: all
   * @throws InputError where it cannot be read or is no whole model
   */
  async load(
    path: string,
    name: string,
    shards?: readonly number[],
  ): Promise<{ number: number; shared: SharedModel }> {
    const model = this.#nextModel++;
    const [first] = this.#threads;
    const { sharers } = this;
    const { index: thread } = first;
    const shared = await this.#ask(first, { kind: 'load', model, path, name, shards, sharers, thread });
    await this.#openIn(this.#threads.slice(1), model, shared!);
    return { number: model, shared: shared! };
  }

  /**
   * Has every thread open a model whose checksum somebody else has looked at; requests wait for it in the thread's queue.
   * @returns its number, at once
   */
  open(shared: SharedModel): number {
    const model = this.#nextModel++;
    this.#openIn(this.#threads, model, shared).catch(() => {});
    return model;
  }

  async #openIn(threads: Thread[], model: number, shared: SharedModel): Promise<void> {
    this.#models.set(model, { shared, observed: new HashedEvents(), times: [] });
    try {
      await Promise.all(
        threads.map((thread) => this.#ask(thread, { kind: 'open', model, shared, thread: thread.index })),
      );
    } catch (error) {
      this.close(model);
      throw error;
    }
  }

  #ask(
    thread: Thread,
    order: Extract<Order, { kind: 'load' | 'sumUp' | 'open' }>,
  ): Promise<SharedModel | undefined> {
    return new Promise((resolve, reject) => {
      thread.waiting.push({ model: order.model, resolve, reject });
      this.#post(thread, order);
    });
  }

  /** Forgets a model; what is being answered with it is finished. */
  close(model: number): void {
    this.#models.delete(model);
    for (const thread of this.#threads) this.#post(thread, { kind: 'close', model });
  }

  /** Tells all threads that an account has one event more. */
  observe(model: number, [hashLow, hashHigh]: Uint32Array, words: AddressWords, time: number): void {
    const entry = this.#models.get(model);
    if (!entry) return;
    entry.observed.addHashed(hashLow, hashHigh, words);
    entry.times.push(time);
    for (const thread of this.#threads) {
      this.#post(thread, { kind: 'observe', model, hashLow, hashHigh, words, time });
    }
  }

  /** All that a model was told of, in that order. @param take given low and high word of the entity's hash, u32[4], and the time */
  eachObserved(model: number, take: (hash: Uint32Array, words: AddressWords, time: number) => void): void {
    const { observed, times } = this.#models.get(model)!;
    for (const [i, time] of times.entries()) {
      take(observed.hashes.subarray(i * 2, i * 2 + 2), observed.addresses.slice(i * 4, i * 4 + 4), time);
    }
  }

  /**
   * Takes an event out of what a model was told, the last one where it was told several times. All threads know it on: another
   * model that is told the rest does not.
   * @returns what puts it back; undefined where it was not among them
   */
  forget(model: number, hash: Uint32Array, words: AddressWords, time: number): (() => void) | undefined {
    const entry = this.#models.get(model)!;
    const at = lastOf(entry, hash, words, time);
    if (at < 0) return undefined;
    const { observed, times } = entry;
    const removed = times[at];
    entry.observed = new HashedEvents();
    entry.times = times.toSpliced(at, 1);
    for (const i of times.keys()) {
      const [hashLow, hashHigh] = observed.hashes.subarray(i * 2, i * 2 + 2);
      if (i !== at) entry.observed.addHashed(hashLow, hashHigh, observed.addresses.slice(i * 4, i * 4 + 4));
    }
    return () => {
      entry.observed.addHashed(hash[0], hash[1], words);
      entry.times.push(removed);
    };
  }

  /** Whether a model was told of an event. */
  hasObserved(model: number, hash: Uint32Array, words: AddressWords, time: number): boolean {
    return lastOf(this.#models.get(model)!, hash, words, time) >= 0;
  }

  /**
   * Answers a request in the thread with the least to do.
   * @param bytes of the request; taken over where they are all of their buffer
   * @param timeoutSeconds until the answer must have begun
   * @throws RequestError 400 where it is none, 503 where the thread died or the time is over
   */
  async answer(
    model: number,
    bytes: Uint8Array,
    options: AnswerOptions,
    timeoutSeconds = Number.POSITIVE_INFINITY,
  ): Promise<StreamedAnswer> {
    const thread = this.#threads.reduce((least, one) => (one.jobs.size < least.jobs.size ? one : least));
    const number = this.#nextJob++;
    const nobody = () => {};
    const job: Job = {
      thread,
      begun: nobody,
      failed: nobody,
      received: [],
      badRecords: undefined,
      error: undefined,
      wake: nobody,
    };
    this.#jobs.set(number, job);
    thread.jobs.add(number);
    // A copy by constructor: `slice` of a Buffer would be a view of what others use.
    const own = bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
    const timer = isDelay(timeoutSeconds)
      ? setTimeout(() => this.#giveUp(number, job), timeoutSeconds * 1000)
      : undefined;
    const records = await new Promise<number>((resolve, reject) => {
      job.begun = resolve;
      job.failed = reject;
      this.#post(thread, { kind: 'answer', job: number, model, bytes: own, options }, [
        own.buffer as ArrayBuffer,
      ]);
    }).finally(() => clearTimeout(timer));
    const end = () => this.#end(number, job);
    return { records, pieces: this.#pieces(number, job), end, badRecords: () => job.badRecords };
  }

  async *#pieces(number: number, job: Job): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = job.received.shift();
      if (piece) {
        this.#post(job.thread, { kind: 'more', job: number });
        yield piece;
      } else if (job.error) {
        throw job.error;
      } else if (job.badRecords !== undefined || !this.#jobs.has(number)) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          job.wake = resolve;
        });
      }
    }
  }

  #end(number: number, job: Job): void {
    if (!this.#jobs.delete(number)) return;
    job.thread.jobs.delete(number);
    if (job.badRecords === undefined && !job.error) this.#post(job.thread, { kind: 'drop', job: number });
    job.wake();
  }

  #post(thread: Thread, order: Order, moved: ArrayBuffer[] = []): void {
    thread.worker.postMessage(order, moved);
  }

  #start(index: number): Thread {
    const worker = new Worker(new URL('./crewThread.js', import.meta.url));
    const thread: Thread = { index, worker, jobs: new Set(), waiting: [] };
    worker.on('message', (report: Report) => this.#hear(thread, report));
    worker.on('error', (error) => this.#replace(thread, error));
    return thread;
  }

  #hear(thread: Thread, report: Report): void {
    if (report.kind === 'opened' || report.kind === 'refused') {
      const at = thread.waiting.findIndex(({ model }) => model === report.model);
      // A thread that took the place of another opens models that nobody waits for.
      if (at < 0) return;
      const [asked] = thread.waiting.splice(at, 1);
      if (report.kind === 'opened') asked.resolve(report.shared);
      else asked.reject(report.isInputError ? new InputError(report.message) : new Error(report.message));
      return;
    }
    if (report.kind === 'counted') {
      this.onCounted(report.tally);
      return;
    }
    const job = this.#jobs.get(report.job);
    if (!job) return;
    if (report.kind === 'begun') job.begun(report.records);
    else if (report.kind === 'piece') job.received.push(report.bytes);
    else if (report.kind === 'done') job.badRecords = report.badRecords;
    else this.#fail(report.job, job, failureOf(report));
    job.wake();
  }

  #fail(number: number, job: Job, error: Error): void {
    job.error = error;
    job.failed(error);
    job.wake();
    this.#end(number, job);
  }

  #giveUp(number: number, job: Job): void {
    this.#post(job.thread, { kind: 'drop', job: number });
    this.#fail(
      number,
      job,
      new RequestError(503, 'no answer in time: the server has too much to do. Try again.'),
    );
  }

  /** A thread died, of a lack of memory most likely: its jobs fail, and another one takes its place. */
  #replace(dead: Thread, error: Error): void {
    if (this.#closed) return;
    const thread = this.#start(dead.index);
    this.#threads[this.#threads.indexOf(dead)] = thread;
    for (const { reject } of dead.waiting) reject(error);
    for (const number of dead.jobs) {
      const job = this.#jobs.get(number)!;
      this.#fail(number, job, new RequestError(503, `a scoring thread died (${error.message}). Try again.`));
    }
    for (const [model, { shared }] of this.#models) {
      this.#post(thread, { kind: 'open', model, shared, thread: thread.index });
      this.eachObserved(model, ([hashLow, hashHigh], words, time) =>
        this.#post(thread, { kind: 'observe', model, hashLow, hashHigh, words, time }),
      );
    }
  }

  /** Ends all threads; what they were answering fails. */
  async end(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
    for (const [number, job] of this.#jobs) {
      this.#fail(number, job, new RequestError(503, 'the server is stopping.'));
    }
  }
}
