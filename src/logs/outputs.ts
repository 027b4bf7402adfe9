import type { DuckDBConnection } from '@duckdb/node-api';
import { queryRows, quoteText } from './database.ts';
import { REASON } from './format.ts';

/** Which events go to training and which to testing. */
export type Split =
  /** events at or after this moment are for testing */
  | { kind: 'at'; micros: bigint }
  /** this share of the events, the earliest, is for training */
  | { kind: 'share'; share: number };

/** SQL of the condition on the view `events` under which an event is for training, and a count of both sides. */
export interface Cut {
  isTraining: string;
  isTest: string;
}

/** How many parts a range of time is cut into at each step towards the event that divides. */
const PARTS = 4096n;

/** Turns a split into a condition. Ties at the moment that divides a share go by the order of the log. */
export async function findCut(connection: DuckDBConnection, split: Split | undefined): Promise<Cut> {
  if (split === undefined) return { isTraining: 'true', isTest: 'false' };
  if (split.kind === 'at') {
    return { isTraining: `micros < ${split.micros}`, isTest: `micros >= ${split.micros}` };
  }
  const [{ n, first, last }] = await queryRows(
    connection,
    'SELECT count(*) AS n, min(micros) AS first, max(micros) AS last FROM events',
  );
  // How many of the events in [low, high] are for training. A sort of all of them would do, at ten times the cost.
  let wanted = BigInt(Math.round(Number(n) * split.share));
  if (wanted === n) return { isTraining: 'true', isTest: 'false' };
  let low = first as bigint;
  let high = last as bigint;
  while (low < high) {
    const width = (high - low) / PARTS + 1n;
    const parts = await queryRows(
      connection,
      `SELECT (micros - ${low}) // ${width} AS part, count(*) AS n FROM events
       WHERE micros BETWEEN ${low} AND ${high} GROUP BY 1 ORDER BY 1`,
    );
    for (const { part, n: count } of parts as { part: bigint; n: bigint }[]) {
      if (wanted < count) {
        low += part * width;
        high = low + width - 1n < high ? low + width - 1n : high;
        break;
      }
      wanted -= count;
    }
  }
  const [{ position }] = await queryRows(
    connection,
    `SELECT position FROM events WHERE micros = ${low} ORDER BY position LIMIT 1 OFFSET ${wanted}`,
  );
  const isTraining = `(micros < ${low} OR (micros = ${low} AND position < ${position}))`;
  return { isTraining, isTest: `NOT ${isTraining}` };
}

/** ISO 8601 UTC after a comma; a fraction only where there is one. */
const TIME = `
  CASE WHEN micros IS NULL THEN ''
       WHEN micros % 1000000 = 0 THEN strftime(make_timestamp(micros), ',%Y-%m-%dT%H:%M:%SZ')
       ELSE rtrim(strftime(make_timestamp(micros), ',%Y-%m-%dT%H:%M:%S.%f'), '0') || 'Z' END`;

/** Quoted per RFC 4180 where needed; blanks around a name would be lost to most readers. */
const ENTITY = `
  CASE WHEN regexp_matches(entity, '[",\\n\\r]|^\\s|\\s$') THEN '"' || replace(entity, '"', '""') || '"' ELSE entity END`;

const IPV4 = `ipv4 >> 24, '.', (ipv4 >> 16) & 255, '.', (ipv4 >> 8) & 255, '.', ipv4 & 255`;

/** A line of the output, `entity,address,time`; one call of concat, because each copies all of it. */
const LINE = `CASE WHEN canonical IS NULL THEN concat(${ENTITY}, ',', ${IPV4}, ${TIME}) ELSE concat(${ENTITY}, ',', canonical, ${TIME}) END`;

/** Writes lines as they are: no character is left that would make DuckDB quote one. */
async function writeLines(connection: DuckDBConnection, lines: string, file: string): Promise<void> {
  await connection.run(
    `COPY (${lines}) TO ${quoteText(file)} (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01', USE_TMP_FILE false)`,
  );
}

/** The events of a condition in the order of time; ties in the order of the log. */
export async function writeByTime(
  connection: DuckDBConnection,
  condition: string,
  file: string,
): Promise<void> {
  await writeLines(
    connection,
    `SELECT ${LINE} FROM events WHERE ${condition} ORDER BY micros, position`,
    file,
  );
}

/** The events of a condition in the order of the log. */
export async function writeInLogOrder(
  connection: DuckDBConnection,
  condition: string,
  file: string,
): Promise<void> {
  await writeLines(connection, `SELECT ${LINE} FROM events WHERE ${condition} ORDER BY position`, file);
}

/**
 * The events of a condition in an order that seed and position in the log fix: sorted by `shuffleKey`.
 * @param seed integer, 0 to 2^53 − 1
 */
export async function writeShuffled(
  connection: DuckDBConnection,
  condition: string,
  seed: number,
  file: string,
): Promise<void> {
  let halves = `
    SELECT *, CAST(position >> 24 AS UBIGINT) AS a, CAST(position & 16777215 AS UBIGINT) AS b, 0::UBIGINT AS word
    FROM events WHERE ${condition}`;
  for (const key of roundKeys(seed)) {
    halves = `SELECT * REPLACE (b AS a, xor(a, word) AS b) FROM (${mixedSql(`xor(b, ${key}::UBIGINT)`, halves)})`;
  }
  await writeLines(connection, `SELECT ${LINE} FROM (${halves}) ORDER BY (b << 32) | a`, file);
}

/**
 * Where an event goes in the shuffled order: three rounds of a Feistel network over its position (block and line
 * in the block, see the ledger). Every position has a key of its own, so that there are no ties. It is spelt out
 * because DuckDB's own hash may differ between its versions.
 * @param block, line below 2^32
 * @param seed integer, 0 to 2^53 − 1
 */
export function shuffleKey(block: number, line: number, seed: number): bigint {
  let [a, b] = [block, line];
  for (const key of roundKeys(seed)) [a, b] = [b, (a ^ mix32(b ^ key)) >>> 0];
  return (BigInt(b) << 32n) | BigInt(a);
}

function roundKeys(seed: number): number[] {
  const hash = mix32(mix32(seed >>> 0) ^ Math.floor(seed / 2 ** 32));
  return [1, 2, 3].map((round) => mix32(hash + round));
}

/** A 32-bit mixer without bias to speak of: C. Wellons' "lowbias32", found by search (2018). */
function mix32(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d) >>> 0;
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b) >>> 0;
  return (x ^ (x >>> 16)) >>> 0;
}

/** The same in SQL: `relation` with its column `word` replaced by the mixed value of an expression below 2^32. */
function mixedSql(expression: string, relation: string): string {
  const step = (sql: string, from: string) => `SELECT * REPLACE (${sql} AS word) FROM (${from})`;
  const times = (factor: number) => `(word * ${factor}::UBIGINT) & 4294967295::UBIGINT`;
  let sql = step(expression, relation);
  for (const [shift, factor] of [
    [16, 0x7feb352d],
    [15, 0x846ca68b],
  ]) {
    sql = step(times(factor), step(`xor(word, word >> ${shift})`, sql));
  }
  return step('xor(word, word >> 16)', sql);
}

/** Counts of the events under a condition. */
export async function countEvents(
  connection: DuckDBConnection,
  condition: string,
): Promise<{ events: number; accounts: number; from?: string; to?: string }> {
  const [row] = await queryRows(
    connection,
    `SELECT count(*) AS events, count(DISTINCT entity) AS accounts, min(micros) AS first, max(micros) AS last
     FROM events WHERE ${condition}`,
  );
  return {
    events: Number(row.events),
    accounts: Number(row.accounts),
    ...(row.first === null ? {} : { from: isoTime(row.first as bigint), to: isoTime(row.last as bigint) }),
  };
}

/** ISO 8601 UTC of microseconds since 1970; a fraction only where there is one. */
export function isoTime(micros: bigint): string {
  const seconds = micros / 1_000_000n - (micros % 1_000_000n < 0n ? 1n : 0n);
  const fraction = micros - seconds * 1_000_000n;
  const text = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return fraction === 0n ? `${text}Z` : `${text}.${String(fraction).padStart(6, '0').replace(/0+$/, '')}Z`;
}

/** How many ledger rows have each reason, addresses decided. */
export async function countReasons(connection: DuckDBConnection): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  const add = (reason: number, n: number) => counts.set(reason, (counts.get(reason) ?? 0) + n);
  for (const { reason, n } of await queryRows(
    connection,
    'SELECT CAST(reason AS INTEGER) AS reason, count(*) AS n FROM ledger GROUP BY 1',
  )) {
    add(reason as number, Number(n));
  }
  const undecided = counts.get(REASON.eventIfAddress) ?? 0;
  if (undecided > 0) {
    const [{ n }] = await queryRows(
      connection,
      `SELECT count(*) AS n FROM ledger JOIN odd_addresses ON text = written
      WHERE reason = ${REASON.eventIfAddress} AND canonical IS NULL`,
    );
    counts.delete(REASON.eventIfAddress);
    add(REASON.noAddress, Number(n));
    add(REASON.event, undecided - Number(n));
  }
  return counts;
}
