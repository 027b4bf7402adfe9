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
   * The coordinates that give the same value as one coordinate does: integers and choices are stretches.
   * @returns [from, to]; both are the coordinate itself where each coordinate has a value of its own
   */
  stretchAt(d: number, coordinate: number): [from: number, to: number] {
    const dimension = this.dimensions[d];
    const value = valueAt(dimension, Math.min(coordinate, 1 - Number.EPSILON));
    if (dimension.kind === 'choice') {
      // The coordinate decides, not the value: a choice may hold one twice.
      const [at, n] = [Math.floor(coordinate * dimension.values.length), dimension.values.length];
      return [at / n, (at + 1) / n];
    }
    const { low, high } = borders(dimension);
    if (low === high) return [0, 1];
    const place = (edge: number) => Math.min(1, Math.max(0, (onScale(dimension, edge) - low) / (high - low)));
    if (dimension.integer) return [place(value - 0.5), place(value + 0.5)];
    if (value < floorOf(dimension)) return [0, place(floorOf(dimension))];
    return [coordinate, coordinate];
  }

  /**
   * Where a setting lies: choices in the middle of their stretch, numbers at their place on the scale; values outside of
   * their range come to its border.
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
      if (dimension.integer && !Number.isInteger(value)) return false;
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

/** Below it a real value is 0, where a logarithmic range begins there; so 0 has a stretch of its own, and may be drawn. */
const floorOf = ({ minimum, maximum, integer, scale }: Dimension & { kind: 'range' }) =>
  scale === 'log' && minimum === 0 && !integer ? LOG_FLOOR * maximum : Number.NEGATIVE_INFINITY;

function valueAt(dimension: Dimension, coordinate: number): number {
  if (dimension.kind === 'choice') return dimension.values[Math.floor(coordinate * dimension.values.length)];
  const { minimum, maximum, integer, scale } = dimension;
  const { low, high } = borders(dimension);
  const place = low + coordinate * (high - low);
  const exact = scale === 'log' ? Math.exp(place) - shiftOf(dimension) : place;
  if (exact < floorOf(dimension)) return 0;
  const value = integer ? Math.round(exact) : Number(exact.toPrecision(digitsOf(dimension)));
  return Math.min(maximum, Math.max(minimum, value));
}

/** Of real values: enough to be any value for a training, and short enough to be typed again. */
const SIGNIFICANT_DIGITS = 4;

/** More of them where the range is so narrow that its borders have the first ones in common. */
function digitsOf({ minimum, maximum }: Dimension & { kind: 'range' }): number {
  if (minimum === maximum) return SIGNIFICANT_DIGITS;
  const common = Math.max(0, Math.floor(Math.log10(maximum / (maximum - minimum))));
  return Math.min(MOST_DIGITS, SIGNIFICANT_DIGITS + common);
}

/** Any double is told from its neighbours by as many. */
const MOST_DIGITS = 17;

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
  if (low === high) return 0.5;
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

/** A setting under AWS's names, as scripts know them, in a fixed order. */
export function awsNamed(setting: Setting): Record<string, number> {
  const given = SEARCH_NAMES.filter((name) => setting[name] !== undefined);
  return Object.fromEntries(given.map((name) => [ruleOf(name).awsName, setting[name]!]));
}

/** A hyperparameter by AWS's name or by that of its option: `vector_dim`, `vector-dim`. */
export function searchNameOf(text: string, option: string): SearchName {
  const wanted = text.trim().replaceAll('-', '_');
  const found = SEARCH_NAMES.find((name) => ruleOf(name).awsName === wanted);
  if (found) return found;
  const names = SEARCH_NAMES.map((name) => ruleOf(name).awsName).join(', ');
  throw new UsageError(`${option}: expected one of ${names}, got ${JSON.stringify(text)}.`);
}
