import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatTime, parseTime, parseTimeBytes } from './time.ts';

const encoder = new TextEncoder();
const ofBytes = (text: string) => parseTimeBytes(encoder.encode(text), 0, encoder.encode(text).length);

/** Both parsers must agree; the one of bytes stands in the middle of others. */
function parsed(text: string): number {
  const bytes = encoder.encode(`9${text}9`);
  const seconds = parseTimeBytes(bytes, 1, bytes.length - 1);
  assert.equal(seconds, parseTime(text), text);
  return seconds;
}

const NOVEMBER_4 = Date.UTC(2018, 10, 4) / 1000;
const READ: [string, number][] = [
  ['1541289600', NOVEMBER_4],
  ['1541289600.25', NOVEMBER_4 + 0.25],
  ['0', 0],
  ['-1', -1],
  ['2018-11-04', NOVEMBER_4],
  ['2018-11-04T00:01', NOVEMBER_4 + 60],
  ['2018-11-04 00:01:02', NOVEMBER_4 + 62],
  ['2018-11-04T00:01:02Z', NOVEMBER_4 + 62],
  ['2018-11-04t00:01:02Z'.toUpperCase(), NOVEMBER_4 + 62],
  ['2018-11-04T00:01:02.5Z', NOVEMBER_4 + 62.5],
  ['2018-11-04 00:01:02,125 +0100', NOVEMBER_4 + 62.125 - 3600],
  ['2018-11-04T00:01:02+05:30', NOVEMBER_4 + 62 - 19800],
  ['2018-11-04T00:01:02-08', NOVEMBER_4 + 62 + 28800],
  ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1) / 1000],
  ['2016-02-29T12:00:00Z', Date.UTC(2016, 1, 29, 12) / 1000],
  ['0050-01-01T00:00:00Z', -60_589_296_000],
  ['0000-01-01', -62_167_219_200],
  ['9999-12-31T23:59:59Z', 253_402_300_799],
];
for (const [text, seconds] of READ) {
  test(`${text} is ${seconds} s`, () => assert.equal(parsed(text), seconds));
}

const REFUSED: [string, string][] = [
  ['', 'nothing'],
  ['yesterday', 'words'],
  ['1541289600000', 'milliseconds'],
  ['1e9', 'powers'],
  ['0x10', 'hexadecimals'],
  ['04/Nov/2018:00:01:02 +0000', 'the format of access logs'],
  ['2018-11-04T24:00:00Z', 'hour 24'],
  ['2018-11-04T00:60:00Z', 'minute 60'],
  ['2018-11-04T00:00:61Z', 'second 61'],
  ['2018-13-01T00:00:00Z', 'month 13'],
  ['2018-00-01', 'month 0'],
  ['2018-11-00T00:00:00Z', 'day 0'],
  ['2018-02-29', 'February 29 of a common year'],
  ['2018-04-31T00:00:00Z', 'April 31'],
  ['2018-11-04T00:01:02+24:00', 'an offset of 24 hours'],
  ['2018-11-04T00:01:02+05:60', 'an offset of 60 minutes'],
  ['2018-11-04T00-01-02Z', 'other separators'],
  ['2018-11-04T00:01:02ZZ', 'text after the zone'],
  ['2018-11-04T00:01:02 CET', 'names of zones'],
  ['-62167219201', 'years before 0'],
  ['253402300800', 'years after 9999'],
  [`${'0'.repeat(64)}x`, 'more than 64 characters'],
];
for (const [text, what] of REFUSED) {
  test(`refuses ${what}: ${JSON.stringify(text)}`, () => assert.ok(Number.isNaN(parsed(text))));
}

test('parse(format(t)) is t, to the millisecond, from year 0 to year 9999', () => {
  const milliseconds = fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 });
  fc.assert(
    fc.property(milliseconds, (time) => {
      assert.equal(Math.round(ofBytes(formatTime(time / 1000)) * 1000), time);
      const whole = Math.floor(time / 1000);
      assert.equal(ofBytes(formatTime(whole)), whole);
      assert.match(formatTime(whole), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    }),
    { numRuns: 2000 },
  );
});

test('any text gives one and the same answer in both parsers', () => {
  const piece = fc.constantFrom(
    '2018',
    '-',
    '11',
    '04',
    'T',
    ' ',
    ':',
    '00',
    '9',
    'Z',
    '+',
    '.',
    ',',
    '1',
    '',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 18 }), (pieces) => void parsed(pieces.join(''))),
    { numRuns: 5000 },
  );
});
