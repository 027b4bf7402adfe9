import { type OperatingPoint, type RankedScores, rocCurve } from '../ranking/roc.ts';

/** How anomalies are distributed: counts in bins of the same width from `from` to `to`. */
export interface Distribution {
  from: number;
  to: number;
  honest: number[]; // (B)
  attacks: number[]; // (B)
}

/** Fine enough for the shape, coarse enough for a few thousand events. */
const BINS = 90;

/** This share of each group at either end is in no bin, so that a few extreme events do not squeeze the rest. */
export const UNBINNED_SHARE = 0.002;

/** The bins of one comparison. */
export function distributionOf({ honest, attacks }: RankedScores): Distribution {
  const quantile = (sorted: Float64Array, share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  let from = Math.min(quantile(honest, UNBINNED_SHARE), quantile(attacks, UNBINNED_SHARE));
  let to = Math.max(quantile(honest, 1 - UNBINNED_SHARE), quantile(attacks, 1 - UNBINNED_SHARE));
  // All events alike still need an axis, and infinities have no place on one.
  if (!(Number.isFinite(from) && Number.isFinite(to))) [from, to] = finiteSpan([honest, attacks]);
  if (!(to > from)) [from, to] = [from - 1, to + 1];
  return { from, to, honest: counts(honest, from, to), attacks: counts(attacks, from, to) };
}

function finiteSpan(groups: Float64Array[]): [number, number] {
  const finite = groups.flatMap((sorted) => [
    sorted.find(Number.isFinite) ?? 0,
    sorted.findLast(Number.isFinite) ?? 0,
  ]);
  return [Math.min(...finite), Math.max(...finite)];
}

/** @returns how many values lie in each of the bins of [from, to]; the last one holds its upper end */
function counts(sorted: Float64Array, from: number, to: number): number[] {
  const counts = new Array<number>(BINS).fill(0);
  for (const value of sorted) {
    if (!(value >= from && value <= to)) continue;
    counts[Math.min(BINS - 1, Math.floor(((value - from) / (to - from)) * BINS))]++;
  }
  return counts;
}

/** At most so many: near one in a hundred, rates of neighbours then differ by some 3 %. */
const OPERATING_POINTS = 1000;

/** What thresholds do, for somebody who moves one: descending thresholds. */
export function operatingPoints(scores: RankedScores): OperatingPoint[] {
  return rocCurve(scores, OPERATING_POINTS).filter(({ threshold }) => Number.isFinite(threshold));
}
