import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeProgress } from './progress.ts';

test('progress says how much, how fast and how long still', () => {
  assert.equal(describeProgress(1200, 3400, 'MB', 5), '1,200 of 3,400 MB, 240 MB/s, 10 s left');
  assert.equal(describeProgress(5.25, 0, 'MB', 2), '5.3 MB, 2.6 MB/s');
  assert.equal(describeProgress(40, 100, '%', 8), '40 %, 12 s left');
  assert.equal(
    describeProgress(1e6, 1e9, 'events', 10),
    '1,000,000 of 1,000,000,000 events, 100,000 events/s, 2 h 46 min left',
  );
  assert.equal(describeProgress(10, 100, 'MB', 10), '10 of 100 MB, 1 MB/s, 1 min 30 s left');
  assert.equal(describeProgress(0, 100, 'MB', 3), '3 s');
});
