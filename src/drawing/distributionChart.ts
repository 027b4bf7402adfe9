import { type ScaleLinear, scaleLinear } from 'd3-scale';
import { area, curveBasis } from 'd3-shape';
import { at, framedChart, plotArea, type Tick } from './chart.ts';
import { type Html, html } from './html.ts';

/** Events of two kinds, counted in bins of the same width from `from` to `to`. B bins. */
export interface BinnedAnomalies {
  from: number;
  to: number;
  honest: readonly number[]; // (B)
  attacks: readonly number[]; // (B)
}

interface Size {
  width: number;
  height: number;
}

/** Where an anomaly stands, in user units from the left: for marks that move over the picture. */
export function anomalyScale(
  { from, to }: BinnedAnomalies,
  size: Size,
  threshold = Number.NaN,
): ScaleLinear<number, number> {
  const { left, right } = plotArea(size);
  const isMarked = Number.isFinite(threshold);
  const low = isMarked ? Math.min(from, threshold) : from;
  const high = isMarked ? Math.max(to, threshold) : to;
  return scaleLinear().domain([low, high]).nice().range([left, right]);
}

/**
 * How anomalies of honest events and of attacks are distributed, each with the same area.
 * @param threshold marked where it is finite; NaN: none is
 */
export function distributionChart(bins: BinnedAnomalies, threshold: number, size: Size): Html {
  const plot = plotArea(size);
  const x = anomalyScale(bins, size, threshold);
  const honest = shares(bins.honest);
  const attacks = shares(bins.attacks);
  const top = Math.max(...honest, ...attacks) || 1;
  const y = scaleLinear().domain([0, top]).nice(4).range([plot.bottom, plot.top]);
  const width = (bins.to - bins.from) / honest.length;
  const shape = area<number>(
    (_, bin) => x(bins.from + (bin - 0.5) * width),
    plot.bottom,
    (share) => y(share),
  )
    .curve(curveBasis)
    .digits(2);
  // An empty bin at either end lets the shape come down to the axis.
  const path = (shares: number[]) => shape([0, ...shares, 0]) ?? '';
  const ticks = x
    .ticks(Math.max(3, Math.min(8, Math.round(size.width / 90))))
    .map((value): Tick => [value, String(value).replace('-', '−')]);
  const yTicks = y.ticks(4).map((value): Tick => [value, `${Number((value * 100).toPrecision(3))} %`]);
  return framedChart(
    {
      ...size,
      description: `Distributions of the anomaly of honest events and of attacks${Number.isNaN(threshold) ? '' : ', with the threshold'}`,
      x: { scale: x, ticks, title: 'anomaly in nats (left: expected, right: strange)' },
      y: { scale: y, ticks: yTicks, title: 'share of events in a bin' },
    },
    [
      html`<path class="honest-area" d="${path(honest)}"/>`,
      html`<path class="attack-area" d="${path(attacks)}"/>`,
      Number.isFinite(threshold) ? thresholdMark(x(threshold), plot) : '',
    ],
  );
}

function shares(counts: readonly number[]): number[] {
  const all = counts.reduce((sum, count) => sum + count, 0) || 1;
  return counts.map((count) => count / all);
}

function thresholdMark(x: number, { top, bottom, right }: ReturnType<typeof plotArea>): Html {
  const anchor = x > right - 100 ? 'end' : 'start';
  return html`<path class="mark" d="M${at(x)},${bottom}V${top}"/>
<text class="mark-label" x="${at(x + (anchor === 'end' ? -8 : 8))}" y="${top + 14}" text-anchor="${anchor}">threshold</text>`;
}
