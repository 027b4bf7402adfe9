/** `mpirun … ip-insights train` as a user runs it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
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
import { gzipSync } from 'node:zlib';
import { plainEnvironment, runScript } from '../mpi/sampleRanks.ts';
import { sampleLogins } from './sampleLogins.ts';

const main = fileURLToPath(new URL('./main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'ranks-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const LINES = sampleLogins(6000, 1).trimEnd().split('\n');
const textOf = (lines: string[]) => `${lines.join('\n')}\n`;
writeFileSync(at('train.csv'), textOf(LINES));
writeFileSync(at('later.csv'), sampleLogins(500, 4));
writeFileSync(at('untimed.csv'), textOf(LINES.map((line) => line.split(',').slice(0, 2).join(','))));
writeFileSync(at('head.csv'), `user,ip,time\n${textOf(LINES.slice(0, 2000))}`);
writeFileSync(at('middle.csv.gz'), gzipSync(textOf(LINES.slice(2000, 2500))));
writeFileSync(at('tail.csv'), `user,ip,time\n${textOf(LINES.slice(2500))}`);
writeFileSync(at('one.csv'), 'ann,10.0.0.1\n');
writeFileSync(at('none.csv'), '');
writeFileSync(
  at('ahead.csv'),
  'newcomer,10.0.0.1,2100-01-01T00:00:00Z\nuser_1,10.0.0.2,2018-11-10T00:00:00Z\n',
);
assert.equal(spawnSync('mkfifo', [at('pipe.csv')]).status, 0);

const BASE = ['--epochs', '2', '--vector-dim', '8', '--mini-batch-size', '500', '--seed', '7'];

function trainAlone(model: string, ...args: string[]): string {
  const { status, stderr } = spawnSync(process.execPath, [main, 'train', ...args, '--model', model], {
    cwd: folder,
    encoding: 'utf8',
    env: plainEnvironment(),
  });
  assert.equal(status, 0, stderr);
  return stderr;
}

const trainOnRanks = (size: number, model: string, ...args: string[]) =>
  runScript(size, [main, 'train', ...args, '--model', model], { cwd: folder });

/** Lines that tell no times and rates. */
const steady = (stderr: string) =>
  stderr
    .split('\n')
    .filter((line) => !/trained in|of [\d,]+ pairs|thread|^reading /.test(line))
    .map((line) => line.replace(/ \([\d.]+ s\)$/, ''));

const CASES: [name: string, sizes: number[], args: string[]][] = [
  [
    'with times, validation and a threshold',
    [2, 3],
    ['train.csv', '--validation', 'later.csv', '--max-fpr', '0.02'],
  ],
  ['three files, one of them gzip, two with header rows', [2, 5], ['head.csv', 'middle.csv.gz', 'tail.csv']],
  ['without times, in 8 bits', [3], ['untimed.csv', '--quantize']],
  ['with layers and a half-life', [2], ['train.csv', '--num-ip-encoder-layers', '2', '--half-life', '3']],
  ['more ranks than events', [3], ['one.csv']],
  ['an account whose only event lies in the future', [2, 3], ['train.csv', 'ahead.csv']],
];

for (const [name, sizes, args] of CASES) {
  test(`the model is the same, byte for byte, whatever the number of ranks: ${name}`, async () => {
    const told = trainAlone('alone.model', ...args, ...BASE);
    const expected = readFileSync(at('alone.model'));
    for (const size of sizes) {
      const { status, stderr } = await trainOnRanks(size, 'ranks.model', ...args, ...BASE);
      assert.equal(status, 0, stderr);
      assert.ok(readFileSync(at('ranks.model')).equals(expected), `${size} ranks`);
      // Once, and not by every rank.
      assert.deepEqual(
        steady(stderr),
        steady(told).map((line) => line.replace('alone.model', 'ranks.model')),
      );
      rmSync(at('ranks.model'));
    }
  });
}

const HOST = hostname();

const FAULTS: [name: string, args: string[], status: number, message: string | RegExp][] = [
  [
    'a bad line',
    ['bad.csv'],
    1,
    `rank 1 (${HOST}): bad.csv:6001: expected an IP address in field 2, got "nowhere": it is not an IP address. Skip such lines with --on-bad-line=skip.`,
  ],
  [
    'a missing file',
    ['nothing.csv'],
    1,
    `rank 0 (${HOST}): nothing.csv: there is no such file. Check the name, or the folder that the command runs in.`,
  ],
  [
    'an empty file',
    ['none.csv'],
    1,
    `rank 0 (${HOST}): none.csv: expected events (entity,address[,time]), but it is empty.`,
  ],
  [
    'standard input',
    ['-'],
    2,
    `rank 0 (${HOST}): several ranks: expected files, got standard input, of which each rank has another one. Write it to a file that all ranks can read.`,
  ],
  [
    'a pipe',
    ['train.csv', 'pipe.csv'],
    1,
    `rank 0 (${HOST}): pipe.csv: expected a file for several ranks, got a pipe or device, of which each rank has another one. Write it to a file that all ranks can read.`,
  ],
  [
    'wrong usage',
    ['train.csv', '--epochs', '0'],
    2,
    `rank 0 (${HOST}): --epochs: expected an integer of at least 1, got 0.`,
  ],
  [
    'a loss that is no number',
    ['train.csv', '--learning-rate', '10', '--weight-decay', '10', '--num-ip-encoder-layers', '100'],
    1,
    /^rank 0 \(.*\): epoch \d+, batch \d+: loss is (NaN|Infinity)\. Lower --learning-rate \(now 10\)\.$/,
  ],
];

for (const [name, args, expected, message] of FAULTS) {
  test(`${name}: one message with rank and host, exit code ${expected}, and the older model stays`, async () => {
    writeFileSync(at('bad.csv'), `${textOf(LINES)}ann,nowhere\n`);
    writeFileSync(at('old.model'), 'old');
    const { status, stderr, told } = await trainOnRanks(2, 'old.model', ...BASE, ...args);
    assert.equal(status, expected, stderr);
    assert.equal(told.length, 1, stderr);
    if (typeof message === 'string') assert.equal(told[0], message);
    else assert.match(told[0], message);
    assert.equal(readFileSync(at('old.model'), 'utf8'), 'old');
    assert.deepEqual(
      readdirSync(folder).filter((file) => /part|tmp/.test(file)),
      [],
    );
  });
}

const TABLE = '1.0.0.0,1.0.0.255,13335,Cloudflare\n10.0.0.0,10.255.255.255,1,Own\n';
const DIFFERENT: [name: string, args: string[], file: string, content: string, said: RegExp][] = [
  [
    'of another size',
    [],
    'train.csv',
    textOf(LINES.slice(1)),
    /"[\d,]+ bytes, .*" on rank 0 .* and "[\d,]+ bytes, /,
  ],
  [
    'of the same size with other bytes',
    [],
    'train.csv',
    textOf([`${LINES[0].slice(0, -1)}x`, ...LINES.slice(1)]),
    /SHA-256 of samples [0-9a-f]{16}" on rank 0 .* and ".*SHA-256 of samples [0-9a-f]{16}" on rank 1/,
  ],
  ['for validation', ['--validation', 'later.csv'], 'later.csv', sampleLogins(500, 5), /bytes, /],
  [
    'of providers',
    ['--asn', 'asn.csv'],
    'asn.csv',
    TABLE.replace('13335', '13336'),
    /got "[0-9a-f]{64}" on rank 0/,
  ],
];

for (const [name, args, file, content, said] of DIFFERENT) {
  test(`a file ${name} on one rank ends the job before anything is learned, and is named`, async () => {
    const own = at('own');
    mkdirSync(own);
    writeFileSync(at('asn.csv'), TABLE);
    for (const one of ['train.csv', 'later.csv', 'asn.csv']) copyFileSync(at(one), join(own, one));
    writeFileSync(join(own, file), content);
    const script = at('elsewhere.sh');
    writeFileSync(
      script,
      `#!/bin/sh\n[ $OMPI_COMM_WORLD_RANK = 0 ] || cd own\nexec ${process.execPath} "$@"\n`,
    );
    chmodSync(script, 0o755);
    const command = [main, 'train', 'train.csv', '--model', at('x.model'), ...BASE, ...args];
    const { status, stderr, told } = await runScript(2, command, { cwd: folder, program: script });
    assert.equal(status, 1, stderr);
    assert.equal(told.length, 1, stderr);
    assert.match(told[0], said);
    assert.ok(
      told[0].startsWith(`rank 0 (${HOST}): ${file}: expected the same on all ranks, got `) &&
        told[0].endsWith('. Put it where all ranks share it, or copy it to each again.'),
      told[0],
    );
    assert.equal(existsSync(at('x.model')), false);
    rmSync(own, { recursive: true });
  });
}

test('a file that grows while ranks read it ends the job: their parts would be of different files', async () => {
  const growing = at('growing.csv');
  writeFileSync(growing, textOf(LINES));
  const script = at('grow.sh');
  writeFileSync(script, `#!/bin/sh\nexec ${process.execPath} --import ${at('grow.mjs')} "$@"\n`);
  chmodSync(script, 0o755);
  writeFileSync(
    at('grow.mjs'),
    `import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const open = fs.createReadStream;
let hasGrown = process.env.OMPI_COMM_WORLD_RANK !== '1';
fs.createReadStream = (path, ...rest) => {
  if (!hasGrown) fs.appendFileSync(path, 'ann,10.0.0.1,2018-11-01T00:00:00Z\\n');
  hasGrown = true;
  return open(path, ...rest);
};
syncBuiltinESMExports();
`,
  );
  const command = [main, 'train', growing, '--model', at('x.model'), ...BASE];
  const { status, told, stderr } = await runScript(2, command, { cwd: folder, program: script });
  assert.equal(status, 1, stderr);
  assert.equal(told.length, 1, stderr);
  assert.match(
    told[0],
    /^rank [01] \(.*\): .*growing\.csv: expected a file that stays as it is, but it was written to while it was read\. Wait until it is complete, then run this again\.$/,
  );
});

/** A job whose ranks have commands of their own, as mpirun starts them with ` : ` between. */
function runEach(...commands: string[][]) {
  const script = at('each.sh');
  const cases = commands.map((args, rank) => `${rank}) exec "$0" ${[main, ...args].join(' ')};;`);
  writeFileSync(
    script,
    `#!/bin/sh\nset -- '${process.execPath}'\nexec sh -c 'case $OMPI_COMM_WORLD_RANK in ${cases.join(' ')} esac' "$1"\n`,
  );
  chmodSync(script, 0o755);
  return runScript(commands.length, [], { cwd: folder, program: script });
}

const QUICK = ['train', 'train.csv', '--model', 'x.model', '--seed', '7', '--epochs'];
const ALIKE = 'Start every rank with the same version, command and options.';
const DIFFERING: [name: string, other: string[], status: number, said: string][] = [
  [
    'options',
    [...QUICK, '3'],
    1,
    `rank 0 (${HOST}): --epochs: expected the same on all ranks, got "2" on rank 0 (${HOST}) and "3" on rank 1 (${HOST}). ${ALIKE}`,
  ],
  [
    'commands',
    ['score', 'x.model', 'train.csv'],
    1,
    `rank 0 (${HOST}): command: expected the same on all ranks, got "train" on rank 0 (${HOST}) and "score" on rank 1 (${HOST}). ${ALIKE}`,
  ],
  [
    'an option that there is not',
    [...QUICK, '2', '--bogus'],
    2,
    `rank 1 (${HOST}): error: unknown option '--bogus'`,
  ],
  [
    'wrong usage of a command',
    ['score', 'x.model', 'train.csv', '--on-bad-line', 'stop'],
    2,
    `ip-insights: rank 1 (${HOST}): --on-bad-line: expected error or skip, got "stop".`,
  ],
];

for (const [name, other, expected, said] of DIFFERING) {
  test(`${name} of one rank end the job before anything is read, and are named with it`, async () => {
    const { status, stderr } = await runEach([...QUICK, '2'], other);
    assert.equal(status, expected, stderr);
    assert.deepEqual(
      stderr.split('\n').filter((line) => /rank \d/.test(line)),
      [said],
    );
    assert.equal(existsSync(at('x.model')), false);
  });
}

test('wrong usage of all ranks is told once', async () => {
  const { status, stderr } = await trainOnRanks(2, 'x.model', 'train.csv', '--bogus');
  assert.equal(status, 2);
  assert.match(stderr, /^rank 0 \(.*\): error: unknown option '--bogus'\n\(--help says how to use it\)\s*$/);
});

test('how many threads a rank has is its own business', async () => {
  writeFileSync(at('larger.csv'), sampleLogins(15_000, 2));
  // With these, one thread makes two mini-batches at once, and three make three.
  const args = 'larger.csv --epochs 1 --vector-dim 8 --mini-batch-size 5000 --seed 7'.split(' ');
  trainAlone('alone.model', ...args);
  const command = (threads: string) => ['train', ...args, '--threads', threads, '--model', 'ranks.model'];
  const { status, stderr } = await runEach(command('1'), command('3'));
  assert.equal(status, 0, stderr);
  assert.ok(readFileSync(at('ranks.model')).equals(readFileSync(at('alone.model'))));
});
