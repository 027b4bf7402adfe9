import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folder, get, post, type RunningServer, START, startServer, until } from '../sampleServer.ts';
import type { Label } from './contract.ts';

const MAIN = join(import.meta.dirname, '../../cli/main.js');
const at = (name: string) => join(folder, name);
/** After the last event that the model was trained on. */
const LATER = START + 1200 * 3600;

const EVENTS = [
  { entity: 'user_1', address: '203.0.113.7', time: LATER + 1 },
  { entity: 'user_2', address: '203.0.113.8', time: LATER + 2.5 },
  { entity: 'user_3', address: '9.3.1.1', time: START },
  { entity: '=cmd|"x",y\u202e', address: '2001:db8::5', time: LATER + 3 },
];
writeFileSync(at('events.jsonl'), EVENTS.map((one) => `${JSON.stringify(one)}\n`).join(''));

let number = 0;
/** Names of files that no other test uses. */
const names = () => ({ labels: `labels${++number}.csv`, journal: `journal${number}.csv` });

async function startDesk(labels?: string, journal?: string): Promise<RunningServer> {
  const server = await startServer([
    ...['login.model', '--console', '--events', 'events.jsonl'],
    ...(labels === undefined ? [] : ['--labels', labels]),
    ...(journal === undefined ? [] : ['--journal', journal]),
  ]);
  await until(
    'events are read',
    async () => (await get(`${server.url}/v1/events/sources`)).json.loaded === 1,
  );
  return server;
}

const say = async ({ url }: RunningServer, event: number, label: Label) =>
  post(`${url}/v1/labels`, JSON.stringify({ ...EVENTS[event], label }));
const undo = async ({ url }: RunningServer, which: object) =>
  post(`${url}/v1/labels/undo`, JSON.stringify(which));
const scoreOf = async ({ url }: RunningServer, event: number): Promise<number> => {
  const { entity, address } = EVENTS[event];
  return (await post(`${url}/v1/score`, JSON.stringify({ entity, address }))).json.anomaly;
};
/** Of the events in the order in which they were given. */
async function labelsShown({ url }: RunningServer): Promise<(Label | null)[]> {
  const { json } = await post(`${url}/v1/events/query`, JSON.stringify({ filter: { source: 'loaded' } }));
  const rows: { entity: string; label: Label | null }[] = json.rows;
  return EVENTS.map(({ entity }) => rows.find((row) => row.entity === entity)!.label);
}
const text = (name: string) => readFileSync(at(name), 'utf8');

const LINES = [
  'user_1,203.0.113.7,2024-02-20T00:00:01Z,0,learned\n',
  'user_2,203.0.113.8,2024-02-20T00:00:02.500Z,1\n',
  'user_3,9.3.1.1,2024-01-01T00:00:00Z,0\n',
  '"=cmd|""x"",y\u202e",2001:db8::5,2024-02-20T00:00:03Z,1\n',
];

test('labels are lines that evaluate reads, shown with the events, and there after a kill -9', async () => {
  const { labels } = names();
  const server = await startDesk(labels);
  const before = await scoreOf(server, 0);
  const answers = [];
  for (const [i, label] of (['honest', 'attack', 'honest', 'attack'] as const).entries()) {
    answers.push((await say(server, i, label)).json);
  }
  assert.deepEqual(
    answers.map(({ label, observed }) => [label, observed]),
    [
      ['honest', true],
      ['attack', false],
      ['honest', false],
      ['attack', false],
    ],
  );
  assert.ok((await scoreOf(server, 0)) < before);
  assert.equal(text(labels), LINES.join(''));
  // The same once more changes nothing.
  assert.deepEqual((await say(server, 0, 'honest')).json, answers[0]);
  assert.equal(text(labels), LINES.join(''));
  await server.stop('SIGKILL');
  const again = await startDesk(labels);
  assert.deepEqual(await labelsShown(again), ['honest', 'attack', 'honest', 'attack']);
  assert.equal((await say(again, 1, 'attack')).json.label, 'attack');
  assert.equal(text(labels), LINES.join(''));
  await again.stop();
  const { status, stderr } = spawnSync(
    process.execPath,
    [MAIN, 'evaluate', 'login.model', '--train', 'train.csv', '--labelled', labels, '--json', 'metrics.json'],
    { cwd: folder, encoding: 'utf8' },
  );
  assert.ok(status === 0 || !/labels\d+\.csv:\d+:/.test(stderr), stderr);
});

test('what a killed server was writing is cut off at the next label; a damaged line stops the start', async () => {
  const { labels } = names();
  writeFileSync(at(labels), `${LINES[0]}user_2,203.0.1`);
  const server = await startDesk(labels);
  assert.deepEqual(await labelsShown(server), ['honest', null, null, null]);
  await say(server, 1, 'attack');
  assert.equal(text(labels), LINES[0] + LINES[1]);
  await server.stop();
  writeFileSync(at(labels), `${LINES[0]}user_2,203.0.113.8,2024-02-20T00:00:02Z,maybe\n`);
  const refused = spawnSync(
    process.execPath,
    [MAIN, 'console', 'login.model', '--no-open', '--labels', labels],
    {
      cwd: folder,
      encoding: 'utf8',
    },
  );
  assert.equal(refused.status, 1);
  assert.match(
    refused.stderr,
    /labels\d+\.csv:2: expected label 0 \(honest\) or 1 \(attack\) in field 4, got "maybe"\. Mend the line, or name another file with --labels\./,
  );
});

for (const keeps of [true, false]) {
  test(`two labels, then undo of the first: as if it had never been said, ${keeps ? 'with' : 'without'} a journal`, async () => {
    const { labels, journal } = names();
    const server = await startDesk(labels, keeps ? journal : undefined);
    const untaught = [await scoreOf(server, 0), await scoreOf(server, 1)];
    const first = (await say(server, 0, 'honest')).json;
    const second = (await say(server, 1, 'honest')).json;
    assert.deepEqual([first.observed, second.observed], [true, true]);
    const taught = await scoreOf(server, 1);
    assert.ok(taught < untaught[1]);
    assert.deepEqual((await undo(server, { id: first.id })).json, { label: null });
    assert.equal(await scoreOf(server, 0), untaught[0]);
    assert.equal(await scoreOf(server, 1), taught);
    assert.equal(text(labels), LINES[1].replace(',1\n', ',0,learned\n'));
    if (keeps) assert.equal(text(journal), 'user_2,203.0.113.8,2024-02-20T00:00:02.500Z\n');
    assert.deepEqual(await labelsShown(server), [null, 'honest', null, null]);
    const twice = await undo(server, { id: first.id });
    assert.equal(twice.status, 404);
    await server.stop('SIGKILL');
    if (!keeps) return;
    // After a restart a label is taken back by its event, and what it taught with it.
    const again = await startDesk(labels, journal);
    assert.equal(await scoreOf(again, 1), taught);
    assert.deepEqual((await undo(again, EVENTS[1])).json, { label: null });
    assert.equal(await scoreOf(again, 1), untaught[1]);
    assert.deepEqual([text(labels), text(journal)], ['', '']);
    await again.stop();
  });
}

test('the later of two labels wins, and what the model learned by the first is forgotten; undo brings it back', async () => {
  const { labels, journal } = names();
  const server = await startDesk(labels, journal);
  const untaught = await scoreOf(server, 0);
  await say(server, 0, 'honest');
  const taught = await scoreOf(server, 0);
  const later = (await say(server, 0, 'attack')).json;
  assert.equal(await scoreOf(server, 0), untaught);
  assert.deepEqual([text(labels), text(journal)], [LINES[0].replace(',0,learned\n', ',1\n'), '']);
  assert.deepEqual((await undo(server, { id: later.id })).json, { label: 'honest' });
  assert.equal(await scoreOf(server, 0), taught);
  assert.equal(text(labels), LINES[0]);
  assert.deepEqual(await labelsShown(server), ['honest', null, null, null]);
  await server.stop();
});

test('an event that was observed before is not learned twice, and stays when its label goes', async () => {
  const { journal } = names();
  const server = await startDesk(undefined, journal);
  await post(`${server.url}/v1/observe`, JSON.stringify(EVENTS[0]));
  const taught = await scoreOf(server, 0);
  const { id, observed } = (await say(server, 0, 'honest')).json;
  assert.equal(observed, false);
  assert.equal(await scoreOf(server, 0), taught);
  await undo(server, { id });
  assert.equal(await scoreOf(server, 0), taught);
  assert.equal(text(journal), 'user_1,203.0.113.7,2024-02-20T00:00:01Z\n');
  await server.stop();
});

test('after a restart undo takes back what a label taught, and nothing that was observed otherwise', async () => {
  const { labels, journal } = names();
  let server = await startDesk(labels, journal);
  const untaught = await scoreOf(server, 1);
  await post(`${server.url}/v1/observe`, JSON.stringify(EVENTS[0]));
  const taught = await scoreOf(server, 0);
  await say(server, 0, 'honest');
  await say(server, 1, 'honest');
  const untimed = { entity: 'user_1', address: '203.0.113.99', time: null };
  await post(`${server.url}/v1/labels`, JSON.stringify({ ...untimed, label: 'honest' }));
  await server.stop('SIGKILL');
  server = await startDesk(labels, journal);
  for (const which of [EVENTS[0], EVENTS[1], untimed]) {
    const { entity, address, time } = which;
    assert.equal((await undo(server, { entity, address, time })).status, 200);
  }
  assert.deepEqual([await scoreOf(server, 0), await scoreOf(server, 1)], [taught, untaught]);
  assert.deepEqual([text(labels), text(journal)], ['', 'user_1,203.0.113.7,2024-02-20T00:00:01Z\n']);
  await server.stop();
});

test('what another server observes after an undo is kept too', async () => {
  const { labels, journal } = names();
  const [one, other] = await Promise.all([startDesk(labels, journal), startDesk(undefined, journal)]);
  const { id } = (await say(one, 0, 'honest')).json;
  await undo(one, { id });
  assert.deepEqual((await post(`${other.url}/v1/observe`, JSON.stringify(EVENTS[0]))).json, { observed: 1 });
  assert.equal(text(journal), 'user_1,203.0.113.7,2024-02-20T00:00:01Z\n');
  await Promise.all([one.stop(), other.stop()]);
});

test('a last line without its end, as editors leave it, is a label; a time that cannot be written is none', async () => {
  const { labels } = names();
  writeFileSync(at(labels), LINES[1].trimEnd());
  const server = await startDesk(labels);
  assert.deepEqual(await labelsShown(server), [null, 'attack', null, null]);
  const milliseconds = { entity: 'user_1', address: '203.0.113.7', time: 1_541_894_400_000, label: 'attack' };
  assert.equal((await post(`${server.url}/v1/labels`, JSON.stringify(milliseconds))).status, 400);
  await say(server, 2, 'honest');
  assert.equal(text(labels), LINES[1] + LINES[2]);
  await server.stop();
});

test('labels of many clients at once are all kept, each once', async () => {
  const { labels, journal } = names();
  const server = await startDesk(labels, journal);
  const events = Array.from({ length: 40 }, (_, i) => ({
    entity: `user_${i % 5}`,
    address: `203.0.113.${i}`,
    time: LATER + i,
  }));
  const answers = await Promise.all(
    [...events, ...events].map((event) =>
      post(`${server.url}/v1/labels`, JSON.stringify({ ...event, label: 'honest' })),
    ),
  );
  assert.ok(answers.every(({ json }) => json.observed));
  assert.equal(new Set(answers.map(({ json }) => json.id)).size, 40);
  assert.equal(text(labels).split('\n').length, 41);
  const undone = await Promise.all(answers.slice(0, 3).map(({ json }) => undo(server, { id: json.id })));
  assert.deepEqual(
    undone.map(({ status }) => status),
    [200, 200, 200],
  );
  assert.deepEqual([text(labels).split('\n').length, text(journal).split('\n').length], [38, 38]);
  await server.stop();
});

test('without a file labels are kept until the server ends', async () => {
  const server = await startDesk();
  await say(server, 1, 'attack');
  assert.deepEqual(await labelsShown(server), [null, 'attack', null, null]);
  await server.stop();
  assert.ok(!existsSync(at('undefined')));
});
