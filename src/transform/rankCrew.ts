import { HashedEvents } from '../events/hashedEvents.ts';
import { type AnswerOptions, AnswerText, predictor, RequestRecords } from '../inference/answer.ts';
import type { StreamedAnswer } from '../inference/crew.ts';
import { askOwners, ByteRows } from '../model/shards/askOwners.ts';
import type { RankPart } from '../model/shards/rankPart.ts';
import type { AnsweringCrew } from './answerInput.ts';

/** Where an answer waits for the ranks that have the accounts. */
interface Waiting {
  records: RequestRecords;
  options: AnswerOptions;
  resolve(texts: Uint8Array[]): void;
}

/**
 * Ranks that answer each other's requests: all move on together, a request of each at a time. One that has none yet is waited for.
 */
export class RankCrew implements AnsweringCrew {
  /** a request that is answered, and one that is read meanwhile */
  readonly sharers = 2;
  readonly #part: RankPart;
  readonly #waiting: Waiting[] = [];
  #wake = () => {};

  constructor(part: RankPart) {
    this.#part = part;
  }

  /** The model is there already. */
  async load(): Promise<{ number: number }> {
    return { number: 0 };
  }

  async end(): Promise<void> {}

  /** @throws RequestError 400 where it is none */
  async answer(_model: number, bytes: Uint8Array, options: AnswerOptions): Promise<StreamedAnswer> {
    const records = new RequestRecords(bytes, options);
    const texts = await new Promise<Uint8Array[]>((resolve) => {
      this.#waiting.push({ records, options, resolve });
      this.#wake();
    });
    const decoder = new TextDecoder();
    const text = new AnswerText(records, options, (i) => decoder.decode(texts[i]));
    return {
      records: records.count,
      pieces: piecesOf(text),
      end: () => {},
      badRecords: () => records.badCount,
    };
  }

  /**
   * Answers and has answered until no rank has anything to ask. Called by all ranks, beside what asks.
   * @param form  of the answers, the same on all ranks
   * @param asking is over when this rank will ask nothing more
   */
  async serve(form: AnswerOptions['form'], asking: Promise<unknown>): Promise<void> {
    let isOver = false;
    const end = () => {
      isOver = true;
      this.#wake();
    };
    asking.then(end, end);
    const encoder = new TextEncoder();
    const none = new HashedEvents();
    for (;;) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (isOver || this.#waiting.length > 0) resolve();
      });
      const next = this.#waiting.shift();
      const asked = Float64Array.of(next ? 1 : 0);
      this.#part.ranks.sumOfIntegers(asked);
      if (asked[0] === 0) return;
      const texts = askOwners(this.#part, next?.records.events ?? none, (events) => {
        const rows = new ByteRows();
        const predict = predictor(this.#part.model, events, { form });
        for (let i = 0; i < events.count; i++) rows.add(encoder.encode(predict(i)));
        return rows;
      });
      next?.resolve(texts);
      // Who has waited reads on and asks again before the others are asked to wait.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

async function* piecesOf(text: AnswerText): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for (let piece = text.next(); piece !== undefined; piece = text.next()) yield encoder.encode(piece);
}
