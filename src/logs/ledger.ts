import type { DuckDBConnection, DuckDBPreparedStatement } from '@duckdb/node-api';
import { type Database, queryRows } from './database.ts';
import type { CheckedExpressions, ExpressionContext, Expressions } from './expressions.ts';
import { sqlFailure } from './expressions.ts';
import { REASON } from './format.ts';
import { type LineBlock, NOT_UTF8_MARKER, TOO_LONG_MARKER } from './lineBlocks.ts';
import { appendOddAddresses } from './oddAddresses.ts';

/**
 * The ledger: a row for every line that is an event or was skipped, and for the last line of each block, from
 * which the number of lines follows exactly. Lines that `--where` left out are the difference.
 *
 *     position  BIGINT    block · 2^24 + number of the line in its block, from 1: the order of the log
 *     reason    UTINYINT  of REASON
 *     micros    BIGINT    microseconds since 1970-01-01 UTC
 *     entity    VARCHAR
 *     ipv4      UINTEGER  the address where it is plain IPv4: 4 bytes instead of 30 to store and to sort
 *     text      VARCHAR   any other address; of a skipped line the text that was wrong, for the examples
 */
export const LINES_PER_BLOCK_BITS = 24;
const LINES_PER_BLOCK = 2 ** LINES_PER_BLOCK_BITS;

/** Years 1 to 9999: others cannot be written in ISO 8601 with four digits. */
const WRITABLE_MICROS = 'BETWEEN -62135596800000000 AND 253402300799999999';

const RETURN = 13;

/** libuv, on which statements run, has four threads: more statements at once would wait. */
const MOST_FEEDERS = 4;

const OCTET = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
/** What `parseAddress` takes for IPv4, in RE2's words. */
const IPV4 = `'${OCTET}\\.${OCTET}\\.${OCTET}\\.${OCTET}'`;

/** Such an address as a number; its octets are a column, because within CASE each would be split off anew. */
const PACKED = [1, 2, 3, 4].map((i) => `("#octets"[${i}]::UINTEGER << ${32 - 8 * i})`).join(' | ');

/** A part of the input in the ledger. */
export interface LedgerInput {
  path: string;
  /** first block */
  from: number;
  /** one past the last block */
  to: number;
  /** rows of a Parquet file that were read; text has lines, counted by block */
  rowCount?: number;
  /** of text: the byte of the file that its first line begins at; there are lines before where it is not 0 */
  startByte: number;
}

/** SQL that turns a parsed relation into rows of the ledger, before numbering. */
function judge(parsed: string, sql: CheckedExpressions, timeNeeded: boolean, carried: string): string {
  const where = sql.where ? `coalesce(CAST(${sql.where} AS BOOLEAN), false)` : 'true';
  const badTime = timeNeeded ? 'true' : `trim(coalesce(${sql.timeText}, '')) NOT IN ('', '-')`;
  // What the user wrote may fail on a line that does not count.
  const kept = (expression: string) =>
    sql.mayFail ? `CASE WHEN "#kept" THEN ${expression} END` : expression;
  // The columns of the log are carried to the outermost SELECT, which computes most of its values for few lines.
  return `
    SELECT ${carried}, "#reason" AS reason, "#micros" AS micros,
      CASE WHEN "#reason" <= ${REASON.eventIfAddress} THEN "#entity" END AS entity,
      CASE WHEN "#reason" = ${REASON.event} THEN ${PACKED} END AS ipv4,
      CASE WHEN "#reason" IN (${REASON.eventIfAddress}, ${REASON.noAddress}) THEN "#address"
           WHEN "#reason" = ${REASON.badTime} THEN left(${sql.timeText}, 100)
           WHEN "#reason" = ${REASON.malformed} THEN left("#line", 100) END AS text
    FROM (
      SELECT *, string_split("#address", '.') AS "#octets",
        CASE
          WHEN "#kept" IS NULL THEN
            CASE WHEN "#problem" <> ${REASON.malformed} THEN "#problem"
                 WHEN "#line" = '${NOT_UTF8_MARKER}' THEN ${REASON.notUtf8}
                 WHEN "#line" = '${TOO_LONG_MARKER}' THEN ${REASON.tooLong}
                 WHEN trim("#line") = '' THEN ${REASON.blank}
                 ELSE "#problem" END
          WHEN NOT "#kept" THEN ${REASON.filtered}
          WHEN "#entity" IS NULL OR "#entity" IN ('', '-') THEN ${REASON.noEntity}
          WHEN "#address" IS NULL OR "#address" IN ('', '-') THEN ${REASON.noAddress}
          WHEN ("#micros" IS NULL AND ${badTime}) OR NOT "#micros" ${WRITABLE_MICROS} THEN ${REASON.badTime}
          WHEN regexp_full_match("#address", ${IPV4}) THEN ${REASON.event}
          ELSE ${REASON.eventIfAddress} END AS "#reason"
      FROM (
        SELECT *, ${kept(sql.entity)} AS "#entity", ${kept(sql.address)} AS "#address",
          ${kept(sql.timeMicros)} AS "#micros"
        FROM (SELECT *, CASE WHEN "#problem" IS NULL THEN ${where} END AS "#kept" FROM (${parsed}))))`;
}

const COLUMNS = 'CAST(reason AS UTINYINT), micros, entity, ipv4, text';

/** $1: a block of lines as bytes, $2: its number. */
function insertBlockSql(
  parse: (lines: string) => string,
  sql: CheckedExpressions,
  timeNeeded: boolean,
  carriageReturns: boolean,
): string {
  // row_number stands between the judgement and the filter: DuckDB would compute all reasons twice otherwise.
  return `
    INSERT INTO ledger
    SELECT $2::BIGINT * ${LINES_PER_BLOCK} + n, ${COLUMNS}
    FROM (SELECT *, row_number() OVER () AS n FROM (${judge(parse(linesSql(carriageReturns)), sql, timeNeeded, '"#last"')}))
    WHERE reason <> ${REASON.filtered} OR n = "#last"`;
}

function linesSql(carriageReturns: boolean): string {
  const text = 'decode($1::BLOB)';
  const unix = `replace(${text}, chr(13) || chr(10), chr(10))`;
  return `
    SELECT unnest(l) AS "#line", len(l) AS "#last"
    FROM (SELECT string_split(${carriageReturns ? unix : text}, chr(10)) AS l)`;
}

export class Ledger {
  readonly #database: Database;
  readonly #feeders: DuckDBConnection[] = [];
  readonly #inputs: LedgerInput[] = [];
  readonly #threads: number;
  #blocks = 0;

  private constructor(database: Database, threads: number) {
    this.#database = database;
    this.#threads = threads;
  }

  static async create(database: Database, threads: number): Promise<Ledger> {
    await database.connection.run(`
      CREATE TABLE ledger (position BIGINT, reason UTINYINT, micros BIGINT, entity VARCHAR, ipv4 UINTEGER, text VARCHAR);
      CREATE TABLE odd_addresses (written VARCHAR, canonical VARCHAR)`);
    const ledger = new Ledger(database, threads);
    for (let i = 0; i < Math.min(threads, MOST_FEEDERS); i++) {
      const feeder = await database.connect();
      // One transaction for all inputs: each commit waits for the disk.
      await feeder.run('BEGIN');
      ledger.#feeders.push(feeder);
    }
    return ledger;
  }

  get inputs(): readonly LedgerInput[] {
    return this.#inputs;
  }

  /**
   * Enters all lines of one input.
   * @param given     what the user wrote, to name the option where its SQL fails on a row
   * @param startByte where the first line begins in the file
   */
  async addLines(
    blocks: AsyncGenerator<LineBlock>,
    parse: (lines: string) => string,
    sql: CheckedExpressions,
    timeNeeded: boolean,
    context: ExpressionContext,
    given: Expressions,
    startByte = 0,
  ): Promise<void> {
    const from = this.#blocks;
    let failed = false;
    const next = async () => {
      const { done, value } = await blocks.next();
      return done ? undefined : { block: value, number: this.#blocks++ };
    };
    const feed = async (connection: DuckDBConnection) => {
      const prepared = new Map<boolean, DuckDBPreparedStatement>();
      let upcoming = next();
      while (!failed) {
        const taken = await upcoming;
        if (!taken) break;
        // Read on while DuckDB works; where another feeder fails, nobody may come to await this.
        upcoming = next();
        upcoming.catch(() => {});
        const { block, number } = taken;
        const { hasCarriageReturn: cr } = block;
        // The last line's end is not here, but its carriage return is, one of them: where blocks end must not show.
        const bytes = block.bytes.at(-1) === RETURN ? block.bytes.subarray(0, -1) : block.bytes;
        const statement =
          prepared.get(cr) ?? (await connection.prepare(insertBlockSql(parse, sql, timeNeeded, cr)));
        prepared.set(cr, statement);
        statement.bindBlob(1, bytes);
        statement.bindBigInt(2, BigInt(number));
        try {
          await statement.run();
        } catch (error) {
          throw (await this.#blame(parse(linesSql(cr)), bytes, given, context)) ?? error;
        }
        block.release();
      }
      for (const statement of prepared.values()) statement.destroySync();
    };
    // Each feeder's statement runs on the thread that it came on. DuckDB's own threads, offered the same single
    // task, only get in the way: with them the same work took a fifth more processor time.
    await this.#setThreads(1);
    const outcomes = await Promise.allSettled(
      this.#feeders.map((connection) =>
        feed(connection).catch((error) => {
          failed = true;
          throw error;
        }),
      ),
    );
    await blocks.return(undefined);
    await this.#setThreads(this.#threads);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    this.#inputs.push({ path: context.path, from, to: this.#blocks, startByte });
  }

  async #setThreads(threads: number): Promise<void> {
    await this.#database.connection.run(`SET threads = ${threads}`);
  }

  /** Which of the user's expressions cannot be computed for some line of a block. */
  async #blame(
    parsed: string,
    bytes: Uint8Array,
    given: Expressions,
    context: ExpressionContext,
  ): Promise<Error | undefined> {
    const connection = await this.#database.connect();
    for (const [name, sql] of Object.entries(given)) {
      if (sql === undefined) continue;
      try {
        const statement = await connection.prepare(
          `SELECT max(CAST((${sql}\n) AS VARCHAR)) FROM (SELECT * FROM (${parsed}) WHERE "#problem" IS NULL)`,
        );
        statement.bindBlob(1, bytes);
        await statement.run();
      } catch (error) {
        return sqlFailure(`--${name}`, sql, error, context);
      }
    }
    return undefined;
  }

  /**
   * Enters rows of a Parquet file.
   * @param rows how many are in the relation, and the highest number that one may have
   */
  async addRows(
    relation: string,
    rows: { count: number; last: number },
    sql: CheckedExpressions,
    timeNeeded: boolean,
    context: ExpressionContext,
    given: Expressions,
  ): Promise<void> {
    const from = this.#blocks;
    this.#blocks += Math.floor(rows.last / LINES_PER_BLOCK) + 1;
    try {
      await this.#database.connection.run(`
        INSERT INTO ledger
        SELECT ${from}::BIGINT * ${LINES_PER_BLOCK} + "#n", ${COLUMNS}
        FROM (${judge(relation, sql, timeNeeded, '"#n"')})
        WHERE reason <> ${REASON.filtered}`);
    } catch (error) {
      throw (await this.#blame(relation, new Uint8Array(), given, context)) ?? error;
    }
    this.#inputs.push({ path: context.path, from, to: this.#blocks, rowCount: rows.count, startByte: 0 });
  }

  /** Has `parseAddress` decide about every address that is not plain IPv4; makes the view `events`. */
  async close(): Promise<void> {
    const { connection } = this.#database;
    for (const feeder of this.#feeders.splice(0)) {
      await feeder.run('COMMIT');
      feeder.closeSync();
    }
    const odd = await appendOddAddresses(this.#database);
    const join = odd === 0 ? '' : `LEFT JOIN odd_addresses ON text = written`;
    const canonical = odd === 0 ? 'NULL::VARCHAR AS canonical' : 'canonical';
    const kept = odd === 0 ? 'false' : 'canonical IS NOT NULL';
    await connection.run(`
      CREATE VIEW events AS
      SELECT position, micros, entity, ipv4, ${canonical}
      FROM ledger ${join}
      WHERE reason = ${REASON.event} OR (reason = ${REASON.eventIfAddress} AND ${kept})`);
  }

  /** Lines of every block, in order. */
  async linesPerBlock(): Promise<number[]> {
    const lines = new Array<number>(this.#blocks).fill(0);
    const mask = LINES_PER_BLOCK - 1;
    const rows = await queryRows(
      this.#database.connection,
      `SELECT CAST(position >> ${LINES_PER_BLOCK_BITS} AS INTEGER) AS block, CAST(max(position & ${mask}) AS INTEGER) AS lines
       FROM ledger GROUP BY 1`,
    );
    for (const { block, lines: count } of rows) lines[block as number] = count as number;
    return lines;
  }
}
