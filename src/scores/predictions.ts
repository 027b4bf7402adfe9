import { joined } from './readScores.ts';
import { isObject } from './scoreLine.ts';

const [QUOTE, BACKSLASH, OPEN, CLOSE] = [34, 92, 123, 125];
/** What may stand before the first prediction of an answer in JSON. */
const LIST = /^\{\s*"predictions"\s*:\s*\[/;
const LIST_BYTES = 256;

const decoder = new TextDecoder();

/**
 * Takes the predictions, in their order, out of what a batch transform wrote: an object a line, or answers in JSON that follow
 * each other with or without line ends, each with any number of predictions.
 */
export class Predictions {
  #bytes: Uint8Array = new Uint8Array(0);

  /**
   * @param isLast whether nothing follows
   * @returns objects, or undefined for one that is damaged
   */
  push(chunk: Uint8Array, isLast = false): (Record<string, unknown> | undefined)[] {
    const bytes = joined(this.#bytes, chunk);
    const found: (Record<string, unknown> | undefined)[] = [];
    let at = 0;
    for (;;) {
      const start = bytes.indexOf(OPEN, at);
      if (start < 0) {
        at = bytes.length;
        break;
      }
      at = start;
      // Whether a list begins, a few bytes show.
      if (!isLast && bytes.length - start < LIST_BYTES && !isWhole(bytes, start)) break;
      const list = LIST.exec(decoder.decode(bytes.subarray(start, start + LIST_BYTES)));
      if (list) {
        at = start + list[0].length;
        continue;
      }
      const end = endOfObject(bytes, start);
      if (end < 0) break;
      found.push(parsed(bytes, start, end));
      at = end;
    }
    this.#bytes = bytes.slice(at);
    if (isLast && this.#bytes.length > 0) found.push(undefined);
    return found;
  }
}

/** An object may be shorter than the bytes that tell a list; then it is none. */
function isWhole(bytes: Uint8Array, start: number): boolean {
  const end = endOfObject(bytes, start);
  return end > 0 && !LIST.test(decoder.decode(bytes.subarray(start, end)));
}

/** @returns behind the object's closing brace, −1 where it has not come */
function endOfObject(bytes: Uint8Array, start: number): number {
  let depth = 0;
  for (let i = start; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      for (i++; i < bytes.length && bytes[i] !== QUOTE; i++) if (bytes[i] === BACKSLASH) i++;
    } else if (byte === OPEN) {
      depth++;
    } else if (byte === CLOSE && --depth === 0) {
      return i + 1;
    }
  }
  return -1;
}

function parsed(bytes: Uint8Array, start: number, end: number): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes.subarray(start, end)));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
