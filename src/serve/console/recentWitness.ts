import type { AddressWords } from '../../addresses/address.ts';
import type { AnswerWitness } from '../../inference/answer.ts';
import type { Assessment } from '../../model/model.ts';
import type { RecentEvents } from '../../scores/recentEvents.ts';

/** Keeps the events of one request among the recent ones. */
export class RecentWitness implements AnswerWitness {
  readonly #recent: RecentEvents;
  readonly #time = Date.now() / 1000;
  readonly #names: string[] = [];

  constructor(recent: RecentEvents) {
    this.#recent = recent;
  }

  name(name: Uint8Array, start: number, end: number): void {
    this.#names.push(Buffer.from(name.buffer, name.byteOffset + start, end - start).toString());
  }

  assessed(i: number, addresses: AddressWords, assessment: Assessment): void {
    this.#recent.add(this.#names[i], addresses, i, this.#time, assessment);
  }
}
