import { InputError, quoted } from '../errors.ts';
import type { SearchEvent } from './runSearch.ts';
import type { Search } from './search.ts';
import { awsNamed, ruleOf, SEARCH_NAMES, type Setting } from './searchSpace.ts';
import type { TrialResult } from './tuningResult.ts';

/**
 * The journal of a search: JSON lines. The first says what is searched; then one for each begin of a trial, each report and
 * each end, in their order, with seconds since the begin of the search. Whoever reads them has the search again.
 */
export interface JournalHead {
  kind: 'ip-insights-tuning-journal';
  version: 1;
  /** what a run must have in common with those before it */
  search: Record<string, unknown>;
}

const VERSION = 1;

export const journalHead = (search: Record<string, unknown>): JournalHead => ({
  kind: 'ip-insights-tuning-journal',
  version: VERSION,
  search,
});

/** The line of something that happened. */
export function journalLine({ kind, trial }: SearchEvent): string {
  return JSON.stringify(recordOf(kind, trial));
}

function recordOf(kind: SearchEvent['kind'], trial: TrialResult): object {
  const { trial: number, setting, values, seconds, began, state, reason, ended } = trial;
  switch (kind) {
    case 'began':
      return { trial: number, hyperparameters: awsNamed(setting), at: rounded(began) };
    case 'report':
      return {
        trial: number,
        epoch: values.length,
        value: values[values.length - 1],
        seconds: rounded(seconds[seconds.length - 1]),
      };
    case 'ended':
      return { trial: number, state, ...(reason === null ? {} : { reason }), at: rounded(ended!) };
  }
}

const rounded = (seconds: number) => Math.round(seconds * 1000) / 1000;

function settingOf(given: unknown): Setting | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  const setting: Setting = {};
  for (const [awsName, value] of Object.entries(given)) {
    const name = SEARCH_NAMES.find((one) => ruleOf(one).awsName === awsName);
    if (!name || typeof value !== 'number') return undefined;
    setting[name] = value;
  }
  return setting;
}

/**
 * So often a run may be killed within a trial before the trial is taken for what kills it: it may be more than the memory
 * holds. Runs that were told to end, and ended, do not count.
 */
const MAX_KILLS = 5;

/** The line of a run that ended while trials ran: they are to be begun again. */
export const PAUSE_LINE = '{"paused":true}';

/**
 * Brings a search to where a journal ends.
 * @param lines without the head, and without a last one that was cut while it was written
 * @param name of the journal, for messages
 * @returns seconds that the search has taken
 * @throws InputError where a line does not fit what came before it
 */
export function replayJournal(search: Search, lines: readonly string[], name: string): number {
  let last = 0;
  const begins = new Map<number, number>();
  for (const [i, line] of lines.entries()) {
    const fault = (what: string) =>
      new InputError(
        `${name}:${i + 2}: expected ${what}, got ${quoted(line.slice(0, 200))}. The journal is damaged: remove it to begin anew, or the lines from there on to go on from before.`,
      );
    const record = parsed(line);
    if (record?.paused === true) {
      begins.clear();
      continue;
    }
    if (!record || !Number.isInteger(record.trial)) throw fault('a record of a trial');
    const number = record.trial as number;
    const trial = search.trials[number - 1];
    const at = record.at ?? record.seconds;
    if (typeof at !== 'number' || !(at >= 0)) throw fault('a time');
    if (record.hyperparameters !== undefined) {
      const setting = settingOf(record.hyperparameters);
      const isOfSpace = setting !== undefined && search.plan.space.has(setting);
      if (!isOfSpace || Object.keys(setting).length !== search.plan.space.dimensions.length) {
        throw fault('hyperparameters of the search');
      }
      begins.set(number, (begins.get(number) ?? 0) + 1);
      if (trial) search.beginAgain(trial, at);
      else if (number === search.trials.length + 1) search.begin(setting, at);
      else throw fault(`trial ${search.trials.length + 1}`);
      last = Math.max(last, at);
    } else if (trial?.state !== 'running') {
      throw fault('a trial that was begun');
    } else if (record.epoch !== undefined) {
      const epoch = trial.values.length + 1;
      const { value } = record;
      if (
        record.epoch !== epoch ||
        epoch > trial.epochs ||
        !(typeof value === 'number' && value >= 0 && value <= 1)
      ) {
        throw fault(`a value from 0 to 1 of epoch ${epoch} of trial ${number}`);
      }
      search.report(trial, value, at);
      last = Math.max(last, trial.began + at);
    } else {
      const { state, reason } = record;
      if (state !== 'completed' && state !== 'stopped' && state !== 'failed') throw fault('a state');
      search.end(trial, state, typeof reason === 'string' ? reason : null, at);
      last = Math.max(last, at);
    }
  }
  for (const trial of search.trials) {
    if (trial.state !== 'running' || (begins.get(trial.trial) ?? 0) < MAX_KILLS) continue;
    const reason = `killed ${MAX_KILLS} times before its end: it may need more memory than there is`;
    search.end(trial, 'failed', reason, last);
  }
  return last;
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The head of a journal.
 * @throws InputError where it is none, of another version, or of another search
 */
export function requireSameSearch(line: string, search: Record<string, unknown>, name: string): void {
  const head = parsed(line) as Partial<JournalHead> | undefined;
  if (head?.kind !== 'ip-insights-tuning-journal' || !head.search) {
    throw new InputError(
      `${name}:1: expected the head of a tuning journal, got ${quoted(line.slice(0, 200))}. Name another file with --journal.`,
    );
  }
  if (head.version !== VERSION) {
    throw new InputError(
      `${name}: written as v${head.version}, this build reads v${VERSION}. Upgrade, or remove it to begin anew.`,
    );
  }
  for (const key of Object.keys({ ...search, ...head.search })) {
    const [now, before] = [JSON.stringify(search[key]), JSON.stringify(head.search[key])];
    if (now === before) continue;
    throw new InputError(
      `${name}: this journal is of another search: ${key} was ${before ?? 'not there'}, and is now ${now ?? 'not there'}. Give the same options and data to go on, another --journal, or remove it to begin anew.`,
    );
  }
}
