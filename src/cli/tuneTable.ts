import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import type { EpochProgress } from '../neural/train.ts';
import type { Objective } from '../tune/objectives.ts';
import type { SearchEvent } from '../tune/runSearch.ts';
import type { Search } from '../tune/search.ts';
import { awsNamed, ruleOf } from '../tune/searchSpace.ts';
import type { JudgedTable, TrialResult } from '../tune/tuningResult.ts';
import { durationText } from './progress.ts';

/** Rows of the last table. */
const SHOWN = 10;

/**
 * A search while it runs. On a terminal a table that grows: a line for each trial that ended, and below them those that
 * run; elsewhere a plain line for each epoch and each end.
 */
export class TuneTable {
  readonly #objective: Objective;
  readonly #search: Search;
  readonly #maxTrials: number;
  #bars: MultiBar | undefined;
  #whole: SingleBar | undefined;
  readonly #running = new Map<TrialResult, SingleBar>();
  readonly #started = performance.now();
  /** trials that had ended before this run */
  readonly #before: number;

  constructor(objective: Objective, search: Search, maxTrials: number) {
    this.#objective = objective;
    this.#search = search;
    this.#maxTrials = maxTrials;
    this.#before = search.trials.filter(({ ended }) => ended !== null).length;
    if (process.stderr.isTTY !== true) return;
    const format = '{label} {bar} {state}';
    this.#bars = new MultiBar(
      {
        format,
        stream: process.stderr,
        hideCursor: true,
        clearOnComplete: true,
        linewrap: false,
        barsize: 16,
      },
      Presets.shades_classic,
    );
    this.#whole = this.#bars.create(maxTrials, this.#before, { label: 'search   ', state: '' });
  }

  /** To be told of everything that happens. */
  show(event: SearchEvent): void {
    const { trial } = event;
    if (event.kind === 'began') this.#begins(trial);
    if (event.kind === 'report') this.#reports(trial, event.value);
    if (event.kind === 'ended') this.#ends(trial);
    this.#whole?.update(this.#ended(), { label: 'search   ', state: this.#stateOfAll() });
  }

  /** @param pairs of an epoch */
  progress(trial: TrialResult, { epoch, positives }: EpochProgress, pairs: number): void {
    const bar = this.#running.get(trial);
    bar?.setTotal(trial.epochs * pairs);
    bar?.update(epoch * pairs + positives, this.#stateOf(trial));
  }

  /** Writes a line that stays. */
  line(text: string): void {
    if (!this.#bars) process.stderr.write(`${text}\n`);
    // Bars are drawn with line wrap off: what is longer than a row would be cut.
    else for (const row of rowsOf(text, process.stderr.columns ?? 80)) this.#bars.log(`${row}\n`);
  }

  stop(): void {
    this.#bars?.update();
    this.#bars?.stop();
    this.#bars = undefined;
  }

  /** The best trials, best first. */
  summary(): string {
    const { dimensions } = this.#search.plan.space;
    const names = dimensions.map(({ name }) => ruleOf(name).awsName);
    const table = new Table({
      head: [
        'trial',
        this.#objective.name,
        'epochs\ntrained',
        ...names.map((name) => name.replaceAll('_', '\n')),
      ],
      style: { head: [], border: [], compact: true },
      colAligns: ['right', 'right', 'right', ...names.map(() => 'right' as const)],
    });
    const ranked = this.#search.ranked();
    for (const { trial, values, epochs, setting } of ranked.slice(0, SHOWN)) {
      table.push([
        trial,
        valueText(values[values.length - 1]),
        `${values.length} of ${epochs}`,
        ...dimensions.map(({ name }) => String(setting[name])),
      ]);
    }
    return table.toString();
  }

  #begins(trial: TrialResult): void {
    const bar = this.#bars?.create(1, 0, { label: '', state: '' });
    if (bar) this.#running.set(trial, bar);
    else this.line(`trial ${trial.trial} of ${this.#maxTrials}: ${settingText(trial)}`);
    bar?.update(0, this.#stateOf(trial));
  }

  #reports(trial: TrialResult, value: number): void {
    if (this.#bars) this.#running.get(trial)?.update(this.#stateOf(trial));
    else {
      this.line(
        `trial ${trial.trial}, epoch ${trial.values.length} of ${trial.epochs}: ${this.#objective.name} ${valueText(value)}`,
      );
    }
  }

  #ends(trial: TrialResult): void {
    const bar = this.#running.get(trial);
    if (bar) this.#bars?.remove(bar);
    this.#running.delete(trial);
    this.line(this.#endText(trial));
  }

  #endText(trial: TrialResult): string {
    const { trial: number, state, reason, values } = trial;
    const isBest = this.#search.best() === trial && state === 'completed';
    const value = values.length === 0 ? '' : ` ${valueText(values[values.length - 1])}`;
    const how = state === 'stopped' ? `stopped after epoch ${values.length}` : state;
    const why = state === 'failed' ? `: ${reason}` : '';
    const setting = this.#bars ? ` ${settingText(trial)}` : '';
    return `trial ${String(number).padStart(3)} ${how}${value}${isBest ? ' (the best so far)' : ''}${setting}${why}`;
  }

  #stateOf(trial: TrialResult) {
    const { trial: number, values, epochs } = trial;
    const last = values.length === 0 ? '' : ` ${valueText(values[values.length - 1])}`;
    const epoch = Math.min(epochs, values.length + 1);
    return {
      label: `trial ${String(number).padStart(3)}`,
      state: `epoch ${epoch} of ${epochs}${last} ${settingText(trial)}`,
    };
  }

  #stateOfAll(): string {
    const best = this.#search.best();
    const done = this.#ended() - this.#before;
    const seconds = (performance.now() - this.#started) / 1000;
    const left = Math.max(0, this.#maxTrials - this.#ended());
    const rate = done === 0 ? '' : `, about ${durationText((seconds / done) * left)} left`;
    const value = best
      ? `, best ${valueText(best.values[best.values.length - 1])} of trial ${best.trial}`
      : '';
    return `${this.#ended()} of ${this.#maxTrials} trials${rate}${value}`;
  }

  #ended(): number {
    return this.#search.trials.filter(({ ended }) => ended !== null).length;
  }
}

/** A text in rows of at most `width` letters, broken between words where that can be. */
export function rowsOf(text: string, width: number): string[] {
  const rows = [''];
  for (const word of text.split(' ')) {
    const last = rows[rows.length - 1];
    if (last === '') rows[rows.length - 1] = word;
    else if (last.length + 1 + word.length <= width) rows[rows.length - 1] = `${last} ${word}`;
    else rows.push(`  ${word}`);
  }
  return rows;
}

/** An objective with as many digits as tell good trials apart. */
export const valueText = (value: number): string => value.toFixed(6);

function settingText({ setting }: TrialResult): string {
  return Object.entries(awsNamed(setting))
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

/** The figures of the best and of the defaults, side by side. */
export function judgedTableText({ objectives, rows }: JudgedTable): string {
  const table = new Table({
    head: ['', '', 'on', ...objectives.map(({ name }) => name)],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'left', 'left', ...objectives.map(() => 'right' as const)],
  });
  for (const { model, detector, data, values } of rows) {
    table.push([model, detector, data, ...values.map((value) => (value === null ? '–' : valueText(value)))]);
  }
  return table.toString();
}
