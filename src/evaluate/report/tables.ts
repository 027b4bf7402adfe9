import { type Html, type HtmlPart, html } from '../../drawing/html.ts';
import type { ModelCard } from '../../model/modelCard.ts';
import {
  type CalibrationRow,
  type Comparison,
  type DetectorQuality,
  type Evaluation,
  NOMINAL_RATES,
  type StrangeEvent,
  type Threshold,
  type ThresholdTable,
} from '../evaluation.ts';
import { amount, anomalyText, area, limitText, percent, ruleText } from '../sentences.ts';

/** Wide tables and pictures scroll in a box of their own, which the keyboard reaches. */
export function wide(content: HtmlPart): Html {
  return html`<div class="wide" tabindex="0">${content}</div>`;
}

/** Every threshold and what it does; the chosen one stands out. */
export function thresholdsTable({ comparisons }: Evaluation, { rows, chosen }: ThresholdTable): Html {
  const attacks = comparisons.filter(({ honestKind }) => honestKind === null);
  const hasDays = rows.some(({ falseAlarmsPerDay }) => falseAlarmsPerDay !== null);
  const row = (threshold: Threshold) => html`<tr${threshold === chosen ? CHOSEN : ''}>
<th scope="row">${ruleText(threshold.rule)}${threshold === chosen ? html` <span class="badge">chosen</span>` : ''}</th>
<td>${anomalyText(threshold.threshold)}</td>
<td>${percent(threshold.nominalFalsePositiveRate)}</td>
<td>${percent(threshold.actualFalsePositiveRate)}</td>
${hasDays ? html`<td>${threshold.falseAlarmsPerDay === null ? '–' : amount(threshold.falseAlarmsPerDay)}</td>` : ''}
${threshold.effects.map(
  ({ truePositiveRate, precisionAtEqualMix }) =>
    html`<td>${percent(truePositiveRate)}<small>${precisionAtEqualMix === null ? '–' : percent(precisionAtEqualMix)}</small></td>`,
)}</tr>`;
  return wide(html`<table class="thresholds${attacks.length > FEW_ATTACKS ? ' many' : ''}"><thead>
<tr><th rowspan="2" scope="col">Flag …</th><th rowspan="2" scope="col">where anomaly ≥</th>
<th colspan="2" scope="colgroup">honest events flagged</th>
${hasDays ? html`<th rowspan="2" scope="col">false alarms a day</th>` : ''}
<th colspan="${attacks.length}" scope="colgroup">recall (attacks caught)<small>precision, attacks : honest = 1 : 1</small></th></tr>
<tr><th scope="col">nominal</th><th scope="col">actual</th>${attacks.map(({ title }) => html`<th scope="col">${title}</th>`)}</tr>
</thead><tbody>${rows.map(row)}</tbody></table>`);
}

const CHOSEN = html` class="chosen"`;

/** With more columns the table takes smaller letters, to fit the page. */
const FEW_ATTACKS = 5;

/** All figures of every detector against one attack. */
export function qualityTable({ detectors }: Comparison, titles: Map<string, string>): Html {
  const [first] = detectors;
  const row = ({ detector, areaUnderCurve, atFalsePositiveRate, atTruePositiveRate }: DetectorQuality) =>
    html`<tr${detector === 'mixture' ? CHOSEN : ''}><th scope="row">${titles.get(detector)!}</th><td>${area(areaUnderCurve)}</td>
${atFalsePositiveRate.map(({ truePositiveRate }) => html`<td>${percent(truePositiveRate)}</td>`)}
${atTruePositiveRate.map(({ falsePositiveRate }) => html`<td>${percent(falsePositiveRate)}</td>`)}</tr>`;
  return wide(html`<table><thead>
<tr><th rowspan="2" scope="col">detector</th><th rowspan="2" scope="col">AUC</th>
<th colspan="${first.atFalsePositiveRate.length}" scope="colgroup">TPR where FPR is at most</th>
<th colspan="${first.atTruePositiveRate.length}" scope="colgroup">FPR where TPR is at least</th></tr>
<tr>${[...first.atFalsePositiveRate, ...first.atTruePositiveRate].map(({ limit }) => html`<th scope="col">${limitText(limit)}</th>`)}</tr>
</thead><tbody>${detectors.map(row)}</tbody></table>`);
}

/** AUC of every detector against every labelled attack, for each kind of honest events. */
export function honestKindsTable(comparisons: Comparison[], titles: Map<string, string>): Html {
  const [first] = comparisons;
  return wide(html`<table><thead><tr><th scope="col">honest events</th><th scope="col" class="text">against</th>
${first.detectors.map(({ detector }) => html`<th scope="col">${titles.get(detector)!}</th>`)}</tr></thead><tbody>
${comparisons.map(
  ({ honestTitle, honestEvents, title, detectors }) =>
    html`<tr><th scope="row">${honestTitle || 'no kind'} (${amount(honestEvents)})</th><th scope="row">${title}</th>
${detectors.map(({ areaUnderCurve }) => html`<td>${area(areaUnderCurve)}</td>`)}</tr>`,
)}</tbody></table>`);
}

/** How often honest events pass a p-value, against how often they should. */
export function calibrationTable(rows: CalibrationRow[]): Html {
  return wide(html`<table><thead><tr><th rowspan="2" scope="col">training events of the account</th>
<th rowspan="2" scope="col">honest events</th><th colspan="${NOMINAL_RATES.length}" scope="colgroup">share with a p-value of at most</th></tr>
<tr>${NOMINAL_RATES.map((rate) => html`<th scope="col">${limitText(rate)}</th>`)}</tr></thead><tbody>
${rows.map(
  ({ title, honestEvents, actual }) =>
    html`<tr><th scope="row">${title}</th><td>${amount(honestEvents)}</td>
${NOMINAL_RATES.map((_, r) => html`<td>${actual === null ? '–' : percent(actual[r])}</td>`)}</tr>`,
)}</tbody></table>`);
}

/** Events that stand out, and what is usual for their accounts. */
export function strangestTable(events: StrangeEvent[], threshold: number): Html {
  const hasTimes = events.some(({ time }) => time !== null);
  const row = ({ entity, address, time, anomaly, habit }: StrangeEvent) => html`<tr>
<th scope="row">${shortened(entity)}</th><td class="text"><code>${address}</code></td>
${hasTimes ? html`<td class="text time">${time === null ? '–' : timeText(time)}</td>` : ''}
<td>${anomalyText(anomaly)}${anomaly >= threshold ? '' : html`<small>not flagged</small>`}</td>
<td class="text"><code>${habit.network}</code><small>${percent(habit.networkShare)} of ${amount(habit.trainingEvents)} events</small></td>
<td class="text">${
    habit.nearest === null
      ? 'none of this family'
      : habit.sharedBits === 0
        ? 'none with a common bit'
        : html`<code>${habit.nearest}</code><small>${habit.sharedBits === 1 ? '1 bit' : `${habit.sharedBits} bits`} shared</small>`
  }</td></tr>`;
  return wide(html`<table class="strange"><thead><tr><th scope="col">account</th><th scope="col" class="text">signed in from</th>
${hasTimes ? html`<th scope="col" class="text">time (UTC)</th>` : ''}<th scope="col">anomaly</th>
<th scope="col" class="text">usually from</th><th scope="col" class="text">nearest address it used</th></tr></thead>
<tbody>${events.map(row)}</tbody></table>`);
}

/** Long names are cut in the middle so that the table keeps its shape. */
function shortened(name: string): string {
  const chars = Array.from(name);
  return chars.length <= 40 ? name : `${chars.slice(0, 24).join('')}…${chars.slice(-14).join('')}`;
}

function timeText(seconds: number): string {
  const date = new Date(seconds * 1000);
  // Times beyond the years 0 to 9999 are typing errors; the number itself shows that best.
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString().slice(0, 19).replace('T', ' ');
}

/** What the model says about itself, hyperparameters by AWS's names. */
export function modelCardTable(card: ModelCard): Html {
  const { data, hyperparameters: h } = card;
  const days = data.firstTime === null ? '' : `${timeText(data.firstTime)} to ${timeText(data.lastTime!)}`;
  const rows: [string, string | number][] = [
    ['trained by', `ip-insights ${card.trainedBy}`],
    [
      'training events',
      `${amount(data.events)} (${amount(data.ipv4Events)} IPv4, ${amount(data.ipv6Events)} IPv6)`,
    ],
    ...(days ? [['from', days] as [string, string]] : []),
    ['accounts', amount(data.entities)],
    ['networks with a vector', amount(data.prefixes)],
    ['seed', String(card.seed)],
    ['num_entity_vectors', amount(h.numEntityVectors)],
    ['vector_dim', h.vectorDim],
    ['epochs', h.epochs],
    ['learning_rate', h.learningRate],
    ['mini_batch_size', amount(h.miniBatchSize)],
    ['num_ip_encoder_layers', h.numIpEncoderLayers],
    ['random_negative_sampling_rate', h.randomNegativeSamplingRate],
    ['shuffled_negative_sampling_rate', h.shuffledNegativeSamplingRate],
    ['weight_decay', h.weightDecay],
  ];
  return html`<dl class="card">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}
