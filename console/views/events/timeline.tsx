import 'uplot/dist/uPlot.min.css';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { EventHistogram, Verdict } from '../../../src/serve/console/contract.ts';
import { counted, grouped, timeText } from '../../text.tsx';

const HEIGHT = 140;
/** Below one event, so that a bar of one can be seen on the logarithmic axis. */
const FLOOR = 0.6;
/** Bars of rare verdicts stand before those of common ones, and narrower. */
const BARS: { verdict: Verdict; colour: string; width: number }[] = [
  { verdict: 'ok', colour: '--honest', width: 1 },
  { verdict: 'unknown', colour: '--popularity', width: 0.62 },
  { verdict: 'suspicious', colour: '--attack', width: 0.34 },
];
const ALPHA: Record<Verdict, string> = { ok: '59', unknown: 'd9', suspicious: '' };
const [HOUR, DAY] = [3600, 86_400];

interface Props {
  histogram: EventHistogram;
  /** a range that somebody has drawn, in seconds since 1970 */
  onRange: (from: number, to: number) => void;
}

/** When the events were, by verdict. */
export function Timeline({ histogram, onRange }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const chosen = useRef(onRange);
  chosen.current = onRange;
  const [bin, setBin] = useState<number | null>(null);
  const { edges } = histogram;
  useEffect(() => {
    const element = place.current;
    if (!element || edges.length < 2) return;
    setBin(null);
    const plot = new uPlot(
      optionsOf(histogram, element.clientWidth, (from, to) => chosen.current(from, to), setBin),
      [edges.slice(0, -1), ...BARS.map(({ verdict }) => histogram[verdict].map((count) => count || null))],
      element,
    );
    const resized = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    resized.observe(element);
    // The colours of the theme are read whenever it is drawn.
    const redraw = () => plot.redraw(false);
    const themes = ['(prefers-color-scheme: dark)', 'print'].map((media) => matchMedia(media));
    for (const theme of themes) theme.addEventListener('change', redraw);
    return () => {
      resized.disconnect();
      for (const theme of themes) theme.removeEventListener('change', redraw);
      plot.destroy();
    };
  }, [histogram]);
  if (edges.length < 2) return null;
  return (
    <figure class="ev-timeline">
      <div ref={place} role="img" aria-label={described(histogram)} />
      <figcaption>
        <span class="ev-legend">
          {BARS.toReversed().map(({ verdict }) => (
            <span key={verdict}>
              <i class={`ev-swatch ${verdict}`} aria-hidden="true" /> {verdict}
            </span>
          ))}
        </span>
        <span>
          {bin === null ? (
            <>Events {perBin(edges)}, log scale. Drag to choose a time.</>
          ) : (
            binText(histogram, bin)
          )}
        </span>
      </figcaption>
    </figure>
  );
}

function optionsOf(
  { edges }: EventHistogram,
  width: number,
  onRange: (from: number, to: number) => void,
  onBin: (bin: number | null) => void,
): uPlot.Options {
  const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const step = edges[1] - edges[0];
  const axis: uPlot.Axis = {
    stroke: () => colour('--ink-soft'),
    grid: { stroke: () => colour('--grid'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    padding: [8, 30, 0, 0],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
    scales: {
      x: { time: true, range: () => [edges[0], edges[edges.length - 1]] },
      y: { distr: 3, range: (_, __, most) => [FLOOR, Math.max(10, (most ?? 1) * 1.3)] },
    },
    axes: [
      {
        ...axis,
        grid: { ...axis.grid, filter: wholeSeconds },
        size: 26,
        space: 70,
        filter: wholeSeconds,
        values: (_, splits) => splits.map((seconds) => (seconds === null ? '' : tickText(seconds))),
      },
      {
        ...axis,
        size: 58,
        splits: (_, __, least, most) => decades(least, most),
        // Otherwise some are left out, as if there were ten to a decade.
        filter: (_, splits) => splits,
        values: (_, splits) => splits.map((count) => grouped(count)),
      },
    ],
    series: [
      {},
      ...BARS.map(
        ({ verdict, colour: name, width: share }): uPlot.Series => ({
          label: verdict,
          points: { show: false },
          width: 0,
          fill: () => `${colour(name)}${ALPHA[verdict]}`,
          paths: bars(step, share),
        }),
      ),
    ],
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
    hooks: {
      setCursor: [
        ({ cursor, posToVal }) => {
          const { left = -1 } = cursor;
          const bin = left < 0 ? -1 : Math.floor((posToVal(left, 'x') - edges[0]) / step);
          onBin(bin >= 0 && bin < edges.length - 1 ? bin : null);
        },
      ],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < 3) return;
          const [from, to] = [plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')];
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          onRange(Math.floor(from), Math.ceil(to));
        },
      ],
    },
  };
}

/** Bars as wide as a share of their bin, in its middle. */
function bars(step: number, share: number): uPlot.Series.PathBuilder {
  return (plot, series, first, last) => {
    const fill = new Path2D();
    const [xs, ys] = [plot.data[0], plot.data[series]];
    const bottom = plot.valToPos(FLOOR, 'y', true);
    for (let i = first; i <= last; i++) {
      const count = ys[i];
      if (count === null || count === undefined) continue;
      const left = plot.valToPos(xs[i] + (step * (1 - share)) / 2, 'x', true);
      const right = plot.valToPos(xs[i] + (step * (1 + share)) / 2, 'x', true);
      const top = plot.valToPos(count, 'y', true);
      const gap = share === 1 && right - left > 4 ? 1 : 0;
      fill.rect(left, top, Math.max(1, right - left - gap), bottom - top);
    }
    return { fill, stroke: null, flags: 0 } as unknown as uPlot.Series.Paths;
  };
}

/** 1, 10, 100, … within the axis. */
const decades = (least: number, most: number) =>
  Array.from({ length: 16 }, (_, i) => 10 ** i).filter((count) => count >= least && count <= most);

/** Times are told by the second: ticks between two of them would repeat the first one's. */
const wholeSeconds: uPlot.Axis.Filter = (_, splits) =>
  splits.map((seconds) => (Number.isInteger(seconds) ? seconds : null));

const monthDay = new Intl.DateTimeFormat('en', { month: 'short', day: 'numeric', timeZone: 'UTC' });

/** `Nov 12`, `14:00`, at January 1 the year. */
function tickText(seconds: number): string {
  const date = new Date(seconds * 1000);
  const clock = date.toISOString().slice(11, 19);
  if (clock !== '00:00:00') return clock.endsWith(':00') ? clock.slice(0, 5) : clock;
  const day = monthDay.format(date);
  return day === 'Jan 1' ? String(date.getUTCFullYear()) : day;
}

function perBin(edges: number[]): string {
  const step = edges[1] - edges[0];
  const units: [number, string][] = [
    [DAY, 'day'],
    [HOUR, 'hour'],
    [60, 'minute'],
    [1, 'second'],
  ];
  const [size, unit] = units.find(([size]) => step >= size) ?? [1, 'second'];
  const many = step / size;
  return many === 1 ? `per ${unit}` : `per ${Number(many.toFixed(1))} ${unit}s`;
}

const countsText = (histogram: EventHistogram, bin: number) =>
  BARS.toReversed()
    .map(({ verdict }) => `${grouped(histogram[verdict][bin])} ${verdict}`)
    .join(', ');

function binText(histogram: EventHistogram, bin: number): string {
  const [from, to] = [timeText(histogram.edges[bin]), timeText(histogram.edges[bin + 1])];
  const short = from.slice(0, 10) === to.slice(0, 10) ? to.slice(11, 16) : to.slice(0, 16);
  return `${from.slice(0, 16)} to ${short}: ${countsText(histogram, bin)}`;
}

/** What a screen reader says in place of the picture. */
function described(histogram: EventHistogram): string {
  const { edges } = histogram;
  const sums = BARS.toReversed().map(({ verdict }) => {
    const counts = histogram[verdict];
    const sum = counts.reduce((a, b) => a + b, 0);
    if (sum === 0) return `no ${verdict}`;
    const most = Math.max(...counts);
    return `${grouped(sum)} ${verdict}, most at ${timeText(edges[counts.indexOf(most)])} (${grouped(most)})`;
  });
  const untimed = histogram.untimed > 0 ? ` ${counted(histogram.untimed, 'event')} without a time.` : '';
  return `Timeline of events ${perBin(edges)} from ${timeText(edges[0])} to ${timeText(edges[edges.length - 1])} UTC: ${sums.join('; ')}.${untimed}`;
}
