/** A thread that scores: started by `ScoringCrew`. */
import { parentPort } from 'node:worker_threads';
import { InputError } from '../errors.ts';
import type { Model } from '../model/model.ts';
import { readSharedModel } from '../model/sharedBytes.ts';
import { openSharedModel, withPopulation } from '../model/sharedModel.ts';
import { Answer } from './answer.ts';
import { type Order, PIECES_AHEAD, type Report } from './crewMessages.ts';
import { MisdirectedError } from './misdirected.ts';
import { RequestError } from './requestError.ts';

const port = parentPort!;
const report = (message: Report, moved: ArrayBuffer[] = []) => port.postMessage(message, moved);

const models = new Map<number, Model>();

/** An answer whose pieces are being made. */
interface Job {
  /** how many pieces may still be made before the reader takes one */
  ahead: number;
  answer: Answer;
  counts: boolean;
}
const jobs = new Map<number, Job>();

port.on('message', (order: Order) => {
  switch (order.kind) {
    case 'load':
    case 'sumUp':
    case 'open':
      return open(order);
    case 'close':
      return models.delete(order.model);
    case 'observe':
      return models.get(order.model)?.add(order.hashLow, order.hashHigh, order.words, 0, order.time);
    case 'answer':
      return begin(order);
    case 'more':
      return goOn(order.job, 1);
    case 'drop':
      return jobs.delete(order.job);
  }
});

function open(order: Extract<Order, { kind: 'load' | 'sumUp' | 'open' }>): void {
  const { model } = order;
  try {
    if (order.kind === 'sumUp') {
      report({ kind: 'opened', model, shared: withPopulation(order.shared) });
      return;
    }
    const shared =
      order.kind === 'open'
        ? order.shared
        : withPopulation(readSharedModel(order.path, order.sharers, order.name, order.shards));
    // What is opened was verified, or is being verified, by another thread.
    models.set(model, openSharedModel(shared, order.thread, order.kind === 'open' ? 'elsewhere' : 'verify'));
    report({ kind: 'opened', model, shared });
  } catch (error) {
    const { message } = error as Error;
    report({ kind: 'refused', model, message, isInputError: error instanceof InputError });
  }
}

function begin({ job, model, bytes, options }: Extract<Order, { kind: 'answer' }>): void {
  try {
    const answer = new Answer(models.get(model)!, bytes, options);
    report({ kind: 'begun', job, records: answer.records });
    jobs.set(job, { ahead: 0, answer, counts: options.counts });
    goOn(job, PIECES_AHEAD);
  } catch (error) {
    fail(job, error);
  }
}

/** Makes as many pieces as the reader has room for, one at a time, so that other jobs and observed events get their turn. */
function goOn(number: number, room: number): void {
  const job = jobs.get(number);
  if (!job) return;
  job.ahead += room;
  // One that had no room rests; otherwise its next piece is on the way already.
  if (job.ahead === room) setImmediate(makePiece, number, job);
}

function makePiece(number: number, job: Job): void {
  if (jobs.get(number) !== job) return;
  try {
    const piece = job.answer.next();
    if (piece === undefined) {
      jobs.delete(number);
      report({ kind: 'done', job: number, badRecords: job.answer.badRecords });
      if (job.counts) countLater(job.answer);
      return;
    }
    const bytes = new TextEncoder().encode(piece);
    report({ kind: 'piece', job: number, bytes }, [bytes.buffer]);
  } catch (error) {
    jobs.delete(number);
    fail(number, error);
    return;
  }
  job.ahead--;
  if (job.ahead > 0) setImmediate(makePiece, number, job);
}

/** Answers whose verdicts are still to be counted: later, as nobody waits for it. */
const uncounted: Answer[] = [];
/** They hold their records, 24 bytes each; so many may wait until there is nothing else to do. */
const MOST_UNCOUNTED = 4;
const IDLE_CHECK_MILLISECONDS = 10;

function countLater(answer: Answer): void {
  uncounted.push(answer);
  if (uncounted.length === 1) setImmediate(countSome);
}

/** Counts a part of what is left, and goes on after what came meanwhile. */
function countSome(): void {
  if (jobs.size > 0 && uncounted.length <= MOST_UNCOUNTED) {
    setTimeout(countSome, IDLE_CHECK_MILLISECONDS);
    return;
  }
  const tally = uncounted[0].countSome();
  if (tally) {
    uncounted.shift();
    report({ kind: 'counted', tally });
  }
  if (uncounted.length > 0) setImmediate(countSome);
}

function fail(job: number, error: unknown): void {
  const isRequest = error instanceof RequestError;
  const message = isRequest ? error.message : ((error as Error).stack ?? String(error));
  const shards = error instanceof MisdirectedError ? error.shards : undefined;
  report({ kind: 'failed', job, status: isRequest ? error.status : undefined, message, shards });
}
