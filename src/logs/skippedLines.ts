import { explainBadAddress } from '../addresses/address.ts';
import { quoted } from '../errors.ts';
import { inputName } from '../files/input.ts';
import { lineEndsBefore } from '../files/lineBorders.ts';
import { type Database, queryRows } from './database.ts';
import { REASON, SKIPPED } from './format.ts';
import { type Ledger, LINES_PER_BLOCK_BITS } from './ledger.ts';
import type { PrepareSummary } from './summary.ts';

/** The summary shows the first line of each reason, and this many lines where there are as many. */
const EXAMPLES = 3;

export async function findExamples(
  database: Database,
  ledger: Ledger,
  perBlock: readonly number[],
): Promise<PrepareSummary['examples']> {
  const skipped = `
    SELECT position, text,
      CASE WHEN reason = ${REASON.eventIfAddress} THEN ${REASON.noAddress} ELSE CAST(reason AS INTEGER) END AS reason
    FROM ledger LEFT JOIN odd_addresses ON text = written
    WHERE reason >= ${REASON.blank} OR (reason = ${REASON.eventIfAddress} AND canonical IS NULL)`;
  const perReason = await queryRows(
    database.connection,
    `SELECT reason, unnest(arg_min({position: position, text: text}, position, ${EXAMPLES}), recursive := true)
     FROM (${skipped}) GROUP BY reason`,
  );
  const all = perReason as { reason: number; position: bigint; text: string | null }[];
  all.sort((a, b) => Number(a.position - b.position));
  const isFirst = (row: (typeof all)[number]) => all.find(({ reason }) => reason === row.reason) === row;
  const firsts = all.filter(isFirst);
  const others = all.filter((row) => !isFirst(row)).slice(0, Math.max(0, EXAMPLES - firsts.length));
  const shown = [...firsts, ...others].sort((a, b) => Number(a.position - b.position));
  const examples: PrepareSummary['examples'] = [];
  for (const { position, reason, text } of shown) {
    const { path, line, startByte } = placeOf(position, ledger, perBlock);
    examples.push({
      path,
      line: line + (startByte > 0 ? await lineEndsBefore(path, startByte) : 0),
      reason: SKIPPED.find(([code]) => code === reason)![1],
      explanation: explain(reason, text),
    });
  }
  return examples;
}

/** Input and line number, from 1, of a position in the ledger; where the input was begun at a later byte, from there on. */
function placeOf(
  position: bigint,
  ledger: Ledger,
  perBlock: readonly number[],
): { path: string; line: number; startByte: number } {
  const bits = BigInt(LINES_PER_BLOCK_BITS);
  const block = Number(position >> bits);
  const input = ledger.inputs.find(({ from, to }) => block >= from && block < to)!;
  const { startByte } = input;
  const path = inputName(input.path);
  if (input.rowCount !== undefined) {
    return { path, line: Number(position - (BigInt(input.from) << bits)), startByte };
  }
  const before = perBlock.slice(input.from, block).reduce((sum, n) => sum + n, 0);
  return { path, line: before + Number(position & ((1n << bits) - 1n)), startByte };
}

function explain(reason: number, text: string | null): string {
  switch (reason) {
    case REASON.noAddress:
      return text ? `, ${quoted(text)}: ${explainBadAddress(text)}` : '';
    case REASON.badTime:
      return text ? `, ${quoted(text)}` : ', it is missing';
    case REASON.malformed:
      return `, ${quoted(text ?? '')}`;
    default:
      return '';
  }
}
