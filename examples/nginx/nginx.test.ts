/** nginx in front of servers that have some shards each, as Debian has it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadModel } from 'ip-insights';
import { COMMAND, EXAMPLES, folder, logins, type Running, start, usual, writeModel } from '../exampleRun.ts';

const START = Date.UTC(2026, 0, 1) / 1000;
const at = (...names: string[]) => join(folder, ...names);

/** A port of loopback that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  assert.ok(address && typeof address === 'object');
  return address.port;
}

let nginx: ChildProcess;
let url = '';
const servers: Running[] = [];

before(async () => {
  await writeModel(at('one.model'), START);
  const split = ['split', 'one.model', '--shards', '4', '--out', 'login.model'];
  const { status, stderr } = spawnSync(process.execPath, [COMMAND, ...split], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  for (const shards of ['1-2', '3-4']) {
    const args = [COMMAND, 'serve', 'login.model', '--shards', shards, '--port', '0'];
    servers.push(await start(args, {}, /"url":"http:\/\/127\.0\.0\.1:(\d+)"/));
  }
  const port = await freePort();
  const [first, second] = servers.map((server) => new URL(server.url).port);
  mkdirSync(at('proxy'));
  writeFileSync(
    at('proxy', 'nginx.conf'),
    readFileSync(join(EXAMPLES, 'nginx/nginx.conf'), 'utf8')
      .replace(/^user .*$/m, '')
      .replaceAll('18090', String(port))
      .replaceAll('18091', first)
      .replaceAll('18092', second),
  );
  nginx = spawn('nginx', ['-p', at('proxy'), '-c', at('proxy', 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  nginx.stderr!.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  url = `http://127.0.0.1:${port}`;
  for (let i = 0; ; i++) {
    assert.ok(i < 200 && nginx.exitCode === null, `nginx does not answer: ${said}`);
    const isUp = await fetch(`${url}/ping`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

after(async () => {
  nginx.kill('SIGTERM');
  if (nginx.exitCode === null) await once(nginx, 'exit');
});

const post = (path: string, body: string, headers: Record<string, string> = {}) =>
  fetch(`${url}${path}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });

// biome-ignore lint/suspicious/noExplicitAny: the tests know what they ask for
const jsonOf = (response: Response): Promise<any> => response.json();

const USERS = Array.from({ length: 20 }, (_, user) => user);

test('each account is answered by the server that has it, as by one with the whole model', async () => {
  const model = loadModel(at('one.model'));
  for (const user of [...USERS, ...USERS]) {
    const [entity, address] = [`user_${user}`, usual(user, 3)];
    const response = await post('/v1/score', JSON.stringify({ entity, address }));
    assert.equal(response.status, 200);
    const score = await jsonOf(response);
    assert.equal(score.anomaly, Number(model.score(entity, address).anomaly.toPrecision(9)));
  }
});

test('what SageMaker asks goes the same way, vectors and CSV too', async () => {
  for (const user of USERS) {
    const response = await post('/invocations', `user_${user},${usual(user, 1)}\n`, {
      'content-type': 'text/csv',
      accept: 'application/json;verbose=True',
    });
    assert.equal(response.status, 200);
    const { predictions } = await jsonOf(response);
    assert.equal(predictions[0].entity_embedding.length, 8);
  }
});

test('a large batch of one account is sent on whole', async () => {
  const line = `user_3,${usual(3, 1)}\n`;
  const body = line.repeat(100_000);
  for (let i = 0; i < 4; i++) {
    const response = await post('/invocations', body, {
      'content-type': 'text/csv',
      accept: 'application/jsonlines',
    });
    assert.equal(response.status, 200);
    assert.equal((await response.text()).trimEnd().split('\n').length, 100_000);
  }
});

test('a batch of several shards comes back with whose each record is, and its parts are answered', async () => {
  const events = logins(START).slice(0, 20);
  const body = (records: number[]) =>
    JSON.stringify({
      events: records.map((i) => ({ entity: events[i].entity, address: events[i].address })),
    });
  const refused = await post('/v1/score', body(USERS));
  assert.equal(refused.status, 421);
  const { shards }: { shards: { shard: number; records: number[] }[] } = await jsonOf(refused);
  assert.equal(refused.headers.get('x-shard'), shards.map(({ shard }) => shard).join(', '));
  assert.deepEqual(
    shards.flatMap(({ records }) => records).sort((a, b) => a - b),
    USERS,
  );
  for (const { shard, records } of shards) {
    const response = await post('/v1/score', body(records), { 'x-shard': String(shard) });
    assert.equal(response.status, 200);
    const { scores } = await jsonOf(response);
    assert.deepEqual(
      scores.map(({ entity }: { entity: string }) => entity),
      records.map((i) => events[i].entity),
    );
  }
});

test('a client that says the shard is answered without a second way', async () => {
  const misdirected = async () => {
    const texts = await Promise.all(
      servers.map(({ url: one }) => fetch(`${one}/metrics`).then((response) => response.text())),
    );
    const counts = texts.join('\n').matchAll(/^ip_insights_requests_total\{.*status="421".*\} (\d+)$/gm);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  const plain = await post('/v1/score', JSON.stringify({ entity: 'user_5', address: '9.5.1.1' }));
  assert.equal(plain.status, 200);
  const direct = await fetch(`${servers[0].url}/v1/score`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ events: USERS.map((user) => ({ entity: `user_${user}`, address: '9.5.1.1' })) }),
  });
  const { shards } = await jsonOf(direct);
  const { shard } = shards.find(({ records }: { records: number[] }) => records.includes(5));
  const before = await misdirected();
  for (let i = 0; i < 8; i++) {
    const body = JSON.stringify({ entity: 'user_5', address: '9.5.1.1' });
    assert.equal((await post('/v1/score', body, { 'x-shard': String(shard) })).status, 200);
  }
  assert.ok(before > 0);
  assert.equal(await misdirected(), before);
});
