import type { AddressWords } from '../../addresses/address.ts';
import { LABELS } from '../../scores/eventFilter.ts';
import type { Label } from './contract.ts';
import { LabelFile, type LabelLine } from './labelFile.ts';

/** What a person said of an event. */
export interface KeptLabel extends LabelLine {
  /** names it until the server ends */
  id: number;
  /** whether the model learned the event by it */
  observed: boolean;
  /** what was said before; undefined: nothing */
  before: KeptLabel | undefined;
}

/** Which event a label is of: its account, address, and time to the millisecond, as the file has it. */
export interface LabelledEvent {
  entity: string;
  words: AddressWords;
  /** seconds since 1970, NaN where unknown */
  time: number;
}

/**
 * Kind of the events that the model has learned by their label, in the file: so that they can be forgotten after a restart too, and
 * `evaluate --labelled` tells them from those that the model does not know.
 */
const LEARNED = 'learned';

const milliseconds = (time: number) => (Number.isNaN(time) ? '' : Math.round(time * 1000));

export const isSameTime = (a: number, b: number): boolean => milliseconds(a) === milliseconds(b);

const keyOf = ({ entity, words, time }: LabelledEvent) =>
  `${milliseconds(time)} ${words.join(' ')} ${entity}`;

/** The labels, each event's last one, in memory and in the file where there is one. */
export class Labels {
  readonly #file: LabelFile | undefined;
  readonly #byKey = new Map<string, KeptLabel>();
  readonly #byId = new Map<number, KeptLabel>();
  /** how many labels each account has */
  readonly #entities = new Map<string, number>();
  #nextId = 1;

  /** @throws InputError where the file is none of labels, or cannot be read or written */
  constructor(path: string | undefined) {
    this.#file = path === undefined ? undefined : new LabelFile(path);
    // Where the file has two of an event, the later line wins.
    for (const line of this.#file?.read() ?? []) {
      this.#keep({ ...line, id: this.#nextId++, observed: line.kind === LEARNED, before: undefined });
    }
  }

  get path(): string | undefined {
    return this.#file?.path;
  }

  /** Accounts that have any. */
  entities(): Iterable<string> {
    return this.#entities.keys();
  }

  of(event: LabelledEvent): KeptLabel | undefined {
    return this.#byKey.get(keyOf(event));
  }

  /** @returns undefined where it was taken back, or replaced */
  byId(id: number): KeptLabel | undefined {
    return this.#byId.get(id);
  }

  /** The label as an index into LABELS. */
  codeOf(entity: string, words: AddressWords, time: number): number {
    return LABELS.indexOf(this.of({ entity, words, time })?.label ?? 'none');
  }

  /** Keeps a label in place of what was said of the event before. @param observed whether the model learns the event by it @throws InputError where it cannot be kept; then nothing changes */
  say({ entity, words, time }: LabelledEvent, label: Label, observed = false): KeptLabel {
    const event = { entity, words, time };
    const before = this.of(event);
    const kept: KeptLabel = {
      ...event,
      label,
      kind: observed ? LEARNED : before && before.kind !== LEARNED ? before.kind : '',
      id: this.#nextId++,
      observed,
      before,
    };
    if (before) this.#file?.replace(this.#with(kept));
    else this.#file?.append(kept, () => this.#with(kept));
    this.#keep(kept);
    return kept;
  }

  /** Takes back a label: what was said before holds again. @throws InputError where the file cannot be written; then nothing changes */
  unsay(kept: KeptLabel): void {
    const { before } = kept;
    this.#file?.replace(before ? this.#with(before) : this.#without(kept));
    if (before) {
      this.#byId.delete(kept.id);
      this.#keep(before);
    } else {
      this.#drop(kept);
    }
  }

  *#with(kept: KeptLabel): Generator<LabelLine> {
    const key = keyOf(kept);
    for (const [other, line] of this.#byKey) yield other === key ? kept : line;
    if (!this.#byKey.has(key)) yield kept;
  }

  *#without(kept: KeptLabel): Generator<LabelLine> {
    for (const line of this.#byKey.values()) if (line !== kept) yield line;
  }

  #keep(kept: KeptLabel): void {
    const key = keyOf(kept);
    const old = this.#byKey.get(key);
    if (old) this.#byId.delete(old.id);
    else this.#entities.set(kept.entity, (this.#entities.get(kept.entity) ?? 0) + 1);
    this.#byKey.set(key, kept);
    this.#byId.set(kept.id, kept);
  }

  #drop(kept: KeptLabel): void {
    this.#byKey.delete(keyOf(kept));
    this.#byId.delete(kept.id);
    const left = this.#entities.get(kept.entity)! - 1;
    if (left === 0) this.#entities.delete(kept.entity);
    else this.#entities.set(kept.entity, left);
  }
}
