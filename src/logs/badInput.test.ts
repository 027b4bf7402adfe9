import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { databaseFailure, openDatabase } from './database.ts';
import { type PrepareOptions, prepareLog } from './prepareLog.ts';

const root = mkdtempSync(join(tmpdir(), 'prepare-bad-'));
after(() => rmSync(root, { recursive: true, force: true }));

const GOOD = '192.0.2.1 - ada [01/Jan/2020:00:00:00 +0000] "GET / HTTP/1.0" 200 1043 "-" "x"\n';
const at = (day: string) => ({ kind: 'at', micros: BigInt(Date.parse(day)) * 1000n }) as const;

interface Case {
  name: string;
  /** content of the file `in` */
  content: string | Uint8Array;
  options?: Partial<PrepareOptions>;
  kind?: 'UsageError';
  /** `@` stands for the folder */
  message: string;
}

const CASES: Case[] = [
  {
    name: 'an empty file',
    content: '',
    message: '@/in: expected a log, got no line at all. Check that this is the file you mean.',
  },
  {
    name: 'a log in another format',
    content: 'Nov  4 00:01:02 web sshd[42]: Accepted password for ada from 192.0.2.1 port 22\n',
    message:
      '@/in:1: expected an Apache or nginx access log (common, combined), CSV with a header, JSON lines or Parquet, got "Nov  4 00:01:02 web sshd[42]: Accepted password …2.1 port 22". Name the format with --format=combined|common|vhost_combined|csv|jsonl|parquet, or convert the log.',
  },
  {
    name: 'a log in another format, its format named',
    content: 'Nov  4 00:01:02 web sshd[42]: hello\n',
    options: { format: 'combined' },
    message:
      'no event is left of 1 line: 0 events, 1 skipped (1 malformed line). Check --format, --entity, --address and --time.\n  @/in:1: malformed line, "Nov  4 00:01:02 web sshd[42]: hello"',
  },
  {
    name: 'UTF-16',
    content: Buffer.from(`\ufeff${GOOD}`, 'utf16le'),
    message: '@/in: is UTF-16 text, expected UTF-8. Convert it, e.g. with "iconv -f UTF-16 -t UTF-8 @/in".',
  },
  {
    name: 'truncated gzip',
    content: gzipSync(GOOD.repeat(1000)).subarray(0, 200),
    message: '@/in: the gzip data ends in the middle (truncated file). Copy or download it again.',
  },
  {
    name: 'damaged gzip',
    content: Buffer.concat([gzipSync(GOOD).subarray(0, 10), Buffer.alloc(50, 0xff)]),
    message: '@/in: the gzip data is damaged (invalid block type). Copy or download it again.',
  },
  {
    name: 'a CSV without a header',
    content: 'ada,192.0.2.1\nbob,192.0.2.2\n',
    message:
      '@/in:1: expected a CSV header that names the columns, got an event: "ada,192.0.2.1". Put a line such as "entity,address,time" before it.',
  },
  {
    name: 'a CSV without a column for the account',
    content: 'who,ip\nada,192.0.2.1\n',
    message: '@/in: no column is called like an entity; its columns are who, ip. Name one with --entity.',
  },
  {
    name: 'a CSV whose header does not close a quote',
    content: 'user,"ip\nada,192.0.2.1\n',
    options: { format: 'csv' },
    message:
      '@/in:1: expected a CSV header, got a quote that does not close: "user,\\"ip". Repair the line, or name the format with --format.',
  },
  {
    name: 'JSON lines that are none',
    content: 'hello\n',
    options: { format: 'jsonl' },
    message: '@/in:1: expected one JSON object a line, got "hello". Name the format with --format.',
  },
  {
    name: 'damaged Parquet',
    content: 'PAR1 and nothing else PAR1',
    message: '@/in: cannot be read as Parquet (REASON). Copy or write it again.',
  },
  {
    name: 'Parquet that is none',
    content: GOOD,
    options: { format: 'parquet' },
    message: '@/in: expected Parquet, got something else. Name the format with --format.',
  },
  {
    name: 'a column that does not exist in --where',
    content: GOOD,
    options: { where: 'stauts = 200' },
    kind: 'UsageError',
    message:
      '--where "stauts = 200": Binder Error: Referenced column "stauts" not found in FROM clause. The columns of @/in (combined) are host, ident, user, time, request, method, path, status, bytes, referer, agent.',
  },
  {
    name: 'a syntax error in --where',
    content: GOOD,
    options: { where: 'status = ' },
    kind: 'UsageError',
    message:
      '--where "status = ": Parser Error: syntax error at or near ")". The columns of @/in (combined) are host, ident, user, time, request, method, path, status, bytes, referer, agent.',
  },
  {
    name: 'a --where that is no condition',
    content: GOOD,
    options: { where: 'agent' },
    kind: 'UsageError',
    message:
      '--where: expected a condition, got a value of type VARCHAR. Compare it with something, e.g. "status = 200".',
  },
  {
    name: 'an aggregate in --entity',
    content: GOOD,
    options: { entity: 'max("user")' },
    kind: 'UsageError',
    message:
      '--entity "max(\\"user\\")": Binder Error: WHERE clause cannot contain aggregates. The columns of @/in (combined) are host, ident, user, time, request, method, path, status, bytes, referer, agent.',
  },
  {
    name: 'an empty --time',
    content: GOOD,
    options: { time: ' ' },
    kind: 'UsageError',
    message: '--time: expected an SQL expression, got nothing.',
  },
  {
    name: 'a --where that fails on a row',
    content: GOOD,
    options: { where: 'CAST(agent AS INTEGER) = 1' },
    kind: 'UsageError',
    message:
      '--where "CAST(agent AS INTEGER) = 1": Conversion Error: Could not convert string \'x\' to INT32 when casting from source column agent. The columns of @/in (combined) are host, ident, user, time, request, method, path, status, bytes, referer, agent.',
  },
  {
    name: 'a --where that matches nothing',
    content: GOOD.repeat(3),
    options: { where: 'status = 404' },
    message: 'no event is left of 3 lines: 0 events, 3 filtered by --where. Check --where.',
  },
  {
    name: 'a --split-at after all events',
    content: GOOD,
    options: { split: at('2020-01-02') },
    message:
      '--split-at 2020-01-02T00:00:00Z: leaves nothing for --test, the events run from 2020-01-01T00:00:00Z to 2020-01-01T00:00:00Z. Choose a moment within.',
  },
  {
    name: 'a --split-at before all events',
    content: GOOD,
    options: { split: at('2019-01-02') },
    message:
      '--split-at 2019-01-02T00:00:00Z: leaves nothing for --train, the events run from 2020-01-01T00:00:00Z to 2020-01-01T00:00:00Z. Choose a moment within.',
  },
  {
    name: 'a --split of a single event',
    content: GOOD,
    options: { split: { kind: 'share', share: 0.7 } },
    message: '--split 0.7: leaves nothing for --test of 1 event. Choose another share, or read a longer log.',
  },
  {
    name: 'a split of rows without a time',
    content: 'user,ip\nada,192.0.2.1\n',
    options: { split: { kind: 'share', share: 0.7 } },
    message:
      'no event is left of 2 lines: 0 events, 1 header, 1 skipped (1 bad time). Check --format, --entity, --address and --time.\n  @/in:2: bad time, it is missing',
  },
  {
    name: 'a missing file',
    content: GOOD,
    options: { inputs: ['@/absent.log'] },
    message: '@/absent.log: there is no such file. Check the name, or the folder that the command runs in.',
  },
  {
    name: 'a pattern without files',
    content: GOOD,
    options: { inputs: ['@/*.gz'] },
    message: '@/*.gz: no file has such a name. Check the pattern, or the folder that the command runs in.',
  },
  {
    name: 'a folder as input',
    content: GOOD,
    options: { inputs: ['@'] },
    message: '@: is a folder, expected a file. Name the files in it, e.g. "@/*.log".',
  },
  {
    name: 'an input named twice',
    content: GOOD,
    options: { inputs: ['@/in', '@/i?'] },
    kind: 'UsageError',
    message: '@/in: is named twice, its events would count twice. Name each input once.',
  },
  {
    name: 'an output that is an input',
    content: GOOD,
    options: { train: '@/./in' },
    kind: 'UsageError',
    message: '--train @/./in: it is an input as well. Choose another name.',
  },
  {
    name: 'one file for both outputs',
    content: GOOD,
    options: { train: '@/out.csv', test: '@/out.csv', split: at('2020-01-01') },
    kind: 'UsageError',
    message: '--test @/out.csv: --train writes it as well. Choose another name.',
  },
  {
    name: 'an output in a missing folder',
    content: GOOD,
    options: { train: '@/no/such/train.csv' },
    message:
      '@/no/such/train.csv: cannot be written, there is no folder @/no/such. Create it with "mkdir -p @/no/such".',
  },
  {
    name: 'a second output in a missing folder',
    content: GOOD,
    options: { test: '@/no/test.csv', split: at('2020-01-01') },
    message: '@/no/test.csv: cannot be written, there is no folder @/no. Create it with "mkdir -p @/no".',
  },
  {
    name: 'an output that is a folder',
    content: GOOD,
    options: { train: '@' },
    message: '@: cannot be written, it is a folder. Name a file.',
  },
  {
    name: '--test without a split',
    content: GOOD,
    options: { test: '@/test.csv' },
    kind: 'UsageError',
    message:
      '--test: nothing says which events it is for. Add --split-at with a date, or --split with a share such as 0.7.',
  },
];

for (const [i, { name, content, options = {}, kind = 'InputError', message }] of CASES.entries()) {
  test(`${name}: a clear error, and no file is written`, async () => {
    const folder = join(root, String(i));
    mkdirSync(folder);
    writeFileSync(join(folder, 'in'), content);
    const placed = <T>(value: T): T => JSON.parse(JSON.stringify(value).replaceAll('@', folder));
    const { split, ...rest } = options;
    const run = prepareLog({
      inputs: [join(folder, 'in')],
      train: join(folder, 'train.csv'),
      ...(split ? { test: join(folder, 'test.csv') } : {}),
      ...placed(rest),
      split,
    });
    await assert.rejects(run, (error: Error) => {
      assert.equal(error.message.replaceAll(folder, '@').replace(/\(Invalid Input.*\)/, '(REASON)'), message);
      assert.equal(error.name, kind);
      return true;
    });
    assert.deepEqual(readdirSync(folder), ['in']);
  });
}

/** Runs something without the rights of root, which no permission stops. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid!() !== 0) return work();
  process.seteuid!(65534);
  try {
    return await work();
  } finally {
    process.seteuid!(0);
  }
}

test('a file without read permission and a folder without write permission are told', async () => {
  const folder = join(root, 'permissions');
  mkdirSync(folder);
  chmodSync(root, 0o755);
  writeFileSync(join(folder, 'in'), GOOD);
  const out = join(root, 'writable');
  mkdirSync(out);
  chmodSync(out, 0o777);
  chmodSync(join(folder, 'in'), 0o000);
  chmodSync(folder, 0o555);
  await asNobody(async () => {
    await assert.rejects(prepareLog({ inputs: [join(folder, 'in')], train: join(out, 'train.csv') }), {
      name: 'InputError',
      message: `${folder}/in: no permission to read it. Change its permissions, or run as its owner.`,
    });
    await assert.rejects(prepareLog({ inputs: [join(folder, 'in')], train: join(folder, 'train.csv') }), {
      name: 'InputError',
      message: `${folder}/train.csv: cannot be written, no permission in ${folder}. Choose another place, or change the permissions.`,
    });
  });
  assert.deepEqual(readdirSync(out), []);
  chmodSync(folder, 0o755);
});

test("DuckDB's word for a full disk becomes ours", async () => {
  const database = await openDatabase({ threads: 1, memoryLimit: '100MB', beside: join(root, 'x.csv') });
  try {
    await assert.rejects(
      database.connection.run("COPY (SELECT 1) TO '/dev/full' (FORMAT csv)"),
      (error: Error) => {
        assert.equal(
          databaseFailure(error, '/out/train.csv').message,
          '/out/train.csv: cannot be written, the disk is full. Free some space in /out, then run this again; an older file of that name is whole.',
        );
        return true;
      },
    );
  } finally {
    database.close();
  }
});

test('a memory limit that does not suffice is told with the way out', async () => {
  writeFileSync(join(root, 'memory'), GOOD);
  await assert.rejects(
    prepareLog({ inputs: [join(root, 'memory')], train: join(root, 'memory.csv'), memoryLimit: '1MB' }),
    (error: Error) => {
      assert.match(
        error.message,
        /^.*: the memory limit does not suffice \(Out of Memory Error: .*\)\. Raise --memory-limit, or lower --threads\.$/,
      );
      return true;
    },
  );
});
