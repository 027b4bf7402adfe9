import { scaleLinear } from 'd3-scale';

export type Direction = 'maximise' | 'minimise';

/** A strip at the bad end of the axis, for what has no place on it. */
export interface Strip {
  /** user units from the top */
  from: number;
  to: number;
  label: string;
}

/** Where values of an objective stand on an upright axis, higher values above. */
export interface ObjectiveScale {
  /** @param value null: none came of the trial, as it failed */
  place(value: number | null): number;
  /** whether a value is so bad that it lies in the strip of the worse */
  isCut(value: number): boolean;
  ticks: (readonly [place: number, label: string])[];
  strips: Strip[];
}

const FAILED_HEIGHT = 24;

/**
 * The axis reaches so many times as far from the best as the median does, and what is only a half further is shown too:
 * half of the trials that it is made for take at least a twelfth of it, however bad the worst are.
 */
const REACH = 8;
const SPARE_REACH = 12;

/** A value that should be seen in any case is, up to so many times as far as the median. */
const WIDEST_REACH = 16;

/** Smaller differences, as a share of the error, are chance: the axis does not enlarge them. */
const LEAST_SPAN = 0.08;

/** Errors further apart than this factor are shown by their logarithm. */
const LOGARITHMIC_FACTOR = 4;

/** Nearer labels would touch. */
const LABEL_DISTANCE = 20;

/** What an axis must show. */
export interface ScaledValues {
  /** of all trials that have one */
  all: readonly number[];
  /** those among which differences are to be seen, where there are enough of them */
  main: readonly number[];
  /** one to be seen even if it is not among the better ones, unless it is very bad */
  marked?: number | null;
}

/** With fewer, a median says little. */
const ENOUGH = 4;

/**
 * An axis that shows the good end. Shares from 0 to 1 are reckoned as errors (1 − AUC, or the rate itself), whose
 * logarithm is taken where they span much; what is far worse than the median comes into a strip beyond a border.
 * @param hasFailed whether a strip for trials without a value is needed
 * @param top, bottom user units
 */
export function objectiveScale(
  { all: values, main, marked = null }: ScaledValues,
  direction: Direction,
  hasFailed: boolean,
  { top, bottom }: { top: number; bottom: number },
): ObjectiveScale {
  const isUp = direction === 'maximise';
  const isShare = values.every((value) => value >= 0 && value <= 1);
  const perfect = isShare && isUp ? 1 : 0;
  const errorOf = (value: number) => (isUp ? perfect - value : value);
  const valueAt = (error: number) => Number((isUp ? perfect - error : error).toPrecision(12));
  const { least, most, isLog, floor, isCutOff } = reach(
    values.map(errorOf),
    (main.length >= ENOUGH ? main : values).map(errorOf),
    marked === null ? null : errorOf(marked),
    isShare,
  );
  const onAxis = (error: number) => (isLog ? Math.log(Math.max(floor, error)) : error);

  const [bad, good, away] = isUp ? [bottom, top, -1] : [top, bottom, 1];
  const failedHeight = hasFailed ? FAILED_HEIGHT : 0;
  const cutHeight = isCutOff ? Math.max(FAILED_HEIGHT, (bottom - top) * 0.16) : 0;
  const edge = bad + away * (failedHeight + cutHeight);
  const span = onAxis(most) - onAxis(least);
  const wanted = isLog || !isShare ? 0 : LEAST_SPAN * least;
  const room = Math.max(span * 0.06, (wanted - span) / 2);
  const from = isShare && !isLog ? Math.max(0, onAxis(least) - room) : onAxis(least) - room;
  // The name of the best has room beside it.
  const axis = scaleLinear()
    .domain([from, onAxis(most) + room])
    .range([good - away * Math.min(22, (bottom - top) * 0.06), edge]);
  // What is beyond the border keeps its order, by the logarithm of the error where it has one.
  const errors = values.map(errorOf);
  const measure = (error: number) => (floor > 0 ? Math.log(Math.max(floor, error)) : error);
  const beyond = scaleLinear()
    .domain([measure(most), measure(Math.max(most, ...errors))])
    .range([edge - away * 7, edge - away * (cutHeight - 7)]);
  // Logarithms there and back lose a last digit.
  const border = most + Math.abs(most) * 1e-9;
  const isCut = (value: number) => isCutOff && errorOf(value) > border;
  const [low, high] = axis.domain();
  const hasZero = isLog && values.some((value) => errorOf(value) === 0);
  const tickErrors = isLog
    ? [...(hasZero ? [0] : []), ...logarithmicTicks(Math.exp(low), Math.exp(high))]
    : scaleLinear()
        .domain([valueAt(low), valueAt(high)])
        .ticks(5)
        .map(errorOf);
  const digits = isLog ? undefined : digitsOf(tickErrors.map(valueAt));
  const ticks: [number, string][] = [];
  for (const error of tickErrors) {
    const place = axis(onAxis(error));
    const isFree = ticks.every(([other]) => Math.abs(other - place) >= LABEL_DISTANCE);
    const inside = Math.min(edge, good) - 1 <= place && place <= Math.max(edge, good) + 1;
    const value = valueAt(error);
    if (isFree && inside) ticks.push([place, digits === undefined ? String(value) : value.toFixed(digits)]);
  }
  const strip = (near: number, far: number, label: string): Strip => ({
    from: Math.min(near, far),
    to: Math.max(near, far),
    label,
  });
  return {
    place: (value) => {
      if (value === null) return bad + (away * failedHeight) / 2;
      return isCut(value) ? beyond(measure(errorOf(value))) : axis(onAxis(errorOf(value)));
    },
    isCut,
    ticks: withoutZeros(ticks),
    strips: [
      ...(hasFailed ? [strip(bad, bad + away * failedHeight, 'failed')] : []),
      ...(isCutOff ? [strip(edge - away * cutHeight, edge, isUp ? 'lower' : 'higher')] : []),
    ],
  };
}

/** Long labels lose the zero before their point. */
function withoutZeros(ticks: [number, string][]): [number, string][] {
  const isLong = ticks.some(([, label]) => label.length > 6);
  return isLong ? ticks.map(([place, label]) => [place, label.replace(/^0\./, '.')]) : ticks;
}

interface Reach {
  /** errors at the ends of the axis */
  least: number;
  most: number;
  isLog: boolean;
  /** what errors of 0 are drawn as, on a logarithmic axis */
  floor: number;
  isCutOff: boolean;
}

function reach(
  errors: readonly number[],
  main: readonly number[],
  marked: number | null,
  isShare: boolean,
): Reach {
  const sorted = errors.toSorted((a, b) => a - b);
  if (sorted.length === 0) return { least: 0, most: 1, isLog: false, floor: 0, isCutOff: false };
  const smallest = sorted.find((error) => error > 0) ?? 0;
  const floor = sorted[0] > 0 ? sorted[0] : smallest / 2;
  const canLog = isShare && floor > 0;
  const measure = (error: number) => (canLog ? Math.log(Math.max(floor, error)) : error);
  const [best, worst] = [measure(sorted[0]), measure(sorted[sorted.length - 1])];
  const spread = spreadOf(main.map(measure), best) ?? spreadOf(sorted.map(measure), best);
  if (spread === undefined) return around(sorted[0], isShare);
  const seen = marked === null ? best : measure(marked);
  const asked =
    seen <= best + WIDEST_REACH * spread ? Math.max(best + REACH * spread, seen) : best + REACH * spread;
  const isCutOff = worst > Math.max(asked, best + SPARE_REACH * spread);
  // Where nothing lies between the border and the last value before it, the axis ends there.
  const end = isCutOff ? Math.max(...sorted.map(measure).filter((value) => value <= asked)) : worst;
  const most = canLog ? Math.exp(end) : end;
  const isLog = canLog && most / floor > LOGARITHMIC_FACTOR;
  return { least: isLog ? floor : sorted[0], most, isLog, floor, isCutOff };
}

/** How far the median is from the best; where half of all are equal to it, the next wider part. */
function spreadOf(values: number[], best: number): number | undefined {
  const sorted = values.sort((a, b) => a - b);
  return [0.5, 0.75, 1]
    .map((share) => sorted[Math.floor(share * (sorted.length - 1))] - best)
    .find((spread) => spread > 1e-12);
}

/** A single value stands in the middle; the axis need not show more digits than it has meaning for. */
function around(error: number, isShare: boolean): Reach {
  const room = Math.abs(error) * 0.2 || 0.01;
  const least = isShare ? Math.max(0, error - room) : error - room;
  return { least, most: error + room, isLog: false, floor: 0, isCutOff: false };
}

/** Round numbers between the powers of ten: as many as it takes for some ticks. */
const FACTORS = [[1], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 6, 8]];
const ENOUGH_TICKS = 4;

function logarithmicTicks(low: number, high: number): number[] {
  let ticks: number[] = [];
  for (const factors of FACTORS) {
    ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const factor of factors) {
        const error = Number((factor * 10 ** power).toPrecision(6));
        if (error >= low && error <= high) ticks.push(error);
      }
    }
    if (ticks.length >= ENOUGH_TICKS) break;
  }
  return ticks;
}

/** Enough digits to tell ticks apart. */
function digitsOf(values: number[]): number {
  const step = Math.min(...values.slice(1).map((value, i) => Math.abs(value - values[i])));
  return Number.isFinite(step) && step > 0 ? Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)) : 3;
}
