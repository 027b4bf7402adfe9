/** SageMaker's multi-model API over HTTP. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folder, get, model, modelPath, post, startServer } from './sampleServer.ts';

const shelf = join(folder, 'shelf');
mkdirSync(join(shelf, 'inside'), { recursive: true });
for (const name of ['a.model', 'b.model', 'c.model', 'inside/login.model'])
  copyFileSync(modelPath, join(shelf, name));
mkdirSync(join(shelf, 'two'));
for (const name of ['x.model', 'y.model']) copyFileSync(modelPath, join(shelf, 'two', name));
writeFileSync(join(shelf, 'broken.model'), 'IPINSGHT');
symlinkSync('/etc', join(shelf, 'away'));
symlinkSync(modelPath, join(shelf, 'outside.model'));

const megabytes = statSync(modelPath).size / 1e6;
/** Room for two models and a half. */
const { url } = await startServer(['--models', shelf, '--models-memory', String(megabytes * 2.5)]);

const CSV = { 'content-type': 'text/csv' };
const invoke = (name: string) => post(`${url}/models/${name}/invoke`, 'user_1,9.1.2.3', CSV);
const load = (model_name: string, at: string) =>
  post(`${url}/models`, JSON.stringify({ model_name, url: at }));
const remove = async (name: string) => (await fetch(`${url}/models/${name}`, { method: 'DELETE' })).status;
const loaded = async () => {
  const { json } = await get(`${url}/models`);
  return json.models.map(({ modelName }: { modelName: string }) => modelName);
};
const predictions = { predictions: [{ dot_product: model.score('user_1', '9.1.2.3').dotProduct }] };

test('models are loaded when they are asked for; the one not used for longest makes room', async () => {
  assert.deepEqual(await loaded(), []);
  for (const name of ['a', 'b', 'a']) assert.deepEqual((await invoke(name)).json, predictions);
  assert.deepEqual(await loaded(), ['a', 'b']);
  assert.equal((await invoke('c')).status, 200);
  assert.deepEqual(await loaded(), ['a', 'c']);
  assert.equal((await invoke('inside')).status, 200);
  assert.deepEqual(await loaded(), ['c', 'inside']);
});

test('many at once load a model once', async () => {
  for (const name of await loaded()) assert.equal(await remove(name), 200);
  const answers = await Promise.all(Array.from({ length: 20 }, () => invoke('b')));
  for (const { json } of answers) assert.deepEqual(json, predictions);
  assert.deepEqual(await loaded(), ['b']);
});

test('a model that was asked for by name stays: 409 where it is loaded, 507 where there is no room, 404 once it is gone', async () => {
  const first = await load('mine', join(shelf, 'a.model'));
  assert.deepEqual(
    [first.status, first.json],
    [200, { modelName: 'mine', modelUrl: join(shelf, 'a.model') }],
  );
  assert.equal((await load('mine', join(shelf, 'a.model'))).status, 409);
  assert.equal((await load('second', join(shelf, 'inside'))).status, 200);
  // Those that were loaded by being asked made room.
  assert.deepEqual(await loaded(), ['mine', 'second']);
  const third = await load('third', join(shelf, 'b.model'));
  assert.equal(third.status, 507);
  assert.match(
    third.json.error,
    /^model "third": 0\.\d MB do not fit beside the others into 0\.\d MB\. Unload one\.$/,
  );
  assert.equal((await invoke('c')).status, 507);
  assert.deepEqual((await invoke('mine')).json, predictions);
  assert.equal((await get(`${url}/models/mine`)).json.modelUrl, join(shelf, 'a.model'));
  for (const name of ['mine', 'second']) assert.equal(await remove(name), 200);
  assert.deepEqual([(await get(`${url}/models/mine`)).status, await remove('mine')], [404, 404]);
});

test("SageMaker's clients name the model in a header, with or without .tar.gz", async () => {
  for (const target of ['a', 'a.tar.gz']) {
    const { json } = await post(`${url}/endpoints/x/invocations`, 'user_1,9.1.2.3', {
      ...CSV,
      'x-amzn-sagemaker-target-model': target,
    });
    assert.deepEqual(json, predictions);
  }
  const { status, json } = await post(`${url}/invocations`, 'user_1,9.1.2.3', CSV);
  assert.deepEqual(
    [status, json],
    [404, { error: 'this server has models by name only: POST /models/NAME/invoke.' }],
  );
});

test('names and places that lead elsewhere are refused', async () => {
  for (const name of [
    '..',
    '.',
    '..%2f..%2fetc%2fpasswd',
    '%2fetc%2fpasswd',
    'a%00',
    'a%2f..%2fb',
    '-a',
    '%20',
    'a'.repeat(256),
    '__proto__',
    'caf%C3%A9',
  ]) {
    const { status } = await invoke(name);
    assert.ok([400, 404, 414].includes(status), `${name}: ${status}`);
  }
  const refusals: [name: string, at: string, status: number][] = [
    ['../x', join(shelf, 'a.model'), 400],
    ['', join(shelf, 'a.model'), 400],
    ['x', modelPath, 400],
    ['x', join(shelf, '..', 'login.model'), 400],
    ['x', join(shelf, 'away/passwd'), 400],
    ['x', join(shelf, 'outside.model'), 400],
    ['x', `${shelf}-beside`, 404],
    ['x', join(shelf, 'none.model'), 404],
    ['x', `${shelf}/a.model\0`, 400],
    ['x', '', 400],
    ['x', shelf, 404],
    ['x', join(shelf, 'two'), 404],
    ['x', '/proc/self/environ', 400],
  ];
  for (const [name, at, status] of refusals) {
    const answer = await load(name, at);
    assert.equal(answer.status, status, `${name} ${at}: ${answer.text}`);
    assert.doesNotMatch(answer.text, /root:|PATH=/);
  }
  assert.equal((await post(`${url}/models`, '{"model_name":"x"}')).status, 400);
});

test('a damaged model is refused, and is no model from then on', async () => {
  const { status, json } = await invoke('broken');
  assert.equal(status, 422);
  assert.match(json.error, /^broken\.model: is cut short/);
  assert.ok(!(await loaded()).includes('broken'));
});

test('loaded models come a page at a time', async () => {
  const many = await startServer(['--models', shelf, '--models-memory', '4096']);
  const names = Array.from({ length: 130 }, (_, i) => `m${String(i).padStart(3, '0')}`);
  for (const model_name of names) {
    const { status } = await post(
      `${many.url}/models`,
      JSON.stringify({ model_name, url: join(shelf, 'a.model') }),
    );
    assert.equal(status, 200);
  }
  const first = (await get(`${many.url}/models`)).json;
  const second = (await get(`${many.url}/models?next_page_token=${first.nextPageToken}`)).json;
  const found = [...first.models, ...second.models].map(({ modelName }) => modelName);
  assert.deepEqual([first.models.length, second.nextPageToken, found], [100, undefined, names]);
  assert.equal(await many.stop(), 0);
});
