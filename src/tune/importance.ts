import { PURPOSE, RandomStream } from '../random/philox.ts';
import { lossOf } from './objectives.ts';
import { settled } from './randomSampler.ts';
import { growTree, type Leaf } from './regressionForest.ts';
import type { SearchSpace } from './searchSpace.ts';
import type { Importance, ObjectiveText, TrialResult } from './tuningResult.ts';

/** Fewer comparable trials say nothing of several hyperparameters. */
const LEAST_TRIALS = 10;

/**
 * Trees of the forest. Of four forests over the same 100 trials in five dimensions shares differed by .02 at most, over 30
 * trials by .06; with 16 trees by .15 and .1.
 */
const TREES = 64;

/** The same result gives the same shares, whatever the seed of its search. */
const SEED = 0;

/**
 * How much of the variance of the objective over the space each hyperparameter explains on its own: functional ANOVA
 * (Hutter, Hoos, Leyton-Brown, "An efficient approach for assessing hyperparameter importance", ICML 2014) on a random
 * forest over the unit cube. In it a logarithmic range counts by its factors.
 *
 * Values are ranks, from worst to best. Objectives are skewed: a few trainings that learned nothing would explain nearly all
 * of the variance, and nothing would be left to tell the good from the better.
 *
 * Trials are compared after the same share of their training, the greatest that at least 10 and at least half of those
 * that have a value have reached. With early stopping that may be the first epoch, and what counts at the end may not count
 * there. A search that looks where it is good knows little of the rest: shares of few trials are rough.
 * @returns largest first; empty where fewer than 10 trials can be compared
 */
export function importanceOf(
  space: SearchSpace,
  trials: readonly TrialResult[],
  objective: Pick<ObjectiveText, 'direction'>,
): Importance[] {
  if (space.dimensions.length === 0) return [];
  const compared = comparableTrials(trials).filter(({ trial }) => space.has(trial.setting));
  if (compared.length < LEAST_TRIALS) return [];
  const points = compared.map(({ trial }) => settled(space, space.pointOf(trial.setting)));
  const ranks = ranksOf(compared.map(({ value }) => -lossOf(objective, value)));
  const sums = space.dimensions.map(() => 0);
  let all = 0;
  for (let tree = 0; tree < TREES; tree++) {
    const leaves = growTree(points, ranks, new RandomStream(SEED, PURPOSE.importance, tree));
    const volumes = leaves.map(volumeOf);
    all += varianceOf(leaves.map(({ mean }, leaf) => [volumes[leaf], mean]));
    for (const d of sums.keys()) sums[d] += marginalVariance(leaves, volumes, d);
  }
  return space.dimensions
    .map(({ name }, d) => ({ name, share: all > 0 ? sums[d] / all : 0 }))
    .sort((a, b) => b.share - a.share);
}

/** The trials that reached a common share of their training, and the value that each had there. */
function comparableTrials(trials: readonly TrialResult[]): { trial: TrialResult; value: number }[] {
  const judged = trials.filter(({ state, values }) => state !== 'failed' && values.length > 0);
  const shareOf = ({ values, epochs }: TrialResult) => Math.min(1, values.length / epochs);
  const needed = Math.max(LEAST_TRIALS, Math.ceil(judged.length / 2));
  const shares = judged.map(shareOf).sort((a, b) => b - a);
  if (shares.length < needed) return [];
  const share = shares[needed - 1];
  return judged
    .filter((trial) => shareOf(trial) >= share)
    .map((trial) => ({ trial, value: trial.values[Math.max(1, Math.round(share * trial.epochs)) - 1] }))
    .filter(({ value }) => Number.isFinite(value));
}

/** 0 for the least to 1 for the greatest; equals have the mean of their places. */
function ranksOf(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  const last = Math.max(1, values.length - 1);
  return values.map((value) => (sorted.indexOf(value) + sorted.lastIndexOf(value)) / 2 / last);
}

const volumeOf = ({ low, high }: Leaf): number =>
  high.reduce((product, border, d) => product * (border - low[d]), 1);

/** Of values with weights that add up to 1. */
function varianceOf(weighted: readonly (readonly [weight: number, value: number])[]): number {
  const mean = weighted.reduce((sum, [weight, value]) => sum + weight * value, 0);
  return weighted.reduce((sum, [weight, value]) => sum + weight * (value - mean) ** 2, 0);
}

/**
 * Variance of the tree's mean over all other dimensions, as a function of one: constant between the borders of leaves, so
 * that it is exact.
 */
function marginalVariance(leaves: readonly Leaf[], volumes: readonly number[], d: number): number {
  const borders = [...new Set(leaves.flatMap(({ low, high }) => [low[d], high[d]]))].sort((a, b) => a - b);
  const pieces = borders.slice(1).map((to, piece): [number, number] => {
    const from = borders[piece];
    let mean = 0;
    for (const [i, { low, high, mean: ofLeaf }] of leaves.entries()) {
      if (low[d] <= from && high[d] >= to) mean += (volumes[i] / (high[d] - low[d])) * ofLeaf;
    }
    return [to - from, mean];
  });
  return varianceOf(pieces);
}
