import { InputError, quoted } from '../errors.ts';
import { inputName } from '../files/input.ts';
import { commonLogFormat, recogniseCommonLog } from './commonLog.ts';
import { csvFormat, findDelimiter, splitCsvLine } from './csvLog.ts';
import type { LogFormat } from './format.ts';
import { jsonLinesFormat, parseJsonObject } from './jsonLines.ts';

/** What `--format` takes. */
export const FORMAT_NAMES = [
  'auto',
  'combined',
  'common',
  'vhost_combined',
  'csv',
  'jsonl',
  'parquet',
] as const;
export type FormatName = (typeof FORMAT_NAMES)[number];

/** How many lines are looked at: enough to see the keys of JSON lines and the types of CSV columns. */
const HEAD_LINES = 5000;
/** How many of them decide what the format is: a damaged line or a comment may stand among them. */
const LINES_TO_RECOGNISE = 20;

/** The first lines of a block, blank ones left out. */
export function firstLines(block: Uint8Array): string[] {
  const text = new TextDecoder().decode(block.subarray(0, 1 << 20));
  const lines = text.split('\n', HEAD_LINES).map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  // The last line may be cut.
  if (block.length > 1 << 20 && lines.length > 1 && lines.length < HEAD_LINES) lines.pop();
  return lines.filter((line) => line.trim() !== '');
}

/**
 * The format of text, by name or by its first lines.
 * @throws InputError where none fits
 */
export function chooseFormat(
  name: Exclude<FormatName, 'parquet'>,
  head: readonly string[],
  path: string,
): LogFormat {
  switch (name === 'auto' ? recognise(head, path) : name) {
    case 'common':
      return commonLogFormat('common', false);
    case 'combined':
      return commonLogFormat('combined', false);
    case 'vhost_combined':
      return commonLogFormat('vhost_combined', true);
    case 'jsonl':
      return jsonLinesFormat(head, path);
    default:
      return csvFormat(head.length > 0 ? head : [''], path);
  }
}

function recognise(head: readonly string[], path: string): Exclude<FormatName, 'auto' | 'parquet'> {
  const lines = head.slice(0, LINES_TO_RECOGNISE);
  // The fullest format that some line shows: an error line may look like a shorter one.
  const seen = new Set(lines.map(recogniseCommonLog));
  for (const name of ['vhost_combined', 'combined', 'common'] as const) if (seen.has(name)) return name;
  if (lines.some(parseJsonObject)) return 'jsonl';
  if (looksLikeCsv(lines)) return 'csv';
  throw new InputError(
    `${inputName(path)}:1: expected an Apache or nginx access log (common, combined), CSV with a header, JSON lines or Parquet, got ${quoted(lines[0] ?? '')}. Name the format with --format=${FORMAT_NAMES.slice(1).join('|')}, or convert the log.`,
  );
}

/** A header of two or more names, and lines of as many fields below it. */
function looksLikeCsv(lines: readonly string[]): boolean {
  if (lines.length === 0) return false;
  const delimiter = findDelimiter(lines[0]);
  if (!delimiter) return false;
  const names = splitCsvLine(lines[0], delimiter);
  if (!names || names.length < 2) return false;
  const fitting = lines.slice(1).filter((line) => splitCsvLine(line, delimiter)?.length === names.length);
  return fitting.length * 2 >= lines.length - 1;
}
