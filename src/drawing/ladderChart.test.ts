import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LadderRung, ladderChart } from './ladderChart.ts';

const rung = (network: string, figures: Partial<LadderRung> = {}): LadderRung => ({
  network,
  own_places: 1,
  own_share: 0.1,
  background: 0.001,
  ratio: 100,
  weight: 0.1,
  share: 0.1,
  ...figures,
});
const LADDER = [
  rung('IPv4', { own_share: 1, background: 1, ratio: 1.4 }),
  rung('9.0.0.0/8', { ratio: 15_197.2, share: 0.6 }),
  rung('9.9.9.9', { own_places: 0, own_share: 0, background: 0, ratio: 0, share: 0 }),
  rung('AS64500 <script>alert(1)</script>\u202e\u0000', { own_share: 1e-12 }),
  rung('anywhere', { own_places: null, own_share: null, background: null, ratio: 2e-4, share: 0.1 }),
];

test('a rung shows its network, ratio and part of the likelihood, wide and narrow', () => {
  for (const width of [700, 400]) {
    const { text } = ladderChart(LADDER, { width });
    for (const shown of ['>9.0.0.0/8<', '>15,000×<', '>60 %<', '>0.0002×<', '>anywhere<']) {
      assert.ok(text.includes(shown), `${shown} at ${width}`);
    }
    for (const hidden of ['NaN', 'Infinity', 'undefined', '<script', '\u202e', '\u0000']) {
      assert.ok(!text.includes(hidden), hidden);
    }
    const [, , viewWidth] = /viewBox="0 0 (([\d.]+) [\d.]+)"/.exec(text)!;
    assert.equal(Number(viewWidth), width);
  }
});

test('nested networks are bracketed, providers and what is no rung are not', () => {
  const { text } = ladderChart(LADDER, { width: 700 });
  assert.equal(text.match(/class="nest"/g)!.length, 3);
});

test('an account share of 0 is an empty ring at the 0, apart from the smallest share', () => {
  const { text } = ladderChart(LADDER, { width: 700 });
  const places = [...text.matchAll(/<circle class="own( none)?" cx="([\d.]+)"/g)];
  assert.deepEqual(
    places.map(([, none]) => none === ' none'),
    [false, false, true, false],
  );
  const [none, least] = [Number(places[2][2]), Number(places[3][2])];
  assert.ok(least - none >= 20, `${none} and ${least}`);
});

test('a ladder without rungs, with one, and with a height to fill has no hole', () => {
  for (const rungs of [[], [LADDER[4]], LADDER]) {
    const { text } = ladderChart(rungs, { width: 700, height: 500 });
    assert.doesNotMatch(text, /NaN|Infinity|undefined/);
  }
});
