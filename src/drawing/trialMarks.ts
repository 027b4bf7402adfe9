import { at, type Tick } from './chart.ts';
import { type Html, html } from './html.ts';
import { type Direction, type ObjectiveScale, objectiveScale, type ScaledValues } from './objectiveScale.ts';

/** A training of a search, as pictures show it. A axes. */
export interface DrawnTrial {
  /** from 1 */
  trial: number;
  state: 'running' | 'completed' | 'stopped' | 'failed';
  isBest: boolean;
  /** whether its setting is that of the product's defaults */
  isDefaults: boolean;
  /** the objective at the end of its training; null where there is none: it failed, or has just begun */
  value: number | null;
  /** as it is written */
  valueText: string;
  /** the objective after each epoch that it was trained */
  values: readonly number[];
  /** seconds after the begin of the search; null while it runs */
  ended: number | null;
  /** where it lies on each axis, from 0 to 1 */
  point: readonly number[]; // (A)
  /** the values there, as they are written */
  texts: readonly string[]; // (A)
}

/** A hyperparameter that was searched. */
export interface DrawnAxis {
  name: string;
  /** coordinates from 0 to 1 */
  ticks: readonly Tick[];
  /** how many values it has, where they are few: trials with the same one are then drawn beside each other; null: many */
  values: number | null;
}

export interface DrawnObjective {
  /** `discriminator_auc` */
  name: string;
  /** a few words */
  title: string;
  direction: Direction;
}

/** So many trials have marks with a title of their own; of more, the rest are drawn together. */
export const NAMED_TRIALS = 300;

/** @param trials best first */
export function namedAndCrowd(trials: readonly DrawnTrial[]): { named: DrawnTrial[]; crowd: DrawnTrial[] } {
  const isNamed = (trial: DrawnTrial, i: number) => i < NAMED_TRIALS || trial.isDefaults || trial.isBest;
  return { named: trials.filter(isNamed), crowd: trials.filter((trial, i) => !isNamed(trial, i)) };
}

/** In the order of drawing: better ones on top, then the defaults, the best above all. @param trials best first */
export function bestOnTop(trials: readonly DrawnTrial[]): DrawnTrial[] {
  const height = ({ isBest, isDefaults }: DrawnTrial) => (isBest ? 2 : isDefaults ? 1 : 0);
  return trials.toReversed().sort((a, b) => height(a) - height(b));
}

/** Opacity of one among so many marks or lines: where they lie upon each other, it still shows how many they are. */
export function crowdOpacity(count: number): number {
  return at(Math.max(0.12, Math.min(0.9, (100 / Math.max(1, count)) ** 0.5)));
}

/** Opacity of one line among so many, which cross each other more than marks do. */
export function lineOpacity(count: number): number {
  return at(Math.max(0.1, Math.min(0.9, (40 / Math.max(1, count)) ** 0.7)));
}

/** Radius of a mark among so many. */
export function markRadius(count: number): number {
  return count <= 120 ? 4.5 : count <= 500 ? 3.6 : 2.6;
}

/** The axis of what trials have reached. It is made for those that were trained to their end, and for the defaults. */
export function scaleOf(
  trials: readonly DrawnTrial[],
  { direction }: DrawnObjective,
  ends: { top: number; bottom: number },
): ObjectiveScale {
  const valuesOf = (some: readonly DrawnTrial[]) =>
    some.map(({ value }) => value).filter((value): value is number => value !== null);
  const values: ScaledValues = {
    all: valuesOf(trials),
    main: valuesOf(trials.filter(({ state }) => state === 'completed')),
    marked: trials.find(({ isDefaults }) => isDefaults)?.value ?? null,
  };
  return objectiveScale(
    values,
    direction,
    trials.some(({ state }) => state === 'failed'),
    ends,
  );
}

/** Whether a trial has a place on the axis of the objective: one that has just begun has none. */
export const isPlaced = ({ state, value }: DrawnTrial) => value !== null || state === 'failed';

/** Ticks of the axis of the objective for `framedChart`, where places are reckoned already. */
export function objectiveAxis({ ticks, strips }: ObjectiveScale, title: string) {
  const names = strips.map(({ from, to, label }): Tick => [(from + to) / 2, label]);
  return { scale: (place: number) => place, ticks: [...ticks, ...names], title };
}

export function stripMarks({ strips }: ObjectiveScale, left: number, right: number): Html[] {
  return strips.map(
    ({ from, to }) =>
      html`<rect class="strip" x="${left}" y="${at(from)}" width="${at(right - left)}" height="${at(to - from)}"/>`,
  );
}

/** User units of a letter of a title. */
const TITLE_LETTER = 8;

/** `AUC against random addresses (higher is better)`, or less where there is less room. */
export function titleOf({ name, title, direction }: DrawnObjective, room: number): string {
  const better = `(${direction === 'maximise' ? 'higher' : 'lower'} is better)`;
  const texts = [`${title} ${better}`, `${name} ${better}`, title];
  return texts.find((text) => text.length * TITLE_LETTER <= room) ?? name;
}

/** What a trial says to those who point at it. */
export function trialSentence(
  { trial, state, valueText, values, texts, isBest, isDefaults }: DrawnTrial,
  axes: readonly DrawnAxis[],
): string {
  const who = `trial ${trial}${isBest ? ', the best' : ''}${isDefaults ? ', the defaults' : ''}`;
  const epochs = values.length === 1 ? '1 epoch' : `${values.length} epochs`;
  const settings = axes.map(({ name }, a) => `${name} ${texts[a]}`).join(', ');
  return `${who}: ${valueText}, ${state} after ${epochs}${settings === '' ? '' : `; ${settings}`}`;
}

/** Where a trial is drawn on an axis of few values: beside others that have the same one. */
export function spreadPlace({ trial, point }: DrawnTrial, axes: readonly DrawnAxis[], axis: number): number {
  const { values } = axes[axis];
  if (values === null) return point[axis];
  // Multiples of the golden ratio leave no two of a stretch together.
  const golden = (trial * 0.6180339887) % 1;
  return point[axis] + ((golden - 0.5) * 0.36) / values;
}

const cross = (r: number) => `m${-r},${-r}l${2 * r},${2 * r}m0,${-2 * r}l${-2 * r},${2 * r}`;
const diamond = (r: number) => `m0,${-r}l${r},${r}l${-r},${r}l${-r},${-r}z`;
const square = (r: number) => `m${-r},${-r}h${2 * r}v${2 * r}h${-2 * r}z`;
const circle = (r: number) => `m${-r},0a${r},${r} 0 1 0 ${2 * r},0a${r},${r} 0 1 0 ${-2 * r},0z`;

/** The outline of a trial around where the pen is: states differ by shape, as colours are not seen by everybody. */
function shapeOf({ state, isDefaults }: Pick<DrawnTrial, 'state' | 'isDefaults'>, radius: number): string {
  const round = (r: number) => at(r);
  if (state === 'failed') return cross(round(radius * 0.85));
  if (isDefaults) return square(round(radius * 1.2));
  return state === 'stopped' ? diamond(round(radius * 1.2)) : circle(round(radius));
}

const classOf = ({ state, isBest, isDefaults }: Pick<DrawnTrial, 'state' | 'isBest' | 'isDefaults'>) =>
  `trial ${state}${isBest ? ' best' : ''}${isDefaults ? ' defaults' : ''}`;

/** @param sentence its title */
export function trialMark(
  trial: DrawnTrial,
  { x, y, radius }: { x: number; y: number; radius: number },
  sentence: string,
): Html {
  const size = trial.isBest
    ? Math.max(5.5, radius * 1.35)
    : trial.isDefaults
      ? Math.max(4.5, radius)
      : radius;
  return html`<path class="${classOf(trial)}" d="M${at(x)},${at(y)}${shapeOf(trial, size)}"><title>${sentence}</title></path>`;
}

/** Marks of many trials, one path for each state. */
export function crowdMarks(
  trials: readonly DrawnTrial[],
  placeOf: (trial: DrawnTrial) => { x: number; y: number },
): Html[] {
  const radius = markRadius(trials.length + NAMED_TRIALS);
  const states = ['failed', 'stopped', 'running', 'completed'] as const;
  return states.map((state) => {
    const shapes = trials
      .filter((trial) => trial.state === state)
      .map((trial) => {
        const { x, y } = placeOf(trial);
        return `M${at(x)},${at(y)}${shapeOf(trial, radius)}`;
      });
    return shapes.length === 0
      ? html``
      : html`<path class="trial ${state}" opacity="${crowdOpacity(trials.length)}" d="${shapes.join('')}"/>`;
  });
}

/** The sign of a kind of trials, for legends. */
export function markSample(kind: Pick<DrawnTrial, 'state' | 'isBest' | 'isDefaults'>): Html {
  return html`<svg class="dot" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path class="${classOf(kind)}" d="M8,8${shapeOf(kind, kind.isBest ? 5.5 : 4.5)}"/></svg>`;
}

const LIGHT =
  '--best:#c24e00;--stopped:#6b7480;--defaults:#00704f;--quality-0:#b3bcc6;--quality-1:#93a9bf;--quality-2:#5f95c0;--quality-3:#2a7ab8;--quality-4:#004f8a';
const DARK =
  '--best:#ff9a52;--stopped:#98a3ae;--defaults:#3ecf9f;--quality-0:#4a535d;--quality-1:#4f6579;--quality-2:#4a80aa;--quality-3:#5aa6dc;--quality-4:#a5d8ff';

/** Beside `chartStyles`: completed blue, stopped grey, the best orange, the defaults green; good lines strong, bad ones pale. */
export const trialStyles = `
:root{${LIGHT}}
@media (prefers-color-scheme:dark){:root{${DARK}}}
@media print{:root{${LIGHT}}}
.chart .strip{fill:var(--panel,#f5f7f9)}
.trial{stroke-width:1.5}
.trial.completed{fill:var(--mixture);stroke:var(--paper,#fff);stroke-width:.8}
.trial.stopped{fill:var(--paper,#fff);stroke:var(--stopped);stroke-width:1.4}
.trial.running{fill:var(--paper,#fff);stroke:var(--mixture)}
.trial.failed{fill:none;stroke:var(--mark);stroke-width:2}
.trial.defaults{stroke:var(--defaults);stroke-width:2}
.trial.defaults.completed{fill:var(--defaults);stroke:var(--paper,#fff);stroke-width:1}
.trial.best.completed{fill:var(--best);stroke:var(--paper,#fff);stroke-width:1.2}
.best-so-far{fill:none;stroke:var(--best);stroke-width:1.8}
.chart text.best-label,.chart text.defaults-label{font-weight:600;stroke:var(--paper,#fff);stroke-width:4;paint-order:stroke}
.chart text.best-label{fill:var(--best)}
.chart text.defaults-label{fill:var(--defaults)}
.trial-line{fill:none;stroke-width:1.4;stroke-linejoin:round}
.trial-line:hover{stroke:var(--ink,#000);stroke-width:3;opacity:1}
.trial-line.completed{stroke:var(--mixture)}
.trial-line.stopped,.trial-line.running{stroke:var(--stopped)}
.trial-line.failed{stroke:var(--mark);stroke-dasharray:3 4}
${[0, 1, 2, 3, 4].map((q) => `.trial-line.quality-${q}{stroke:var(--quality-${q})}`).join('')}
.trial-line.defaults{stroke:var(--defaults);stroke-width:2.4;stroke-dasharray:8 3}
.trial-line.best{stroke:var(--best);stroke-width:3.2;stroke-dasharray:none}
.parallel .axis-line{stroke:var(--axis);stroke-width:1.2}
.parallel text.value{fill:var(--ink,#1b1f24);stroke:var(--paper,#fff);stroke-width:3.5;paint-order:stroke;font-size:12px}
.parallel .axis-title{font-weight:600;font-size:12px}
.importance .bar{fill:var(--mixture)}
.importance .bar-ground{fill:var(--panel,#f5f7f9)}
.importance text.name{fill:var(--ink,#1b1f24)}
.dot{flex:none;width:16px;height:16px}
`;
