import { distributionChart } from '../../drawing/distributionChart.ts';
import { Html, html } from '../../drawing/html.ts';
import { lineSample, rocChart } from '../../drawing/rocChart.ts';
import { trainingChart } from '../../drawing/trainingChart.ts';
import { distributionOf, UNBINNED_SHARE } from '../distribution.ts';
import type { Comparison, Evaluation, ThresholdTable } from '../evaluation.ts';
import { amount, anomalyText, area, attacksText, chosenSentence, percent } from '../sentences.ts';
import { reportStyles } from './styles.ts';
import {
  calibrationTable,
  honestKindsTable,
  modelCardTable,
  qualityTable,
  strangestTable,
  thresholdsTable,
  wide,
} from './tables.ts';

const LARGE = { width: 1000, height: 460 };
const MEDIUM = { width: 500, height: 330 };
const SMALL = { width: 340, height: 230 };

/**
 * The evaluation as one HTML page: no script, no network, light and dark, fit for printing. Whatever comes from data is
 * escaped.
 */
export function renderReport(evaluation: Evaluation, thresholds: ThresholdTable): string {
  const { names, comparisons, notes } = evaluation;
  const attacks = comparisons.filter(({ honestKind }) => honestKind === null);
  const byHonestKind = comparisons.filter(({ honestKind }) => honestKind !== null);
  const titles = new Map<string, string>(evaluation.detectors.map(({ id, title }) => [id, title]));
  const { threshold } = thresholds.chosen;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>Evaluation of ${names.model}</title><style>${new Html(reportStyles)}</style></head><body><main>
<h1>Evaluation of ${names.model}</h1>
<p class="soft">${measuredOn(evaluation)}</p>
${headline(evaluation, thresholds)}
${notes.length > 0 ? html`<div class="notes">${notes.map((note) => html`<p>${note}</p>`)}</div>` : ''}

<h2>Attacks caught against honest events flagged</h2>
<p>Each point of a curve is a threshold: how many attacks it catches (up), and how many honest events it flags on the way (right). Nearer to the upper left is better.${titles.has('oracle') ? ' The oracle knows how the log was simulated: it is the limit that no detector can pass.' : ''}</p>
${rocFigure(evaluation, thresholds, attacks[0], titles, LARGE)}
<div class="pair">${attacks.slice(1).map((comparison) => rocFigure(evaluation, thresholds, comparison, titles, MEDIUM))}</div>

<h2>What the threshold separates</h2>
${distributionFigure(attacks[0], threshold)}

<h2>Thresholds to choose from</h2>
${thresholdsTable(evaluation, thresholds)}
<p class="soft">“Nominal” is measured on the events that the threshold was set on, “actual” on ${amount(evaluation.honest.evaluation.length)} others, so only the second is a promise. Precision is the share of alerts that are attacks if attacks were as many as honest events, as in this sample; in real traffic attacks are rare, and most alerts are false alarms. A false-positive rate is over honest events, not over alerts.</p>

${calibrationSection(evaluation)}

<h2>All figures</h2>
<p>AUC is how often an attack is stranger than an honest event (ties count half). TPR, the true-positive rate or recall, is the share of attacks caught; FPR, the false-positive rate, the share of honest events flagged. Nothing is interpolated: a detector with few operating points, such as “new address”, may stay far from a rate.</p>
${attacks.map(
  (comparison) =>
    html`<h3>${comparison.title} <span class="soft">(${amount(comparison.attackEvents)} attacks, ${amount(comparison.honestEvents)} honest events)</span></h3>${qualityTable(comparison, titles)}`,
)}
${byHonestKind.length > 0 ? html`<h3>AUC by kind of honest events</h3>${honestKindsTable(byHonestKind, titles)}` : ''}

<h2>The strangest honest events</h2>
<p>What a team would find at the top of its list on a day without attacks: the strangest event of each of ${amount(evaluation.strangestHonest.length)} accounts.</p>
${strangestTable(evaluation.strangestHonest, threshold)}
<h2>The strangest attacks</h2>
<p>The strangest event of each account among ${attacksText(attacks[0])}.</p>
${strangestTable(evaluation.strangestAttacks, threshold)}

<h2>The model</h2>
${trainingFigures(evaluation)}
${modelCardTable(evaluation.card)}
<h3>The detectors</h3>
<dl class="terms">${evaluation.detectors.map(({ title, meaning }) => html`<dt>${title}</dt><dd>${meaning}</dd>`)}</dl>
<h3>The inputs</h3>
${inputs(evaluation)}
</main></body></html>
`.text;
}

function calibrationSection({ calibration, honest }: Evaluation): Html {
  if (!calibration) return html``;
  return html`<h2>Do p-values keep their word?</h2>
<p>A p-value of 1 % should be passed by 1 % of honest events, whatever is known of the account. Measured on all honest test events, not on the ${amount(honest.evaluation.length)} of the sample; shares of few events, or of few accounts with many, move by chance.</p>
${calibrationTable(calibration)}`;
}

function measuredOn({ names, honest, test, labelled, train, seed }: Evaluation): string {
  const source = test
    ? `${amount(test.eventsOfKnownAccounts)} honest events in ${names.test}`
    : `${amount(labelled!.honest)} honest events in ${names.labelled}`;
  return `Measured on ${amount(honest.evaluation.length)} of ${source}; thresholds set on others. Baselines learned from ${amount(train.events)} events in ${names.train}. Seed ${seed}.`;
}

function headline(evaluation: Evaluation, thresholds: ThresholdTable): Html {
  const [main] = evaluation.comparisons;
  const { chosen } = thresholds;
  const [model] = main.detectors;
  const oracle = main.detectors.find(({ detector }) => detector === 'oracle');
  const daily = chosen.falseAlarmsPerDay;
  return html`<div class="tiles">
<div class="tile"><b>${percent(chosen.effects[0].truePositiveRate)}</b><span>of ${attacksText(main)} are caught at the chosen threshold</span></div>
<div class="tile"><b>${percent(chosen.actualFalsePositiveRate)}</b><span>of honest events are flagged by it${daily === null ? '' : `: about ${amount(daily)} false alarms a day`}</span></div>
<div class="tile"><b>${area(model.areaUnderCurve)}</b><span>AUC: how often an attack looks stranger than an honest event${oracle ? ` (best possible here: ${area(oracle.areaUnderCurve)})` : ''}</span></div>
<div class="tile"><b>${area(evaluation.discriminatorAuc)}</b><span>discriminator_auc: the same against random addresses, as AWS reports it</span></div>
</div>
<p class="headline">${chosenSentence(evaluation, thresholds)}</p>
<p class="headline">${comparedSentence(main)}</p>`;
}

/** The price of catching nearly all attacks, next to what it costs without learning. */
function comparedSentence(comparison: Comparison): string {
  const cost = (detector: string) => {
    const quality = comparison.detectors.find((one) => one.detector === detector);
    const point = quality?.atTruePositiveRate.find(({ limit }) => limit === 0.99);
    return point && percent(point.falsePositiveRate);
  };
  const oracle = cost('oracle');
  return `To catch at least 99 % of ${attacksText(comparison)}, the model flags ${cost('mixture')} of honest events. The rule “flag every new /24” flags ${cost('new_network')}, “flag every new address” ${cost('new_address')}${oracle ? `; the best possible detector ${oracle}` : ''}.`;
}

function rocFigure(
  evaluation: Evaluation,
  { chosen }: ThresholdTable,
  comparison: Comparison,
  titles: Map<string, string>,
  size: { width: number; height: number },
): Html {
  const { attacker, title, detectors, honestEvents } = comparison;
  const effect = chosen.effects.find((one) => one.attacker === attacker)!;
  const curves = detectors.map(({ detector, roc }) => ({ detector, points: roc }));
  const ranked = detectors.toSorted((a, b) => b.areaUnderCurve - a.areaUnderCurve);
  const point = { ...effect, threshold: chosen.threshold };
  return html`<figure><h3>Against ${title}</h3>
${wide(rocChart(curves, Math.min(honestEvents, evaluation.honest.evaluation.length), point, size))}
<ul class="legend">${ranked.map(
    ({ detector, areaUnderCurve }) =>
      html`<li>${lineSample(detector)} ${titles.get(detector)!} <b>${area(areaUnderCurve)}</b></li>`,
  )}</ul></figure>`;
}

function distributionFigure(comparison: Comparison, threshold: number): Html {
  const { model } = comparison;
  return html`<figure>${wide(distributionChart(distributionOf(model), threshold, LARGE))}
<ul class="legend"><li><svg class="swatch" viewBox="0 0 26 14" aria-hidden="true"><rect class="honest-area" x="1" y="1" width="24" height="12"/></svg> honest events</li>
<li><svg class="swatch" viewBox="0 0 26 14" aria-hidden="true"><rect class="attack-area" x="1" y="1" width="24" height="12"/></svg> ${attacksText(comparison)}</li></ul>
<figcaption>Everything at or right of the threshold (${anomalyText(threshold)}) is flagged. Honest events there are false alarms, such as journeys; attacks left of it are missed. The outermost ${percent(UNBINNED_SHARE)} at either end are not drawn.</figcaption></figure>`;
}

function trainingFigures({ card }: Evaluation): Html {
  const { history } = card;
  if (history.length === 0) return html``;
  const aucs = history.map(({ discriminatorAuc }) => discriminatorAuc);
  const complete = aucs.every((value) => value !== null);
  return html`<div class="triple">
${trainingChart(
  history.map(({ crossEntropyNats }) => crossEntropyNats),
  'cross entropy (nats)',
  SMALL,
)}
${trainingChart(
  history.map(({ accuracy }) => accuracy),
  'accuracy',
  SMALL,
)}
${complete ? trainingChart(aucs as number[], 'discriminator AUC', SMALL) : html`<p class="soft">No discriminator AUC after each epoch: the model was trained without --validation.</p>`}
</div>`;
}

function inputs({ names, ranges, test, labelled, traffic }: Evaluation): Html {
  const rows: [string, string | null][] = [
    ['model', names.model],
    ['training events', names.train],
    ['test events', names.test],
    ['of known accounts', test && `${amount(test.eventsOfKnownAccounts)} of ${amount(test.events)}`],
    [
      'honest traffic',
      traffic && `${amount(traffic.eventsPerDay)} events a day over ${traffic.days.toFixed(1)} days`,
    ],
    ['labelled events', names.labelled],
    [
      'of known accounts',
      labelled && `${amount(labelled.honest)} honest, ${amount(labelled.attacks)} attacks`,
    ],
    ['ranges', ranges && `${ranges.name} (${amount(ranges.count)} ranges)`],
    ['truth', names.truth],
    ['countries', names.country],
    ['attack lists', names.attack_lists],
  ];
  return html`<dl class="card">${rows
    .filter((row): row is [string, string] => row[1] !== null)
    .map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}
