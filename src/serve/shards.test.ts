/** Servers that have some shards of a model. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { before, test } from 'node:test';
import {
  events,
  folder,
  get,
  model,
  modelPath,
  post,
  type RunningServer,
  startServer,
} from './sampleServer.ts';

const main = join(import.meta.dirname, '../cli/main.js');
const run = (...args: string[]) =>
  spawnSync(process.execPath, [main, ...args], { cwd: folder, encoding: 'utf8' });

let some: RunningServer;
let others: RunningServer;

before(async () => {
  const { status, stderr } = run('split', modelPath, '--shards', '4', '--out', 'sharded.model');
  assert.equal(status, 0, stderr);
  [some, others] = await Promise.all([
    startServer(['sharded.model', '--shards', '1,3']),
    startServer(['sharded.model', '--shards', '2,4']),
  ]);
});

const USERS = Array.from({ length: 30 }, (_, user) => `user_${user}`);
const one = (entity: string) => JSON.stringify({ entity, address: '9.9.9.9' });
const many = (entities: string[]) =>
  JSON.stringify({ events: entities.map((entity) => ({ entity, address: '9.9.9.9' })) });

interface Asked {
  status: number;
  shard: string | string[] | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: the tests know what they ask for
  json: any;
  /** of this end of the connection */
  port: number;
}

/** A POST without `fetch`, which asks again after a 421, as its standard has it, and fails there with a body of more than 64 KiB. */
const ask = (path: string, body: string, type: string, agent = new Agent()) =>
  new Promise<Asked>((resolve, reject) => {
    const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) };
    const asked = request(`${some.url}${path}`, { method: 'POST', agent, headers }, (response) => {
      const { localPort: port = 0 } = response.socket;
      const { statusCode: status = 0, headers: answered } = response;
      let text = '';
      response
        .setEncoding('utf8')
        .on('data', (part) => {
          text += part;
        })
        .on('end', () => {
          resolve({ status, shard: answered['x-shard'], json: status === 200 ? {} : JSON.parse(text), port });
        });
    });
    asked.on('error', reject).end(body);
  });

/** The shard of each account, as the servers say it. */
async function shardsOf(): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const server of [some, others]) {
    const { status, json } = await post(`${server.url}/v1/score`, many(USERS));
    assert.equal(status, 421);
    for (const { shard, records } of json.shards) {
      for (const record of records) found.set(USERS[record], shard);
    }
  }
  return found;
}

test('an account is scored by the server that has its shard as by one with the whole model', async () => {
  const shards = await shardsOf();
  assert.deepEqual([...new Set(shards.values())].sort(), [1, 2, 3, 4]);
  for (const { entity, address } of events.slice(0, 60)) {
    const server = shards.get(entity)! % 2 === 1 ? some : others;
    const { status, json } = await post(`${server.url}/v1/score`, JSON.stringify({ entity, address }));
    assert.equal(status, 200);
    const expected = model.score(entity, address);
    assert.equal(json.dot_product, expected.dotProduct);
    assert.equal(json.anomaly, Number(expected.anomaly.toPrecision(9)));
    assert.deepEqual(json.reasons, expected.reasons);
  }
});

test('an account of another shard gets 421, which names it, on every route and from every thread', async () => {
  const shards = await shardsOf();
  const foreign = USERS.find((user) => shards.get(user) === 2)!;
  const csv = `${foreign},9.9.9.9\n`;
  const asked: [path: string, body: string, type: string][] = [
    ['/v1/score', one(foreign), 'application/json'],
    ['/v1/observe', one(foreign), 'application/json'],
    ['/invocations', csv, 'text/csv'],
    ['/endpoints/any/invocations', csv, 'text/csv'],
    ['/invocations', csv.repeat(5000), 'text/csv'],
  ];
  const sentence =
    'expected accounts of shards 1, 3 of 4, which this server has, got shard 2 of 4. Ask the server that has it.';
  for (const [path, body, type] of asked) {
    const { status, shard, json } = await ask(path, body, type);
    assert.equal(status, 421, path);
    assert.equal(shard, '2');
    assert.equal(json.error ?? json.Message, sentence);
    const records = Array.from({ length: body.split('\n').length - 1 || 1 }, (_, i) => i);
    assert.deepEqual(json.shards, [{ shard: 2, records }]);
  }
});

test('a batch of several shards is answered by none of its records, and names all', async () => {
  const shards = await shardsOf();
  const [own, foreign] = [1, 2].map((shard) => USERS.find((user) => shards.get(user) === shard)!);
  const { status, headers, json } = await post(`${some.url}/v1/score`, many([own, foreign, own]));
  assert.equal(status, 421);
  assert.equal(headers.get('x-shard'), '1, 2');
  assert.deepEqual(json, {
    error:
      'expected accounts of shards 1, 3 of 4, which this server has, got shards 1, 2 of 4. Ask for the records of each shard apart, the server that has it.',
    shards: [
      { shard: 1, records: [0, 2] },
      { shard: 2, records: [1] },
    ],
  });
});

test('the connection of a 421 takes the next request', async () => {
  const shards = await shardsOf();
  const foreign = USERS.find((user) => shards.get(user) === 4)!;
  const own = USERS.find((user) => shards.get(user) === 3)!;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const answers = [];
  for (const entity of [foreign, own, foreign, own]) {
    answers.push(await ask('/v1/score', one(entity), 'application/json', agent));
    answers.push(await ask('/invocations', `${entity},9.9.9.9\n`, 'text/csv', agent));
    answers.push(await ask('/invocations', `${entity},9.9.9.9\n`.repeat(5000), 'text/csv', agent));
  }
  agent.destroy();
  assert.deepEqual(
    answers.map(({ status }) => status),
    [421, 421, 421, 200, 200, 200, 421, 421, 421, 200, 200, 200],
  );
  assert.equal(new Set(answers.map(({ port }) => port)).size, 1);
});

test('/ping and /v1/model say which shards there are', async () => {
  assert.deepEqual((await get(`${some.url}/ping`)).json, { shards: [1, 3], of: 4 });
  const { json } = await get(`${others.url}/v1/model`);
  assert.deepEqual([json.shards, json.shards_of], [[2, 4], 4]);
  assert.equal(json.data.entities, 30);
});

test('what is observed is learned by the server that has the account, and reloading keeps it', async () => {
  const shards = await shardsOf();
  const own = USERS.find((user) => shards.get(user) === 1)!;
  const body = JSON.stringify({ entity: own, address: '77.7.7.7' });
  const before = (await post(`${some.url}/v1/score`, body)).json.anomaly;
  assert.deepEqual((await post(`${some.url}/v1/observe`, body)).json, { observed: 1 });
  const after = (await post(`${some.url}/v1/score`, body)).json.anomaly;
  assert.ok(after < before);
  assert.equal((await post(`${some.url}/v1/model/reload`, '')).status, 200);
  assert.equal((await post(`${some.url}/v1/score`, body)).json.anomaly, after);
  assert.equal((await post(`${some.url}/v1/score`, many(USERS))).status, 421);
});

/** Arguments of `serve`, exit code and message. */
const REFUSED: [args: string[], status: number, message: string][] = [
  [
    ['sharded.model', '--shards', '5'],
    1,
    'sharded.model: expected shards from 1 to 4, got 5. ip-insights inspect lists them.',
  ],
  [
    [modelPath, '--shards', '1'],
    1,
    `${modelPath}: expected a model in shards, got one in one file. Cut it with ip-insights split, or leave --shards out.`,
  ],
  [
    ['sharded.model', '--shards', '3-1'],
    2,
    '--shards: expected numbers from 1 such as 1,3 or 1-2, got "3-1".',
  ],
  [
    ['sharded.model', '--shards', '1', '--console'],
    2,
    '--console: expected all accounts, got --shards. Start another server without.',
  ],
  [
    ['--models', '.', '--shards', '1'],
    2,
    '--shards: expected a model in shards to take them of, got --models alone.',
  ],
];

for (const [args, expected, message] of REFUSED) {
  test(`serve ${args.join(' ').replace(modelPath, 'login.model')} is refused`, () => {
    const { status, stderr } = run('serve', '--port', '0', ...args);
    assert.equal(stderr, `ip-insights: ${message}\n`);
    assert.equal(status, expected);
  });
}

test('a journal with events of accounts of other shards is refused', async () => {
  const shards = await shardsOf();
  const foreign = USERS.find((user) => shards.get(user) === 2)!;
  writeFileSync(join(folder, 'others.csv'), `${foreign},9.9.9.9,1893456000\n`);
  const { status, stderr } = run(
    ...['serve', 'sharded.model', '--port', '0', '--shards', '1,3', '--journal', 'others.csv'],
  );
  assert.equal(status, 1);
  assert.equal(
    stderr,
    'ip-insights: others.csv: expected events of accounts in shards 1, 3, got one of shard 2. Each server needs a journal of its own, and a model whose accounts are in the shards where they were: name another journal, or train with the same --num-entity-vectors.\n',
  );
  // What is no later than the model's own events is in it already.
  writeFileSync(join(folder, 'known.csv'), `${foreign},9.9.9.9,1\n`);
  const server = await startServer([
    'sharded.model',
    '--shards',
    '1,3',
    '--journal',
    join(folder, 'known.csv'),
  ]);
  assert.equal((await get(`${server.url}/ping`)).status, 200);
});

test('a server of the whole model takes all of its shards', async () => {
  const server = await startServer(['sharded.model']);
  const { status, json } = await post(`${server.url}/v1/score`, many(USERS));
  assert.equal(status, 200);
  assert.equal(json.scores.length, 30);
  assert.equal((await get(`${server.url}/ping`)).text, '');
  await server.stop();
});
