import type { RandomStream } from '../random/philox.ts';

/** A box of the unit cube and the mean of the values in it. */
export interface Leaf {
  /** f64[D] */
  low: number[];
  /** f64[D] */
  high: number[];
  mean: number;
}

/** Fewer values are not split: a leaf of one or two follows the noise. */
const LEAST_TO_SPLIT = 4;

/**
 * One regression tree over a bootstrap sample, split where the squares of the rest are least, down to small leaves
 * (Breiman, "Random forests", 2001; splits at a place drawn between the two neighbours, as functional ANOVA has it, so that
 * the mean over trees is smooth).
 * @param points f64[n][D], each in [0, 1)
 * @param values f64[n]
 * @param random draws the sample, the dimensions that may be split and the places
 * @returns leaves that fill the cube
 */
export function growTree(
  points: readonly (readonly number[])[],
  values: readonly number[],
  random: RandomStream,
): Leaf[] {
  const dimensions = points[0].length;
  const leaves: Leaf[] = [];
  const grow = (rows: number[], low: number[], high: number[]): void => {
    const split = rows.length < LEAST_TO_SPLIT ? undefined : bestSplit(points, values, rows, random);
    if (!split) {
      const mean = rows.reduce((sum, row) => sum + values[row], 0) / rows.length;
      leaves.push({ low, high, mean });
      return;
    }
    const { d, place } = split;
    grow(
      rows.filter((row) => points[row][d] < place),
      low,
      high.with(d, place),
    );
    grow(
      rows.filter((row) => points[row][d] >= place),
      low.with(d, place),
      high,
    );
  };
  const sample = points.map(() => random.below(points.length));
  grow(sample, Array(dimensions).fill(0), Array(dimensions).fill(1));
  return leaves;
}

/** Probability that a split looks at a dimension: were it 1, trees would be alike and their mean no smoother. */
const LOOKED_AT = 0.7;

/** Undefined where no split makes the squares less. */
function bestSplit(
  points: readonly (readonly number[])[],
  values: readonly number[],
  rows: readonly number[],
  random: RandomStream,
): { d: number; place: number } | undefined {
  const total = rows.reduce((sum, row) => sum + values[row], 0);
  // Σ (value − mean)² falls by the rise of Σ (sum of a part)²/(size of the part).
  const whole = total ** 2 / rows.length;
  let best: { d: number; place: number } | undefined;
  let most = whole + 1e-12 * (1 + Math.abs(whole));
  for (let d = 0; d < points[0].length; d++) {
    const isLookedAt = random.uniform() < LOOKED_AT;
    const share = random.uniform();
    if (!isLookedAt) continue;
    const order = [...rows].sort((a, b) => points[a][d] - points[b][d]);
    let left = 0;
    for (let i = 1; i < order.length; i++) {
      left += values[order[i - 1]];
      const [before, after] = [points[order[i - 1]][d], points[order[i]][d]];
      if (before === after) continue;
      const gain = left ** 2 / i + (total - left) ** 2 / (order.length - i);
      if (gain <= most) continue;
      most = gain;
      // Above `before`, so that neither part is empty.
      best = { d, place: after - share * (after - before) };
    }
  }
  return best;
}
