import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestFormat } from './mediaTypes.ts';
import { type Excerpt, readRequest } from './readRequest.ts';

/** Names of the records that are some, and messages of those that are none, in their order. */
function told(text: string | Uint8Array, format: RequestFormat, excerpt?: Excerpt): string[] {
  const all: string[] = [];
  const sink = {
    add: (name: Uint8Array, start: number, end: number) => {
      all.push(Buffer.from(name.subarray(start, end)).toString());
    },
    bad: (message: string) => {
      all.push(message);
    },
  };
  readRequest(Buffer.from(text as string), format, sink, excerpt);
  return all;
}
const jsonLine = (name: string) => `{"features":["${name}","8.8.8.8"]}`;

test('the lines of an excerpt are numbered as in the text that it is cut from', () => {
  const excerpt = { firstLine: 100, isEnd: true };
  assert.deepEqual(told('u,8.8.8.8\n\nv,8.8\n\n', 'csv', excerpt), [
    'u',
    'line 101: expected entity,address[,time], got a blank line.',
    'line 102: expected an IP address in field 2, got "8.8": it has 2 parts, not 4.',
  ]);
  assert.deepEqual(told(`${jsonLine('u')}\n\n${jsonLine('v')}\n`, 'jsonlines', excerpt), [
    'u',
    'line 101: expected a JSON object, got a blank line.',
    'v',
  ]);
});

test('a quoted field may hold a line end in a request, and must not in an excerpt', () => {
  const text = '"a\nb",8.8.8.8\nc,8.8.8.8\n';
  assert.deepEqual(told(text, 'csv'), ['a\nb', 'c']);
  assert.deepEqual(told(text, 'csv', { firstLine: 1, isEnd: true }), [
    'line 1: expected a closing quote, found none.',
    'b"',
    'c',
  ]);
});

test('a byte-order mark is one at the start of the text only', () => {
  const text = '\ufeffu,8.8.8.8\n';
  assert.deepEqual(told(text, 'csv', { firstLine: 1, isEnd: true }), ['u']);
  assert.deepEqual(told(text, 'csv', { firstLine: 2, isEnd: true }), ['\ufeffu']);
  assert.deepEqual(told(`\ufeff${jsonLine('u')}`, 'jsonlines', { firstLine: 1, isEnd: false }), ['u']);
  assert.deepEqual(told(`\ufeff${jsonLine('u')}`, 'jsonlines', { firstLine: 2, isEnd: false }), [
    'line 2: expected JSON, column 1: expected a value, got "\ufeff".',
  ]);
});

test("AWS's stray ] is read past at the end of the text only", () => {
  const text = `${jsonLine('u')},\n${jsonLine('v')}]\n`;
  assert.deepEqual(told(text, 'jsonlines'), ['u', 'v']);
  assert.deepEqual(told(text, 'jsonlines', { firstLine: 5, isEnd: true }), ['u', 'v']);
  assert.match(
    told(text, 'jsonlines', { firstLine: 5, isEnd: false })[1],
    /^line 6: expected JSON, column \d+: /,
  );
});

test('bytes that are no UTF-8 spoil a request, of an excerpt their line', () => {
  const bytes = Buffer.from(`${jsonLine('u')}\n${jsonLine('\u00ff')}\n${jsonLine('v')}\n`, 'latin1');
  assert.throws(() => told(bytes, 'jsonlines'), { message: 'body: expected UTF-8 text, got other bytes.' });
  assert.deepEqual(told(bytes, 'jsonlines', { firstLine: 1, isEnd: true }), [
    'u',
    'line 2: expected UTF-8 text, got other bytes.',
    'v',
  ]);
});
