import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CutOptions, type LineBlock, LineCutter } from './lineCutter.ts';

/** @param ends where one chunk ends and the next begins */
function blocksOf(text: string, options: CutOptions, ends: number[] = []): LineBlock[] {
  const bytes = Buffer.from(text, 'latin1');
  const cutter = new LineCutter(options);
  const blocks: LineBlock[] = [];
  let start = 0;
  for (const end of [...ends.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    blocks.push(...cutter.push(bytes.subarray(start, end)));
    start = end;
  }
  blocks.push(...cutter.finish());
  return blocks;
}
const textOf = ({ bytes }: LineBlock) => Buffer.from(bytes).toString('latin1');

const line = fc.oneof(
  fc.constantFrom('', '\r', ' ', '\t\r', 'a', 'bc\r', 'd,e'),
  fc.string({ unit: fc.constantFrom('x', ' ', '"', '\r'), maxLength: 40 }),
);
const text = fc
  .tuple(fc.array(line, { maxLength: 30 }), fc.boolean())
  .map(([lines, ends]) => lines.join('\n') + (ends ? '\n' : ''));
const format = fc.constantFrom('csv' as const, 'jsonlines' as const);

test('blocks depend on the text alone, not on the chunks that it comes in', () => {
  fc.assert(
    fc.property(
      text,
      fc.integer({ min: 1, max: 50 }),
      format,
      fc.array(fc.nat()),
      (all, size, kind, ends) => {
        const options = { targetBytes: size, maxLineBytes: 100, format: kind };
        assert.deepEqual(blocksOf(all, options, ends), blocksOf(all, options));
      },
    ),
  );
});

test('blocks are the text, cut at line ends; each has a record, as many as fit, and knows its lines', () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 50 }), format, (all, size, kind) => {
      const blocks = blocksOf(all, { targetBytes: size, maxLineBytes: 100, format: kind });
      const isRecord = (one: string) => (kind === 'csv' ? !/^\r?$/.test(one) : !/^[ \t\r]*$/.test(one));
      const joined = blocks.map(textOf).join('');
      assert.ok(all.startsWith(joined));
      // What is left out are blank lines at the end.
      assert.ok(
        all
          .slice(joined.length)
          .split('\n')
          .every((one) => !isRecord(one)),
      );
      let before = '';
      for (const [i, block] of blocks.entries()) {
        const own = textOf(block);
        const isLast = i === blocks.length - 1;
        assert.equal(block.isEnd, isLast);
        if (!isLast) assert.ok(own.endsWith('\n'));
        assert.equal(block.firstLine, before.split('\n').length);
        assert.equal(block.lineEnds, own.split('\n').length - 1);
        const records = own.split('\n').filter(isRecord).length;
        assert.ok(records > 0);
        if (records > 1) assert.ok(own.length <= size || isLast);
        before += own;
        assert.equal(block.endByte, before.length);
      }
    }),
  );
});

test('a cut text goes on from where an earlier run has ended', () => {
  const all = 'a\nbb\n\nccc\nd\n';
  const options: CutOptions = { targetBytes: 4, maxLineBytes: 9, format: 'csv' };
  const whole = blocksOf(all, options);
  const [{ endByte, lineEnds }] = whole;
  const rest = blocksOf(all.slice(endByte), { ...options, from: { byte: endByte, lines: lineEnds } });
  assert.deepEqual(rest, whole.slice(1));
});

test('a line longer than it may be is named by its number, wherever the chunks end', () => {
  for (const ends of [[], [3, 6, 9]]) {
    assert.throws(
      () => blocksOf('a\n\nbbbbbb\nc\n', { targetBytes: 2, maxLineBytes: 5, format: 'csv' }, ends),
      {
        message: 'line 3: expected a record of at most 5 bytes, got a longer one. Raise --max-payload.',
      },
    );
  }
});
