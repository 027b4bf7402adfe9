import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { OpenFile } from './openFile.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-file-'));
after(() => rmSync(folder, { recursive: true }));

test('any piece can be read, also into shared memory', () => {
  const path = join(folder, 'ten');
  writeFileSync(
    path,
    Uint8Array.from({ length: 10 }, (_, i) => i),
  );
  const file = new OpenFile(path);
  assert.equal(file.sizeBytes, 10);
  assert.deepEqual([...file.piece(3, 4)], [3, 4, 5, 6]);
  assert.deepEqual([...file.piece(9, 1)], [9]);
  const words = new Uint32Array(new SharedArrayBuffer(16), 4, 2);
  file.fill(2, words);
  assert.deepEqual([...words], [0x05040302, 0x09080706]);
  file.close();
});

test('a file that gets shorter meanwhile is told of', () => {
  const path = join(folder, 'shrinking');
  writeFileSync(path, new Uint8Array(10));
  const file = new OpenFile(path);
  truncateSync(path, 6);
  assert.throws(() => file.piece(0, 10), {
    name: 'InputError',
    message: `${path}: ends at byte 6, it had 10 when it was opened. Somebody is changing it: copy it again.`,
  });
  file.close();
});

test('a folder is no file, and what is not there neither', () => {
  assert.throws(() => new OpenFile(folder), {
    name: 'InputError',
    message: `${folder}: expected a file, found a folder or device. Remove it or name another one.`,
  });
  assert.throws(() => new OpenFile(join(folder, 'none')), {
    name: 'InputError',
    message: `${join(folder, 'none')}: there is no such file. Check the name, or the folder that the command runs in.`,
  });
});
