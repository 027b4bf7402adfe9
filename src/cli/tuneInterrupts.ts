import { leaveSignals, removeUnfinished, SIGNAL_EXIT_CODES, type Signal } from '../files/atomicFile.ts';

const SIGNALS = Object.keys(SIGNAL_EXIT_CODES) as Signal[];

/** What ends a search before all its trials: its time, or a signal. A second signal ends the process. */
export class Interrupts {
  readonly #controller = new AbortController();
  readonly #journal: string;
  readonly #tell: (line: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #isSearching = true;
  /** what ended the search; undefined: nothing did */
  by: 'time' | Signal | undefined;

  /** @param journal for messages */
  constructor(journal: string, tell: (line: string) => void) {
    this.#journal = journal;
    this.#tell = tell;
    leaveSignals();
    for (const signal of SIGNALS) process.on(signal, this.#hear);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  stopAfter(seconds: number): void {
    this.#timer = setTimeout(() => this.#stop('time'), seconds * 1000);
  }

  /** From here on a signal ends the process. */
  searchEnds(): void {
    this.#isSearching = false;
    clearTimeout(this.#timer);
  }

  leave(): void {
    this.searchEnds();
    for (const signal of SIGNALS) process.removeListener(signal, this.#hear);
  }

  readonly #hear = (signal: Signal) => {
    if (this.#isSearching && (this.by === undefined || this.by === 'time')) {
      this.#tell(
        `${signal}: the search ends, the best so far is trained and saved. Once more, and it is not; the same command goes on from ${this.#journal} either way.`,
      );
      this.#stop(signal);
      return;
    }
    removeUnfinished();
    process.stderr.write(
      `\nstopped by ${signal}: no model was written, older files are whole; the same command goes on from ${this.#journal}\n`,
    );
    process.exit(SIGNAL_EXIT_CODES[signal]);
  };

  #stop(by: 'time' | Signal): void {
    this.by = by;
    this.#controller.abort(new Error(`stopped by ${by}`));
  }
}
