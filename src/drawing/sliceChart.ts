import { scaleLinear } from 'd3-scale';
import { framedChart, plotArea } from './chart.ts';
import type { Html } from './html.ts';
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
  spreadPlace,
  stripMarks,
  trialMark,
} from './trialMarks.ts';

/**
 * The objective by one hyperparameter: where its good values lie.
 * @param trials best first
 * @param axis number of the axis, from 0
 */
export function sliceChart(
  trials: readonly DrawnTrial[],
  axes: readonly DrawnAxis[],
  axis: number,
  objective: DrawnObjective,
  size: { width: number; height: number },
): Html {
  const plot = plotArea(size);
  const placed = trials.filter(isPlaced);
  const { named, crowd } = namedAndCrowd(placed);
  const { name, ticks } = axes[axis];
  const x = scaleLinear()
    .domain([0, 1])
    .range([plot.left + 6, plot.right - 6]);
  const y = scaleOf(placed, objective, plot);
  const place = (trial: DrawnTrial) => ({
    x: x(spreadPlace(trial, axes, axis)),
    y: y.place(trial.state === 'failed' ? null : trial.value),
  });
  const best = placed.find(({ isBest }) => isBest);
  const found = best ? `; the best has ${best.texts[axis]}` : '';
  const radius = markRadius(placed.length) * 0.9;
  return framedChart(
    {
      ...size,
      description: `${objective.name} by ${name} of ${placed.length} trials${found}`,
      x: { scale: x, ticks: spaced(ticks, (coordinate) => x(coordinate)), title: name },
      // Its title would take the room of the picture; the page says it once for all of them.
      y: objectiveAxis(y, ''),
    },
    [
      ...stripMarks(y, plot.left, plot.right),
      ...crowdMarks(crowd, place),
      ...bestOnTop(named).map((trial) => {
        const sentence = `trial ${trial.trial}: ${trial.valueText} at ${name} ${trial.texts[axis]}`;
        return trialMark(trial, { ...place(trial), radius }, sentence);
      }),
    ],
  );
}

/** Without ticks whose labels would touch those before them; the last, an end of the range, is kept. */
function spaced(ticks: DrawnAxis['ticks'], place: (coordinate: number) => number): DrawnAxis['ticks'] {
  const halfWidth = (label: string) => (label.length * 7.4) / 2;
  const kept: (readonly [number, string])[] = [];
  const touches = (a: readonly [number, string], b: readonly [number, string]) =>
    Math.abs(place(a[0]) - place(b[0])) < halfWidth(a[1]) + halfWidth(b[1]) + 6;
  const last = ticks[ticks.length - 1];
  for (const tick of ticks) {
    if (tick !== last && touches(tick, last)) continue;
    if (kept.every((other) => !touches(tick, other))) kept.push(tick);
  }
  return kept;
}
