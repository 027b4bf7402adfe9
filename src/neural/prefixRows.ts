import { type AddressWords, isIpv4 } from '../addresses/address.ts';
import { cutHigh, cutLow, levelsOfBits, sharedPrefix } from '../addresses/prefixBits.ts';
import { grown } from '../events/events.ts';
import { separateBuffers } from '../kernels/memory.ts';
import { IPV4_PREFIX_LENGTHS, IPV6_PREFIX_LENGTHS, MIN_PREFIX_COUNT, V6_LEVEL } from './prefixLevels.ts';

/**
 * One row for each prefix, as a routing table is sorted: IPv4 before IPv6, by prefix, the wider one first. So a row
 * comes right before all that lie below it. IPv4 prefixes stand in `high`, with low 0.
 */
export interface PrefixRows {
  readonly count: number;
  readonly level: Uint8Array; // (rows)
  readonly high: Uint32Array; // (rows)
  readonly low: Uint32Array; // (rows)
}

/** Prefixes that at least MIN_PREFIX_COUNT events share. */
export function frequentPrefixes(addresses: AddressWords): PrefixRows {
  const count = addresses.length / 4;
  let ipv4Count = 0;
  for (let i = 0; i < count; i++) if (isIpv4(addresses, i)) ipv4Count++;
  const ipv4 = new Uint32Array(ipv4Count);
  const ipv6 = new Uint32Array(2 * (count - ipv4Count));
  let [at4, at6] = [0, 0];
  for (let i = 0; i < count; i++) {
    if (isIpv4(addresses, i)) {
      ipv4[at4++] = addresses[i * 4 + 3];
    } else {
      ipv6[at6++] = addresses[i * 4];
      ipv6[at6++] = addresses[i * 4 + 1];
    }
  }
  return joinedRows([prefixRowsOf(ipv4, true, ipv4Count), prefixRowsOf(ipv6, false, ipv6.length / 2)]);
}

/**
 * The rows of one family.
 * @param words     IPv4 addresses, or the first two words of IPv6 addresses; they are sorted
 * @param forRoot   addresses that /0 is counted of: all of the family, or none where another part of it has the root
 */
export function prefixRowsOf(words: Uint32Array, ipv4: boolean, forRoot: number): PrefixRows {
  const rows = new RowList();
  if (forRoot >= MIN_PREFIX_COUNT) rows.add(ipv4 ? 0 : V6_LEVEL, 0, 0);
  if (ipv4) {
    words.sort();
    addFrequent(
      rows,
      words.length,
      0,
      IPV4_PREFIX_LENGTHS,
      (i) => words[i],
      () => 0,
    );
    return rows.finish();
  }
  // As 64-bit numbers, to be sorted; on a little-endian machine low and high word follow each other.
  const pairs = new Uint32Array(words.length);
  for (let i = 0; i < words.length; i += 2) {
    pairs[i] = words[i + 1];
    pairs[i + 1] = words[i];
  }
  new BigUint64Array(pairs.buffer).sort();
  addFrequent(
    rows,
    words.length / 2,
    V6_LEVEL,
    IPV6_PREFIX_LENGTHS,
    (i) => pairs[2 * i + 1],
    (i) => pairs[2 * i],
  );
  return rows.finish();
}

/** Rows one after the other. */
export function joinedRows(parts: PrefixRows[]): PrefixRows {
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const rows: PrefixRows = {
    count,
    level: new Uint8Array(new SharedArrayBuffer(count)),
    high: separateBuffers.words(count),
    low: separateBuffers.words(count),
  };
  let at = 0;
  for (const { count, level, high, low } of parts) {
    rows.level.set(level.subarray(0, count), at);
    rows.high.set(high.subarray(0, count), at);
    rows.low.set(low.subarray(0, count), at);
    at += count;
  }
  return rows;
}

/** But for the root: in sorted order the events that share a prefix stand side by side, so that two neighbours say whether it has two. */
function addFrequent(
  rows: RowList,
  count: number,
  firstLevel: number,
  lengths: readonly number[],
  highOf: (i: number) => number,
  lowOf: (i: number) => number,
): void {
  const levelsShared = (i: number, j: number): number => {
    if (i < 0 || j >= count) return 0;
    return levels[sharedPrefix(highOf(i) ^ highOf(j), lowOf(i) ^ lowOf(j))];
  };
  const levels = levelsOfBits(lengths);
  // The root is everybody's.
  let before = 1;
  for (let i = 0; i < count; i++) {
    const after = levelsShared(i, i + MIN_PREFIX_COUNT - 1);
    // Wider than `before`: the event before has begun it already.
    for (let level = before; level < after; level++) {
      rows.add(firstLevel + level, cutHigh(highOf(i), lengths[level]), cutLow(lowOf(i), lengths[level]));
    }
    before = Math.max(1, levelsShared(i, i + 1));
  }
}

/** Rows as they come, in arrays that grow. */
class RowList {
  #count = 0;
  #level = new Uint8Array(1024);
  #high = new Uint32Array(1024);
  #low = new Uint32Array(1024);

  add(level: number, high: number, low: number): void {
    const at = this.#count++;
    if (at === this.#level.length) {
      this.#level = grown(this.#level, at * 2);
      this.#high = grown(this.#high, at * 2);
      this.#low = grown(this.#low, at * 2);
    }
    this.#level[at] = level;
    this.#high[at] = high;
    this.#low[at] = low;
  }

  finish(): PrefixRows {
    return { count: this.#count, level: this.#level, high: this.#high, low: this.#low };
  }
}
