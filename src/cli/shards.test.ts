/** --shard as users run it: tasks at the same time, one of them killed; mistakes and their exit codes. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { sampleLogins } from './sampleLogins.ts';

const MAIN = join(import.meta.dirname, 'main.js');
const folder = mkdtempSync(join(tmpdir(), 'ip-insights-shards-'));
after(() => rmSync(folder, { recursive: true }));
const write = (name: string, content: string | Uint8Array) => writeFileSync(join(folder, name), content);
const read = (name: string) => readFileSync(join(folder, name), 'utf8');

/** The variables of this machine must not say that the tests are a task of some scheduler. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(SLURM_|JOB_COMPLETION_|AWS_BATCH_)/.test(name)),
);

/** What is said whatever the time it takes. */
const withoutProgress = (text: string) =>
  text
    .split('\n')
    .filter((line) => !/(\/s(, .* left)?|: [\d.]+ s)$/.test(line))
    .join('\n');

function run(args: string[], variables: Record<string, string> = {}) {
  const env = { ...environment, ...variables };
  const options = { cwd: folder, encoding: 'utf8', input: '', env, maxBuffer: 1 << 28 } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], options);
  return { status, stdout, stderr: withoutProgress(stderr) };
}

write('train.csv', sampleLogins(3000, 1));
const small = ['--vector-dim', '8', '--epochs', '2', '--mini-batch-size', '100'];
assert.equal(run(['train', 'train.csv', '--model', 'login.model', ...small]).status, 0);
const lines = sampleLogins(600, 7).trimEnd().split('\n');

test('score: a header, a byte-order mark, quoted line breaks, CRLF, bad lines and no end of the last line', () => {
  const text = `\ufeffentity,address,time\r\n${lines.join('\r\n')}\r\n"a\r\nb",9.9.9.9\r\nbad,1.2.3\r\n"c",10.1.2.3`;
  write('events.csv', text);
  const args = ['score', 'login.model', 'events.csv', '--on-bad-line', 'skip'];
  const whole = run([...args, '--out', 'whole.jsonl']);
  assert.match(
    whole.stderr,
    /^events\.csv: 605 lines: 602 events, 1 header row, 1 skipped \(1 no address\); /,
  );
  const count = 5;
  const said = [];
  for (let number = 1; number <= count; number++) {
    const { status, stderr } = run([
      ...args,
      '--shard',
      `${number}/${count}`,
      '--out',
      'scores-{shard}.jsonl',
    ]);
    assert.equal(status, 0, stderr);
    said.push(stderr);
  }
  const names = readdirSync(folder).filter((name) => name.startsWith('scores-'));
  assert.deepEqual(
    names.sort(),
    said.map((_, i) => `scores-0000${i + 1}-of-00005.jsonl`),
  );
  assert.equal(names.map(read).join(''), read('whole.jsonl'));
  assert.match(said[0], /^shard 1 of 5: events\.csv: 12\d lines: 12\d events, 1 header row; /);
  assert.match(said[4], /^shard 5 of 5: events\.csv: \d+ lines: \d+ events, 1 skipped \(1 no address\); /);
});

test('score: standard output, and files that end in .gz, also without an event', () => {
  write('few.csv', 'user_1,8.8.8.8\nuser_2,8.8.4.4');
  const { stdout: whole } = run(['score', 'login.model', 'few.csv']);
  assert.equal(whole.split('\n').length, 3);
  const args = ['score', 'login.model', 'few.csv', '--shard', 'auto/4'];
  const parts = [0, 1, 2, 3].map((index) => {
    const variables = { JOB_COMPLETION_INDEX: String(index) };
    run([...args, '--out', 'few-{shard}.jsonl.gz'], variables);
    return run(args, variables).stdout;
  });
  assert.equal(parts.join(''), whole);
  const packed = parts.map((_, i) => readFileSync(join(folder, `few-0000${i + 1}-of-00004.jsonl.gz`)));
  assert.deepEqual(
    packed.map((bytes) => gunzipSync(bytes).toString()),
    parts,
  );
  assert.equal(gunzipSync(Buffer.concat(packed)).toString(), whole);
});

test('score: a bad line is told with its number in the whole file, by the shard that has it', () => {
  write('bad.csv', [...lines.slice(0, 100), '"x\ny",1.2.3', ...lines.slice(100, 150)].join('\n'));
  const outcomes = [1, 2, 3].map((number) =>
    run(['score', 'login.model', 'bad.csv', '--shard', `${number}/3`, '--out', 'bad-{shard}.jsonl']),
  );
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    [0, 1, 0],
  );
  assert.equal(
    outcomes[1].stderr,
    'ip-insights: bad.csv:101: expected an IP address in field 2, got "1.2.3": it has 3 parts, not 4. Skip such lines with --on-bad-line=skip.\n',
  );
  assert.ok(!existsSync(join(folder, 'bad-00002-of-00003.jsonl')));
});

test('score: three tasks at the same time, one of them killed and started again', async () => {
  write('many.csv', sampleLogins(150_000, 3));
  const args = ['score', 'login.model', 'many.csv', '--shard', 'auto', '--out', 'many-{shard}.jsonl'];
  const start = (id: number) =>
    spawn(process.execPath, [MAIN, ...args], {
      cwd: folder,
      stdio: 'ignore',
      env: { ...environment, AWS_BATCH_JOB_ARRAY_INDEX: String(id), AWS_BATCH_JOB_ARRAY_SIZE: '3' },
    });
  const children = [0, 1, 2].map(start);
  const ends = children.map((child) => once(child, 'exit'));
  const isWriting = () => readdirSync(folder).some((name) => name.startsWith('.many-00002-of-00003'));
  while (!isWriting() && children[1].exitCode === null) await delay(5);
  children[1].kill('SIGKILL');
  assert.deepEqual(await Promise.all(ends), [
    [0, null],
    [null, 'SIGKILL'],
    [0, null],
  ]);
  const names = [1, 2, 3].map((number) => `many-0000${number}-of-00003.jsonl`);
  assert.deepEqual(
    names.map((name) => existsSync(join(folder, name))),
    [true, false, true],
  );
  assert.deepEqual(await once(start(1), 'exit'), [0, null]);
  run(['score', 'login.model', 'many.csv', '--out', 'whole.jsonl']);
  assert.equal(names.map(read).join(''), read('whole.jsonl'));
});

test('prepare: outputs and the summary as JSON are named after the shard', () => {
  const log = Array.from(
    { length: 90 },
    (_, i) =>
      `192.0.2.${i} - user_${i} [0${1 + (i % 9)}/Jan/2020:00:00:00 +0000] "GET / HTTP/1.0" 200 1043 "-" "x"\n`,
  );
  write('a.log', log.slice(0, 50).join(''));
  write('b.log.gz', gzipSync(log.slice(50).join('')));
  const args = (name: string) => [
    ...['prepare', 'a.log', 'b.log.gz', '--order', 'log', '--split-at', '2020-01-05'],
    ...['--train', `train-${name}.csv`, '--test', `test-${name}.csv`, '--json', `${name}.json`],
  ];
  assert.equal(run(args('whole')).status, 0);
  const said = [1, 2, 3].map((id) => {
    const variables = {
      SLURM_ARRAY_TASK_ID: String(id),
      SLURM_ARRAY_TASK_MIN: '1',
      SLURM_ARRAY_TASK_COUNT: '3',
    };
    const { status, stderr } = run([...args('{shard}'), '--shard', 'auto'], variables);
    assert.equal(status, 0, stderr);
    return stderr.split('\n')[0];
  });
  const counts = said.map((line) => Number(/^shard \d of 3: (\d+) lines: \1 events$/.exec(line)?.[1]));
  assert.equal(counts[0] + counts[1] + counts[2], 90);
  const shards = [1, 2, 3].map((number) => `0000${number}-of-00003`);
  for (const name of ['train', 'test']) {
    assert.equal(shards.map((shard) => read(`${name}-${shard}.csv`)).join(''), read(`${name}-whole.csv`));
  }
  assert.deepEqual(JSON.parse(read(`${shards[1]}.json`)).shard, { number: 2, count: 3 });
});

test('transform: parts lie beside the input, and are no inputs of the next run', () => {
  write('requests.csv', lines.map((line) => line.replace(/,\d+$/, '')).join('\n'));
  assert.equal(run(['transform', 'login.model', 'requests.csv']).status, 0);
  const said = [1, 2, 3].map((number) =>
    run(['transform', 'login.model', 'requests.csv', '--shard', `${number}/3`]),
  );
  assert.match(
    said[1].stderr,
    /^requests\.csv: (\d+) records → requests\.csv\.00002-of-00003\.out\nshard 2 of 3: 1 file: \1 records, 0 bad\n$/,
  );
  const parts = readdirSync(folder).filter((name) => /^requests\.csv\.\d+-of-00003\.out$/.test(name));
  assert.equal(parts.sort().map(read).join(''), read('requests.csv.out'));
});

const STDIN =
  '--shard: expected files, got standard input, of which each task has another one. Write it to a file that all tasks can read.';
const ONE_FILE = (option: string, path: string, proposed: string) =>
  `${option}: expected {shard} in the name with --shard auto, got "${path}", which all tasks would write. Name it such as ${proposed}.`;
const WRONG: [args: string[], message: string][] = [
  [['score', 'login.model', '-', '--shard', '1/2'], STDIN],
  [['transform', 'login.model', '-', '--shard', '1/2'], STDIN],
  [['prepare', '-', '--train', 'x-{shard}', '--order', 'log', '--shard', '1/2'], STDIN],
  [
    ['score', 'login.model', 'few.csv', '--shard', 'auto/2', '--out', 'x.jsonl'],
    ONE_FILE('--out', 'x.jsonl', 'x-{shard}.jsonl'),
  ],
  [
    ['prepare', 'a.log', '--train', 'x.csv', '--order', 'log', '--shard', 'auto/2'],
    ONE_FILE('--train', 'x.csv', 'x-{shard}.csv'),
  ],
  [
    ['prepare', 'a.log', '--train', '{shard}', '--json', 'x.json', '--order', 'log', '--shard', 'auto/2'],
    ONE_FILE('--json', 'x.json', 'x-{shard}.json'),
  ],
  [
    ['score', 'login.model', 'few.csv', '--out', 'x-{shard}'],
    '--out: expected --shard with {shard} in x-{shard}, got none. Add --shard, or choose another name.',
  ],
  [['prepare', 'a.log', '--train', 'x', '--order', 'time'], '--order: expected shuffled or log, got time.'],
  [
    ['transform', 'login.model', 'few.csv', '--shard', '3/2'],
    '--shard: expected a shard from 1 to 2, got 3 in "3/2". The first one is 1/2.',
  ],
];
for (const [args, message] of WRONG) {
  test(`${args.join(' ')}: ${message}`, () => {
    const { status, stdout, stderr } = run(args, { JOB_COMPLETION_INDEX: '0' });
    assert.deepEqual([status, stdout, stderr], [2, '', `ip-insights: ${message}\n`]);
  });
}
