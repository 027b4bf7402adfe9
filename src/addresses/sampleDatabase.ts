import type { AddressWords } from './address.ts';

/*
 * Writes MaxMind databases for tests: of any record size, with the ways from IPv6 to IPv4 that published ones have.
 * Layout: MaxMind DB File Format Specification 2.0.
 */

export type DatabaseValue = string | number | bigint | DatabaseValue[] | { [key: string]: DatabaseValue };

export interface SampleRange {
  /** u32[4], IPv4 as in all of addresses/ */
  first: AddressWords;
  last: AddressWords;
  record: DatabaseValue;
}

export interface SampleOptions {
  /** 4 takes no IPv6 ranges */
  ipVersion?: 4 | 6;
  recordSize?: 24 | 28 | 32;
  databaseType?: string;
  formatVersion?: number;
  /** IPv6 networks that lead to the IPv4 ones: `[[0x20020000, 0, 0, 0], 16]` */
  aliases?: [first: number[], bits: number][];
}

/** Those of MaxMind's writer, and NAT64 (RFC 6052). */
export const IPV4_ALIASES: [number[], number][] = [
  [[0, 0, 0xffff, 0], 96],
  [[0x20010000, 0, 0, 0], 32],
  [[0x20020000, 0, 0, 0], 16],
  [[0x0064ff9b, 0, 0, 0], 96],
];

const EMPTY = -1;

/** @param ranges without overlaps, in any order */
export function writeSampleDatabase(ranges: SampleRange[], options: SampleOptions = {}): Buffer {
  const {
    ipVersion = 6,
    recordSize = 24,
    databaseType = 'Sample',
    formatVersion = 2,
    aliases = [],
  } = options;
  const data: Buffer[] = [];
  let dataBytes = 0;
  const offsets = new Map<string, number>();
  const offsetOf = (record: DatabaseValue): number => {
    const key = JSON.stringify(record, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
    let offset = offsets.get(key);
    if (offset === undefined) {
      offset = dataBytes;
      const encoded = encode(record);
      data.push(encoded);
      dataBytes += encoded.length;
      offsets.set(key, offset);
    }
    return offset;
  };

  /** two records a node: a node, EMPTY, or −2 − the offset of data */
  const records: number[] = [EMPTY, EMPTY];
  const put = (first: ArrayLike<number>, from: number, bits: number, value: number): void => {
    let node = 0;
    for (let depth = from; ; depth++) {
      const at = node * 2 + ((first[depth >>> 5] >>> (31 - (depth & 31))) & 1);
      if (depth === bits - 1) {
        if (records[at] !== EMPTY) throw new Error('the sample ranges overlap');
        records[at] = value;
        return;
      }
      if (records[at] === EMPTY) {
        records[at] = records.length / 2;
        records.push(EMPTY, EMPTY);
      }
      if (records[at] < 0) throw new Error('the sample ranges overlap');
      node = records[at];
    }
  };

  for (const { first, last, record } of ranges) {
    const value = -2 - offsetOf(record);
    for (const [start, bits] of networksOf(first, last)) {
      const ipv4 = start[0] === 0 && start[1] === 0 && start[2] === 0xffff && bits >= 96;
      if (ipVersion === 4) put(start, 96, bits, value);
      else put(ipv4 ? [0, 0, 0, start[3]] : start, 0, bits, value);
    }
  }
  if (aliases.length > 0) {
    let ipv4 = 0;
    for (let depth = 0; depth < 96; depth++) ipv4 = records[ipv4 * 2];
    for (const [first, bits] of aliases) put(first, 0, bits, ipv4);
  }

  const nodeCount = records.length / 2;
  const tree = Buffer.alloc((nodeCount * recordSize) / 4);
  for (let node = 0; node < nodeCount; node++) {
    const [left, right] = [records[node * 2], records[node * 2 + 1]].map((record) => {
      if (record >= 0) return record;
      return record === EMPTY ? nodeCount : nodeCount + 16 + (-2 - record);
    });
    if (recordSize === 24) {
      tree.writeUIntBE(left, node * 6, 3);
      tree.writeUIntBE(right, node * 6 + 3, 3);
    } else if (recordSize === 28) {
      tree.writeUIntBE(left % 2 ** 24, node * 7, 3);
      tree[node * 7 + 3] = ((left >>> 24) << 4) | (right >>> 24);
      tree.writeUIntBE(right % 2 ** 24, node * 7 + 4, 3);
    } else {
      tree.writeUInt32BE(left, node * 8);
      tree.writeUInt32BE(right, node * 8 + 4);
    }
  }
  const metadata = encode({
    binary_format_major_version: formatVersion,
    binary_format_minor_version: 0,
    build_epoch: 1_750_000_000n,
    database_type: databaseType,
    description: { en: 'for tests' },
    ip_version: ipVersion,
    languages: ['en'],
    node_count: nodeCount,
    record_size: recordSize,
  });
  const marker = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
  return Buffer.concat([tree, Buffer.alloc(16), ...data, marker, metadata]);
}

/** Types 8 and above stand in a byte of their own. */
const TYPE = { string: 2, uint32: 6, map: 7, uint64: 9, array: 11, double: 3 };

function encode(value: DatabaseValue): Buffer {
  if (typeof value === 'string') {
    const text = Buffer.from(value);
    return Buffer.concat([control(TYPE.string, text.length), text]);
  }
  if (typeof value === 'bigint') {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(value);
    return Buffer.concat([control(TYPE.uint64, 8), bytes]);
  }
  if (typeof value === 'number') {
    const whole = value === value >>> 0;
    const bytes = Buffer.alloc(whole ? 4 : 8);
    if (whole) bytes.writeUInt32BE(value);
    else bytes.writeDoubleBE(value);
    return Buffer.concat([control(whole ? TYPE.uint32 : TYPE.double, bytes.length), bytes]);
  }
  if (Array.isArray(value)) return Buffer.concat([control(TYPE.array, value.length), ...value.map(encode)]);
  const entries = Object.entries(value);
  return Buffer.concat([control(TYPE.map, entries.length), ...entries.flat().map(encode)]);
}

/** Type and size in front of a value: sizes from 29 on take one byte more, from 285 on two. */
function control(type: number, size: number): Buffer {
  const head = type < 8 ? [type << 5] : [0, type - 7];
  if (size < 29) head[0] |= size;
  else if (size < 285) {
    head[0] |= 29;
    head.push(size - 29);
  } else {
    head[0] |= 30;
    head.push((size - 285) >>> 8, (size - 285) & 255);
  }
  return Buffer.from(head);
}

/** The fewest networks that make up a range. */
function networksOf(first: AddressWords, last: AddressWords): [first: number[], bits: number][] {
  const number = (words: AddressWords) => words.reduce((sum, word) => (sum << 32n) | BigInt(word), 0n);
  const networks: [number[], number][] = [];
  const end = number(last);
  for (let start = number(first); start <= end; ) {
    let host = 0;
    while (host < 128) {
      const size = 1n << BigInt(host + 1);
      if (start % size !== 0n || start + size - 1n > end) break;
      host++;
    }
    networks.push([[96n, 64n, 32n, 0n].map((shift) => Number((start >> shift) & 0xffffffffn)), 128 - host]);
    start += 1n << BigInt(host);
  }
  return networks;
}
