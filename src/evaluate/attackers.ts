import { type AddressWords, IPV4_WORD_2, isIpv4 } from '../addresses/address.ts';
import type { NetworkList } from '../addresses/networkList.ts';
import type { RangeTable } from '../addresses/ranges.ts';
import { type Events, selectEvents } from '../events/events.ts';
import { randomIpv6 } from '../neural/batchMaker.ts';
import type { PrefixTable } from '../neural/prefixes.ts';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import { type GroupedRanges, randomBelow, readAddress, writeAddress } from './groupedRanges.ts';

/*
 * Attackers: for each honest event one attack on the same account, so that accounts are attacked as often as they sign
 * in. Each kind draws from a stream of its own: leaving one out changes none of the others.
 */
const STREAM = { octets: 0, announced: 1, swap: 2, provider: 3, country: 4, firstList: 16 } as const;

/** The honest events with other addresses. */
function withAddresses(honest: Events, addresses: AddressWords): Events {
  return { ...honest, addresses };
}

/**
 * AWS's validation negatives: each octet uniform. For an IPv6 victim an event as training draws it: a provider's /32 of
 * the training data with uniform bits below.
 * @param prefixes of the model: they hold the IPv6 providers
 */
export function drawOctetAttacks(honest: Events, prefixes: PrefixTable, seed: number): Events {
  const random = new RandomStream(seed, PURPOSE.attackers, STREAM.octets);
  const addresses = new Uint32Array(honest.count * 4);
  for (let i = 0; i < honest.count; i++) {
    const words = addresses.subarray(i * 4, i * 4 + 4);
    for (let word = 0; word < 4; word++) words[word] = random.u32();
    if (isIpv4(honest.addresses, i)) setIpv4(addresses, i, words[3]);
    else randomIpv6(words, prefixes);
  }
  return withAddresses(honest, addresses);
}

/**
 * The tutorial's attack: an address uniform within a range that is uniform over the IPv4 ranges of the list.
 * @returns undefined where the list has no IPv4 range
 */
export function drawAnnouncedAttacks(honest: Events, ranges: RangeTable, seed: number): Events | undefined {
  const ipv4Ranges: number[] = [];
  for (let range = 0; range < ranges.count; range++) {
    if (isIpv4(ranges.firsts, range)) ipv4Ranges.push(range);
  }
  if (ipv4Ranges.length === 0) return undefined;
  const random = new RandomStream(seed, PURPOSE.attackers, STREAM.announced);
  const addresses = new Uint32Array(honest.count * 4);
  for (let i = 0; i < honest.count; i++) {
    const range = ipv4Ranges[random.below(ipv4Ranges.length)];
    setIpv4(addresses, i, ranges.firsts[range * 4 + 3] + random.below(ranges.sizes[range]));
  }
  return withAddresses(honest, addresses);
}

/**
 * The address of an honest event of another account, uniform over all of those.
 * @returns undefined where all events are of one account
 */
export function drawSwapAttacks(honest: Events, seed: number): Events | undefined {
  const { count, entity, entities } = honest;
  // Events grouped by account: those of others are what is left of [0, N) without the account's own stretch.
  const starts = new Uint32Array(entities.count + 1);
  for (let i = 0; i < count; i++) starts[entity[i] + 1]++;
  for (let e = 0; e < entities.count; e++) starts[e + 1] += starts[e];
  const grouped = new Uint32Array(count);
  const next = starts.slice();
  for (let i = 0; i < count; i++) grouped[next[entity[i]]++] = i;
  const random = new RandomStream(seed, PURPOSE.attackers, STREAM.swap);
  const addresses = new Uint32Array(count * 4);
  for (let i = 0; i < count; i++) {
    const from = starts[entity[i]];
    const own = starts[entity[i] + 1] - from;
    if (own === count) return undefined;
    const place = random.below(count - own);
    const other = grouped[place < from ? place : place + own];
    addresses.set(honest.addresses.subarray(other * 4, other * 4 + 4), i * 4);
  }
  return withAddresses(honest, addresses);
}

/** Attacks on some of the honest events: those that this kind of attacker can attack. K attacks. */
export interface PartialAttacks {
  /** which honest event each attack belongs to, ascending */
  positions: Uint32Array; // (K)
  attacks: Events; // K
}

/**
 * The attacker in the victim's own network provider or country: an address uniform over all addresses that the group
 * of the honest one announces in its family, but not of the honest one's own /24 (IPv6: /48), unless the group announces
 * nothing else. Events whose address is in no group are left out.
 * @param kind   which of the random streams
 * @param ranges by provider or country, as `kind` says
 * @returns undefined where all events are left out
 */
export function drawSameGroupAttacks(
  honest: Events,
  kind: 'provider' | 'country',
  ranges: GroupedRanges,
  seed: number,
): PartialAttacks | undefined {
  const random = new RandomStream(seed, PURPOSE.attackers, STREAM[kind]);
  return drawWherePossible(honest, (i, words) => ranges.drawBeside(honest.addresses, i, random, words));
}

/**
 * The attacker behind a listed network, such as a VPN or a data centre: an address uniform within a range that is
 * uniform over those of the list of the same family. Events of a family that the list lacks are left out.
 * @param which number of the list, from 0: each has a random stream of its own
 * @returns undefined where all events are left out
 */
export function drawListedAttacks(
  honest: Events,
  list: NetworkList,
  which: number,
  seed: number,
): PartialAttacks | undefined {
  const ipv4: number[] = [];
  const ipv6: number[] = [];
  for (let range = 0; range < list.count; range++) (isIpv4(list.firsts, range) ? ipv4 : ipv6).push(range);
  const random = new RandomStream(seed, PURPOSE.attackers, STREAM.firstList + which);
  return drawWherePossible(honest, (i, words) => {
    const candidates = isIpv4(honest.addresses, i) ? ipv4 : ipv6;
    if (candidates.length === 0) return false;
    const range = candidates[random.below(candidates.length)];
    const first = readAddress(list.firsts, range);
    const size = readAddress(list.lasts, range) - first + 1n;
    writeAddress(first + randomBelow(size, random), words);
    return true;
  });
}

/** @param draw writes an address (u32[4]) for the honest event at a position, or says that there is none */
function drawWherePossible(
  honest: Events,
  draw: (position: number, words: AddressWords) => boolean,
): PartialAttacks | undefined {
  const addresses = new Uint32Array(honest.count * 4);
  const positions = new Uint32Array(honest.count);
  let count = 0;
  for (let i = 0; i < honest.count; i++) {
    if (draw(i, addresses.subarray(count * 4, count * 4 + 4))) positions[count++] = i;
  }
  if (count === 0) return undefined;
  const kept = positions.slice(0, count);
  return {
    positions: kept,
    attacks: withAddresses(selectEvents(honest, kept), addresses.slice(0, count * 4)),
  };
}

function setIpv4(addresses: AddressWords, index: number, value: number): void {
  const at = index * 4;
  addresses[at] = addresses[at + 1] = 0;
  addresses[at + 2] = IPV4_WORD_2;
  addresses[at + 3] = value;
}
