import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { fileSizeBytes, inputName, readChunks, readFailure, readWholeFile } from './input.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ip-insights-input-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function readAll(path: string): Promise<{ text: string; compressedBytes: number }> {
  const parts: Uint8Array[] = [];
  let compressedBytes = 0;
  for await (const part of readChunks(path, (bytes) => (compressedBytes += bytes))) parts.push(part);
  return { text: Buffer.concat(parts).toString('latin1'), compressedBytes };
}

/** A large text that gzip cannot make small. */
const noise = Array.from({ length: 200_000 }, (_, i) => `${Math.imul(i, 0x9e3779b1) >>> 0}\n`).join('');

const FILES: [name: string, bytes: Uint8Array, text: string][] = [
  ['an empty file', new Uint8Array(0), ''],
  ['one byte', Uint8Array.of(97), 'a'],
  ['the first byte of gzip alone', Uint8Array.of(0x1f), '\x1f'],
  ['two bytes', Uint8Array.of(97, 98), 'ab'],
  ['a large text', Buffer.from(noise), noise],
  ['gzip', gzipSync('text'), 'text'],
  ['gzip of nothing', gzipSync(''), ''],
  ['a large gzip', gzipSync(noise), noise],
  [
    'several gzips in a row, as pigz and cat make them',
    Buffer.concat([gzipSync('a'), gzipSync(''), gzipSync(noise)]),
    `a${noise}`,
  ],
];
for (const [name, bytes, text] of FILES) {
  test(`reads ${name}, under any file name`, async () => {
    for (const file of ['input.csv', 'input.gz']) {
      const path = join(folder, file);
      writeFileSync(path, bytes);
      assert.deepEqual(await readAll(path), { text, compressedBytes: bytes.length });
      assert.equal(fileSizeBytes(path), bytes.length);
    }
  });

  test(`reads ${name} from standard input, byte by byte at first`, () => {
    const module = JSON.stringify(join(import.meta.dirname, 'input.js'));
    const code = `const { readChunks } = await import(${module});
      for await (const part of readChunks('-')) process.stdout.write(part);`;
    const path = join(folder, 'input');
    writeFileSync(path, bytes);
    const shell = '(head -c 1; sleep 0.05; cat) < "$2" | "$0" --input-type=module -e "$1"';
    const { stdout, stderr } = spawnSync('bash', ['-c', shell, process.execPath, code, path], {
      maxBuffer: 1 << 26,
    });
    assert.equal(stderr.toString(), '');
    assert.equal(stdout.toString('latin1'), text);
  });
}

test('gzip cut anywhere, changed or followed by something else is an error', async () => {
  const path = join(folder, 'log.gz');
  const whole = gzipSync(noise);
  const again = 'Copy or download it again.';
  const cut = `${path}: the gzip data ends in the middle (truncated file). ${again}`;
  const damaged = (why: string) => `${path}: the gzip data is damaged (${why}). ${again}`;
  const changed = Buffer.from(whole);
  changed[changed.length - 6] ^= 1;
  const table: [Uint8Array, string][] = [
    [whole.subarray(0, 2), cut],
    [whole.subarray(0, 9), cut],
    [whole.subarray(0, whole.length >> 1), cut],
    [whole.subarray(0, -1), cut],
    [Buffer.concat([whole, gzipSync('b').subarray(0, -1)]), cut],
    [changed, damaged('incorrect data check')],
    [Buffer.concat([whole, Buffer.from('more')]), damaged('incorrect header check')],
    [Uint8Array.of(0x1f, 0x8b, 7, 7), damaged('unknown compression method')],
  ];
  for (const [bytes, message] of table) {
    writeFileSync(path, bytes);
    await assert.rejects(readAll(path), { name: 'InputError', message });
  }
});

test('what cannot be read is told with the next step', async () => {
  const missing = join(folder, 'no.csv');
  const message = `${missing}: there is no such file. Check the name, or the folder that the command runs in.`;
  await assert.rejects(readAll(missing), { name: 'InputError', message });
  assert.throws(() => readWholeFile(missing), { name: 'InputError', message });
  assert.throws(() => fileSizeBytes(missing), { name: 'InputError', message });
  await assert.rejects(readAll(folder), {
    message: `${folder}: is a folder, expected a file. Name the files in it, e.g. ${folder}/*.csv.`,
  });
  const denied = (path: string) =>
    `${path}: no permission to read it. Change its permissions, or run as its owner.`;
  assert.equal(readFailure('a.csv', { code: 'EACCES' }).message, denied('a.csv'));
  if (process.getuid?.() !== 0) {
    const path = join(folder, 'secret');
    writeFileSync(path, '');
    chmodSync(path, 0);
    await assert.rejects(readAll(path), { message: denied(path) });
  }
});

test('a reader that stops early does not keep the file open', async () => {
  const path = join(folder, 'large.gz');
  writeFileSync(path, gzipSync(noise));
  for (const bytes of [gzipSync(noise), Buffer.from(noise)]) {
    writeFileSync(path, bytes);
    for await (const part of readChunks(path)) {
      assert.ok(part.length > 0);
      break;
    }
  }
});

test('standard input is called by name in messages, and has no size', () => {
  assert.equal(inputName('-'), 'standard input');
  assert.equal(inputName('a.csv'), 'a.csv');
  assert.equal(fileSizeBytes('-'), 0);
});
