/**
 * Ranking quality from scores. The positive class is the attack, as in all of this project's reports, and
 * scores are anomalies: high = strange. All figures are exact, ties included.
 */

/** Sorted anomalies of honest events and attacks. NaN is not allowed; infinities are. */
export interface RankedScores {
  honest: Float64Array; // (H) ascending
  attacks: Float64Array; // (K) ascending
}

/** Sorts copies of the scores. */
export function rankScores(honest: ArrayLike<number>, attacks: ArrayLike<number>): RankedScores {
  return { honest: Float64Array.from(honest).sort(), attacks: Float64Array.from(attacks).sort() };
}

/**
 * Area under the ROC curve: the share of (attack, honest) pairs in which the attack is stranger, ties counting
 * half (Mann and Whitney).
 */
export function areaUnderCurve({ honest, attacks }: RankedScores): number {
  let below = 0;
  let upTo = 0;
  // Sums of halves stay exact in a double up to 2^53 pairs.
  let wins = 0;
  for (const attack of attacks) {
    while (below < honest.length && honest[below] < attack) below++;
    if (upTo < below) upTo = below;
    while (upTo < honest.length && honest[upTo] === attack) upTo++;
    wins += (below + upTo) / 2;
  }
  return wins / attacks.length / honest.length;
}

/** How many sorted values are at least `threshold`. */
export function countAtLeast(sorted: Float64Array, threshold: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] >= threshold) high = middle;
    else low = middle + 1;
  }
  return sorted.length - low;
}

/** Rates of flagging everything with anomaly ≥ threshold. */
export interface OperatingPoint {
  threshold: number;
  truePositiveRate: number;
  falsePositiveRate: number;
}

function pointAt(scores: RankedScores, threshold: number): OperatingPoint {
  return {
    threshold,
    truePositiveRate: countAtLeast(scores.attacks, threshold) / scores.attacks.length,
    falsePositiveRate: countAtLeast(scores.honest, threshold) / scores.honest.length,
  };
}

/** The highest threshold that catches at least this share of the attacks (fewest false alarms on the way). */
export function pointAtTruePositiveRate(scores: RankedScores, rate: number): OperatingPoint {
  const { attacks } = scores;
  // The k-th strangest attack must be flagged, k = ⌈rate · K⌉; the guard keeps .95 · 100 at 95.
  const k = Math.max(1, Math.ceil(rate * attacks.length - 1e-9));
  return pointAt(scores, attacks[attacks.length - k]);
}

/** The lowest threshold that flags at most this share of the honest events. */
export function pointAtFalsePositiveRate(scores: RankedScores, rate: number): OperatingPoint {
  return pointAt(scores, thresholdForFalsePositiveRate(scores.honest, rate));
}

/**
 * The lowest threshold that flags at most this share of the given honest anomalies (sorted ascending): a value
 * just above the first one that must stay unflagged.
 */
export function thresholdForFalsePositiveRate(honest: Float64Array, rate: number): number {
  const allowed = Math.floor(rate * honest.length + 1e-9);
  if (allowed >= honest.length) return honest.length === 0 ? Number.NEGATIVE_INFINITY : honest[0];
  const lastUnflagged = honest[honest.length - 1 - allowed];
  // Everything tied with it stays unflagged: the threshold is the next larger value that occurs.
  const next = honest.length - countAtLeast(honest, nextAbove(lastUnflagged));
  return next < honest.length ? honest[next] : nextAbove(lastUnflagged);
}

const doubleBits = new Float64Array(1);
const integerBits = new BigInt64Array(doubleBits.buffer);

/** The next double above a number. */
export function nextAbove(value: number): number {
  if (value === Number.POSITIVE_INFINITY) return value;
  if (value === 0) return Number.MIN_VALUE;
  doubleBits[0] = value;
  integerBits[0] += value > 0 ? 1n : -1n;
  return doubleBits[0];
}

/**
 * The whole ROC curve as corner points, from (0, 0) to (1, 1), at most `limit` of them; where there are more,
 * points are kept evenly in ln FPR and ln (1 − FPR), as the left end is what is looked at.
 */
export function rocCurve(scores: RankedScores, limit = 400): OperatingPoint[] {
  const { honest, attacks } = scores;
  const points: OperatingPoint[] = [
    { threshold: Number.POSITIVE_INFINITY, truePositiveRate: 0, falsePositiveRate: 0 },
  ];
  let h = honest.length;
  let k = attacks.length;
  while (h > 0 || k > 0) {
    const threshold = Math.max(h > 0 ? honest[h - 1] : -Infinity, k > 0 ? attacks[k - 1] : -Infinity);
    while (h > 0 && honest[h - 1] >= threshold) h--;
    while (k > 0 && attacks[k - 1] >= threshold) k--;
    points.push({
      threshold,
      truePositiveRate: (attacks.length - k) / attacks.length,
      falsePositiveRate: (honest.length - h) / honest.length,
    });
  }
  return thinned(points, limit, 1 / honest.length);
}

function thinned(points: OperatingPoint[], limit: number, smallest: number): OperatingPoint[] {
  if (points.length <= limit) return points;
  const place = ({ falsePositiveRate: f, truePositiveRate: t }: OperatingPoint) =>
    Math.log(f + smallest) - Math.log(1 - f + smallest) + 4 * t;
  const first = place(points[0]);
  const step = (place(points[points.length - 1]) - first) / (limit - 2);
  const kept: OperatingPoint[] = [points[0]];
  let next = first + step;
  for (const point of points.slice(1, -1)) {
    if (place(point) < next) continue;
    kept.push(point);
    while (next <= place(point)) next += step;
  }
  kept.push(points[points.length - 1]);
  return kept;
}
