import { InputError, quoted } from '../errors.ts';
import type { SearchEvent } from './runSearch.ts';
import type { Search } from './search.ts';
import { ruleOf, SEARCH_NAMES, type Setting } from './searchSpace.ts';
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

/** A setting under AWS's names, as scripts know them. */
export function awsNamed(setting: Setting): Record<string, number> {
  return Object.fromEntries(
    SEARCH_NAMES.filter((name) => setting[name] !== undefined).map((name) => [
      ruleOf(name).awsName,
      setting[name]!,
    ]),
  );
}

function settingOf(given: Record<string, unknown>): Setting | undefined {
  const setting: Setting = {};
  for (const [awsName, value] of Object.entries(given)) {
    const name = SEARCH_NAMES.find((one) => ruleOf(one).awsName === awsName);
    if (!name || typeof value !== 'number') return undefined;
    setting[name] = value;
  }
  return setting;
}

/** So often a trial may be interrupted before it is taken for what interrupts: it may be more than the memory holds. */
const MAX_BEGINS = 3;

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
    if (!record || !Number.isInteger(record.trial)) throw fault('a record of a trial');
    const number = record.trial as number;
    const trial = search.trials[number - 1];
    const at = Number(record.at ?? 0);
    if (record.hyperparameters !== undefined) {
      const setting = settingOf(record.hyperparameters as Record<string, unknown>);
      if (!setting || !search.plan.space.has(setting)) throw fault('hyperparameters of the search');
      begins.set(number, (begins.get(number) ?? 0) + 1);
      if (trial) search.beginAgain(trial, at);
      else if (number === search.trials.length + 1) search.begin(setting, at);
      else throw fault(`trial ${search.trials.length + 1}`);
      last = Math.max(last, at);
    } else if (trial?.state !== 'running') {
      throw fault('a trial that was begun');
    } else if (record.epoch !== undefined) {
      if (record.epoch !== trial.values.length + 1 || typeof record.value !== 'number') {
        throw fault(`epoch ${trial.values.length + 1} of trial ${number}`);
      }
      search.report(trial, record.value, Number(record.seconds));
      last = Math.max(last, trial.began + Number(record.seconds));
    } else {
      const { state, reason } = record;
      if (state !== 'completed' && state !== 'stopped' && state !== 'failed') throw fault('a state');
      search.end(trial, state, typeof reason === 'string' ? reason : null, at);
      last = Math.max(last, at);
    }
  }
  for (const trial of search.trials) {
    if (trial.state !== 'running' || (begins.get(trial.trial) ?? 0) < MAX_BEGINS) continue;
    const reason = `interrupted ${MAX_BEGINS} times before its end: it may need more memory than there is`;
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
  if (head?.kind !== 'ip-insights-tuning-journal' || typeof head.search !== 'object') {
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
