import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadModel, saveModel } from '../../index.ts';
import { folder, get, modelPath, post, startServer } from '../sampleServer.ts';

mkdirSync(join(folder, 'kept'));
const path = join(folder, 'kept', 'own.model');
copyFileSync(modelPath, path);
const original = readFileSync(modelPath);
const { url } = await startServer([path, '--console']);

const JSON_TYPE = { 'content-type': 'application/json' };
// biome-ignore lint/suspicious/noExplicitAny: the tests know what they ask for
async function put(change: object, server = url): Promise<{ status: number; json: any }> {
  const response = await fetch(`${server}/v1/model/threshold`, {
    method: 'PUT',
    body: JSON.stringify(change),
    headers: JSON_TYPE,
  });
  return { status: response.status, json: await response.json() };
}
const verdict = async () =>
  (await post(`${url}/v1/score`, '{"entity":"user_1","address":"9.1.2.3"}')).json.verdict as string;

test('a threshold by hand is saved in the model and in use, and only the card of the file changes', async () => {
  const { status, json } = await put({ anomaly: -1000 });
  assert.equal(status, 200, JSON.stringify(json));
  assert.deepEqual(json.threshold, { anomaly: -1000, rule: 'manual', limit: null, false_positive_rate: 1 });
  assert.equal(await verdict(), 'suspicious');
  const { card, calibration } = loadModel(path);
  assert.deepEqual(card.threshold, { anomaly: -1000, rule: 'manual', limit: null, falsePositiveRate: 1 });
  assert.ok(calibration.all.events > 0);
  const [before, after] = [original, readFileSync(path)].map((file) => {
    const end = 16 + file.readUInt32LE(12);
    return { card: JSON.parse(file.toString('utf8', 16, end)).card, sections: file.subarray(end, -32) };
  });
  assert.ok(before.sections.equals(after.sections));
  assert.deepEqual({ ...after.card, threshold: 0 }, { ...before.card, threshold: 0 });
  assert.deepEqual(readdirSync(join(folder, 'kept')), ['own.model']);
});

test('a threshold by its rule is the one that training chose, and the file has its bytes of then again', async () => {
  const { threshold } = loadModel(modelPath).card;
  assert.ok(threshold?.rule === 'max_fpr');
  const { json } = await put({ max_fpr: threshold.limit! });
  assert.equal(json.threshold.anomaly, threshold.anomaly);
  assert.ok(readFileSync(path).equals(original));
  const byAlerts = await put({ max_alerts_per_day: 2 });
  assert.equal(byAlerts.status, 200, JSON.stringify(byAlerts.json));
  assert.equal(byAlerts.json.threshold.rule, 'max_alerts_per_day');
  assert.equal(byAlerts.json.threshold.limit, 2);
});

test('a model may have no threshold: then nothing is suspicious', async () => {
  const { json } = await put({ anomaly: null });
  assert.equal(json.threshold, null);
  assert.equal(json.threshold_of_new_accounts, null);
  assert.equal(await verdict(), 'unknown');
});

test('of two changes at once both are saved, one after the other', async () => {
  const answers = await Promise.all([put({ anomaly: 3 }), put({ anomaly: 4 }), put({ anomaly: 5 })]);
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  );
  assert.equal(loadModel(path).card.threshold?.anomaly, 5);
});

test('a file that somebody trained or updated meanwhile is left as it is, with 409, until it is reloaded', async () => {
  const model = loadModel(path);
  model.observe('user_1', '9.77.7.7', 1_750_000_000);
  saveModel(model, path);
  const others = readFileSync(path);
  const { status, json } = await put({ anomaly: 1 });
  assert.equal(status, 409);
  assert.equal(
    json.error,
    'own.model: expected the file that is in use, found another one: somebody trained or updated it since. Nothing was saved. Reload the model, look at its figures, then save again.',
  );
  assert.ok(readFileSync(path).equals(others));
  assert.equal((await post(`${url}/v1/model/reload`, '{}')).status, 200);
  assert.equal((await put({ anomaly: 1 })).status, 200);
});

const MANY = 'expected one of anomaly, max_fpr and max_alerts_per_day';
for (const [change, error] of [
  [{}, `body: ${MANY}.`],
  [{ anomaly: 1, max_fpr: 0.1 }, `body: ${MANY}.`],
  [{ anomaly: 'x' }, 'anomaly: expected number, got string.'],
  [{ max_fpr: 2 }, 'max_fpr: Too big: expected number to be <1.'],
  [{ limit: 2 }, 'body: Unrecognized key: "limit".'],
] as const) {
  test(`refuses ${JSON.stringify(change)}: ${error}`, async () => {
    const { status, json } = await put(change);
    assert.deepEqual([status, json.error], [400, error]);
  });
}

test('a limit that too few later honest events reach is refused with the least one', async () => {
  const { events } = loadModel(path).calibration.all;
  const { status, json } = await put({ max_fpr: 1e-7 });
  assert.equal(status, 400);
  const least = Number((2 / events).toPrecision(3));
  assert.equal(
    json.error,
    `max_fpr: expected ${least} or more, as 2 of the ${events} later honest events must be flagged to tell, got 1e-7. Give anomaly to set it by hand.`,
  );
});

test('a file that is gone is told of with 422', async () => {
  const bytes = readFileSync(path);
  rmSync(path);
  const { status, json } = await put({ anomaly: 2 });
  assert.equal(status, 422);
  assert.match(json.error, /own\.model: /);
  writeFileSync(path, bytes);
});

test('on a full disk the old file stays whole and in use, with 507', { timeout: 60_000 }, async (t) => {
  // In a mount namespace of its own: a disk with room for one model, and not for two.
  const script = `mkdir -p disk && mount -t tmpfs -o size=${Math.ceil(original.length * 1.5)} tmpfs disk || exit 77
cp '${modelPath}' disk/login.model
'${process.execPath}' '${join(import.meta.dirname, '../../cli/main.js')}' serve disk/login.model --console --port 0 --log-level info 2> serve.log &
server=$!
for i in $(seq 200); do url=$(sed -n 's/.*"url":"\\([^"]*\\)".*/\\1/p' serve.log); [ -n "$url" ] && break; sleep .05; done
'${process.execPath}' -e "
fetch(process.argv[1] + '/v1/model/threshold', { method: 'PUT', body: '{\\"anomaly\\":7}', headers: { 'content-type': 'application/json' } })
  .then(async (answer) => console.log(answer.status, await answer.text()));" "$url"
kill $server; wait $server; ls -A disk; cmp disk/login.model '${modelPath}' && echo whole`;
  const { status, stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', script], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status === 77 || status === null || /unshare failed|not permitted/.test(stderr)) {
    t.skip('no right to mount a small disk');
    return;
  }
  assert.match(stdout, /^507 \{"error":"disk\/login\.model: cannot be written, the disk is full\./);
  assert.match(stdout, /\nlogin\.model\nwhole\n$/);
});

test('GET /v1/model has what the overview shows', async () => {
  const { json } = await get(`${url}/v1/model`);
  assert.match(json.identity, /^[\da-f]{64}$/);
  assert.deepEqual(Object.keys(json.training[0]), [
    'epoch',
    'cross_entropy',
    'accuracy',
    'discriminator_auc',
  ]);
  assert.equal(json.training.length, 2);
  const { events, points } = json.calibration;
  assert.ok(points.length > 10 && points.length <= 400);
  assert.ok(points.every(([, share]: number[]) => share > 0 && share <= 1));
  assert.equal(points[0][1], 1);
  assert.ok(points.at(-1)[1] >= 1 / events);
  for (let i = 1; i < points.length; i++) assert.ok(points[i][0] > points[i - 1][0]);
  assert.ok(json.honest_events_per_day > 0);
  assert.equal(json.server_threshold, null);
});
