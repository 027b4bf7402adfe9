import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { at, framedChart, plotArea, type Tick } from './chart.ts';
import { type Html, html } from './html.ts';

/**
 * One metric over the epochs.
 * @param values one for each epoch, from epoch 1
 */
export function trainingChart(
  values: number[],
  title: string,
  size: { width: number; height: number },
): Html {
  const plot = plotArea(size);
  const epochs = values.length;
  // A single epoch is a point in the middle.
  const x = scaleLinear()
    .domain(epochs > 1 ? [1, epochs] : [0, 2])
    .range([plot.left + 10, plot.right - 10]);
  const low = Math.min(...values);
  const high = Math.max(...values);
  // Around a single value the axis need not show more digits than it has meaning for.
  const room = (high - low || Math.abs(high) * 0.05 || 1) * 0.15;
  const y = scaleLinear()
    .domain([low - room, high + room])
    .nice(4)
    .range([plot.bottom, plot.top]);
  const points = values.map((value, i): [number, number] => [x(i + 1), y(value)]);
  const step = Math.max(1, Math.ceil(epochs / 8));
  const xTicks = values
    .map((_, i): Tick => [i + 1, String(i + 1)])
    .filter(([epoch]) => (epoch - 1) % step === 0);
  const format = y.tickFormat(4);
  return framedChart(
    {
      ...size,
      description: `${title} after each of ${epochs} epochs, last ${values[epochs - 1]}`,
      x: { scale: x, ticks: xTicks, title: 'epoch' },
      y: { scale: y, ticks: y.ticks(4).map((value): Tick => [value, format(value)]), title },
    },
    [
      html`<path class="metric" d="${line().digits(2)(points) ?? ''}"/>`,
      points.map(([px, py]) => html`<circle class="metric" cx="${at(px)}" cy="${at(py)}" r="3.5"/>`),
    ],
  );
}
