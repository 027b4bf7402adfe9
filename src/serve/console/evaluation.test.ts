import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folder, get, post, startServer } from '../sampleServer.ts';

const at = (name: string) => join(folder, name);
const main = join(import.meta.dirname, '../../cli/main.js');
const command = (...args: string[]) =>
  spawnSync(process.execPath, [main, ...args], { cwd: folder, encoding: 'utf8' });

const evaluated = command(
  ...['evaluate', 'login.model', '--train', 'train.csv', '--test', 'train.csv', '--json', 'metrics.json'],
);
assert.equal(evaluated.status, 0, evaluated.stderr);
const metrics = JSON.parse(readFileSync(at('metrics.json'), 'utf8'));
const { url } = await startServer(['login.model', '--console', '--evaluation', 'metrics.json']);

test('the evaluation of the model in use is answered, without comparisons of some honest events', async () => {
  const { status, json } = await get(`${url}/v1/evaluation`);
  assert.equal(status, 200);
  assert.equal(json.matches, true);
  const { attackers, detectors } = json.metrics;
  assert.deepEqual(
    attackers.map(({ attacker }: { attacker: string }) => attacker),
    [
      ...new Set(
        metrics.attackers
          .filter((one: { honest_kind: string | null }) => one.honest_kind === null)
          .map(({ attacker }: { attacker: string }) => attacker),
      ),
    ],
  );
  assert.deepEqual(attackers[0].distribution, metrics.attackers[0].distribution);
  assert.equal(detectors[0].detector, 'mixture');
  assert.equal('strangest_honest' in json.metrics, false);
});

test('an observed event and another threshold leave the model the one that was measured', async () => {
  const observed = await post(
    `${url}/v1/observe`,
    '{"entity":"user_1","address":"9.1.2.3","time":"2024-06-01T00:00:00Z"}',
  );
  assert.equal(observed.json.observed, 1);
  assert.equal((await get(`${url}/v1/evaluation`)).json.matches, true);
});

test('figures of another model say so, and those of an earlier build do not know', async () => {
  for (const [name, model, matches] of [
    ['other.json', { ...metrics.model, identity: 'f'.repeat(64) }, false],
    ['early.json', undefined, null],
  ] as const) {
    writeFileSync(at(name), JSON.stringify({ ...metrics, model }));
    const server = await startServer(['login.model', '--console', '--evaluation', name]);
    assert.equal((await get(`${server.url}/v1/evaluation`)).json.matches, matches);
    await server.stop();
  }
});

test('without an evaluation the answer says how to make one', async () => {
  const server = await startServer(['login.model', '--console']);
  const { status, json } = await get(`${server.url}/v1/evaluation`);
  assert.equal(status, 404);
  assert.equal(
    json.error,
    'no evaluation was given: run ip-insights evaluate … --json metrics.json, then start with --evaluation metrics.json.',
  );
  await server.stop();
});

const AGAIN = 'Write it with ip-insights evaluate … --json FILE.';
for (const [name, content, sentence] of [
  ['none.json', undefined, 'none.json: '],
  ['text.json', 'not JSON', `--evaluation: text.json: expected JSON, got something else. ${AGAIN}`],
  [
    'null.json',
    'null',
    `--evaluation: null.json: expected the figures of an evaluation, got other JSON. ${AGAIN}`,
  ],
  [
    'later.json',
    JSON.stringify({ ...metrics, version: 3 }),
    '--evaluation: later.json: written as v3, this build reads v2. Upgrade, or evaluate again with this build.',
  ],
  [
    'cut.json',
    JSON.stringify({ ...metrics, attackers: [] }),
    `--evaluation: cut.json: attackers: Too small: expected array to have >=1 items. ${AGAIN}`,
  ],
] as const) {
  test(`does not start with ${name}: ${sentence}`, () => {
    if (content !== undefined) writeFileSync(at(name), content);
    const { status, stderr } = command(
      'serve',
      'login.model',
      '--port',
      '0',
      '--console',
      '--evaluation',
      name,
    );
    assert.equal(status, 1, stderr);
    assert.ok(stderr.includes(sentence), stderr);
  });
}

test('a score is taken apart as by explain, by the threshold of the server, and the model learns nothing', async () => {
  const server = await startServer(['login.model', '--console', '--threshold', '-1000']);
  const body = '{"entity":"user_1","address":"9.1.2.3"}';
  const { json } = await post(`${server.url}/v1/explain`, body);
  const alone = JSON.parse(command('explain', 'login.model', 'user_1', '9.1.2.3', '--json').stdout);
  assert.deepEqual({ ...json, verdict: 'ok', threshold: alone.threshold }, { ...alone, verdict: 'ok' });
  assert.deepEqual([json.verdict, json.threshold], ['suspicious', -1000]);
  assert.deepEqual((await post(`${server.url}/v1/explain`, body)).json, json);
  assert.equal((await get(`${server.url}/v1/model`)).json.server_threshold, -1000);
  const refused = await post(`${server.url}/v1/explain`, '{"entity":"user_1","address":"9.1.2"}');
  assert.equal(refused.status, 400);
  assert.equal(refused.json.error, 'address: expected an IP address, got "9.1.2": it has 3 parts, not 4.');
  await server.stop();
});

test('the OpenAPI document describes the routes of the console', async () => {
  const { json } = await get(`${url}/openapi.json`);
  for (const [path, method] of [
    ['/v1/evaluation', 'get'],
    ['/v1/explain', 'post'],
    ['/v1/model/threshold', 'put'],
  ]) {
    assert.deepEqual(json.paths[path][method].tags, ['Console'], path);
  }
});
