import { grouped, InputError } from '../errors.ts';
import { inputName, readChunks, readRange } from '../files/input.ts';
import type { AnswerOptions } from '../inference/answer.ts';
import type { ScoringCrew } from '../inference/crew.ts';
import type { RequestFormat } from '../inference/mediaTypes.ts';
import { RequestError } from '../inference/requestError.ts';
import { answersInOrder } from './answersInOrder.ts';
import type { FileProgress } from './jobJournal.ts';
import { type LineBlock, LineCutter } from './lineCutter.ts';
import { BLOCK_BYTES, formatOf, isOneRequest, showsBatches, type TransformOptions } from './options.ts';

/** Who answers requests: threads here, or ranks that each have some accounts. */
export type AnsweringCrew = Pick<ScoringCrew, 'sharers' | 'answer' | 'end'> & {
  load(path: string, name: string): Promise<{ number: number }>;
};

/** A model at hand in a crew. */
export interface CrewModel {
  crew: AnsweringCrew;
  /** the model's number there */
  number: number;
}

/** What receives the answers of an input. */
export interface AnswerSink {
  write(bytes: Uint8Array): void | Promise<void>;
  /** All that was written up to here answers so much of the input. */
  reached(progress: Omit<FileProgress, 'outputBytes'>): void | Promise<void>;
  /** bytes of the file were read */
  read(bytes: number): void;
}

/** A file or a record that cannot be answered; the rest of a job goes on. */
export class FileFailure extends InputError {
  override name = 'FileFailure';
  /** whether it lies in the content, and will be the same as long as that is */
  readonly isLasting: boolean;

  constructor(message: string, isLasting: boolean) {
    super(message);
    this.isLasting = isLasting;
  }
}

/** A part of a plain file. */
export interface InputPart {
  /** the byte behind it; where it begins, `from` says */
  to: number;
  /** whether more records follow it */
  goesOn: boolean;
}

/** Blocks that are being answered take no more memory than this, in bytes, unless a single one does. */
const IN_FLIGHT_BYTES = 1 << 28;

/**
 * Answers an input, in its order.
 * @param from where an earlier run has ended; the sink has the answers before
 * @param part undefined: the whole input
 * @throws FileFailure where it cannot be read, or has a record that is none and `onBadRecord` is `error`
 */
export async function answerInput(
  { crew, number }: CrewModel,
  input: string,
  options: TransformOptions,
  from: Omit<FileProgress, 'outputBytes'>,
  sink: AnswerSink,
  blockBytes = BLOCK_BYTES[options.form.detail],
  part?: InputPart,
): Promise<void> {
  const { form, onBadRecord, maxPayloadBytes, strategy } = options;
  const name = inputName(input);
  const format = formatOf(input, options.contentType);
  const splitType = isOneRequest(input, options) ? 'None' : 'Line';
  if (format === 'json' && splitType === 'Line') {
    throw new FileFailure(
      `${name}: expected --split-type None for application/json, as such a file is one request, got Line.`,
      true,
    );
  }
  const isJson = form.format === 'json';
  const behind = isJson && options.assembleWith === 'Line' ? Buffer.from('\n') : undefined;
  const apart = isJson && strategy === 'SingleRecord' ? (behind?.toString() ?? '') : undefined;
  const targetBytes = showsBatches(options) ? maxPayloadBytes : Math.min(blockBytes, maxPayloadBytes);
  const ask = ({ bytes, firstLine, isEnd }: LineBlock) => {
    const answer: AnswerOptions = { format, form, onBadRecord, counts: false };
    if (apart !== undefined) answer.apart = apart;
    if (splitType === 'Line') answer.excerpt = { firstLine, isEnd };
    return crew.answer(number, bytes, answer);
  };
  const chunks = readable(
    name,
    part
      ? readRange(input, from.inputBytes, part.to, (bytes) => sink.read(bytes))
      : readChunks(input, (bytes) => sink.read(bytes), from.inputBytes),
  );
  const blocks =
    splitType === 'None'
      ? wholeFile(chunks, maxPayloadBytes)
      : lineBlocks(chunks, format as 'csv' | 'jsonlines', targetBytes, maxPayloadBytes, from, part?.goesOn);
  const inFlight = Math.max(1, Math.min((crew.sharers - 1) * 2, Math.floor(IN_FLIGHT_BYTES / targetBytes)));
  let { records, bad } = from;
  try {
    for await (const { block, answer } of answersInOrder(blocks, ask, inFlight)) {
      try {
        for await (const piece of answer.pieces) await sink.write(piece);
      } finally {
        answer.end();
      }
      if (behind) await sink.write(behind);
      records += answer.records;
      bad += answer.badRecords()!;
      const lines = block.firstLine - 1 + block.lineEnds;
      await sink.reached({ inputBytes: block.endByte, lines, records, bad });
    }
  } catch (error) {
    throw failureOf(error, name, format);
  }
}

/** What goes wrong with reading concerns this input only, and may be mended without a change of the file. */
async function* readable(name: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (error) {
    const { message } = error as Error;
    throw new FileFailure(
      error instanceof InputError ? message : `${name}: cannot be read, ${message}.`,
      false,
    );
  }
}

async function* lineBlocks(
  chunks: AsyncIterable<Uint8Array>,
  format: 'csv' | 'jsonlines',
  targetBytes: number,
  maxLineBytes: number,
  { inputBytes, lines }: { inputBytes: number; lines: number },
  goesOn = false,
): AsyncGenerator<LineBlock> {
  const from = { byte: inputBytes, lines };
  const cutter = new LineCutter({ targetBytes, maxLineBytes, format, from, goesOn });
  for await (const chunk of chunks) yield* cutter.push(chunk);
  yield* cutter.finish();
}

/** An empty file has no request in it. */
async function* wholeFile(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<LineBlock> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    size += chunk.length;
    if (size <= maxBytes) continue;
    throw new RequestError(
      413,
      `body: expected at most ${grouped(maxBytes)} bytes, as the whole file is one request, got more. Raise --max-payload.`,
    );
  }
  if (size === 0) return;
  yield { bytes: Buffer.concat(parts), firstLine: 1, lineEnds: 0, endByte: size, isEnd: true };
}

/** The failure with the name of the file in front. */
function failureOf(error: unknown, name: string, format: RequestFormat): Error {
  if (!(error instanceof RequestError)) return error as Error;
  const { status, message } = error;
  // Nothing that the file could help.
  if (status >= 500) return new InputError(`${name}: ${message}`);
  const [, line, sentence] = /^line (\d+): (.*)$/s.exec(message) ?? [];
  const placed =
    line === undefined ? `${name}: ${message.replace(/^body: /, '')}` : `${name}:${line}: ${sentence}`;
  return new FileFailure(placed + hint(status, message, line, format), true);
}

function hint(status: number, message: string, line: string | undefined, format: RequestFormat): string {
  if (status !== 400 || message.startsWith('body: ')) return '';
  const isHeader = format === 'csv' && line === '1' && /field 2, got "[a-z_ -]+"/i.test(message);
  if (isHeader) return ' If that is a header row, remove it (tail -n +2): each line is a record, as for AWS.';
  return " Mend it, or have what is wrong in the record's place with --on-bad-record=mark.";
}
