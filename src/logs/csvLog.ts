import { parseAddress } from '../addresses/address.ts';
import { InputError, quoted } from '../errors.ts';
import { inputName } from '../files/input.ts';
import { quoteName, quoteText } from './database.ts';
import { type Column, distinctNames, type LogFormat, REASON, usualColumn } from './format.ts';

/**
 * Delimited text with a header: comma, semicolon, tab or `|`. Fields are quoted as RFC 4180 has it, blanks around
 * them are not part of them. A record is one line: a quoted field with a line break in it is counted as
 * malformed lines, because joining lines would hide where a quote was forgotten.
 */

const DELIMITERS = [',', ';', '\t', '|'];

/** The delimiter that the header uses most, outside quotes. */
export function findDelimiter(header: string): string | undefined {
  const bare = header.replaceAll(/"(?:[^"]|"")*"/g, '""');
  const counts = DELIMITERS.map((delimiter) => bare.split(delimiter).length - 1);
  const most = Math.max(...counts);
  return most === 0 ? undefined : DELIMITERS[counts.indexOf(most)];
}

/** The fields of a line, or undefined where its quotes do not close. */
export function splitCsvLine(line: string, delimiter: string): string[] | undefined {
  const fields: string[] = [];
  const rest = new RegExp(
    `[ ]*(?:"((?:[^"]|"")*)"[ ]*|([^"${escaped(delimiter)}]*))(${escaped(delimiter)}|$)`,
    'y',
  );
  for (;;) {
    const match = rest.exec(line);
    if (!match) return undefined;
    fields.push(match[1] === undefined ? match[2].trim() : match[1].replaceAll('""', '"'));
    if (match[3] === '') return fields;
  }
}

const escaped = (delimiter: string) => (delimiter === '|' ? '\\|' : delimiter);

/**
 * @param head the first lines; the first one names the columns
 * @throws InputError where the first line is no header
 */
export function csvFormat(head: readonly string[], path: string): LogFormat {
  const header = head[0];
  const delimiter = findDelimiter(header) ?? ',';
  const names = splitCsvLine(header, delimiter);
  if (!names) {
    throw new InputError(
      `${inputName(path)}:1: expected a CSV header, got a quote that does not close: ${quoted(header)}. Repair the line, or name the format with --format.`,
    );
  }
  if (names.some((name) => parseAddress(name))) {
    throw new InputError(
      `${inputName(path)}:1: expected a CSV header that names the columns, got an event: ${quoted(header)}. Put a line such as "entity,address,time" before it.`,
    );
  }
  // Damaged lines and headers of files put together say nothing about types.
  const samples = head
    .filter((line) => line !== header)
    .map((line) => splitCsvLine(line, delimiter) ?? [])
    .filter((fields) => fields.length === names.length);
  const columns: Column[] = distinctNames(names).map((name, i) => ({
    name,
    type: typeOf(samples.map((fields) => fields[i] ?? '')),
    raw: `"#fields"[${i + 1}]`,
  }));
  const separator = escaped(delimiter);
  const field = `[ ]*("(?:[^"]|"")*"|[^"${separator}]*)[ ]*`;
  return {
    name: 'csv',
    columns,
    entity: rawOf(usualColumn(columns, 'entity')),
    address: rawOf(usualColumn(columns, 'address')),
    time: rawOf(usualColumn(columns, 'time')),
    timeRequired: false,
    // Every field is matched with the delimiter before it: an empty match would end the search.
    parse: (lines) => `
      SELECT "#line", "#last", "#fields",
        ${columns.map(({ name, type, raw }) => `${typed(raw, type)} AS ${quoteName(name)}`).join(', ')},
        CASE WHEN "#line" = ${quoteText(header)} THEN ${REASON.header}
             WHEN "#fields" IS NULL OR len("#fields") <> ${columns.length} THEN ${REASON.malformed} END AS "#problem"
      FROM (
        SELECT *, CASE
          WHEN NOT contains("#line", '"') THEN list_transform(string_split("#line", ${quoteText(delimiter)}), lambda x: trim(x))
          WHEN regexp_full_match("#line", ${quoteText(`${field}(?:${separator}${field})*`)}) THEN
            list_transform(
              regexp_extract_all(${quoteText(delimiter)} || "#line", ${quoteText(separator + field)}, 1),
              lambda x: CASE WHEN starts_with(x, '"') THEN replace(x[2:-2], '""', '"') ELSE trim(x) END)
          END AS "#fields"
        FROM (${lines}))`,
  };
}

function rawOf(column: Column | undefined): string | undefined {
  return column?.raw;
}

function typed(raw: string, type: string): string {
  return type === 'VARCHAR' ? raw : `TRY_CAST(${raw} AS ${type})`;
}

/** Numbers only where writing them gives the same text again: 007 and +1 stay text. */
function typeOf(values: readonly string[]): string {
  const given = values.filter((value) => value !== '');
  if (given.length === 0) return 'VARCHAR';
  if (given.every((value) => /^(0|-?[1-9]\d{0,17})$/.test(value))) return 'BIGINT';
  if (given.every((value) => /^-?(0|[1-9]\d{0,17})(\.\d+)?$/.test(value))) return 'DOUBLE';
  if (given.every((value) => /^(true|false)$/i.test(value))) return 'BOOLEAN';
  return 'VARCHAR';
}
