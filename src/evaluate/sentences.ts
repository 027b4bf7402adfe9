import type { Comparison, Evaluation, Threshold, ThresholdRule, ThresholdTable } from './evaluation.ts';

/** A share as a percentage with as many digits as it deserves: `94.3 %`, `0.98 %`, `0.0042 %`. */
export function percent(share: number): string {
  const value = share * 100;
  if (value === 0 || value === 100) return `${value} %`;
  // 99.99 % must not become 100 %.
  const distance = Math.min(value, 100 - value);
  const digits = distance >= 9.95 ? 1 : Math.min(6, 1 - Math.floor(Math.log10(distance)));
  return `${value.toFixed(Math.max(1, digits))} %`;
}

/** An AUC; one that is nearly but not quite 1 keeps the digits that say so. */
export function area(value: number): string {
  const text = value.toFixed(4);
  return text === '1.0000' && value < 1 ? value.toFixed(7) : text;
}

/** An anomaly or threshold for people to read. */
export function anomalyText(value: number): string {
  if (Number.isNaN(value)) return 'none';
  if (!Number.isFinite(value)) return value > 0 ? '+∞' : '−∞';
  const text = value.toFixed(3);
  return Number(text) === 0 ? '0.000' : text.replace('-', '−');
}

/** A number of events with thousands separators; one decimal below 10. */
export function amount(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 1 : 0 });
}

/** What a threshold is for, as in `at most 1 % of honest events`. */
export function ruleText(rule: ThresholdRule): string {
  switch (rule.kind) {
    case 'false_positive_rate':
      return `at most ${Number((rule.limit * 100).toPrecision(6))} % of honest events`;
    case 'alerts_per_day':
      return `at most ${amount(rule.limit)} ${rule.limit === 1 ? 'alert' : 'alerts'} a day`;
    case 'aws':
      return `AWS ${rule.limit}: ${rule.purpose}`;
  }
}

/** What the attacks of a comparison are, as the object of a sentence: `catches 97 % of …`. */
export function attacksText({ attacker, title }: Pick<Comparison, 'attacker' | 'title'>): string {
  switch (attacker) {
    case 'announced':
      return 'attacks from random announced networks';
    case 'octets':
      return 'attacks from random addresses';
    case 'swap':
      return "attacks from other accounts' addresses";
    case 'labelled':
      return 'the labelled attacks';
    default:
      return `the attacks labelled ${title.replace(/^labelled: /, '')}`;
  }
}

/** The chosen threshold and what it does, in one sentence. */
export function chosenSentence({ comparisons }: Evaluation, { chosen }: ThresholdTable): string {
  const [effect] = chosen.effects;
  const daily = chosen.falseAlarmsPerDay;
  const alarms =
    daily === null ? '' : `, about ${amount(daily)} false ${daily === 1 ? 'alarm' : 'alarms'} a day`;
  return `${thresholdClause(chosen)}: it catches ${percent(effect.truePositiveRate)} of ${attacksText(comparisons[0])} and flags ${percent(chosen.actualFalsePositiveRate)} of honest events${alarms}.`;
}

function thresholdClause({ threshold, rule }: Threshold): string {
  if (Number.isNaN(threshold)) return `No threshold keeps to ${ruleText(rule)}`;
  return `Flag an event where its anomaly is ${anomalyText(threshold)} or more (${ruleText(rule)})`;
}
