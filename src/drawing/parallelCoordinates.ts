import { at } from './chart.ts';
import { type Html, html } from './html.ts';
import {
  bestOnTop,
  crowdOpacity,
  type DrawnAxis,
  type DrawnObjective,
  type DrawnTrial,
  isPlaced,
  lineOpacity,
  namedAndCrowd,
  scaleOf,
  spreadPlace,
  stripMarks,
  trialSentence,
} from './trialMarks.ts';

const LINE_HEIGHT = 15;

/** User units of a letter of the titles, which are bold. */
const LETTER = 8.2;

const SIDE = { left: 44, right: 84 } as const;

/** Widest part of a picture that a pair of axes takes: with few of them, long flat lines would say nothing. */
const WIDEST_GAP = 340;

/** How far left of its axis the first title begins. */
const FIRST_TITLE = 42;

const QUALITIES = 5;

/**
 * Each trial as a line through its value of every hyperparameter to what it has reached, on the last axis.
 * @param trials best first
 * @param axes at least one
 */
export function parallelCoordinates(
  trials: readonly DrawnTrial[],
  axes: readonly DrawnAxis[],
  objective: DrawnObjective,
  { width, height }: { width: number; height: number },
): Html {
  const placed = trials.filter(isPlaced);
  const gap = Math.min(WIDEST_GAP, (width - SIDE.left - SIDE.right) / axes.length);
  const left = (width - gap * axes.length + SIDE.left - SIDE.right) / 2;
  const x = (axis: number) => at(left + axis * gap);
  const letters = (room: number) => Math.max(6, Math.floor((room - 8) / LETTER));
  const titles = [...axes.map(({ name }) => name), objective.name].map((name, a) =>
    wrapped(name, letters(a === 0 ? FIRST_TITLE + gap / 2 : gap)),
  );
  const top = Math.max(...titles.map((lines) => lines.length)) * LINE_HEIGHT + 16;
  const bottom = height - 14;
  const y = (coordinate: number) => bottom - coordinate * (bottom - top);
  const last = scaleOf(placed, objective, { top, bottom });
  const path = (trial: DrawnTrial) => {
    const corners = axes.map((_, a) => `${x(a)},${at(y(spreadPlace(trial, axes, a)))}`);
    const end = last.place(trial.state === 'failed' ? null : trial.value);
    return `M${[...corners, `${x(axes.length)},${at(end)}`].join('L')}`;
  };
  const { named, crowd } = namedAndCrowd(placed);
  const quality = qualities(placed);
  const opacity = lineOpacity(named.length);
  const line = (trial: DrawnTrial) => {
    const { state, isBest, isDefaults } = trial;
    const rank = state === 'failed' ? '' : ` quality-${quality.get(trial)}`;
    const kind = `${state}${rank}${isDefaults ? ' defaults' : ''}${isBest ? ' best' : ''}`;
    const strength = isBest || isDefaults ? 1 : state === 'completed' ? opacity : opacity * 0.5;
    return html`<path class="trial-line ${kind}" opacity="${at(strength)}" d="${path(trial)}"><title>${trialSentence(trial, axes)}</title></path>`;
  };
  return html`<svg class="chart parallel" viewBox="0 0 ${width} ${height}" role="img" aria-label="${description(placed, axes, objective)}">
${stripMarks(last, x(axes.length) - 10, x(axes.length) + 74)}
${crowdLines(crowd, quality, path)}
${bestOnTop(named).map(line)}
${axes.map(
  ({ ticks }, a) => html`<line class="axis-line" x1="${x(a)}" x2="${x(a)}" y1="${top}" y2="${bottom}"/>
${ticks.map(([coordinate, label]) => tick(x(a), y(coordinate), label))}`,
)}
<line class="axis-line" x1="${x(axes.length)}" x2="${x(axes.length)}" y1="${top}" y2="${bottom}"/>
${last.ticks.map(([place, label]) => tick(x(axes.length), place, label))}
${last.strips.map(({ from, to, label }) => tick(x(axes.length), (from + to) / 2, label))}
${titles.map((lines, a) => axisTitle(lines, x(a), a === 0 ? 'start' : 'middle'))}
</svg>`;
}

const tick = (x: number, y: number, label: string) =>
  html`<path class="axis" d="M${at(x - 3)},${at(y)}h6"/><text class="value" x="${at(x + 7)}" y="${at(y + 4)}">${label}</text>`;

/** Titles end at the same height, above their axes. */
function axisTitle(lines: string[], x: number, anchor: 'start' | 'middle'): Html {
  const edge = anchor === 'start' ? x - FIRST_TITLE : x;
  const rows = lines.map(
    (text, i) => html`<tspan x="${at(edge)}" dy="${i === 0 ? 0 : LINE_HEIGHT}">${text}</tspan>`,
  );
  return html`<text class="axis-title" y="14" text-anchor="${anchor}">${rows}</text>`;
}

function crowdLines(
  crowd: readonly DrawnTrial[],
  quality: Map<DrawnTrial, number>,
  path: (trial: DrawnTrial) => string,
): Html[] {
  const kindOf = (trial: DrawnTrial) =>
    trial.state === 'failed' ? 'failed' : `quality-${quality.get(trial)}`;
  const kinds = ['failed', ...Array.from({ length: QUALITIES }, (_, q) => `quality-${q}`)];
  return kinds.map((kind) => {
    const paths = crowd.filter((trial) => kindOf(trial) === kind).map(path);
    return paths.length === 0
      ? html``
      : html`<path class="trial-line ${kind}" opacity="${crowdOpacity(crowd.length)}" d="${paths.join('')}"/>`;
  });
}

/** From 0, the worst fifth of the trials, to 4, the best one; those that failed are among the worst. */
function qualities(trials: readonly DrawnTrial[]): Map<DrawnTrial, number> {
  return new Map(
    trials.map((trial, i) => [trial, QUALITIES - 1 - Math.floor((i / trials.length) * QUALITIES)]),
  );
}

/** Broken after underscores and spaces. */
function wrapped(name: string, letters: number): string[] {
  const lines: string[] = [];
  for (const part of name.match(/[^_ ]+[_ ]*|[_ ]+/g) ?? []) {
    const last = lines.length - 1;
    if (last >= 0 && lines[last].length + part.trimEnd().length <= letters) lines[last] += part;
    else lines.push(part);
  }
  return lines;
}

function description(
  trials: readonly DrawnTrial[],
  axes: readonly DrawnAxis[],
  { name }: DrawnObjective,
): string {
  const best = trials.find(({ isBest }) => isBest);
  const found = best
    ? `; the best has ${axes.map((axis, a) => `${axis.name} ${best.texts[a]}`).join(', ')}`
    : '';
  return `Settings of ${trials.length} trials and the ${name} of each${found}`;
}
