import { CsvRecords } from './csvRecords.ts';

const NEWLINE = 10;
const QUOTE = 34;

/** Where a record begins in a CSV text. */
export interface RecordPlace {
  byte: number;
  /** the number of its first line */
  line: number;
}

/**
 * Where the first record begins that begins at a byte or behind it. A line end may stand in quotes, and whether it does is known
 * from the beginning only: so all before is looked at, by the reader's own rules where there are quotes, line by line elsewhere.
 * @param chunks the bytes of the text from byte `from` on
 * @param from   bytes before the first record, of a byte-order mark
 */
export async function findRecordStart(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  target: number,
  from = 0,
): Promise<RecordPlace> {
  const records = new CsvRecords({ record() {}, problem() {} }, undefined, undefined, target);
  records.pass(from, 0);
  for await (const chunk of chunks) {
    pushBeyondPlainLines(records, chunk, target);
    if (records.isOver) break;
  }
  if (!records.isOver) records.finish();
  return { byte: records.place, line: records.lines + 1 };
}

/** Without quotes records are lines: those need no more than to be counted, which is several times as fast. */
function pushBeyondPlainLines(records: CsvRecords, chunk: Uint8Array, target: number): void {
  let rest = chunk;
  if (!records.isBetween) {
    const end = rest.indexOf(NEWLINE) + 1 || rest.length;
    records.push(rest.subarray(0, end));
    rest = rest.subarray(end);
  }
  if (records.isBetween && !records.isOver && !rest.includes(QUOTE)) {
    // The line that reaches over the target is the last one to be counted.
    const reach = target - records.place - 1;
    const last = reach < rest.length ? rest.indexOf(NEWLINE, reach) : -1;
    const end = (last >= 0 ? last : rest.lastIndexOf(NEWLINE)) + 1;
    let lines = 0;
    for (let i = 0; i < end; i++) if (rest[i] === NEWLINE) lines++;
    records.pass(end, lines);
    rest = rest.subarray(end);
  }
  records.push(rest);
}
