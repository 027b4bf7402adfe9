import { UsageError } from '../errors.ts';
import { HYPERPARAMETERS, type HyperparameterRule, type Hyperparameters } from '../neural/hyperparameters.ts';

/** Hyperparameters that can be searched: all that change what is learned. */
export type SearchName = Exclude<keyof Hyperparameters, 'batchMetricsPublishInterval'>;

/** Values of some hyperparameters. */
export type Setting = Partial<Record<SearchName, number>>;

export type Scale = 'linear' | 'log';

/** One hyperparameter and the values that a search may give it. */
export type Dimension =
  | {
      kind: 'range';
      name: SearchName;
      minimum: number;
      maximum: number;
      integer: boolean;
      /** `log`: each factor is as likely as any other. A range from 0 is logarithmic above `LOG_FLOOR` of its maximum */
      scale: Scale;
    }
  | { kind: 'choice'; name: SearchName; values: readonly number[] };

/** Values below this share of the maximum are as good as 0, where a logarithmic range begins there. */
const LOG_FLOOR = 1e-8;

/**
 * The values that a search may try, as the unit cube: a dimension is a coordinate from 0 to 1 (below 1), in which
 * values are equally likely. Choices are equal stretches in their order, integers too.
 */
export class SearchSpace {
  readonly dimensions: readonly Dimension[];

  constructor(dimensions: readonly Dimension[]) {
    this.dimensions = dimensions;
  }

  /** @param point f64[dimensions], each in [0, 1) */
  settingAt(point: readonly number[]): Setting {
    const setting: Setting = {};
    for (const [d, dimension] of this.dimensions.entries()) {
      setting[dimension.name] = valueAt(dimension, Math.min(point[d], 1 - Number.EPSILON));
    }
    return setting;
  }

  /**
   * The middle of the stretch that stands for a setting; values outside of their range come to its border.
   * @throws RangeError where a choice does not have the value, or a dimension's value is missing
   */
  pointOf(setting: Setting): number[] {
    return this.dimensions.map((dimension) => {
      const value = setting[dimension.name];
      if (value === undefined) throw new RangeError(`expected a value of ${dimension.name}, got none`);
      return coordinateOf(dimension, value);
    });
  }

  /** Whether a setting lies in the space. */
  has(setting: Setting): boolean {
    return this.dimensions.every((dimension) => {
      const value = setting[dimension.name];
      if (value === undefined) return false;
      if (dimension.kind === 'choice') return dimension.values.includes(value);
      return value >= dimension.minimum && value <= dimension.maximum;
    });
  }
}

/** Borders on the scale on which all coordinates are equally likely. */
function borders(dimension: Dimension & { kind: 'range' }): { low: number; high: number } {
  const { minimum, maximum, integer } = dimension;
  const half = integer ? 0.5 : 0;
  return { low: onScale(dimension, minimum - half), high: onScale(dimension, maximum + half) };
}

/** ln(x + c) with c = 0, or what makes 0 a value; c of integers from 0 puts 0 and 1 as far apart as 1 and 3. */
const shiftOf = ({ minimum, maximum, integer }: Dimension & { kind: 'range' }) =>
  minimum > 0 ? 0 : integer ? 1 : LOG_FLOOR * maximum;

function onScale(dimension: Dimension & { kind: 'range' }, value: number): number {
  return dimension.scale === 'log' ? Math.log(value + shiftOf(dimension)) : value;
}

function valueAt(dimension: Dimension, coordinate: number): number {
  if (dimension.kind === 'choice') return dimension.values[Math.floor(coordinate * dimension.values.length)];
  const { minimum, maximum, integer, scale } = dimension;
  const { low, high } = borders(dimension);
  const place = low + coordinate * (high - low);
  const exact = scale === 'log' ? Math.exp(place) - shiftOf(dimension) : place;
  const value = integer ? Math.round(exact) : Number(exact.toPrecision(SIGNIFICANT_DIGITS));
  return Math.min(maximum, Math.max(minimum, value));
}

/** Of real values: enough to be any value for a training, and short enough to be typed again. */
const SIGNIFICANT_DIGITS = 4;

function coordinateOf(dimension: Dimension, value: number): number {
  if (dimension.kind === 'choice') {
    const at = dimension.values.indexOf(value);
    if (at < 0) {
      throw new RangeError(`expected ${dimension.name} among ${dimension.values.join(', ')}, got ${value}`);
    }
    return (at + 0.5) / dimension.values.length;
  }
  const { minimum, maximum } = dimension;
  const { low, high } = borders(dimension);
  const inside = onScale(dimension, Math.min(maximum, Math.max(minimum, value)));
  return Math.min(1 - Number.EPSILON, Math.max(0, (inside - low) / (high - low)));
}

/** Ranges that AWS recommends to a tuning job, and their scales. */
const RECOMMENDED: Record<SearchName, readonly [minimum: number, maximum: number, scale: Scale]> = {
  epochs: [1, 100, 'log'],
  learningRate: [1e-4, 0.1, 'log'],
  miniBatchSize: [100, 50_000, 'log'],
  numEntityVectors: [10_000, 1_000_000, 'log'],
  numIpEncoderLayers: [1, 10, 'linear'],
  randomNegativeSamplingRate: [0, 10, 'linear'],
  shuffledNegativeSamplingRate: [0, 10, 'linear'],
  vectorDim: [8, 256, 'log'],
  weightDecay: [0, 1, 'log'],
};

/** The range that AWS recommends for a hyperparameter (developer guide, "Tune an IP Insights model"). */
export function recommendedRange(name: SearchName): Dimension & { kind: 'range' } {
  const [minimum, maximum, scale] = RECOMMENDED[name];
  return { kind: 'range', name, minimum, maximum, integer: ruleOf(name).integer, scale };
}

export const SEARCH_NAMES = Object.keys(RECOMMENDED) as SearchName[];

/** The rule of a hyperparameter that can be searched. */
export function ruleOf(name: SearchName): HyperparameterRule {
  return HYPERPARAMETERS.find((rule) => rule.name === name)!;
}

/** A hyperparameter by AWS's name or by that of its option: `vector_dim`, `vector-dim`. */
export function searchNameOf(text: string, option: string): SearchName {
  const wanted = text.trim().replaceAll('-', '_');
  const found = SEARCH_NAMES.find((name) => ruleOf(name).awsName === wanted);
  if (found) return found;
  const names = SEARCH_NAMES.map((name) => ruleOf(name).awsName).join(', ');
  throw new UsageError(`${option}: expected one of ${names}, got ${JSON.stringify(text)}.`);
}
