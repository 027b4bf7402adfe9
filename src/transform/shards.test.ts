/** transform, shard by shard: the parts one after the other are what it writes at once. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { Shard } from '../files/shard.ts';
import { ADDRESSES, flatBytes } from '../model/sampleModelFile.ts';
import type { TransformOptions } from './options.ts';
import { type JobSettings, TransformJob } from './transformJob.ts';

const folder = mkdtempSync(join(tmpdir(), 'ip-insights-parts-'));
after(() => rmSync(folder, { recursive: true }));
const model = join(folder, 'login.model');
writeFileSync(model, flatBytes);

const OPTIONS: TransformOptions = {
  form: { format: 'jsonlines', detail: 'dot_product' },
  strategy: 'MultiRecord',
  maxPayloadBytes: 1_000_000,
  assembleWith: 'Line',
  gzip: false,
  onBadRecord: 'mark',
};

let runs = 0;
/** A folder with these inputs and nothing else. */
function withInputs(files: Record<string, string | Uint8Array>): string {
  runs++;
  const place = join(folder, `run${runs}`);
  mkdirSync(join(place, 'in'), { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(place, 'in', name), content);
  return place;
}

async function answer(place: string, options: Partial<TransformOptions>, shard?: Shard): Promise<string> {
  const job = new TransformJob(
    {
      ...{
        model,
        inputs: [join(place, 'in')],
        out: join(place, shard ? 'parts' : 'whole'),
        threads: 1,
        shard,
      },
      options: { ...OPTIONS, ...options },
      blockBytes: 64,
    },
    { read: () => {}, line: () => {} },
  );
  return job.run();
}

async function allShards(place: string, count: number, options: Partial<TransformOptions>) {
  for (let number = 1; number <= count; number++) await answer(place, options, { number, count });
}

const unpacked = (bytes: Buffer, isGzip: boolean) => (isGzip ? gunzipSync(bytes) : bytes).toString();

/** Puts the parts of each input together by their names, as `cat in/X.*.out` does. */
function assertSame(place: string, isGzip: boolean): void {
  const parts = existsSync(join(place, 'parts')) ? readdirSync(join(place, 'parts')).sort() : [];
  assert.deepEqual(
    parts.filter((name) => name.startsWith('.')),
    [],
    'a job leaves nothing behind',
  );
  const inputs = readdirSync(join(place, 'in'));
  let seen = 0;
  for (const name of inputs) {
    const own = parts.filter((part) => part.startsWith(`${name}.`));
    seen += own.length;
    assert.ok(own.length > 0, `${name} has a part`);
    const whole = readFileSync(join(place, `whole/${name}.out${isGzip ? '.gz' : ''}`));
    const joined = Buffer.concat(own.map((part) => readFileSync(join(place, 'parts', part))));
    assert.equal(unpacked(joined, isGzip), unpacked(whole, isGzip), name);
  }
  assert.equal(seen, parts.length, 'a part is of an input');
}

const csvLine = fc.oneof(
  fc.tuple(fc.nat(6), fc.constantFrom(...ADDRESSES)).map(([user, at]) => `user_${user},${at}`),
  fc.constantFrom('', '\r', ' ', '"a', '"a,b",8.8.8.8,2024-01-01', 'x,1.2.3', '\ufeffu,8.8.8.8'),
);
const jsonLine = fc.oneof(
  fc
    .tuple(fc.nat(6), fc.constantFrom(...ADDRESSES))
    .map(([user, at]) => `{"features":["user_${user}","${at}"]}`),
  fc.constantFrom(
    '',
    ' \r',
    '{',
    '{"features":["u","8.8.8.8"]},',
    '{"features":["u","8.8.8.8"]}]',
    '\ufeff{}',
  ),
);
/** A byte-order mark stands before a record: alone in a file it is refused, as a request without a line. */
const textOf = (line: fc.Arbitrary<string>, first: string) =>
  fc
    .tuple(fc.array(line, { maxLength: 14 }), fc.constantFrom('\n', '\r\n'), fc.boolean(), fc.boolean())
    .map(([lines, end, isEnded, isMarked]) => {
      const all = isMarked ? [`\ufeff${first}`, ...lines] : lines;
      return all.join(end) + (isEnded ? end : '');
    });
const files = fc.record({
  'a.csv': textOf(csvLine, 'u,8.8.8.8'),
  'b.jsonl': textOf(jsonLine, '{"features":["u","8.8.8.8"]}'),
  'c.csv.gz': textOf(csvLine, 'u,8.8.8.8').map((text) => gzipSync(text)),
  'd.csv': fc.constant(''),
  'e.json': fc.constant('{"instances":[{"features":["user_1","8.8.8.8"]}]}'),
});
const ways = fc.constantFrom<Partial<TransformOptions>>(
  {},
  { gzip: true },
  { form: { format: 'json', detail: 'dot_product' }, strategy: 'SingleRecord' },
  { form: { format: 'json', detail: 'dot_product' }, strategy: 'SingleRecord', assembleWith: 'None' },
);

test('CSV and JSON lines, compressed, empty and whole requests: parts put together are the whole, marks of bad records too', async () => {
  await fc.assert(
    fc.asyncProperty(files, ways, fc.integer({ min: 1, max: 5 }), async (contents, options, count) => {
      const place = withInputs(contents);
      await answer(place, options);
      await allShards(place, count, options);
      assertSame(place, options.gzip === true);
      rmSync(place, { recursive: true });
    }),
    { numRuns: 15 },
  );
});

test('more shards than bytes', async () => {
  const place = withInputs({ 'a.csv': '\n\nuser_1,8.8.8.8\n\nx\n\n' });
  await answer(place, {});
  await allShards(place, 25, {});
  assertSame(place, false);
});

test('answers to mini-batches would be cut elsewhere, and are refused; those of whole files are not', async () => {
  const form = { format: 'json', detail: 'dot_product' } as const;
  const place = withInputs({ 'a.csv': 'user_1,8.8.8.8\nuser_2,8.8.8.8\n' });
  await assert.rejects(answer(place, { form }, { number: 1, count: 2 }), {
    name: 'UsageError',
    message:
      '--shard: expected an answer for each record, got one for each mini-batch, and those end elsewhere in a part of a file. Add --strategy SingleRecord, or --accept application/jsonlines.',
  });
  await answer(place, { form, splitType: 'None' });
  await allShards(place, 3, { form, splitType: 'None' });
  assertSame(place, false);
});

test('the summary says which shard it is, and errors the line of the whole file', async () => {
  const lines = Array.from({ length: 40 }, (_, i) => (i === 33 ? 'x,1.2.3\n' : `user_${i},8.8.8.8\n`));
  const place = withInputs({ 'a.csv': lines.join('') });
  const shard = (number: number) => answer(place, { onBadRecord: 'error' }, { number, count: 4 });
  assert.match(await shard(2), /^shard 2 of 4: 1 file: \d+ records, 0 bad$/);
  await assert.rejects(shard(4), /a\.csv:34: expected an IP address in field 2, got "1\.2\.3"/);
});

const DRILL = join(import.meta.dirname, 'transformDrill.js');

test('shards run at the same time; one that is killed goes on where it was, while the others do not notice', async () => {
  const lines = Array.from(
    { length: 60_000 },
    (_, i) => `user_${i % 9},${ADDRESSES[i % ADDRESSES.length]}\n`,
  );
  const place = withInputs({ 'a.csv': lines.join(''), 'b.csv': lines.slice(0, 20_000).join('') });
  const start = (number: number) => {
    const settings: JobSettings = {
      ...{ model, inputs: [join(place, 'in')], out: join(place, 'parts'), options: OPTIONS, threads: 1 },
      ...{ shard: { number, count: 3 }, stepMilliseconds: 0, blockBytes: 2000 },
    };
    return spawn(process.execPath, [DRILL, JSON.stringify(settings)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  };
  const journal = join(place, 'parts/.transform-progress.00002-of-00003.jsonl');
  const noted = () => (existsSync(journal) ? readFileSync(journal, 'utf8').split('\n').length : 0);
  const children = [1, 2, 3].map(start);
  const ends = children.map((child) => once(child, 'exit'));
  while (noted() < 6 && children[1].exitCode === null) await delay(5);
  children[1].kill('SIGKILL');
  const codes = (await Promise.all(ends)).map(([code]) => code);
  assert.deepEqual(codes, [0, null, 0]);
  const before = noted();
  assert.ok(before >= 6);
  const again = start(2);
  const [code] = await once(again, 'exit');
  assert.equal(code, 0);
  await answer(place, {});
  assertSame(place, false);
});
