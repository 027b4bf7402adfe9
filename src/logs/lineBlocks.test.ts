import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  BLOCK_BYTES,
  LONGEST_LINE_BYTES,
  NOT_UTF8_MARKER,
  readLineBlocks,
  TOO_LONG_MARKER,
} from './lineBlocks.ts';

async function* chunksOf(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length]);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function blocksOf(bytes: Buffer, sizes: readonly number[]): Promise<string[]> {
  const blocks: string[] = [];
  for await (const block of readLineBlocks(chunksOf(bytes, sizes), 'x.log')) {
    blocks.push(block.bytes.toString('utf8'));
    block.release();
  }
  return blocks;
}

const linesOf = async (bytes: Buffer, sizes = [65536]) =>
  (await blocksOf(bytes, sizes)).flatMap((block) => block.split('\n'));

/** Plain definition: the pieces between LFs, without an empty one at the end. */
function plainLines(bytes: Buffer): string[] {
  const lines: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(10, start) < 0 ? bytes.length : bytes.indexOf(10, start);
    const line = bytes.subarray(start, end);
    lines.push(isUtf8(line) ? line.toString('utf8') : NOT_UTF8_MARKER);
    start = end + 1;
  }
  return lines;
}

test('any bytes in any chunks give the lines between their LFs', async () => {
  const piece = fc.oneof(
    fc.constantFrom('\n', '\r\n', '\n\n', '\0', '"', '\\', 'é', 'line'),
    fc.uint8Array({ maxLength: 5 }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 60 }),
      fc.array(fc.nat(9), { minLength: 1 }),
      async (pieces, sizes) => {
        const bytes = Buffer.concat([
          Buffer.from('start'),
          ...pieces.map((one) => Buffer.from(one as string)),
        ]);
        assert.deepEqual(await linesOf(bytes, sizes), plainLines(bytes));
      },
    ),
    { numRuns: 500 },
  );
});

test('blocks are cut at the same lines however the bytes arrive', async () => {
  const line = `${'x'.repeat(99)}\n`;
  const bytes = Buffer.from(line.repeat((2.5 * BLOCK_BYTES) / line.length));
  const whole = await blocksOf(bytes, [bytes.length]);
  assert.equal(whole.length, 3);
  assert.deepEqual(await blocksOf(bytes, [1 << 20]), whole);
  assert.deepEqual(await blocksOf(bytes, [1, 65537, 12]), whole);
});

for (const megabytes of [1.5, 3, 4, 10]) {
  test(`a line of ${megabytes} MiB is one line, marked as too long, its neighbours are whole`, async () => {
    const long = Buffer.alloc(megabytes * 2 ** 20, 'y');
    assert.ok(long.length > LONGEST_LINE_BYTES);
    const bytes = Buffer.concat([Buffer.from('before\n'), long, Buffer.from('\nafter\n')]);
    assert.deepEqual(await linesOf(bytes), ['before', TOO_LONG_MARKER, 'after']);
    const atEnd = Buffer.concat([Buffer.from('before\n'), long]);
    assert.deepEqual(await linesOf(atEnd), ['before', TOO_LONG_MARKER]);
  });
}

test('a line of exactly 1 MiB is kept', async () => {
  const line = 'z'.repeat(LONGEST_LINE_BYTES);
  assert.deepEqual(await linesOf(Buffer.from(`${line}\n${line}`)), [line, line]);
});

test('a byte-order mark is no part of the first line', async () => {
  assert.deepEqual(await linesOf(Buffer.from('\ufeffuser,ip\n')), ['user,ip']);
});

test('an empty input has no lines, a single LF is one empty line', async () => {
  assert.deepEqual(await linesOf(Buffer.alloc(0)), []);
  assert.deepEqual(await linesOf(Buffer.from('\n')), ['']);
  assert.deepEqual(await linesOf(Buffer.from('\n\n')), ['', '']);
});

test('UTF-16 is refused with the way out', async () => {
  await assert.rejects(linesOf(Buffer.from('\ufeffuser', 'utf16le')), {
    name: 'InputError',
    message: 'x.log: is UTF-16 text, expected UTF-8. Convert it, e.g. with "iconv -f UTF-16 -t UTF-8 x.log".',
  });
});
