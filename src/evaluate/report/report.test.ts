import assert from 'node:assert/strict';
import { test } from 'node:test';
import { thresholdTable } from '../../decide/thresholds.ts';
import { distributionChart } from '../../drawing/distributionChart.ts';
import { escapeHtml, html } from '../../drawing/html.ts';
import { rocChart } from '../../drawing/rocChart.ts';
import { trainingChart } from '../../drawing/trainingChart.ts';
import { collectEvents } from '../../index.ts';
import { trainModel } from '../../model/trainModel.ts';
import { rankScores } from '../../ranking/roc.ts';
import { distributionOf } from '../distribution.ts';
import { evaluateModel } from '../evaluateModel.ts';
import { renderReport } from './report.ts';

const ATTACK = `<script>alert("1")</script>&'`;
const logins = Array.from({ length: 300 }, (_, i) => ({
  entity: `${ATTACK}${i % 9}`,
  address: i % 4 === 0 ? `2001:db8:${i % 9}::${i}` : `10.${i % 9}.${i % 3}.${i % 200}`,
  time: 1_541_000_000 + i * 900,
}));
const events = collectEvents(logins);
const model = await trainModel(events, {
  hyperparameters: { vectorDim: 8, epochs: 3, miniBatchSize: 50, numIpEncoderLayers: 0 },
  validation: events,
});
const evaluation = evaluateModel(
  model,
  { train: events, test: events },
  { names: { model: ATTACK, train: `train${ATTACK}`, test: `test${ATTACK}` } },
);
const page = renderReport(evaluation, thresholdTable(evaluation));
const SIZE = { width: 500, height: 300 };

test('what comes from data never becomes markup', () => {
  assert.equal(page.includes('<script'), false);
  assert.ok(page.includes(escapeHtml(`test${ATTACK}`)));
  assert.ok(page.includes(escapeHtml(`${ATTACK}0`)));
  assert.equal(
    html`<b title="${'"><i>'}">${['a<b', html`<i>&amp;</i>`]}</b>`.text,
    '<b title="&quot;&gt;&lt;i&gt;">a&lt;b<i>&amp;</i></b>',
  );
  assert.equal(escapeHtml('a\u0000b\u001b[1m\u007f'), 'a␀b␛[1m␡');
});

test('the page needs no script and no network, and suits dark screens and paper', () => {
  assert.equal(/\b(?:src|href)=|url\(|@import|\bon\w+=/.test(page.replaceAll('content=', '')), false);
  assert.ok(page.startsWith('<!doctype html>'));
  assert.ok(page.includes("default-src 'none'"));
  assert.ok(page.includes('prefers-color-scheme:dark') && page.includes('@media print'));
});

test('every element that opens closes, in order', () => {
  const open: string[] = [];
  const VOID = new Set(['meta', '!doctype', 'path', 'line', 'circle', 'rect']);
  for (const [, close, name, selfClosed] of page
    .replace(/<style>.*<\/style>/s, '')
    .matchAll(/<(\/?)([!\w]+)[^>]*?(\/?)>/g)) {
    if (close) assert.equal(open.pop(), name);
    else if (!selfClosed && !VOID.has(name.toLowerCase())) open.push(name);
  }
  assert.deepEqual(open, []);
});

test('the page holds the figures: chosen threshold, detectors, attackers, strangest events, model card', () => {
  for (const text of [
    'at most 1 % of honest events <span class="badge">chosen</span>',
    'Do p-values keep their word?',
    'at most 10 alerts a day',
    'longest shared prefix',
    'Against random octets',
    'Against another account&#39;s address',
    'discriminator AUC after each of 3 epochs',
    'num_entity_vectors',
    'No attacks from announced ranges: there is no list of ranges. Name one with --ranges.',
  ]) {
    assert.ok(page.includes(text), text);
  }
});

const finiteOnly = (svg: string) => {
  assert.equal(/NaN|Infinity|undefined/.test(svg), false, svg);
  return svg;
};

const binned = (honest: number[], attacks: number[]) => distributionOf(rankScores(honest, attacks));

test('charts of few, equal and infinite values have no hole', () => {
  const points = [
    { threshold: Number.NaN, truePositiveRate: 0, falsePositiveRate: 0 },
    { threshold: Infinity, truePositiveRate: 0.5, falsePositiveRate: 0 },
    { threshold: 0, truePositiveRate: 1, falsePositiveRate: 1 },
  ];
  const roc = finiteOnly(rocChart([{ detector: 'new_address', points }], 3, undefined, SIZE).text);
  assert.equal(roc.match(/<circle/g)!.length, 1);
  finiteOnly(distributionChart(binned([1, 1], [1]), 1, SIZE).text);
  finiteOnly(distributionChart(binned([-5, 1], [0, 9]), -Infinity, SIZE).text);
  finiteOnly(distributionChart(binned([-Infinity, 1], [0, Infinity]), Number.NaN, SIZE).text);
  finiteOnly(trainingChart([0.25], 'accuracy', SIZE).text);
  finiteOnly(trainingChart([0, 0, 0], 'accuracy', SIZE).text);
});

test('a curve with a jump is drawn in steps: a straight line would promise points that cannot be had', () => {
  const points = Array.from({ length: 100 }, (_, i) => ({
    threshold: -i,
    truePositiveRate: i / 99,
    falsePositiveRate: i / 99,
  }));
  const commands = (drawn: typeof points) =>
    /<path class="curve freeman" d="([^"]*)"/
      .exec(rocChart([{ detector: 'freeman', points: drawn }], 1000, undefined, SIZE).text)![1]
      .match(/L/g)!.length;
  assert.equal(commands(points), 99);
  assert.equal(commands([...points.slice(0, 90), points[99]]), 90 * 2);
});

test('the ROC chart places rates on a logarithmic axis: 0.1 % is halfway between 0.01 % and 1 %', () => {
  const points = [0.0001, 0.001, 0.01].map((falsePositiveRate, i) => ({
    threshold: -i,
    truePositiveRate: i / 2,
    falsePositiveRate,
  }));
  const { text } = rocChart([{ detector: 'neural', points }], 1e6, undefined, SIZE);
  const ticks = [...text.matchAll(/<text x="([\d.]+)" y="[\d.]+" text-anchor="middle">([\d.]+ %)/g)].map(
    ([, x, label]): [string, number] => [label, Number(x)],
  );
  assert.deepEqual(
    ticks.map(([label]) => label),
    ['0.01 %', '0.1 %', '1 %', '10 %', '100 %'],
  );
  const [first, second, third] = ticks.map(([, x]) => x);
  assert.ok(Math.abs(second - (first + third) / 2) < 0.01);
});
