import { type AddressWords, isIpv4 } from '../../addresses/address.ts';
import type { Ranks } from '../../mpi/ranks.ts';
import { PrefixTable } from '../prefixes.ts';
import { joinedRows, type PrefixRows, prefixRowsOf } from '../prefixRows.ts';

/** Networks that no prefix but /0 reaches beyond: an IPv4 /8, the first 16 bits of IPv6. Each is counted by one rank. */
const IPV4_PARTS = 2 ** 8;
const IPV6_PARTS = 2 ** 16;

/**
 * The table of the addresses of all ranks: each rank counts the prefixes of a part of the address space.
 * @returns the same table on every rank, and the same as `PrefixTable.build` of all addresses
 */
export function gatherPrefixes(ranks: Ranks, addresses: AddressWords): PrefixTable {
  const ipv4 = countAndSend(ranks, addresses, true);
  const ipv6 = countAndSend(ranks, addresses, false);
  // In the words of a whole table: IPv4 of all ranks, then IPv6 of all ranks.
  const rows = [...gatherRows(ranks, ipv4), ...gatherRows(ranks, ipv6)];
  return PrefixTable.of(joinedRows(rows));
}

/** @returns the rows of this rank's part of a family, and on the first rank the /0 of all */
function countAndSend(ranks: Ranks, addresses: AddressWords, ipv4: boolean): PrefixRows {
  const { size } = ranks;
  const count = addresses.length / 4;
  const partOf = ipv4 ? (i: number) => addresses[i * 4 + 3] >>> 24 : (i: number) => addresses[i * 4] >>> 16;
  const perPart = new Float64Array(ipv4 ? IPV4_PARTS : IPV6_PARTS);
  const own = new Float64Array(perPart.length);
  for (let i = 0; i < count; i++) if (isIpv4(addresses, i) === ipv4) own[partOf(i)]++;
  perPart.set(own);
  ranks.sumOfIntegers(perPart);
  const { owner, total } = balanced(perPart, size);
  const width = ipv4 ? 1 : 2;
  const wordsTo = new Float64Array(size);
  for (const [part, addressesOf] of own.entries()) wordsTo[owner[part]] += addressesOf * width;
  const parts = Array.from(wordsTo, (words) => new Uint32Array(words));
  const next = new Float64Array(size);
  for (let i = 0; i < count; i++) {
    if (isIpv4(addresses, i) !== ipv4) continue;
    const to = owner[partOf(i)];
    if (ipv4) parts[to][next[to]++] = addresses[i * 4 + 3];
    else {
      parts[to][next[to]++] = addresses[i * 4];
      parts[to][next[to]++] = addresses[i * 4 + 1];
    }
  }
  const received = ranks.exchange(parts.map((words) => new Uint8Array(words.buffer)));
  const length = received.reduce((sum, bytes) => sum + bytes.length, 0) / 4;
  const words = new Uint32Array(length);
  let at = 0;
  for (const bytes of received) {
    words.set(new Uint32Array(bytes.slice().buffer), at);
    at += bytes.length / 4;
  }
  return prefixRowsOf(words, ipv4, ranks.rank === 0 ? total : 0);
}

/** Gives parts that follow each other to ranks, about as many addresses to each. */
function balanced(perPart: Float64Array, size: number): { owner: Uint32Array; total: number } {
  const total = perPart.reduce((sum, n) => sum + n, 0);
  const owner = new Uint32Array(perPart.length);
  let before = 0;
  for (let part = 0; part < perPart.length; part++) {
    // By the middle of the part.
    const middle = before + perPart[part] / 2;
    owner[part] = total === 0 ? 0 : Math.min(size - 1, Math.floor((middle * size) / total));
    before += perPart[part];
  }
  return { owner, total };
}

function gatherRows(ranks: Ranks, { count, level, high, low }: PrefixRows): PrefixRows[] {
  const bytes = new Uint8Array(count * 9);
  bytes.set(new Uint8Array(high.buffer, high.byteOffset, count * 4));
  bytes.set(new Uint8Array(low.buffer, low.byteOffset, count * 4), count * 4);
  bytes.set(level.subarray(0, count), count * 8);
  return ranks.gatherAll(bytes).map((all) => {
    const rows = all.length / 9;
    const words = new Uint32Array(all.slice(0, rows * 8).buffer);
    return {
      count: rows,
      high: words.subarray(0, rows),
      low: words.subarray(rows),
      level: all.slice(rows * 8),
    };
  });
}
