import { Reader, type Response } from 'maxmind';
import { counted, InputError, quoted } from '../errors.ts';
import { type AddressWords, followsAddress, formatAddress, isIpv4 } from './address.ts';
import { countryId, type GroupKind, NO_GROUP } from './groupTable.ts';
import { forEachNetwork } from './mmdbNetworks.ts';
import type { RangeColumns } from './rangeLines.ts';

/** Stands before the metadata, which end the file and take 128 KiB at most (specification 2.0). */
const MARKER = Buffer.from('abcdef4d61784d696e642e636f6d', 'hex');
const METADATA_BYTES = 128 * 1024;
/** between the search tree and the data */
const SEPARATOR_BYTES = 16;
const FORMAT_VERSION = 2;

/** What a record of a database says about its network. */
interface Membership {
  id: number;
  name: string;
}

/** Where the records of databases have what a table is of. */
interface DatabaseFields {
  /** as messages name them */
  fields: string;
  /** `an ASN database, e.g. GeoLite2-ASN` */
  example: string;
  /** @returns undefined where the record has none of the fields; a text says what is wrong with them */
  read(record: Fields): Membership | string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const DATABASES: Record<GroupKind, DatabaseFields> = {
  asn: {
    fields: 'autonomous_system_number',
    example: 'an ASN database, e.g. GeoLite2-ASN',
    read(record) {
      const asn = record.autonomous_system_number;
      if (asn === undefined) return undefined;
      if (typeof asn !== 'number' || asn !== asn >>> 0)
        return `expected a number in autonomous_system_number, got ${shown(asn)}`;
      const name = record.autonomous_system_organization;
      return { id: asn, name: typeof name === 'string' ? name : '' };
    },
  },
  country: {
    fields: 'country.iso_code, registered_country.iso_code or country_code',
    example: 'a country database, e.g. GeoLite2-Country',
    read(record) {
      // MaxMind's own, and the flat one of ip-location-db.
      const letters = isoCode(record.country) ?? isoCode(record.registered_country) ?? record.country_code;
      if (letters === undefined) return undefined;
      if (letters === '' || letters === '-') return { id: NO_GROUP, name: '' };
      const text = typeof letters === 'string' ? letters : '';
      const id = text.length === 2 ? countryId(text.charCodeAt(0), text.charCodeAt(1)) : -1;
      return id < 0 ? `expected the two letters of a country, got ${shown(letters)}` : { id, name: '' };
    },
  },
};

/** Whether the bytes are a MaxMind database, by the marker of its metadata; one that was cut short has none. */
export function isDatabase(bytes: Uint8Array): boolean {
  return markerAt(bytes) >= 0;
}

/**
 * All networks of a MaxMind database (MMDB), neighbours of the same group as one range.
 * @param name how messages call the database
 * @throws InputError where it is no database, is damaged, or does not tell what the table is to be of
 */
export function readDatabase(bytes: Uint8Array, name: string, kind: GroupKind): RangeColumns {
  const database = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader = openDatabase(database, name);
  const { nodeCount, recordSize, ipVersion, databaseType } = reader.metadata;
  const { fields, example, read } = DATABASES[kind];
  const ranges = new RangeCollector();
  const names = new Map<number, string>();
  const groups = new Map<number, number>(); // by record: many networks share one
  const keys = new Set<string>();
  let found = false;

  /** @throws InputError where the fields hold something else than they should */
  const groupOf = (record: Fields, network: string): number => {
    const membership = read(record);
    if (typeof membership === 'string') throw new InputError(`${name}: ${network}: ${membership}.`);
    if (membership === undefined) {
      for (const key of fieldNames(record)) keys.add(key);
      return NO_GROUP;
    }
    found = true;
    if (membership.name !== '' && !names.has(membership.id)) names.set(membership.id, membership.name);
    return membership.id;
  };

  withDamageExplained(name, () =>
    forEachNetwork({ bytes: database, nodeCount, recordSize, ipVersion }, (first, bits, record) => {
      let group = groups.get(record);
      if (group === undefined) {
        const network = formatAddress(first);
        const data: unknown = reader.get(network);
        if (!isFields(data)) throw new Error(`it has no record for ${network}`);
        group = groupOf(data, `${network}/${isIpv4(first) ? bits - 96 : bits}`);
        groups.set(record, group);
      }
      if (group !== NO_GROUP) ranges.add(first, bits, group);
    }),
  );
  if (!found) {
    const came = keys.size === 0 ? 'no record' : listed([...keys].sort());
    throw new InputError(
      `${name}: expected records with ${fields}, got ${came} (database type ${quoted(String(databaseType))}). Name ${example}.`,
    );
  }
  return { name, ...ranges.columns(), names, trimmed: 0 };
}

function openDatabase(database: Buffer, name: string): Reader<Response> {
  const marker = markerAt(database);
  if (marker < 0) {
    throw new InputError(
      `${name}: expected a MaxMind database (MMDB), got a file without its metadata: it is of another kind, or was cut short. Check the name, or copy or download it again.`,
    );
  }
  return withDamageExplained(name, () => {
    const reader = new Reader<Response>(database);
    const { binaryFormatMajorVersion: version, searchTreeSize, nodeCount, ipVersion } = reader.metadata;
    if (version !== FORMAT_VERSION) {
      throw new InputError(
        `${name}: written in version ${version} of the MMDB format, this build reads version ${FORMAT_VERSION}. Name a database in version ${FORMAT_VERSION}.`,
      );
    }
    if (!(nodeCount > 0) || (ipVersion !== 4 && ipVersion !== 6))
      throw new Error(`it has ${counted(nodeCount, 'node')} and IP version ${ipVersion}`);
    const needed = searchTreeSize + SEPARATOR_BYTES;
    if (needed > marker)
      throw new Error(
        `its search tree has ${counted(needed, 'byte')}, only ${counted(marker, 'byte')} are there`,
      );
    return reader;
  });
}

/** Whatever the reader stumbles over, apart from what already has a sentence of its own, is damage. */
function withDamageExplained<T>(name: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(
      `${name}: the MaxMind database is damaged (${(error as Error).message}). Copy or download it again.`,
    );
  }
}

/** Where the marker of the metadata begins, or −1. */
function markerAt(bytes: Uint8Array): number {
  const from = Math.max(0, bytes.length - METADATA_BYTES);
  const at = Buffer.from(bytes.buffer, bytes.byteOffset + from, bytes.length - from).lastIndexOf(MARKER);
  return at < 0 ? -1 : from + at;
}

/** Ranges in ascending order, as many as come. */
class RangeCollector {
  #count = 0;
  #firsts = new Uint32Array(4096); // (≥ count, 4)
  #lasts = new Uint32Array(4096); // (≥ count, 4)
  #ids = new Uint32Array(1024); // (≥ count)
  readonly #last = new Uint32Array(4);

  add(first: AddressWords, bits: number, id: number): void {
    for (let word = 0; word < 4; word++) {
      const host = Math.min(32, Math.max(0, (word + 1) * 32 - bits));
      this.#last[word] = first[word] + 2 ** host - 1;
    }
    const before = this.#count - 1;
    if (before >= 0 && this.#ids[before] === id && this.#continues(first, before)) {
      this.#lasts.set(this.#last, before * 4);
      return;
    }
    if (this.#count === this.#ids.length) this.#grow();
    this.#firsts.set(first, this.#count * 4);
    this.#lasts.set(this.#last, this.#count * 4);
    this.#ids[this.#count++] = id;
  }

  columns(): Pick<RangeColumns, 'firsts' | 'lasts' | 'ids'> {
    return {
      firsts: this.#firsts.slice(0, this.#count * 4),
      lasts: this.#lasts.slice(0, this.#count * 4),
      ids: this.#ids.slice(0, this.#count),
    };
  }

  #continues(first: AddressWords, range: number): boolean {
    return followsAddress(first, 0, this.#lasts, range) && isIpv4(first) === isIpv4(this.#lasts, range);
  }

  #grow(): void {
    const doubled = (old: Uint32Array<ArrayBuffer>) => {
      const larger = new Uint32Array(old.length * 2);
      larger.set(old);
      return larger;
    };
    this.#firsts = doubled(this.#firsts);
    this.#lasts = doubled(this.#lasts);
    this.#ids = doubled(this.#ids);
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function isoCode(place: unknown): unknown {
  return isFields(place) ? place.iso_code : undefined;
}

/** A value of a record, for a message; large numbers come as bigint, which JSON does not know. */
const shown = (value: unknown) => quoted(String(value));

/** The fields of a record, those of its parts after a dot: `country.names`. */
function fieldNames(record: Fields): string[] {
  return Object.entries(record).flatMap(([key, value]) =>
    isFields(value) && !Array.isArray(value) ? Object.keys(value).map((inner) => `${key}.${inner}`) : [key],
  );
}

/** Names for a message, eight at most. */
function listed(names: string[]): string {
  return names.length <= 8
    ? names.join(', ')
    : `${names.slice(0, 8).join(', ')} and ${names.length - 8} more`;
}
