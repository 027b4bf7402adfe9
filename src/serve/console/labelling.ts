import { latestTime } from '../../events/future.ts';
import { RequestError } from '../../inference/requestError.ts';
import { LABELS } from '../../scores/eventFilter.ts';
import { isOneLine } from '../journal.ts';
import type { Serving } from '../serving.ts';
import type { Label, LabelAnswer } from './contract.ts';
import type { Desk } from './desk.ts';
import type { KeptLabel, LabelledEvent } from './labels.ts';

/**
 * What people say of events: kept, shown with the events, and, of an honest one that came after all that the model's file knows,
 * learned. One after the other, whoever asks.
 */
export class Labelling {
  readonly #desk: Desk;
  readonly #serving: Serving;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(desk: Desk, serving: Serving) {
    this.#desk = desk;
    this.#serving = serving;
  }

  /** @throws RequestError 507 where it cannot be kept, 422 where the model cannot forget what it had learned; then nothing changes */
  say(event: LabelledEvent, label: Label): Promise<LabelAnswer> {
    return this.#inTurn(async () => {
      const { labels } = this.#desk;
      const now = labels.of(event);
      if (now?.label === label) return answerOf(now);
      const forgotten = now !== undefined && (await this.#forget(now));
      const learns = label === 'honest' && this.#wouldLearn(event);
      const kept = this.#write(now, forgotten, () => labels.say(event, label, learns));
      if (learns) {
        try {
          this.#serving.observe([kept]);
        } catch (error) {
          labels.unsay(kept);
          throw error;
        }
      }
      this.#show(kept, label);
      return answerOf(kept);
    });
  }

  /**
   * Takes back what was said: what was said before holds again, if anything was.
   * @throws RequestError 404 where there is no such label any more, and as `say` does
   */
  undo(which: { id: number } | LabelledEvent): Promise<{ label: Label | null }> {
    return this.#inTurn(async () => {
      const { labels } = this.#desk;
      const kept = 'id' in which ? labels.byId(which.id) : labels.of(which);
      if (!kept) {
        throw new RequestError(
          404,
          'id' in which
            ? `id: expected a label that was given, got ${which.id}: it was taken back, or the event has another one by now.`
            : 'the event has no label.',
        );
      }
      const forgotten = await this.#forget(kept);
      this.#write(kept, forgotten, () => labels.unsay(kept));
      const { before } = kept;
      if (before?.observed && this.#wouldLearn(before)) this.#serving.observe([before]);
      this.#show(kept, before?.label);
      return { label: before?.label ?? null };
    });
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** @returns whether the model had learned the event by this label, and does not know it any more */
  async #forget(kept: KeptLabel): Promise<boolean> {
    if (!kept.observed || !this.#serving.hasMain) return false;
    return this.#serving.forget(kept);
  }

  #write<T>(now: KeptLabel | undefined, forgotten: boolean, write: () => T): T {
    try {
      return write();
    } catch (error) {
      if (forgotten && now) this.#serving.observe([now]);
      throw new RequestError(507, `the label cannot be kept: ${(error as Error).message}`);
    }
  }

  /** Whether the model can learn an event: others it knows already, or journals cannot keep them. */
  #wouldLearn(event: LabelledEvent): boolean {
    const { entity, time } = event;
    const isPast = time >= 0 && time <= latestTime(Date.now() / 1000);
    return isPast && isOneLine(entity) && this.#serving.wouldLearn(event);
  }

  #show({ entity, words, time }: LabelledEvent, label: Label | undefined): void {
    for (const table of this.#desk.tables()) {
      table.label(entity, words, time, LABELS.indexOf(label ?? 'none'));
    }
  }
}

const answerOf = ({ id, label, observed }: KeptLabel): LabelAnswer => ({
  id,
  label,
  observed,
});
