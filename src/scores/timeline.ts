import { SECONDS_PER_DAY } from '../events/time.ts';
import type { ScoredEvents } from './scoredEvents.ts';

/** How many events of each verdict there were when. B bins. */
export interface Timeline {
  /** seconds since 1970, evenly spaced; empty where no event has a time */
  edges: number[]; // (B + 1)
  /** in the order of VERDICTS */
  counts: [number[], number[], number[]]; // (3, B)
  /** events without a time */
  untimed: number;
}

/** Widths that people can read, in seconds; more than a year are whole years. */
const WIDTHS = [
  ...[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800],
  ...[1, 2, 3, 6, 12].map((hours) => hours * 3600),
  ...[1, 2, 7, 14, 28, 91, 182, 365].map((days) => days * SECONDS_PER_DAY),
];

/**
 * @param positions of the events, in any order
 * @param bins      at most; widths are such that people can read, so that there may be half as many
 * @param from, to  ends of the timeline in place of the first and the last event
 */
export function timelineOf(
  events: ScoredEvents,
  positions: Uint32Array,
  bins: number,
  from?: number,
  to?: number,
): Timeline {
  const { time, verdict } = events;
  let [first, last, untimed] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const i of positions) {
    const at = time[i];
    if (at < first) first = at;
    if (at > last) last = at;
    if (Number.isNaN(at)) untimed++;
  }
  if (untimed === positions.length) return { edges: [], counts: [[], [], []], untimed };
  first = from ?? first;
  last = Math.max(first, to ?? last);
  const width = widthFor(first, last, bins);
  const start = Math.floor(first / width) * width;
  const count = Math.floor((last - start) / width) + 1;
  const edges = Array.from({ length: count + 1 }, (_, bin) => start + bin * width);
  const counts: Timeline['counts'] = [
    new Array(count).fill(0),
    new Array(count).fill(0),
    new Array(count).fill(0),
  ];
  for (const i of positions) {
    const bin = Math.floor((time[i] - start) / width);
    if (bin >= 0 && bin < count) counts[verdict[i]][bin]++;
  }
  return { edges, counts, untimed };
}

/** The least width with which the bins, whose borders are multiples of it, are so few. */
function widthFor(first: number, last: number, bins: number): number {
  const fits = (width: number) => Math.floor(last / width) - Math.floor(first / width) + 1 <= bins;
  const year = 365 * SECONDS_PER_DAY;
  return WIDTHS.find(fits) ?? year * Math.ceil((last - first) / year / Math.max(1, bins - 1));
}
