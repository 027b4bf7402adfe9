import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { readTruth } from '../events/simulate/readTruth.ts';

const main = fileURLToPath(new URL('./main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'simulate-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

function simulate(...flags: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'simulate', ...flags], {
    cwd: folder,
    maxBuffer: 1 << 28,
  });
  return { status, stdout, stderr: stderr.toString() };
}

// A small list, 100 ranges of 256 addresses. The world of providers needs the published one.
const list = at('ranges.csv');
writeFileSync(
  list,
  Array.from({ length: 100 }, (_, i) => `1.0.${i}.0,1.0.${i}.255,${64500 + i},"Network ${i}"\n`).join(''),
);

test('the log, its gzip and standard output are the same bytes; the truth stands beside', () => {
  const flags = ['--users', '30', '--seed', '9', '--ranges', list];
  const run = simulate(...flags, '--out', at('web.log'));
  const log = readFileSync(at('web.log'));
  const lines = log.toString().trimEnd().split('\n');
  const summary = `${at('web.log')}: ${lines.length.toLocaleString('en-US')} logins of 30 accounts, the truth in ${at('web.log.truth.jsonl')}\n`;
  assert.deepEqual([run.status, run.stdout.length, run.stderr], [0, 0, summary]);

  assert.equal(simulate(...flags, '--out', at('web.log.gz'), '--truth', at('other')).status, 0);
  assert.deepEqual(gunzipSync(readFileSync(at('web.log.gz'))), log);
  assert.deepEqual(readFileSync(at('other')), readFileSync(at('web.log.truth.jsonl')));

  const before = readdirSync(folder);
  const piped = simulate(...flags, '--out', '-');
  assert.deepEqual(piped.stdout, log);
  assert.equal(
    piped.stderr,
    `standard output: ${lines.length.toLocaleString('en-US')} logins of 30 accounts\n`,
  );
  assert.deepEqual(readdirSync(folder), before);

  const truth = readTruth(readFileSync(at('web.log.truth.jsonl')), 'truth');
  assert.equal(truth.ranges.name, 'ranges.csv');
  assert.equal(truth.ranges.count, 100);
  assert.equal(truth.seed, 9);
  assert.equal(
    truth.accounts.reduce((sum, { events }) => sum + events, 0),
    lines.length,
  );
});

test('--days and --end say when the logins happen', () => {
  const flags = ['--users', '5', '--ranges', list, '--days', '2', '--end', '2024-03-01'];
  const days = simulate(...flags, '--out', '-')
    .stdout.toString()
    .match(/\[\d\d\/\w{3}\/\d{4}/g)!;
  assert.deepEqual([...new Set(days)], ['[28/Feb/2024', '[29/Feb/2024']);
});

test('the world of providers is written with its truth', () => {
  const { status } = simulate('--world', 'providers', '--users', '60', '--out', at('providers.log'));
  assert.equal(status, 0);
  const truth = readTruth(readFileSync(at('providers.log.truth.jsonl')), 'truth');
  assert.equal(truth.world, 'providers');
  assert.equal(truth.accounts.length, 60);
  assert.match(readFileSync(at('providers.log'), 'utf8'), /^[0-9a-f]{4}:[0-9a-f:]+ - user_\d+ \[/m);
});

test('values that cannot be understood end with 2 and a sentence, and write nothing', () => {
  const out = 'never.log';
  const table: [string[], string][] = [
    [['--users', '0'], '--users: expected an integer from 1 to 1000000, got "0".'],
    [['--users', '1e3'], '--users: expected an integer from 1 to 1000000, got "1e3".'],
    [['--users', '1000001'], '--users: expected an integer from 1 to 1000000, got "1000001".'],
    [['--seed', '-1'], '--seed: expected an integer from 0 to 9007199254740991, got "-1".'],
    [
      ['--seed', '9007199254740992'],
      '--seed: expected an integer from 0 to 9007199254740991, got "9007199254740992".',
    ],
    [['--days', '0.5'], '--days: expected an integer from 1 to 3650, got "0.5".'],
    [['--end', '2018-02-30'], '--end: expected a date such as 2018-11-14, got "2018-02-30".'],
    [['--end', 'yesterday'], '--end: expected a date such as 2018-11-14, got "yesterday".'],
    [['--world', 'mars'], '--world: expected tutorial or providers, got "mars".'],
    [['--ranges6', list], '--ranges6: expected --world providers with it, the world tutorial has IPv4 only.'],
    [['--truth', out], '--truth: expected another file than --out, got "never.log" for both.'],
  ];
  const before = readdirSync(folder);
  for (const [flags, message] of table) {
    const { status, stderr } = simulate('--out', out, ...flags);
    assert.deepEqual([status, stderr], [2, `ip-insights: ${message}\n`]);
  }
  assert.equal(simulate().status, 2);
  assert.equal(simulate('--out', out, '--colour').status, 2);
  assert.deepEqual(readdirSync(folder), before);
});

test('files that cannot be read or written end with 1 and a sentence, and leave nothing behind', () => {
  mkdirSync(at('folder'));
  writeFileSync(at('bad.csv'), '1.0.0.0,1.0.0.255,5\n1.0.0,1.0.1.255,5\n');
  writeFileSync(at('six.csv'), '2001:db8::,2001:db8::ff,5\n');
  const out = at('never.log');
  const missing = join(at('missing'), 'web.log');
  const table: [string[], string][] = [
    [
      ['--ranges', list, '--out', missing],
      `${missing}.truth.jsonl: cannot be written, there is no folder ${at('missing')}. Create it with "mkdir -p ${at('missing')}".`,
    ],
    [
      ['--ranges', list, '--out', missing, '--truth', at('truth')],
      `${missing}: cannot be written, there is no folder ${at('missing')}. Create it with "mkdir -p ${at('missing')}".`,
    ],
    [
      ['--ranges', list, '--out', at('folder')],
      `${at('folder')}: cannot be written, it is a folder. Name a file.`,
    ],
    [
      ['--ranges', list, '--out', '/dev/null'],
      '/dev/null: cannot be written, it is a device or a pipe. Write to standard output with --out - and redirect that.',
    ],
    [
      ['--ranges', at('none.csv'), '--out', out],
      `${at('none.csv')}: there is no such file. Check the name, or the folder that the command runs in.`,
    ],
    [
      ['--ranges', at('bad.csv'), '--out', out],
      `${at('bad.csv')}:2: expected an IP address or its decimal number, got "1.0.0": it has 3 parts, not 4.`,
    ],
    [
      ['--ranges', at('six.csv'), '--out', out],
      'six.csv: expected IPv4 ranges only, got one that starts at 2001:db8::. Remove the IPv6 ranges.',
    ],
    [
      ['--world', 'providers', '--ranges', list, '--ranges6', at('six.csv'), '--out', out],
      'ranges.csv and six.csv: expected at least 71 autonomous systems with 16 IPv4 ranges and an IPv6 /48 or more, got 0. Use the complete lists of @ip-location-db/asn.',
    ],
  ];
  const before = readdirSync(folder);
  for (const [flags, message] of table) {
    const { status, stderr } = simulate('--users', '20', '--truth', `${flags.at(-1)}.truth.jsonl`, ...flags);
    assert.deepEqual([status, stderr], [1, `ip-insights: ${message}\n`]);
  }
  assert.deepEqual(readdirSync(folder), before);
});

test('without the package of ranges the message says how to get it', async () => {
  // A copy of the compiled code where no node_modules folder stands above it.
  const copy = mkdtempSync(join(tmpdir(), 'bare-'));
  try {
    cpSync(fileURLToPath(new URL('..', import.meta.url)), copy, { recursive: true });
    writeFileSync(join(copy, 'package.json'), '{"type":"module"}');
    const { readRangeList } = await import(pathToFileURL(join(copy, 'cli/rangeLists.js')).href);
    assert.throws(() => readRangeList(undefined, 'ipv6', '--ranges6'), {
      name: 'InputError',
      message:
        '@ip-location-db/asn/asn-ipv6.csv: the package with the list of announced ranges is not installed. Run "npm install @ip-location-db/asn", or name a list with --ranges6 FILE.',
    });
  } finally {
    rmSync(copy, { recursive: true });
  }
});

test('Ctrl-C leaves nothing half-written, and the older log whole', {
  skip: process.platform === 'win32',
}, async () => {
  const place = mkdtempSync(join(tmpdir(), 'stopped-'));
  try {
    const out = join(place, 'web.log');
    writeFileSync(out, 'older\n');
    const child = spawn(process.execPath, [main, 'simulate', '--users', '100000', '--out', out]);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const isWriting = () =>
      readdirSync(place).some(
        (name) =>
          name.startsWith('.web.log.') && !name.includes('truth') && statSync(join(place, name)).size > 0,
      );
    while (child.exitCode === null && !isWriting()) await delay(10);
    child.kill('SIGINT');
    assert.equal(await ended, 130);
    assert.deepEqual(readdirSync(place), ['web.log']);
    assert.equal(readFileSync(out, 'utf8'), 'older\n');
  } finally {
    rmSync(place, { recursive: true });
  }
});
