import { scaleLinear } from 'd3-scale';
import { at, framedChart, plotArea, type Tick } from './chart.ts';
import { type Html, html } from './html.ts';
import {
  bestOnTop,
  crowdMarks,
  type DrawnAxis,
  type DrawnObjective,
  type DrawnTrial,
  isPlaced,
  markRadius,
  namedAndCrowd,
  objectiveAxis,
  scaleOf,
  stripMarks,
  titleOf,
  trialMark,
  trialSentence,
} from './trialMarks.ts';

interface Size {
  width: number;
  height: number;
}

/**
 * What each trial has reached, when it ended, and the best of the completed ones so far.
 * @param trials best first
 */
export function trialsChart(
  trials: readonly DrawnTrial[],
  axes: readonly DrawnAxis[],
  objective: DrawnObjective,
  size: Size,
): Html {
  const plot = plotArea(size);
  const placed = trials.filter(isPlaced);
  const { named, crowd } = namedAndCrowd(placed);
  const y = scaleOf(placed, objective, plot);
  const duration = Math.max(0, ...placed.map(({ ended }) => ended ?? 0)) || 1;
  const unit = unitOf(duration);
  const x = scaleLinear()
    .domain([0, duration / unit.seconds])
    .range([plot.left, plot.right - 8]);
  // What still ran when the search ended has its last value from then.
  const place = ({ ended, value, state }: DrawnTrial) => ({
    x: x((ended ?? duration) / unit.seconds),
    y: y.place(state === 'failed' ? null : value),
  });
  const ticks = x.ticks(8).map((value): Tick => [value, String(value)]);
  const radius = markRadius(placed.length);
  return framedChart(
    {
      ...size,
      description: description(placed, objective),
      x: { scale: x, ticks, title: `${unit.name} since the begin of the search` },
      y: objectiveAxis(y, titleOf(objective, plot.bottom - plot.top)),
    },
    [
      ...stripMarks(y, plot.left, plot.right),
      ...crowdMarks(crowd, place),
      bestSoFar(placed, objective, place, plot.right),
      ...bestOnTop(named).map((trial) => {
        return trialMark(trial, { ...place(trial), radius }, trialSentence(trial, axes));
      }),
      ...labels(placed, objective, place, plot),
    ],
  );
}

/** Steps down (or up) to the best of the trials that were completed by then. */
function bestSoFar(
  trials: readonly DrawnTrial[],
  { direction }: DrawnObjective,
  place: (trial: DrawnTrial) => { x: number; y: number },
  right: number,
): Html {
  const sign = direction === 'maximise' ? 1 : -1;
  const completed = trials
    .filter(({ state, value }) => state === 'completed' && value !== null)
    .sort((a, b) => a.ended! - b.ended! || a.trial - b.trial);
  let best = -Infinity;
  let path = '';
  for (const trial of completed) {
    if (sign * trial.value! <= best) continue;
    best = sign * trial.value!;
    const { x, y } = place(trial);
    path += path === '' ? `M${at(x)},${at(y)}` : `H${at(x)}V${at(y)}`;
  }
  return path === '' ? html`` : html`<path class="best-so-far" d="${path}H${right}"/>`;
}

/** Names of the best, at its good side, and of the defaults, where they are free. */
function labels(
  trials: readonly DrawnTrial[],
  { direction }: DrawnObjective,
  place: (trial: DrawnTrial) => { x: number; y: number },
  { left, right, top, bottom }: ReturnType<typeof plotArea>,
): Html[] {
  const best = trials.find(({ isBest }) => isBest);
  const defaults = trials.find(({ isDefaults }) => isDefaults);
  const texts: [DrawnTrial | undefined, string, string][] =
    best !== undefined && best === defaults
      ? [[best, 'best-label', `the defaults, best (trial ${best.trial})`]]
      : [
          [best, 'best-label', `best (trial ${best?.trial})`],
          [defaults, 'defaults-label', 'the defaults'],
        ];
  const taken: { x: number; y: number }[] = [];
  return texts.map(([trial, kind, text]) => {
    if (trial === undefined) return html``;
    const { x, y } = place(trial);
    const room = text.length * 7;
    const anchor = x + room / 2 > right ? 'end' : x - room / 2 < left ? 'start' : 'middle';
    const isFree = (height: number) =>
      height > top + 8 &&
      height < bottom - 2 &&
      taken.every((other) => Math.abs(other.y - height) > 15 || Math.abs(other.x - x) > 120);
    const sides = [y - 11, y + 21];
    const height = (trial.isBest && direction === 'minimise' ? sides.toReversed() : sides).find(isFree);
    if (height === undefined) return html``;
    taken.push({ x, y: height });
    const edge = anchor === 'middle' ? x : anchor === 'end' ? x + 6 : x - 6;
    return html`<text class="${kind}" x="${at(edge)}" y="${at(height)}" text-anchor="${anchor}">${text}</text>`;
  });
}

/** The largest unit that still gives numbers above 2. */
function unitOf(seconds: number): { name: string; seconds: number } {
  const units = [
    { name: 'days', seconds: 86_400 },
    { name: 'hours', seconds: 3600 },
    { name: 'minutes', seconds: 60 },
  ];
  return units.find((unit) => seconds >= 2 * unit.seconds) ?? { name: 'seconds', seconds: 1 };
}

function description(trials: readonly DrawnTrial[], { title }: DrawnObjective): string {
  const count = (state: DrawnTrial['state']) => trials.filter((trial) => trial.state === state).length;
  const best = trials.find(({ isBest }) => isBest);
  const found = best ? `; the best is trial ${best.trial} with ${best.valueText}` : '';
  return `${title} of trials over time: ${count('completed')} completed, ${count('stopped')} stopped early, ${count('failed')} failed${found}`;
}
