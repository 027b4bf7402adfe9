import { counted } from '../../errors.ts';
import { HYPERPARAMETERS, optionName } from '../../neural/hyperparameters.ts';
import { lossOf } from '../objectives.ts';
import { countStates, objectiveOf, wholeSetting } from '../trialFigures.ts';
import type { ObjectiveText, TrialResult, TuningResult } from '../tuningResult.ts';

/**
 * A value of an objective: rates from 0 to 1 with two digits of what is left to 0 or 1, and four at least: `0.9953`,
 * `0.99953`, `0.0310`; others with five significant digits.
 */
export function objectiveText(value: number): string {
  if (value < 0 || value > 1) return String(Number(value.toPrecision(5))).replace('-', '−');
  const left = Math.min(value, 1 - value);
  return value.toFixed(left === 0 ? 4 : Math.min(7, Math.max(4, 1 - Math.floor(Math.log10(left)))));
}

/** The difference of two values as they are written, without its sign. */
function differenceText(one: number, other: number): string {
  const texts = [one, other].map(objectiveText);
  const digits = Math.max(...texts.map((text) => text.split('.')[1]?.length ?? 0));
  return Math.abs(Number(one.toFixed(digits)) - Number(other.toFixed(digits))).toFixed(digits);
}

/** A value of a hyperparameter: `10,000`, `0.0123`, `1e−7`. */
export function numberText(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en-US');
  return String(value < 1e-4 ? Number(value).toExponential() : value).replace('e-', 'e−');
}

/** `42 s`, `7.5 min`, `3.1 h` */
export function durationText(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 119.5) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Number((seconds / 60).toPrecision(2))} min`;
  return `${Number((seconds / 3600).toPrecision(3))} h`;
}

/** What a model reaches on one set of events by the objective of the search; null where it was not judged. */
export function judgedValue(
  { objective, judged }: TuningResult,
  model: 'the best' | 'the defaults',
  data: 'validation' | 'test',
  // The search itself is led by the vectors alone.
  detector: 'dot_product' | 'anomaly' = 'dot_product',
): number | null {
  const column = judged?.objectives.findIndex(({ name }) => name === objective.name) ?? -1;
  const row = judged?.rows.find(
    (one) => one.model === model && one.data === data && one.detector === detector,
  );
  return column < 0 ? null : (row?.values[column] ?? null);
}

/** Above 0 where `one` is better than `other`. */
export const gain = (objective: ObjectiveText, one: number, other: number) =>
  lossOf(objective, other) - lossOf(objective, one);

/** What was found, in sentences. */
export function headlines(result: TuningResult): string[] {
  const { trials, objective } = result;
  const best = trials.find(({ trial }) => trial === result.best);
  if (best === undefined) return [nothingFound(trials)];
  const value = objectiveText(objectiveOf(best)!);
  const place =
    trials.length === 1 ? 'The only trial has' : `Trial ${best.trial} of ${trials.length} is the best:`;
  const test = judgedValue(result, 'the best', 'test');
  const { validation } = result.data;
  const unseen =
    test === null ? '' : `, ${objectiveText(test)} on ${result.data.test?.name}, which the search never saw`;
  return [
    `${place} ${objective.name} ${value} on ${validation.name}${unseen}${defaultsClause(result, best)}.`,
    gapSentence(result, best, test),
    anomalySentence(result),
  ].filter((sentence) => sentence !== '');
}

function nothingFound(trials: readonly TrialResult[]): string {
  if (trials.length === 0) return 'The search ended before its first trial began.';
  const { failed, stopped, running } = countStates(trials);
  const parts = [
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(stopped > 0 ? [`${stopped} were stopped early`] : []),
    ...(running > 0 ? [`${running} still ran when the search ended`] : []),
  ];
  const first = trials.find(({ state, reason }) => state === 'failed' && reason !== null);
  const why = first ? ` Trial ${first.trial}: ${first.reason}` : '';
  return `None of ${counted(trials.length, 'trial')} was trained to its end: ${parts.join(', ')}.${why}`;
}

function defaultsClause(result: TuningResult, best: TrialResult): string {
  if (result.defaults === best.trial) return '; these are the defaults';
  const defaults = result.trials.find(({ trial }) => trial === result.defaults);
  const judged = judgedValue(result, 'the defaults', 'test');
  const value =
    judgedValue(result, 'the defaults', 'validation') ?? (defaults ? objectiveOf(defaults) : null);
  if (value === null) return '';
  const stopped = defaults?.state === 'stopped' && judged === null ? ', where they were stopped early' : '';
  return `; the defaults have ${objectiveText(value)}${judged === null ? stopped : ` and ${objectiveText(judged)}`}`;
}

/** What is gained where the history is there besides: less, as a rule, and it is what people act on. */
function anomalySentence(result: TuningResult): string {
  const { test } = result.data;
  const best = judgedValue(result, 'the best', 'test', 'anomaly');
  const defaults = judgedValue(result, 'the defaults', 'test', 'anomaly');
  if (best === null || test === null) return '';
  const compared =
    defaults === null || result.best === result.defaults
      ? ''
      : `, ${objectiveText(defaults)} with the defaults`;
  return `These figures are of the vectors alone. The default score, which has the history besides, has ${objectiveText(best)} on ${test.name}${compared}.`;
}

/** What is lost on events that the search has not seen, by name. */
function gapSentence(result: TuningResult, best: TrialResult, test: number | null): string {
  const { objective, data, trials } = result;
  const luck =
    trials.length === 1
      ? ''
      : ` The best of ${trials.length} trials is in part the luckiest on ${data.validation.name}`;
  if (test === null)
    return luck === '' ? '' : `${luck.trim()}: expect less on other events, as no test set has judged it.`;
  const seen = judgedValue(result, 'the best', 'validation') ?? objectiveOf(best)!;
  if (seen === test) return '';
  const isWorse = gain(objective, test, seen) < 0;
  const gap = `On ${data.test?.name} it is ${differenceText(seen, test)} ${isWorse ? 'worse' : 'better'} than on ${data.validation.name}.`;
  return isWorse && luck !== '' ? `${gap}${luck}: believe the figure on ${data.test?.name}.` : gap;
}

/** The command that trains the best again, an option with its value each. @returns undefined where there is none */
export function trainCommand(result: TuningResult): string[] | undefined {
  const best = result.trials.find(({ trial }) => trial === result.best);
  if (best === undefined) return undefined;
  const { events, model, options: others } = result.command;
  const setting = wholeSetting(result, best);
  const options = HYPERPARAMETERS.flatMap(({ name }) => {
    const value = name === 'batchMetricsPublishInterval' ? undefined : setting[name];
    return value === undefined ? [] : [`${optionName(name)} ${value}`];
  });
  return [
    `ip-insights train ${events.map(shellWord).join(' ')} --validation ${shellWord(result.data.validation.name)} --model ${shellWord(model)}`,
    ...(others.length > 0 ? [others.map(shellOption).join(' ')] : []),
    `--seed ${result.seed}`,
    ...options,
  ];
}

const shellOption = (text: string) => (text.startsWith('--') ? text : shellWord(text));

/** A name as one word of a shell. */
function shellWord(name: string): string {
  const path = name.startsWith('-') && name !== '-' ? `./${name}` : name;
  return /^[\w./:@%+=,-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
