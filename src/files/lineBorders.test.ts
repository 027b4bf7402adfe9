import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { lineEndsBefore, lineStartFrom, recordBorderFrom } from './lineBorders.ts';

const folder = mkdtempSync(join(tmpdir(), 'ip-insights-borders-'));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'text');

/** Mostly short, so that places fall everywhere; some reach over the window that is read at once. */
const line = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('', '\r', ' ', '\t\r', '\r\r', 'a', 'bc\r', 'd e') },
  { weight: 1, arbitrary: fc.constantFrom(' ', 'x').map((one) => one.repeat(70_000)) },
);
const text = fc
  .tuple(fc.array(line, { maxLength: 9 }), fc.boolean())
  .map(([lines, isEnded]) => lines.join('\n').concat(isEnded && lines.length > 0 ? '\n' : ''));

/** Where lines begin; the end of a text begins none. */
const startsOf = (content: string) =>
  [0, ...[...content.matchAll(/\n/g)].map(({ index }) => index + 1)].filter((at) => at < content.length);

test('a line starts where the line before ends, from any place of any text', () => {
  fc.assert(
    fc.property(text, fc.nat(), (content, seed) => {
      writeFileSync(path, content);
      const places = content.length < 100 ? [...content, ''].map((_, i) => i) : [seed % content.length];
      for (const place of places) {
        const expected = startsOf(content).find((at) => at >= place) ?? content.length;
        assert.equal(lineStartFrom(path, place), expected, `from ${place}`);
      }
    }),
  );
});

test('blank lines stay with the record behind them, at the end of a text with the one before', () => {
  for (const format of ['csv', 'jsonlines'] as const) {
    const isBlank = (one: string) => (format === 'csv' ? /^\r?$/ : /^[ \t\r]*$/).test(one);
    fc.assert(
      fc.property(text, fc.nat(), (content, seed) => {
        writeFileSync(path, content);
        const starts = startsOf(content);
        const lineAt = (at: number) => content.slice(at).split('\n', 1)[0];
        const records = starts.filter((at) => !isBlank(lineAt(at)));
        const places = content.length < 100 ? [...content, ''].map((_, i) => i) : [seed % content.length];
        for (const place of places) {
          const border = recordBorderFrom(path, place, format);
          // Records that begin before the place are before the border; the others, with blank lines in front of them, are behind it.
          const before = records.filter((at) => at < place);
          const next = records.find((at) => at >= place);
          const end = before.length === 0 ? 0 : before.at(-1)! + lineAt(before.at(-1)!).length + 1;
          assert.equal(border, next === undefined ? content.length : end, `from ${place}`);
        }
      }),
    );
  }
});

test('a byte-order mark alone in the first line leaves it blank', () => {
  const content = Buffer.from('\ufeff\r\n\nab\nc');
  writeFileSync(path, content);
  const borders = [...content, 0].map((_, place) => recordBorderFrom(path, place, 'csv'));
  // The record of bytes 6 to 8 has two blank lines in front of it.
  assert.deepEqual(borders, [0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 10]);
});

test('line ends before a place are counted', async () => {
  writeFileSync(path, 'a\n\nb\r\nc');
  const counts = [];
  for (let place = 0; place <= 7; place++) counts.push(await lineEndsBefore(path, place));
  assert.deepEqual(counts, [0, 0, 1, 2, 2, 2, 3, 3]);
});
