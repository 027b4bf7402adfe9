/**
 * Ranking quality from scores. The positive class is the attack, as in all of this project's reports, and
 * scores are anomalies: high = strange. All figures are exact, ties included.
 */

/** Sorted anomalies of honest events and attacks, at least one of each. Infinities are allowed, NaN is not. */
export interface RankedScores {
  honest: Float64Array; // (H) ascending
  attacks: Float64Array; // (K) ascending
}

/**
 * Sorts copies of the scores.
 * @throws RangeError where one side is empty or holds NaN: no rate or area would mean anything
 */
export function rankScores(honest: ArrayLike<number>, attacks: ArrayLike<number>): RankedScores {
  return { honest: sortedScores(honest, 'honest'), attacks: sortedScores(attacks, 'attack') };
}

function sortedScores(scores: ArrayLike<number>, what: string): Float64Array {
  if (scores.length === 0) throw new RangeError(`expected at least one ${what} score, got none`);
  const sorted = Float64Array.from(scores).sort();
  // Sorting puts every NaN last.
  if (Number.isNaN(sorted[sorted.length - 1]))
    throw new RangeError(`expected ${what} scores that are numbers, got NaN`);
  return sorted;
}

/**
 * Area under the ROC curve: the share of (attack, honest) pairs in which the attack is stranger, ties counting
 * half (Mann and Whitney).
 */
export function areaUnderCurve({ honest, attacks }: RankedScores): number {
  let below = 0;
  let upTo = 0;
  // Sums of halves, and the number of pairs, stay exact in a double up to 2^52 pairs.
  let wins = 0;
  for (const attack of attacks) {
    while (below < honest.length && honest[below] < attack) below++;
    if (upTo < below) upTo = below;
    while (upTo < honest.length && honest[upTo] === attack) upTo++;
    wins += (below + upTo) / 2;
  }
  return wins / (attacks.length * honest.length);
}

/** How many sorted values are at least `threshold`; 0 where that is NaN. */
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
  /** NaN, which no anomaly reaches, where nothing is flagged: +Infinity would still flag anomalies of +Infinity */
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

/** Keeps a product such as .07 · 100, which is 7.000000000000001 in doubles, at the 7 that is meant. */
const ROUNDING = 1e-12;

/** The highest threshold that catches at least this share of the attacks (fewest false alarms on the way). */
export function pointAtTruePositiveRate(scores: RankedScores, rate: number): OperatingPoint {
  const { attacks } = scores;
  // The k-th strangest attack must be flagged, k = ⌈rate · K⌉.
  const k = Math.max(1, Math.ceil(rate * attacks.length * (1 - ROUNDING)));
  return pointAt(scores, attacks[attacks.length - k]);
}

/** The lowest threshold that flags at most this share of the honest events. */
export function pointAtFalsePositiveRate(scores: RankedScores, rate: number): OperatingPoint {
  return pointAt(scores, thresholdForFalsePositiveRate(scores.honest, rate));
}

/**
 * The lowest threshold that flags at most this share of the given honest anomalies (sorted ascending): just above the
 * strangest one that must stay unflagged, and everything tied with it. Where honest anomalies are few or tied, that can
 * flag far less than the share. NaN where only flagging nothing will do.
 */
export function thresholdForFalsePositiveRate(honest: Float64Array, rate: number): number {
  const allowed = Math.floor(rate * honest.length * (1 + ROUNDING));
  return allowed >= honest.length ? Number.NEGATIVE_INFINITY : nextAbove(honest[honest.length - 1 - allowed]);
}

const doubleBits = new Float64Array(1);
const integerBits = new BigInt64Array(doubleBits.buffer);

/** The next double above a number; NaN above +Infinity, as there is none. */
export function nextAbove(value: number): number {
  if (value === Number.POSITIVE_INFINITY) return Number.NaN;
  if (value === 0) return Number.MIN_VALUE;
  doubleBits[0] = value;
  integerBits[0] += value > 0 ? 1n : -1n;
  return doubleBits[0];
}

/**
 * The whole ROC curve as corner points, from (0, 0) to (1, 1), at most `limit` of them; where there are more,
 * points are kept evenly in ln FPR, ln (1 − FPR) and TPR, as the left end is what is looked at.
 * @param limit at least 3
 */
export function rocCurve(scores: RankedScores, limit = 400): OperatingPoint[] {
  const { honest, attacks } = scores;
  const points: OperatingPoint[] = [{ threshold: Number.NaN, truePositiveRate: 0, falsePositiveRate: 0 }];
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
