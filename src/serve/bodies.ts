import type { IncomingMessage } from 'node:http';
import { RequestError } from '../inference/requestError.ts';

/**
 * Reads the bodies of requests, and knows how much of them is in memory: thousands of clients that send slowly must not hold
 * more than there is.
 */
export class Bodies {
  readonly #limitBytes: number;
  readonly #budgetBytes: number;
  /** of all bodies that are arriving or being answered */
  heldBytes = 0;
  readonly #held = new WeakMap<IncomingMessage, number>();
  readonly #kept = new WeakMap<IncomingMessage, { error: Error | null; body: Buffer | undefined }>();

  /**
   * @param limitBytes  of one body
   * @param budgetBytes of all together
   */
  constructor(limitBytes: number, budgetBytes: number) {
    this.#limitBytes = limitBytes;
    this.#budgetBytes = budgetBytes;
  }

  /**
   * Reads a body; its bytes count until `release`.
   * @param mostBytes of this one, if less than the limit of all
   * @throws RequestError 413 where it is too large, 429 where there is no room, 400 where it ends early
   */
  read(
    payload: IncomingMessage,
    announcedBytes: number,
    done: (error: Error | null, body?: Buffer) => void,
    mostBytes = Number.POSITIVE_INFINITY,
  ): void {
    const limitBytes = Math.min(this.#limitBytes, mostBytes);
    const kept = this.#kept.get(payload);
    if (kept) {
      done(kept.error, kept.body);
      return;
    }
    if (announcedBytes > limitBytes) {
      done(tooLarge(limitBytes, this.#limitBytes));
      return;
    }
    const chunks: Buffer[] = [];
    let isFinished = false;
    const finish = (error: Error | null, body?: Buffer) => {
      isFinished = true;
      // Of a refused body nothing is kept, whatever else comes.
      if (error) this.release(payload);
      done(error, body);
    };
    this.#held.set(payload, 0);
    payload.on('data', (chunk: Buffer) => {
      const held = this.#held.get(payload);
      // Refused, or its answer is over.
      if (isFinished || held === undefined) return;
      const length = held + chunk.length;
      this.#held.set(payload, length);
      this.heldBytes += chunk.length;
      if (length > limitBytes) finish(tooLarge(limitBytes, this.#limitBytes));
      else if (this.heldBytes > this.#budgetBytes) finish(busy());
      else chunks.push(chunk);
    });
    payload.on('end', () => {
      if (!isFinished) finish(null, chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
    });
    payload.on('close', () => {
      if (!isFinished) finish(new RequestError(400, 'body: ended before it was complete.'));
    });
  }

  /** Gives a body that was read, or what was wrong with it, to the next that reads it. */
  keep(payload: IncomingMessage, error: Error | null, body: Buffer | undefined): void {
    this.#kept.set(payload, { error, body });
  }

  /** Lets go of a request's body, if it has one; called once it is answered, or its client has gone. */
  release(payload: IncomingMessage): void {
    this.heldBytes -= this.#held.get(payload) ?? 0;
    this.#held.delete(payload);
  }
}

const tooLarge = (limitBytes: number, ofAll: number) =>
  new RequestError(
    413,
    `body: expected at most ${limitBytes} bytes, got more. ${limitBytes < ofAll ? 'Send it in parts.' : 'Send it in parts, or start the server with a larger --max-body.'}`,
  );

/** Too much at once; the next try may succeed. */
const busy = () =>
  new RequestError(
    429,
    'too many requests at once. Try again in a second, or start the server with a larger limit.',
  );
