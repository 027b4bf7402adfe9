import type { Events } from '../events/events.ts';
import { trainedNumbers } from './judgedEvents.ts';
import { isBetter } from './objectives.ts';
import { countStates } from './trialFigures.ts';
import type { JudgedRow, TrialResult, TuningResult } from './tuningResult.ts';

/** Events of a search, in the order of their times as they should be. */
export interface TuningData {
  train: Events;
  validation: Events;
  test: Events | undefined;
}

/** What a reader of the figures must know, a sentence or two each. */
export function tuningNotes(result: TuningResult, data: TuningData): string[] {
  const { objective, trials, best, judged } = result;
  const notes: string[] = [];
  const { completed, stopped, failed } = countStates(trials);
  const chosen = trials.find(({ trial }) => trial === best);
  if (chosen && chosen.state !== 'completed') {
    notes.push(
      `No trial was trained to its end: trial ${best} came farthest, ${chosen.values.length} of ${chosen.epochs} epochs, and may not be the best.`,
    );
  }
  if (chosen) notes.push(...overfittingNotes(result, chosen), ...sameValueNotes(result));
  if (stopped > 0 && completed < LEAST_COMPLETED) {
    notes.push(
      `Only ${completed} of ${trials.length} trials ${completed === 1 ? 'was' : 'were'} trained to the end. Settings that begin badly and end well are stopped early, too: more trials, or --early-stopping none, would find them.`,
    );
  }
  if (failed > 0) notes.push(`${failed} of ${trials.length} trials failed; their reasons are with them.`);
  if (objective.name === 'discriminator_auc' || objective.name.includes('octets')) {
    notes.push(
      'Random addresses are easy to tell: most belong to networks that no account uses, so nearly all settings look good, and the best one need not be best against attackers from real networks. --objective swap_auc is harder and more honest.',
    );
  }
  if (!judged && completed > 1) {
    notes.push(
      `The best of ${completed} trials is chosen by the same events that its figure is measured on, so that the figure is too good. --test FILE judges it on events that the search never saw.`,
    );
  }
  if (judged) notes.push(...judgedNotes(judged.rows, objective));
  notes.push(...strangerNotes(result, data), ...timeNotes(result, data));
  return notes;
}

/** With fewer, little is known of how trials end. */
const LEAST_COMPLETED = 4;

/** A training that goes on after its best learns the events by heart. */
function overfittingNotes(
  { objective, dimensions }: TuningResult,
  { trial, values, epochs }: TrialResult,
): string[] {
  const last = values[values.length - 1];
  const peak = values.reduce((best, value) => (isBetter(objective, value, best) ? value : best), last);
  if (peak === last) return [];
  const epoch = values.indexOf(peak) + 1;
  const isSearched = dimensions.some(({ name }) => name === 'epochs');
  return [
    `Trial ${trial} was better after epoch ${epoch} (${peak.toFixed(6)}) than at its end (${last.toFixed(6)}): fewer epochs may be better.${isSearched ? '' : ` In place of --epochs, --range epochs=1:${epochs} with the other ranges searches them too.`}`,
  ];
}

/** Nothing was chosen where nothing differs: events of a family that training has not seen, accounts that it does not know. */
function sameValueNotes({ trials, objective }: TuningResult): string[] {
  const values = trials.flatMap((trial) => trial.values);
  if (trials.length < 2 || values.some((value) => value !== values[0])) return [];
  return [
    `Every trial has ${objective.name} ${values[0].toFixed(6)} after every epoch: these validation events do not tell settings apart, and the best is only the first. Look whether they are of accounts and networks that training has seen.`,
  ];
}

/** Whether what was gained holds on events that the search never saw. */
function judgedNotes(rows: readonly JudgedRow[], objective: TuningResult['objective']): string[] {
  const value = (model: string, detector: JudgedRow['detector']) =>
    rows.find((row) => row.model === model && row.detector === detector && row.data === 'test')?.values[0];
  const worse = (['dot_product', 'anomaly'] as const).filter((detector) => {
    const [best, defaults] = [value('the best', detector), value('the defaults', detector)];
    return best != null && defaults != null && isBetter(objective, defaults, best);
  });
  if (worse.length === 0) return [];
  const what = worse.map((detector) => (detector === 'anomaly' ? 'the default score' : 'the vectors'));
  return [
    `By ${objective.name} on the test events the best setting is worse than the defaults, judged by ${what.join(' and by ')}: what the search found does not hold there.`,
  ];
}

/** AWS's objective takes records of accounts without a vector, too. */
function strangerNotes(
  { objective, data: names }: TuningResult,
  { train, validation }: TuningData,
): string[] {
  if (objective.name !== 'discriminator_auc') return [];
  const numbers = trainedNumbers(train, validation.entities);
  const strangers = validation.entity.reduce((sum, e) => sum + (numbers[e] < 0 ? 1 : 0), 0);
  if (strangers < MANY_STRANGERS * validation.count) return [];
  return [
    `${strangers} of ${validation.count} events in ${names.validation.name} are of accounts that are not in ${names.train.name}: they have no vector of their own, so that their part of discriminator_auc says nothing.`,
  ];
}

/** From this share on they move the figure by more than settings differ. */
const MANY_STRANGERS = 0.1;

/** Figures of the future, taken from the past, promise too much. */
function timeNotes({ data: names }: TuningResult, { train, validation, test }: TuningData): string[] {
  const notes: string[] = [];
  const compare = (before: Events, after: Events, early: string, late: string) => {
    const [end, begin] = [lastTime(before), firstTime(after)];
    if (end === undefined || begin === undefined) {
      notes.push(`Whether ${late} is later than ${early} cannot be told: not all events have a time.`);
    } else if (begin < end) {
      notes.push(
        `${late} begins before ${early} ends: events that are judged should be later than what was learned from, or the figures promise too much.`,
      );
    }
  };
  compare(train, validation, names.train.name, names.validation.name);
  if (test && names.test) compare(validation, test, names.validation.name, names.test.name);
  return notes;
}

const firstTime = ({ time }: Events): number | undefined => extreme(time, (a, b) => a < b);
const lastTime = ({ time }: Events): number | undefined => extreme(time, (a, b) => a > b);

/** @returns undefined where a time is missing */
function extreme(time: Float64Array, isFarther: (a: number, b: number) => boolean): number | undefined {
  let farthest: number | undefined;
  for (const t of time) {
    if (Number.isNaN(t)) return undefined;
    if (farthest === undefined || isFarther(t, farthest)) farthest = t;
  }
  return farthest;
}
