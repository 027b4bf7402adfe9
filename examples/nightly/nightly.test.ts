import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { loadModel } from 'ip-insights';
import { COMMAND, EXAMPLES, folder, logins, writeModel } from '../exampleRun.ts';

const SCRIPT = join(EXAMPLES, 'nightly/nightly.sh');
const [EVE, FIRST, SECOND] = [17, 18, 19].map((day) => `2024-06-${day}`);
const noon = (day: string) => Date.parse(`${day}T12:00:00Z`) / 1000;

/** The command on the path. Where HOLD names a pipe, `score` waits there until somebody writes into it. */
const bin = join(folder, 'bin');
mkdirSync(bin);
writeFileSync(
  join(bin, 'ip-insights'),
  `#!/bin/sh
if [ -n "$HOLD" ] && [ "$1" = score ]; then echo waiting >&2; read -r _ < "$HOLD"; fi
exec '${process.execPath}' '${COMMAND}' "$@"
`,
);
chmodSync(join(bin, 'ip-insights'), 0o755);
const env = { ...process.env, PATH: [bin, join(process.execPath, '..'), process.env.PATH].join(delimiter) };

interface Login {
  entity: string;
  address: string;
  time: number;
}
const line = ({ entity, address, time }: Login, path = '/login_success') => {
  const [, day, month, year, clock] = /, (\d+) (\w+) (\d+) ([\d:]+)/.exec(
    new Date(time * 1000).toUTCString(),
  )!;
  const stamp = `${day}/${month}/${year}:${clock} +0000`;
  return `${address} - ${entity} [${stamp}] "GET ${path} HTTP/1.1" 200 476 "-" "-"\n`;
};
const ordinary = (day: string) => logins(noon(day)).slice(-60);
const strange = (day: string) => [
  { entity: 'user_1', address: '185.70.40.5', time: noon(day) + 60 },
  { entity: 'user_1', address: '185.70.40.5', time: noon(day) + 30 },
  { entity: 'user_2', address: '91.198.174.9', time: noon(day) + 90 },
  { entity: 'user_3', address: '10.0.0.9', time: noon(day) + 120 },
];

await writeModel(join(folder, 'first.model'), noon(EVE));

/** A folder as the script wants it, with a log of two days. */
function prepared(name: string, log: string): string {
  const work = join(folder, name);
  mkdirSync(join(work, 'models'), { recursive: true });
  cpSync(join(folder, 'first.model'), join(work, `models/${EVE}.model`));
  writeFileSync(join(work, 'access.log'), log);
  return work;
}
const twoDays = [FIRST, SECOND].map((day) =>
  [...ordinary(day), ...strange(day)].map((one) => line(one)).join(''),
);
const run = (work: string, ...args: string[]) =>
  spawnSync(SCRIPT, args, { cwd: work, env, encoding: 'utf8' });
const read = (work: string, name: string) => readFileSync(join(work, name));
const events = (work: string, day: string) => loadModel(join(work, `models/${day}.model`)).card.data.events;

// Names that CSV must quote, that a terminal obeys, and with what Unicode calls the end of a line.
const odd = ['a, b', 'c\u001b[2J', 'd\u2028e'].map((entity, i) => ({
  ...{ entity, address: `91.198.17${i}.5`, time: noon(FIRST) },
}));
const others = [line(strange(FIRST)[0], '/elsewhere'), ...odd.map((one) => line(one))];
const work = prepared('days', `${twoDays[0]}${others.join('')}`);
writeFileSync(join(work, 'access.log.1.gz'), gzipSync(twoDays[1]));
const logs = ['access.log', 'access.log.1.gz'];

test('strange logins are reported and not learned, the others are', () => {
  const { status, stdout, stderr } = run(work, '-d', FIRST, ...logs);
  assert.equal(status, 0, stderr);
  assert.ok(
    stdout.startsWith(`Logins of ${FIRST}: 67. Learned: 60, 0 of them as confirmed.
Not learned: 6 suspicious, 1 of which nothing can be said. The strangest come first.
What was honest: copy its account,address to confirmed.csv, and run the day again to have it learned.

`),
    stdout,
  );
  const pairs = [...stdout.matchAll(/\n\n(.*)\n {4}2024/g)].map(([, pair]) => pair);
  assert.deepEqual(pairs.at(-1), 'user_3,10.0.0.9');
  assert.deepEqual(pairs.sort(), [
    '"a, b",91.198.170.5',
    'c\\u{1b}[2J,91.198.171.5',
    'd\\u{2028}e,91.198.172.5',
    'user_1,185.70.40.5',
    'user_2,91.198.174.9',
    'user_3,10.0.0.9',
  ]);
  const anomalies = [...stdout.matchAll(/suspicious, anomaly (-?\d+\.\d\d)/g)].map(([, anomaly]) =>
    Number(anomaly),
  );
  assert.deepEqual(
    anomalies,
    anomalies.toSorted((a, b) => b - a),
  );
  assert.match(
    stdout,
    /^user_1,185\.70\.40\.5\n {4}[^,]+T12:00:30Z, 2 times up to [^,]+T12:01:00Z\n.*\n {4}- The account /m,
  );
  assert.match(
    stdout,
    /^user_3,10\.0\.0\.9\n.*\n {4}unknown, .*\n {4}- This address is of a private network/m,
  );
  assert.equal(events(work, FIRST), events(work, EVE) + 60);
  assert.equal(readlinkSync(join(work, 'current.model')), `models/${FIRST}.model`);
  assert.equal(read(work, `flagged/${FIRST}.txt`).toString(), stdout);
});

/** Until a script has come to `score`. */
const untilHeld = (script: ChildProcess) =>
  new Promise<void>((resolve, reject) => {
    let said = '';
    script.once('close', (status) => reject(new Error(`ended with ${status}: ${said}`)));
    script.stderr!.on('data', (text) => {
      said += text;
      if (said.includes('waiting')) resolve();
    });
    script.stdout!.resume();
  });

test('a second run refuses; one that was killed leaves nothing; run again gives the same', async () => {
  const results = () => [`models/${FIRST}.model`, `flagged/${FIRST}.txt`].map((name) => read(work, name));
  const before = results();
  const pipe = join(work, 'pipe');
  spawnSync('mkfifo', [pipe]);
  const held = () => spawn(SCRIPT, ['-d', FIRST, ...logs], { cwd: work, env: { ...env, HOLD: pipe } });
  const refusal = 'nightly: another run has not ended yet.\n';
  const killed = held();
  await untilHeld(killed);
  killed.kill('SIGKILL');
  // What it had started is still at work in there.
  assert.equal(run(work, '-d', FIRST, ...logs).stderr, refusal);
  writeFileSync(pipe, '\n');
  assert.equal(spawnSync('flock', ['--timeout', '60', join(work, '.nightly.lock'), 'true']).status, 0);
  assert.deepEqual(results(), before);

  const again = held();
  await untilHeld(again);
  const second = run(work, '-d', FIRST, ...logs);
  assert.deepEqual([second.status, second.stderr], [1, refusal]);
  writeFileSync(pipe, '\n');
  const [status] = await once(again, 'close');
  assert.equal(status, 0);
  assert.deepEqual(results(), before);
  assert.deepEqual(
    readdirSync(work).filter((name) => name.startsWith('.')),
    ['.nightly.lock'],
  );
});

test('a login confirmed later is learned when its day, then the later ones, are run again', () => {
  const known = events(work, EVE);
  assert.equal(run(work, '-d', SECOND, ...logs).status, 0);
  assert.equal(events(work, SECOND), known + 120);
  // As people write it, and as the journal of a server does.
  writeFileSync(join(work, 'confirmed.csv'), `user_1,185.70.40.5\r\nuser_3,10.0.0.9,${FIRST}T12:02:00Z\n`);
  const first = run(work, '-d', FIRST, ...logs);
  assert.match(first.stdout, /^Logins of 2024-06-18: 67\. Learned: 63, 3 of them as confirmed\.$/m);
  assert.match(
    first.stderr,
    /^nightly: models\/2024-06-19\.model was made without this: run that day again\.$/m,
  );
  assert.equal(readlinkSync(join(work, 'current.model')), `models/${SECOND}.model`);
  // By now the account is known to use it, so that nobody needs to confirm it again.
  const settings = { ...env, KEEP: '2' };
  const second = spawnSync(SCRIPT, ['-d', SECOND, ...logs], { cwd: work, env: settings, encoding: 'utf8' });
  assert.match(second.stdout, /^Logins of 2024-06-19: 64\. Learned: 63, 0 of them as confirmed\.$/m);
  assert.equal(events(work, SECOND), known + 126);
  assert.deepEqual(readdirSync(join(work, 'models')), [`${FIRST}.model`, `${SECOND}.model`]);
});

test('no log, no login of the day, no model, no such day: it says so and changes nothing', () => {
  const work = prepared('refused', twoDays[0]);
  writeFileSync(join(work, 'empty.log'), '');
  const refused: [string[], RegExp][] = [
    [['-d', FIRST], /^nightly: expected access logs, got none\.$/m],
    [['-d', FIRST, 'empty.log'], /empty\.log: expected a log, got no line at all\./],
    [['-d', SECOND, 'access.log'], /no event is left of 64 lines: 0 events, 64 filtered by --where/],
    [['-d', EVE, 'access.log'], /^nightly: models\/: expected one of a day before 2024-06-17, named after/m],
    [
      ['-d', '2024-02-30', 'access.log'],
      /^nightly: -d: expected a day such as 2018-11-13, got '2024-02-30'\.$/m,
    ],
    [['-d', "2024-06-18' OR 1=1 --", 'access.log'], /^nightly: -d: expected a day/m],
  ];
  for (const [args, message] of refused) {
    const { status, stdout, stderr } = run(work, ...args);
    assert.deepEqual([status, stdout], [1, ''], args.join(' '));
    assert.match(stderr, message);
  }
  assert.deepEqual(readdirSync(join(work, 'models')), [`${EVE}.model`]);
});
