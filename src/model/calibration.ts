import { gatheredAtFirst, told } from '../history/rankColumns.ts';
import { alone, type Ranks } from '../mpi/ranks.ts';
import { countAtLeast } from '../ranking/roc.ts';

/** Accounts by their number of events: what a score is worth depends on how much is known of the account. */
export const CALIBRATION_ROWS = [
  { title: 'none', from: 0, to: 0 },
  { title: '1–3', from: 1, to: 3 },
  { title: '4–10', from: 4, to: 10 },
  { title: '11–30', from: 11, to: 30 },
  { title: 'more', from: 31, to: Number.POSITIVE_INFINITY },
] as const;

/** The row of an account with so many events. */
export function calibrationRow(events: number): number {
  let row = 0;
  while (events > CALIBRATION_ROWS[row].to) row++;
  return row;
}

/** Honest anomalies thinned out: for each kept one how many honest events are at least that strange. */
export interface Tail {
  /** honest events that stand behind it */
  events: number; // N
  /** ascending */
  anomalies: Float32Array; // (M)
  /** of the N how many have at least this anomaly, descending */
  atLeast: Uint32Array; // (M)
}

/** Points of a tail: all of the strangest 512, then each 1 % further. */
const EVERY_ONE = 512;
const GROWTH = 1.01;

/** @param sorted anomalies of honest events, ascending */
export function tailOf(sorted: Float64Array): Tail {
  const N = sorted.length;
  const ranks: number[] = [];
  for (let rank = 1; rank <= N; rank = rank < EVERY_ONE ? rank + 1 : Math.ceil(rank * GROWTH))
    ranks.push(rank);
  if (N > 0 && ranks[ranks.length - 1] !== N) ranks.push(N);
  ranks.reverse();
  const anomalies = Float32Array.from(ranks, (rank) => sorted[N - rank]);
  // Of equal anomalies all count; rounded to f32 some more may be equal.
  const rounded = Float64Array.from(sorted, Math.fround);
  const atLeast = Uint32Array.from(anomalies, (anomaly) => countAtLeast(rounded, anomaly));
  return { events: N, anomalies, atLeast };
}

/**
 * The share of honest events at least as strange, counting the event itself as one of them, so that it is never 0:
 * (1 + #{honest ≥ anomaly}) / (1 + N), as p-values by simulation are estimated (Davison and Hinkley 1997, eq. 4.11).
 * Between two kept anomalies the count is that of the one above, which is right or, where some were left out, too low by
 * 1 % at most.
 */
export function pValueOf(tail: Tail, anomaly: number): number {
  return (1 + countedAtLeast(tail, anomaly)) / (1 + tail.events);
}

/** The share of the honest events at least as strange; NaN where there are none. Too low by 1 % of itself at most. */
export const shareAtLeast = (tail: Tail, anomaly: number) => countedAtLeast(tail, anomaly) / tail.events;

function countedAtLeast({ anomalies, atLeast }: Tail, anomaly: number): number {
  const value = Math.fround(anomaly);
  // The first kept anomaly that is not below the value.
  let from = 0;
  let to = anomalies.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (anomalies[middle] < value) from = middle + 1;
    else to = middle;
  }
  return atLeast[from] ?? 0;
}

/**
 * Some of the points of a tail, ascending: for each how many honest events are at least that strange. The strangest and the least strange
 * are among them, the others lie evenly in the logarithm of the count.
 * @param most at least 2
 */
export function thinnedTail(
  { anomalies, atLeast }: Tail,
  most: number,
): [anomaly: number, atLeast: number][] {
  const last = anomalies.length - 1;
  if (last < 0) return [];
  const place = (m: number) => Math.log(atLeast[m] / atLeast[last]);
  const step = last < most ? 0 : place(0) / (most - 2);
  const points: [number, number][] = [[anomalies[last], atLeast[last]]];
  let next = step;
  for (let m = last - 1; m >= 0; m--) {
    // Equal anomalies are one point.
    if (anomalies[m] === points[points.length - 1][0] || (m > 0 && place(m) < next)) continue;
    points.push([anomalies[m], atLeast[m]]);
    next = Math.max(next, place(m)) + step;
  }
  return points.reverse();
}

/** The lowest anomaly that at most this share of the honest events reach; NaN where none is kept that few reach. */
export function thresholdOf({ events, anomalies, atLeast }: Tail, maxShare: number): number {
  const allowed = maxShare * events * (1 + 1e-12);
  for (let m = 0; m < anomalies.length; m++) if (atLeast[m] <= allowed) return anomalies[m];
  return Number.NaN;
}

/** A row of fewer honest events says too little about one event in a hundred. */
export const LEAST_EVENTS = 200;

/** What honest events later than the training look like. */
export class Calibration {
  /** by number of the account's events; CALIBRATION_ROWS */
  readonly rows: Tail[];
  /** all accounts that have a history */
  readonly all: Tail;

  constructor(rows: Tail[], all: Tail) {
    this.rows = rows;
    this.all = all;
  }

  /**
   * @param anomalies of this rank's honest later events; the calibration is that of all ranks'
   * @param events    of each one's account before
   */
  static of(
    anomalies: Float64Array,
    events: ArrayLike<number>,
    ranks: Ranks = alone('localhost'),
  ): Calibration {
    const rows = Uint8Array.from(anomalies, (_, i) => calibrationRow(events[i]));
    // Rank 0 sees the events of all.
    const all = gatheredAtFirst(ranks, Float64Array, anomalies);
    const allRows = gatheredAtFirst(ranks, Uint8Array, rows);
    const tails = ranks.rank === 0 ? tailsOf(all, allRows) : [];
    const toldTails = Array.from({ length: CALIBRATION_ROWS.length + 1 }, (_, t) =>
      toldTail(tails[t], ranks),
    );
    return new Calibration(toldTails.slice(0, -1), toldTails[toldTails.length - 1]);
  }

  /**
   * The p-value for an account with so many events; null where too few honest events like it were seen to say.
   * Rows with few honest events are judged by those of all accounts with a history; new accounts by their own alone.
   */
  pValue(anomaly: number, events: number): number | null {
    const row = calibrationRow(events);
    if (this.rows[row].events >= LEAST_EVENTS) return pValueOf(this.rows[row], anomaly);
    if (row === 0 || this.all.events === 0) return null;
    return pValueOf(this.all, anomaly);
  }
}

/**
 * The tail of each of CALIBRATION_ROWS, then that of all accounts with a history.
 * @param rows which one each event's account belongs to
 */
function tailsOf(anomalies: Float64Array, rows: Uint8Array): Tail[] {
  const counts = CALIBRATION_ROWS.map(() => 0);
  for (const row of rows) counts[row]++;
  const byRow = counts.map((count) => new Float64Array(count));
  counts.fill(0);
  for (let i = 0; i < rows.length; i++) byRow[rows[i]][counts[rows[i]]++] = anomalies[i];
  const known = byRow.slice(1);
  const all = new Float64Array(known.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const values of known) {
    all.set(values, at);
    at += values.length;
  }
  return [...byRow, all].map((values) => tailOf(values.sort()));
}

/** The tail that rank 0 has. */
function toldTail(tail: Tail | undefined, ranks: Ranks): Tail {
  const [events] = told(ranks, Float64Array, tail && Float64Array.of(tail.events));
  return {
    events,
    anomalies: told(ranks, Float32Array, tail?.anomalies),
    atLeast: told(ranks, Uint32Array, tail?.atLeast),
  };
}
