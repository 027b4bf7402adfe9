/** update, explain and inspect as a user runs them. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

const main = join(import.meta.dirname, 'main.js');
const folder = mkdtempSync(join(tmpdir(), 'ip-insights-update-'));
after(() => rmSync(folder, { recursive: true }));

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [main, ...args], { cwd: folder, encoding: 'utf8' });
}
const read = (name: string) => readFileSync(join(folder, name));

const START = Date.UTC(2024, 0, 1) / 1000;
/** Ten accounts of a network each, and an event an hour. */
const lines = Array.from({ length: 2000 }, (_, i) => {
  const user = i % 10;
  return `user_${user},9.${user}.${(i * 7) % 16}.${(i * 13) % 250},${START + i * 3600}`;
});
const END = START + 2000 * 3600;
writeFileSync(join(folder, 'train.csv'), `${lines.join('\n')}\n`);
const trained = run(
  'train',
  'train.csv',
  '--model',
  'login.model',
  ...['--vector-dim', '8', '--epochs', '2', '--mini-batch-size', '100', '--learning-rate', '0.02'],
);
assert.equal(trained.status, 0, trained.stderr);
writeFileSync(
  join(folder, 'later.csv'),
  [
    `user_1,77.0.0.1,${END + 60}`,
    `user_1,77.0.0.1,${END + 120}`,
    `newcomer,9.1.1.1,${END + 180}`,
    `user_2,2001:db8::1,${END + 240}`,
    `user_2,9.2.0.1,${START}`,
    'user_2,9.2.0.2,4102444800',
    '',
  ].join('\n'),
);

interface Json {
  anomaly: number;
  verdict: string;
  ladder: { network: string; own_places: number | null; share: number }[];
  terms: { intercept: number; history: number; vectors: number };
  reasons: { code: string; sentence: string }[];
}
const explained = (model: string, entity: string, address: string): Json =>
  JSON.parse(run('explain', model, entity, address, '--json').stdout);

test('update adds later events, counts what it leaves out, and says how far the vectors lag', () => {
  const before = explained('login.model', 'user_1', '77.0.0.1');
  const { status, stderr } = run('update', 'login.model', 'later.csv', '--out', 'updated.model');
  assert.equal(status, 0, stderr);
  for (const line of [
    'added: 4 events, 3 of them from places new to their account; 1 new account',
    "left out: 1 event not later than the model's last one, as it may have it already",
    "left out: 1 event more than a day ahead of this machine's clock",
    'note: 1 event of an address family that the vectors know nothing of; histories know it now',
    'lag: the vectors know nothing of 4 events (0.2 % of all) and of 1 account. Train anew when that grows.',
  ]) {
    assert.ok(stderr.split('\n').includes(line), `${line}\n${stderr}`);
  }
  const now = explained('updated.model', 'user_1', '77.0.0.1');
  assert.ok(now.anomaly < before.anomaly - 1, `${before.anomaly} → ${now.anomaly}`);
  assert.match(
    now.reasons[0].sentence,
    /^The account has used 77\.0\.0\.1 for 2 of its 202 events, last on /,
  );
  // Saved, loaded and updated once more: the newcomer has no vector, whatever stands in the row of its hash.
  assert.equal(explained('updated.model', 'newcomer', '9.1.1.1').terms.vectors, 0);
});

test('an update without a later event fails, and the model stays as it was', () => {
  const model = read('login.model');
  writeFileSync(join(folder, 'old.csv'), `${lines[0]}\n`);
  const { status, stderr } = run('update', 'login.model', 'old.csv');
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^ip-insights: update: expected events later than the model's last one \(2024-03-24T07:00:00\.000Z\), got 1 older one and 0 more than a day ahead of this machine's clock\.$/m,
  );
  assert.deepEqual(read('login.model'), model);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.part')),
    [],
  );
});

test('the events of an update given twice count once, and its events are never its output', () => {
  const again = run('update', 'updated.model', 'later.csv', '--out', 'again.model');
  assert.equal(again.status, 1);
  assert.match(again.stderr, /, got 5 older ones and 1 more than a day ahead of this machine's clock\.$/m);
  const events = read('later.csv');
  const onto = run('update', 'login.model', 'later.csv', '--out', 'later.csv');
  assert.deepEqual(
    [onto.status, onto.stderr],
    [2, 'ip-insights: --out: expected another file than the input, got "later.csv" for both.\n'],
  );
  assert.deepEqual(read('later.csv'), events);
});

test('of two updates at once the second says that the model was changed, and writes nothing', async () => {
  writeFileSync(join(folder, 'shared.model'), read('login.model'));
  const csv = (user: number, minutes: number) => `user_${user},78.0.0.${user},${END + minutes * 60}\n`;
  writeFileSync(join(folder, 'first.csv'), csv(1, 1));
  // Reads its events from a pipe that is open until the other update has ended.
  const slow = spawn(process.execPath, [main, 'update', 'shared.model', '-'], { cwd: folder });
  let said = '';
  slow.stderr.on('data', (text) => {
    said += text;
  });
  slow.stdin.write(csv(2, 2));
  const opened = () => readdirSync(folder).some((name) => name.startsWith('shared.model'));
  while (!opened() || said.includes('note')) await delay(20);
  await delay(1500);
  const quick = run('update', 'shared.model', 'first.csv');
  assert.equal(quick.status, 0, quick.stderr);
  const model = read('shared.model');
  slow.stdin.end();
  const [status] = await once(slow, 'close');
  assert.equal(status, 1, said);
  assert.match(
    said,
    /^ip-insights: shared\.model: was changed while this update ran, so nothing was written\. Run it again, one update at a time\.$/m,
  );
  assert.deepEqual(read('shared.model'), model);
});

test('explain: the terms sum to the anomaly, the shares of the ladder to 1, and the drawing shows them', () => {
  const { anomaly, ladder, terms, verdict } = explained('login.model', 'user_3', '9.3.5.200');
  assert.equal(verdict, 'ok');
  assert.ok(Math.abs(terms.intercept + terms.history + terms.vectors + anomaly) < 1e-9);
  assert.ok(Math.abs(ladder.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
  const of = (network: string) => ladder.find((step) => step.network === network)!;
  const own = lines.filter((line) => line.startsWith('user_3,')).map((line) => line.split(',')[1]);
  const within = (start: string) => new Set(own.filter((address) => address.startsWith(start))).size;
  assert.equal(of('9.3.0.0/16').own_places, within('9.3.'));
  assert.equal(of('9.3.5.0/24').own_places, within('9.3.5.'));
  const drawing = run('explain', 'login.model', 'user_3', '9.3.5.200').stdout;
  assert.match(drawing, /│ 9\.3\.0\.0\/16 +│ +\d+ │ 100 % │/);
  assert.match(drawing, /where everybody goes/);
});

test('inspect shows the model, or one account', () => {
  assert.match(
    run('inspect', 'login.model').stdout,
    /^events +2,000 \(2,000 IPv4, 0 IPv6\) of 10 accounts$/m,
  );
  const account = run('inspect', 'login.model', 'user_3').stdout;
  assert.match(account, /^events +200 from \d+ places$/m);
  assert.match(account, /^weights +\d+ % /m);
  assert.match(account, /│ 9\.3\.\d+\.0\/24 +│ +\d+ │ +\d+ │ 2024-0\d-\d\d │/);
});

const REFUSED: [string[], string][] = [
  [
    ['explain', 'login.model', 'user_1', '1.2.3'],
    'explain: expected an IP address, got "1.2.3": it has 3 parts, not 4.',
  ],
  [['explain', 'login.model', '', '1.2.3.4'], 'explain: expected an entity, got "".'],
  [
    ['inspect', 'login.model', 'nobody'],
    'login.model: expected an account that the model has seen, got "nobody". Names are compared letter by letter.',
  ],
  [
    ['explain', 'train.csv', 'user_1', '1.2.3.4'],
    'train.csv: is not a model of ip-insights: it does not start with "IPINSGHT". Train one: ip-insights train.',
  ],
];
for (const [args, message] of REFUSED) {
  test(`refuses: ${message}`, () => {
    const { status, stderr } = run(...args);
    assert.deepEqual([status, stderr], [1, `ip-insights: ${message}\n`]);
  });
}
