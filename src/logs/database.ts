import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { InputError } from '../errors.ts';
import { removeTemporary, temporaryBeside, writeFailure } from '../files/atomicFile.ts';

/**
 * A database in a folder of its own, gone with it. Its tables lie in a file, not in memory: pushed out of memory they
 * need not be written again (28 million events: 66 s of processor time instead of 79 s).
 */
export interface Database {
  readonly instance: DuckDBInstance;
  readonly connection: DuckDBConnection;
  /** another connection, to run statements beside the first */
  connect(): Promise<DuckDBConnection>;
  /** ends all and removes the folder */
  close(): void;
}

export interface DatabaseOptions {
  threads: number;
  /** as DuckDB reads it: `1GB`, `512MiB` */
  memoryLimit: string;
  /** the folder that data spills to is made beside this file */
  beside: string;
}

const SETTINGS = [
  "SET TimeZone = 'UTC'",
  'SET enable_progress_bar = true',
  'SET enable_progress_bar_print = false',
  // What is written is read two or three times and thrown away: compressing it costs more than it saves.
  "SET force_compression = 'uncompressed'",
  'PRAGMA disable_checkpoint_on_shutdown',
];

/** @throws InputError where the folder cannot be made */
export async function openDatabase({ threads, memoryLimit, beside }: DatabaseOptions): Promise<Database> {
  // Loading it takes a third of a second of processor time, which help and mistakes in a command need not wait for.
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const folder = temporaryBeside(`${beside}.spill`);
  try {
    mkdirSync(folder);
  } catch (error) {
    removeTemporary(folder);
    throw writeFailure(beside, error);
  }
  let instance: DuckDBInstance;
  try {
    instance = await DuckDBInstance.create(join(folder, 'data.duckdb'), {
      threads: String(threads),
      memory_limit: memoryLimit,
      temp_directory: folder,
      // What is not in the package is not there: nothing is fetched from the network behind the user's back.
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
  } catch (error) {
    removeTemporary(folder);
    throw error;
  }
  const open: DuckDBConnection[] = [];
  const connect = async () => {
    const connection = await instance.connect();
    open.push(connection);
    for (const setting of SETTINGS) await connection.run(setting);
    return connection;
  };
  return {
    instance,
    connection: await connect(),
    connect,
    close() {
      for (const connection of open) connection.closeSync();
      instance.closeSync();
      removeTemporary(folder);
    },
  };
}

/** How often a running statement is asked how far it is. */
const POLL_MILLISECONDS = 100;

/**
 * Runs something on a connection, telling how many per cent of the statement it is at are done.
 * DuckDB counts rows that its operators have passed, so the last stretch may take longer than the first.
 */
export async function watched<T>(
  connection: DuckDBConnection,
  onPercent: (percent: number) => void,
  work: () => Promise<T>,
): Promise<T> {
  const timer = setInterval(() => onPercent(Math.max(0, connection.progress.percentage)), POLL_MILLISECONDS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** DuckDB's failures that the person at the keyboard can mend, in words; others come back as they are. */
export function databaseFailure(error: unknown, beside: string): Error {
  const message = (error as Error).message ?? String(error);
  if (error instanceof InputError) return error;
  if (/No space left on device|Disk quota exceeded|failed to offload data block/.test(message)) {
    return writeFailure(beside, { code: 'ENOSPC' });
  }
  if (/^Out of Memory Error/.test(message)) {
    return new InputError(
      `${dirname(beside)}: the memory limit does not suffice (${firstLine(message)}). Raise --memory-limit, or lower --threads.`,
    );
  }
  return error as Error;
}

/** DuckDB's message without its drawing of the statement, which shows SQL that the user did not write. */
export function firstLine(message: string): string {
  return message.split('\n')[0].trim();
}

/** A name as SQL writes it. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as SQL writes it. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** All rows of a statement as plain values. */
export async function queryRows(
  connection: DuckDBConnection,
  sql: string,
): Promise<Record<string, unknown>[]> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJS();
}
