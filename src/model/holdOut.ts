import { type Events, selectEvents } from '../events/events.ts';
import { alone, type Ranks } from '../mpi/ranks.ts';
import { EpochOrder } from '../random/epochOrder.ts';
import { PURPOSE } from '../random/philox.ts';
import { TimeOrder } from './timeOrder.ts';

/**
 * The latest part of the events is held out: long enough that accounts move on in it, as they will between one training
 * and the next (docs/decisions/0006 has 15, 30 and 40 %).
 */
const HELD_OUT_SHARE = 0.3;

/** Events before, and later ones that what is learned from those before is judged on. Of this rank, where nothing else is said. */
export interface HoldOut {
  early: Events;
  later: Events;
  /** false: some event has no time, and the "later" ones are drawn at random */
  byTime: boolean;
  /** events of all ranks */
  counts: { early: number; later: number };
  /** which number each event has in the whole input, ascending; undefined: there is one rank, which has them all */
  numbers: { early: Float64Array; later: Float64Array } | undefined;
}

/**
 * Splits in time; events of one time stay in their order. Without times for all, at random by the seed. All events of all ranks
 * are split as if one process had them.
 * @param events of this rank, in the order of the whole input
 * @param index  which number, below 2^31, each event has in the whole input; undefined for one rank: 0, 1, 2, …
 */
export function holdOut(
  events: Events,
  seed: number,
  ranks: Ranks = alone('localhost'),
  index?: Float64Array,
): HoldOut {
  const untimed = events.time.reduce((sum, time) => sum + (Number.isNaN(time) ? 1 : 0), 0);
  const sums = Float64Array.of(events.count, untimed);
  ranks.sumOfIntegers(sums);
  const [total, allUntimed] = sums;
  const byTime = allUntimed === 0;
  const border = total - Math.floor(total * HELD_OUT_SHARE);
  const isLater = new Uint8Array(events.count);
  if (border < total) {
    const placed = byTime
      ? laterByTime(events, index, ranks, border)
      : laterByChance(total, seed, index, border);
    for (let i = 0; i < events.count; i++) isLater[i] = placed(i) ? 1 : 0;
  }
  const positions = new Uint32Array(events.count).map((_, i) => i);
  const parts = [0, 1].map((part) => positions.filter((i) => isLater[i] === part));
  const [early, later] = parts.map((part) => selectEvents(events, part));
  const [earlyNumbers, laterNumbers] = parts.map((part) => index && Float64Array.from(part, (i) => index[i]));
  return {
    early,
    later,
    byTime,
    counts: { early: border, later: total - border },
    numbers: earlyNumbers && laterNumbers && { early: earlyNumbers, later: laterNumbers },
  };
}

type IsLater = (event: number) => boolean;

function laterByTime(
  { time }: Events,
  index: Float64Array | undefined,
  ranks: Ranks,
  border: number,
): IsLater {
  const order = new TimeOrder(time, index, ranks, border);
  return (event) => order.isBehind(event);
}

function laterByChance(
  total: number,
  seed: number,
  index: Float64Array | undefined,
  border: number,
): IsLater {
  const order = new EpochOrder(total, seed, PURPOSE.holdOut, 0);
  return (event) => order.placeOf(index ? index[event] : event) >= border;
}
