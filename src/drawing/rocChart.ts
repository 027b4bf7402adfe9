import { scaleLinear, scaleLog } from 'd3-scale';
import { curveLinear, curveStepAfter, line } from 'd3-shape';
import type { OperatingPoint } from '../ranking/roc.ts';
import { at, framedChart, plotArea, type Tick } from './chart.ts';
import { type Html, html } from './html.ts';

/** The curve of one detector. */
export interface RocCurve {
  /** class of its colour and dashes in `chartStyles` */
  detector: string;
  points: OperatingPoint[];
}

/** Detectors with so few points are shown as points, as there is nothing to choose between them. */
const FEW_POINTS = 5;

/** Between points further apart than this share of attacks, a straight line would promise what no threshold does. */
const COARSE_STEP = 0.1;

const isFine = (points: OperatingPoint[]) =>
  points.length > FINE_POINTS &&
  points.every(
    (point, i) => i === 0 || point.truePositiveRate - points[i - 1].truePositiveRate <= COARSE_STEP,
  );

/** With more points, a step is finer than the line is wide, and what steps are left come from thinning the curve. */
const FINE_POINTS = 80;

interface Size {
  width: number;
  height: number;
}

/** How many powers of ten the axis of false-positive rates shows: no rate below one of so many honest events. */
const decadesOf = (honestEvents: number) => Math.min(4, Math.max(2, Math.floor(Math.log10(honestEvents))));

/** Where rates stand, in user units: for marks that move over the picture. */
export function rocPlace(
  honestEvents: number,
  size: Size,
): (falsePositiveRate: number, truePositiveRate: number) => { x: number; y: number } {
  const lowest = 10 ** -decadesOf(honestEvents);
  const area = plotArea(size);
  const x = scaleLog().domain([lowest, 1]).range([area.left, area.right]);
  const y = scaleLinear().domain([0, 1]).range([area.bottom, area.top]);
  return (falsePositiveRate, truePositiveRate) => ({
    x: x(Math.max(lowest, falsePositiveRate)),
    y: y(truePositiveRate),
  });
}

/**
 * ROC curves with a logarithmic axis of false-positive rates, as the left end is what can be used. Coarse detectors are
 * drawn in steps: a point between two thresholds cannot be had.
 * @param honestEvents how many the rates were measured on: no rate below one of them is shown
 * @param chosen the operating point to mark on the first curve
 */
export function rocChart(
  curves: RocCurve[],
  honestEvents: number,
  chosen: OperatingPoint | undefined,
  size: Size,
): Html {
  const decades = decadesOf(honestEvents);
  const lowest = 10 ** -decades;
  const area = plotArea(size);
  const x = scaleLog().domain([lowest, 1]).range([area.left, area.right]);
  const y = scaleLinear().domain([0, 1]).range([area.bottom, area.top]);
  const place = (point: OperatingPoint) => x(Math.max(lowest, point.falsePositiveRate));
  const path = (points: OperatingPoint[]) =>
    line<OperatingPoint>(place, (point) => y(point.truePositiveRate))
      .curve(isFine(points) ? curveLinear : curveStepAfter)
      .digits(2)(points) ?? '';
  const xTicks = Array.from({ length: decades + 1 }, (_, i): Tick => {
    const rate = 10 ** (i - decades);
    return [rate, `${Number((rate * 100).toPrecision(1))} %`];
  });
  const yTicks = [0, 0.2, 0.4, 0.6, 0.8, 1].map((rate): Tick => [rate, `${Math.round(rate * 100)} %`]);
  // The last is on top: the first curve is the one to look at.
  const drawn = curves
    .toReversed()
    .map(({ detector, points }) => [
      html`<path class="curve ${detector}" d="${path(points)}"/>`,
      points.length > FEW_POINTS
        ? ''
        : points
            .slice(1, -1)
            .map(
              (point) =>
                html`<circle class="curve ${detector}" cx="${at(place(point))}" cy="${at(y(point.truePositiveRate))}" r="4.5"/>`,
            ),
    ]);
  return framedChart(
    {
      ...size,
      description: `ROC curves of ${curves.length} detectors`,
      x: { scale: x, ticks: xTicks, title: 'false-positive rate: honest events flagged (log scale)' },
      y: { scale: y, ticks: yTicks, title: 'true-positive rate: attacks caught' },
    },
    [...drawn.flat(), chosen ? chosenMark(place(chosen), y(chosen.truePositiveRate), area.right) : ''],
  );
}

function chosenMark(x: number, y: number, right: number): Html {
  const anchor = x > right - 140 ? 'end' : 'start';
  return html`<circle class="mark" cx="${at(x)}" cy="${at(y)}" r="6.5"/>
<text class="mark-label" x="${at(x + (anchor === 'end' ? -12 : 12))}" y="${at(y + 16)}" text-anchor="${anchor}">chosen threshold</text>`;
}

/** A piece of a detector's line, for legends. */
export function lineSample(detector: string): Html {
  return html`<svg class="sample" viewBox="0 0 42 10" width="42" height="10" aria-hidden="true"><path class="curve ${detector}" d="M1,5H41"/></svg>`;
}
