import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { formatAddress } from '../addresses/address.ts';
import { simulateEvents } from '../events/simulate/simulateLog.ts';
import { truthLines } from '../events/simulate/truth.ts';
import { TutorialWorld } from '../events/simulate/tutorial.ts';
import { saveModel } from '../index.ts';
import { trainModel } from '../model/trainModel.ts';
import { inPairs } from './inPairs.ts';
import { readRangeList } from './rangeLists.ts';

const main = fileURLToPath(new URL('./main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'evaluate-'));
after(() => rmSync(folder, { recursive: true }));
const write = (name: string, content: string | Uint8Array) => writeFileSync(join(folder, name), content);
const read = (name: string) => readFileSync(join(folder, name), 'utf8');

async function evaluate(flags: string[], input: string | Uint8Array = '') {
  const child = spawn(process.execPath, [main, 'evaluate', ...flags], { cwd: folder });
  // What has failed before it has read all closes the pipe.
  child.stdin.on('error', () => {}).end(input);
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text) => {
      said[name] += text;
    });
  }
  const [status] = await once(child, 'close');
  return { status, ...said };
}

// 64 × 256 ranges of 256 addresses, an account's logins of ten days, the first seven to train on.
write(
  'ranges.csv',
  Array.from({ length: 16384 }, (_, i) => `9.${i >> 8}.${i & 255}.0,9.${i >> 8}.${i & 255}.255,${i}\n`).join(
    '',
  ),
);
const { ranges, identity } = readRangeList(join(folder, 'ranges.csv'), 'ipv4', '--ranges');
const endSeconds = Date.UTC(2018, 10, 14) / 1000;
const world = new TutorialWorld({ users: 40, seed: 3, days: 10, endSeconds }, ranges, identity);
const all = simulateEvents(world);
const lines = Array.from(
  { length: all.count },
  (_, i) => `${all.entities.name(all.entity[i])},${formatAddress(all.addresses, i)},${all.time[i]}`,
);
const isLate = (_: string, i: number) => all.time[i] >= endSeconds - 3 * 86400;
const trainLines = lines.filter((line, i) => !isLate(line, i));
const testLines = lines.filter(isLate);
write('train.csv', `${trainLines.join('\n')}\n`);
write('test.csv', `${testLines.join('\n')}\nnobody,9.1.2.3,${endSeconds}\n`);
write('untimed.csv', `${testLines.map((line) => line.replace(/,\d+$/, '')).join('\n')}\n`);
write('truth.jsonl', [...truthLines(world.truth())].join(''));
write(
  'labelled.csv',
  testLines
    .slice(0, 200)
    .map(
      (line, i) =>
        `${line},0,\n${line.replace(/,[\d.]+,/, `,77.${i}.0.1,`)},1,${i % 2 ? 'far' : 'farther'}\n`,
    )
    .join(''),
);
const { readEvents } = await import('../events/readEvents.ts');
const { events } = await readEvents([readFileSync(join(folder, 'train.csv'))], {
  name: 'train',
  onBadLine: 'error',
});
saveModel(
  await trainModel(events, {
    hyperparameters: { vectorDim: 8, epochs: 1, miniBatchSize: 200, numIpEncoderLayers: 0 },
  }),
  join(folder, 'login.model'),
);
const TRAINED = ['login.model', '--train', 'train.csv'];
const WHOLE = [...TRAINED, '--test', 'test.csv', '--ranges', 'ranges.csv', '--truth', 'truth.jsonl'];

/** Attackers that are compared with all honest events. */
const whole = (attackers: { attacker: string; honest_kind: string | null }[]) =>
  attackers.filter(({ honest_kind }) => honest_kind === null).map(({ attacker }) => attacker);

test('report and figures are written, a table and one plain sentence stand on standard error', async () => {
  const [run, again] = await Promise.all([
    evaluate([...WHOLE, '--json', 'metrics.json', '--report', 'report.html', '--max-fpr', '0.02']),
    evaluate([...WHOLE, '--json', 'again.json', '--max-fpr', '0.02']),
  ]);
  assert.equal(run.status, 0, run.stderr);
  assert.equal(run.stdout, '');
  const metrics = JSON.parse(read('metrics.json'));
  assert.equal(metrics.kind, 'ip-insights-metrics');
  assert.deepEqual(metrics.inputs, {
    model: 'login.model',
    train: 'train.csv',
    test: 'test.csv',
    labelled: null,
    ranges: 'ranges.csv',
    truth: 'truth.jsonl',
    ranges_sha256: identity.sha256,
    country: null,
    attack_lists: null,
  });
  assert.equal(metrics.chosen.rule, 'false_positive_rate');
  assert.equal(metrics.chosen.limit, 0.02);
  assert.equal(metrics.threshold, metrics.chosen.threshold);
  assert.deepEqual(whole(metrics.attackers), ['announced', 'octets', 'swap', 'same_provider']);
  assert.deepEqual(
    metrics.attackers[0].detectors.map(({ detector }: { detector: string }) => detector),
    [
      'mixture',
      'history',
      'neural',
      'longest_shared_prefix',
      'new_network',
      'new_address',
      'popularity',
      'freeman',
      'oracle',
    ],
  );
  assert.equal(metrics.discriminator_auc, metrics.attackers[1].detectors[2].auc);
  assert.equal(metrics.counts.test.left_out, 1);
  assert.ok(metrics.thresholds.some(({ rule }: { rule: string }) => rule === 'alerts_per_day'));
  assert.match(
    run.stderr,
    /^1 of [\d,]+ events in test\.csv left out: their accounts were not seen in training\.$/m,
  );
  assert.match(run.stderr, /│ announced ranges +│ +0\.\d{4} │/);
  assert.match(
    run.stderr,
    /^Flag an event where its anomaly is −?[\d.]+ or more \(at most 2 % of honest events\): it catches [\d.]+ % of attacks from random announced networks and flags [\d.]+ % of honest events, about [\d,.]+ false alarms a day\.$/m,
  );
  assert.ok(read('report.html').includes('Evaluation of login.model'));

  assert.equal(again.status, 0);
  assert.equal(read('again.json'), read('metrics.json'));
});

test('without files the figures go to standard output; gzip and standard input are read', async () => {
  const [fromFile, piped] = await Promise.all([
    evaluate(WHOLE),
    evaluate(
      [...TRAINED, '--test', '-', '--ranges', 'ranges.csv', '--truth', 'truth.jsonl'],
      gzipSync(read('test.csv')),
    ),
  ]);
  assert.equal(piped.status, 0, piped.stderr);
  const metrics = JSON.parse(piped.stdout);
  assert.equal(metrics.inputs.test, 'standard input');
  assert.deepEqual(metrics.attackers, JSON.parse(fromFile.stdout).attackers);
});

test('labelled events are judged by kind; alerts a day choose the threshold', async () => {
  const run = await evaluate([...WHOLE, '--labelled', 'labelled.csv', '--max-alerts-per-day', '20']);
  assert.equal(run.status, 0, run.stderr);
  const metrics = JSON.parse(run.stdout);
  assert.deepEqual(whole(metrics.attackers), [
    'announced',
    'octets',
    'swap',
    'same_provider',
    'labelled',
    'labelled:far',
    'labelled:farther',
  ]);
  assert.deepEqual(
    [metrics.chosen.rule, metrics.chosen.limit, metrics.counts.labelled.attacks],
    ['alerts_per_day', 20, 200],
  );
  assert.match(run.stderr, /│ labelled: farther +│/);
});

test('calls that cannot be understood end with 2 and a sentence, and write nothing', async () => {
  const before = readdirSync(folder);
  const table: [string[], string][] = [
    [TRAINED, 'evaluate: expected --test FILE or --labelled FILE, got neither.'],
    [[...WHOLE, '--sample', '0'], '--sample: expected an integer from 1 to 100000000, got "0".'],
    [[...WHOLE, '--seed', 'x'], '--seed: expected an integer from 0 to 9007199254740991, got "x".'],
    [[...WHOLE, '--max-fpr', '1'], '--max-fpr: expected a share above 0 and below 1, got "1".'],
    [[...WHOLE, '--max-fpr', '1%'], '--max-fpr: expected a share above 0 and below 1, got "1%".'],
    [[...WHOLE, '--max-alerts-per-day', '0'], '--max-alerts-per-day: expected a number above 0, got "0".'],
    [
      [...WHOLE, '--max-alerts-per-day', '5', '--max-fpr', '.1'],
      '--max-alerts-per-day: expected it or --max-fpr, got both.',
    ],
    [[...WHOLE, '--on-bad-line', 'stop'], '--on-bad-line: expected error or skip, got "stop".'],
    [
      [...WHOLE, '--json', 'x', '--report', 'x'],
      '--json: expected another file than --report, got "x" for both.',
    ],
    [[...WHOLE, '--json', 'test.csv'], '--json: expected a file to write, got "test.csv", which is read.'],
    [
      ['login.model', '--train', '-', '--test', '-'],
      '--test: expected standard input (-) for one file only, got it for --train and --test.',
    ],
  ];
  await inPairs(table, async ([flags, message]) => {
    const { status, stderr } = await evaluate(flags);
    assert.deepEqual([status, stderr], [2, `ip-insights: ${message}\n`]);
  });
  assert.equal((await evaluate(['login.model', '--test', 'test.csv'])).status, 2);
  assert.deepEqual(readdirSync(folder), before);
});

test('input that cannot be judged ends with 1 and a sentence, and leaves nothing behind', async () => {
  write('strangers.csv', 'nobody,1.2.3.4\nnobody,1.2.3.5\n');
  write('bad.csv', 'user_1,1.2.3\n');
  write('empty.csv', '');
  write('one-class.csv', `${testLines[0]},1\n${testLines[1]},1\n`);
  write('bad-label.csv', `${testLines[0]},2\n`);
  write('other.csv', '9.0.0.0,9.0.0.255,1\n');
  write('half.gz', gzipSync(read('test.csv')).subarray(0, 500));
  mkdirSync(join(folder, 'folder'));
  const missing = 'there is no such file. Check the name, or the folder that the command runs in.';
  const with_ = (...flags: string[]) => [...TRAINED, '--ranges', 'ranges.csv', ...flags];
  const table: [string[], string][] = [
    [['none.model', '--train', 'train.csv', '--test', 'test.csv'], `none.model: ${missing}`],
    [
      ['train.csv', '--train', 'train.csv', '--test', 'test.csv'],
      'train.csv: is not a model of ip-insights: it does not start with "IPINSGHT". Train one: ip-insights train.',
    ],
    [
      ['login.model', '--train', 'none.csv', '--test', 'test.csv', '--ranges', 'ranges.csv'],
      `none.csv: ${missing}`,
    ],
    [with_('--test', 'none.csv'), `none.csv: ${missing}`],
    [with_('--test', 'test.csv', '--truth', 'none.jsonl'), `none.jsonl: ${missing}`],
    [[...TRAINED, '--test', 'test.csv', '--ranges', 'none.csv'], `none.csv: ${missing}`],
    [
      with_('--test', 'bad.csv'),
      'bad.csv:1: expected an IP address in field 2, got "1.2.3": it has 3 parts, not 4. Skip such lines with --on-bad-line=skip.',
    ],
    [with_('--test', 'empty.csv'), 'empty.csv: expected events (entity,address[,time]), but it is empty.'],
    [
      with_('--test', 'half.gz'),
      'half.gz: the gzip data ends in the middle (truncated file). Copy or download it again.',
    ],
    [
      with_('--test', 'strangers.csv'),
      'strangers.csv: expected events of accounts seen in training, got 2 events of other accounts only. Check that train.csv and strangers.csv name accounts in the same way.',
    ],
    [
      ['login.model', '--train', 'strangers.csv', '--test', 'test.csv', '--ranges', 'ranges.csv'],
      'login.model: expected a model trained on strangers.csv, got one that has seen none of its 1 account. Name the file that it was trained on with --train.',
    ],
    [
      with_('--labelled', 'one-class.csv'),
      'one-class.csv: expected honest events (label 0) and attacks (label 1), got attacks only.',
    ],
    [
      with_('--labelled', 'bad-label.csv'),
      'bad-label.csv:1: expected label 0 (honest) or 1 (attack) in field 4, got "2". Skip such lines with --on-bad-line=skip.',
    ],
    [
      with_('--labelled', 'test.csv'),
      'test.csv:1: expected 4 or 5 fields (entity,address,time,label[,kind]), got 3. Skip such lines with --on-bad-line=skip.',
    ],
    [
      with_('--test', 'untimed.csv', '--max-alerts-per-day', '10'),
      '--max-alerts-per-day: No thresholds by alerts a day: none of the events in untimed.csv have a time (third column). Use --max-fpr instead.',
    ],
    [
      [...TRAINED, '--test', 'test.csv', '--truth', 'truth.jsonl', '--ranges', 'other.csv'],
      `the truth was made with the ranges of ranges.csv (SHA-256 ${identity.sha256.slice(0, 12)}…, 16384 ranges), got a list with SHA-256 ${otherSha()}… and 1 ranges. Name the same list with --ranges, or simulate again.`,
    ],
    [
      with_('--test', 'test.csv', '--json', 'folder'),
      'folder: cannot be written, it is a folder. Name a file.',
    ],
    [
      with_('--test', 'test.csv', '--report', 'nowhere/report.html'),
      'nowhere/report.html: cannot be written, there is no folder nowhere. Create it with "mkdir -p nowhere".',
    ],
    [
      with_('--test', 'test.csv', '--report', '/dev/null'),
      '/dev/null: cannot be written, it is a device or a pipe. Name a file; without --report and --json the figures go to standard output.',
    ],
  ];
  const before = readdirSync(folder);
  await inPairs(table, async ([flags, message]) => {
    const outputs = flags.includes('--json') || flags.includes('--report') ? [] : ['--json', 'never.json'];
    const { status, stderr, stdout } = await evaluate([...flags, ...outputs]);
    assert.equal(stderr.split('\n').at(-2), `ip-insights: ${message}`);
    assert.deepEqual([status, stdout], [1, '']);
  });
  assert.deepEqual(readdirSync(folder), before);
});

function otherSha(): string {
  return readRangeList(join(folder, 'other.csv'), 'ipv4', '--ranges').identity.sha256.slice(0, 12);
}

test('bad lines are skipped and counted where that is asked for', async () => {
  write('mixed.csv', `user,ip\n${testLines.join('\n')}\nuser_1,1.2.3\n,1.2.3.4\n`);
  const run = await evaluate([
    ...TRAINED,
    '--test',
    'mixed.csv',
    '--ranges',
    'ranges.csv',
    '--on-bad-line',
    'skip',
  ]);
  assert.equal(run.status, 0, run.stderr);
  assert.match(
    run.stderr,
    /^mixed\.csv: [\d,]+ lines: [\d,]+ events, 1 header row, 2 skipped \(1 no address, 1 no entity\)$/m,
  );
});
