import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowsOf } from './tuneTable.ts';

test('a line is broken between words, so that no row is longer than the terminal is wide', () => {
  assert.deepEqual(rowsOf('trial 1 completed', 80), ['trial 1 completed']);
  assert.deepEqual(rowsOf('trial 1 completed 0.9', 12), ['trial 1', '  completed', '  0.9']);
  assert.deepEqual(rowsOf('a-word-that-is-longer than', 10), ['a-word-that-is-longer', '  than']);
});

test('spaces that align columns stay', () => {
  assert.deepEqual(rowsOf('trial   1 done', 80), ['trial   1 done']);
});
