import { createHash, type Hash } from 'node:crypto';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { groupTableOf } from '../addresses/buildGroupTable.ts';
import type { GroupKind, GroupTable } from '../addresses/groupTable.ts';
import { isDatabase, readDatabase } from '../addresses/mmdb.ts';
import { type RangeColumns, readRangeLines } from '../addresses/rangeLines.ts';
import { InputError } from '../errors.ts';
import { readFailure, readWholeFile } from '../files/input.ts';
import { packagedList } from './rangeLists.ts';

/** Stands for the lists of the package @ip-location-db/asn; a file of that name is `./packaged`. */
const PACKAGED = 'packaged';

/** A table as it was read, and which lists or database it is. */
export interface GroupTableSource {
  table: GroupTable;
  /** how many ranges reached into the next one and were cut short */
  trimmed: number;
  /** how many IPv6 ranges were too narrow for the table */
  dropped: number;
  identity: {
    /** file names, joined by ` + ` */
    name: string;
    /** of the files' bytes, one after the other */
    sha256: string;
  };
}

/**
 * Reads which autonomous system or country addresses belong to. Each file is a MaxMind database (MMDB) or a list (CSV),
 * which its content tells; either may be gzipped.
 * @param paths  in any order, but each family in one of them; `packaged` for those of @ip-location-db/asn
 * @param option how messages call the option that names them
 * @throws InputError where one of them cannot be read or tells something else
 */
export function readGroupTable(paths: string[], kind: GroupKind, option: string): GroupTableSource {
  const hash = createHash('sha256');
  const files = filesOf(paths, kind, option);
  const lists = files.map((file) => readRanges(file, kind, hash));
  return {
    ...groupTableOf(kind, lists),
    trimmed: lists.reduce((sum, { trimmed }) => sum + trimmed, 0),
    identity: { name: files.map((file) => basename(file)).join(' + '), sha256: hash.digest('hex') },
  };
}

/** The same as ranges, one list of each file. */
export function readGroupRanges(paths: string[], kind: GroupKind, option: string): RangeColumns[] {
  return filesOf(paths, kind, option).map((file) => readRanges(file, kind));
}

const filesOf = (paths: string[], kind: GroupKind, option: string) =>
  paths.flatMap((path) => (path === PACKAGED ? packagedLists(kind, option) : [path]));

function packagedLists(kind: GroupKind, option: string): string[] {
  if (kind === 'country') {
    throw new InputError(
      `${option}: expected a list or database of countries, got "${PACKAGED}", which has autonomous systems only. Name a file: CSV lines first,last,country, or a MaxMind database.`,
    );
  }
  return [packagedList('ipv4', option), packagedList('ipv6', option)];
}

function unpacked(bytes: Uint8Array, file: string): Uint8Array {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw readFailure(file, error);
  }
}

function readRanges(file: string, kind: GroupKind, hash?: Hash): RangeColumns {
  const read = readWholeFile(file);
  hash?.update(read);
  const bytes = unpacked(read, file);
  if (isDatabase(bytes)) return readDatabase(bytes, file, kind);
  const archive = archiveKind(bytes);
  if (archive !== undefined) {
    throw new InputError(
      `${file}: expected a list (CSV) or a MaxMind database (MMDB), got a ${archive} archive. Unpack it and name the file in it.`,
    );
  }
  // No text: it can only have been meant as a database, and readDatabase says what it lacks.
  const isBinary = bytes.subarray(0, 4096).includes(0);
  return isBinary || /\.mmdb(\.gz)?$/i.test(file)
    ? readDatabase(bytes, file, kind)
    : readRangeLines(bytes, file, kind);
}

/** Databases come in archives: MaxMind's in tar (magic at byte 257, POSIX.1-1988), others' in zip. */
function archiveKind(bytes: Uint8Array): string | undefined {
  const hasText = (text: string, at: number) =>
    Buffer.from(text, 'latin1').equals(bytes.subarray(at, at + text.length));
  if (hasText('ustar', 257)) return 'tar';
  return hasText('PK\x03\x04', 0) ? 'zip' : undefined;
}
