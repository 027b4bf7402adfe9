import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EarlyStopping } from './earlyStopping.ts';
import { Hyperband, NoEarlyStopping, SuccessiveHalving } from './successiveHalving.ts';

/** Epochs after which a training of so many has reached each rung. */
const epochsOf = (stopping: EarlyStopping, epochs: number) =>
  Array.from({ length: stopping.rungs }, (_, rung) => stopping.epochsAt(rung, epochs));

test('a training of 9 epochs has rungs after 1, 3 and 9; of 10 after 1, 3 and 10; of 81 after 1, 3, 9, 27 and 81', () => {
  for (const kind of [SuccessiveHalving, Hyperband]) {
    assert.deepEqual(epochsOf(kind.forEpochs(9), 9), [1, 3, 9]);
    assert.deepEqual(epochsOf(kind.forEpochs(10), 10), [1, 3, 10]);
    assert.deepEqual(epochsOf(kind.forEpochs(81), 81), [1, 3, 9, 27, 81]);
  }
});

test('there are 1, 2, 2, 3, 3, 4, 4, 5 rungs for 1, 2, 4, 5, 13, 14, 40, 41 epochs, each with epochs of its own', () => {
  const rungs = [1, 2, 4, 5, 13, 14, 40, 41].map((epochs) => SuccessiveHalving.forEpochs(epochs).rungs);
  assert.deepEqual(rungs, [1, 2, 2, 3, 3, 4, 4, 5]);
  assert.deepEqual(epochsOf(SuccessiveHalving.forEpochs(5), 5), [1, 2, 5]);
  for (let epochs = 1; epochs <= 300; epochs++) {
    const stopping = SuccessiveHalving.forEpochs(epochs);
    assert.equal(new Set(epochsOf(stopping, epochs)).size, stopping.rungs);
  }
  assert.equal(SuccessiveHalving.forEpochs(3 ** 20).rungs, 21);
  assert.equal(SuccessiveHalving.forEpochs((3 ** 20 - 1) / 2).rungs, 20);
});

test('rungs never go back, begin with an epoch at least, and the last is the whole training', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 5000 }), (rungs, epochs) => {
      const reached = epochsOf(new SuccessiveHalving(rungs), epochs);
      assert.equal(reached[rungs - 1], epochs);
      for (const [rung, epoch] of reached.entries()) {
        assert.ok(Number.isInteger(epoch) && epoch >= 1 && (rung === 0 || epoch >= reached[rung - 1]));
      }
    }),
  );
});

test('a training of few epochs has several rungs in its first', () => {
  assert.deepEqual(epochsOf(SuccessiveHalving.forEpochs(27), 2), [1, 1, 1, 2]);
  assert.deepEqual(epochsOf(SuccessiveHalving.forEpochs(27), 1), [1, 1, 1, 1]);
});

/** Which of losses go on from the first rung, as they arrive one after the other. */
const goOn = (losses: number[], stopping: EarlyStopping = new SuccessiveHalving(3)) =>
  losses.map((loss, trial) => stopping.isWorthGoingOn(trial, 0, loss, losses.slice(0, trial)));

test('by hand: of .5 .4 .6 .3 .45 .2 .35 .25 .1 those go on that are among the best 1 1 1 2 2 2 3 3 3', () => {
  assert.deepEqual(goOn([0.5, 0.4, 0.6, 0.3, 0.45, 0.2, 0.35, 0.25, 0.1]), [
    // alone; better than .5; third; best of four; third of five, two go on
    ...[true, true, false, true, false],
    // best of six; third of seven, three go on; second of eight; best
    ...[true, true, true, true],
  ]);
});

test('equal losses are all as good as the best of them', () => {
  assert.deepEqual(goOn([0.5, 0.5, 0.5, 0.5]), [true, true, true, true]);
  assert.deepEqual(goOn([0.4, 0.5, 0.5]), [true, false, false]);
});

test('NaN never goes on, not even alone, and stands in nobody’s way', () => {
  const all: EarlyStopping[] = [new NoEarlyStopping(), new SuccessiveHalving(3), new Hyperband(3)];
  for (const stopping of all) {
    for (let trial = 0; trial < 13; trial++) {
      assert.equal(stopping.isWorthGoingOn(trial, 0, Number.NaN, []), false);
    }
  }
  assert.deepEqual(goOn([Number.NaN, 0.9, Number.NaN, 1]), [false, true, false, true]);
});

test('of many trials in any order about a third goes on from a rung, and never the worst', () => {
  const random = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 300, maxLength: 300 });
  fc.assert(
    fc.property(random, (losses) => {
      const asked = new SuccessiveHalving(3);
      const best = [...losses].sort((a, b) => a - b);
      for (const loss of losses) {
        const others = losses.filter((other) => other !== loss);
        const place = best.indexOf(loss);
        assert.equal(asked.isWorthGoingOn(0, 0, loss, others), place < Math.ceil((others.length + 1) / 3));
      }
    }),
    { numRuns: 20 },
  );
});

test('without early stopping there is one rung, the whole training', () => {
  assert.deepEqual(epochsOf(new NoEarlyStopping(), 17), [17]);
  assert.equal(new NoEarlyStopping().isWorthGoingOn(3, 0, 5), true);
});

test("the paper's brackets for 81 epochs: 81 trials from 1 epoch on, 34 from 3, 15 from 9, 8 from 27, 5 from 81", () => {
  const hyperband = Hyperband.forEpochs(81);
  assert.deepEqual(
    hyperband.brackets.map(({ trials, firstRung }) => [trials, hyperband.epochsAt(firstRung, 81)]),
    [
      [81, 1],
      [34, 3],
      [15, 9],
      [8, 27],
      [5, 81],
    ],
  );
});

test('trials are dealt in proportion: in each 143 as many as the brackets have, in any beginning within one', () => {
  const hyperband = new Hyperband(5);
  const dealt = hyperband.brackets.map(() => 0);
  for (let trial = 0; trial < 286; trial++) {
    dealt[hyperband.bracketOf(trial)]++;
    for (const [b, { trials }] of hyperband.brackets.entries()) {
      assert.ok(Math.abs(dealt[b] - (trials / 143) * (trial + 1)) < 1.5, `trial ${trial}: ${dealt}`);
    }
  }
  assert.deepEqual(dealt, [162, 68, 30, 16, 10]);
});

test('the bracket of a trial depends on its number only', () => {
  const inOrder = new Hyperband(4);
  const brackets = Array.from({ length: 60 }, (_, trial) => inOrder.bracketOf(trial));
  assert.equal(brackets[0], 0);
  for (const trial of [59, 3, 30]) assert.equal(new Hyperband(4).bracketOf(trial), brackets[trial]);
});

test('a trial of Hyperband is not compared before the first rung of its bracket, and from there on as in plain halving', () => {
  const hyperband = new Hyperband(4);
  const others = [0.1, 0.2, 0.3];
  for (const [b, { firstRung }] of hyperband.brackets.entries()) {
    const trial = Array.from({ length: 100 }, (_, i) => i).find((i) => hyperband.bracketOf(i) === b)!;
    for (let rung = 0; rung < 3; rung++) {
      assert.equal(hyperband.isWorthGoingOn(trial, rung, 0.9, others), rung < firstRung);
      assert.equal(hyperband.isWorthGoingOn(trial, rung, 0.05, others), true);
    }
  }
});
