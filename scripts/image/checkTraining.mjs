// A training job in the image, as SageMaker starts it.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './commands.mjs';

/** Accounts of a network each. */
const logins = (count) =>
  Array.from(
    { length: count },
    (_, i) => `user_${i % 50},10.${i % 50}.${(i * 7) % 16}.${(i * 13) % 250},${1541289600 + i}\n`,
  );

export const HYPERPARAMETERS = {
  num_entity_vectors: '100',
  vector_dim: '16',
  epochs: '3',
  mini_batch_size: '500',
  learning_rate: '0.02',
};

const channel = {
  ContentType: 'text/csv',
  TrainingInputMode: 'File',
  S3DistributionType: 'FullyReplicated',
  RecordWrapperType: 'None',
};

export function layOut(optMl, hyperparameters) {
  for (const name of readdirSync(optMl)) rmSync(join(optMl, name), { recursive: true });
  const write = (name, content) => {
    const path = join(optMl, 'input', name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, content);
  };
  write('config/hyperparameters.json', JSON.stringify(hyperparameters));
  write('config/inputdataconfig.json', JSON.stringify({ train: channel, validation: channel }));
  write('config/resourceconfig.json', JSON.stringify({ current_host: 'algo-1', hosts: ['algo-1'] }));
  const lines = logins(6000);
  write('data/train/part-0.csv', lines.slice(0, 3000).join(''));
  write('data/train/part-1.csv', lines.slice(3000, 5500).join(''));
  write('data/validation/later.csv', lines.slice(5500).join(''));
}

/** @returns lines that say what was seen; throws where something is not as it must be */
export async function checkTraining(container) {
  const { optMl } = container;
  const report = [];
  const models = [];
  for (const user of ['0:0', '1000:1000']) {
    layOut(optMl, HYPERPARAMETERS);
    run('chown', ['-R', user, optMl]);
    const { status, stdout, stderr, seconds } = await container.run(['train'], { user });
    assert.equal(status, 0, `train as ${user}: ${stdout}${stderr}`);
    const metrics = stdout
      .trimEnd()
      .split('\n')
      .filter((line) => line.startsWith('#'));
    // Accuracy, cross entropy, validation, progress and throughput of three epochs.
    assert.equal(metrics.length, 15, stdout);
    assert.deepEqual(readdirSync(join(optMl, 'model')), ['ip-insights.model']);
    assert.deepEqual(readdirSync(join(optMl, 'output')), ['data']);
    models.push(readFileSync(join(optMl, 'model/ip-insights.model')));
    report.push(
      `train as ${user}, root read-only, no network: exit 0 in ${seconds.toFixed(1)} s`,
      ...metrics.slice(-5),
    );
  }
  assert.ok(models[0].equals(models[1]), 'two users, one model');

  layOut(optMl, { ...HYPERPARAMETERS, vector_dim: '5000' });
  const failed = await container.run(['train']);
  assert.equal(failed.status, 1, failed.stderr);
  const failure = readFileSync(join(optMl, 'output/failure'), 'utf8').trimEnd();
  assert.equal(
    failure,
    '/opt/ml/input/config/hyperparameters.json: vector_dim: expected an integer from 4 to 4096, got 5000.',
  );
  assert.ok(!existsSync(join(optMl, 'model/ip-insights.model')));
  report.push(`a bad hyperparameter: exit 1, failure: ${failure}`);

  layOut(optMl, { ...HYPERPARAMETERS, epochs: '100000' });
  mkdirSync(join(optMl, 'checkpoints'));
  const child = container.start(['train']);
  let said = '';
  let isAsked = false;
  const ended = new Promise((resolve) => child.on('close', resolve));
  child.stderr.on('data', (text) => {
    said += text;
    // unshare stands between, and passes no signal on: the one that counts goes to process 1 inside.
    if (/fitting: epoch 1 of/.test(said) && !isAsked) {
      isAsked = true;
      run('pkill', ['-TERM', '--parent', String(child.pid)]);
    }
  });
  child.stdout.resume();
  assert.equal(await ended, 0, said);
  assert.match(
    said,
    /stopped by SIGTERM: what was learned is kept in \/opt\/ml\/checkpoints\/fit\.checkpoint,/,
  );
  report.push(`SIGTERM to process 1: exit 0, ${said.trimEnd().split('\n').at(-1)}`);
  return report;
}
