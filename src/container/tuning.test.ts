/** SageMaker's tuner in small: it sets hyperparameters as texts, reads metric lines by a regex, stops jobs early and takes the best. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { inPairs } from '../cli/inPairs.ts';
import { sampleLogins } from '../cli/sampleLogins.ts';
import { loadModel } from '../index.ts';
import {
  CSV_CHANNEL,
  layOut,
  MAIN,
  namesIn,
  ONE_HOST,
  outcomeOf,
  QUICK,
  readText,
  startTraining,
  train,
} from './sampleJob.ts';

const root = mkdtempSync(join(tmpdir(), 'ip-insights-tuning-'));
after(() => rmSync(root, { recursive: true }));

const EPOCHS = 12;
const [LOGINS, LATER] = [sampleLogins(5000, 1), sampleLogins(500, 4)];
writeFileSync(join(root, 'logins.csv'), LOGINS);
writeFileSync(join(root, 'later.csv'), LATER);

/** `StaticHyperParameters` of a tuning job of IP Insights, and what SageMaker adds. */
const STATIC = {
  epochs: String(EPOCHS),
  mini_batch_size: '100',
  num_entity_vectors: '300',
  random_negative_sampling_rate: '5',
  ...{ _kvstore: 'auto_gpu', _log_level: 'info', _num_gpus: 'auto', _num_kv_servers: 'auto' },
  _tuning_objective_metric: 'validation:discriminator_auc',
};
/** `MetricDefinitions`, as in docs/container.md */
const METRIC = /#quality_metric: host=\S+, epoch=\S+, validation discriminator_auc <score>=(\S+)/;

interface TuningJob {
  folder: string;
  sampled: Record<string, string>;
  status: 'Completed' | 'Stopped' | 'Failed';
  exitCode: number | null;
  /** one for each epoch */
  metrics: number[];
  stderr: string;
}

/**
 * A training job that is stopped where an epoch's metric is below the median of the running averages that the jobs before
 * it had up to the same epoch: https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-early-stopping.html
 */
async function tuningJob(sampled: Record<string, string>, before: TuningJob[]): Promise<TuningJob> {
  const folder = join(root, `job-${before.length}`);
  layOut(folder, {
    hyperparameters: { ...STATIC, ...sampled },
    inputDataConfig: { train: CSV_CHANNEL, validation: CSV_CHANNEL },
    resourceConfig: ONE_HOST,
    data: { 'train/logins.csv': LOGINS, 'validation/later.csv': LATER },
  });
  const child = startTraining(folder);
  const outcome = outcomeOf(child);
  const metrics: number[] = [];
  let isStopped = false;
  const log = createInterface(child.stdout!);
  log.on('line', (line) => {
    const [, value] = METRIC.exec(line) ?? [];
    if (value === undefined) return;
    metrics.push(Number(value));
    const averages = before.map((job) => mean(job.metrics.slice(0, metrics.length)));
    if (isStopped || averages.length === 0 || Number(value) >= median(averages)) return;
    isStopped = true;
    child.kill('SIGTERM');
  });
  const [{ status: exitCode, stderr }] = await Promise.all([outcome, once(log, 'close')]);
  // SageMaker marks what it stopped as Stopped, whatever the exit code.
  const status = isStopped ? 'Stopped' : exitCode === 0 ? 'Completed' : 'Failed';
  return { folder, sampled, status, exitCode, metrics, stderr };
}

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/** `FinalHyperParameterTuningJobObjectiveMetric`: the latest value that a job has printed. */
const final = ({ metrics }: TuningJob) => metrics.at(-1)!;

const jobs: TuningJob[] = [];
before(async () => {
  // Numbers in the ways in which they come: whole, with an exponent as Java and as Python write it, with all digits.
  for (const sampled of [
    { vector_dim: '8', learning_rate: '5.0E-3' },
    { vector_dim: '8', learning_rate: '0.020000000000000004' },
    { vector_dim: '16', learning_rate: '1e-06' },
  ]) {
    jobs.push(await tuningJob(sampled, jobs));
  }
});

test('a tuning job reads one metric an epoch, stops the job that is worse, and takes the best that completed', () => {
  const [first, second, third] = jobs;
  for (const job of [first, second]) {
    assert.deepEqual([job.status, job.exitCode, job.metrics.length], ['Completed', 0, EPOCHS], job.stderr);
    assert.deepEqual(namesIn(job.folder, 'model'), ['ip-insights.model']);
  }
  assert.equal(third.status, 'Stopped');
  assert.ok(third.metrics.length < EPOCHS, 'it was stopped before its end');
  const best = jobs
    .filter(({ status }) => status === 'Completed')
    .reduce((a, b) => (final(b) > final(a) ? b : a));
  assert.equal(best, second);
});

test('a job that early stopping ends has printed its metric, and leaves neither a model nor a failure', () => {
  const { folder, exitCode, metrics, stderr } = jobs[2];
  assert.ok(metrics.length > 0);
  assert.equal(exitCode, 143);
  assert.ok(stderr.endsWith('; no model was written\n'), stderr);
  assert.deepEqual(namesIn(folder, 'model'), []);
  assert.deepEqual(namesIn(folder, 'output'), ['data']);
  assert.deepEqual(namesIn(folder, 'output/data'), []);
});

test("the best job's metric is that of its model, which is the model of ip-insights train with the same values", () => {
  const { folder, sampled } = jobs[1];
  const { _kvstore, _log_level, _num_gpus, _num_kv_servers, _tuning_objective_metric, ...own } = STATIC;
  const flags = Object.entries({ ...own, ...sampled }).flatMap(([key, value]) => [
    `--${key.replaceAll('_', '-')}`,
    value,
  ]);
  const { status, stderr } = command(
    ...['train', 'logins.csv', '--validation', 'later.csv', '--model', 'best.model', ...flags],
  );
  assert.equal(status, 0, stderr);
  const { history } = loadModel(join(root, 'best.model')).card;
  assert.deepEqual(
    history.map(({ discriminatorAuc }) => discriminatorAuc!.toFixed(12)),
    jobs[1].metrics.map(twelve),
  );
  assert.deepEqual(
    readFileSync(join(folder, 'model/ip-insights.model')),
    readFileSync(join(root, 'best.model')),
  );
});

test('ip-insights tune has the figures that a tuning job of SageMaker reads', () => {
  const { epochs, mini_batch_size, num_entity_vectors, random_negative_sampling_rate } = STATIC;
  const rates = jobs.slice(0, 2).map(({ sampled }) => sampled.learning_rate);
  const { status, stderr } = command(
    ...['tune', 'logins.csv', '--validation', 'later.csv', '--model', 'tuned.model', '--json', 'tuning.json'],
    ...['--choice', `learning_rate=${rates.join()}`, '--vector-dim', '8', '--early-stopping', 'none'],
    ...['--max-trials', '2', '--workers', '1', '--epochs', epochs, '--mini-batch-size', mini_batch_size],
    ...['--num-entity-vectors', num_entity_vectors],
    ...['--random-negative-sampling-rate', random_negative_sampling_rate],
  );
  assert.equal(status, 0, stderr);
  const { trials } = JSON.parse(readText(root, 'tuning.json'));
  const byRate = trials.map((trial: Trial) => [
    trial.hyperparameters.learning_rate,
    trial.objective_by_epoch.map(twelve),
  ]);
  assert.deepEqual(
    Object.fromEntries(byRate),
    Object.fromEntries(jobs.slice(0, 2).map(({ metrics }, i) => [Number(rates[i]), metrics.map(twelve)])),
  );
});

interface Trial {
  hyperparameters: { learning_rate: number };
  objective_by_epoch: number[];
}
const twelve = (value: number) => value.toFixed(12);

const command = (...args: string[]) =>
  spawnSync(process.execPath, [MAIN, ...args], { cwd: root, encoding: 'utf8' });

/** The ends of the ranges that AWS recommends for tuning, apart where both would take gigabytes or minutes. */
const ENDS: Record<string, string>[] = [
  {
    ...{ epochs: '1', learning_rate: '1.0E-4', mini_batch_size: '100', num_entity_vectors: '10000' },
    ...{ num_ip_encoder_layers: '1', vector_dim: '8', weight_decay: '0.0' },
    ...{ random_negative_sampling_rate: '0', shuffled_negative_sampling_rate: '10' },
  },
  {
    ...{ epochs: '100', learning_rate: '0.1', mini_batch_size: '50000', num_entity_vectors: '1000000' },
    ...{ num_ip_encoder_layers: '10', vector_dim: '8', weight_decay: '1.0' },
    ...{ random_negative_sampling_rate: '10', shuffled_negative_sampling_rate: '0' },
  },
  { ...QUICK, vector_dim: '256' },
  { ...QUICK, vector_dim: '1024', num_entity_vectors: '100' },
];

test("the ends of AWS's ranges are trained with", async () => {
  await inPairs(ENDS, async (ends, i) => {
    const folder = join(root, `ends-${i}`);
    layOut(folder, {
      hyperparameters: { ...STATIC, ...ends },
      data: { 'train/a.csv': sampleLogins(200, 3), 'validation/b.csv': sampleLogins(100, 4) },
    });
    const { status, stdout, stderr } = await train(folder);
    assert.equal(status, 0, stderr);
    const found = stdout.split('\n').filter((line) => METRIC.test(line));
    assert.equal(found.length, Number(ends.epochs));
    const { hyperparameters } = JSON.parse(readText(folder, 'output/data/training.json'));
    for (const [name, value] of Object.entries(ends)) {
      const ours = name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
      assert.equal(hyperparameters[ours], Number(value), name);
    }
  });
});

/** What a tuning job may call its objective, and whether the log says that this is no name of ours. */
const OBJECTIVES: [text: string, isTold: boolean][] = [
  ['train:binary_classification_cross_entropy', false],
  ['auc of later logins', true],
  ['"average"', true],
  ['', false],
];

test('an objective of any name is taken, as the tuning job names it in its MetricDefinitions; keys of the SDK are too', async () => {
  await inPairs(OBJECTIVES, async ([text, isTold], i) => {
    const folder = join(root, `objective-${i}`);
    layOut(folder, {
      // As the SDK notes down for itself, and as it writes what a framework would read as JSON.
      hyperparameters: {
        ...QUICK,
        vector_dim: '"16"',
        ...{ sagemaker_job_name: '"logins-7"', sagemaker_region: '"eu-central-1"' },
        _tuning_objective_metric: text,
      },
      data: { 'train/a.csv': sampleLogins(200, 3) },
    });
    const { status, stderr } = await train(folder);
    assert.equal(status, 0, stderr);
    assert.equal(
      stderr.includes(
        `_tuning_objective_metric: "${text.replaceAll('"', '')}" is a name of the tuning job's own; the regex of that name in its MetricDefinitions is to match a line of validation:discriminator_auc, train:binary_classification_accuracy, train:binary_classification_cross_entropy, of which the first needs a channel validation\n`,
      ),
      isTold,
      stderr,
    );
    assert.equal(JSON.parse(readText(folder, 'output/data/training.json')).hyperparameters.vectorDim, 16);
  });
});
