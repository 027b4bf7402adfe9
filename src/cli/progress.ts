import { Presets, SingleBar } from 'cli-progress';
import { availableKernels } from '../kernels/available.ts';

/** Shows on stderr how far something is. */
export interface Progress {
  /** @param done in the unit of `total`; @param note a few words on what is happening now */
  update(done: number, note?: string): void;
  /** Writes a line that stays, above the bar where there is one. */
  line(text: string): void;
  /** Takes the bar away or ends the lines; may be called twice. */
  stop(): void;
}

export interface ProgressOptions {
  label: string;
  /** 0 where it is not known */
  total: number;
  /** `MB`, `events`, … */
  unit: string;
}

/** Says so where the WebAssembly kernels are not to be had. */
export function tellOfPlainKernels(): void {
  const { reason } = availableKernels();
  if (reason !== '') process.stderr.write(`note: ${reason}\n`);
}

/** Nothing is shown for what is over sooner. */
const QUIET_MILLISECONDS = 2000;
const BAR_MILLISECONDS = 100;
const LINE_MILLISECONDS = 5000;

/**
 * A bar with rate and time left on a terminal; elsewhere (a log file, a container) a plain line now and then.
 */
export function startProgress({ label, total, unit }: ProgressOptions): Progress {
  const started = performance.now();
  const isTerminal = process.stderr.isTTY === true;
  let bar: SingleBar | undefined;
  let lastShown = started - LINE_MILLISECONDS + QUIET_MILLISECONDS;
  return {
    update(done, note = '') {
      const now = performance.now();
      if (
        now - started < QUIET_MILLISECONDS ||
        now - lastShown < (isTerminal ? BAR_MILLISECONDS : LINE_MILLISECONDS)
      ) {
        return;
      }
      lastShown = now;
      const state = describeProgress(done, total, unit, (now - started) / 1000);
      if (!isTerminal) {
        process.stderr.write(`${[label, note, state].filter((part) => part !== '').join(': ')}\n`);
        return;
      }
      if (!bar) {
        bar = new SingleBar(
          {
            format: total > 0 ? '{label} {bar} {percentage}% {state} {note}' : '{label} {state} {note}',
            stream: process.stderr,
            hideCursor: true,
            clearOnComplete: true,
            linewrap: false,
          },
          Presets.shades_classic,
        );
        bar.start(total > 0 ? total : 1, 0, { label, state, note });
      }
      bar.update(total > 0 ? Math.min(done, total) : 0, { label, state, note });
    },
    line(text) {
      // The bar redraws itself below the line at its next update.
      if (bar) process.stderr.write('\r\u001b[K');
      process.stderr.write(`${text}\n`);
    },
    stop() {
      bar?.stop();
      bar = undefined;
    },
  };
}

/** `1,200 of 3,400 MB, 240 MB/s, 9 s left`, or `40 %, 3 s left` */
export function describeProgress(done: number, total: number, unit: string, seconds: number): string {
  const rate = done / seconds;
  const number = (n: number) => n.toLocaleString('en-US', { maximumFractionDigits: n < 10 ? 1 : 0 });
  if (done === 0) return `${number(seconds)} s`;
  const parts =
    unit === '%'
      ? [`${number(done)} %`]
      : [`${number(done)}${total > 0 ? ` of ${number(total)}` : ''} ${unit}`, `${number(rate)} ${unit}/s`];
  if (total > 0 && rate > 0) parts.push(`${durationText(Math.max(0, total - done) / rate)} left`);
  return parts.join(', ');
}

/** `9 s`, `7 min 5 s`, `3 h 10 min`, rounded up */
export function durationText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
