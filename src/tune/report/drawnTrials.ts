import { scaleLinear } from 'd3-scale';
import type { Tick } from '../../drawing/chart.ts';
import type { DrawnAxis, DrawnTrial } from '../../drawing/trialMarks.ts';
import { type Dimension, ruleOf, SearchSpace } from '../searchSpace.ts';
import { bestFirst, objectiveOf } from '../trialFigures.ts';
import type { TuningResult } from '../tuningResult.ts';
import { numberText, objectiveText } from './sentences.ts';

/** Integers of a range with so many are few: trials share them. */
const FEW_VALUES = 12;

/** Ticks nearer than this share of an axis to each other would touch. */
const TICK_DISTANCE = 0.075;

/** The hyperparameters that were searched, as axes of pictures. */
export function drawnAxes({ dimensions }: TuningResult): DrawnAxis[] {
  return dimensions.map((dimension) => ({
    name: ruleOf(dimension.name).awsName,
    ticks: ticksOf(dimension),
    values: valuesOf(dimension),
  }));
}

/** The trials as pictures show them, best first. */
export function drawnTrials(result: TuningResult): DrawnTrial[] {
  const space = new SearchSpace(result.dimensions);
  return bestFirst(result.trials, result.objective).map((trial) => {
    const value = objectiveOf(trial);
    return {
      trial: trial.trial,
      state: trial.state,
      isBest: trial.trial === result.best,
      isDefaults: trial.trial === result.defaults,
      value,
      valueText: value === null ? 'no value' : objectiveText(value),
      values: trial.values,
      ended: trial.ended,
      point: space.pointOf(trial.setting),
      texts: result.dimensions.map(({ name }) => numberText(trial.setting[name]!)),
    };
  });
}

function valuesOf(dimension: Dimension): number | null {
  if (dimension.kind === 'choice') return dimension.values.length;
  const count = dimension.maximum - dimension.minimum + 1;
  return dimension.integer && dimension.scale === 'linear' && count <= FEW_VALUES ? count : null;
}

/** Both ends, and round values between them. */
function ticksOf(dimension: Dimension): Tick[] {
  const space = new SearchSpace([dimension]);
  const tick = (value: number): Tick => [space.pointOf({ [dimension.name]: value })[0], numberText(value)];
  if (dimension.kind === 'choice') return thinned(dimension.values.map(tick));
  const { minimum, maximum, scale } = dimension;
  const between = scale === 'log' ? logarithmicValues(dimension) : linearValues(dimension);
  return thinned(
    [minimum, ...between.filter((value) => value > minimum && value < maximum), maximum].map(tick),
  );
}

/** Without ticks too near to those before them; the last one is kept. */
function thinned(ticks: Tick[]): Tick[] {
  const last = ticks[ticks.length - 1];
  const kept: Tick[] = [];
  for (const tick of ticks) {
    const isFree =
      (tick === last || last[0] - tick[0] >= TICK_DISTANCE) &&
      (kept.length === 0 || tick[0] - kept[kept.length - 1][0] >= TICK_DISTANCE);
    if (isFree) kept.push(tick);
  }
  return kept;
}

function linearValues({ minimum, maximum, integer }: Dimension & { kind: 'range' }): number[] {
  return scaleLinear()
    .domain([minimum, maximum])
    .ticks(5)
    .filter((value) => !integer || Number.isInteger(value));
}

const isPowerOfTwo = (value: number) => value > 0 && Number.isInteger(Math.log2(value));

function logarithmicValues({ minimum, maximum, integer }: Dimension & { kind: 'range' }): number[] {
  if (integer && isPowerOfTwo(minimum) && isPowerOfTwo(maximum)) {
    const count = Math.log2(maximum / minimum);
    return Array.from({ length: count }, (_, i) => minimum * 2 ** i);
  }
  // From 0, a logarithmic range begins at this share of its maximum.
  const low = Math.floor(Math.log10(minimum > 0 ? minimum : integer ? 1 : maximum * 1e-7));
  const high = Math.ceil(Math.log10(maximum));
  const factors = high - low > 2 ? [1] : [1, 2, 5];
  return Array.from({ length: high - low + 1 }, (_, i) => factors.map((factor) => factor * 10 ** (low + i)))
    .flat()
    .map((value) => Number(value.toPrecision(1)));
}
