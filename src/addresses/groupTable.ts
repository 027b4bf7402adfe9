import { type AddressWords, IPV4_WORD_2 } from './address.ts';

/** What a table tells of an address: the autonomous system that announces it, or the country that it is used in. */
export type GroupKind = 'asn' | 'country';

/** Plain arrays, what a model file stores; every address belongs to exactly one run. G groups, R4 and R6 runs. */
export interface GroupTableParts {
  kind: GroupKind;
  /** ascending; ids[0] = 0 stands for "in no range"; the number of an autonomous system, or `countryId` */
  ids: Uint32Array; // (G)
  /** '' where unknown, and for countries */
  names: string[]; // (G)
  /** first address of each run, ascending from 0 */
  ipv4Firsts: Uint32Array; // (R4)
  /** index into `ids` */
  ipv4Groups: Uint32Array; // (R4)
  /** first 64 bits of the first address of each run, high word and low word, ascending from 0 */
  ipv6Firsts: Uint32Array; // (R6, 2)
  /** index into `ids` */
  ipv6Groups: Uint32Array; // (R6)
}

/** Group of the addresses that no range holds. */
export const NO_GROUP = 0;

/** Two letters of ASCII, of any case → the number that stands for a country (above 0), or −1. */
export function countryId(first: number, second: number): number {
  const [a, b] = [first & ~32, second & ~32];
  return a >= 65 && a <= 90 && b >= 65 && b <= 90 ? (a << 8) | b : -1;
}

/** The two letters of a country, given its number. */
export function countryLetters(id: number): string {
  return String.fromCharCode(id >>> 8, id & 255);
}

/** IPv4 runs are indexed by the first 16 bits: 256 KiB, near the processor. */
const INDEX_BITS = 16;

/**
 * Which autonomous system or country an address belongs to. Each IPv4 address and each IPv6 network of 64 bits (a
 * link: RFC 4291, 2.5.4) is in one group; the second half of an IPv6 address is not looked at.
 */
export class GroupTable {
  readonly parts: GroupTableParts;
  /** how many groups there are, "in no range" among them */
  readonly count: number; // G
  /**
   * Part of the announced space that each group has: half for its IPv4 addresses among all in ranges, half for its
   * IPv6 networks of 64 bits likewise. Where one family alone has ranges, it counts whole. shares[0] = 0, the sum is 1
   * (0 in a table without ranges).
   */
  readonly shares: Float64Array; // (G)
  /** the run that holds the first address with these 16 bits; last, the last run */
  readonly #ipv4Index: Uint32Array; // (2^16 + 1)

  /** @throws Error where `groupTableFault` finds one */
  constructor(parts: GroupTableParts) {
    const fault = groupTableFault(parts);
    if (fault !== undefined) throw new Error(`group table: ${fault}`);
    this.parts = parts;
    this.count = parts.ids.length;
    this.#ipv4Index = indexRuns(parts.ipv4Firsts);
    this.shares = sharesOfSpace(parts);
  }

  /** @returns the group that words[4·index, 4·index + 4) belongs to, an index into `parts.ids` */
  find(words: AddressWords, index = 0): number {
    const at = index * 4;
    if (words[at] === 0 && words[at + 1] === 0 && words[at + 2] === IPV4_WORD_2)
      return this.#findIpv4(words[at + 3]);
    return this.#findIpv6(words[at], words[at + 1]);
  }

  #findIpv4(address: number): number {
    const { ipv4Firsts, ipv4Groups } = this.parts;
    const bucket = address >>> (32 - INDEX_BITS);
    let low = this.#ipv4Index[bucket];
    let high = this.#ipv4Index[bucket + 1];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (ipv4Firsts[middle] <= address) low = middle;
      else high = middle - 1;
    }
    return ipv4Groups[low];
  }

  #findIpv6(highWord: number, lowWord: number): number {
    const { ipv6Firsts, ipv6Groups } = this.parts;
    let low = 0;
    let high = ipv6Groups.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const first = ipv6Firsts[middle * 2];
      if (first < highWord || (first === highWord && ipv6Firsts[middle * 2 + 1] <= lowWord)) low = middle;
      else high = middle - 1;
    }
    return ipv6Groups[low];
  }

  /** A group for people to read: `AS13335 CLOUDFLARENET`, `AS13335`, `DE`. */
  label(group: number): string {
    const { kind, ids, names } = this.parts;
    if (group === NO_GROUP) return kind === 'asn' ? 'no provider in the table' : 'no country in the table';
    if (kind === 'country') return countryLetters(ids[group]);
    return names[group] === '' ? `AS${ids[group]}` : `AS${ids[group]} ${names[group]}`;
  }
}

/**
 * What makes the parts of a table useless, as the rest of a sentence; undefined where nothing does. Whoever reads
 * them from a file says which file it was.
 */
export function groupTableFault(parts: GroupTableParts): string | undefined {
  const { kind, ids, names, ipv4Firsts, ipv4Groups, ipv6Firsts, ipv6Groups } = parts;
  if (ids[0] !== 0) return `expected group 0 first, got ${ids[0] ?? 'no group'}`;
  if (names.length !== ids.length)
    return `expected a name or '' for each of ${ids.length} groups, got ${names.length}`;
  for (let group = 1; group < ids.length; group++) {
    if (ids[group] <= ids[group - 1])
      return `expected groups in ascending order, got ${ids[group]} after ${ids[group - 1]}`;
    if (kind === 'country' && countryId(ids[group] >>> 8, ids[group] & 255) !== ids[group])
      return `expected two letters for each country, got ${ids[group]}`;
  }
  return (
    runsFault('IPv4', ipv4Firsts, ipv4Groups, ids.length, 1) ??
    runsFault('IPv6', ipv6Firsts, ipv6Groups, ids.length, 2)
  );
}

/** @param words how many words of `firsts` a run has */
function runsFault(
  family: string,
  firsts: Uint32Array,
  groups: Uint32Array,
  groupCount: number,
  words: number,
): string | undefined {
  if (groups.length === 0 || firsts.length !== groups.length * words)
    return `expected as many ${family} runs as groups of them, at least 1, got ${firsts.length / words} and ${groups.length}`;
  for (let run = 0; run < groups.length; run++) {
    if (groups[run] >= groupCount)
      return `expected ${family} runs of groups 0 to ${groupCount - 1}, got ${groups[run]}`;
  }
  for (let word = 0; word < words; word++)
    if (firsts[word] !== 0) return `expected the first ${family} run to start at 0, got ${firsts[word]}`;
  for (let at = words; at < firsts.length; at += words) {
    const step = firsts[at] - firsts[at - words];
    if (step < 0 || (step === 0 && (words === 1 || firsts[at + 1] <= firsts[at - 1])))
      return `expected ${family} runs in ascending order, got run ${at / words} at or before the one before`;
  }
  return undefined;
}

function indexRuns(firsts: Uint32Array): Uint32Array {
  const buckets = 2 ** INDEX_BITS;
  const index = new Uint32Array(buckets + 1);
  let run = 0;
  for (let bucket = 0; bucket < buckets; bucket++) {
    const address = bucket * 2 ** (32 - INDEX_BITS);
    while (run + 1 < firsts.length && firsts[run + 1] <= address) run++;
    index[bucket] = run;
  }
  index[buckets] = firsts.length - 1;
  return index;
}

function sharesOfSpace({ ids, ipv4Firsts, ipv4Groups, ipv6Firsts, ipv6Groups }: GroupTableParts) {
  const shares = new Float64Array(ids.length);
  const ipv4 = new Float64Array(ids.length);
  const ipv6 = new Float64Array(ids.length);
  for (let run = 0; run < ipv4Groups.length; run++)
    ipv4[ipv4Groups[run]] += (ipv4Firsts[run + 1] ?? 2 ** 32) - ipv4Firsts[run];
  for (let run = 0; run < ipv6Groups.length; run++) {
    // High and low words apart: the difference of two numbers of 64 bits would lose the low bits.
    const high = (ipv6Firsts[run * 2 + 2] ?? 2 ** 32) - ipv6Firsts[run * 2];
    ipv6[ipv6Groups[run]] += high * 2 ** 32 + (ipv6Firsts[run * 2 + 3] ?? 0) - ipv6Firsts[run * 2 + 1];
  }
  const totals = [ipv4, ipv6].map((sizes) => {
    sizes[NO_GROUP] = 0;
    return sizes.reduce((sum, size) => sum + size, 0);
  });
  const families = totals.filter((total) => total > 0).length;
  for (const [i, sizes] of [ipv4, ipv6].entries()) {
    if (totals[i] === 0) continue;
    for (let group = 1; group < shares.length; group++) shares[group] += sizes[group] / totals[i] / families;
  }
  return shares;
}
