import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { BLOCK_BYTES } from './lineBlocks.ts';
import { shuffleKey } from './outputs.ts';
import { type PrepareOptions, prepareLog } from './prepareLog.ts';
import type { PrepareSummary } from './summary.ts';

const folder = mkdtempSync(join(tmpdir(), 'prepare-'));
after(() => rmSync(folder, { recursive: true }));

const place = (name: string) => join(folder, name);

/** A combined log line; `second` counts from 2018-11-04. */
function line(user: string, address: string, second: number, status = 200): string {
  const clock = new Date(Date.UTC(2018, 10, 4) + second * 1000).toISOString();
  const date = `${clock.slice(8, 10)}/Nov/2018:${clock.slice(11, 19)} +0000`;
  return `${address} - ${user} [${date}] "GET /login HTTP/1.1" ${status} 476 "-" "Mozilla/5.0"`;
}

async function prepared(
  content: string | Uint8Array,
  options: Partial<PrepareOptions> = {},
): Promise<{ summary: PrepareSummary; train: string[]; test: string[] }> {
  writeFileSync(place('in.log'), content);
  const summary = await prepareLog({
    inputs: [place('in.log')],
    train: place('train.csv'),
    ...(options.split ? { test: place('test.csv') } : {}),
    ...options,
  });
  const read = (name: string) => readFileSync(place(name), 'utf8').split('\n').slice(0, -1);
  return { summary, train: read('train.csv'), test: options.split ? read('test.csv') : [] };
}

function accountedFor({ lines, events, filtered, headers, skipped }: PrepareSummary): boolean {
  return lines === events + filtered + headers + Object.values(skipped).reduce((sum, n) => sum + n, 0);
}

/** Some 12 MiB: three blocks, so that threads have something to share. */
const MANY = 120_000;
const many = Array.from({ length: MANY }, (_, i) =>
  line(`user_${i % 1000}`, `10.${i % 256}.${(i >> 8) % 256}.1`, (i * 7919) % 800_000),
);
const manyText = `${many.join('\n')}\n`;
const HALF = { kind: 'at', micros: BigInt(Date.UTC(2018, 10, 8)) * 1000n } as const;

test('the outputs are the same, bit for bit, for any number of threads and from gzip', async () => {
  assert.ok(manyText.length > 2 * BLOCK_BYTES);
  const one = await prepared(manyText, { split: HALF, threads: 1 });
  assert.equal(one.summary.events, MANY);
  assert.equal(one.train.length + one.test.length, MANY);
  const four = await prepared(manyText, { split: HALF, threads: 4 });
  const packed = await prepared(gzipSync(manyText), { split: HALF, threads: 2 });
  for (const other of [four, packed]) {
    assert.deepEqual(other.train, one.train);
    assert.deepEqual(other.test, one.test);
  }
});

test('another seed gives another order of the same training events, and the same test events', async () => {
  const one = await prepared(manyText, { split: HALF, seed: 1 });
  const two = await prepared(manyText, { split: HALF, seed: 2 });
  assert.notDeepEqual(two.train, one.train);
  assert.deepEqual([...two.train].sort(), [...one.train].sort());
  assert.deepEqual(two.test, one.test);
});

test('the training order is that of the keys of the positions', async () => {
  const few = many.slice(0, 500);
  const { train } = await prepared(few.join('\n'), { seed: 2 ** 40 + 7 });
  const key = few.map((_, i) => shuffleKey(0, i + 1, 2 ** 40 + 7));
  const order = few.map((_, i) => i).sort((a, b) => (key[a] < key[b] ? -1 : 1));
  const users = order.map((i) => `user_${i % 1000}`);
  assert.deepEqual(
    train.map((text) => text.split(',')[0]),
    users,
  );
});

test('a shuffled place tells nothing about the place in the log', async () => {
  const { train } = await prepared(
    Array.from({ length: 4000 }, (_, i) => line(`u${i}`, '1.2.3.4', i)).join('\n'),
  );
  const from = train.map((text) => Number(text.slice(1, text.indexOf(','))));
  const mean = 1999.5;
  let sum = 0;
  for (const [i, j] of from.entries()) sum += (i - mean) * (j - mean);
  const correlation = sum / from.length / ((4000 ** 2 - 1) / 12);
  // 5 standard deviations of the correlation of a random order, 1/√n.
  assert.ok(Math.abs(correlation) < 5 / Math.sqrt(4000), String(correlation));
});

test('the earliest share goes to train, exactly, whatever the ties', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(9), { minLength: 4, maxLength: 60 }),
      fc.constantFrom(0.25, 0.5, 0.7),
      async (seconds, share) => {
        const text = seconds.map((second, i) => line(`u${i}`, '1.2.3.4', second * 86400)).join('\n');
        const { train, test: later } = await prepared(text, { split: { kind: 'share', share } });
        const order = seconds
          .map((second, i) => ({ second, i }))
          .sort((a, b) => a.second - b.second || a.i - b.i);
        const cut = Math.round(seconds.length * share);
        const users = (rows: string[]) => rows.map((row) => Number(row.slice(1, row.indexOf(','))));
        assert.deepEqual(new Set(users(train)), new Set(order.slice(0, cut).map(({ i }) => i)));
        assert.deepEqual(
          users(later),
          order.slice(cut).map(({ i }) => i),
        );
      },
    ),
    { numRuns: 25 },
  );
});

test('test events are in the order of time, ties in the order of the log', async () => {
  const text = [
    line('c', '1.2.3.4', 90),
    line('b', '1.2.3.4', 60),
    line('a', '1.2.3.4', 60),
    line('x', '1.2.3.4', 1),
  ];
  const micros = BigInt(Date.UTC(2018, 10, 4)) * 1000n + 60_000_000n;
  const { train, test: later } = await prepared(text.join('\n'), { split: { kind: 'at', micros } });
  assert.deepEqual(train, ['x,1.2.3.4,2018-11-04T00:00:01Z']);
  assert.deepEqual(later, [
    'b,1.2.3.4,2018-11-04T00:01:00Z',
    'a,1.2.3.4,2018-11-04T00:01:00Z',
    'c,1.2.3.4,2018-11-04T00:01:30Z',
  ]);
});

const garbage = fc.oneof(
  fc.constantFrom(
    '"',
    '\\',
    '\\"',
    '""',
    '[',
    ']',
    '-',
    ' ',
    '\r',
    '\0',
    '\t',
    ',',
    '{',
    '}',
    '\u0001',
    '\u0002',
    'é',
    '\uffff',
  ),
  fc.constantFrom('1.2.3.4', ' - u [', '] "', '" 200 1 ', '04/Nov/2018:00:00:00 +0000', 'GET /'),
  fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 10))),
);
const garbageLine = fc.array(garbage, { maxLength: 14 }).map((pieces) => ({
  good: undefined,
  bytes: Buffer.concat(pieces.map((piece) => Buffer.from(piece as string))),
}));
const goodLine = fc
  .record({
    user: fc.stringMatching(/^[a-z_]{1,8}( [a-z]{1,4})?$/),
    address: fc.ipV4(),
    second: fc.nat(900_000),
    cr: fc.boolean(),
  })
  .map(({ user, address, second, cr }) => ({
    good: `${user},${address}`,
    bytes: Buffer.from(line(user, address, second) + (cr ? '\r' : '')),
  }));

for (const format of ['combined', 'csv', 'jsonl'] as const) {
  test(`${format}: every line is accounted for among garbage, and good lines always come out`, async () => {
    const good = {
      combined: goodLine,
      csv: goodLine.map(({ good: text }) => ({ good: text, bytes: Buffer.from(text) })),
      jsonl: goodLine.map(({ good: text }) => {
        const [user, ip] = text.split(',');
        return { good: text, bytes: Buffer.from(JSON.stringify({ user, ip })) };
      }),
    }[format];
    const head = { combined: '', csv: 'user,ip\n', jsonl: '' }[format];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(good, garbageLine), { maxLength: 30 }),
        good,
        fc.boolean(),
        async (lines, first, endsWithLf) => {
          const all = [first, ...lines];
          const parts: Buffer[] = [Buffer.from(head)];
          for (const [i, one] of all.entries()) {
            parts.push(one.bytes);
            if (i < all.length - 1 || endsWithLf) parts.push(Buffer.of(10));
          }
          const bytes = Buffer.concat(parts);
          const { summary, train } = await prepared(bytes, { format });
          const physical = bytes.filter((byte) => byte === 10).length + (bytes.at(-1) === 10 ? 0 : 1);
          assert.equal(summary.lines, physical);
          assert.ok(accountedFor(summary), JSON.stringify(summary));
          const expected = all.flatMap((one) => (one.good === undefined ? [] : [one.good]));
          // Garbage may happen to be an event; then there is more than what is expected, never less.
          const found = train.map((row) => row.split(',').slice(0, 2).join(','));
          for (const event of expected) {
            const at = found.indexOf(event);
            assert.ok(at >= 0, `${event} is missing`);
            found.splice(at, 1);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
}

test('a line of 10 MB and a line of NULs are counted, the lines around them come out', async () => {
  const bytes = Buffer.concat([
    Buffer.from(`${line('a', '1.2.3.4', 1)}\n`),
    Buffer.alloc(10_000_000, 'x'),
    Buffer.from(`\n${line('b', '1.2.3.4', 2)}\n`),
    Buffer.alloc(1000),
    Buffer.from(`\n${line('c', '1.2.3.4', 3)}`),
  ]);
  const { summary, train } = await prepared(bytes, { seed: 3 });
  assert.equal(summary.lines, 5);
  assert.deepEqual(summary.skipped, { 'malformed line': 1, 'line too long': 1 });
  assert.deepEqual(train.map((row) => row[0]).sort(), ['a', 'b', 'c']);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('.')),
    [],
  );
});

test('60,000 distinct IPv6 addresses take seconds, and bad ones among them are told apart', {
  timeout: 30_000,
}, async () => {
  const text = Array.from({ length: 60_000 }, (_, i) =>
    line(
      `u${i % 500}`,
      i % 1000 === 7 ? `2001:db8::${i.toString(16)}::1` : `2001:DB8:0::${i.toString(16)}`,
      i,
    ),
  );
  const { summary, train } = await prepared(text.join('\n'));
  assert.equal(summary.events, 59_940);
  assert.deepEqual(summary.skipped, { 'no address': 60 });
  assert.deepEqual(summary.examples[0], {
    path: place('in.log'),
    line: 8,
    reason: 'no address',
    explanation: ', "2001:db8::7::1": it is not a valid IPv6 address',
  });
  assert.ok(train.includes('u499,2001:db8::e86b,2018-11-04T16:31:39Z'), train[0]);
});
