/** Training jobs as SageMaker starts them: the entry point in a process of its own, over a folder that stands for /opt/ml. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { sampleLogins } from '../cli/sampleLogins.ts';
import { loadModel } from '../index.ts';
import type { ModelCard } from '../model/modelCard.ts';
import { version } from '../version.ts';
import {
  CSV_CHANNEL,
  layOut,
  MAIN,
  namesIn,
  ONE_HOST,
  outcomeOf,
  QUICK,
  readText,
  type SampleJob,
  startTraining,
  train,
} from './sampleJob.ts';

const root = mkdtempSync(join(tmpdir(), 'ip-insights-container-'));
after(() => rmSync(root, { recursive: true }));
let jobs = 0;
/** A new folder that stands for /opt/ml. */
function optMl(job: SampleJob): string {
  const folder = join(root, `ml${jobs++}`);
  layOut(folder, job);
  return folder;
}

const LOGINS = sampleLogins(600, 3);
const LATER = sampleLogins(200, 4);
const lines = LOGINS.split('\n');
const part = (from: number, to: number) => lines.slice(from, to).join('\n');

const whole = optMl({
  hyperparameters: {
    ...QUICK,
    _log_level: 'info',
    _num_gpus: 'auto',
    _kvstore: 'auto_gpu',
    _num_kv_servers: 'auto',
    _tuning_objective_metric: 'validation:discriminator_auc',
  },
  inputDataConfig: {
    train: CSV_CHANNEL,
    validation: { ...CSV_CHANNEL, ContentType: 'text/csv;label_size=0' },
  },
  resourceConfig: { ...ONE_HOST, current_host: 'algo-7', hosts: ['algo-7'] },
  data: { 'train/logins.csv': LOGINS, 'validation/later.csv': LATER },
});
const wholeRun = await train(whole);
const wholeModel = () => readFileSync(join(whole, 'model/ip-insights.model'));

test('a job leaves its model, what became of the training, and no failure', () => {
  assert.equal(wholeRun.status, 0, wholeRun.stderr);
  assert.deepEqual(namesIn(whole, 'model'), ['ip-insights.model']);
  assert.deepEqual(namesIn(whole, 'output'), ['data']);
  assert.deepEqual(namesIn(whole, 'output/data'), ['training.json']);
  const card: ModelCard = JSON.parse(readText(whole, 'output/data/training.json'));
  assert.deepEqual(card, loadModel(join(whole, 'model/ip-insights.model')).card);
  const { vectorDim, epochs, miniBatchSize } = card.hyperparameters;
  assert.deepEqual([vectorDim, epochs, miniBatchSize, card.data.events, card.seed], [8, 2, 100, 600, 1]);
});

test('stdout has the metric lines of the final training, whole and in order, and nothing else', () => {
  const card: ModelCard = JSON.parse(readText(whole, 'output/data/training.json'));
  const batches = Math.ceil(card.data.pairs / 100);
  const expected: string[] = [];
  for (const { epoch, accuracy, crossEntropyNats, discriminatorAuc } of card.history) {
    for (let batch = 2; batch <= batches; batch += 2) {
      const place = `#quality_metric: host=algo-7, epoch=${epoch - 1}, batch=${batch} train binary_classification`;
      expected.push(
        `Epoch[${epoch - 1}] Batch [${batch}]\tSpeed: N samples/sec\tbinary_classification_accuracy=N\tbinary_classification_cross_entropy=N`,
        `${place}_accuracy <score>=N`,
        `${place}_cross_entropy <loss>=N`,
      );
    }
    const place = `#quality_metric: host=algo-7, epoch=${epoch - 1},`;
    expected.push(
      `${place} train binary_classification_accuracy <score>=${accuracy.toFixed(6)}`,
      `${place} train binary_classification_cross_entropy <loss>=${crossEntropyNats.toFixed(6)}`,
      `${place} validation discriminator_auc <score>=${discriminatorAuc!.toFixed(12)}`,
      `#progress_metric: host=algo-7, completed ${(epoch * 50).toFixed(1)} % of epochs`,
      '#throughput_metric: host=algo-7, train throughput=N records/second',
    );
  }
  const got = wholeRun.stdout
    .trimEnd()
    .split('\n')
    .map((line) => {
      const isEpochs = line.startsWith('#quality_metric') && !line.includes('batch=');
      // Figures within an epoch are in no file to compare with.
      return isEpochs || line.startsWith('#progress') ? line : line.replaceAll(/(=|: )\d+\.\d+/g, '$1N');
    });
  assert.deepEqual(got, expected);
  assert.ok(batches >= 4 && card.history.length === 2, 'lines within epochs were seen');
});

/** Metric definitions by which SageMaker reads the log of a job of IP Insights, from its own form. */
const METRIC_REGEXES = {
  'train:binary_classification_cross_entropy':
    '#quality_metric: host=\\S+, epoch=\\S+, train binary_classification_cross_entropy <loss>=(\\S+)',
  'train:binary_classification_accuracy':
    '#quality_metric: host=\\S+, epoch=\\S+, train binary_classification_accuracy <score>=(\\S+)',
  'validation:discriminator_auc':
    '#quality_metric: host=\\S+, epoch=\\S+, validation discriminator_auc <score>=(\\S+)',
  'train:progress': '#progress_metric: host=\\S+, completed (\\S+) % of epochs',
  'train:throughput': '#throughput_metric: host=\\S+, train throughput=(\\S+) records/second',
};

test('the metric definitions of SageMaker find one figure an epoch in the whole log', () => {
  const card: ModelCard = JSON.parse(readText(whole, 'output/data/training.json'));
  const log = wholeRun.stdout + wholeRun.stderr;
  const found = (regex: string) => [...log.matchAll(new RegExp(regex, 'g'))].map((match) => Number(match[1]));
  const figures = Object.values(METRIC_REGEXES).map(found);
  const [losses, accuracies, curves, progress, throughput] = figures;
  const close = (got: number[], expected: number[]) => {
    assert.equal(got.length, expected.length);
    for (const [i, value] of got.entries()) assert.ok(Math.abs(value - expected[i]) <= 5.1e-7, `${value}`);
  };
  close(
    losses,
    card.history.map(({ crossEntropyNats }) => crossEntropyNats),
  );
  close(
    accuracies,
    card.history.map(({ accuracy }) => accuracy),
  );
  close(
    curves,
    card.history.map(({ discriminatorAuc }) => discriminatorAuc!),
  );
  assert.deepEqual(progress, [50, 100]);
  assert.ok(throughput.length === 2 && throughput.every((rate) => rate > 0));
  assert.doesNotMatch(wholeRun.stderr, /_metric:/);
});

test('several files, nested, gzipped, with header rows and without configuration give the same model', async () => {
  const folder = optMl({
    // Numbers in place of texts, as a person writes them.
    hyperparameters: Object.fromEntries(Object.entries(QUICK).map(([key, value]) => [key, Number(value)])),
    data: {
      'train/2024/01/a.csv': part(0, 100),
      'train/2024/02/b.csv.gz': gzipSync(`user,ip,time\n${part(100, 250)}\n`),
      'train/2024/02/c': `user,ip,time\r\n${part(250, 400)}\r\n`,
      'train/z.csv': part(400, 600),
      'train/empty.csv': '',
      'train/_SUCCESS': 'not,data',
      'train/.ipynb_checkpoints/z.csv': 'not,data',
      'validation/later.csv.gz': gzipSync(LATER),
    },
  });
  const { status, stderr, stdout } = await train(folder);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^channel train: 4 files; left out: 1 empty file, 2 names beginning with \. or _$/m);
  assert.match(stderr, /^channel train: 602 lines: 600 events, 2 header rows$/m);
  assert.match(
    stderr,
    /^defaults that are not AWS's: num_ip_encoder_layers 0 \(AWS: 1\), random_negative_sampling_rate 3 \(AWS: 1\)$/m,
  );
  assert.match(stdout, /^#progress_metric: host=algo-1, completed 100\.0 % of epochs$/m);
  assert.deepEqual(readFileSync(join(folder, 'model/ip-insights.model')), wholeModel());
});

test("a job that says nothing has our defaults, and its log names those that are not AWS's", async () => {
  const folder = optMl({ data: { 'train/logins.csv': LOGINS } });
  const { status, stderr } = await train(folder);
  assert.equal(status, 0, stderr);
  assert.match(
    stderr,
    /^defaults that are not AWS's: vector_dim 128 \(AWS: required\), epochs 5 \(AWS: 10\), learning_rate 0\.03 \(AWS: 0\.001\), mini_batch_size 1000 \(AWS: 10000\), num_ip_encoder_layers 0 \(AWS: 1\), random_negative_sampling_rate 3 \(AWS: 1\)$/m,
  );
  const card: ModelCard = JSON.parse(readText(folder, 'output/data/training.json'));
  const { epochs, learningRate, miniBatchSize } = card.hyperparameters;
  assert.deepEqual([epochs, learningRate, miniBatchSize], [5, 0.03, 1000]);
});

test("what is ours beside AWS's ten arrives: seed, threshold, half-life, 8 bits, bad lines, provider table", async () => {
  const folder = optMl({
    hyperparameters: {
      ...QUICK,
      ...{
        seed: '5',
        threads: '1',
        max_fpr: '0.05',
        half_life_days: '30',
        quantize: 'True',
        on_bad_line: 'skip',
      },
    },
    inputDataConfig: {
      train: {
        ...CSV_CHANNEL,
        ContentType: 'text/csv; charset=UTF-8',
        CompressionType: 'None',
        TrainingInputMode: 'FastFile',
      },
      asn: { TrainingInputMode: 'File', ContentType: 'application/octet-stream' },
    },
    resourceConfig: ONE_HOST,
    data: {
      'train/logins.csv': `${LOGINS}user_1,nowhere\n`,
      'asn/ranges.csv': '10.0.0.0,10.99.255.255,64500,One\n10.100.0.0,10.255.255.255,64501,Two\n',
    },
  });
  const { status, stderr } = await train(folder);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^channel train: 601 lines: 600 events, 1 skipped \(1 no address\)$/m);
  assert.match(stderr, /^ranges\.csv: 2 providers$/m);
  const card: ModelCard = JSON.parse(readText(folder, 'output/data/training.json'));
  assert.equal(card.seed, 5);
  assert.equal(card.mixture.halfLifeDays, 30);
  assert.equal(card.quantization?.bits, 8);
  assert.deepEqual([card.threshold?.rule, card.threshold?.limit], ['max_fpr', 0.05]);
  assert.equal(card.mixture.tables[0].name, 'ranges.csv');
});

test('the model folder, packed and unpacked as SageMaker does, holds a model that loads', () => {
  const [archive, unpacked] = [join(root, 'model.tar.gz'), join(root, 'unpacked')];
  mkdirSync(unpacked);
  for (const args of [
    ['czf', archive, '-C', join(whole, 'model'), '.'],
    ['xzf', archive, '-C', unpacked],
  ]) {
    const { status, stderr } = spawnSync('tar', args, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  }
  assert.deepEqual(namesIn(unpacked), ['ip-insights.model']);
  const [entity, address] = lines[0].split(',');
  const anomaly = (folder: string) =>
    loadModel(join(folder, 'ip-insights.model')).score(entity, address).anomaly;
  assert.equal(anomaly(unpacked), anomaly(join(whole, 'model')));
});

test('whatever is not train alone is the ordinary command line', async () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', cwd: root });
  assert.deepEqual([run('--version').stdout, run('--version').status], [`${version}\n`, 0]);
  writeFileSync(join(root, 'logins.csv'), LOGINS);
  const flags = Object.entries(QUICK).flatMap(([key, value]) => [`--${key.replaceAll('_', '-')}`, value]);
  const { status, stderr } = run('train', 'logins.csv', '--model', 'cli.model', ...flags);
  assert.equal(status, 0, stderr);
  assert.equal(loadModel(join(root, 'cli.model')).card.data.events, 600);
  assert.equal(run('no-such-command').status, 2);
});

test('a log that nobody reads any more does not end the job', async () => {
  const folder = optMl({ hyperparameters: QUICK, data: { 'train/a.csv': LOGINS } });
  const child = startTraining(folder);
  const outcome = outcomeOf(child);
  child.stdout!.destroy();
  child.stderr!.destroy();
  assert.equal((await outcome).status, 0);
  assert.deepEqual(namesIn(folder, 'model'), ['ip-insights.model']);
});

test('a job that succeeds removes the failure of the one before', async () => {
  const folder = optMl({ hyperparameters: QUICK, data: { 'train/a.csv': 'nobody\n' } });
  assert.equal((await train(folder)).status, 1);
  assert.deepEqual(namesIn(folder, 'output'), ['failure', 'data'].sort());
  writeFileSync(join(folder, 'input/data/train/a.csv'), LOGINS);
  // What a killed process was writing into the model folder would become part of the model.
  writeFileSync(join(folder, 'model/.ip-insights.model.4194304-0a0b0c0d.part'), 'half');
  const { status, stderr } = await train(folder);
  assert.equal(status, 0, stderr);
  assert.deepEqual(namesIn(folder, 'output'), ['data']);
  assert.deepEqual(namesIn(folder, 'model'), ['ip-insights.model']);
});

test('the checkpoint of another training fails the job, in words of the job', async () => {
  const folder = optMl({ hyperparameters: QUICK, data: { 'train/a.csv': LOGINS } });
  mkdirSync(join(folder, 'checkpoints'));
  assert.equal((await train(folder)).status, 0);
  assert.deepEqual(namesIn(folder, 'checkpoints'), ['fit.checkpoint', 'training.checkpoint']);
  layOut(folder, { hyperparameters: { ...QUICK, vector_dim: '9' }, data: {} });
  assert.equal((await train(folder)).status, 1);
  assert.equal(
    readText(folder, 'output/failure'),
    `${folder}/checkpoints/fit.checkpoint: is of another training: vector_dim was 8, is now 9. Use the same data and options, or another folder for checkpoints (CheckpointConfig).\n`,
  );
});

// A disk for reading only, or permissions, which root does not heed.
test('a model folder and an output folder that cannot be written fail at once, and both are told', async () => {
  const folder = optMl({ hyperparameters: QUICK, data: { 'train/a.csv': LOGINS } });
  for (const name of ['model', 'output']) mkdirSync(join(folder, name));
  const command = `cd '${folder}' && mount -t tmpfs -o ro none model && mount -t tmpfs -o ro none output && IP_INSIGHTS_OPT_ML=. exec '${process.execPath}' '${MAIN}' train`;
  const isRoot = process.getuid!() === 0;
  if (!isRoot) for (const name of ['model', 'output']) chmodSync(join(folder, name), 0o555);
  const { status, stderr } = isRoot
    ? spawnSync('unshare', ['--mount', 'sh', '-c', command], { encoding: 'utf8' })
    : await outcomeOf(startTraining(folder));
  const place = isRoot ? '' : `${folder}/`;
  const said = (name: string, inside: string) =>
    `${place}${name}: cannot be written, no permission in ${place}${inside}. Choose another place, or change the permissions.\n`;
  assert.equal(
    status,
    1,
    `${stderr}\nAs root this test needs the right to mount: run it as another user, or with that right.`,
  );
  assert.ok(stderr.includes(`ip-insights: ${said('model/ip-insights.model', 'model')}`), stderr);
  assert.ok(
    stderr.endsWith(`ip-insights: the failure is not in its file: ${said('output/failure', 'output')}`),
    stderr,
  );
  assert.doesNotMatch(stderr, /fitting/);
  assert.ok(!existsSync(join(folder, 'output/failure')));
});
