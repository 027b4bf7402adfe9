/**
 * A log format turns lines into columns, in SQL. Text formats see one physical line a row and may never lose
 * or add one; so the line is never given to a CSV reader, which joins lines where quotes are unbalanced.
 */

/** A column that `--where` and the other expressions may use. */
export interface Column {
  name: string;
  /** SQL type */
  type: string;
  /** SQL over what `parse` gives: the value as it stands in the log, VARCHAR; an entity 007 keeps its zeros */
  raw: string;
}

/** How the lines of one input are understood. */
export interface LogFormat {
  /** as `--format` calls it */
  readonly name: string;
  readonly columns: readonly Column[];
  /**
   * SQL of a relation with the columns above, `"#line"` and `"#last"` passed through, and `"#problem"`: NULL, or
   * a code of `REASON`.
   * @param lines SQL of a relation `"#line" VARCHAR, "#last" BIGINT`
   */
  parse(lines: string): string;
  /** SQL for the three parts of an event where the user names none; undefined where nothing fits */
  readonly entity?: string;
  readonly address?: string;
  readonly time?: string;
  /** whether a row without a time is an error of the log */
  readonly timeRequired: boolean;
}

/** What became of a line. */
export const REASON = {
  event: 0,
  /** an event if `parseAddress` says that its address is one: neither plain IPv4 nor empty */
  eventIfAddress: 1,
  filtered: 2,
  header: 3,
  blank: 4,
  malformed: 5,
  notUtf8: 6,
  tooLong: 7,
  noEntity: 8,
  noAddress: 9,
  badTime: 10,
} as const;

/** The reasons for which a line is skipped, in the words of the summary. */
export const SKIPPED: readonly [code: number, words: string][] = [
  [REASON.noEntity, 'no entity'],
  [REASON.noAddress, 'no address'],
  [REASON.badTime, 'bad time'],
  [REASON.malformed, 'malformed line'],
  [REASON.notUtf8, 'not UTF-8'],
  [REASON.tooLong, 'line too long'],
  [REASON.blank, 'blank line'],
];

/** Column names that usually hold the parts of an event, likeliest first; compared in lower case. */
const USUAL_NAMES = {
  entity: [
    'entity',
    'user',
    'username',
    'user_name',
    'user_id',
    'userid',
    'account',
    'account_id',
    'login',
    'email',
    'remote_user',
    'principal',
    'uid',
  ],
  address: [
    'address',
    'ip',
    'ip_address',
    'ipaddress',
    'client_ip',
    'clientip',
    'remote_addr',
    'remote_ip',
    'source_ip',
    'sourceipaddress',
    'src_ip',
    'host',
    'remote_host',
  ],
  time: [
    'time',
    'timestamp',
    '@timestamp',
    'datetime',
    'date_time',
    'time_local',
    'time_iso8601',
    'event_time',
    'eventtime',
    'created_at',
    'ts',
    'date',
  ],
} as const;

/** The first column that is usually called so. */
export function usualColumn(columns: readonly Column[], part: keyof typeof USUAL_NAMES): Column | undefined {
  for (const name of USUAL_NAMES[part]) {
    const column = columns.find((one) => one.name.toLowerCase() === name);
    if (column) return column;
  }
  return undefined;
}

/** Names that SQL can tell apart: it does not see upper and lower case. */
export function distinctNames(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.map((name, i) => {
    let distinct = name === '' ? `column_${i + 1}` : name;
    for (let n = 2; seen.has(distinct.toLowerCase()); n++) distinct = `${name}_${n}`;
    seen.add(distinct.toLowerCase());
    return distinct;
  });
}
