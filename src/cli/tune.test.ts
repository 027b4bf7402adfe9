/** `ip-insights tune` as a user runs it: processes of their own, killed, stopped and started again. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadModel } from '../index.ts';
import { sampleLogins } from './sampleLogins.ts';

const main = fileURLToPath(new URL('./main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tune-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

/** Times grow with the line, so parts of one file are later than each other. */
const logins = sampleLogins(6000, 1).trimEnd().split('\n');
writeFileSync(at('train.csv'), `${logins.slice(0, 4000).join('\n')}\n`);
writeFileSync(at('valid.csv'), `${logins.slice(4000, 5000).join('\n')}\n`);
writeFileSync(at('test.csv'), `${logins.slice(5000).join('\n')}\n`);

const COMMON = [
  ...['train.csv', '--validation', 'valid.csv', '--workers', '1', '--epochs', '3'],
  ...[
    '--range',
    'learning_rate=1e-3:1e-1:log',
    '--range',
    'mini_batch_size=32:512',
    '--choice',
    'vector_dim=8,16',
  ],
];

interface Outcome {
  status: number | null;
  stderr: string;
  stdout: string;
}

const start = (...flags: string[]): ChildProcess =>
  spawn(process.execPath, [main, 'tune', ...flags], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });

async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const said = { stderr: '', stdout: '' };
  for (const stream of ['stderr', 'stdout'] as const) {
    child[stream]!.on('data', (text) => {
      said[stream] += text;
    });
  }
  const [status] = await once(child, 'close');
  return { status, ...said };
}

const tune = (...flags: string[]) => outcomeOf(start(...flags));

/** Until a process has said something. */
const heard = (child: ChildProcess, words: RegExp) =>
  new Promise<void>((resolve, reject) => {
    let said = '';
    child.stderr!.on('data', (text) => {
      said += text;
      if (words.test(said)) resolve();
    });
    child.once('exit', () => reject(new Error(`ended without ${words}: ${said}`)));
  });

/** Values and settings of a journal; times differ from run to run. */
const triedIn = (journal: string) =>
  readFileSync(at(journal), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line))
    .map(({ seconds: _, at: __, ...rest }) => rest);

test('finds, trains and judges the best, and leaves no other file', async () => {
  const { status, stderr, stdout } = await tune(
    ...[...COMMON, '--test', 'test.csv', '--model', 'best.model', '--max-trials', '8'],
    ...['--objective', 'swap_auc', '--report', 'tuning.html', '--json', 'tuning.json'],
  );
  assert.equal(status, 0, stderr);
  assert.equal(stdout, '');
  const tuning = JSON.parse(readFileSync(at('tuning.json'), 'utf8'));
  assert.equal(tuning.trials.length, 8);
  const { best } = tuning;
  const { card } = loadModel(at('best.model'));
  assert.equal(card.hyperparameters.learningRate, best.hyperparameters.learning_rate);
  assert.equal(card.hyperparameters.vectorDim, best.hyperparameters.vector_dim);
  assert.match(readFileSync(at('tuning.html'), 'utf8'), /swap_auc/);
  assert.deepEqual(readdirSync(folder).sort(), [
    'best.model',
    'best.model.tuning.jsonl',
    'test.csv',
    'train.csv',
    'tuning.html',
    'tuning.json',
    'valid.csv',
  ]);
});

test('killed at any time, the same command goes on to the same trials', async () => {
  const flags = (model: string) => [...COMMON, '--model', model, '--max-trials', '6'];
  assert.equal((await tune(...flags('whole.model'))).status, 0);
  for (const words of [/trial 1, epoch 1/, /trial 3 of/, /trial 4, epoch 1/]) {
    const child = start(...flags('killed.model'));
    await heard(child, words);
    child.kill('SIGKILL');
    await once(child, 'close');
    assert.equal(existsSync(at('killed.model')), false);
  }
  const { status, stderr } = await tune(...flags('killed.model'));
  assert.equal(status, 0, stderr);
  assert.match(stderr, /killed\.model\.tuning\.jsonl: going on after \d trials/);
  // What was begun twice stands twice in the journal; what came of it is the same.
  const last = (journal: string) =>
    new Map(triedIn(journal).map((line) => [`${line.trial} ${line.epoch ?? line.state ?? 'began'}`, line]));
  assert.deepEqual(last('killed.model.tuning.jsonl'), last('whole.model.tuning.jsonl'));
  assert.deepEqual(readFileSync(at('killed.model')), readFileSync(at('whole.model')));
});

test('a line of the journal that a kill cut is done again', async () => {
  const flags = [...COMMON, '--model', 'cut.model', '--max-trials', '2'];
  assert.equal((await tune(...flags)).status, 0);
  const journal = readFileSync(at('cut.model.tuning.jsonl'));
  const model = readFileSync(at('cut.model'));
  writeFileSync(at('cut.model.tuning.jsonl'), journal.subarray(0, journal.length - 9));
  const { status, stderr } = await tune(...flags);
  assert.equal(status, 0, stderr);
  assert.deepEqual(readFileSync(at('cut.model')), model);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} ends the search and saves the best so far`, async () => {
    const model = `${signal}.model`;
    const child = start(...COMMON, '--model', model, '--max-trials', '1000');
    const outcome = outcomeOf(child);
    await heard(child, /trial 3 of/);
    child.kill(signal);
    const { status, stderr } = await outcome;
    assert.equal(status, 0, stderr);
    assert.match(stderr, new RegExp(`${signal}: the search ends, the best so far is trained and saved`));
    assert.ok(loadModel(at(model)).card.hyperparameters.learningRate > 0);
  });
}

test('a second signal ends it at once, and an older model is whole', async () => {
  writeFileSync(at('old.model'), 'an older model');
  const child = start(...COMMON, '--model', 'old.model', '--max-trials', '1000');
  const outcome = outcomeOf(child);
  await heard(child, /trial 2 of/);
  child.kill('SIGINT');
  await heard(child, /the search ends/);
  child.kill('SIGINT');
  const { status, stderr } = await outcome;
  assert.equal(status, 130, stderr);
  assert.equal(readFileSync(at('old.model'), 'utf8'), 'an older model');
});

test('a signal while the best is trained lets it be saved; while the defaults are, ends the comparison', async () => {
  for (const [words, said] of [
    [/training the best, trial/, /SIGINT: the best is trained to its end and saved/],
    [
      /training with the defaults, to compare/,
      /SIGINT: the model is saved, and is not compared with the defaults/,
    ],
  ] as const) {
    rmSync(at('late.model'), { force: true });
    const flags = ['--test', 'test.csv', '--model', 'late.model', '--json', 'late.json'];
    const child = start(...COMMON, ...flags, '--max-trials', '4');
    const outcome = outcomeOf(child);
    await heard(child, words);
    child.kill('SIGINT');
    const { status, stderr } = await outcome;
    assert.equal(status, 0, stderr);
    assert.match(stderr, said);
    assert.ok(loadModel(at('late.model')));
    const { judged } = JSON.parse(readFileSync(at('late.json'), 'utf8'));
    assert.deepEqual([...new Set(judged.map(({ model }: { model: string }) => model))], ['the best']);
  }
});

test('runs that end in time do not use up a trial', async () => {
  const flags = [...COMMON, '--epochs', '400', '--model', 'paused.model', '--max-trials', '1'];
  for (let i = 0; i < 6; i++) {
    const { status, stderr } = await tune(...flags, '--max-time', '0.2s');
    assert.doesNotMatch(stderr, /failed/);
    assert.ok(status === 0 || /before any trial had an epoch behind it/.test(stderr), stderr);
  }
});

test('what cannot be judged or written at the end is told at the beginning', async () => {
  writeFileSync(at('strangers.csv'), 'nobody,10.0.0.1,1600000000\nnoone,10.0.0.2,1600000000\n');
  const flags = ['--model', 'never.model', '--max-trials', '1', '--objective', 'swap_auc'];
  const strangers = await tune(...COMMON, ...flags, '--test', 'strangers.csv');
  assert.equal(strangers.status, 1);
  assert.match(
    strangers.stderr,
    /strangers\.csv: expected events of accounts seen in training, got 2 events/,
  );
  assert.doesNotMatch(strangers.stderr, /trial 1/);
  const nowhere = await tune(...COMMON, '--model', '/proc/never.model', '--journal', 'never.jsonl');
  assert.equal(nowhere.status, 1);
  assert.match(nowhere.stderr, /\/proc\/never\.model: cannot be written/);
  assert.doesNotMatch(nowhere.stderr, /trial 1/);
});

test('--max-time ends the search with the best so far', async () => {
  const { status, stderr } = await tune(
    ...COMMON,
    '--model',
    'time.model',
    '--max-trials',
    '5000',
    '--max-time',
    '3s',
  );
  assert.equal(status, 0, stderr);
  assert.match(stderr, /the time is over: the same command goes on from time\.model\.tuning\.jsonl/);
  assert.ok(existsSync(at('time.model')));
});

test('a trial that fails is recorded with its reason; where all fail, no model is written', async () => {
  const some = await tune(
    ...['train.csv', '--validation', 'valid.csv', '--workers', '1', '--epochs', '2', '--model', 'some.model'],
    ...[
      '--choice',
      'vector_dim=2048,4096',
      '--num-entity-vectors',
      '250000000',
      '--max-trials',
      '2',
      '--json',
      'some.json',
    ],
  );
  assert.equal(some.status, 1, some.stderr);
  assert.match(
    some.stderr,
    /trial 1 failed, as training needs [\d.]+ GiB of memory: .* No model was written\./,
  );
  assert.equal(existsSync(at('some.model')), false);
  assert.equal(existsSync(at('some.json')), false);
  const mixed = await tune(
    ...[
      'train.csv',
      '--validation',
      'valid.csv',
      '--workers',
      '1',
      '--epochs',
      '2',
      '--model',
      'mixed.model',
    ],
    ...['--choice', 'num_entity_vectors=300,250000000', '--vector-dim', '64', '--max-trials', '2'],
    ...['--json', 'mixed.json'],
  );
  assert.equal(mixed.status, 0, mixed.stderr);
  const { trials } = JSON.parse(readFileSync(at('mixed.json'), 'utf8'));
  const failed = trials.find(({ state }: { state: string }) => state === 'failed');
  assert.match(
    failed.reason,
    /^training needs .* Lower --num-entity-vectors \(now 250000000\) or --vector-dim/,
  );
  assert.match(mixed.stderr, /note: 1 of 2 trials failed/);
});

test('two at once with one journal: the second is told to wait', async () => {
  const child = start(...COMMON, '--model', 'two.model', '--max-trials', '1000');
  const outcome = outcomeOf(child);
  await heard(child, /trial 1 of/);
  const second = await tune(...COMMON, '--model', 'two.model', '--max-trials', '1000');
  assert.equal(second.status, 1);
  assert.match(
    second.stderr,
    /two\.model\.tuning\.jsonl: process \d+ searches with this journal\. Wait for its end, or name another one with --journal\. If that process is something else, remove two\.model\.tuning\.jsonl\.lock\./,
  );
  child.kill('SIGKILL');
  await outcome;
  // The lock that the killed one left is taken over.
  const { status, stderr } = await tune(...COMMON, '--model', 'two.model', '--max-trials', '2');
  assert.equal(status, 0, stderr);
});

test('a journal of another search is refused, and stays as it is', async () => {
  const flags = [...COMMON, '--model', 'other.model', '--max-trials', '1'];
  assert.equal((await tune(...flags)).status, 0);
  const journal = readFileSync(at('other.model.tuning.jsonl'));
  const { status, stderr } = await tune(...flags, '--seed', '2');
  assert.equal(status, 1);
  assert.match(stderr, /this journal is of another search: seed was 1, and is now 2\./);
  assert.deepEqual(readFileSync(at('other.model.tuning.jsonl')), journal);
});

test('a search may be made longer', async () => {
  const flags = [...COMMON, '--model', 'longer.model'];
  assert.equal((await tune(...flags, '--max-trials', '2')).status, 0);
  assert.equal((await tune(...flags, '--max-trials', '4')).status, 0);
  assert.equal((await tune(...COMMON, '--model', 'long.model', '--max-trials', '4')).status, 0);
  assert.deepEqual(triedIn('longer.model.tuning.jsonl'), triedIn('long.model.tuning.jsonl'));
});

for (const [flags, status, message] of [
  [['--objective', 'accuracy'], 2, /--objective: expected discriminator_auc, swap_auc, /],
  [['--strategy', 'grid'], 2, /--strategy: expected tpe or random, got "grid"\./],
  [['--early-stopping', 'median'], 2, /--early-stopping: expected asha, hyperband or none, got "median"\./],
  [
    ['--max-time', '5 weeks'],
    2,
    /--max-time: expected a time such as 90s, 30m or 2h, of 20 days at most, got "5 week"\./,
  ],
  [['--max-trials', '0'], 2, /--max-trials: expected an integer from 1 to 100000, got "0"\./],
  [['--report', 'x.model'], 2, /--report: expected another file than --model, got "x\.model" for both\./],
  [['--journal', 'nowhere/x'], 1, /nowhere\/x: cannot be written, there is no folder nowhere\./],
  [['--learning-rate', '0.1'], 2, /--learning-rate: expected it or a range of learning_rate, got both\./],
] as const) {
  test(`rejects ${flags.join(' ')}`, async () => {
    const { status: code, stderr } = await tune(...COMMON, '--model', 'x.model', ...flags);
    assert.equal(code, status, stderr);
    assert.match(stderr, message);
  });
}
