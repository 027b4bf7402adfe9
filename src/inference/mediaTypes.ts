import { quoted } from '../errors.ts';
import { RequestError } from './requestError.ts';

/** How the records of a request are written. */
export type RequestFormat = 'csv' | 'json' | 'jsonlines';

/** What an answer says of each record, and how. */
export interface AnswerForm {
  format: 'json' | 'jsonlines';
  /** `dot_product`: AWS's default; `verbose`: the vectors too, as AWS has it; `full`: what we know beyond */
  detail: 'dot_product' | 'verbose' | 'full';
}

const FORMATS = new Map<string, RequestFormat>([
  ['text/csv', 'csv'],
  ['application/json', 'json'],
  ['application/jsonlines', 'jsonlines'],
]);

/** Headers of a client are the same each time: what they mean is kept, of so many. */
const REMEMBERED = 100;

/** A function of a header, computed once for each of the last values. */
class Remembered<T> {
  readonly #compute: (header: string | undefined) => T;
  readonly #known = new Map<string | undefined, T>();

  constructor(compute: (header: string | undefined) => T) {
    this.#compute = compute;
  }

  of(header: string | undefined): T {
    const known = this.#known.get(header);
    if (known !== undefined) return known;
    const value = this.#compute(header);
    if (this.#known.size === REMEMBERED) this.#known.clear();
    this.#known.set(header, value);
    return value;
  }
}

/** Media types of answers. */
export const ANSWER_TYPES = { json: 'application/json', jsonlines: 'application/jsonlines' } as const;

/**
 * The format that a Content-Type names. Parameters may stand behind it: a charset of UTF-8 and AWS's `label_size=0`.
 * @throws RequestError 415
 */
export function requestFormat(contentType: string | undefined): RequestFormat {
  return requestFormats.of(contentType);
}

const requestFormats = new Remembered((contentType: string | undefined): RequestFormat => {
  if (contentType === undefined || contentType.trim() === '') {
    throw new RequestError(415, `Content-Type: expected ${EXPECTED}, got none.`);
  }
  const { type, parameters } = parseMediaType(contentType);
  const format = FORMATS.get(type);
  if (!format) throw new RequestError(415, `Content-Type: expected ${EXPECTED}, got ${quoted(contentType)}.`);
  const charset = parameters.get('charset')?.toLowerCase() ?? 'utf-8';
  if (charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') {
    throw new RequestError(415, `Content-Type: expected charset=utf-8, got ${quoted(charset)}.`);
  }
  const labelSize = parameters.get('label_size') ?? '0';
  if (labelSize !== '0') {
    throw new RequestError(
      415,
      `Content-Type: expected label_size=0, as events have no label, got ${quoted(labelSize)}.`,
    );
  }
  return format;
});

const EXPECTED = 'text/csv, application/json or application/jsonlines';

/**
 * The answer that an Accept header asks for: the first of its media types that we write, JSON without one, as AWS does.
 * `verbose=True` and our `detail=full` are parameters.
 */
export function answerForm(accept: string | undefined): AnswerForm {
  return answerForms.of(accept);
}

const answerForms = new Remembered((accept: string | undefined): AnswerForm => {
  for (const one of (accept ?? '').split(',')) {
    const { type, parameters } = parseMediaType(one);
    const format = FORMATS.get(type);
    if (format !== 'json' && format !== 'jsonlines') continue;
    if (parameters.get('detail')?.toLowerCase() === 'full') return { format, detail: 'full' };
    const isVerbose = parameters.get('verbose')?.toLowerCase() === 'true';
    return { format, detail: isVerbose ? 'verbose' : 'dot_product' };
  }
  return { format: 'json', detail: 'dot_product' };
});

/** `text/csv; label_size=0` (RFC 9110, 8.3.1): type and names of parameters in lower case; quotes around values go. */
function parseMediaType(text: string): { type: string; parameters: Map<string, string> } {
  const [type, ...rest] = text.split(';');
  const parameters = new Map<string, string>();
  for (const part of rest) {
    const at = part.indexOf('=');
    if (at < 0) continue;
    const value = part.slice(at + 1).trim();
    const isQuoted = value.length > 1 && value.startsWith('"') && value.endsWith('"');
    parameters.set(part.slice(0, at).trim().toLowerCase(), isQuoted ? value.slice(1, -1) : value);
  }
  return { type: type.trim().toLowerCase(), parameters };
}
