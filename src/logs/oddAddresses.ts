import { formatAddress, parseAddress } from '../addresses/address.ts';
import type { Database } from './database.ts';
import { REASON } from './format.ts';

/** How often the appender hands its rows over. */
const ROWS_PER_FLUSH = 100_000;

/**
 * Fills the table `odd_addresses`: every distinct text of the ledger that is neither plain IPv4 nor empty, with its
 * canonical form, or NULL where `parseAddress` refuses it. So the rules for addresses exist once.
 * Joins with it compare `text = written` and nothing else: with a condition on the reason beside it DuckDB tries
 * every pair of rows, and minutes become hours.
 * @returns how many texts there are
 */
export async function appendOddAddresses(database: Database): Promise<number> {
  const { connection } = database;
  const result = await connection.stream(
    `SELECT DISTINCT text FROM ledger WHERE reason = ${REASON.eventIfAddress}`,
  );
  const writer = await database.connect();
  const appender = await writer.createAppender('odd_addresses');
  let count = 0;
  for (;;) {
    const chunk = await result.fetchChunk();
    if (!chunk || chunk.rowCount === 0) break;
    for (const value of chunk.getColumnValues(0)) {
      const text = value as string;
      const words = parseAddress(text);
      appender.appendVarchar(text);
      if (words) appender.appendVarchar(formatAddress(words));
      else appender.appendNull();
      appender.endRow();
      if (++count % ROWS_PER_FLUSH === 0) appender.flushSync();
    }
  }
  appender.closeSync();
  return count;
}
