import { type AddressWords, IPV4_WORD_2 } from '../addresses/address.ts';
import type { AccountPlaces } from '../history/accountPlaces.ts';
import { NO_ROW } from '../kernels/kernels.ts';
import type { PrefixTable } from '../neural/prefixes.ts';
import { LEVEL_LENGTHS } from '../neural/prefixLevels.ts';
import type { InSteps } from '../neural/principalComponents.ts';
import type { Model } from './model.ts';

/** Accounts or networks with their vectors. N of them, D vector. */
export interface VectorPoints {
  /** how many there are, of which the N most used were taken */
  all: number;
  /** numbers of accounts, or rows of networks, the most used first */
  ids: Uint32Array; // (N)
  /** events of the account; accounts in the network */
  sizes: Uint32Array; // (N)
  /** of length 1: what is alike has one direction, while length says how much was seen. Zeros where there is no direction. */
  vectors: Float32Array; // (N, D)
}

/** Places or points that a step takes. */
const STEP = 100_000;
/** Networks that are drawn: as narrow as IPv4 has vectors, and a site of IPv6. */
const NETWORK_BITS = { ipv4: 24, ipv6: 48 };

/** The accounts with a vector that have the most events. Two accounts that share a row of the table share the vector. */
export function* accountPoints(model: Model, limit: number): InSteps<VectorPoints> {
  const { seen, history, weights, neural } = model;
  const trained: number[] = [];
  for (let e = 0; e < seen.count; e++) if (seen.hasVector(e)) trained.push(e);
  yield;
  const ids = mostUsed(trained, (e) => history.eventsOf(e), limit);
  yield;
  const vectors = yield* unitVectors(ids, weights.dimension, (entity, out) => {
    neural.readEntityVector(...seen.hashOf(entity), out);
  });
  return { all: trained.length, ids, sizes: ids.map((e) => history.eventsOf(e)), vectors };
}

/** The /24, and /48 of IPv6, with a vector of their own that most accounts use. An id is a row of the prefix table. */
export function* networkPoints(model: Model, limit: number): InSteps<VectorPoints> {
  const { history, weights, neural, seen } = model;
  const { prefixes } = weights;
  const users = yield* usersOfRows(history.places, seen.count, prefixes);
  const rows: number[] = [];
  for (let row = 0; row < prefixes.rows.count; row++) {
    const bits = row < prefixes.ipv4Rows ? NETWORK_BITS.ipv4 : NETWORK_BITS.ipv6;
    if (LEVEL_LENGTHS[prefixes.rows.level[row]] === bits) rows.push(row);
  }
  yield;
  const ids = mostUsed(rows, (row) => users[row], limit);
  yield;
  const vectors = yield* unitVectors(ids, weights.dimension, (row, out) => {
    neural.readAddressVector(addressOfRow(prefixes, row), 0, out);
  });
  return { all: rows.length, ids, sizes: ids.map((row) => users[row]), vectors };
}

/** First address of a row's network, as words of an address. */
export function networkOfRow(prefixes: PrefixTable, row: number): { words: AddressWords; length: number } {
  const { level, high, low } = prefixes.rows;
  const words =
    row < prefixes.ipv4Rows
      ? Uint32Array.of(0, 0, IPV4_WORD_2, high[row])
      : Uint32Array.of(high[row], low[row], 0, 0);
  return { words, length: LEVEL_LENGTHS[level[row]] };
}

/** An address of which the row is the deepest: some /56 of a /48 have vectors of their own. */
function addressOfRow(prefixes: PrefixTable, row: number): AddressWords {
  const { words } = networkOfRow(prefixes, row);
  if (row < prefixes.ipv4Rows) return words;
  const first = words[1];
  for (let household = 0; household < 256 && prefixes.find(words) !== row; household++)
    words[1] = first | (household << 8);
  return words;
}

/** How many accounts use each row's network, for rows that are the deepest or right above. */
function* usersOfRows(
  places: AccountPlaces,
  entityCount: number,
  prefixes: PrefixTable,
): InSteps<Uint32Array> {
  const users = new Uint32Array(prefixes.rows.count);
  const last = new Int32Array(prefixes.rows.count).fill(-1);
  const words = new Uint32Array(4);
  const segment = places.segment();
  let looked = 0;
  const count = (row: number, entity: number) => {
    if (row === NO_ROW || last[row] === entity) return;
    last[row] = entity;
    users[row]++;
  };
  for (let e = 0; e < entityCount; e++) {
    for (const ipv4 of [true, false]) {
      const { columns, from, to } = places.find(e, ipv4, segment);
      looked += to - from;
      for (let at = from; at < to; at++) {
        if (ipv4) {
          count(prefixes.findIpv4(columns.high[at]), e);
          continue;
        }
        words[0] = columns.high[at];
        words[1] = columns.low[at];
        const row = prefixes.find(words);
        count(row, e);
        if (row !== NO_ROW) count(prefixes.parent[row], e);
      }
    }
    if (looked < STEP) continue;
    looked = 0;
    yield;
  }
  return users;
}

/** Numbers with the largest sizes, descending; of equal ones the first. */
function mostUsed(numbers: number[], sizeOf: (number: number) => number, limit: number): Uint32Array {
  // As one number of 64 bits each, the largest size first, then position: sorted ten times faster than by a function. On a
  // little-endian machine the low word comes first.
  const keys = new BigUint64Array(numbers.length);
  const words = new Uint32Array(keys.buffer);
  for (let i = 0; i < numbers.length; i++) {
    words[2 * i] = i;
    words[2 * i + 1] = 0xffffffff - sizeOf(numbers[i]);
  }
  keys.sort();
  const taken = new Uint32Array(Math.min(limit, numbers.length));
  for (let i = 0; i < taken.length; i++) taken[i] = numbers[words[2 * i]];
  return taken;
}

function* unitVectors(
  ids: Uint32Array,
  dimension: number,
  read: (id: number, out: Float32Array) => void,
): InSteps<Float32Array> {
  const vectors = new Float32Array(ids.length * dimension);
  const step = Math.max(1, Math.floor(STEP / dimension));
  for (let i = 0; i < ids.length; i++) {
    const vector = vectors.subarray(i * dimension, (i + 1) * dimension);
    read(ids[i], vector);
    let square = 0;
    for (const value of vector) square += value * value;
    if (square > 0) {
      const length = Math.sqrt(square);
      for (let d = 0; d < dimension; d++) vector[d] /= length;
    }
    if (i % step === step - 1) yield;
  }
  return vectors;
}
