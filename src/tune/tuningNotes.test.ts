import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../addresses/address.ts';
import { type Events, EventsBuilder } from '../events/events.ts';
import { parseObjective } from './objectives.ts';
import { sampleTuning } from './sampleTuning.ts';
import { tuningNotes } from './tuningNotes.ts';
import type { JudgedRow, TuningResult } from './tuningResult.ts';

function eventsAt(...times: number[]): Events {
  const builder = new EventsBuilder();
  for (const time of times) builder.add(Uint8Array.of(97), 0, 1, parseAddress('10.0.0.1')!, time);
  return builder.build();
}

const DATA = { train: eventsAt(1, 2), validation: eventsAt(2, 3), test: eventsAt(3, 4) };

/** A search whose best trial has these values, and rows of test figures of the best and the defaults. */
function found(values: number[], rows: [best: number, defaults: number][] = []): TuningResult {
  const sample = sampleTuning({ trials: 12 });
  const best = sample.trials.find(({ trial }) => trial === sample.best)!;
  best.values = values;
  const row = (model: string, detector: JudgedRow['detector'], value: number): JudgedRow => ({
    ...{ model, detector, data: 'test', values: [value] },
  });
  const detectors = ['dot_product', 'anomaly'] as const;
  const judgedRows = rows.flatMap(([ours, theirs], i) => [
    row('the best', detectors[i], ours),
    row('the defaults', detectors[i], theirs),
  ]);
  const objective = parseObjective('swap_auc');
  const judged = { objectives: [objective], rows: judgedRows };
  return { ...sample, objective, judged: rows.length > 0 ? judged : null };
}

const notesOf = (result: TuningResult, data = DATA) => tuningNotes(result, data).join('\n');

test('a best trial that was better before its end is told', () => {
  assert.match(
    notesOf(found([0.95, 0.97, 0.96])),
    /was better after epoch 2 \(0\.970000\) than at its end \(0\.960000\): fewer epochs may be better\. In place of --epochs, --range epochs=1:\d+ with the other ranges searches them too\./,
  );
  assert.doesNotMatch(notesOf(found([0.95, 0.96, 0.97])), /better after epoch/);
});

test('validation events by which all settings are the same are told', () => {
  const sample = found([0.5]);
  const same = { ...sample, trials: sample.trials.map((trial) => ({ ...trial, values: [0.5, 0.5] })) };
  assert.match(
    notesOf(same),
    /Every trial has swap_auc 0\.500000 after every epoch: these validation events do not/,
  );
  same.trials[3].values = [0.5, 0.51];
  assert.doesNotMatch(notesOf(same), /Every trial has/);
});

test('defaults that are better on test events are told', () => {
  assert.match(
    notesOf(found([0.9], [[0.8, 0.85]])),
    /By swap_auc on the test events the best setting is worse than the defaults, judged by the vectors:/,
  );
  assert.match(
    notesOf(
      found(
        [0.9],
        [
          [0.86, 0.85],
          [0.8, 0.85],
        ],
      ),
    ),
    /By swap_auc on the test events the best setting is worse than the defaults, judged by the default score:/,
  );
  assert.doesNotMatch(
    notesOf(
      found(
        [0.9],
        [
          [0.86, 0.85],
          [0.86, 0.85],
        ],
      ),
    ),
    /worse than the defaults/,
  );
});

test('events that are judged should be later than what was learned from', () => {
  assert.doesNotMatch(notesOf(found([0.9])), /begins before|cannot be told/);
  assert.match(notesOf(found([0.9]), { ...DATA, validation: eventsAt(1, 3) }), /begins before .* ends/);
  assert.match(notesOf(found([0.9]), { ...DATA, validation: eventsAt(Number.NaN) }), /cannot be told/);
});

test('without test events the best of many is too good; random addresses are easy', () => {
  assert.match(notesOf(found([0.9])), /so that the figure is too good\. --test FILE judges it/);
  assert.doesNotMatch(notesOf(found([0.9], [[0.9, 0.8]])), /too good/);
  assert.match(
    notesOf({ ...found([0.9]), objective: parseObjective('discriminator_auc') }),
    /Random addresses are easy to tell/,
  );
  assert.doesNotMatch(notesOf(found([0.9])), /Random addresses/);
});

test('a best trial that was not trained to its end is told', () => {
  const result = found([0.9]);
  result.trials.find(({ trial }) => trial === result.best)!.state = 'running';
  assert.match(notesOf(result), /No trial was trained to its end: trial \d+ came farthest/);
});
