import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type PrepareOptions, prepareLog } from './prepareLog.ts';
import { formatSummary } from './summary.ts';

// fixtures/logs/<case>: inputs, options.json, and what must come out: train.csv, test.csv, summary.txt.
const ROOT = join(import.meta.dirname, '../../fixtures/logs');

/** Set to write what comes out into the fixtures, to be read with care before it is committed. */
const UPDATE = process.env.UPDATE_FIXTURES === '1';

for (const name of readdirSync(ROOT)) {
  test(`fixtures/logs/${name} gives its events and accounts for every line`, async () => {
    const folder = join(ROOT, name);
    const { inputs, splitAt, split, ...options } = JSON.parse(
      readFileSync(join(folder, 'options.json'), 'utf8'),
    );
    const out = mkdtempSync(join(tmpdir(), 'prepare-'));
    const options2: PrepareOptions = {
      ...options,
      inputs: inputs.map((input: string) => join(folder, input)),
      train: join(out, 'train.csv'),
    };
    if (splitAt) options2.split = { kind: 'at', micros: BigInt(Date.parse(splitAt)) * 1000n };
    if (split) options2.split = { kind: 'share', share: split };
    if (options2.split) options2.test = join(out, 'test.csv');
    try {
      const summary = await prepareLog(options2);
      const text = formatSummary(summary)
        .map((line) => `${line.replaceAll(`${folder}/`, '').replaceAll(`${out}/`, '')}\n`)
        .join('');
      const results: [string, string][] = [['summary.txt', text]];
      for (const file of ['train.csv', 'test.csv']) {
        if (existsSync(join(out, file))) results.push([file, readFileSync(join(out, file), 'utf8')]);
      }
      for (const [file, result] of results) {
        if (UPDATE) writeFileSync(join(folder, file), result);
        assert.equal(result, readFileSync(join(folder, file), 'utf8'), file);
      }
      assert.deepEqual(
        readdirSync(out).sort(),
        results
          .map(([file]) => file)
          .filter((file) => file !== 'summary.txt')
          .sort(),
        'nothing else is left behind',
      );
    } finally {
      rmSync(out, { recursive: true });
    }
  });
}
