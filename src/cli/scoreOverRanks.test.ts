/** `mpirun … ip-insights score` and `transform` with a model in shards, as a user runs them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { plainEnvironment, runScript } from '../mpi/sampleRanks.ts';
import { sampleLogins } from './sampleLogins.ts';

const main = fileURLToPath(new URL('./main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'score-ranks-'));
after(() => rmSync(folder, { recursive: true }));
const at = (...names: string[]) => join(folder, ...names);
const HOST = hostname();

function alone(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: plainEnvironment(),
    maxBuffer: 1 << 28,
  });
  assert.equal(status, 0, stderr);
  return { stdout, stderr };
}

const onRanks = (size: number, ...args: string[]) => runScript(size, [main, ...args], { cwd: folder });

const LOGINS = sampleLogins(6000, 4);
const STRANGERS = 'stranger,10.0.0.1\n"a, ""quoted""\nname",2001:db8::1\nünïcode,198.51.100.1,1541289600\n';
writeFileSync(at('train.csv'), sampleLogins(4000, 1));
writeFileSync(at('events.csv'), `user,ip,time\n${LOGINS}${STRANGERS}`);
writeFileSync(at('events.csv.gz'), gzipSync(LOGINS));
writeFileSync(at('one.csv'), 'user_1,10.0.0.1\n');
writeFileSync(at('none.csv'), '');
writeFileSync(at('bad.csv'), `${LOGINS}user_1,nowhere\n`);
writeFileSync(at('requests.csv'), LOGINS.replace(/,\d+$/gm, ''));
writeFileSync(
  at('requests.jsonl'),
  Array.from(
    { length: 500 },
    (_, i) => `{"features":["user_${i % 160}","10.${i % 50}.0.${i % 250}"]}\n`,
  ).join(''),
);
alone(
  ...['train', 'train.csv', '--model', 'one.model', '--epochs', '2', '--vector-dim', '8'],
  ...['--mini-batch-size', '500', '--max-fpr', '0.05'],
);
alone('split', 'one.model', '--shards', '4', '--out', 'login.model');
alone('merge', 'login.model', '--out', 'merged.model');

/** What `score` says at its end: the last line of standard error. */
const said = (stderr: string) => stderr.trimEnd().split('\n').at(-1);

const SCORED: [name: string, sizes: number[], args: string[]][] = [
  ['quoted names, strangers and a header row', [2, 3, 4], ['events.csv']],
  ['without reasons', [2], ['events.csv', '--no-reasons']],
  ['only what is flagged, by a threshold', [3], ['events.csv', '--only-flagged', '--threshold', '1']],
  ['gzip, which one rank reads', [2], ['events.csv.gz']],
  ['one event for three ranks', [3], ['one.csv']],
  ['no event', [2], ['none.csv']],
  ['bad lines left out', [2], ['bad.csv', '--on-bad-line', 'skip']],
];

for (const [name, sizes, args] of SCORED) {
  test(`scores over ranks are those of one process with the merged model, byte for byte: ${name}`, async () => {
    const expected = alone('score', 'merged.model', ...args);
    for (const size of sizes) {
      const { status, stdout, stderr } = await onRanks(size, 'score', 'login.model', ...args);
      assert.equal(status, 0, stderr);
      assert.ok(stdout === expected.stdout, `${size} ranks`);
      assert.equal(said(stderr), said(expected.stderr));
    }
  });
}

test('scores over ranks go into a file, compressed where its name says so', async () => {
  const expected = alone('score', 'one.model', 'events.csv').stdout;
  for (const out of ['scores.jsonl', 'scores.jsonl.gz']) {
    const { status, stderr } = await onRanks(3, 'score', 'login.model', 'events.csv', '--out', out);
    assert.equal(status, 0, stderr);
    const bytes = readFileSync(at(out));
    assert.equal((out.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString(), expected);
  }
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.part')),
    [],
  );
});

for (const accept of [
  'application/jsonlines',
  'application/jsonlines;verbose=True',
  'application/json;detail=full',
]) {
  test(`transform over ranks answers as one process does, byte for byte: ${accept}`, async () => {
    const args = [
      'requests.csv',
      'requests.jsonl',
      'none.csv',
      '--accept',
      accept,
      '--strategy',
      'SingleRecord',
    ];
    alone('transform', 'merged.model', ...args, '--out', 'alone');
    for (const size of [2, 3]) {
      const { status, stderr } = await onRanks(size, 'transform', 'login.model', ...args, '--out', 'ranks');
      assert.equal(status, 0, stderr);
      assert.equal(said(stderr), '3 files: 6,500 records, 0 bad');
      assert.deepEqual(readdirSync(at('ranks')), readdirSync(at('alone')));
      for (const name of readdirSync(at('alone'))) {
        assert.ok(readFileSync(at('ranks', name)).equals(readFileSync(at('alone', name))), name);
      }
      rmSync(at('ranks'), { recursive: true });
    }
    rmSync(at('alone'), { recursive: true });
  });
}

test('a file with a bad record has no output over ranks either, while others have', async () => {
  mkdirSync(at('some'));
  const args = ['transform', 'login.model', 'bad.csv', 'requests.csv', '--out', 'some'];
  const { status, stderr } = await onRanks(2, ...args);
  assert.equal(status, 1);
  assert.ok(
    stderr.includes(
      `rank 0 (${HOST}): transform: 1 of 2 files failed and has no output.\n  bad.csv:6001: expected an IP address in field 2, got "nowhere": it is not an IP address. Mend it, or have what is wrong in the record's place with --on-bad-record=mark.\nMend them, then give the same command again.\n`,
    ),
    stderr,
  );
  assert.deepEqual(readdirSync(at('some')), ['requests.csv.out']);
  const marked = await onRanks(2, ...args, '--on-bad-record', 'mark');
  assert.equal(marked.status, 0, marked.stderr);
  alone('transform', 'one.model', 'bad.csv', '--out', 'alone', '--on-bad-record', 'mark');
  assert.ok(readFileSync(at('some', 'bad.csv.out')).equals(readFileSync(at('alone', 'bad.csv.out'))));
});

const FAULTS: [args: string[], status: number, message: string][] = [
  [
    ['score', 'one.model', 'events.csv'],
    2,
    'one.model: expected a model in shards with several ranks, got one in one file. Cut it with ip-insights split, or start without mpirun: --shard shares an input out.',
  ],
  [
    ['score', 'nothing.model', 'events.csv'],
    1,
    'nothing.model: there is no such file. Check the name, or the folder that the command runs in.',
  ],
  [
    ['score', 'train.csv', 'events.csv'],
    1,
    'train.csv: is not a model of ip-insights: it does not start with "IPINSGHT". Train one: ip-insights train.',
  ],
  [
    ['score', 'login.model', '-'],
    2,
    'several ranks: expected files, got standard input, of which each rank has another one. Write it to a file that all ranks can read.',
  ],
  [
    ['transform', 'login.model', '-'],
    2,
    'several ranks: expected files, got standard input, of which each rank has another one. Write it to a file that all ranks can read.',
  ],
  [
    ['transform', 'login.model', 'requests.csv', '--accept', 'application/json'],
    2,
    '2 ranks: expected an answer for each record, got one for each mini-batch, and those end elsewhere in a part of a file. Add --strategy SingleRecord, or --accept application/jsonlines.',
  ],
];

for (const [args, expected, message] of FAULTS) {
  test(`ip-insights ${args.join(' ')} over ranks is refused, once`, async () => {
    const { status, told, stderr } = await onRanks(2, ...args);
    assert.equal(status, expected, stderr);
    assert.deepEqual(told, [`rank 0 (${HOST}): ${message}`]);
  });
}

for (const [command, file] of [
  ['score', 'events.csv'],
  ['transform', 'requests.csv'],
]) {
  test(`${command}: a file that is another one for some rank is refused before anything is answered`, async () => {
    mkdirSync(at('own'));
    for (const name of readdirSync(folder).filter((name) => name.startsWith('login.model')))
      copyFileSync(at(name), at(`own/${name}`));
    writeFileSync(at(`own/${file}`), readFileSync(at(file)).subarray(0, -20));
    const script = at('elsewhere.sh');
    writeFileSync(
      script,
      `#!/bin/sh\n[ $OMPI_COMM_WORLD_RANK = 0 ] || cd own\nexec ${process.execPath} "$@"\n`,
      { mode: 0o755 },
    );
    const { status, told, stderr } = await runScript(2, [main, command, 'login.model', file], {
      cwd: folder,
      program: script,
    });
    rmSync(at('own'), { recursive: true });
    assert.equal(status, 1, stderr);
    assert.equal(told.length, 1, stderr);
    assert.match(
      told[0],
      /^rank 0 \(.*\): (events|requests)\.csv: expected the same on all ranks, got "[\d,]+ bytes, .*" on rank 0 .* and "[\d,]+ bytes, .*" on rank 1 .*\. Put it where all ranks share it, or copy it to each again\.$/,
    );
  });
}

test('a bad line over ranks: one message with its line in the file, and the older scores stay', async () => {
  writeFileSync(at('old.jsonl'), 'old');
  const { status, told } = await onRanks(2, 'score', 'login.model', 'bad.csv', '--out', 'old.jsonl');
  assert.equal(status, 1);
  assert.deepEqual(told, [
    `rank 1 (${HOST}): bad.csv:6001: expected an IP address in field 2, got "nowhere": it is not an IP address. Skip such lines with --on-bad-line=skip.`,
  ]);
  assert.equal(readFileSync(at('old.jsonl'), 'utf8'), 'old');
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.part')),
    [],
  );
});

test('evaluate over ranks finds what one process finds with the merged model', async () => {
  const args = ['--train', 'train.csv', '--test', 'events.csv', '--sample', '500'];
  const figures = (text: string) => {
    const parsed = JSON.parse(text);
    delete parsed.inputs.model;
    return parsed;
  };
  const expected = alone('evaluate', 'merged.model', ...args);
  for (const size of [2, 4]) {
    const { status, stdout, stderr } = await onRanks(size, 'evaluate', 'login.model', ...args);
    assert.equal(status, 0, stderr);
    assert.deepEqual(figures(stdout), figures(expected.stdout));
    assert.equal(said(stderr), said(expected.stderr));
  }
});

test('what is wrong for evaluate is told by the first rank, and ends the others', async () => {
  const { status, told } = await onRanks(2, 'evaluate', 'login.model', '--train', 'no.csv', '--test', 'x');
  assert.equal(status, 1);
  assert.deepEqual(told, [
    `rank 0 (${HOST}): no.csv: there is no such file. Check the name, or the folder that the command runs in.`,
  ]);
});

/** Commands for one process, and what is said of them. */
const FOR_ONE: [args: string[], otherwise: string][] = [
  [['prepare', 'events.csv', '--train', 'x.csv', '--test', 'y.csv'], ', or share the input out with --shard'],
  [['serve', 'one.model'], ''],
  [['merge', 'login.model', '--out', 'x.model'], ''],
  [['simulate', '--out', 'x.log'], ''],
];

for (const [args, otherwise] of FOR_ONE) {
  test(`${args[0]} over ranks is refused, once, before it does anything`, async () => {
    const { status, told } = await onRanks(2, ...args);
    assert.equal(status, 2);
    assert.deepEqual(told, [
      `rank 0 (${HOST}): ${args[0]}: expected one process, got 2 ranks, which would all do the same. Start it without mpirun or srun${otherwise}; train, score, transform and evaluate work over ranks.`,
    ]);
    assert.deepEqual(
      readdirSync(folder).filter((name) => /^[xy]\./.test(name)),
      [],
    );
  });
}

test('tasks of srun that cannot find each other are refused where they would all do the same', () => {
  const env = { ...plainEnvironment(), SLURM_STEP_NUM_TASKS: '2', SLURM_PROCID: '1', SLURM_NTASKS: '2' };
  const started = (...args: string[]) =>
    spawnSync(process.execPath, [main, ...args], { cwd: folder, encoding: 'utf8', env });
  const { status, stderr } = started('simulate', '--out', 'x.log');
  assert.equal(status, 2);
  assert.equal(
    stderr,
    'ip-insights: simulate: expected one process, got several, which would all do the same. Start it without mpirun or srun; train, score, transform and evaluate work over ranks.\n',
  );
  // A task of --shard auto works by itself.
  const scored = started(
    'score',
    'one.model',
    'events.csv',
    '--shard',
    'auto',
    '--out',
    'task-{shard}.jsonl',
  );
  assert.equal(scored.status, 0, scored.stderr);
  assert.ok(readdirSync(folder).includes('task-00002-of-00002.jsonl'));
});

test('more ranks than shards are refused', async () => {
  const { status, told } = await onRanks(5, 'score', 'login.model', 'events.csv');
  assert.equal(status, 2);
  assert.deepEqual(told, [
    `rank 0 (${HOST}): login.model: expected at least a shard for each of the 5 ranks, got 4 shards. Start fewer ranks, or split the model into more.`,
  ]);
});

test('with --shard, each its own, ranks are tasks that know nothing of each other, and one file will do', async () => {
  const command = [
    '-c',
    `exec ${process.execPath} ${main} score one.model events.csv --shard $((OMPI_COMM_WORLD_RANK + 1))/2 --out 'task-{shard}.jsonl'`,
  ];
  const { status, stderr } = await runScript(2, command, { cwd: folder, program: 'bash' });
  assert.equal(status, 0, stderr);
  const parts = ['task-00001-of-00002.jsonl', 'task-00002-of-00002.jsonl'].map((name) =>
    readFileSync(at(name)),
  );
  assert.equal(Buffer.concat(parts).toString(), alone('score', 'one.model', 'events.csv').stdout);
});

test('the same share for all ranks is refused: each would write the same', async () => {
  const { status, stderr } = await onRanks(2, 'score', 'one.model', 'events.csv', '--shard', '1/2');
  assert.equal(status, 2);
  assert.match(
    stderr,
    /^ip-insights: --shard 1\/2: expected 2\/2, as mpirun started this as rank 1 of 2, got shard 1 of 2\. Start each task without mpirun, or set IP_INSIGHTS_MPI=off\.$/m,
  );
});

test('what killed ranks have left beside an output is removed by the next run', async () => {
  // A number that no process has: more than Linux gives.
  writeFileSync(at('.again.jsonl.99999999-0123abcd.part'), 'left');
  const { status, stderr } = await onRanks(2, 'score', 'login.model', 'events.csv', '--out', 'again.jsonl');
  assert.equal(status, 0, stderr);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.part')),
    [],
  );
  assert.equal(readFileSync(at('again.jsonl'), 'utf8'), alone('score', 'merged.model', 'events.csv').stdout);
});
