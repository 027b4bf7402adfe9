import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anomalyText, area, limitText, percent, ruleText } from './sentences.ts';

test('shares are written with as many digits as they deserve, never rounded to none or all', () => {
  const table: [number, string][] = [
    [0, '0 %'],
    [1, '100 %'],
    [0.000042, '0.0042 %'],
    [0.00000001, '0.000001 %'],
    [0.0098, '0.98 %'],
    [0.00999, '1.0 %'],
    [0.034, '3.4 %'],
    [0.9435, '94.3 %'],
    [0.9899, '99.0 %'],
    [0.9972, '99.72 %'],
    [0.99999, '> 99.99 %'],
  ];
  for (const [share, text] of table) assert.equal(percent(share), text);
});

test('limits have no more digits than they were given', () => {
  assert.deepEqual([0.001, 0.01, 0.999, 0.07, 0.1234].map(limitText), [
    '0.1 %',
    '1 %',
    '99.9 %',
    '7 %',
    '12.34 %',
  ]);
});

test('an AUC of 1 is told from nearly 1, and a threshold beyond all numbers has words', () => {
  assert.deepEqual([1, 0.99999, 0.99917, 0.5].map(area), ['1.0000', '> 0.9999', '0.9992', '0.5000']);
  assert.deepEqual([12.3456, -2, -0.0001, Infinity, -Infinity, NaN].map(anomalyText), [
    '12.346',
    '−2.000',
    '0.000',
    '+∞',
    '−∞',
    'none',
  ]);
});

test('rules say what they promise', () => {
  assert.equal(ruleText({ kind: 'false_positive_rate', limit: 0.001 }), 'at most 0.1 % of honest events');
  assert.equal(ruleText({ kind: 'alerts_per_day', limit: 1 }), 'at most 1 alert a day');
  assert.equal(ruleText({ kind: 'alerts_per_day', limit: 1000 }), 'at most 1,000 alerts a day');
});
