import { curvesChart } from '../../drawing/curvesChart.ts';
import { Html, html } from '../../drawing/html.ts';
import { importanceChart } from '../../drawing/importanceChart.ts';
import { parallelCoordinates } from '../../drawing/parallelCoordinates.ts';
import { sliceChart } from '../../drawing/sliceChart.ts';
import {
  type DrawnAxis,
  type DrawnTrial,
  markSample,
  NAMED_TRIALS,
  trialStyles,
} from '../../drawing/trialMarks.ts';
import { trialsChart } from '../../drawing/trialsChart.ts';
import { counted } from '../../errors.ts';
import { reportStyles } from '../../evaluate/report/styles.ts';
import { wide } from '../../evaluate/report/tables.ts';
import { amount, percent } from '../../evaluate/sentences.ts';
import { ruleOf } from '../searchSpace.ts';
import { countStates, epochCounts, objectiveOf, searchSeconds } from '../trialFigures.ts';
import type { TuningResult } from '../tuningResult.ts';
import { drawnAxes, drawnTrials } from './drawnTrials.ts';
import { durationText, headlines, judgedValue, objectiveText, trainCommand } from './sentences.ts';
import { errorRemoved, judgedTable, settingTable, trialsTable } from './tables.ts';

const LARGE = { width: 1000, height: 430 };
const SMALL = { width: 340, height: 250 };

/**
 * A search as one HTML page of a piece with the evaluation's report: no script, no network, light and dark, fit for
 * printing. Whatever comes from data is escaped.
 */
export function renderTuningReport(result: TuningResult): string {
  const { data, notes } = result;
  const title = `Hyperparameter search on ${data.train.name}`;
  const axes = drawnAxes(result);
  const trials = drawnTrials(result);
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>${title}</title><style>${new Html(reportStyles + trialStyles + tuningStyles)}</style></head><body><main>
<h1>${title}</h1>
<p class="soft">${searchSentence(result)}</p>
${tiles(result)}
${headlines(result).map((sentence) => html`<p class="headline">${sentence}</p>`)}
${notes.length > 0 ? html`<div class="notes">${notes.map((note) => html`<p>${note}</p>`)}</div>` : ''}
${bestSection(result)}
${result.trials.length > 0 ? pictures(result, trials, axes) : ''}
<h2>All trials</h2>
<p>Best first: those that were trained to their end, then those that were stopped early, whose values are of fewer epochs and cannot be compared with the others.</p>
${trialsTable(result)}
</main></body></html>
`.text;
}

function searchSentence(result: TuningResult): string {
  const { objective, strategy, earlyStopping, seed, workers, data } = result;
  const chooser = strategy === 'tpe' ? 'a tree-structured Parzen estimator (TPE)' : 'chance';
  const stopping = { asha: 'ASHA', hyperband: 'Hyperband', none: '' }[earlyStopping];
  const early = stopping === '' ? 'no trial was stopped early' : `${stopping} stopped what fell behind`;
  const test = data.test ? `, judged on ${data.test.name} (${amount(data.test.events)})` : '';
  return `Objective: ${objective.name}. ${objective.meaning} Trained on ${data.train.name} (${counted(data.train.events, 'event')}), chosen by ${data.validation.name} (${amount(data.validation.events)})${test}. Settings proposed by ${chooser}, ${early}; ${workers === 1 ? 'one trial' : `${workers} trials`} at a time, seed ${seed}.`;
}

function tiles(result: TuningResult): Html {
  const { objective, trials, data } = result;
  const best = trials.find(({ trial }) => trial === result.best);
  const counts = countStates(trials);
  const epochs = epochCounts(trials);
  const test = judgedValue(result, 'the best', 'test');
  const usual = judgedValue(result, 'the defaults', 'test');
  const removed = test !== null && usual !== null ? errorRemoved(objective, test, usual) : null;
  const states = [
    `${counts.completed} trained to the end`,
    ...(counts.stopped > 0 ? [`${counts.stopped} stopped early`] : []),
    ...(counts.failed > 0 ? [`${counts.failed} failed`] : []),
    ...(counts.running > 0 ? [`${counts.running} not ended`] : []),
  ];
  const share = epochs.whole > 0 ? epochs.trained / epochs.whole : 0;
  const name = objective.name;
  return html`<div class="tiles">
${best ? html`<div class="tile"><b>${objectiveText(objectiveOf(best)!)}</b><span>${name} of the best on ${data.validation.name}, by which it was chosen</span></div>` : ''}
${test === null ? '' : html`<div class="tile"><b>${objectiveText(test)}</b><span>the same on ${data.test?.name ?? 'test events'}, which the search never saw${usual === null ? '' : ` (the defaults: ${objectiveText(usual)}${removed === null ? '' : `; ${percent(removed)} less error`})`}</span></div>`}
<div class="tile"><b>${amount(trials.length)}</b><span>${trials.length === 1 ? 'trial' : 'trials'}: ${states.join(', ')}</span></div>
<div class="tile"><b>${durationText(searchSeconds(trials))}</b><span>for ${counted(epochs.trained, 'epoch')}, ${percent(share)} of those that all trials would have taken</span></div>
</div>`;
}

function bestSection(result: TuningResult): Html {
  const command = trainCommand(result);
  return html`<h2>${command === undefined ? 'The settings' : 'The best setting'}</h2>
${settingTable(result)}
${
  command === undefined
    ? ''
    : html`<p>This trains it again:</p>
<pre class="command"><code>${command.map((part, i) => (i === 0 ? part : html` <span>${part}</span>`))}</code></pre>`
}
${
  result.judged === null
    ? html`<p class="soft">${result.best === null ? 'There is no best trial to judge.' : 'Nothing has judged it but the events by which it was chosen: there was no test set.'}</p>`
    : html`<h3>Judged at the end</h3>
<p>The figures on ${result.data.validation.name} have chosen the best and flatter it; those on ${result.data.test?.name ?? 'test events'} are the ones to expect. <code>dot_product</code> is of the vectors alone, which the search has changed; <code>anomaly</code> is the default score, with history and mixture.</p>
${judgedTable(result.judged, result)}`
}`;
}

function pictures(result: TuningResult, trials: readonly DrawnTrial[], axes: readonly DrawnAxis[]): Html {
  const { objective, importance } = result;
  const isMany = trials.length > NAMED_TRIALS;
  const hasValues = trials.some(({ value }) => value !== null);
  if (!hasValues) return html``;
  const bars = importance.map(({ name, share }) => ({ name: ruleOf(name).awsName, share }));
  const better = objective.direction === 'maximise' ? 'Higher' : 'Lower';
  const strip = objective.direction === 'maximise' ? 'lower' : 'higher';
  return html`<h2>Trials over time</h2>
<p>Each mark is a trial, at the time when it ended and with what it had reached by then. ${better} is better. The line is the best so far of those that were trained to their end. The axis shows where good trials differ; what is much worse is squeezed into the strip “${strip}”, where there is one.</p>
<figure>${wide(trialsChart(trials, axes, objective, LARGE))}${legend(trials)}</figure>

<h2>Where good values lie</h2>
<p>One picture for each hyperparameter, each trial in all of them; upright is ${objective.name}, as above. Where marks rise to the good end over a part of the width only, good values lie there; where good ones are everywhere, the hyperparameter matters little. The search tries more where it was good: few marks tell little.</p>
<div class="triple slices">${axes.map((_, a) => html`<figure>${sliceChart(trials, axes, a, objective, SMALL)}</figure>`)}</div>
<h3>Importance</h3>
${
  importance.length === 0
    ? html`<p>Too few trials to say which hyperparameters matter.</p>`
    : html`<p>The share of the differences between settings that a hyperparameter explains alone, over all values that were searched. What is missing to 100 % is due to several at once.</p>
<figure>${wide(importanceChart(bars, 900))}</figure>`
}

<h2>Settings as a whole</h2>
<p>Each line is a trial: through its value of every hyperparameter, to what it has reached on the last axis. Strong lines are of the better trials, pale ones of the worse; those that were stopped early are fainter. Where strong lines run together, good settings agree.</p>
<figure>${wide(parallelCoordinates(trials, axes, objective, LARGE))}${lineLegend(trials)}</figure>

<h2>Learning curves</h2>
<p>What each trial had reached after each of its epochs; a mark stands where its training ended. A curve that still climbs at its end may want more epochs, one that turns back fewer.</p>
<figure>${wide(curvesChart(trials, axes, objective, LARGE))}${legend(trials.filter(({ values }) => values.length > 0))}
${isMany ? html`<figcaption>In all pictures the best ${NAMED_TRIALS} trials say who they are where the pointer rests; the other ${amount(trials.length - NAMED_TRIALS)} are drawn together.</figcaption>` : html`<figcaption>A mark or line says which trial it is where the pointer rests.</figcaption>`}</figure>`;
}

/** The signs of those kinds of trials that there are. */
function legend(trials: readonly DrawnTrial[]): Html {
  const plain = { isBest: false, isDefaults: false };
  const has = (state: DrawnTrial['state']) => trials.some((trial) => trial.state === state);
  const best = trials.some(({ isBest }) => isBest);
  const defaults = trials.find(({ isDefaults }) => isDefaults);
  const item = (sign: Html, text: string) => html`<li>${sign} ${text}</li>`;
  return html`<ul class="legend">
${best ? item(markSample({ state: 'completed', isBest: true, isDefaults: defaults?.isBest ?? false }), defaults?.isBest ? 'the defaults, which are the best' : 'the best') : ''}
${defaults && !defaults.isBest ? item(markSample({ state: defaults.state, isBest: false, isDefaults: true }), 'the defaults') : ''}
${has('completed') ? item(markSample({ state: 'completed', ...plain }), 'trained to the end') : ''}
${has('stopped') ? item(markSample({ state: 'stopped', ...plain }), 'stopped early') : ''}
${has('running') ? item(markSample({ state: 'running', ...plain }), 'not ended') : ''}
${has('failed') ? item(markSample({ state: 'failed', ...plain }), 'failed') : ''}</ul>`;
}

function lineLegend(trials: readonly DrawnTrial[]): Html {
  const item = (kind: string, text: string) =>
    html`<li><svg class="sample" viewBox="0 0 42 10" width="42" height="10" aria-hidden="true"><path class="trial-line ${kind}" d="M1,5H41"/></svg> ${text}</li>`;
  const defaults = trials.find(({ isDefaults }) => isDefaults);
  return html`<ul class="legend">${trials.some(({ isBest }) => isBest) ? item('best', 'the best') : ''}
${defaults && !defaults.isBest ? item('defaults', 'the defaults') : ''}
${trials.length > 2 ? [item('quality-4', 'best fifth'), item('quality-2', 'middle'), item('quality-0', 'worst fifth')] : ''}
${trials.some(({ state }) => state === 'failed') ? item('failed', 'failed') : ''}</ul>`;
}

/** What the report of an evaluation has no need of. */
const tuningStyles = `
.command{background:var(--panel);border:1px solid var(--rule);border-radius:8px;padding:10px 14px;white-space:pre-wrap;overflow-wrap:anywhere;margin:.6em 0}
.command span{white-space:nowrap}
.slices figure{margin:.3em 0}
.trials td.state{white-space:normal;min-width:12em}
.trials tbody th{white-space:nowrap}.trials.many tbody th{min-width:0}.trials.many td.state{min-width:9em}
details>summary{cursor:pointer;padding:.5em 0;font-weight:600}
@media print{details::details-content{content-visibility:visible}.command{break-inside:avoid}}
`;
