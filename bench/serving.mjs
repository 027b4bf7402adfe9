// What `npm run bench -- serving soak transform` measures: the server under load, and batch transform.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CLI, DATA, tutorialData, tutorialModel } from './data.mjs';
import { inTurns, median } from './rounds.mjs';

const bench = dirname(fileURLToPath(import.meta.url));
const at = (file) => join(bench, file);

const [ROUNDS, CONNECTIONS, WRK_SECONDS, WARM_UP_SECONDS] = [5, 32, 8, 4];
const [STEADY_PER_SECOND, STEADY_SECONDS] = [2000, 10];
const BODY_BYTES = 6_000_000;
const [BODIES, STARTS, RELOADS, SOAK_SECONDS] = [7, 7, 3, 300];
/** Of batch transform. */
const [RECORDS, TRANSFORMS] = [10_000_000, 3];

/** The tutorial's model and test data. */
function material() {
  const files = tutorialData(1);
  return { model: tutorialModel(files), test: files.test };
}

/** Starts `ip-insights serve` on a free port. @returns once it answers */
async function startServer(model, ...options) {
  const started = performance.now();
  const args = [CLI, 'serve', model, '--port', '0', ...options];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const lines = createInterface({ input: child.stderr });
  const url = await new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      if (line.includes('"listening"')) resolve(JSON.parse(line).url);
    });
    child.once('exit', (code) => reject(new Error(`serve ended with ${code}`)));
  });
  const { status } = await send(`${url}/ping`);
  const readyMilliseconds = performance.now() - started;
  if (status !== 200) throw new Error(`/ping: ${status}`);
  return { url, child, readyMilliseconds };
}

async function stop(child) {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

const agent = new Agent({ keepAlive: true });

/** @returns status, text and milliseconds of a request: a POST where it has a body */
function send(url, body, contentType = 'text/csv') {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const headers = body ? { 'content-type': contentType, 'content-length': body.length } : {};
    const one = request(url, { method: body ? 'POST' : 'GET', headers, agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          text: Buffer.concat(chunks).toString(),
          milliseconds: performance.now() - started,
        }),
      );
    });
    one.on('error', reject);
    one.end(body);
  });
}

/** Load by wrk. @returns requests a second, the slowest in a hundred in milliseconds, answers that were none */
async function wrk(url, seconds) {
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '--latency', '-s', at('oneEvent.lua'), url];
  const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (data) => {
    text += data;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`wrk ended with ${code}`);
  const [, p99, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(text);
  const milliseconds = { us: 0.001, ms: 1, s: 1000 };
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)[1]),
    p99: p99 * milliseconds[unit],
    failed:
      Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0) +
      (
        /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? []
      ).reduce((sum, count) => sum + Number(count), 0),
  };
}

/** Asks for /ping every 10 ms while something else is done. @returns the longest that it took, in milliseconds */
async function slowestPing(url, work) {
  let [slowest, isOver] = [0, false];
  const pinging = (async () => {
    while (!isOver) {
      const { milliseconds } = await send(`${url}/ping`);
      slowest = Math.max(slowest, milliseconds);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  await work();
  isOver = true;
  await pinging;
  return slowest;
}

const row = (...cells) => console.log(`| ${cells.join(' | ')} |`);
const shown = (number) => number.toLocaleString('en-US', { maximumSignificantDigits: 3 });
function rowOf(what, unit, goal, numbers) {
  const cells = [median(numbers), Math.min(...numbers), Math.max(...numbers)].map(shown);
  row(what, ...cells, unit, goal);
}

export async function serving() {
  const { model, test } = material();
  row('what', 'median', 'minimum', 'maximum', 'unit', 'goal');
  row(...Array(6).fill('---'));
  const bare = spawn(process.execPath, [at('peers/bareServer.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = await once(createInterface({ input: bare.stdout }), 'line');
  const bareUrl = `http://127.0.0.1:${port}/`;
  const { url, child } = await startServer(model);
  const oneUrl = `${url}/invocations`;
  for (const warming of [bareUrl, oneUrl]) await wrk(warming, WARM_UP_SECONDS);
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    console.error(`# one event: round ${round + 1} of ${ROUNDS}`);
    const order = round % 2 === 0 ? [bareUrl, oneUrl] : [oneUrl, bareUrl];
    const results = new Map();
    for (const target of order) results.set(target, await wrk(target, WRK_SECONDS));
    rounds.push({ bare: results.get(bareUrl), ours: results.get(oneUrl) });
  }
  if (rounds.some(({ ours }) => ours.failed > 0)) throw new Error('some requests failed');
  const ours = rounds.map((round) => round.ours);
  rowOf(
    'bare node:http, 32 connections',
    'requests/s',
    '',
    rounds.map(({ bare: { perSecond } }) => perSecond),
  );
  rowOf(
    'one event, 32 connections',
    'requests/s',
    '',
    ours.map(({ perSecond }) => perSecond),
  );
  const ratios = rounds.map((round) => round.ours.perSecond / round.bare.perSecond);
  rowOf('ratio to bare node:http, by round', '', '≥ .6', ratios);
  rowOf(
    'bare node:http, p99',
    'ms',
    '',
    rounds.map((round) => round.bare.p99),
  );
  rowOf(
    'one event, p99',
    'ms',
    '≤ 20',
    ours.map(({ p99 }) => p99),
  );
  const steady = inTurns(
    [
      { name: 'bare node:http', command: steadyLoad(bareUrl) },
      { name: 'one event', command: steadyLoad(oneUrl) },
    ],
    ROUNDS,
  );
  bare.kill();
  for (const [name, results] of steady) {
    if (results.some(({ failed }) => failed > 0)) throw new Error(`${name}: some requests failed`);
    const p99s = results.map(({ p99 }) => p99);
    rowOf(`${name} at ${STEADY_PER_SECOND} requests/s, p99`, 'ms', name === 'one event' ? '≤ 5' : '', p99s);
  }
  await largeBodies(url, test);
  await reloads(url);
  await stop(child);
  const starts = [];
  for (let i = 0; i < STARTS; i++) {
    const server = await startServer(model);
    starts.push(server.readyMilliseconds);
    await stop(server.child);
  }
  rowOf('start to ready', 'ms', '≤ 1000', starts);
}

const steadyLoad = (url) => [
  process.execPath,
  at('steadyLoad.mjs'),
  url,
  String(STEADY_PER_SECOND),
  String(STEADY_SECONDS),
];

/** As much of the test data as a request may have. */
function largeBody(test) {
  const bytes = readFileSync(test).subarray(0, BODY_BYTES);
  return bytes.subarray(0, bytes.lastIndexOf(10) + 1);
}

async function largeBodies(url, test) {
  const body = largeBody(test);
  const times = [];
  const pings = [];
  for (let i = 0; i < BODIES; i++) {
    console.error(`# 6 MB of CSV: ${i + 1} of ${BODIES}`);
    const ping = await slowestPing(url, async () => {
      const { status, milliseconds } = await send(`${url}/invocations`, body);
      if (status !== 200) throw new Error(`6 MB of CSV: ${status}`);
      times.push(milliseconds);
    });
    pings.push(ping);
    // Verdicts are counted after the answer; the next request is not to wait for them.
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  rowOf('6 MB of CSV', 'ms', '≤ 1000', times);
  rowOf('/ping meanwhile, slowest', 'ms', '≤ 100', pings);
}

async function reloads(url) {
  const pings = [];
  for (let i = 0; i < RELOADS; i++) {
    const reload = () => send(`${url}/v1/model/reload`, Buffer.from('{}'), 'application/json');
    pings.push(await slowestPing(url, reload));
  }
  rowOf('/ping during a reload, slowest', 'ms', '', pings);
}

/** Full load for five minutes: single events by wrk, and a large request every two seconds. */
export async function soak() {
  const { model, test } = material();
  const { url, child } = await startServer(model);
  const body = largeBody(test);
  const memory = [];
  let [large, failed, isOver] = [0, 0, false];
  const beside = (async () => {
    while (!isOver) {
      const { status } = await send(`${url}/invocations`, body);
      large++;
      if (status !== 200) failed++;
      const { text } = await send(`${url}/metrics`);
      memory.push(Number(/^process_resident_memory_bytes (\S+)/m.exec(text)[1]) / 1e6);
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  })();
  const load = await wrk(`${url}/invocations`, SOAK_SECONDS);
  isOver = true;
  await beside;
  await stop(child);
  const third = Math.floor(memory.length / 3);
  const [second, last] = [memory.slice(third, 2 * third), memory.slice(2 * third)];
  row('seconds', 'requests/s', 'large requests', 'failed', 'MB, 2nd third', 'MB, last third', 'most MB');
  row(...Array(7).fill('---'));
  row(
    ...[SOAK_SECONDS, shown(load.perSecond), large, load.failed + failed],
    ...[median(second), median(last), Math.max(...memory)].map((megabytes) => megabytes.toFixed(0)),
  );
}

/** The test data again and again, ten million lines of it. */
function manyRecords(test) {
  const path = join(DATA, 'records.csv');
  if (existsSync(path)) return path;
  const lines = readFileSync(test, 'latin1').trimEnd().split('\n');
  const making = `${path}.making`;
  const file = openSync(making, 'w');
  for (let written = 0; written < RECORDS; written += lines.length) {
    writeSync(file, `${lines.slice(0, RECORDS - written).join('\n')}\n`);
  }
  closeSync(file);
  renameSync(making, path);
  return path;
}

export function transform() {
  const { model, test } = material();
  const records = manyRecords(test);
  const out = join(DATA, 'transformed');
  const variant = (name, ...options) => ({
    name,
    command: [process.execPath, at('timed.mjs'), 'transform', model, records, '--out', out, ...options],
  });
  const outputs = new Map();
  const variants = [variant('transform'), variant('transform, one thread', '--threads', '1')];
  for (let round = 0; round < TRANSFORMS; round++) {
    for (const one of variants) {
      rmSync(out, { recursive: true, force: true });
      const [result] = inTurns([one], 1).get(one.name);
      outputs.set(one.name, [...(outputs.get(one.name) ?? []), result]);
    }
  }
  const { stdout } = spawnSync('sh', ['-c', `cat ${out}/* | wc -l`], { encoding: 'utf8' });
  if (Number(stdout) !== RECORDS) throw new Error(`transform: ${stdout.trim()} lines of answers`);
  rmSync(out, { recursive: true, force: true });
  row('what', 'median', 'minimum', 'maximum', 'unit', 'goal');
  row(...Array(6).fill('---'));
  for (const [name, results] of outputs) {
    const goals = name === 'transform' ? ['≥ 400,000', '≤ 1,000'] : ['', ''];
    rowOf(
      name,
      'records/s',
      goals[0],
      results.map(({ wallSeconds }) => RECORDS / wallSeconds),
    );
    rowOf(
      `${name}, peak`,
      'MB',
      goals[1],
      results.map(({ peakMegabytes }) => peakMegabytes),
    );
  }
}
