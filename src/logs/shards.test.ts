/** prepare, shard by shard: together what it writes at once. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { BLOCK_BYTES } from './lineBlocks.ts';
import { type PrepareOptions, prepareLog } from './prepareLog.ts';

const folder = mkdtempSync(join(tmpdir(), 'prepare-shards-'));
after(() => rmSync(folder, { recursive: true }));
const place = (name: string) => join(folder, name);

type Options = Omit<PrepareOptions, 'train' | 'order' | 'inputs'>;
const AT = { kind: 'at', micros: BigInt(Date.UTC(2018, 10, 8)) * 1000n } as const;

async function outcome(inputs: string[], options: Options) {
  const name = options.shard === undefined ? 'whole' : '{shard}';
  const test = options.split === undefined ? {} : { test: place(`test-${name}.csv`) };
  const summary = await prepareLog({
    ...{ inputs, ...options, ...test, order: 'log', threads: 2, train: place(`train-${name}.csv`) },
  });
  const read = (path: string | undefined) => (path === undefined ? '' : readFileSync(path, 'utf8'));
  return { summary, train: read(summary.train?.path), test: read(summary.test?.path) };
}

/** @returns the whole, after it was compared with so many shards put together */
async function compare(inputs: string[], count: number, options: Options = {}) {
  const whole = await outcome(inputs, options);
  const parts = [];
  for (let number = 1; number <= count; number++) {
    parts.push(await outcome(inputs, { ...options, shard: { number, count } }));
  }
  const label = `${count} shards`;
  assert.equal(parts.map(({ train }) => train).join(''), whole.train, label);
  assert.equal(parts.map(({ test }) => test).join(''), whole.test, label);
  for (const key of ['lines', 'events', 'filtered', 'headers'] as const) {
    const sum: number = parts.reduce((all, { summary }) => all + summary[key], 0);
    assert.equal(sum, whole.summary[key], `${key} of ${label}`);
  }
  // The first example of the first shard that has one is the whole's first: the same place, the same line number.
  const [first] = parts.flatMap(({ summary }) => summary.examples);
  assert.deepEqual(first, whole.summary.examples[0], label);
  return whole;
}

const clock = (second: number) => new Date(Date.UTC(2018, 10, 4) + second * 1000).toISOString();
const logLine = (user: string, second: number) =>
  `198.51.100.${second % 250} - ${user} [${clock(second).slice(8, 10)}/Nov/2018:${clock(second).slice(11, 19)} +0000] "GET /login HTTP/1.1" 200 476 "-" "x"`;
const odd = fc.constantFrom('', '\r', 'no log line', '\u00ff\ufeff', '- - - [', '"');
const seconds = fc.integer({ min: 0, max: 700_000 });
const ended = (lines: string[], end: string, isEnded: boolean) => lines.join(end) + (isEnded ? end : '');

const KINDS: Record<string, fc.Arbitrary<string>> = {
  'a.log': fc
    .tuple(
      fc.array(fc.oneof(seconds, seconds, odd), { maxLength: 20 }),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
    )
    .map(([items, end, isEnded]) => {
      const lines = items.map((item) => (typeof item === 'number' ? logLine(`u${item}`, item) : item));
      return ended([logLine('first', 1), ...lines], end, isEnded);
    }),
  'b.csv': fc
    .tuple(
      // CSV is recognised where at least half of the lines have the header's fields.
      fc.array(
        fc.oneof(
          seconds.map((one) => [one]),
          fc.tuple(odd, seconds),
        ),
        { maxLength: 15 },
      ),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
    )
    .map(([items, end, isEnded]) => {
      const lines = items
        .flat()
        .map((item) => (typeof item === 'number' ? `"u, ${item}";203.0.113.9;${clock(item)}` : item));
      // Headers of files put together are no events.
      const header = 'user;ip;time';
      return `\ufeff${ended([header, `m;10.1.1.1;${clock(1)}`, ...lines, header], end, isEnded)}`;
    }),
  'c.jsonl': fc
    .tuple(fc.array(fc.oneof(seconds, odd), { maxLength: 20 }), fc.boolean())
    .map(([items, isEnded]) => {
      const object = (item: number) =>
        JSON.stringify({
          user: `u${item}`,
          ip: item % 3 === 0 ? '2001:DB8::1' : '8.8.8.8',
          time: clock(item),
        });
      return ended(
        [object(1), ...items.map((item) => (typeof item === 'number' ? object(item) : item))],
        '\n',
        isEnded,
      );
    }),
};

test('logs, CSV and JSON lines, several files, some compressed or empty: shards put together are the whole', async () => {
  const contents = fc.array(
    fc.oneof(
      ...Object.entries(KINDS).map(([name, text]) => text.map((content) => ({ name, content }))),
      fc.constant({ name: 'd.log', content: '' }),
    ),
    { minLength: 1, maxLength: 3 },
  );
  await fc.assert(
    fc.asyncProperty(
      contents,
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
      fc.boolean(),
      async (files, count, packed, isSplit) => {
        if (files.every(({ content }) => content === '')) return;
        const inputs = files.map(({ name, content }, i) => {
          const path = place(`${i}${name}${packed[i] ? '.gz' : ''}`);
          writeFileSync(path, packed[i] ? gzipSync(content) : content);
          return path;
        });
        // A side without events is refused of the whole, and cannot be known to a part.
        if (isSplit) {
          const path = place('both.log');
          writeFileSync(path, `${logLine('early', 1)}\n${logLine('late', 600_000)}\n`);
          inputs.push(path);
        }
        await compare(inputs, count, isSplit ? { split: AT } : {});
      },
    ),
    { numRuns: 25 },
  );
});

test('a log of several blocks, with lines that are too long and others that are no text', async () => {
  const lines = Array.from({ length: 80_000 }, (_, i) => logLine(`user_${i}`, (i * 7919) % 700_000));
  lines.splice(20_000, 0, 'x'.repeat(5 << 20), 'y'.repeat((1 << 20) + 5));
  lines.splice(50_000, 0, 'not a line', '');
  const content = Buffer.from(`${lines.join('\r\n')}\r\n`);
  content[content.length - 1000] = 0xff;
  assert.ok(content.length > 3 * BLOCK_BYTES);
  writeFileSync(place('many.log'), content);
  for (const count of [2, 5]) {
    const { summary } = await compare([place('many.log')], count, { split: AT, where: 'status = 200' });
    assert.ok(summary.events > 79_000);
  }
});

test('more shards than bytes: most have a file without a line', async () => {
  writeFileSync(place('few.csv'), 'user,ip\na,8.8.8.8\nb,1.1.1.1');
  const { train } = await compare([place('few.csv')], 35);
  assert.equal(train, 'a,8.8.8.8\nb,1.1.1.1\n');
});

test('a carriage return that is not the end of a line stays, wherever blocks end', async () => {
  writeFileSync(place('cr.csv'), 'ip,user\r\n8.8.8.8,a\r\r\n8.8.8.8,b\r\r\n8.8.8.8,c\r\r\n');
  for (const count of [1, 2, 3, 4]) await compare([place('cr.csv')], count);
});

test("a Parquet file's rows are shared, a compressed one is one shard's", async () => {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run(
    `COPY (SELECT 'u' || i AS user, CASE WHEN i % 7 = 0 THEN 'none' ELSE '8.8.8.' || i % 200 END AS ip FROM range(1000) t(i))
     TO '${place('rows.parquet')}' (FORMAT parquet, ROW_GROUP_SIZE 128)`,
  );
  connection.closeSync();
  instance.closeSync();
  writeFileSync(place('rows.parquet.gz'), gzipSync(readFileSync(place('rows.parquet'))));
  writeFileSync(place('before.csv'), 'user,ip\na,8.8.8.8\n');
  const inputs = ['before.csv', 'rows.parquet', 'rows.parquet.gz'].map(place);
  for (const count of [1, 3, 11]) {
    const { summary } = await compare(inputs, count);
    assert.equal(summary.lines, 2002);
  }
});

const WRONG: [options: Partial<PrepareOptions>, message: string][] = [
  [
    { order: 'shuffled' },
    '--shard: expected --order log with it, as the whole log alone can be shuffled or sorted. Add --order log: `train` needs no other order.',
  ],
  [
    { order: 'log', split: { kind: 'share', share: 0.7 }, test: place('t.csv') },
    '--split: expected --split-at with --shard, as a share is known of the whole log only. Name a moment with --split-at.',
  ],
  [
    { order: 'log', inputs: ['-'] },
    '--shard: expected files, got standard input, of which each task has another one. Write it to a file that all tasks can read.',
  ],
  [
    { order: 'log', inputs: [place('*.csv')], train: place('x-{shard}.csv') },
    `--train: expected names that no input has, but ${place('x-00001-of-00002.csv')} is among 1 input. Choose another name or folder.`,
  ],
];
for (const [options, message] of WRONG) {
  test(`refused: ${message}`, async () => {
    for (const name of readdirSync(folder)) rmSync(place(name));
    writeFileSync(place('few.log'), `${logLine('a', 1)}\n`);
    writeFileSync(place('x-00001-of-00002.csv'), 'user,ip\na,8.8.8.8\n');
    await assert.rejects(
      prepareLog({
        ...{ inputs: [place('few.log')], train: place('t-{shard}.csv') },
        ...options,
        shard: { number: 2, count: 2 },
      }),
      { name: 'UsageError', message },
    );
  });
}
