import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrainingStart } from '../model/trainModel.ts';
import { completeHyperparameters } from '../neural/hyperparameters.ts';
import { MetricLines } from './metricLines.ts';

const start = (pairs: number): TrainingStart => ({
  stage: 'final',
  events: pairs,
  entities: 2,
  pairs,
  hyperparameters: completeHyperparameters(
    { epochs: 5, miniBatchSize: 1000, randomNegativeSamplingRate: 5, shuffledNegativeSamplingRate: 1 },
    10_000,
  ),
  prefixes: 1,
  threads: 1,
  plainReason: '',
});

function linesOf(write: (lines: MetricLines) => void): string[] {
  const written: string[] = [];
  const lines = new MetricLines('algo-1', (line) => written.push(line));
  lines.prepare(start(2_141_335));
  write(lines);
  return written;
}

/** Speeds are this machine's. */
const withoutSpeeds = (lines: string[]) =>
  lines.map((line) => line.replace(/(Speed: |throughput=)\d+\.\d\d /, '$1… '));

const batch = {
  epoch: 0,
  positives: 1e6,
  samples: 7e6,
  crossEntropyNats: 0.199315,
  accuracy: 0.9275124875124875,
};

test("the figures of AWS's recorded log give its lines, letter by letter", () => {
  const lines = linesOf((to) => {
    to.run({ epoch: 0, batch: 0 });
    to.batch({ ...batch, batches: 1000 });
    to.epoch({ epoch: 1, accuracy: 0.97961, crossEntropyNats: 0.0771, discriminatorAuc: 0.989875082849 });
  });
  assert.deepEqual(withoutSpeeds(lines), [
    'Epoch[0] Batch [1000]\tSpeed: … samples/sec\tbinary_classification_accuracy=0.927512\tbinary_classification_cross_entropy=0.199315',
    '#quality_metric: host=algo-1, epoch=0, batch=1000 train binary_classification_accuracy <score>=0.9275124875124875',
    '#quality_metric: host=algo-1, epoch=0, batch=1000 train binary_classification_cross_entropy <loss>=0.199315',
    '#quality_metric: host=algo-1, epoch=0, train binary_classification_accuracy <score>=0.979610',
    '#quality_metric: host=algo-1, epoch=0, train binary_classification_cross_entropy <loss>=0.077100',
    '#quality_metric: host=algo-1, epoch=0, validation discriminator_auc <score>=0.989875082849',
    '#progress_metric: host=algo-1, completed 20.0 % of epochs',
    '#throughput_metric: host=algo-1, train throughput=… records/second',
  ]);
});

test('batch lines come after whole intervals only, and an epoch without validation has no line for it', () => {
  const lines = linesOf((to) => {
    to.run({ epoch: 0, batch: 0 });
    for (const batches of [1, 999, 1001, 2000]) to.batch({ ...batch, batches });
    to.epoch({ epoch: 5, accuracy: 1, crossEntropyNats: 0, discriminatorAuc: null });
  });
  assert.deepEqual(
    lines.filter((line) => line.startsWith('Epoch')).map((line) => line.split('\t')[0]),
    ['Epoch[0] Batch [2000]'],
  );
  assert.ok(!lines.some((line) => line.includes('validation')));
  assert.ok(lines.includes('#progress_metric: host=algo-1, completed 100.0 % of epochs'));
});

test('an accuracy of one is written as Python does', () => {
  const lines = linesOf((to) => {
    to.run({ epoch: 0, batch: 0 });
    to.batch({ ...batch, batches: 1000, accuracy: 1 });
  });
  assert.match(lines[1], /<score>=1\.0$/);
});

test('throughput counts observed and drawn pairs, of this run and outside of pauses', () => {
  const throughput = (from: number, pausedMilliseconds: number) => {
    const lines = linesOf((to) => {
      to.run({ epoch: 0, batch: from });
      const started = performance.now();
      while (performance.now() - started < 60 + pausedMilliseconds);
      to.exclude(pausedMilliseconds);
      to.epoch({ epoch: 1, accuracy: 1, crossEntropyNats: 0, discriminatorAuc: null });
    });
    return Number(/throughput=(.*) records/.exec(lines.at(-1)!)![1]);
  };
  // At least 60 ms passed; other processes may have made it more, so that the bound is one from above.
  const [samples, samplesFrom2000] = [2_141_335 * 7, 141_335 * 7];
  for (const paused of [0, 100]) {
    const whole = throughput(0, paused);
    assert.ok(whole <= samples / 0.0599 && whole > samples / 5, `${whole}`);
    const part = throughput(2000, paused);
    assert.ok(part <= samplesFrom2000 / 0.0599 && part > samplesFrom2000 / 5, `${part}`);
  }
});
