import { type Html, html } from '../../drawing/html.ts';
import { wide } from '../../evaluate/report/tables.ts';
import { amount } from '../../evaluate/sentences.ts';
import { ruleOf } from '../searchSpace.ts';
import { bestFirst, objectiveOf } from '../trialFigures.ts';
import type { JudgedTable, ObjectiveText, TrialResult, TuningResult } from '../tuningResult.ts';
import { durationText, gain, numberText, objectiveText } from './sentences.ts';

const CHOSEN = html` class="chosen"`;

/** So many trials are shown at once; the others are folded. */
export const UNFOLDED_TRIALS = 50;

/** Validation and test beside each other, for the best and the defaults, by both detectors. */
export function judgedTable({ objectives, rows }: JudgedTable, { data }: TuningResult): Html {
  const pairs = new Map<string, { model: string; detector: string; of: Map<string, (number | null)[]> }>();
  for (const { model, detector, data: events, values } of rows) {
    const key = JSON.stringify([model, detector]);
    const pair = pairs.get(key) ?? { model, detector, of: new Map() };
    pair.of.set(events, values);
    pairs.set(key, pair);
  }
  const cell = (value: number | null | undefined) =>
    html`<td>${value === null || value === undefined ? '–' : objectiveText(value)}</td>`;
  return wide(html`<table class="judged"><thead>
<tr><th rowspan="2" scope="col">model</th><th rowspan="2" scope="col" class="text">judged by</th>
${objectives.map(({ name, direction }) => html`<th colspan="2" scope="colgroup">${name}<small>${direction === 'maximise' ? 'higher' : 'lower'} is better</small></th>`)}</tr>
<tr>${objectives.map(() => html`<th scope="col">${data.validation.name}<small>seen by the search</small></th><th scope="col">${data.test?.name ?? 'test'}<small>never seen</small></th>`)}</tr>
</thead><tbody>${[...pairs.values()].map(
    ({ model, detector, of }) =>
      html`<tr${model === 'the best' ? CHOSEN : ''}><th scope="row">${model}</th><td class="text"><code>${detector}</code></td>
${objectives.map((_, i) => [cell(of.get('validation')?.[i]), cell(of.get('test')?.[i])])}</tr>`,
  )}</tbody></table>`);
}

/** The best setting beside the defaults and what was searched. */
export function settingTable({ dimensions, fixed, trials, best, defaults }: TuningResult): Html {
  const found = trials.find(({ trial }) => trial === best);
  const usual = trials.find(({ trial }) => trial === defaults);
  const fixedNames = Object.keys(fixed) as (keyof typeof fixed)[];
  const valueCell = (trial: TrialResult | undefined, name: keyof typeof fixed) => {
    const value = trial?.setting[name];
    return html`<td>${value === undefined ? '–' : numberText(value)}</td>`;
  };
  return wide(html`<table class="setting"><thead><tr><th scope="col">hyperparameter</th>
${found ? html`<th scope="col">the best</th>` : ''}${usual ? html`<th scope="col">the defaults</th>` : ''}<th scope="col" class="text">searched</th></tr></thead>
<tbody>${dimensions.map((dimension) => {
    const { name } = dimension;
    const range =
      dimension.kind === 'choice'
        ? dimension.values.map(numberText).join(', ')
        : `${numberText(dimension.minimum)} to ${numberText(dimension.maximum)}${dimension.scale === 'log' ? ', logarithmic' : ''}`;
    return html`<tr><th scope="row">${ruleOf(name).awsName}</th>${found ? valueCell(found, name) : ''}${usual ? valueCell(usual, name) : ''}<td class="text">${range}</td></tr>`;
  })}
${fixedNames
  .filter((name) => fixed[name] !== undefined)
  .map((name) => {
    const value = html`<td>${numberText(fixed[name]!)}</td>`;
    return html`<tr><th scope="row">${ruleOf(name).awsName}</th>${found ? value : ''}${usual ? value : ''}<td class="text">${found || usual ? 'no' : `no: ${numberText(fixed[name]!)}`}</td></tr>`;
  })}</tbody></table>`);
}

/** All trials, best first; many are folded. */
export function trialsTable(result: TuningResult): Html {
  const ordered = bestFirst(result.trials, result.objective);
  const first = ordered.slice(0, UNFOLDED_TRIALS);
  const rest = ordered.slice(UNFOLDED_TRIALS);
  return html`${oneTrialsTable(first, result)}${
    rest.length === 0
      ? ''
      : html`<details><summary>${rest.length === 1 ? 'The other trial' : `The other ${amount(rest.length)} trials`}</summary>${oneTrialsTable(rest, result)}</details>`
  }`;
}

function oneTrialsTable(trials: readonly TrialResult[], result: TuningResult): Html {
  const { dimensions, objective, best, defaults } = result;
  const row = (trial: TrialResult) => {
    const value = objectiveOf(trial);
    const isBest = trial.trial === best;
    const badges = [
      isBest ? html` <span class="badge">best</span>` : '',
      trial.trial === defaults ? html` <span class="badge">defaults</span>` : '',
    ];
    return html`<tr${isBest ? CHOSEN : ''}><th scope="row">${trial.trial}${badges}</th><td>${value === null ? '–' : objectiveText(value)}</td>
${dimensions.map(({ name }) => html`<td>${numberText(trial.setting[name]!)}</td>`)}
<td>${trial.values.length} of ${amount(trial.epochs)}</td><td>${trial.seconds.length === 0 ? '–' : durationText(trial.seconds.at(-1)!)}</td><td class="text state">${stateText(trial)}${trial.state === 'failed' ? html`<small>${trial.reason ?? ''}</small>` : ''}</td></tr>`;
  };
  return wide(html`<table class="trials${dimensions.length > FEW_DIMENSIONS ? ' many' : ''}"><thead><tr><th scope="col">trial</th><th scope="col">${broken(objective.name)}</th>
${dimensions.map(({ name }) => html`<th scope="col">${broken(ruleOf(name).awsName)}</th>`)}
<th scope="col">epochs trained</th><th scope="col">time</th><th scope="col" class="text">state</th></tr></thead>
<tbody>${trials.map(row)}</tbody></table>`);
}

/** With more columns the table takes smaller letters. */
const FEW_DIMENSIONS = 5;

/** Long names of columns may break after their underscores. */
const broken = (name: string) =>
  name.split('_').flatMap((part, i) => (i === 0 ? [part] : ['_', html`<wbr>`, part]));

const stateText = ({ state }: TrialResult) =>
  ({ completed: 'completed', stopped: 'stopped early', running: 'not ended', failed: 'failed' })[state];

/** How much better the best is than another value, as a share of the error that is left there; null: not better. */
export function errorRemoved(objective: ObjectiveText, better: number, other: number): number | null {
  const error = objective.direction === 'maximise' ? 1 - other : other;
  const won = gain(objective, better, other);
  return error > 0 && error <= 1 && won > 0 ? won / error : null;
}
