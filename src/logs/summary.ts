import { counted, grouped } from '../errors.ts';
import { describeShard, type Shard } from '../files/shard.ts';

/** Events of one output. */
export interface EventCounts {
  path: string;
  events: number;
  accounts: number;
  /** ISO 8601 UTC; undefined where no event has a time */
  from?: string;
  to?: string;
}

/** What became of every line. `lines` = `events` + `filtered` + `headers` + the sum of `skipped`. */
export interface PrepareSummary {
  /** which part of the inputs this is about; undefined: all of them */
  shard?: Shard;
  inputs: { path: string; format: string; lines: number }[];
  lines: number;
  events: number;
  /** left out by `--where` */
  filtered: number;
  /** header lines of CSV */
  headers: number;
  /** lines that are no event, by reason; reasons that did not occur are left out */
  skipped: Record<string, number>;
  /** the first skipped lines */
  examples: { path: string; line: number; reason: string; explanation: string }[];
  train?: EventCounts;
  test?: EventCounts;
}

/** The first line accounts for every line of the input; the others say what was written. */
export function formatSummary(summary: PrepareSummary): string[] {
  const whose = summary.shard === undefined ? '' : `${describeShard(summary.shard)}: `;
  const lines = [`${whose}${accountOfLines(summary)}`, ...formatExamples(summary)];
  for (const [what, part] of [
    ['train', summary.train],
    ['test', summary.test],
  ] as const) {
    if (!part) continue;
    // A part of a log may have none.
    if (part.events === 0) {
      lines.push(`${what}: no event: ${part.path}`);
      continue;
    }
    const range = part.from === undefined ? 'without a time' : `from ${part.from} to ${part.to}`;
    lines.push(
      `${what}: ${counted(part.events, 'event')} of ${counted(part.accounts, 'account')}, ${range}: ${part.path}`,
    );
  }
  return lines;
}

/** `1,204,331 lines: 1,203,940 events, 391 skipped (388 no address, 3 bad time)` */
export function accountOfLines(summary: PrepareSummary): string {
  const reasons = Object.entries(summary.skipped).sort((a, b) => b[1] - a[1]);
  const skipped = reasons.reduce((sum, [, n]) => sum + n, 0);
  const parts = [counted(summary.events, 'event')];
  if (summary.filtered > 0) parts.push(`${grouped(summary.filtered)} filtered by --where`);
  if (summary.headers > 0) parts.push(counted(summary.headers, 'header'));
  if (skipped > 0) {
    parts.push(
      `${grouped(skipped)} skipped (${reasons.map(([reason, n]) => `${grouped(n)} ${n === 1 ? reason : (PLURALS[reason] ?? reason)}`).join(', ')})`,
    );
  }
  return `${counted(summary.lines, 'line')}: ${parts.join(', ')}`;
}

/** The first skipped lines, each with its place and what is wrong. */
export function formatExamples(summary: PrepareSummary): string[] {
  return summary.examples.map(
    ({ path, line, reason, explanation }) => `  ${path}:${line}: ${reason}${explanation}`,
  );
}

/** Reasons that are said otherwise of several lines. */
const PLURALS: Record<string, string> = {
  'malformed line': 'malformed lines',
  'line too long': 'lines too long',
  'blank line': 'blank lines',
};
