import type { SharedModel } from '../model/sharedBytes.ts';
import type { AnswerOptions, Tally } from './answer.ts';
import type { ShardRecords } from './misdirected.ts';

/*
 * What the main thread and the threads that score say to each other.
 */

export type Order =
  /** Read a model file, and have the model at hand. @param name how messages call it. @param shards those that are wanted */
  | {
      kind: 'load';
      model: number;
      path: string;
      name: string;
      shards: readonly number[] | undefined;
      sharers: number;
      thread: number;
    }
  /** Sum up what all threads share of it. */
  | { kind: 'sumUp'; model: number; shared: SharedModel }
  /** Have a model at hand. @param thread which of those that share its memory this is */
  | { kind: 'open'; model: number; shared: SharedModel; thread: number }
  /** Forget it; answers in the making are finished with it. */
  | { kind: 'close'; model: number }
  /** An account has one event more. @param words u32[4] */
  | { kind: 'observe'; model: number; hashLow: number; hashHigh: number; words: Uint32Array; time: number }
  | { kind: 'answer'; job: number; model: number; bytes: Uint8Array; options: AnswerOptions }
  /** The reader has taken a piece. */
  | { kind: 'more'; job: number }
  /** The reader has gone. */
  | { kind: 'drop'; job: number };

export type Report =
  /** @param shared what was read, after `load` and `sumUp` */
  | { kind: 'opened'; model: number; shared?: SharedModel }
  | { kind: 'refused'; model: number; message: string; isInputError: boolean }
  /** The request is one, and its answer begins. */
  | { kind: 'begun'; job: number; records: number }
  | { kind: 'piece'; job: number; bytes: Uint8Array }
  /** The text is complete. */
  | { kind: 'done'; job: number; badRecords: number }
  /** What the model thought of the records, once all is said. */
  | { kind: 'counted'; tally: Tally }
  /**
   * @param status undefined: nobody expected it, and the message has its place in the code
   * @param shards where the records belong, of a request that came to the wrong server
   */
  | {
      kind: 'failed';
      job: number;
      status: number | undefined;
      message: string;
      shards: readonly ShardRecords[] | undefined;
    };

/** Pieces that a thread makes before the reader has taken the first: a slow client holds so much memory. */
export const PIECES_AHEAD = 8;
