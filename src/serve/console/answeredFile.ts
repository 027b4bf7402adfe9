import { counted, InputError } from '../../errors.ts';
import type { RequestFormat } from '../../inference/mediaTypes.ts';
import { type RecordSink, readRequest } from '../../inference/readRequest.ts';
import { Predictions } from '../../scores/predictions.ts';
import { formatOfScores, joined, type ScoreSink } from '../../scores/readScores.ts';
import type { ScoredFigures } from '../../scores/scoredEvents.ts';
import { readFigures } from '../../scores/scoreLine.ts';
import { LineCutter } from '../../transform/lineCutter.ts';
import type { Slices } from './slices.ts';

/** Lines that are read at once. */
const BLOCK_BYTES = 1 << 15;
const LONGEST_LINE_BYTES = 1 << 20;
/** A file that is one request is read whole; SageMaker takes no more than 6 MB. */
const MOST_JSON_BYTES = 1 << 26;
const HEAD_BYTES = 4096;

/** A record of the input: an event, or what is wrong with it. */
type InputRecord = { name: Uint8Array; words: Uint32Array; time: number } | { fault: string };

/**
 * Reads the records of a file with what a batch transform answered to each. An answer without figures, which is what SageMaker's
 * clients ask for by default, leaves the event to be scored now.
 * @throws InputError where one of the two cannot be read, or they do not belong together
 */
export async function readAnswered(
  input: AsyncIterable<Uint8Array>,
  answers: AsyncIterable<Uint8Array>,
  sink: ScoreSink,
  slices: Slices,
): Promise<void> {
  const predictions = predictionsOf(answers);
  let waiting: (Record<string, unknown> | undefined)[] = [];
  let at = 0;
  const next = async () => {
    while (at === waiting.length) {
      const { done, value } = await predictions.next();
      if (done) return null;
      [waiting, at] = [value, 0];
      await slices.rest();
    }
    return waiting[at++];
  };
  let records = 0;
  for await (const block of recordsOf(input)) {
    for (const record of block) {
      records++;
      const prediction = at < waiting.length ? waiting[at++] : await next();
      if (prediction === null) {
        throw new InputError(
          `expected an answer to each record, got ${counted(records - 1, 'answer')} only. Run the transform again.`,
        );
      }
      take(record, prediction, sink, `record ${records}`);
    }
    await slices.rest();
  }
  if ((await next()) !== null) {
    throw new InputError(
      `expected an answer to each of ${counted(records, 'record')}, got more: the input is another one by now. Run the transform again.`,
    );
  }
}

const figures: ScoredFigures = { dotProduct: 0, anomaly: 0, pValue: null, verdict: 'unknown' };

function take(
  record: InputRecord,
  prediction: Record<string, unknown> | undefined,
  sink: ScoreSink,
  place: string,
): void {
  if ('fault' in record) sink.bad(place, record.fault);
  else if (prediction === undefined) sink.bad(place, 'expected a prediction, got a damaged one.');
  else if (typeof prediction.error === 'string') sink.bad(place, prediction.error);
  else
    sink.event(
      record.name,
      record.words,
      record.time,
      readFigures(prediction, figures) ? figures : undefined,
    );
}

async function* predictionsOf(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<(Record<string, unknown> | undefined)[]> {
  const reader = new Predictions();
  for await (const chunk of chunks) yield reader.push(chunk);
  yield reader.push(new Uint8Array(0), true);
}

/** The records of an input as a transform reads it, some at a time. */
async function* recordsOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<InputRecord[]> {
  let head: Uint8Array = new Uint8Array(0);
  let cutter: LineCutter | undefined;
  let format: RequestFormat | undefined;
  for await (const chunk of chunks) {
    if (cutter) {
      for (const block of cutter.push(chunk)) yield records(block.bytes, format!, block);
      continue;
    }
    head = joined(head, chunk);
    if (format === 'json' && head.length > MOST_JSON_BYTES) {
      throw new InputError('expected one request of at most 64 MiB, got a larger one.');
    }
    if (format === undefined && head.length >= HEAD_BYTES) format = formatOf(head);
    if (format === undefined || format === 'json') continue;
    cutter = newCutter(format);
    for (const block of cutter.push(head)) yield records(block.bytes, format, block);
  }
  format ??= formatOf(head);
  if (format === 'json') {
    yield records(head, format);
    return;
  }
  if (!cutter) {
    cutter = newCutter(format);
    for (const block of cutter.push(head)) yield records(block.bytes, format, block);
  }
  for (const block of cutter.finish()) yield records(block.bytes, format, block);
}

const newCutter = (format: 'csv' | 'jsonlines') =>
  new LineCutter({ targetBytes: BLOCK_BYTES, maxLineBytes: LONGEST_LINE_BYTES, format });

function formatOf(head: Uint8Array): RequestFormat {
  if (formatOfScores(head) !== 'json') return 'csv';
  return /^\S?\{\s*"instances"/.test(new TextDecoder().decode(head).trimStart()) ? 'json' : 'jsonlines';
}

function records(
  bytes: Uint8Array,
  format: RequestFormat,
  excerpt?: { firstLine: number; isEnd: boolean },
): InputRecord[] {
  const found: InputRecord[] = [];
  const sink: RecordSink = {
    add: (name, start, end, words, time = Number.NaN) =>
      found.push({ name: name.slice(start, end), words: words.slice(), time }),
    bad: (fault) => found.push({ fault }),
  };
  readRequest(bytes, format, sink, excerpt);
  return found;
}
