import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { CsvRecords } from '../../events/csvRecords.ts';
import { events, folder, get, post, type RunningServer, START, startServer, until } from '../sampleServer.ts';
import type { EventFilter, EventHistogram, EventPage, EventSources } from './contract.ts';

const MAIN = join(import.meta.dirname, '../../cli/main.js');
const at = (name: string) => join(folder, name);
const write = (name: string, content: string | Uint8Array) => writeFileSync(at(name), content);
const csv = events.map(({ entity, address, time }) => `${entity},${address},${time}\n`).join('');
write('events.csv', csv);

function cli(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return stdout;
}
const scored = cli('score', 'login.model', 'events.csv');
write('scores.jsonl', scored);

/** A server with a console, once it has read its events. */
async function startDesk(...args: string[]): Promise<RunningServer> {
  const server = await startServer(['login.model', '--console', ...args]);
  await until('events are read', async () => (await sourcesOf(server)).loaded === 1);
  return server;
}

const sourcesOf = async ({ url }: RunningServer): Promise<EventSources> =>
  (await get(`${url}/v1/events/sources`)).json;
const ask = ({ url }: RunningServer, path: string, body: unknown) =>
  post(`${url}/v1/${path}`, JSON.stringify(body));

async function query(server: RunningServer, filter: EventFilter = {}, rest: object = {}): Promise<EventPage> {
  const { status, json, text } = await ask(server, 'events/query', { filter, ...rest });
  assert.equal(status, 200, text);
  return json;
}

/** Fields of a CSV text as this project's own reader has them. */
function fieldsOf(text: string): string[][] {
  const rows: string[][] = [];
  const records: CsvRecords = new CsvRecords({
    record: (bytes, count) =>
      rows.push(
        Array.from({ length: count }, (_, i) =>
          Buffer.from(bytes.subarray(records.starts[i], records.ends[i])).toString(),
        ),
      ),
    problem: (problem, line) => assert.fail(`line ${line}: ${problem}`),
  });
  records.push(Buffer.from(text));
  records.finish();
  return rows;
}

test('lines of score, CSV, gzip, and what transforms wrote come to the same events', async () => {
  write('scores.jsonl.gz', gzipSync(scored));
  const lines = csv.replace(/^/, 'entity,ip,time\n');
  write('plain.csv', lines);
  for (const [name, content] of [
    ['a.csv', csv],
    ['b.csv', csv],
    [
      'c.jsonl',
      events.map(({ entity, address }) => `${JSON.stringify({ features: [entity, address] })}\n`).join(''),
    ],
  ]) {
    mkdirSync(at('batch'), { recursive: true });
    write(`batch/${name}`, content);
  }
  cli('transform', 'login.model', 'batch/a.csv', '--accept', 'application/jsonlines; detail=full', '--gzip');
  cli('transform', 'login.model', 'batch/b.csv', '--accept', 'application/json');
  cli(
    'transform',
    'login.model',
    'batch/c.jsonl',
    '--accept',
    'application/json; detail=full',
    '--assemble-with',
    'Line',
  );
  const args = ['scores.jsonl', 'scores.jsonl.gz', 'plain.csv', 'batch'].flatMap((name) => [
    '--events',
    name,
  ]);
  const server = await startDesk(...args);
  const sources = await sourcesOf(server);
  assert.deepEqual([sources.loaded_events, sources.skipped, sources.skipped_reasons], [7200, 0, []]);
  assert.deepEqual(sources.files, ['scores.jsonl', 'scores.jsonl.gz', 'plain.csv', 'batch']);
  const { total } = await query(server);
  assert.equal(total, 7200);
  // Each event six times, five of them with its time.
  const { rows } = await query(server, { entity: 'user_3', network: events[3].address }, { limit: 200 });
  const same = rows.filter(({ time }) => time === events[3].time || time === null);
  const figures = new Set(same.map(({ anomaly, p_value, verdict }) => `${anomaly} ${p_value} ${verdict}`));
  assert.equal(figures.size, 1);
  assert.equal(rows.filter(({ time }) => time === events[3].time).length, 5);
  await server.stop();
});

test('damaged lines and files are left out and told; a missing file stops the start', async () => {
  write('damaged.jsonl', `${scored.split('\n').slice(0, 3).join('\n')}\n{"entity":"x"\nnonsense\n`);
  write('cut.gz', gzipSync(scored).subarray(0, 2000));
  mkdirSync(at('short'), { recursive: true });
  write('short/a.csv', 'ann,9.1.2.3\nbob,9.1.2.4\n');
  write('short/a.csv.out', '{"dot_product":1}\n');
  const server = await startDesk('--events', 'damaged.jsonl', '--events', 'cut.gz', '--events', 'short');
  const { loaded_events, skipped_reasons } = await sourcesOf(server);
  assert.ok(loaded_events >= 4, String(loaded_events));
  assert.deepEqual(skipped_reasons, [
    'damaged.jsonl: line 4: expected a JSON object of "score", got a damaged one.',
    'damaged.jsonl: line 5: expected a JSON object of "score", got a damaged one.',
    'cut.gz: the gzip data ends in the middle (truncated file). Copy or download it again.',
    'short/a.csv: expected an answer to each record, got 1 answer only. Run the transform again.',
  ]);
  await server.stop();
  const missing = spawnSync(
    process.execPath,
    [MAIN, 'console', 'login.model', '--no-open', '--events', 'no.jsonl'],
    {
      cwd: folder,
      encoding: 'utf8',
    },
  );
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /no\.jsonl: there is no such file\./);
});

test('a number that overflows and a time that cannot be written are told, and hide no other event', async () => {
  const line = (change: object) =>
    JSON.stringify({ ...JSON.parse(scored.split('\n')[0]), ...change }).replace('"9e999"', '1e999');
  write(
    'odd.jsonl',
    [{}, { time: 1_541_894_400_000 }, { time: 1e300 }, { time: true }, { anomaly: '9e999' }]
      .map(line)
      .join('\n'),
  );
  const server = await startDesk('--events', 'odd.jsonl');
  const { rows, total } = await query(server);
  // Of a score that is none the event is left, which is scored now.
  assert.equal(total, 2);
  assert.ok(rows.every(({ anomaly }) => Number.isFinite(anomaly)));
  const { skipped_reasons } = await sourcesOf(server);
  assert.deepEqual(
    skipped_reasons.map((reason) => reason.replace(/.*got/, 'got')),
    ['got "1541894400000".', 'got "1e+300".', 'got "true".'],
  );
  const exported = await post(`${server.url}/v1/events/export`, '{}');
  assert.equal(exported.text.trim().split('\n').length, 3);
  const unknown = await post(`${server.url}/v1/events/query`, '{"filter":{"veredict":"ok"}}');
  assert.equal(unknown.status, 400);
  await server.stop();
});

test('pages follow each other in both orders, and a histogram counts every event', async () => {
  const server = await startDesk('--events', 'scores.jsonl');
  const all: EventPage['rows'] = [];
  for (let offset = 0; offset < 1300; offset += 200)
    all.push(...(await query(server, {}, { offset, limit: 200 })).rows);
  assert.equal(new Set(all.map(({ id }) => id)).size, 1200);
  assert.ok(all.every(({ anomaly }, i) => i === 0 || anomaly <= all[i - 1].anomaly));
  const latest = (await query(server, {}, { order: 'latest', limit: 2 })).rows;
  assert.deepEqual(
    latest.map(({ time }) => time),
    [START + 1199 * 3600, START + 1198 * 3600],
  );
  const { json } = await ask(server, 'events/histogram', { filter: { from: START, to: START + 86_399 } });
  const { edges, ok, suspicious, unknown } = json as EventHistogram;
  assert.equal(
    [...ok, ...suspicious, ...unknown].reduce((a, b) => a + b),
    24,
  );
  assert.equal(edges.length, ok.length + 1);
  await server.stop();
});

test('no events, one event, and events without times can be looked at', async () => {
  write('none.csv', '');
  write('one.csv', 'ann,9.1.2.3\n');
  for (const [name, count] of [
    ['none.csv', 0],
    ['one.csv', 1],
  ] as const) {
    const server = await startDesk('--events', name);
    const { total, rows } = await query(server, {}, { order: 'latest' });
    assert.deepEqual(
      [total, rows.length, rows.map(({ time }) => time)],
      [count, count, count === 1 ? [null] : []],
    );
    const { json } = await ask(server, 'events/histogram', {});
    assert.deepEqual(json, { edges: [], ok: [], suspicious: [], unknown: [], untimed: count });
    assert.equal((await query(server, { from: 0 })).total, 0);
    await server.stop();
  }
});

const BAD: [path: string, body: unknown, error: string][] = [
  ['events/query', { limit: 201 }, 'limit: Too big: expected number to be <=200.'],
  [
    'events/query',
    { filter: { verdict: 'bad' } },
    'filter.verdict: Invalid option: expected one of "ok"|"suspicious"|"unknown".',
  ],
  [
    'events/query',
    { filter: { network: '9.1.2.3/99' } },
    'filter.network: expected a length from 0 to 32 after the slash, got "9.1.2.3/99".',
  ],
  ['events/histogram', { bins: 1e9 }, 'bins: Too big: expected number to be <=1000.'],
  [
    'labels',
    { entity: 'ann', address: '9.1', time: null, label: 'honest' },
    'address: expected an IP address, got "9.1": it has 2 parts, not 4.',
  ],
  ['labels', { entity: 'ann', address: '9.1.2.3', label: 'honest' }, 'time: expected number, got undefined.'],
];

test('requests that are none are refused with their place; the document of the routes is valid', async () => {
  const server = await startDesk();
  for (const [path, body, error] of BAD) {
    const { status, json } = await ask(server, path, body);
    assert.deepEqual([status, json.error], [400, error]);
  }
  const unknown = await ask(server, 'labels/undo', { id: 77 });
  assert.equal(unknown.status, 404);
  const { text, json } = await get(`${server.url}/openapi.json`);
  for (const path of [
    '/v1/events/query',
    '/v1/events/histogram',
    '/v1/events/export',
    '/v1/labels',
    '/v1/labels/undo',
  ])
    assert.ok(json.paths[path].post, path);
  const config = await createConfig({
    extends: ['recommended'],
    rules: { 'no-server-example.com': 'off', 'no-empty-servers': 'off', 'operation-4xx-response': 'off' },
  });
  const problems = await lintFromString({ source: text, absoluteRef: 'openapi.json', config });
  assert.deepEqual(
    problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer}`),
    [],
  );
  await server.stop();
});

const NAMES = [
  '=1+1',
  '+ann',
  '-bob',
  '@x',
  '\tx',
  'a"b,c',
  '<b>x</b>',
  'שלום\u202e',
  'x'.repeat(10_000),
  'plain',
];

test('names that are hostile come out of queries as they are, and out of the export as text', async () => {
  write(
    'hostile.jsonl',
    NAMES.map((entity, i) => `${JSON.stringify({ entity, address: `9.1.2.${i}`, time: START + i })}\n`).join(
      '',
    ),
  );
  const server = await startDesk('--events', 'hostile.jsonl');
  for (const entity of NAMES) assert.equal((await query(server, { entity })).rows[0].entity, entity);
  await ask(server, 'labels', { entity: 'a"b,c', address: '9.1.2.5', time: START + 5, label: 'attack' });
  const { text, headers } = await ask(server, 'events/export', { order: 'latest' });
  assert.equal(headers.get('content-type'), 'text/csv; charset=utf-8; header=present');
  const [header, ...rows] = fieldsOf(text);
  assert.deepEqual(
    header.join(),
    'entity,address,time,dot_product,anomaly,p_value,verdict,provider,country,label',
  );
  assert.deepEqual(
    rows.map(([entity]) => entity),
    NAMES.map((name) => (/^[=+\-@\t]/.test(name) ? `'${name}` : name)).reverse(),
  );
  assert.deepEqual(
    rows.map((row) => row[9]),
    NAMES.map((_, i) => (i === 5 ? 'attack' : '')).reverse(),
  );
  assert.equal(rows[0][2], '2024-01-01T00:00:09Z');
  await server.stop();
});

test('what the server answers in its main thread can be looked at, the last of it', async () => {
  const server = await startDesk('--recent', '5');
  await post(`${server.url}/v1/score`, JSON.stringify({ entity: 'user_1', address: '9.1.2.3' }));
  await post(`${server.url}/invocations`, 'שלום,9.1.2.4\nuser_2,9.1.2.5\n', { 'content-type': 'text/csv' });
  const first = await query(server, {}, { order: 'latest' });
  assert.deepEqual(first.rows.map(({ entity }) => entity).sort(), ['user_1', 'user_2', 'שלום']);
  assert.ok(Math.abs(first.rows[0].time! - Date.now() / 1000) < 60);
  // A refused request leaves nothing.
  await post(`${server.url}/invocations`, 'user_9,9.1.2.4\nuser_9,nowhere\n', { 'content-type': 'text/csv' });
  const since = { after_id: first.last_id! };
  assert.equal((await query(server, since, { limit: 0 })).total, 0);
  const many = Array.from({ length: 9 }, (_, i) => `user_${i},9.1.2.${i}\n`).join('');
  await post(`${server.url}/invocations`, many, {
    'content-type': 'text/csv',
    accept: 'application/json; detail=full',
  });
  assert.equal((await query(server, since, { limit: 0 })).total, 5);
  assert.equal((await query(server, { up_to_id: first.last_id! })).total, 0);
  const { json } = await post(
    `${server.url}/v1/score`,
    JSON.stringify({ entity: 'user_1', address: '9.1.2.3' }),
  );
  const [row] = (await query(server, {}, { order: 'latest', limit: 1 })).rows;
  assert.deepEqual([row.anomaly, row.p_value, row.verdict], [json.anomaly, json.p_value, json.verdict]);
  await server.stop();
});

test('without recent events and files there is nothing, and nothing breaks', async () => {
  const server = await startDesk('--recent', '0');
  await post(`${server.url}/invocations`, 'user_1,9.1.2.3', { 'content-type': 'text/csv' });
  assert.equal((await query(server)).total, 0);
  await server.stop();
});

test('score writes the time of an event, as seconds, last', () => {
  const line = JSON.parse(scored.slice(0, scored.indexOf('\n')));
  assert.deepEqual(Object.keys(line).at(-1), 'time');
  assert.equal(line.time, START);
  write('timeless.csv', 'user_1,9.1.2.3\n');
  assert.ok(!('time' in JSON.parse(cli('score', 'login.model', 'timeless.csv'))));
  assert.ok(readFileSync(at('scores.jsonl')).length > 0);
});
