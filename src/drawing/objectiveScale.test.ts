import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectiveScale } from './objectiveScale.ts';

const ENDS = { top: 0, bottom: 300 };
const GOOD = [0.9947, 0.9948, 0.9949, 0.995, 0.9951, 0.9952];

test('values from .9947 to .9952 fill the axis beside disasters at .5, which keep their order in a strip', () => {
  const all = [...GOOD, 0.5, 0.6];
  const { place, isCut, strips } = objectiveScale({ all, main: all }, 'maximise', true, ENDS);
  assert.ok(place(0.9947) - place(0.9952) > 150, String(place(0.9947) - place(0.9952)));
  assert.deepEqual(all.filter(isCut), [0.5, 0.6]);
  assert.deepEqual(
    strips.map(({ label }) => label),
    ['failed', 'lower'],
  );
  const [failed, lower] = strips;
  assert.ok(lower.from < place(0.6) && place(0.6) < place(0.5) && place(0.5) < lower.to);
  assert.ok(failed.from < place(null) && place(null) < failed.to);
});

test('where lower is better, low values stand at the bottom and the strips at the top', () => {
  const all = [0.03, 0.031, 0.032, 0.034, 0.9];
  const { place, strips } = objectiveScale({ all, main: all }, 'minimise', true, ENDS);
  assert.ok(place(0.03) > place(0.031) && place(0.031) > place(0.034));
  assert.ok(place(0.9) < place(0.034) && place(null) < place(0.9));
  assert.deepEqual(strips[0], { from: 0, to: 24, label: 'failed' });
  assert.equal(strips[1].label, 'higher');
});

test('errors over decades are shown by their logarithm: .9 is halfway from .99 to 0', () => {
  const all = [0.99, 0.95, 0.9, 0.7, 0.01];
  const { place, strips, ticks } = objectiveScale({ all, main: all }, 'maximise', false, ENDS);
  assert.deepEqual(strips, []);
  const [a, b, c] = [0.99, 0.9, 0].map(place);
  assert.ok(Math.abs(b - a - (c - b)) < 1e-6, `${a} ${b} ${c}`);
  assert.ok(ticks.some(([, label]) => label === '0.9'));
});

test('equal values, one, none, perfect and unbounded ones have finite places, in order, within the frame', () => {
  for (const all of [[], [0.5], [1], [0], [0.7, 0.7, 0.7], [1, 1, 1, 0.2], [0, 0, 0.4], [-3, 5, 1e6, 2, 2]]) {
    for (const direction of ['maximise', 'minimise'] as const) {
      const scale = objectiveScale({ all, main: all }, direction, false, ENDS);
      const sorted = all.toSorted((x, y) => x - y);
      const places = sorted.map(scale.place);
      for (const [i, y] of places.entries()) {
        assert.ok(y >= ENDS.top && y <= ENDS.bottom, `${all} ${direction}: ${places}`);
        if (i > 0) assert.ok(y <= places[i - 1], `${all} ${direction}: ${places}`);
        if (i > 0 && sorted[i] > sorted[i - 1]) assert.ok(y < places[i - 1], `${all}: ${places}`);
      }
      for (const [y, label] of scale.ticks) assert.ok(Number.isFinite(y) && label !== '', label);
    }
  }
});

test('a difference that is chance is not enlarged to the whole axis', () => {
  const all = [0.9, 0.90001];
  const { place } = objectiveScale({ all, main: all }, 'maximise', false, ENDS);
  assert.ok(place(0.9) - place(0.90001) < 3, String(place(0.9) - place(0.90001)));
});

test('labels of ticks do not touch, and tell their values apart', () => {
  for (const all of [GOOD, [0.9, 0.99, 0.999, 0.9999], [0.5, 0.6, 0.7, 0.8]]) {
    const { ticks } = objectiveScale({ all, main: all }, 'maximise', false, ENDS);
    assert.ok(ticks.length >= 3, `${all}: ${ticks}`);
    assert.equal(new Set(ticks.map(([, label]) => label)).size, ticks.length);
    const places = ticks.map(([y]) => y).sort((a, b) => a - b);
    for (let i = 1; i < places.length; i++) assert.ok(places[i] - places[i - 1] >= 20);
  }
});
