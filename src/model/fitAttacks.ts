import { type AddressWords, isIpv4 } from '../addresses/address.ts';
import { type Events, EventsBuilder } from '../events/events.ts';
import { gathered } from '../history/rankColumns.ts';
import { alone, type Ranks } from '../mpi/ranks.ts';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import { lowerBound } from '../ranking/lowerBound.ts';
import type { HoldOut } from './holdOut.ts';

/** Half of an address that is drawn near a real one is kept: what a registry hands out. */
const KEPT_BITS = { ipv4: 8, ipv6: 20 } as const;

/**
 * Attackers to fit against: for each place a later event's account, and an address from the earlier events: as it is, or
 * with random bits below its /8 (IPv6 /20), which is anywhere in ranges that are in use. Events are drawn from those of all
 * ranks; an attacker is an event of the rank that has the account.
 * @param count       drawn by all ranks together; those that would be the account itself are left out
 * @param sharedShare the share of addresses that stay as they are
 */
export function drawFitAttacks(
  { early, later, counts, numbers }: HoldOut,
  count: number,
  sharedShare: number,
  seed: number,
  ranks: Ranks = alone('localhost'),
): Events {
  const victims = new Float64Array(count);
  const origins = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const random = new RandomStream(seed, PURPOSE.fitAttackers, i);
    victims[i] = random.below(counts.later);
    origins[i] = random.below(counts.early);
  }
  const victimHere = positionsHere(victims, numbers?.later, ranks);
  const originHere = positionsHere(origins, numbers?.early, ranks);
  const addresses = addressesOf(originHere, early, ranks);
  const builder = new EventsBuilder(early.entities);
  const words: AddressWords = new Uint32Array(4);
  for (let i = 0; i < count; i++) {
    if (victimHere[i] < 0) continue;
    const victim = later.entity[victimHere[i]];
    const random = new RandomStream(seed, PURPOSE.fitAttackers, i);
    // Those two are drawn already.
    random.uniform();
    random.uniform();
    words.set(addresses.subarray(i * 4, i * 4 + 4));
    if (random.uniform() >= sharedShare) randomiseBelow(words, random);
    // What another rank has is of another account.
    else if (originHere[i] >= 0 && early.entity[originHere[i]] === victim) continue;
    builder.addNumbered(victim, words, 0, Number.NaN);
  }
  return builder.build();
}

/**
 * Where this rank has the events at places of a list that all ranks have parts of: each finds them by bisection over numbers in the
 * whole input, counting how many events the ranks have before.
 * @param places  of the list, from 0
 * @param numbers f64[N], those of the list's events that are here, ascending; undefined: one rank has them all
 * @returns for each place the position of the event here, −1 where another rank has it
 */
export function positionsHere(
  places: Float64Array,
  numbers: Float64Array | undefined,
  ranks: Ranks,
): Int32Array {
  if (!numbers) return Int32Array.from(places);
  const ends = gathered(ranks, Float64Array, Float64Array.of((numbers.at(-1) ?? 0) + 1));
  // The event has a number in [low, high), and of those below `high` and from `low` on this rank has [from, to).
  const low = new Float64Array(places.length);
  const high = new Float64Array(places.length).fill(Math.max(...ends));
  const from = new Uint32Array(places.length);
  const to = new Uint32Array(places.length).fill(numbers.length);
  const here = new Uint32Array(places.length);
  const before = new Float64Array(places.length);
  const middleOf = (i: number) => Math.floor((low[i] + high[i]) / 2);
  while (low.some((first, i) => high[i] - first > 1)) {
    for (let i = 0; i < places.length; i++) {
      here[i] = lowerBound(numbers, middleOf(i), from[i], to[i]);
      before[i] = here[i];
    }
    ranks.sumOfIntegers(before);
    for (let i = 0; i < places.length; i++) {
      const middle = middleOf(i);
      if (before[i] <= places[i]) {
        low[i] = middle;
        from[i] = here[i];
      } else {
        high[i] = middle;
        to[i] = here[i];
      }
    }
  }
  return Int32Array.from(from, (position, i) => (position < to[i] ? position : -1));
}

/** The addresses of events that one rank each has, for all. @param here position of each on this rank, −1: another has it */
function addressesOf(here: Int32Array, { addresses }: Events, ranks: Ranks): Uint32Array {
  const words = new Float64Array(here.length * 4);
  for (let i = 0; i < here.length; i++) {
    if (here[i] < 0) continue;
    for (let word = 0; word < 4; word++) words[i * 4 + word] = addresses[here[i] * 4 + word];
  }
  // The others have zeros there.
  if (ranks.size > 1) ranks.sumOfIntegers(words);
  return Uint32Array.from(words);
}

function randomiseBelow(words: AddressWords, random: RandomStream): void {
  const ipv4 = isIpv4(words);
  const first = ipv4 ? 3 : 0;
  const rest = 32 - KEPT_BITS[ipv4 ? 'ipv4' : 'ipv6'];
  const mask = 2 ** rest - 1;
  words[first] = ((words[first] & ~mask) | (random.u32() & mask)) >>> 0;
  for (let word = first + 1; word < 4; word++) words[word] = random.u32();
}
