/** Models in shards, as a user makes and uses them. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { plainEnvironment, runScript } from '../mpi/sampleRanks.ts';
import { sampleLogins } from './sampleLogins.ts';

const main = fileURLToPath(new URL('./main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sharded-'));
after(() => rmSync(folder, { recursive: true }));
const at = (...names: string[]) => join(folder, ...names);

writeFileSync(at('train.csv'), sampleLogins(5000, 1));
writeFileSync(
  at('providers.csv'),
  '10.0.0.0,10.0.255.255,1,One\n198.51.100.0,198.51.100.255,2,Two\n2001:db8::,2001:db8:ffff::,3,Three\n',
);

const BASE = ['--epochs', '2', '--vector-dim', '8', '--mini-batch-size', '500', '--seed', '7'];

function run(...args: string[]) {
  return spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: plainEnvironment(),
    maxBuffer: 1 << 26,
  });
}

function done(...args: string[]): string {
  const { status, stderr, stdout } = run(...args);
  assert.equal(status, 0, stderr);
  return stdout;
}

/** The files of a model in shards. */
const filesOf = (manifest: string, where = '') =>
  readdirSync(at(where)).filter((name) => name === manifest || name.startsWith(`${manifest}.`));

function sameFiles(manifest: string, one: string, other: string): void {
  assert.deepEqual(filesOf(manifest, one), filesOf(manifest, other));
  for (const name of filesOf(manifest, one)) {
    assert.ok(readFileSync(at(one, name)).equals(readFileSync(at(other, name))), name);
  }
}

const CASES: [name: string, ranks: number, shards: number, args: string[]][] = [
  ['with times, 3 ranks', 3, 3, []],
  ['in 8 bits, two shards a rank', 2, 4, ['--quantize']],
  ['with a table of providers and a half-life', 2, 2, ['--asn', 'providers.csv', '--half-life', '3']],
  ['with layers, in one process', 1, 5, ['--num-ip-encoder-layers', '1']],
  ['more shards than entity rows', 2, 50, ['--num-entity-vectors', '30']],
];

for (const [name, ranks, shards, args] of CASES) {
  test(`training in shards is training and splitting, and merged again the same file: ${name}`, async () => {
    const train = ['train', 'train.csv', ...BASE, ...args];
    done(...train, '--model', 'one.model');
    for (const where of ['trained', 'split']) mkdirSync(at(where));
    const sharded = [...train, '--sharded', '--shards', String(shards), '--model', 'trained/login.model'];
    const { status, stderr } = await (ranks === 1
      ? run(...sharded)
      : runScript(ranks, [main, ...sharded], { cwd: folder }));
    assert.equal(status, 0, stderr);
    done('split', 'one.model', '--shards', String(shards), '--out', 'split/login.model');
    assert.equal(filesOf('login.model', 'split').length, shards + 2);
    sameFiles('login.model', 'trained', 'split');
    done('merge', 'trained/login.model', '--out', 'merged.model');
    assert.ok(readFileSync(at('merged.model')).equals(readFileSync(at('one.model'))));
    for (const where of ['trained', 'split']) rmSync(at(where), { recursive: true });
  });
}

test('accounts and events that were added since are in the shards and in the file that they become', () => {
  done('train', 'train.csv', ...BASE, '--model', 'one.model');
  const later = ['newcomer,10.9.8.7', 'user_1,10.9.8.8', 'user_2,2001:db8:99::1', 'another,10.9.8.7'];
  writeFileSync(at('later.csv'), later.map((line) => `${line},1600000000\n`).join(''));
  done('update', 'one.model', 'later.csv', '--out', 'updated.model');
  done('split', 'updated.model', '--shards', '3', '--out', 'login.model');
  done('merge', 'login.model', '--out', 'merged.model');
  assert.ok(readFileSync(at('merged.model')).equals(readFileSync(at('updated.model'))));
});

test('a command without ranks takes the shards for one model', () => {
  done('split', 'one.model', '--shards', '3', '--out', 'login.model');
  const scores = (model: string) => done('score', model, 'train.csv');
  assert.equal(scores('login.model'), scores('one.model'));
});

test('a split that is killed leaves the older model whole, and the next one removes what it left', async () => {
  done('split', 'one.model', '--shards', '3', '--out', 'login.model');
  const before = new Set(filesOf('login.model'));
  const child = spawn(
    process.execPath,
    [main, 'split', 'one.model', '--shards', '500', '--out', 'login.model'],
    {
      cwd: folder,
      stdio: 'ignore',
    },
  );
  const ended = once(child, 'exit');
  while (!filesOf('login.model').some((name) => !before.has(name)) && child.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  child.kill('SIGKILL');
  assert.deepEqual(await ended, [null, 'SIGKILL']);
  assert.ok(filesOf('login.model').length > before.size);
  done('merge', 'login.model', '--out', 'merged.model');
  assert.ok(readFileSync(at('merged.model')).equals(readFileSync(at('one.model'))));
  done('split', 'one.model', '--shards', '4', '--out', 'login.model');
  assert.equal(filesOf('login.model').length, 4 + 2);
});

/** The model in two shards in a folder of its own. */
function damaged(): { where: string; manifest: string; files: string[] } {
  const where = mkdtempSync(at('damaged-'));
  done('split', 'one.model', '--shards', '2', '--out', join(where, 'login.model'));
  const files = readdirSync(where).sort();
  return { where, manifest: join(where, 'login.model'), files };
}

/** What is done to the files (manifest, first shard, second, base), and what `score` says then. */
const DAMAGES: [name: string, damage: (files: string[]) => void, message: (files: string[]) => string][] = [
  [
    'a missing shard',
    ([, , second]) => rmSync(second),
    ([manifest, , second]) =>
      `${manifest}: expected its shard 2 of 2 in ${second.split('/').at(-1)} beside it, but there is no such file. Copy all files of the model into one folder.`,
  ],
  [
    'a missing base',
    ([, , , base]) => rmSync(base),
    ([manifest, , , base]) =>
      `${manifest}: expected its base in ${base.split('/').at(-1)} beside it, but there is no such file. Copy all files of the model into one folder.`,
  ],
  [
    'a shard that is cut short',
    ([, , second]) => truncateSync(second, 1000),
    ([manifest, , second]) => `${second}: expected SIZE bytes, as ${manifest} lists, got 1000. AGAIN`,
  ],
  [
    'the other shard under its name',
    ([, first, second]) => {
      const size = readFileSync(second).length;
      copyFileSync(first, second);
      writeFileSync(second, Buffer.concat([readFileSync(first), Buffer.alloc(size)]).subarray(0, size));
    },
    ([manifest, , second]) =>
      `${second}: is of another model than ${manifest}, or damaged: its checksum is not the one that is listed there. AGAIN`,
  ],
  [
    'a byte of a shard changed',
    ([, first]) => {
      const bytes = readFileSync(first);
      bytes[bytes.length - 100] ^= 1;
      writeFileSync(first, bytes);
    },
    ([, first]) =>
      `${first}: its checksum does not match its content: the file was changed or damaged. AGAIN`,
  ],
  [
    'a manifest that is cut short',
    ([manifest]) => truncateSync(manifest, 100),
    ([manifest]) => `${manifest}: is cut short inside its header. AGAIN`,
  ],
  [
    'a manifest of a later version',
    ([manifest]) => {
      const bytes = readFileSync(manifest);
      bytes.writeUInt32LE(2, 8);
      writeFileSync(manifest, bytes);
    },
    ([manifest]) =>
      `${manifest}: written as v2, this build reads v1. Upgrade, or split the model or train again.`,
  ],
  [
    'a manifest that was changed',
    ([manifest]) => {
      const bytes = readFileSync(manifest);
      bytes[bytes.indexOf('"entities"') + 12] ^= 1;
      writeFileSync(manifest, bytes);
    },
    ([manifest]) =>
      `${manifest}: its checksum does not match its content: the file was changed or damaged. AGAIN`,
  ],
];

for (const [name, damage, message] of DAMAGES) {
  test(`${name} is refused by name`, () => {
    const { where, files } = damaged();
    const paths = files.map((file) => join(where, file));
    const [, first, second, base] = paths;
    const sizes = [first, second, base].map((file) => readFileSync(file).length);
    damage(paths);
    const { status, stderr } = run('score', paths[0], 'train.csv');
    assert.equal(status, 1);
    const expected = message(paths)
      .replace('SIZE', sizes[1].toLocaleString('en-US'))
      .replace('AGAIN', 'Copy it again, or split the model or train again.');
    assert.equal(stderr, `ip-insights: ${expected}\n`);
    rmSync(where, { recursive: true });
  });
}

/** Arguments, exit code and message. */
const REFUSALS: [args: string[], status: number, message: string][] = [
  [
    ['split', 'login.model', '--shards', '2', '--out', 'x.model'],
    1,
    'login.model: expected a model in one file, got one in shards. Make one first: ip-insights merge login.model --out FILE.',
  ],
  [
    ['merge', 'one.model', '--out', 'x.model'],
    1,
    'one.model: expected the manifest of a model in shards, got a model in one file. Use it as it is.',
  ],
  [
    ['update', 'login.model', 'train.csv'],
    1,
    'login.model: expected a model in one file, got one in shards. Update the file of ip-insights merge, then split that.',
  ],
  [
    ['split', 'one.model', '--shards', '1025', '--out', 'x.model'],
    2,
    '--shards: expected an integer from 1 to 1024, got "1025".',
  ],
  [
    ['split', 'one.model', '--shards', '2', '--out', 'one.model'],
    2,
    '--out: expected another file than the input, got "one.model" for both.',
  ],
  [
    ['train', 'train.csv', '--model', 'x.model', '--shards', '2'],
    2,
    '--shards: nothing says that the model is to be in shards. Add --sharded.',
  ],
];

for (const [args, expected, message] of REFUSALS) {
  test(`ip-insights ${args.join(' ')} is refused`, () => {
    const { status, stderr } = run(...args);
    assert.equal(stderr, `ip-insights: ${message}\n`);
    assert.equal(status, expected);
  });
}

test('through a link the shards lie beside the manifest that it leads to, and older ones go', () => {
  mkdirSync(at('link', 'there'), { recursive: true });
  done('train', 'train.csv', ...BASE, '--model', 'link/one.model');
  done('split', 'link/one.model', '--shards', '3', '--out', 'link/there/m.model');
  symlinkSync('there/m.model', at('link', 'current.model'));
  done('split', 'link/one.model', '--shards', '2', '--out', 'link/current.model');
  assert.deepEqual(filesOf('current.model', 'link'), ['current.model']);
  assert.equal(filesOf('m.model', 'link/there').length, 4);
  assert.equal(
    done('score', 'link/current.model', 'train.csv'),
    done('score', 'link/one.model', 'train.csv'),
  );
});

test('no output takes the place of a shard or base of its own model', () => {
  mkdirSync(at('own'));
  done('train', 'train.csv', ...BASE, '--model', 'own/m.model', '--sharded', '--shards', '2');
  const [, base, shard] = filesOf('m.model', 'own').sort((a, b) => a.length - b.length);
  for (const [file, args] of [
    [base, ['merge', 'own/m.model', '--out', `own/${base}`]],
    [shard, ['score', 'own/m.model', 'train.csv', '--out', `./own/${shard}`]],
  ] as const) {
    const before = readFileSync(at('own', file));
    const { status, stderr } = run(...args);
    assert.equal(status, 2, stderr);
    assert.equal(
      stderr,
      `ip-insights: --out: expected another file than the input, got "${args.at(-1)}" for both.\n`,
    );
    assert.ok(readFileSync(at('own', file)).equals(before));
  }
});

test('a shard or base in the place of the manifest is refused with what to name', () => {
  const [, base, shard] = filesOf('m.model', 'own').sort((a, b) => a.length - b.length);
  const next = 'Name its manifest, the file beside it whose name ends before the 16 digits.';
  for (const [file, what] of [
    [base, 'is the base of a model in shards.'],
    [shard, 'is one shard of a model.'],
  ]) {
    const { status, stderr } = run('score', `own/${file}`, 'train.csv');
    assert.deepEqual([status, stderr], [1, `ip-insights: own/${file}: ${what} ${next}\n`]);
  }
});

test('a model in one file in the place of a manifest: the shards go', () => {
  mkdirSync(at('place'));
  done('train', 'train.csv', ...BASE, '--model', 'place/m.model', '--sharded', '--shards', '2');
  done('train', 'train.csv', ...BASE, '--model', 'place/m.model');
  assert.deepEqual(filesOf('m.model', 'place'), ['m.model']);
});

test('shards that ranks cannot share out evenly are refused before the training', async () => {
  const { status, told } = await runScript(
    2,
    [main, 'train', 'train.csv', '--model', 'x.model', '--sharded', '--shards', '3'],
    { cwd: folder },
  );
  assert.equal(status, 2);
  assert.equal(told.length, 1);
  assert.match(told[0], /: --shards: expected a multiple of the 2 ranks from 2 to 1,024, got 3\.$/);
});
