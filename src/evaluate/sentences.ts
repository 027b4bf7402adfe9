import type { Comparison, Evaluation, Threshold, ThresholdRule, ThresholdTable } from './evaluation.ts';

/**
 * A share as a percentage: `94.3 %`, `99.72 %`; two digits of what is below one percent: `0.98 %`, `0.0042 %`. Only 0 and
 * 1 themselves become `0 %` and `100 %`.
 */
export function percent(share: number): string {
  const value = share * 100;
  if (value === 0 || value === 100) return `${value} %`;
  if (value < 0.995) return `${value.toFixed(Math.min(6, 1 - Math.floor(Math.log10(value))))} %`;
  const text = value.toFixed(value < 99 ? 1 : 2);
  return `${text === '100.00' ? '> 99.99' : text} %`;
}

/** A rate that was asked for, with no more digits than it has: `0.1 %`, `99.9 %`. */
export function limitText(share: number): string {
  return `${Number((share * 100).toPrecision(6))} %`;
}

/** An AUC; `1.0000` is kept for 1 itself. */
export function area(value: number): string {
  const text = value.toFixed(4);
  return text === '1.0000' && value < 1 ? '> 0.9999' : text;
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
      return `at most ${limitText(rule.limit)} of honest events`;
    case 'alerts_per_day':
      return `at most ${amount(rule.limit)} ${rule.limit === 1 ? 'alert' : 'alerts'} a day`;
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
    case 'same_provider':
      return "attacks from the victims' own providers";
    case 'same_country':
      return "attacks from the victims' own countries";
    default:
      if (attacker.startsWith('list:')) return `attacks from ${title}`;
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
