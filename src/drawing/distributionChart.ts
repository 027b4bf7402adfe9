import { scaleLinear } from 'd3-scale';
import { area, curveBasis } from 'd3-shape';
import { at, framedChart, plotArea, type Tick } from './chart.ts';
import { type Html, html } from './html.ts';

/** Bins over the drawn span: fine enough for the shape, coarse enough for a few thousand events. */
const BINS = 90;

/** This share of each group at either end is not drawn, so that a few extreme events do not squeeze the rest. */
export const UNDRAWN_SHARE = 0.002;

/**
 * How anomalies of honest events and of attacks are distributed, each with the same area.
 * @param honest  ascending
 * @param attacks ascending
 */
export function distributionChart(
  honest: Float64Array,
  attacks: Float64Array,
  threshold: number,
  size: { width: number; height: number },
): Html {
  const plot = plotArea(size);
  const [low, high] = drawnSpan(honest, attacks, threshold);
  const x = scaleLinear().domain([low, high]).nice().range([plot.left, plot.right]);
  const [from, to] = x.domain();
  const honestShares = shares(honest, from, to);
  const attackShares = shares(attacks, from, to);
  const top = Math.max(...honestShares, ...attackShares);
  const y = scaleLinear().domain([0, top]).nice(4).range([plot.bottom, plot.top]);
  const width = (to - from) / BINS;
  const shape = area<number>(
    (_, bin) => x(from + (bin + 0.5) * width),
    plot.bottom,
    (share) => y(share),
  )
    .curve(curveBasis)
    .digits(2);
  const ticks = x.ticks(8).map((value): Tick => [value, String(value).replace('-', '−')]);
  const yTicks = y.ticks(4).map((value): Tick => [value, `${Number((value * 100).toPrecision(3))} %`]);
  const isDrawn = threshold >= from && threshold <= to;
  return framedChart(
    {
      ...size,
      description: 'Distributions of the anomaly of honest events and of attacks, with the threshold',
      x: { scale: x, ticks, title: 'anomaly in nats (left: expected, right: strange)' },
      y: { scale: y, ticks: yTicks, title: 'share of events in a bin' },
    },
    [
      html`<path class="honest-area" d="${shape(honestShares) ?? ''}"/>`,
      html`<path class="attack-area" d="${shape(attackShares) ?? ''}"/>`,
      isDrawn ? thresholdMark(x(threshold), plot) : '',
    ],
  );
}

function drawnSpan(honest: Float64Array, attacks: Float64Array, threshold: number): [number, number] {
  const quantile = (sorted: Float64Array, share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  let low = Math.min(quantile(honest, UNDRAWN_SHARE), quantile(attacks, UNDRAWN_SHARE));
  let high = Math.max(quantile(honest, 1 - UNDRAWN_SHARE), quantile(attacks, 1 - UNDRAWN_SHARE));
  if (Number.isFinite(threshold)) {
    low = Math.min(low, threshold);
    high = Math.max(high, threshold);
  }
  // All events alike still need an axis.
  return high > low ? [low, high] : [low - 1, high + 1];
}

/** @returns the share of all values in each of the bins of [from, to) */
function shares(sorted: Float64Array, from: number, to: number): number[] {
  const counts = new Array<number>(BINS).fill(0);
  for (const value of sorted) {
    const bin = Math.floor(((value - from) / (to - from)) * BINS);
    if (bin >= 0 && bin < BINS) counts[bin]++;
  }
  return counts.map((count) => count / sorted.length);
}

function thresholdMark(x: number, { top, bottom, right }: ReturnType<typeof plotArea>): Html {
  const anchor = x > right - 100 ? 'end' : 'start';
  return html`<path class="mark" d="M${at(x)},${bottom}V${top}"/>
<text class="mark-label" x="${at(x + (anchor === 'end' ? -8 : 8))}" y="${top + 14}" text-anchor="${anchor}">threshold</text>`;
}
