import { extname } from 'node:path';
import { type AnswerForm, type RequestFormat, requestFormat } from '../inference/mediaTypes.ts';

/** How files are cut into records and answered; the names are AWS's, but for `gzip` and `onBadRecord`. */
export interface TransformOptions {
  /** default: by the name of each file */
  contentType?: string | undefined;
  /** what an answer says of each record, and how */
  form: AnswerForm;
  /** `Line`: a line is a record; `None`: a file is one request; default: by the format */
  splitType?: 'Line' | 'None' | undefined;
  /** JSON answers: one for a mini-batch of many records, or one for each record */
  strategy: 'MultiRecord' | 'SingleRecord';
  /** largest mini-batch, in bytes */
  maxPayloadBytes: number;
  /** whether a line feed stands behind each JSON answer */
  assembleWith: 'Line' | 'None';
  /** whether outputs are compressed */
  gzip: boolean;
  /** `error`: a file with a bad record has no output; `mark`: what is wrong stands in the record's place */
  onBadRecord: 'error' | 'mark';
}

const FORMATS: Record<string, RequestFormat> = {
  '.csv': 'csv',
  '.json': 'json',
  '.jsonl': 'jsonlines',
  '.jsonlines': 'jsonlines',
};

/**
 * The format of an input: as it is given, or else by its name, CSV where that says nothing.
 * @throws RequestError 415 where the content type is none that is read
 */
export function formatOf(path: string, contentType: string | undefined): RequestFormat {
  if (contentType !== undefined) return requestFormat(contentType);
  return FORMATS[extname(path.replace(/\.gz$/i, '')).toLowerCase()] ?? 'csv';
}

/** Whether a file is one request, as `--split-type` says or as its format has it. @throws RequestError as `formatOf` */
export function isOneRequest(path: string, { contentType, splitType }: TransformOptions): boolean {
  return (splitType ?? (formatOf(path, contentType) === 'json' ? 'None' : 'Line')) === 'None';
}

/** Whether it can be seen in the outputs how records are put together to mini-batches. */
export const showsBatches = ({ form, strategy }: TransformOptions): boolean =>
  form.format === 'json' && strategy === 'MultiRecord';

/**
 * Bytes of a block that a thread answers at once, where mini-batches do not show in the output. An answer of dot products then
 * is about what a thread may write ahead of its reader; vectors are hundreds of numbers a record, reasons several sentences.
 */
export const BLOCK_BYTES: Record<AnswerForm['detail'], number> = {
  dot_product: 1 << 19,
  verbose: 1 << 14,
  full: 1 << 17,
};
