import {
  type AddressWords,
  explainBadAddress,
  parseAddress,
  parseAddressBytes,
} from '../addresses/address.ts';
import { quoted } from '../errors.ts';
import { isTime, parseTime } from '../events/time.ts';
import { type ScoredFigures, VERDICTS } from './scoredEvents.ts';

const encoder = new TextEncoder();
const ENTITY = encoder.encode('{"entity":"');
const ADDRESS = encoder.encode('","address":"');
const DOT_PRODUCT = encoder.encode('","dot_product":');
const ANOMALY = encoder.encode(',"anomaly":');
const P_VALUE = encoder.encode(',"p_value":');
const VERDICT = encoder.encode(',"verdict":"');
const REASONS = encoder.encode('","reasons":[');
const TIME = encoder.encode('],"time":');
const NULL = encoder.encode('null');
const NAMES = VERDICTS.map((verdict) => encoder.encode(verdict));

const [QUOTE, MINUS, DOT, ZERO, BACKSLASH, BRACKET, BRACE] = [34, 45, 46, 48, 92, 93, 125];
/** So many digits are a whole number below 2^53, and its quotient by a power of ten up to 10^22 is rounded once. */
const EXACT_DIGITS = 15;
const POWERS = Array.from({ length: EXACT_DIGITS + 1 }, (_, i) => 10 ** i);

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads lines of `score`: byte by byte in the form that it writes them in, which is several times faster than JSON, and as JSON
 * in any other. The fields hold what the last line said.
 */
export class ScoreLine {
  /** the entity's name is nameBytes[nameStart, nameEnd) */
  nameBytes: Uint8Array = new Uint8Array(0);
  nameStart = 0;
  nameEnd = 0;
  readonly words: AddressWords = new Uint32Array(4);
  /** seconds since 1970, NaN where the line has none */
  time = Number.NaN;
  /** whether the line says what a model thought; `figures` mean nothing otherwise */
  isScored = false;
  readonly figures: ScoredFigures = { dotProduct: 0, anomaly: 0, pValue: null, verdict: 'unknown' };
  #at = 0;

  /** @returns what is wrong with bytes[start, end), as a sentence; undefined: nothing */
  read(bytes: Uint8Array, start: number, end: number): string | undefined {
    return this.#readPlain(bytes, start, end) ? undefined : this.#readJson(bytes, start, end);
  }

  /** @returns whether the line has the form that `score` writes; what the reasons are is not looked at */
  #readPlain(bytes: Uint8Array, start: number, end: number): boolean {
    this.#at = start;
    if (!this.#passes(bytes, ENTITY)) return false;
    const nameStart = this.#at;
    let at = nameStart;
    let isAscii = true;
    for (; at < end && bytes[at] !== QUOTE; at++) {
      if (bytes[at] === BACKSLASH || bytes[at] < 32) return false;
      if (bytes[at] > 127) isAscii = false;
    }
    if (at === nameStart || at >= end || !(isAscii || isUtf8(bytes, nameStart, at))) return false;
    const nameEnd = at;
    this.#at = at;
    if (!this.#passes(bytes, ADDRESS)) return false;
    const addressStart = this.#at;
    for (at = addressStart; at < end && bytes[at] !== QUOTE; ) at++;
    if (!parseAddressBytes(bytes, addressStart, at, this.words)) return false;
    this.#at = at;
    if (!this.#passes(bytes, DOT_PRODUCT)) return false;
    const dotProduct = this.#number(bytes, end);
    if (!this.#passes(bytes, ANOMALY)) return false;
    const anomaly = this.#number(bytes, end);
    if (!this.#passes(bytes, P_VALUE)) return false;
    const pValue = this.#passes(bytes, NULL) ? null : this.#number(bytes, end);
    if (!this.#passes(bytes, VERDICT)) return false;
    const verdict = VERDICTS.find((_, i) => this.#passes(bytes, NAMES[i]));
    if (verdict === undefined || !this.#passes(bytes, REASONS)) return false;
    if (![dotProduct, anomaly, pValue ?? 0].every(Number.isFinite)) return false;
    if (!this.#readEnd(bytes, end)) return false;
    this.nameBytes = bytes;
    this.nameStart = nameStart;
    this.nameEnd = nameEnd;
    this.isScored = true;
    Object.assign(this.figures, { dotProduct, anomaly, pValue, verdict });
    return true;
  }

  /** `]}` or `],"time":1541548800}`, from the end on: no text inside of reasons has quotes without a backslash before them. */
  #readEnd(bytes: Uint8Array, end: number): boolean {
    this.time = Number.NaN;
    if (bytes[end - 1] !== BRACE) return false;
    if (bytes[end - 2] === BRACKET) return end - 2 >= this.#at;
    let at = end - 2;
    while (at > this.#at && (isDigit(bytes[at]) || bytes[at] === DOT || bytes[at] === MINUS)) at--;
    const number = at + 1;
    this.#at = Math.max(this.#at, number - TIME.length);
    if (!this.#passes(bytes, TIME)) return false;
    this.time = this.#number(bytes, end);
    return this.#at === end - 1 && isTime(this.time);
  }

  #passes(bytes: Uint8Array, expected: Uint8Array): boolean {
    for (let i = 0; i < expected.length; i++) if (bytes[this.#at + i] !== expected[i]) return false;
    this.#at += expected.length;
    return true;
  }

  /** The number that begins here; NaN where none does. */
  #number(bytes: Uint8Array, end: number): number {
    const start = this.#at;
    const isNegative = bytes[start] === MINUS;
    let at = isNegative ? start + 1 : start;
    let value = 0;
    let digits = 0;
    let fraction = -1;
    for (; at < end; at++) {
      const byte = bytes[at];
      if (isDigit(byte)) {
        value = value * 10 + byte - ZERO;
        digits++;
        if (fraction >= 0) fraction++;
      } else if (byte === DOT && fraction < 0) {
        fraction = 0;
      } else {
        break;
      }
    }
    const isSimple = digits > 0 && digits <= EXACT_DIGITS && bytes[at] !== 101 && bytes[at] !== 69;
    if (isSimple) {
      this.#at = at;
      const size = fraction > 0 ? value / POWERS[fraction] : value;
      return isNegative ? -size : size;
    }
    while (at < end && bytes[at] !== 44 && bytes[at] !== BRACE) at++;
    this.#at = at;
    let text = '';
    for (let i = start; i < at; i++) text += String.fromCharCode(bytes[i]);
    return /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(text) ? Number(text) : Number.NaN;
  }

  #readJson(bytes: Uint8Array, start: number, end: number): string | undefined {
    let value: unknown;
    try {
      value = JSON.parse(strict.decode(bytes.subarray(start, end)));
    } catch {
      return 'expected a JSON object of "score", got a damaged one.';
    }
    return this.readObject(value);
  }

  /** The same for a line that is parsed already. */
  readObject(value: unknown): string | undefined {
    if (!isObject(value)) return 'expected a JSON object of "score", got another value.';
    const { entity, address, time = null } = value;
    if (typeof entity !== 'string' || entity === '') return 'expected an entity, got none.';
    const words = typeof address === 'string' ? parseAddress(address) : undefined;
    if (!words) {
      if (typeof address !== 'string') return 'expected an address, got none.';
      return `expected an IP address, got ${quoted(address)}: ${explainBadAddress(address)}.`;
    }
    const seconds = typeof time === 'string' ? parseTime(time) : typeof time === 'number' ? time : Number.NaN;
    if (time !== null && !isTime(seconds)) {
      return `expected seconds since 1970 or ISO 8601 as time, got ${quoted(String(time))}.`;
    }
    this.isScored = readFigures(value, this.figures);
    this.words.set(words);
    this.time = seconds;
    this.nameBytes = encoder.encode(entity);
    this.nameStart = 0;
    this.nameEnd = this.nameBytes.length;
    return undefined;
  }
}

/** Takes what a model thought from an object that has it under the names of the API. @returns whether all of it is there */
export function readFigures(value: Record<string, unknown>, figures: ScoredFigures): boolean {
  const { dot_product: dotProduct, anomaly, p_value: pValue, verdict } = value;
  const known = VERDICTS.find((one) => one === verdict);
  const isP = pValue === null || (typeof pValue === 'number' && pValue >= 0 && pValue <= 1);
  // JSON has numbers that are infinite here, such as 1e999.
  if (!Number.isFinite(dotProduct) || !Number.isFinite(anomaly) || !isP || !known) return false;
  Object.assign(figures, { dotProduct, anomaly, pValue, verdict: known });
  return true;
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isDigit = (byte: number) => byte >= ZERO && byte <= 57;

function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  try {
    strict.decode(bytes.subarray(start, end));
    return true;
  } catch {
    return false;
  }
}
