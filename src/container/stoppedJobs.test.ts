/** Jobs that are killed or told to stop, and started again as SageMaker does: with the folder for checkpoints as it was. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { sampleLogins } from '../cli/sampleLogins.ts';
import { heard, layOut, namesIn, outcomeOf, QUICK, startTraining, train } from './sampleJob.ts';

const root = mkdtempSync(join(tmpdir(), 'ip-insights-stopped-'));
after(() => rmSync(root, { recursive: true }));

const EPOCHS = 12;
const DATA = { 'train/a.csv': sampleLogins(10_000, 1), 'validation/later.csv': sampleLogins(500, 4) };
const hyperparameters = { ...QUICK, epochs: String(EPOCHS), random_negative_sampling_rate: '5' };

/** A new folder that stands for /opt/ml. */
function optMl(name: string, more: { epochs?: string; checkpoints: boolean }): string {
  const { epochs = String(EPOCHS), checkpoints } = more;
  const folder = join(root, name);
  layOut(folder, { hyperparameters: { ...hyperparameters, epochs }, data: DATA });
  if (checkpoints) mkdirSync(join(folder, 'checkpoints'));
  return folder;
}

const modelOf = (folder: string) => readFileSync(join(folder, 'model/ip-insights.model'));
let wholeModel: Buffer;
before(async () => {
  const folder = optMl('whole', { checkpoints: false });
  const { status, stderr } = await train(folder);
  assert.equal(status, 0, stderr);
  wholeModel = modelOf(folder);
});

for (const [signal, stage, words] of [
  ['SIGKILL', 'fit', /fit\.checkpoint: .* MB written/],
  ['SIGKILL', 'final', /training\.checkpoint: .* MB written/],
  ['SIGTERM', 'fit', /^fitting: epoch 1 of/m],
  ['SIGTERM', 'final', /^#progress_metric: .*completed 16\.7 %/m],
] as const) {
  test(`${signal} in the ${stage} training, then the same job again: the model of one run, byte for byte`, async () => {
    const folder = optMl(`${signal}-${stage}`, { checkpoints: true });
    const child = startTraining(folder);
    const outcome = outcomeOf(child);
    await heard(child, words);
    child.kill(signal);
    const { status, stderr } = await outcome;
    assert.deepEqual(namesIn(folder, 'output'), ['data']);
    assert.deepEqual(namesIn(folder, 'output/data'), []);
    assert.deepEqual(namesIn(folder, 'model'), []);
    const file = `${folder}/checkpoints/${stage === 'fit' ? 'fit' : 'training'}.checkpoint`;
    if (signal === 'SIGTERM') {
      assert.equal(status, 0, stderr);
      assert.ok(
        stderr.endsWith(
          `stopped by SIGTERM: what was learned is kept in ${file}, and the same job with the same checkpoints goes on from there; no model was written\n`,
        ),
        stderr,
      );
    } else {
      assert.equal(status, null);
    }
    const again = await train(folder);
    assert.equal(again.status, 0, again.stderr);
    const place = new RegExp(
      `^${file}: going on after (\\d+) epochs?(?: and (\\d+) mini-batch(?:es)?)?$`,
      'm',
    );
    const [, epochs, batches] = place.exec(again.stderr) ?? assert.fail(again.stderr);
    assert.ok(Number(epochs) < EPOCHS, 'it was stopped before its end');
    // Stopped between two epochs only by chance.
    if (signal === 'SIGTERM') assert.ok(Number(epochs) > 0 || Number(batches) > 0);
    const first = stage === 'fit' ? 0 : Number(epochs);
    assert.deepEqual(
      [...again.stdout.matchAll(/epoch=(\d+), validation discriminator_auc/g)].map((match) =>
        Number(match[1]),
      ),
      Array.from({ length: EPOCHS - first }, (_, i) => first + i),
    );
    assert.deepEqual(modelOf(folder), wholeModel);
    assert.deepEqual(namesIn(folder, 'model'), ['ip-insights.model']);
    assert.deepEqual(namesIn(folder, 'checkpoints'), ['fit.checkpoint', 'training.checkpoint']);
  });
}

test('a job without a folder for checkpoints that is told to stop ends at once, and says that nothing is kept', async () => {
  const folder = optMl('nothing', { epochs: '100000', checkpoints: false });
  const child = startTraining(folder);
  const outcome = outcomeOf(child);
  await heard(child, /^fitting: epoch 1 of/m);
  const started = performance.now();
  child.kill('SIGTERM');
  const { status, stderr } = await outcome;
  assert.ok(performance.now() - started < 2000, 'not at once');
  assert.equal(status, 143);
  assert.ok(
    stderr.endsWith(
      `stopped by SIGTERM: nothing is kept, as there is no folder ${folder}/checkpoints (CheckpointConfig); no model was written\n`,
    ),
    stderr,
  );
  assert.deepEqual(namesIn(folder, 'model'), []);
  assert.deepEqual(namesIn(folder, 'output'), ['data']);
});
