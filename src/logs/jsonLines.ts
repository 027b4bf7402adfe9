import { InputError, quoted } from '../errors.ts';
import { inputName } from '../files/input.ts';
import { quoteName, quoteText } from './database.ts';
import { type Column, type LogFormat, REASON, usualColumn } from './format.ts';

/**
 * One JSON object a line. The columns are the keys of the first lines (some thousand); nested objects are
 * columns of type JSON, to be read with `->>`: `http->>'$.status' = '200'`.
 */

/** An object, or undefined where the line is no JSON object. */
export function parseJsonObject(line: string): Record<string, unknown> | undefined {
  if (!/^\s*\{/.test(line)) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/**
 * @param head the first lines
 * @throws InputError where none of them is an object
 */
export function jsonLinesFormat(head: readonly string[], path: string): LogFormat {
  const types = new Map<string, { name: string; kinds: Set<string> }>();
  for (const line of head) {
    for (const [name, value] of Object.entries(parseJsonObject(line) ?? {})) {
      // SQL does not see upper and lower case: of two such keys the first one is the column.
      const column = types.get(name.toLowerCase()) ?? { name, kinds: new Set() };
      types.set(name.toLowerCase(), column);
      if (value !== null && column.name === name) column.kinds.add(kindOf(value));
    }
  }
  if (types.size === 0) {
    throw new InputError(
      `${inputName(path)}:1: expected one JSON object a line, got ${quoted(head[0] ?? '')}. Name the format with --format.`,
    );
  }
  const columns: Column[] = [...types.values()].map(({ name, kinds }) => ({
    name,
    type: typeOf(kinds),
    // A JSON pointer (RFC 6901): a key may hold dots.
    raw: `json_extract_string("#object", ${quoteText(`/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)})`,
  }));
  return {
    name: 'jsonl',
    columns,
    entity: usualColumn(columns, 'entity')?.raw,
    address: usualColumn(columns, 'address')?.raw,
    time: usualColumn(columns, 'time')?.raw,
    timeRequired: false,
    parse: (lines) => `
      SELECT "#line", "#last", "#object",
        ${columns.map(({ name, type, raw }) => `${typed(raw, type)} AS ${quoteName(name)}`).join(', ')},
        CASE WHEN "#object" IS NULL THEN ${REASON.malformed} END AS "#problem"
      FROM (
        SELECT *, CASE WHEN json_valid("#line") AND json_type("#line") = 'OBJECT' THEN "#line" END AS "#object"
        FROM (${lines}))`,
  };
}

function typed(raw: string, type: string): string {
  return type === 'VARCHAR' ? raw : `TRY_CAST(${raw} AS ${type})`;
}

function kindOf(value: unknown): string {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 'BIGINT' : 'DOUBLE';
  if (typeof value === 'boolean') return 'BOOLEAN';
  return typeof value === 'object' ? 'JSON' : 'VARCHAR';
}

function typeOf(kinds: ReadonlySet<string>): string {
  if (kinds.size === 1) return [...kinds][0];
  return kinds.size === 2 && kinds.has('BIGINT') && kinds.has('DOUBLE') ? 'DOUBLE' : 'VARCHAR';
}
