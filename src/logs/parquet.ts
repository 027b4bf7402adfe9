import type { DuckDBConnection } from '@duckdb/node-api';
import { InputError } from '../errors.ts';
import { inputName } from '../files/input.ts';
import { firstLine, queryRows, quoteName, quoteText } from './database.ts';
import { type Column, usualColumn } from './format.ts';

/** A Parquet file: rows instead of lines, columns with types of their own. */
export interface ParquetInput {
  readonly columns: readonly Column[];
  /** rows of the relation, and of the whole file */
  readonly rows: { count: number; last: number };
  readonly entity?: string;
  readonly address?: string;
  readonly time?: string;
  /** SQL of a relation with the columns, `"#n"` (row, from 1), `"#line"` and `"#problem"` (both NULL) */
  readonly relation: string;
}

/** The first bytes of every Parquet file. */
export const PARQUET_MAGIC = 'PAR1';

/**
 * @param file the file itself
 * @param path what the user called it, for messages
 * @param part the rows from this share of the file on, up to that one: [0, 1) is all of it
 * @throws InputError where the file is damaged
 */
export async function openParquet(
  connection: DuckDBConnection,
  file: string,
  path: string,
  part: { from: number; to: number },
): Promise<ParquetInput> {
  const source = `read_parquet(${quoteText(file.replaceAll(/[*?[]/g, '[$&]'))}, file_row_number = true)`;
  try {
    const described = await queryRows(
      connection,
      `DESCRIBE SELECT * EXCLUDE (file_row_number) FROM ${source}`,
    );
    const columns: Column[] = described.map((row) => ({
      name: String(row.column_name),
      type: String(row.column_type),
      raw: `CAST(${quoteName(String(row.column_name))} AS VARCHAR)`,
    }));
    const [{ n }] = await queryRows(connection, `SELECT CAST(count(*) AS DOUBLE) AS n FROM ${source}`);
    const last = Number(n);
    const [from, to] = [Math.floor(last * part.from), Math.floor(last * part.to)];
    const time = usualColumn(columns, 'time');
    return {
      columns,
      rows: { count: to - from, last },
      entity: usualColumn(columns, 'entity')?.raw,
      address: usualColumn(columns, 'address')?.raw,
      time: time && quoteName(time.name),
      relation: `
        SELECT * EXCLUDE (file_row_number), file_row_number + 1 AS "#n", NULL::VARCHAR AS "#line",
          NULL::UTINYINT AS "#problem"
        FROM ${source} WHERE file_row_number >= ${from} AND file_row_number < ${to}`,
    };
  } catch (error) {
    throw new InputError(
      `${inputName(path)}: cannot be read as Parquet (${firstLine((error as Error).message)}). Copy or write it again.`,
    );
  }
}
