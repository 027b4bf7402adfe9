import { grown } from '../../events/events.ts';
import { HashedEvents } from '../../events/hashedEvents.ts';
import type { RankPart } from './rankPart.ts';

/** Hash and address. */
const WORDS_OF_EVENT = 6;

/** Rows of bytes, one after the other. */
export class ByteRows {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;
  readonly #ends: number[] = [];

  /** The bytes are copied. */
  add(row: Uint8Array): void {
    const needed = this.#length + row.length;
    if (needed > this.#bytes.length)
      this.#bytes = grown(this.#bytes, Math.max(needed, this.#bytes.length * 2));
    this.#bytes.set(row, this.#length);
    this.#length = needed;
    this.#ends.push(needed);
  }

  /** The end of each row, u32 each, then the rows. */
  message(): Uint8Array {
    const head = Uint32Array.from(this.#ends);
    const message = new Uint8Array(head.byteLength + this.#length);
    message.set(new Uint8Array(head.buffer));
    message.set(this.#bytes.subarray(0, this.#length), head.byteLength);
    return message;
  }
}

/**
 * Every rank asks about events of its own, and answers what others ask about its accounts. Called by all ranks, with few enough
 * events that they and their answers fit into memory.
 * @param answer is given events of this rank's accounts, and gives a row for each
 * @returns the answer to each event, views of what arrived
 */
export function askOwners(
  { ranks, rankOf }: RankPart,
  { count, hashes, addresses }: HashedEvents,
  answer: (events: HashedEvents) => ByteRows,
): Uint8Array[] {
  const owner = new Uint32Array(count);
  const counts = new Uint32Array(ranks.size);
  for (let i = 0; i < count; i++) {
    owner[i] = rankOf(hashes[i * 2], hashes[i * 2 + 1]);
    counts[owner[i]]++;
  }
  const questions = Array.from(counts, (events) => new Uint32Array(events * WORDS_OF_EVENT));
  const asked = new Uint32Array(ranks.size);
  for (let i = 0; i < count; i++) {
    const to = questions[owner[i]];
    const at = asked[owner[i]]++ * WORDS_OF_EVENT;
    to.set(hashes.subarray(i * 2, i * 2 + 2), at);
    to.set(addresses.subarray(i * 4, i * 4 + 4), at + 2);
  }
  const received = ranks.exchange(questions.map(({ buffer }) => new Uint8Array(buffer)));
  const replies = received.map((bytes) => {
    ranks.progressed();
    return answer(eventsOf(bytes)).message();
  });
  const answers = ranks.exchange(replies).map((message, rank) => rowsOf(message, counts[rank]));
  const taken = new Uint32Array(ranks.size);
  return Array.from(owner, (rank) => answers[rank][taken[rank]++]);
}

function eventsOf(bytes: Uint8Array): HashedEvents {
  // What came may begin anywhere.
  const words = new Uint32Array(bytes.slice().buffer);
  const events = new HashedEvents();
  for (let at = 0; at < words.length; at += WORDS_OF_EVENT) {
    events.addHashed(words[at], words[at + 1], words.subarray(at + 2, at + WORDS_OF_EVENT));
  }
  return events;
}

function rowsOf(message: Uint8Array, count: number): Uint8Array[] {
  const ends = new Uint32Array(message.slice(0, count * 4).buffer);
  const rows = message.subarray(count * 4);
  return Array.from(ends, (end, i) => rows.subarray(i === 0 ? 0 : ends[i - 1], end));
}
