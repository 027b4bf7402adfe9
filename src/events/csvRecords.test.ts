import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CsvRecords, MAX_RECORD_BYTES } from './csvRecords.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

type Seen = { line: number; fields: string[] } | { line: number; problem: string };

interface Split {
  seen: Seen[];
  lines: number;
  blankLines: number;
}

/** Splits bytes that arrive in the given chunks. */
function split(chunks: Iterable<Uint8Array>, limit?: number): Split {
  const seen: Seen[] = [];
  const records: CsvRecords = new CsvRecords(
    {
      record: (bytes, count, line) => {
        const fields = Array.from({ length: Math.min(count, 16) }, (_, i) =>
          decoder.decode(bytes.subarray(records.starts[i], records.ends[i])),
        );
        seen.push({ line, fields });
      },
      problem: (problem, line) => seen.push({ line, problem }),
    },
    limit,
  );
  for (const chunk of chunks) records.push(chunk);
  records.finish();
  return { seen, lines: records.lines, blankLines: records.blankLines };
}

const splitText = (text: string) => split([encoder.encode(text)]);
const fieldsOf = (text: string) =>
  splitText(text).seen.map((one) => ('fields' in one ? one.fields : one.problem));

const TABLE: [name: string, text: string, records: (string[] | string)[]][] = [
  [
    'LF, CRLF and no line end at the end of the input',
    'a,b\nc,d\r\ne,f',
    [
      ['a', 'b'],
      ['c', 'd'],
      ['e', 'f'],
    ],
  ],
  ['a carriage return at the very end belongs to the line end', 'a,b\r', [['a', 'b']]],
  ['one inside a field belongs to the field', 'a\rb,c\n', [['a\rb', 'c']]],
  ['blank lines are none', 'a\n\n\r\nb\n\n', [['a'], ['b']]],
  ['an empty input has no record', '', []],
  ['blanks after a comma are dropped', 'a, \t b ,c\n', [['a', 'b ', 'c']]],
  ['blanks at the start of a line are kept: they may be part of a name', ' a,b\n', [[' a', 'b']]],
  [
    'nothing after a comma is an empty field',
    'a,\n,b\n"c", \n',
    [
      ['a', ''],
      ['', 'b'],
      ['c', ''],
    ],
  ],
  ['quotes hide commas, quotes and line ends', '"a,b","c""d","e\r\nf"\n', [['a,b', 'c"d', 'e\r\nf']]],
  ['a quoted field after a plain one', 'a, "b,c" ,d\r\n', [['a', 'b,c', 'd']]],
  ['empty quotes are an empty field', '"",b\n', [['', 'b']]],
  ['a quote inside a plain field is a character', 'a"b,c\n', [['a"b', 'c']]],
  ['so it is after a quoted field', '"x",a"b\r\n', [['x', 'a"b']]],
  ['a closing quote may be the last byte', 'a,"b"', [['a', 'b']]],
  ['or be followed by a carriage return', 'a,"b"\r', [['a', 'b']]],
  ['text after a closing quote costs its line', '"a"b,c\nd,e\n', ['text after a closing quote', ['d', 'e']]],
  ['so does a carriage return that ends no line', '"a"\rb\nc\n', ['text after a closing quote', ['c']]],
  ['a quote that is never closed costs its line', 'a,"b\nc,d\n', ['quote never closed', ['c', 'd']]],
];
for (const [name, text, records] of TABLE) {
  test(`${name}: ${JSON.stringify(text)}`, () => assert.deepEqual(fieldsOf(text), records));
}

test('a record is reported at its first line, and line ends inside quotes count', () => {
  assert.deepEqual(splitText('a,b\n"c\n\nd",e\nf,g\n'), {
    seen: [
      { line: 1, fields: ['a', 'b'] },
      { line: 2, fields: ['c\n\nd', 'e'] },
      { line: 5, fields: ['f', 'g'] },
    ],
    lines: 5,
    blankLines: 0,
  });
});

test('fields beyond the sixteenth are counted, not kept', () => {
  let count = 0;
  const records = new CsvRecords({ record: (_, fields) => (count = fields), problem: () => assert.fail() });
  records.push(encoder.encode(`${'x,'.repeat(40)}"y"\n`));
  assert.equal(count, 41);
});

test('a record of 1 MiB is read, one byte more is refused; reading goes on after it', () => {
  const longest = 'x'.repeat(MAX_RECORD_BYTES);
  assert.deepEqual(splitText(`${longest}\na\n`).seen, [
    { line: 1, fields: [longest] },
    { line: 2, fields: ['a'] },
  ]);
  assert.deepEqual(splitText(`${longest}y\na\n`).seen, [
    { line: 1, problem: 'line too long' },
    { line: 2, fields: ['a'] },
  ]);
});

/** Bytes that matter to the reader, and some that do not. */
const byte = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...encoder.encode('"",\n\r \t')) },
  { weight: 2, arbitrary: fc.constantFrom(...encoder.encode('ab')) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
);
const someBytes = fc.array(byte, { maxLength: 80 }).map((list) => Uint8Array.from(list));

/** Cuts bytes into chunks at the given places. */
function* cut(bytes: Uint8Array, places: number[]): Generator<Uint8Array> {
  let from = 0;
  for (const to of [
    ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b),
    bytes.length,
  ]) {
    yield bytes.slice(from, to);
    from = to;
  }
}

test('the chunks that the bytes arrive in change nothing, at any limit of length', () => {
  const places = fc.array(fc.nat(), { maxLength: 12 });
  fc.assert(
    fc.property(someBytes, places, fc.integer({ min: 1, max: 90 }), (bytes, where, limit) => {
      const whole = split([bytes], limit);
      assert.deepEqual(split(cut(bytes, where), limit), whole);
      const single = Array.from(bytes, (one) => Uint8Array.of(one));
      assert.deepEqual(split(single, limit), whole);
    }),
    { numRuns: 5000 },
  );
});

test('every line is a record, a problem, blank, or inside quotes', () => {
  fc.assert(
    fc.property(someBytes, fc.integer({ min: 1, max: 90 }), (bytes, limit) => {
      // Only 16 fields are kept, and line ends are looked for in those.
      fc.pre(bytes.filter((one) => one === 44).length < 16);
      const { seen, lines, blankLines } = split([bytes], limit);
      const physical =
        bytes.filter((one) => one === 10).length + (bytes.length > 0 && bytes.at(-1) !== 10 ? 1 : 0);
      assert.equal(lines, physical);
      const inside = seen.map((one) => ('fields' in one ? one.fields.join('').split('\n').length - 1 : 0));
      assert.equal(seen.length + blankLines + inside.reduce((sum, n) => sum + n, 0), lines);
      // Each is reported once, in order.
      assert.ok(seen.every(({ line }, i) => i === 0 || line > seen[i - 1].line));
    }),
    { numRuns: 5000 },
  );
});

test('whatever RFC 4180 can write is read back', () => {
  const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const needsQuotes = (text: string, first: boolean) =>
    /[",\r\n]/.test(text) || (!first && /^[ \t]/.test(text));
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'",\r\n \tab') }),
    fc.string({ unit: 'binary' }),
  );
  const row = fc.array(fc.tuple(text, fc.boolean()), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 5 }), fc.constantFrom('\n', '\r\n'), (rows, lineEnd) => {
      // A line of one empty plain field is a blank line.
      const written = rows.filter((fields) => fields.length > 1 || fields[0][0] !== '');
      const lines = written.map((fields) =>
        fields.map(([one, always], i) => (always || needsQuotes(one, i === 0) ? quote(one) : one)).join(','),
      );
      assert.deepEqual(
        fieldsOf(lines.map((line) => line + lineEnd).join('')),
        written.map((fields) => fields.map(([one]) => one)),
      );
    }),
    { numRuns: 3000 },
  );
});

test('quoted records of a large chunk cost no memory of their own', () => {
  const chunk = encoder.encode('"user, the first",203.0.113.7\n'.repeat(100_000));
  let records = 0;
  const reader = new CsvRecords({ record: () => records++, problem: () => assert.fail() });
  const before = process.memoryUsage().arrayBuffers;
  reader.push(chunk);
  assert.equal(records, 100_000);
  // The buffer for unquoted fields is made once, not once a record (100 GB).
  assert.ok(process.memoryUsage().arrayBuffers - before < 8 * MAX_RECORD_BYTES);
});
