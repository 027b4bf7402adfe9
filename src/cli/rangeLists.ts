import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { parseRanges, type RangeTable } from '../addresses/ranges.ts';
import { InputError } from '../errors.ts';
import type { RangesIdentity } from '../events/simulate/truth.ts';
import { sha256 } from '../files/atomicFile.ts';
import { readWholeFile } from '../files/input.ts';

/** A list of ranges as it was read, and which list it is. */
export interface RangeList {
  ranges: RangeTable;
  identity: RangesIdentity;
}

/**
 * @param path a list of ranges; where undefined, the one of that family in the package @ip-location-db/asn
 * @param option how the message calls the option that names a list
 * @throws InputError where the package is not installed, or the list cannot be read
 */
export function readRangeList(path: string | undefined, family: 'ipv4' | 'ipv6', option: string): RangeList {
  const file = path ?? packagedList(family, option);
  const bytes = readWholeFile(file);
  const ranges = parseRanges(bytes, file);
  return { ranges, identity: { name: basename(file), sha256: sha256(bytes), count: ranges.count } };
}

/**
 * Where the list of a family in the package @ip-location-db/asn lies.
 * @throws InputError where the package is not installed
 */
export function packagedList(family: 'ipv4' | 'ipv6', option: string): string {
  const name = `@ip-location-db/asn/asn-${family}.csv`;
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch {
    throw new InputError(
      `${name}: the package with the list of announced ranges is not installed. Run "npm install @ip-location-db/asn", or name a list with ${option} FILE.`,
    );
  }
}
