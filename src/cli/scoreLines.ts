import { formatAddress, isIpv4 } from '../addresses/address.ts';
import type { EventRecord } from '../events/readEvents.ts';
import type { Assessment, Verdict } from '../model/model.ts';
import type { Reason } from '../model/reasons.ts';

const encoder = new TextEncoder();

/** Decimal digits and a dot for each octet. */
const OCTETS = Array.from({ length: 256 }, (_, octet) => encoder.encode(String(octet)));

const ENTITY = encoder.encode('{"entity":"');
const ADDRESS = encoder.encode('","address":"');
const DOT_PRODUCT = encoder.encode('","dot_product":');
const ANOMALY = encoder.encode(',"anomaly":');
const P_VALUE = encoder.encode(',"p_value":');
const VERDICTS: Record<Verdict, Uint8Array> = {
  ok: encoder.encode(',"verdict":"ok","reasons":'),
  suspicious: encoder.encode(',"verdict":"suspicious","reasons":'),
  unknown: encoder.encode(',"verdict":"unknown","reasons":'),
};
const TIME = encoder.encode(',"time":');
const END = encoder.encode('}\n');

/** What a line may need besides its entity's name. */
const SPARE_BYTES = 512;
/** A character becomes three bytes of UTF-8 at most. */
const BYTES_PER_CHARACTER = 3;
/** As many digits as a float32 has, of which dot products are. */
const DIGITS = 9;

/** Writes the lines of `score` as bytes: names go from input to output without becoming strings. */
export class ScoreLines {
  #bytes = new Uint8Array(1 << 20);
  #length = 0;

  add(record: EventRecord, assessment: Assessment, reasons: Reason[]): void {
    this.#begin(record, 0);
    this.#putFigures(assessment, reasons);
    this.#end(record);
  }

  /** @param figures of `figuresOf` */
  addWith(record: EventRecord, figures: Uint8Array): void {
    this.#begin(record, figures.length);
    this.#bytes.set(figures, this.#length);
    this.#length += figures.length;
    this.#end(record);
  }

  /** What a line says of an event by the model, for a line that is put together elsewhere; valid until the next call. */
  figuresOf(assessment: Assessment, reasons: Reason[]): Uint8Array {
    const start = this.#length;
    this.#reserve(SPARE_BYTES);
    this.#putFigures(assessment, reasons);
    const figures = this.#bytes.subarray(start, this.#length);
    this.#length = start;
    return figures;
  }

  /** @param more bytes that follow */
  #begin(record: EventRecord, more: number): void {
    // A control character of one byte becomes six.
    this.#reserve(6 * (record.entityEnd - record.entityStart) + more + SPARE_BYTES);
    this.#put(ENTITY);
    this.#putEscaped(record.bytes, record.entityStart, record.entityEnd);
    this.#put(ADDRESS);
    if (isIpv4(record.words)) this.#putIpv4(record.words[3]);
    else this.#putAscii(formatAddress(record.words));
  }

  #putFigures({ dotProduct, anomaly, pValue, verdict }: Assessment, reasons: Reason[]): void {
    const json = reasons.length === 0 ? '[]' : JSON.stringify(reasons);
    this.#reserve(json.length * BYTES_PER_CHARACTER + SPARE_BYTES);
    this.#put(DOT_PRODUCT);
    this.#putAscii(String(dotProduct));
    this.#put(ANOMALY);
    this.#putAscii(String(Number(anomaly.toPrecision(DIGITS))));
    this.#put(P_VALUE);
    this.#putAscii(pValue === null ? 'null' : String(Number(pValue.toPrecision(4))));
    this.#put(VERDICTS[verdict]);
    this.#length += encoder.encodeInto(json, this.#bytes.subarray(this.#length)).written;
  }

  #end(record: EventRecord): void {
    this.#reserve(SPARE_BYTES);
    if (!Number.isNaN(record.time)) {
      this.#put(TIME);
      this.#putAscii(String(record.time));
    }
    this.#put(END);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }

  /** The lines since the last call; valid until the next call of another. */
  take(): Uint8Array {
    const lines = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    return lines;
  }

  #put(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) this.#bytes[this.#length++] = bytes[i];
  }

  #putAscii(text: string): void {
    for (let i = 0; i < text.length; i++) this.#bytes[this.#length++] = text.charCodeAt(i);
  }

  #putIpv4(value: number): void {
    this.#put(OCTETS[value >>> 24]);
    this.#bytes[this.#length++] = 46;
    this.#put(OCTETS[(value >>> 16) & 255]);
    this.#bytes[this.#length++] = 46;
    this.#put(OCTETS[(value >>> 8) & 255]);
    this.#bytes[this.#length++] = 46;
    this.#put(OCTETS[value & 255]);
  }

  /** UTF-8 inside a JSON string: only quotes, backslashes and control characters change (RFC 8259, 7). */
  #putEscaped(bytes: Uint8Array, start: number, end: number): void {
    for (let i = start; i < end; i++) {
      const byte = bytes[i];
      if (byte === 34 || byte === 92) this.#bytes[this.#length++] = 92;
      if (byte < 32) this.#putAscii(`\\u${byte.toString(16).padStart(4, '0')}`);
      else this.#bytes[this.#length++] = byte;
    }
  }
}
