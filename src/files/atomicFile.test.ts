import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { AtomicFile, renameTemporary, temporaryBeside, writeFailure, writeFileAtomic } from './atomicFile.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ip-insights-atomic-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const MODULE = join(import.meta.dirname, 'atomicFile.js');

/** Runs code in a process of its own, as it must be killed. */
function start(code: string) {
  const text = `const { AtomicFile, cleanUpOnSignals } = await import(${JSON.stringify(MODULE)});\n${code}`;
  return spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: ['ignore', 'pipe', 'pipe'] });
}

test('a file appears under its name on commit, with what was written, and nothing stays beside it', () => {
  const path = join(folder, 'a.model');
  const file = new AtomicFile(path);
  file.write(new TextEncoder().encode('new '));
  file.write(new TextEncoder().encode('content'));
  assert.ok(!existsSync(path));
  file.commit();
  file.abandon();
  assert.equal(readFileSync(path, 'utf8'), 'new content');
  assert.equal(file.sizeBytes, 11);
  assert.deepEqual(readdirSync(folder), ['a.model']);
});

test('what is abandoned leaves the old file, and nothing beside it', () => {
  const path = join(folder, 'a.model');
  writeFileSync(path, 'old');
  const file = new AtomicFile(path);
  file.write(new TextEncoder().encode('new'));
  file.abandon();
  file.abandon();
  assert.equal(readFileSync(path, 'utf8'), 'old');
  assert.deepEqual(readdirSync(folder), ['a.model']);
});

test('kill -9 in the middle of writing leaves the old file whole', async () => {
  const path = join(folder, 'a.model');
  writeFileSync(path, 'old');
  const child = start(`
    const file = new AtomicFile(${JSON.stringify(path)});
    for (let i = 0; ; i++) {
      file.write(new Uint8Array(65536));
      if (i === 20) process.stdout.write('writing');
    }`);
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(readFileSync(path, 'utf8'), 'old');
  writeFileAtomic(path, 'new');
  assert.equal(readFileSync(path, 'utf8'), 'new');
});

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  test(`${signal} removes what is half-written and ends with ${code}`, async () => {
    const path = join(folder, 'a.model');
    writeFileSync(path, 'old');
    const child = start(`
      cleanUpOnSignals();
      new AtomicFile(${JSON.stringify(path)}).write(new Uint8Array(100));
      setInterval(() => {}, 1000);
      process.stdout.write('writing');`);
    let said = '';
    child.stderr.on('data', (text) => {
      said += text;
    });
    await once(child.stdout, 'data');
    child.kill(signal);
    const [status] = await once(child, 'close');
    assert.equal(status, code);
    assert.equal(said, `\nstopped by ${signal}: what was being written is removed, older files are whole\n`);
    assert.deepEqual(readdirSync(folder), ['a.model']);
    assert.equal(readFileSync(path, 'utf8'), 'old');
  });
}

test('a missing folder, a file for a folder, a folder for a file and an endless name are told before any work', () => {
  writeFileSync(join(folder, 'file'), '');
  mkdirSync(join(folder, 'models'));
  const table: [path: string, sentence: string][] = [
    [join(folder, 'no/a'), `there is no folder ${folder}/no. Create it with "mkdir -p ${folder}/no".`],
    [join(folder, 'file/a'), `there is no folder ${folder}/file. Create it with "mkdir -p ${folder}/file".`],
    [join(folder, 'models'), 'it is a folder. Name a file.'],
  ];
  for (const [path, sentence] of table) {
    assert.throws(() => new AtomicFile(path), {
      name: 'InputError',
      message: `${path}: cannot be written, ${sentence}`,
    });
  }
  const long = join(folder, 'x'.repeat(256));
  assert.throws(() => writeFileAtomic(long, ''), {
    message: `${long}: cannot be written, the name is too long. Choose a shorter one.`,
  });
  assert.deepEqual(readdirSync(folder).sort(), ['file', 'models']);
});

test('a name that just fits the file system fits here too', () => {
  for (const name of ['x'.repeat(255), '€'.repeat(85)]) {
    writeFileAtomic(join(folder, name), 'new');
    assert.equal(readFileSync(join(folder, name), 'utf8'), 'new');
  }
});

test('no permission is told with the place', (t) => {
  if (process.getuid?.() !== 0) {
    chmodSync(folder, 0o500);
    t.after(() => chmodSync(folder, 0o700));
    assert.throws(() => new AtomicFile(join(folder, 'a')), { message: denied(join(folder, 'a'), folder) });
  } else {
    // Nothing is forbidden to root: the sentence alone.
    const { message } = writeFailure('/etc/a', { code: 'EACCES' });
    assert.equal(message, denied('/etc/a', '/etc'));
  }
});

const denied = (path: string, place: string) =>
  `${path}: cannot be written, no permission in ${place}. Choose another place, or change the permissions.`;

test('a full disk is told as such', () => {
  const file = new AtomicFile('/dev/full');
  assert.throws(() => file.write(new Uint8Array(1)), {
    name: 'InputError',
    message:
      '/dev/full: cannot be written, the disk is full. Free some space in /dev, then run this again; an older file of that name is whole.',
  });
});

test('a disk that fills up in the middle leaves the old file whole and nothing beside it', () => {
  const path = join(folder, 'a.model');
  writeFileSync(path, 'old');
  // A limit on the size of files stands in for the end of the disk; it needs no rights.
  const code = `const { AtomicFile } = await import(${JSON.stringify(MODULE)});
    process.on('SIGXFSZ', () => {});
    const file = new AtomicFile(${JSON.stringify(path)});
    try {
      for (let i = 0; i < 100; i++) file.write(new Uint8Array(65536));
      file.commit();
    } catch (error) { process.stdout.write(error.code ?? error.message); }`;
  const shell = 'ulimit -f 512; exec "$0" --input-type=module -e "$1"';
  const { stdout } = spawnSync('bash', ['-c', shell, process.execPath, code], { encoding: 'utf8' });
  assert.equal(
    stdout,
    `${path}: cannot be written, files here may not grow this large (ulimit -f, or the limit of the file system).`,
  );
  assert.deepEqual(readdirSync(folder), ['a.model']);
  assert.equal(readFileSync(path, 'utf8'), 'old');
});

test('devices are written into, not replaced', () => {
  writeFileAtomic('/dev/null', 'gone');
  const temporary = temporaryBeside('/dev/null');
  writeFileSync(temporary, 'gone too');
  renameTemporary(temporary, '/dev/null');
  assert.ok(statSync('/dev/null').isCharacterDevice());
  assert.ok(!existsSync(temporary));
});

for (const way of ['as it is written', 'when it is finished']) {
  test(`a named pipe gets the bytes ${way}`, async () => {
    const path = join(folder, 'pipe');
    assert.equal(spawnSync('mkfifo', [path]).status, 0);
    // A process of its own that needs nothing of this one, which blocks while it writes.
    const copy = join(folder, 'copy');
    const reader = spawn('sh', ['-c', 'cat "$0" > "$1"', path, copy], { stdio: 'ignore' });
    // Larger than what a pipe holds (64 KiB).
    const content = new Uint8Array(300_000).fill(7);
    if (way === 'as it is written') {
      writeFileAtomic(path, content);
    } else {
      const temporary = temporaryBeside(path);
      writeFileSync(temporary, content);
      renameTemporary(temporary, path);
    }
    await once(reader, 'close');
    assert.deepEqual(new Uint8Array(readFileSync(copy)), content);
    assert.ok(lstatSync(path).isFIFO());
  });
}

test('a reader that goes away is told as such', async () => {
  const path = join(folder, 'pipe');
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  const reader = spawn('head', ['-c', '1', path], { stdio: 'ignore' });
  const file = new AtomicFile(path);
  file.write(new Uint8Array(1));
  await once(reader, 'exit');
  assert.throws(() => file.write(new Uint8Array(1)), {
    name: 'InputError',
    message: `${path}: cannot be written, its reader went away before the end.`,
  });
});

test('a link is followed, and permissions of the old file are kept', () => {
  const path = join(folder, 'a.model');
  const link = join(folder, 'current.model');
  writeFileSync(path, 'old');
  chmodSync(path, 0o640);
  symlinkSync('a.model', link);
  writeFileAtomic(link, 'new');
  assert.ok(lstatSync(link).isSymbolicLink());
  assert.equal(readFileSync(path, 'utf8'), 'new');
  assert.equal(statSync(path).mode & 0o777, 0o640);
  assert.deepEqual(readdirSync(folder).sort(), ['a.model', 'current.model']);
});
