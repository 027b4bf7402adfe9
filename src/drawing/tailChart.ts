import { type ScaleLinear, scaleLinear, scaleLog } from 'd3-scale';
import { curveStepBefore, line } from 'd3-shape';
import { framedChart, plotArea, type Tick } from './chart.ts';
import { type Html, html } from './html.ts';

interface Size {
  width: number;
  height: number;
}

/** An anomaly, and the share of honest events that are at least that strange; ascending anomalies. */
export type TailPoint = readonly [anomaly: number, shareAtLeast: number];

/** Nats: closer together, ticks would need more digits than there is room for. */
const LEAST_SPAN = 0.05;

/** Where an anomaly stands, in user units from the left. */
export function tailScale(points: readonly TailPoint[], size: Size): ScaleLinear<number, number> {
  const { left, right } = plotArea(size);
  const [low, high] = [points[0]?.[0] ?? 0, points[points.length - 1]?.[0] ?? 0];
  return scaleLinear()
    .domain(high - low > LEAST_SPAN ? [low, high] : [low - 1, high + 1])
    .nice()
    .range([left, right]);
}

/** The share of honest events that each threshold flags, on a logarithmic axis. @param points at least one */
export function tailChart(points: readonly TailPoint[], size: Size): Html {
  const plot = plotArea(size);
  const x = tailScale(points, size);
  const least = Math.min(...points.map(([, share]) => share));
  const decades = Math.max(1, Math.ceil(-Math.log10(least) - 1e-9));
  const y = scaleLog()
    .domain([10 ** -decades, 1])
    .range([plot.bottom, plot.top]);
  const path =
    line<TailPoint>(
      ([anomaly]) => x(anomaly),
      ([, share]) => y(share),
    )
      .curve(curveStepBefore)
      .digits(2)(points) ?? '';
  const yTicks = Array.from({ length: decades + 1 }, (_, k): Tick => {
    const share = 10 ** (k - decades);
    return [share, `${Number((share * 100).toPrecision(1))} %`];
  });
  const count = Math.max(3, Math.min(8, Math.round(size.width / 90)));
  return framedChart(
    {
      ...size,
      description: 'Share of honest events that each threshold flags',
      x: {
        scale: x,
        ticks: x.ticks(count).map((value): Tick => [value, String(value).replace('-', '−')]),
        title: 'threshold: anomaly in nats',
      },
      y: { scale: y, ticks: yTicks, title: 'flagged (log scale)' },
    },
    html`<path class="metric" d="${path}"/>`,
  );
}
