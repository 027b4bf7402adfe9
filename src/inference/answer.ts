import type { AddressWords } from '../addresses/address.ts';
import { HashedEvents } from '../events/hashedEvents.ts';
import type { Assessment, Model, Verdict } from '../model/model.ts';
import type { AnswerForm, RequestFormat } from './mediaTypes.ts';
import { requireHeld } from './misdirected.ts';
import { type Excerpt, readRequest } from './readRequest.ts';
import { RequestError } from './requestError.ts';

/** What a model thought of the records of a request, or of many. */
export interface Tally {
  ok: number;
  suspicious: number;
  unknown: number;
  /** records of entities that the model has not seen */
  strangers: number;
}

export const emptyTally = (): Tally => ({ ok: 0, suspicious: 0, unknown: 0, strangers: 0 });

export interface AnswerOptions {
  format: RequestFormat;
  form: AnswerForm;
  /** verdict "suspicious" from this anomaly on; default: the model's own rule */
  threshold?: number | undefined;
  /** `error` refuses the request at its first bad record; `mark` answers it by an object that says what is wrong */
  onBadRecord: 'error' | 'mark';
  /** whether a crew counts verdicts, after the answer, where it has none itself */
  counts: boolean;
  /** where the request is cut out of a longer text */
  excerpt?: Excerpt;
  /** JSON: each record has an answer of its own, and this stands between them; default: one answer for all */
  apart?: string;
}

/** Is shown the events of a request and what the model thinks of them. */
export interface AnswerWitness {
  /** The name of the next event. @param name UTF-8 bytes, valid during the call only; the entity is name[start, end) */
  name(name: Uint8Array, start: number, end: number): void;
  /** @param i which event, in no order; its address is addresses[4·i, 4·i + 4) */
  assessed(i: number, addresses: AddressWords, assessment: Assessment): void;
}

const PIECE_CHARACTERS = 1 << 16;
const COUNTED_AT_ONCE = 1 << 14;

/** The records of a request. */
export class RequestRecords {
  readonly events = new HashedEvents();
  readonly #onBadRecord: AnswerOptions['onBadRecord'];
  readonly #witness: AnswerWitness | undefined;
  /** what was wrong, by the number of the record */
  #bad: Map<number, string> | undefined;

  /** @throws RequestError 400 where the request, or a record of it, is none, with its place */
  constructor(
    bytes: Uint8Array,
    { format, excerpt, onBadRecord }: Pick<AnswerOptions, 'format' | 'excerpt' | 'onBadRecord'>,
    witness?: AnswerWitness,
  ) {
    this.#onBadRecord = onBadRecord;
    this.#witness = witness;
    readRequest(bytes, format, this, excerpt);
  }

  /** Bad ones included. */
  get count(): number {
    return this.events.count + this.badCount;
  }

  get badCount(): number {
    return this.#bad?.size ?? 0;
  }

  /** What was wrong with a record; undefined: nothing. */
  faultOf(record: number): string | undefined {
    return this.#bad?.get(record);
  }

  /** Takes a record of the request. */
  add(name: Uint8Array, start: number, end: number, words: AddressWords): void {
    this.events.add(name, start, end, words);
    this.#witness?.name(name, start, end);
  }

  /** Takes a record that is none. */
  bad(message: string): void {
    if (this.#onBadRecord === 'error') throw new RequestError(400, message);
    this.#bad ??= new Map();
    this.#bad.set(this.count, message);
  }
}

/** The text of an answer, piece by piece. */
export class AnswerText {
  readonly #records: RequestRecords;
  readonly #options: Pick<AnswerOptions, 'form' | 'apart'>;
  readonly #predict: (i: number) => string;
  /** records that are written, and events among them */
  #written = 0;
  #event = 0;
  #isDone = false;

  /** @param predict gives the text for event i */
  constructor(
    records: RequestRecords,
    options: Pick<AnswerOptions, 'form' | 'apart'>,
    predict: (i: number) => string,
  ) {
    this.#records = records;
    this.#options = options;
    this.#predict = predict;
  }

  /** @returns the text from where the last call ended, about PIECE_CHARACTERS of it; undefined: that was all */
  next(): string | undefined {
    if (this.#isDone) return undefined;
    const { form, apart } = this.#options;
    const { count } = this.#records;
    const isJson = form.format === 'json';
    const isApart = isJson && apart !== undefined;
    const between = isApart ? apart : isJson ? ',' : '\n';
    let text = isJson && !isApart && this.#written === 0 ? '{"predictions":[' : '';
    while (this.#written < count) {
      if (this.#written > 0) text += between;
      const message = this.#records.faultOf(this.#written);
      this.#written++;
      const prediction =
        message === undefined ? this.#predict(this.#event++) : `{"error":${JSON.stringify(message)}}`;
      text += isApart ? `{"predictions":[${prediction}]}` : prediction;
      if (text.length >= PIECE_CHARACTERS) return text;
    }
    this.#isDone = true;
    if (isApart) return text;
    if (isJson) return `${text}]}`;
    return count > 0 ? `${text}\n` : text;
  }
}

/**
 * What gives the text for each event of a request, keys in AWS's order; all is scored at once where only dot products are asked for.
 * @param assessed told what the model thinks of an event, where its text says that
 */
export function predictor(
  model: Model,
  events: HashedEvents,
  { form, threshold }: Pick<AnswerOptions, 'form' | 'threshold'>,
  assessed: (i: number, assessment: Assessment) => void = () => {},
): (i: number) => string {
  const { hashes, addresses } = events;
  if (form.detail === 'full') {
    return (i) => {
      const figures = model.assess(hashes[i * 2], hashes[i * 2 + 1], addresses, i, threshold);
      assessed(i, figures);
      return JSON.stringify({ ...roundedFigures(figures), reasons: model.reasons() });
    };
  }
  const dots = model.neural.dotProductsOf(events);
  if (form.detail === 'dot_product') return (i) => `{"dot_product":${floatText(dots[i])}}`;
  const { dimension } = model.weights;
  const [entity, address] = [new Float32Array(dimension), new Float32Array(dimension)];
  return (i) => {
    model.neural.readVectors(hashes[i * 2], hashes[i * 2 + 1], addresses, i, entity, address);
    const [entityText, addressText] = [entity, address].map((vector) => Array.from(vector, floatText).join());
    return `{"dot_product":${floatText(dots[i])},"entity_embedding":[${entityText}],"ip_embedding":[${addressText}]}`;
  };
}

/** An answer in the making: the records of a request are read, and their scores are written piece by piece. */
export class Answer {
  readonly #tally = emptyTally();
  readonly #model: Model;
  readonly #options: AnswerOptions;
  readonly #witness: AnswerWitness | undefined;
  readonly #records: RequestRecords;
  readonly #text: AnswerText;
  #counted = 0;

  /**
   * Reads the records of a request; all is scored at once where only dot products are asked for.
   * @param witness shown every event once the text is complete and `tally` was called
   * @throws RequestError 400 where the request, or a record of it, is none, with its place; MisdirectedError
   */
  constructor(model: Model, bytes: Uint8Array, options: AnswerOptions, witness?: AnswerWitness) {
    this.#model = model;
    this.#options = options;
    this.#witness = witness;
    this.#records = new RequestRecords(bytes, options, witness);
    requireHeld(model.held, this.#records.events.count, this.#records.events.hashes);
    const predict = predictor(model, this.#records.events, options, (i, figures) => this.#count(i, figures));
    this.#text = new AnswerText(this.#records, options, predict);
  }

  /** Of the request, bad ones included. */
  get records(): number {
    return this.#records.count;
  }

  #count(i: number, assessment: Assessment): void {
    this.#tally[assessment.verdict]++;
    if (!assessment.isKnown) this.#tally.strangers++;
    this.#witness?.assessed(i, this.#records.events.addresses, assessment);
  }

  /** Of the records, how many were none. */
  get badRecords(): number {
    return this.#records.badCount;
  }

  /**
   * What the model thought of the records. To be called once the text is complete: where verdicts are no part of it, they are
   * found now, which takes longer than the dot products, and nobody who asked waits for it.
   */
  tally(): Tally {
    for (;;) {
      const tally = this.countSome();
      if (tally) return tally;
    }
  }

  /** Counts the verdicts of some records, which takes some 20 ms at most. @returns undefined while there are more */
  countSome(): Tally | undefined {
    if (this.#options.form.detail === 'full') return this.#tally;
    const { events } = this.#records;
    const from = this.#counted;
    const to = Math.min(events.count, from + COUNTED_AT_ONCE);
    this.#model.assessAll(events.slice(from, to), this.#options.threshold, (i, assessment) =>
      this.#count(from + i, assessment),
    );
    this.#counted = to;
    return to === events.count ? this.#tally : undefined;
  }

  /** @returns the text from where the last call ended, about PIECE_CHARACTERS of it; undefined: that was all */
  next(): string | undefined {
    return this.#text.next();
  }
}

/** A number as Python writes it: readers there take `0` for another type than `0.0`. */
function floatText(value: number): string {
  const text = String(value);
  return Number.isInteger(value) && !text.includes('e') ? `${text}.0` : text;
}

/** As many digits as a float32 has; a p-value is a share of some thousand events. */
const [ANOMALY_DIGITS, P_VALUE_DIGITS] = [9, 4];

/** The figures under the names that they have outside, with the digits that mean something. */
export function roundedFigures({ dotProduct, anomaly, pValue, verdict }: Assessment): {
  dot_product: number;
  anomaly: number;
  p_value: number | null;
  verdict: Verdict;
} {
  return {
    dot_product: dotProduct,
    anomaly: Number(anomaly.toPrecision(ANOMALY_DIGITS)),
    p_value: pValue === null ? null : Number(pValue.toPrecision(P_VALUE_DIGITS)),
    verdict,
  };
}
