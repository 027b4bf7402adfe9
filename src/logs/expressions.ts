import type { DuckDBConnection } from '@duckdb/node-api';
import { InputError, quoted, UsageError } from '../errors.ts';
import { inputName } from '../files/input.ts';
import { firstLine, queryRows, quoteName } from './database.ts';
import type { Column } from './format.ts';

/** What the user says about the columns: SQL expressions; undefined for the format's own. */
export interface Expressions {
  entity?: string;
  address?: string;
  time?: string;
  where?: string;
}

/** SQL over the columns of one input, checked. */
export interface CheckedExpressions {
  /** VARCHAR */
  entity: string;
  /** VARCHAR */
  address: string;
  /** BIGINT: microseconds since 1970-01-01 UTC, NULL where missing or bad */
  timeMicros: string;
  /** VARCHAR: the time as it stands in the log, to tell a missing time from a bad one */
  timeText: string;
  /** BOOLEAN, or undefined for all rows */
  where?: string;
  /** whether a part of an event is the user's own SQL, which may fail where the format's own never does */
  mayFail: boolean;
}

/** What an input offers: its columns, and its own idea of the parts of an event. */
export interface ExpressionContext {
  path: string;
  format: string;
  columns: readonly Column[];
  entity?: string;
  address?: string;
  time?: string;
}

// A comment in an expression must not swallow the bracket that closes it.
const bracketed = (sql: string) => `(${sql}\n)`;

/** Unix seconds above this (year 5138) are taken for milliseconds. */
const LARGEST_UNIX_SECONDS = 1e11;

/**
 * Checks the expressions against the columns of an input.
 * @throws UsageError where SQL cannot be understood, InputError where no column fits and none is named
 */
export async function checkExpressions(
  connection: DuckDBConnection,
  given: Expressions,
  input: ExpressionContext,
): Promise<CheckedExpressions> {
  const typeOf = (option: string, sql: string) => typeOfExpression(connection, option, sql, input);
  if (given.where !== undefined) {
    const type = await typeOf('--where', given.where);
    if (type !== 'BOOLEAN') {
      throw new UsageError(
        `--where: expected a condition, got a value of type ${type}. Compare it with something, e.g. "status = 200".`,
      );
    }
  }
  const text = async (part: 'entity' | 'address') => {
    const sql = given[part];
    if (sql === undefined) return input[part] ?? missing(part, input);
    await typeOf(`--${part}`, sql);
    return columnNamed(sql, input.columns)?.raw ?? `CAST(${bracketed(sql)} AS VARCHAR)`;
  };
  const entity = await text('entity');
  const address = await text('address');
  const time = await timeOf(given.time, input, typeOf);
  return {
    entity,
    address,
    ...time,
    where: given.where === undefined ? undefined : bracketed(given.where),
    mayFail: given.entity !== undefined || given.address !== undefined || given.time !== undefined,
  };
}

/** The column that an expression names and nothing else. */
function columnNamed(sql: string, columns: readonly Column[]): Column | undefined {
  const name = /^\s*"?([^"]+?)"?\s*$/.exec(sql)?.[1].toLowerCase();
  return columns.find((column) => column.name.toLowerCase() === name);
}

function missing(part: string, input: ExpressionContext): never {
  throw new InputError(
    `${inputName(input.path)}: no column is called like an ${part}; its columns are ${columnList(input.columns)}. Name one with --${part}.`,
  );
}

export function columnList(columns: readonly Column[]): string {
  const most = 40;
  const names = columns.slice(0, most).map((column) => column.name);
  return names.join(', ') + (columns.length > most ? ` and ${columns.length - most} more` : '');
}

/** SQL type of an expression over the columns. */
async function typeOfExpression(
  connection: DuckDBConnection,
  option: string,
  sql: string,
  input: ExpressionContext,
): Promise<string> {
  if (sql.trim() === '') throw new UsageError(`${option}: expected an SQL expression, got nothing.`);
  const empty = input.columns
    .map(({ name, type }) => `CAST(NULL AS ${type}) AS ${quoteName(name)}`)
    .join(', ');
  try {
    // WHERE refuses what has no meaning for a single row: aggregates and window functions.
    await connection.run(`SELECT 1 FROM (SELECT ${empty} LIMIT 0) WHERE ${bracketed(sql)} IS NOT NULL`);
    const [row] = await queryRows(
      connection,
      `DESCRIBE SELECT ${bracketed(sql)} AS x FROM (SELECT ${empty})`,
    );
    return String(row.column_type);
  } catch (error) {
    throw sqlFailure(option, sql, error, input);
  }
}

/** A failure of the user's SQL, with what it could have used. */
export function sqlFailure(
  option: string,
  sql: string,
  error: unknown,
  input: ExpressionContext,
): UsageError {
  const message = firstLine((error as Error).message).replace(/[.!]$/, '');
  return new UsageError(
    `${option} ${quoted(sql)}: ${message}. The columns of ${inputName(input.path)} (${input.format}) are ${columnList(input.columns)}.`,
  );
}

async function timeOf(
  given: string | undefined,
  input: ExpressionContext,
  typeOf: (option: string, sql: string) => Promise<string>,
): Promise<Pick<CheckedExpressions, 'timeMicros' | 'timeText'>> {
  const sql = given ?? input.time;
  if (sql === undefined) return { timeMicros: 'NULL::BIGINT', timeText: 'NULL::VARCHAR' };
  const column = columnNamed(sql, input.columns);
  // The format's own expression may use what only the format knows: its texts are VARCHAR.
  const type = column ? column.type : given === undefined ? 'VARCHAR' : await typeOf('--time', given);
  const value = bracketed(sql);
  const timeText = column?.raw ?? `CAST(${value} AS VARCHAR)`;
  return { timeMicros: microsOf(column?.type === 'VARCHAR' ? column.raw : value, type), timeText };
}

function microsOf(value: string, type: string): string {
  if (/^TIMESTAMP/.test(type) || type === 'DATE') {
    const stamp =
      type === 'TIMESTAMP WITH TIME ZONE' || type === 'TIMESTAMP' ? value : `CAST(${value} AS TIMESTAMP)`;
    return `CASE WHEN isfinite(${stamp}) THEN epoch_us(${stamp}) END`;
  }
  const text = `trim(CAST(${value} AS VARCHAR))`;
  const number = `TRY_CAST(${text} AS DOUBLE)`;
  const fromNumber = `CASE WHEN isfinite(${number}) AND abs(${number}) < 1e16 THEN
    CAST(round(CASE WHEN abs(${number}) > ${LARGEST_UNIX_SECONDS} THEN ${number} * 1e3 ELSE ${number} * 1e6 END) AS BIGINT) END`;
  if (/^(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL)/.test(type)) return fromNumber;
  // ISO 8601 with or without an offset; the Common Log Format's own way; Unix seconds.
  const stamp = `TRY_CAST(${text} AS TIMESTAMPTZ)`;
  return `CASE
    WHEN ${number} IS NOT NULL THEN ${fromNumber}
    WHEN regexp_matches(${text}, '^\\[?\\d{1,2}/') THEN epoch_us(try_strptime(trim(${text}, '[]'), '%d/%b/%Y:%H:%M:%S %z'))
    WHEN regexp_matches(${text}, '^\\d{4}-\\d\\d-\\d\\d') THEN epoch_us(${stamp}) END`;
}
