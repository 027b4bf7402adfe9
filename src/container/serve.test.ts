/** Hosting under the contract of SageMaker's containers. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folder, get, listening, model, modelPath, post } from '../serve/sampleServer.ts';
import { hostingArguments } from './serve.ts';

const entry = join(import.meta.dirname, 'main.js');
/** An /opt/ml with a model in it, or none. */
function optMl(models: string[] = ['ip-insights.model']): string {
  const place = mkdtempSync(join(folder, 'opt-ml-'));
  mkdirSync(join(place, 'model'));
  for (const name of models) copyFileSync(modelPath, join(place, 'model', name));
  return place;
}
const CSV = { 'content-type': 'text/csv' };
const predictions = { predictions: [{ dot_product: model.score('user_1', '9.1.2.3').dotProduct }] };
const serve = (place: string, env: NodeJS.ProcessEnv = {}) =>
  listening([entry, 'serve'], {
    IP_INSIGHTS_OPT_ML: place,
    IP_INSIGHTS_HOST: '127.0.0.1',
    SAGEMAKER_BIND_TO_PORT: '0',
    ...env,
  });

test('a container listens on all addresses, on the port that SageMaker names', () => {
  assert.deepEqual(
    hostingArguments({ SAGEMAKER_MULTI_MODEL: 'True', SAGEMAKER_BIND_TO_PORT: '8081' }).slice(0, 3),
    [...['serve', '--host', '0.0.0.0']],
  );
});

test('the model of a training job is served; SIGTERM ends it with 0', async () => {
  const { url: own, stop } = await serve(optMl());
  assert.equal((await get(`${own}/ping`)).status, 200);
  assert.deepEqual((await post(`${own}/invocations`, 'user_1,9.1.2.3', CSV)).json, predictions);
  assert.equal((await get(`${own}/models`)).status, 404);
  assert.equal(await stop(), 0);
});

test('batch transform may send bodies of 100 MB, others not', async () => {
  const body = 'user_1,9.1.2.3\n'.repeat(600_000);
  for (const [env, status] of [
    [{ SAGEMAKER_BATCH: 'true' }, 200],
    [{}, 413],
    [{ IP_INSIGHTS_MAX_BODY: '10' }, 200],
  ] as const) {
    const { url, stop } = await serve(optMl(), env);
    const answer = await post(`${url}/invocations`, body, CSV);
    assert.equal(answer.status, status);
    assert.equal(await stop(), 0);
  }
});

test('a multi-model endpoint loads what it is told to', async () => {
  const place = optMl([]);
  const { url: own, stop } = await serve(place, { SAGEMAKER_MULTI_MODEL: 'true' });
  assert.equal((await get(`${own}/ping`)).status, 200);
  const at = join(place, 'models/0123abc/model');
  mkdirSync(at, { recursive: true });
  copyFileSync(modelPath, join(at, 'ip-insights.model'));
  const loaded = await post(`${own}/models`, JSON.stringify({ model_name: '0123abc', url: at }));
  assert.equal(loaded.status, 200, loaded.text);
  assert.deepEqual((await post(`${own}/models/0123abc/invoke`, 'user_1,9.1.2.3', CSV)).json, predictions);
  assert.equal((await fetch(`${own}/models/0123abc`, { method: 'DELETE' })).status, 200);
  assert.equal(await stop(), 0);
});

for (const [what, place, message] of [
  ['no model', optMl([]), /: expected one file named \*\.model, got none\.$/m],
  [
    'two models',
    optMl(['a.model', 'b.model']),
    /: expected one file named \*\.model, got 2 \(a\.model, b\.model\)\.$/m,
  ],
  [
    'no folder',
    join(folder, 'none'),
    /model: there is no such folder\. Unpack the model\.tar\.gz of a training job there, or mount it\.$/m,
  ],
] as const) {
  test(`does not start with ${what}`, () => {
    const env = { ...process.env, IP_INSIGHTS_OPT_ML: place };
    const { status, stderr } = spawnSync(process.execPath, [entry, 'serve'], {
      env,
      encoding: 'utf8',
      timeout: 20_000,
    });
    assert.equal(status, 1, stderr);
    assert.match(stderr, message);
  });
}
