/** `ip-insights train --quantize` as a user runs it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { headerOf } from '../model/sampleModelFile.ts';
import { sampleLogins } from './sampleLogins.ts';

const main = fileURLToPath(new URL('./main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'quantize-'));
after(() => rmSync(folder, { recursive: true }));

const run = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return { stdout, stderr };
};

writeFileSync(join(folder, 'train.csv'), sampleLogins(20_000, 1));
writeFileSync(join(folder, 'events.csv'), sampleLogins(200, 9));

const SETTINGS = [
  '--vector-dim',
  '64',
  '--epochs',
  '2',
  '--learning-rate',
  '0.02',
  '--mini-batch-size',
  '500',
];
const ROWS = 5000;

test('--quantize makes a model of a quarter of the size, says what that costs, and scores nearly the same', () => {
  const flags = ['train', 'train.csv', ...SETTINGS, '--num-entity-vectors', String(ROWS)];
  const floats = run(...flags, '--model', 'floats.model');
  const bytes = run(...flags, '--quantize', '--model', 'bytes.model');
  assert.doesNotMatch(floats.stderr, /8 bits/);
  const loss =
    /^8 bits: AUC on later events (0\.\d{5}), with floats (0\.\d{5}); an anomaly moves by (0\.\d{4}) nats on average, (0\.\d{3}) at most$/m;
  const [, auc, aucOfFloats, mean, largest] = loss.exec(bytes.stderr)!.map(Number);
  assert.ok(Math.abs(auc - aucOfFloats) < 0.01 && mean > 0 && mean < largest && largest < 0.5, bytes.stderr);

  const file = (name: string) => readFileSync(join(folder, name));
  const rows = ROWS + headerOf(file('bytes.model')).card.data.prefixes;
  const saved = file('floats.model').length - file('bytes.model').length;
  // Of a row's 64 · 4 bytes 64 stay, and 4 for its scale; headers and tails differ a little.
  assert.ok(Math.abs(saved - rows * (64 * 3 - 4)) < 2048, `${saved} bytes saved in ${rows} rows`);

  assert.match(run('inspect', 'bytes.model').stdout, /^8 bits +AUC on later events 0\.\d{5}, with floats/m);
  const [first, second] = ['floats.model', 'bytes.model'].map((model) =>
    run('score', model, 'events.csv')
      .stdout.trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).anomaly as number),
  );
  assert.equal(first.length, 200);
  for (const [i, anomaly] of first.entries()) {
    assert.ok(Math.abs(anomaly - second[i]) < 1, `${anomaly} and ${second[i]}`);
  }
  assert.notDeepEqual(first, second);
});
