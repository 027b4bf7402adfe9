import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

const MAIN = join(import.meta.dirname, 'main.js');
const root = mkdtempSync(join(tmpdir(), 'prepare-cli-'));
after(() => rmSync(root, { recursive: true, force: true }));

const lineOf = (i: number) =>
  `192.0.2.${i % 250} - user_${i} [${String(1 + (i % 9)).padStart(2, '0')}/Jan/2020:00:00:00 +0000] "GET / HTTP/1.0" 200 1043 "-" "x"\n`;
const LOG = Array.from({ length: 90 }, (_, i) => lineOf(i)).join('');

function run(args: string[], input: string | Uint8Array = '', cwd = root) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'prepare', ...args], { input, cwd });
  return { status, stdout: stdout.toString(), stderr: stderr.toString() };
}

test('standard input, packed, is split and summed up; --json has the same figures', () => {
  const args = ['-', '--split', '0.7', '--train', 'a.csv', '--test', 'b.csv', '--json', 'a.json'];
  const { status, stdout, stderr } = run(args, gzipSync(LOG));
  assert.equal(
    stderr,
    '90 lines: 90 events\n' +
      'train: 63 events of 63 accounts, from 2020-01-01T00:00:00Z to 2020-01-07T00:00:00Z: a.csv\n' +
      'test: 27 events of 27 accounts, from 2020-01-07T00:00:00Z to 2020-01-09T00:00:00Z: b.csv\n',
  );
  assert.equal(status, 0);
  assert.equal(stdout, '');
  assert.equal(readFileSync(join(root, 'a.csv'), 'utf8').split('\n').length - 1, 63);
  assert.deepEqual(JSON.parse(readFileSync(join(root, 'a.json'), 'utf8')), {
    inputs: [{ path: 'standard input', format: 'combined', lines: 90 }],
    lines: 90,
    events: 90,
    filtered: 0,
    headers: 0,
    skipped: {},
    examples: [],
    train: {
      path: 'a.csv',
      events: 63,
      accounts: 63,
      from: '2020-01-01T00:00:00Z',
      to: '2020-01-07T00:00:00Z',
    },
    test: {
      path: 'b.csv',
      events: 27,
      accounts: 27,
      from: '2020-01-07T00:00:00Z',
      to: '2020-01-09T00:00:00Z',
    },
  });
});

const WRONG: [args: string[], message: string][] = [
  [['-'], '--train: expected a file name, got nothing. Name the file for the training events.'],
  [['-', '--train', 'x', '--split', '1'], '--split: expected a share between 0 and 1, such as 0.7, got 1.'],
  [
    ['-', '--train', 'x', '--split', '.7'],
    '--split: there is no file for the test events. Name one with --test.',
  ],
  [
    ['-', '--train', 'x', '--split', '.7', '--split-at', '2020-01-01'],
    '--split and --split-at: expected one of them, got both.',
  ],
  [
    ['-', '--train', 'x', '--split-at', '2020-02-30'],
    '--split-at: expected a date such as 2018-11-11 or a time such as 2018-11-11T06:00:00Z, got 2020-02-30.',
  ],
  [['-', '--train', 'x', '--seed', '-1'], '--seed: expected an integer from 0 to 9007199254740991, got -1.'],
  [['-', '--train', 'x', '--threads', '0'], '--threads: expected an integer from 1 to 1024, got 0.'],
  [
    ['-', '--train', 'x', '--memory-limit', 'lots'],
    '--memory-limit: expected a size such as 1GB or 512MB, got lots.',
  ],
  [
    ['-', '--train', 'x', '--format', 'iis'],
    '--format: expected one of auto, combined, common, vhost_combined, csv, jsonl, parquet, got iis.',
  ],
];

for (const [args, message] of WRONG) {
  test(`wrong usage ends with 2: ${args.slice(1).join(' ')}`, () => {
    const { status, stderr } = run(args, LOG);
    assert.equal(stderr, `ip-insights: ${message}\n`);
    assert.equal(status, 2);
    assert.ok(!existsSync(join(root, 'x')));
  });
}

test('SQL that fails ends with 2, a log that cannot be read with 1', () => {
  assert.equal(run(['-', '--train', 'x', '--where', 'nonsense = 1'], LOG).status, 2);
  assert.equal(run(['-', '--train', 'x'], 'nonsense').status, 1);
});

test('a place where --json cannot be written is told before anything is written', () => {
  const { status, stderr } = run(['-', '--train', 'x', '--json', 'no/x.json'], LOG);
  assert.equal(
    stderr,
    'ip-insights: no/x.json: cannot be written, there is no folder no. Create it with "mkdir -p no".\n',
  );
  assert.equal(status, 1);
  assert.ok(!existsSync(join(root, 'x')));
});

test('--split-at takes a moment with an offset', () => {
  const args = ['-', '--split-at', '2020-01-05 01:00+01:00', '--train', 'c.csv', '--test', 'd.csv'];
  const { stderr } = run(args, LOG);
  assert.match(stderr, /^train: 40 events .*\ntest: 50 events /m);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} leaves nothing half-written`, async () => {
    const folder = mkdtempSync(join(root, 'signal-'));
    writeFileSync(join(folder, 'train.csv'), 'older\n');
    const child = spawn(process.execPath, [MAIN, 'prepare', '-', '--train', 'train.csv'], {
      cwd: folder,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    // More than two blocks, and no end: the command is in the middle of its work.
    const text = LOG.repeat(1200);
    child.stdin.on('error', () => {});
    child.stdin.write(text);
    while (readdirSync(folder).length < 3) await wait(10);
    await wait(200);
    child.kill(signal);
    assert.equal(await ended, signal === 'SIGINT' ? 130 : 143);
    assert.deepEqual(readdirSync(folder), ['train.csv']);
    assert.equal(readFileSync(join(folder, 'train.csv'), 'utf8'), 'older\n');
  });
}

test('a full disk ends with 1 and leaves the older file as it was', (t) => {
  const folder = mkdtempSync(join(root, 'disk-'));
  // Some 4 MB of output on a disk of 1 MB; the mount is gone with the namespace.
  const script = `mount -t tmpfs -o size=1m tmpfs ${folder} || exit 77
    cd ${folder} && echo older > train.csv
    "$@" ; status=$?
    ls -A >&2; cat train.csv >&2
    exit $status`;
  const unshare = process.getuid!() === 0 ? ['-m'] : ['-Urm'];
  const { status, stderr } = spawnSync(
    'unshare',
    [...unshare, 'sh', '-c', script, 'sh', process.execPath, MAIN, 'prepare', '-', '--train', 'train.csv'],
    { input: Array.from({ length: 100_000 }, (_, i) => lineOf(i)).join(''), cwd: root },
  );
  if (status === 77 || status === null || /unshare/.test(stderr.toString())) {
    t.diagnostic(`no small disk can be mounted here, only /dev/full was tried: ${stderr.toString().trim()}`);
    return;
  }
  assert.equal(
    stderr.toString(),
    'ip-insights: train.csv: cannot be written, the disk is full. Free some space in ., then run this again; an older file of that name is whole.\ntrain.csv\nolder\n',
  );
  assert.equal(status, 1);
});
