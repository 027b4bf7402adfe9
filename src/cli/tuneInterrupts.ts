import { leaveSignals, removeUnfinished, SIGNAL_EXIT_CODES, type Signal } from '../files/atomicFile.ts';

const SIGNALS = Object.keys(SIGNAL_EXIT_CODES) as Signal[];

/** What `tune` does: it searches, trains the best, then trains the defaults to compare. */
export type Phase = 'search' | 'best' | 'compare';

/**
 * What ends a search before all its trials: its time, or a signal. After a signal only what saves the best is still done; a
 * second one ends the process.
 */
export class Interrupts {
  readonly #search = new AbortController();
  readonly #comparison = new AbortController();
  readonly #journal: string;
  #timer: NodeJS.Timeout | undefined;
  #phase: Phase = 'search';
  /** writes a line for the person who waits */
  tell: (line: string) => void;
  /** what ended the search; undefined: nothing did */
  by: 'time' | Signal | undefined;

  /** @param journal for messages */
  constructor(journal: string, tell: (line: string) => void) {
    this.#journal = journal;
    this.tell = tell;
    leaveSignals();
    for (const signal of SIGNALS) process.on(signal, this.#hear);
  }

  /** Ends the search. */
  get search(): AbortSignal {
    return this.#search.signal;
  }

  /** Leaves the comparison with the defaults out, or ends it. */
  get comparison(): AbortSignal {
    return this.#comparison.signal;
  }

  stopAfter(seconds: number): void {
    this.#timer = setTimeout(() => {
      this.by = 'time';
      this.#search.abort(new Error('the time is over'));
    }, seconds * 1000);
  }

  begins(phase: Phase): void {
    this.#phase = phase;
    clearTimeout(this.#timer);
  }

  leave(): void {
    clearTimeout(this.#timer);
    for (const signal of SIGNALS) process.removeListener(signal, this.#hear);
  }

  readonly #hear = (signal: Signal) => {
    const isFirst = this.by === undefined || this.by === 'time';
    if (!isFirst) this.#leaveAtOnce(signal);
    this.by = signal;
    const onceMore = `Once more, and it is not; the same command goes on from ${this.#journal} either way.`;
    this.tell(
      {
        search: `${signal}: the search ends, the best so far is trained and saved. ${onceMore}`,
        best: `${signal}: the best is trained to its end and saved. ${onceMore}`,
        compare: `${signal}: the model is saved, and is not compared with the defaults`,
      }[this.#phase],
    );
    const reason = new Error(`stopped by ${signal}`);
    this.#search.abort(reason);
    this.#comparison.abort(reason);
  };

  #leaveAtOnce(signal: Signal): never {
    removeUnfinished();
    const model =
      this.#phase === 'compare'
        ? 'the model was written, report and JSON were not'
        : 'no model was written, older files are whole';
    process.stderr.write(
      `\nstopped by ${signal}: ${model}; the same command goes on from ${this.#journal}\n`,
    );
    process.exit(SIGNAL_EXIT_CODES[signal]);
  }
}
