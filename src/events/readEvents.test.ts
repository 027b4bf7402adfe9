import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { formatAddress } from '../addresses/address.ts';
import { readChunks } from '../files/input.ts';
import type { Events } from './events.ts';
import { EventReader, formatReadSummary, type ReadOptions, readEvents } from './readEvents.ts';

const encoder = new TextEncoder();
const bytesOf = (input: string | Uint8Array) => (typeof input === 'string' ? encoder.encode(input) : input);

const read = (input: string | Uint8Array, options: Partial<ReadOptions> = {}) =>
  readEvents([bytesOf(input)], { name: 'train.csv', onBadLine: 'error', ...options });

/** The events as a person would list them. */
const listed = ({ count, entities, entity, addresses, time }: Events) =>
  Array.from({ length: count }, (_, i) => [entities.name(entity[i]), formatAddress(addresses, i), time[i]]);

const none = Number.NaN;
const READ: [name: string, input: string | Uint8Array, events: [string, string, number][]][] = [
  [
    'two columns',
    'alice,1.2.3.4\nbob,2001:DB8::1\n',
    [
      ['alice', '1.2.3.4', none],
      ['bob', '2001:db8::1', none],
    ],
  ],
  ['a third column is the time', 'alice,1.2.3.4,1541289600\n', [['alice', '1.2.3.4', 1541289600]]],
  ['which may be empty', 'alice,1.2.3.4,\n', [['alice', '1.2.3.4', none]]],
  ['blanks around the address, as AWS writes it', 'alice, 1.2.3.4 , 0 \n', [['alice', '1.2.3.4', 0]]],
  [
    'CRLF, and no line end at the end',
    'a,1.2.3.4\r\nb,1.2.3.5',
    [
      ['a', '1.2.3.4', none],
      ['b', '1.2.3.5', none],
    ],
  ],
  ['a byte-order mark', '\ufeffalice,1.2.3.4\n', [['alice', '1.2.3.4', none]]],
  ['::ffff:1.2.3.4 is 1.2.3.4', 'alice,::ffff:1.2.3.4\n', [['alice', '1.2.3.4', none]]],
  ['commas and quotes in names', '"Smith, ""Jo""",1.2.3.4\n', [['Smith, "Jo"', '1.2.3.4', none]]],
  ['a name over two lines', '"a\nb",1.2.3.4\n', [['a\nb', '1.2.3.4', none]]],
  ['names in any script', 'Jürgen 東京 🦊,1.2.3.4\n', [['Jürgen 東京 🦊', '1.2.3.4', none]]],
  [
    'names that look like addresses or numbers',
    '1.2.3.4,5.6.7.8\n7,1.1.1.1\n',
    [
      ['1.2.3.4', '5.6.7.8', none],
      ['7', '1.1.1.1', none],
    ],
  ],
];
for (const [name, input, events] of READ) {
  test(`reads ${name}`, async () => assert.deepEqual(listed((await read(input)).events), events));
}

test('a mark at the start of a later name is part of the name', async () => {
  const { events } = await read('a,1.2.3.4\n\ufeffb,1.2.3.4\n');
  assert.equal(events.entities.name(1), '\ufeffb');
  assert.equal(events.entities.find('\ufeffb'), 1);
});

test('a header row is recognised, and counted', async () => {
  for (const header of ['user,ip\n', '"user id", "IP Address"\r\n', '\ufeffentity,address,time,extra\n']) {
    const { events, summary } = await read(`${header}alice,1.2.3.4\n`);
    assert.equal(events.count, 1);
    assert.equal(formatReadSummary(summary), '2 lines: 1 event, 1 header row');
  }
});

const skip = 'Skip such lines with --on-bad-line=skip.';
const address = (text: string, why: string) =>
  `expected an IP address in field 2, got "${text}": ${why}. ${skip}`;
const time = (text: string) => `expected ISO 8601 or Unix seconds in field 3, got "${text}".`;
const LATIN_1 = Uint8Array.of(...encoder.encode('Jos'), 0xe9, ...encoder.encode(',1.2.3.4'));

/** One bad line each; all are preceded by a good one, so that the line is 2. */
const BAD: [line: string | Uint8Array, reason: string, message: string][] = [
  ['user,ip', 'no address', address('ip', 'it is not an IP address')],
  ['alice', 'wrong number of fields', `expected 2 or 3 fields (entity,address[,time]), got 1. ${skip}`],
  [
    'Smith, Jo,1.2.3.4,5',
    'wrong number of fields',
    `expected 2 or 3 fields (entity,address[,time]), got 4. Names that hold commas must be quoted. ${skip}`,
  ],
  [
    'a,1.2.3.4,0,1,home',
    'wrong number of fields',
    `expected 2 or 3 fields (entity,address[,time]), got 5. Names that hold commas must be quoted. ${skip}`,
  ],
  [',1.2.3.4', 'no entity', `expected an entity in field 1, got nothing. ${skip}`],
  ['"",1.2.3.4', 'no entity', `expected an entity in field 1, got nothing. ${skip}`],
  [
    LATIN_1,
    'not UTF-8',
    `expected UTF-8 text in field 1, got other bytes. Convert the file with iconv. ${skip}`,
  ],
  ['a,', 'no address', address('', 'it is empty')],
  ['a,010.1.2.3', 'no address', address('010.1.2.3', 'octet 1 has a leading zero')],
  ['a,1.2.3', 'no address', address('1.2.3', 'it has 3 parts, not 4')],
  ['a,1.2.3.256', 'no address', address('1.2.3.256', 'octet 4 is above 255')],
  ['a,fe80::1%eth0', 'no address', address('fe80::1%eth0', 'it has a zone id')],
  ['a,1.2.3.4:443', 'no address', address('1.2.3.4:443', 'it has a port')],
  ['a,[2001:db8::1]:443', 'no address', address('[2001:db8::1]:443', 'it has a port')],
  ['a,10.0.0.0/8', 'no address', address('10.0.0.0/8', 'it is a network, not an address')],
  ['a,localhost', 'no address', address('localhost', 'it is not an IP address')],
  [
    `a,${'1'.repeat(500)}`,
    'no address',
    address(`${'1'.repeat(48)}…${'1'.repeat(11)}`, 'it has 1 part, not 4'),
  ],
  ['a,1.2.3.4,yesterday', 'bad time', `${time('yesterday')} ${skip}`],
  [
    'a,1.2.3.4,1541289600000',
    'bad time',
    `${time('1541289600000')} These look like milliseconds: divide by 1000. ${skip}`,
  ],
  ['a,1.2.3.4,2018-02-30', 'bad time', `${time('2018-02-30')} ${skip}`],
  ['"a,1.2.3.4', 'quote never closed', `expected a closing quote, found none. ${skip}`],
  [
    '"a"b,1.2.3.4',
    'text after a closing quote',
    `expected a comma or a line end after a closing quote, got other text. ${skip}`,
  ],
  [
    `${'a'.repeat(10_000_000)},1.2.3.4`,
    'line too long',
    `expected a line of at most 1 MiB, got a longer one. ${skip}`,
  ],
];
for (const [line, reason, message] of BAD) {
  const shown = JSON.stringify(typeof line === 'string' ? line.slice(0, 40) : 'José in Latin-1');
  test(`${shown}: ${reason}`, async () => {
    const input = Buffer.concat([
      encoder.encode('good,1.2.3.4\n'),
      bytesOf(line),
      encoder.encode('\nlast,1.1.1.1\n'),
    ]);
    await assert.rejects(read(input), { name: 'InputError', message: `train.csv:2: ${message}` });
    const { events, summary } = await read(input, { onBadLine: 'skip' });
    assert.equal(events.count, 2);
    const lines = summary.lines.toLocaleString('en-US');
    assert.equal(formatReadSummary(summary), `${lines} lines: 2 events, 1 skipped (1 ${reason})`);
    assert.deepEqual(summary.skipped, new Map([[reason, 1]]));
  });
}

test('UTF-16 is refused with the command that converts it, even where errors are skipped', async () => {
  const utf16 = Buffer.from('\ufeffalice,1.2.3.4\n', 'utf16le');
  const message = 'train.csv: expected UTF-8 text, got UTF-16. Convert it: iconv -f UTF-16 -t UTF-8.';
  for (const bytes of [utf16, Buffer.from(utf16).swap16(), Uint8Array.of(0xff, 0xfe)]) {
    await assert.rejects(read(bytes, { onBadLine: 'skip' }), { name: 'InputError', message });
  }
});

test('an input without a single event is refused, with what it held instead', async () => {
  const columns = 'train.csv: expected events (entity,address[,time]), but';
  const table: [string, string][] = [
    ['', `${columns} it is empty.`],
    ['\n\r\n', `${columns} it holds none (2 lines: 0 events, 2 blank lines).`],
    ['user,ip\n', `${columns} it holds none (1 line: 0 events, 1 header row).`],
    [
      'a\nb,c\n1,2\n',
      `${columns} it holds none (3 lines: 0 events, 3 skipped (2 no address, 1 wrong number of fields)).`,
    ],
  ];
  for (const [text, message] of table) {
    await assert.rejects(read(text, { onBadLine: 'skip' }), { name: 'InputError', message });
  }
});

test('labelled events have a label, and a kind where they want', async () => {
  const text = 'entity,address,time,label,kind\na,1.2.3.4,0,1,swap \nb,1.2.3.5,,0\n';
  const { events, labels, kinds, summary } = await read(text, { columns: 'labelled' });
  assert.deepEqual([...labels], [1, 0]);
  assert.deepEqual(kinds, ['swap', '']);
  assert.deepEqual([...events.time], [0, none]);
  assert.equal(formatReadSummary(summary), '3 lines: 2 events, 1 header row');
  for (const [line, message] of [
    ['a,1.2.3.4,0,2', `expected label 0 (honest) or 1 (attack) in field 4, got "2". ${skip}`],
    ['a,1.2.3.4,0,', `expected label 0 (honest) or 1 (attack) in field 4, got "". ${skip}`],
    ['a,1.2.3.4,0', `expected 4 or 5 fields (entity,address,time,label[,kind]), got 3. ${skip}`],
  ]) {
    await assert.rejects(read(`${line}\n`, { columns: 'labelled' }), {
      name: 'InputError',
      message: `train.csv:1: ${message}`,
    });
  }
});

test('lines without end keep memory bounded', () => {
  const reader = new EventReader({ name: 'x', onBadLine: 'skip' }, () => {});
  const before = process.memoryUsage().arrayBuffers;
  const chunk = new Uint8Array(1 << 16).fill(97);
  let most = 0;
  for (let i = 0; i < 4096; i++) {
    reader.push(chunk);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  const summary = reader.finish();
  assert.equal(formatReadSummary(summary), '1 line: 0 events, 1 skipped (1 line too long)');
  // 256 MiB went in; 1 MiB of it may wait, in copies that are collected late.
  assert.ok(most < 128 << 20, `${most} bytes`);
});

test('gzip that ends in the middle is an error with its own sentence, never a shorter file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ip-insights-events-'));
  try {
    const path = join(folder, 'train.csv.gz');
    const whole = gzipSync(
      Array.from({ length: 5000 }, (_, i) => `user_${i},10.0.${i >> 8}.${i & 255}\n`).join(''),
    );
    writeFileSync(path, whole);
    const options: ReadOptions = { name: path, onBadLine: 'skip' };
    assert.equal((await readEvents(readChunks(path), options)).events.count, 5000);
    for (const length of [2, 10, 100, whole.length - 8, whole.length - 1]) {
      writeFileSync(path, whole.subarray(0, length));
      await assert.rejects(readEvents(readChunks(path), options), {
        name: 'InputError',
        message: `${path}: the gzip data ends in the middle (truncated file). Copy or download it again.`,
      });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('any bytes in any chunks: nothing is thrown under skip, every line is accounted for', () => {
  const pieces = [
    'alice',
    ',',
    '"',
    '\n',
    '\r\n',
    ' ',
    '1.2.3.4',
    '::1',
    '0',
    'x',
    '\ufeff',
    '10',
    ',1.2.3.4\n',
  ];
  const piece = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...pieces).map((text) => [...encoder.encode(text)]) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }).map((byte) => [byte]) },
  );
  const input = fc.array(piece, { maxLength: 40 }).map((list) => Uint8Array.from(list.flat()));
  const columns = fc.constantFrom<'events' | 'labelled'>('events', 'labelled');
  const outcome = (chunks: Uint8Array[], columns: 'events' | 'labelled') => {
    const events: unknown[] = [];
    let linesInNames = 0;
    const reader = new EventReader({ name: 'x', onBadLine: 'skip', columns }, (event) => {
      const name = event.bytes.slice(event.entityStart, event.entityEnd);
      linesInNames += name.filter((byte) => byte === 10).length;
      events.push([name, [...event.words], event.time, event.label, event.kind]);
    });
    for (const chunk of chunks) reader.push(chunk);
    return { events, summary: reader.finish(), linesInNames };
  };
  fc.assert(
    fc.property(input, columns, fc.integer({ min: 1, max: 7 }), (bytes, columns, size) => {
      // UTF-16 is refused as a whole, see above.
      fc.pre(!(bytes[0] === 0xff && bytes[1] === 0xfe) && !(bytes[0] === 0xfe && bytes[1] === 0xff));
      const whole = outcome([bytes], columns);
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.slice(at, at + size));
      assert.deepEqual(outcome(chunks, columns), whole);
      const { lines, events, headerLines, blankLines, skipped } = whole.summary;
      const bad = [...skipped.values()].reduce((sum, n) => sum + n, 0);
      const accounted = events + headerLines + blankLines + bad;
      // What is missing are line ends inside quotes: none where there is no quote.
      if (bytes.includes(34)) assert.ok(accounted + whole.linesInNames <= lines);
      else assert.equal(accounted, lines);
      assert.equal(whole.events.length, events);
    }),
    { numRuns: 3000 },
  );
});

test('events written per RFC 4180 come back, whatever their names', async () => {
  const name = fc
    .oneof(fc.string({ unit: fc.constantFrom(...'", \n\r\tab') }), fc.string({ unit: 'binary' }))
    // Half of a surrogate pair has no UTF-8.
    .filter((text) => text !== '' && !/\p{Surrogate}/u.test(text));
  const event = fc.tuple(name, fc.oneof(fc.ipV4(), fc.ipV6()), fc.option(fc.integer({ min: 0, max: 2e9 })));
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 20 }), async (list) => {
      const text = list.map(
        ([name, address, time]) => `"${name.replaceAll('"', '""')}",${address},${time ?? ''}\n`,
      );
      const { events } = await read(text.join(''));
      const expected = await read(list.map(([, address]) => `x,${address}\n`).join(''));
      assert.deepEqual(events.addresses, expected.events.addresses);
      assert.deepEqual(
        listed(events).map(([name, , time]) => [name, time]),
        list.map(([name, , time]) => [name, time ?? none]),
      );
    }),
    { numRuns: 300 },
  );
});
