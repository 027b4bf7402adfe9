import { scaleLinear } from 'd3-scale';
import { at, framedChart, plotArea, type Tick } from './chart.ts';
import { type Html, html } from './html.ts';
import { objectiveScale } from './objectiveScale.ts';
import {
  bestOnTop,
  crowdMarks,
  type DrawnAxis,
  type DrawnObjective,
  type DrawnTrial,
  isPlaced,
  lineOpacity,
  markRadius,
  namedAndCrowd,
  objectiveAxis,
  stripMarks,
  titleOf,
  trialMark,
  trialSentence,
} from './trialMarks.ts';

/** More labels than this of epochs would touch. */
const EPOCH_LABELS = 12;

/**
 * The objective after each epoch, a line for each trial; a mark stands where its training ended.
 * @param trials best first
 */
export function curvesChart(
  trials: readonly DrawnTrial[],
  axes: readonly DrawnAxis[],
  objective: DrawnObjective,
  size: { width: number; height: number },
): Html {
  const plot = plotArea(size);
  const placed = trials.filter(isPlaced);
  // What failed may have values from before.
  const drawn = placed.filter(({ values }) => values.some(Number.isFinite));
  const { named, crowd } = namedAndCrowd(drawn);
  const epochs = Math.max(1, ...drawn.map(({ values }) => values.length));
  const x = scaleLinear()
    .domain(epochs > 1 ? [1, epochs] : [0, 2])
    .range([plot.left + 12, plot.right - 12]);
  // Curves begin low: all that they pass is to be seen, not only where they end.
  const passed = drawn.flatMap(({ values }) => values.filter(Number.isFinite));
  const y = objectiveScale({ all: passed, main: passed }, objective.direction, false, plot);
  const points = ({ values }: DrawnTrial) =>
    values
      .map((value, i) => ({ x: at(x(i + 1)), y: at(y.place(value)), value }))
      .filter(({ value }) => Number.isFinite(value));
  const path = (trial: DrawnTrial) =>
    points(trial)
      .map((point, i) => `${i === 0 ? 'M' : 'L'}${point.x},${point.y}`)
      .join('');
  const step = Math.ceil(epochs / EPOCH_LABELS);
  const ticks = Array.from({ length: epochs }, (_, i): Tick => [i + 1, String(i + 1)]).filter(
    ([epoch]) => (epoch - 1) % step === 0,
  );
  const radius = markRadius(drawn.length * 2);
  const opacity = lineOpacity(named.length);
  const crowdLines = (['stopped', 'running', 'completed', 'failed'] as const).map((state) => {
    const paths = crowd.filter((trial) => trial.state === state).map(path);
    return paths.length === 0
      ? html``
      : html`<path class="trial-line ${state}" opacity="${lineOpacity(crowd.length)}" d="${paths.join('')}"/>`;
  });
  const line = (trial: DrawnTrial) => {
    const isMarked = trial.isBest || trial.isDefaults;
    const kind = `${trial.state}${trial.isDefaults ? ' defaults' : ''}${trial.isBest ? ' best' : ''}`;
    return html`<path class="trial-line ${kind}" opacity="${isMarked ? 1 : opacity}" d="${path(trial)}"><title>${trialSentence(trial, axes)}</title></path>`;
  };
  const end = (trial: DrawnTrial) => {
    const last = points(trial).at(-1)!;
    return trialMark(trial, { ...last, radius }, trialSentence(trial, axes));
  };
  return framedChart(
    {
      ...size,
      description: description(drawn, objective),
      x: { scale: x, ticks, title: 'epoch' },
      y: objectiveAxis(y, titleOf(objective, plot.bottom - plot.top)),
    },
    [
      ...stripMarks(y, plot.left, plot.right),
      ...crowdLines,
      ...crowdMarks(crowd, (trial) => points(trial).at(-1)!),
      ...bestOnTop(named).flatMap((trial) => [line(trial), end(trial)]),
    ],
  );
}

function description(trials: readonly DrawnTrial[], { title }: DrawnObjective): string {
  const best = trials.find(({ isBest }) => isBest);
  const ends = best
    ? `; the best, trial ${best.trial}, ends at ${best.valueText} after ${best.values.length} epochs`
    : '';
  return `${title} after each epoch of ${trials.length} trials${ends}`;
}
