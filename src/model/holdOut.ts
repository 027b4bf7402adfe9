import { type AddressWords, isIpv4 } from '../addresses/address.ts';
import { type Events, EventsBuilder, selectEvents } from '../events/events.ts';
import { PURPOSE, permutation, RandomStream } from '../random/philox.ts';

/**
 * The latest part of the events is held out: long enough that accounts move on in it, as they will between one training
 * and the next (docs/decisions/0006 has 15, 30 and 40 %).
 */
const HELD_OUT_SHARE = 0.3;

/** Events before, and later ones that what is learned from those before is judged on. */
export interface HoldOut {
  early: Events;
  later: Events;
  /** false: some event has no time, and the "later" ones are drawn at random */
  byTime: boolean;
}

/** Splits in time; events of one time stay in their order. Without times for all, at random by the seed. */
export function holdOut(events: Events, seed: number): HoldOut {
  const { count, time } = events;
  const byTime = !time.some(Number.isNaN);
  let order: Uint32Array;
  if (byTime) {
    order = new Uint32Array(count);
    for (let i = 0; i < count; i++) order[i] = i;
    order.sort((a, b) => time[a] - time[b] || a - b);
  } else {
    order = permutation(count, new RandomStream(seed, PURPOSE.holdOut));
  }
  const border = count - Math.floor(count * HELD_OUT_SHARE);
  return {
    early: selectEvents(events, order.subarray(0, border).sort()),
    later: selectEvents(events, order.subarray(border).sort()),
    byTime,
  };
}

/** Half of an address that is drawn near a real one is kept: what a registry hands out. */
const KEPT_BITS = { ipv4: 8, ipv6: 20 } as const;

/**
 * Attackers to fit against: for each place a later event's account, and an address from the earlier events: as it is, or
 * with random bits below its /8 (IPv6 /20), which is anywhere in ranges that are in use.
 * @param sharedShare the share of addresses that stay as they are
 */
export function drawFitAttacks(
  { early, later }: HoldOut,
  count: number,
  sharedShare: number,
  seed: number,
): Events {
  const random = new RandomStream(seed, PURPOSE.fitAttackers);
  const builder = new EventsBuilder(early.entities);
  const words: AddressWords = new Uint32Array(4);
  for (let i = 0; i < count; i++) {
    const victim = later.entity[random.below(later.count)];
    const from = random.below(early.count);
    words.set(early.addresses.subarray(from * 4, from * 4 + 4));
    if (random.uniform() >= sharedShare) randomiseBelow(words, random);
    else if (early.entity[from] === victim) continue;
    builder.addNumbered(victim, words, 0, Number.NaN);
  }
  return builder.build();
}

function randomiseBelow(words: AddressWords, random: RandomStream): void {
  const ipv4 = isIpv4(words);
  const first = ipv4 ? 3 : 0;
  const rest = 32 - KEPT_BITS[ipv4 ? 'ipv4' : 'ipv6'];
  const mask = 2 ** rest - 1;
  words[first] = ((words[first] & ~mask) | (random.u32() & mask)) >>> 0;
  for (let word = first + 1; word < 4; word++) words[word] = random.u32();
}
