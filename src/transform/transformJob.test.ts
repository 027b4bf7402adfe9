import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { Answer } from '../inference/answer.ts';
import { ScoringCrew } from '../inference/crew.ts';
import { ADDRESSES, flatBytes, readShared } from '../model/sampleModelFile.ts';
import { RandomStream } from '../random/philox.ts';
import { answerInput } from './answerInput.ts';
import type { TransformOptions } from './options.ts';
import type { JobSettings } from './transformJob.ts';

const folder = mkdtempSync(join(tmpdir(), 'ip-insights-job-'));
after(() => rmSync(folder, { recursive: true }));
const modelPath = join(folder, 'login.model');
writeFileSync(modelPath, flatBytes);
const model = readShared(flatBytes);

const OPTIONS: TransformOptions = {
  form: { format: 'jsonlines', detail: 'dot_product' },
  strategy: 'MultiRecord',
  maxPayloadBytes: 1_000_000,
  assembleWith: 'Line',
  gzip: false,
  onBadRecord: 'mark',
};

const address = fc.constantFrom(...ADDRESSES);
const csvLine = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.nat(6), address).map(([user, at]) => `user_${user},${at}`) },
  fc.constantFrom(
    '',
    '\r',
    ' ',
    '"a',
    'b",8.8.8.8',
    '"a,b",8.8.8.8,2024-01-01',
    'x,1.2.3',
    '\ufeffu,8.8.8.8',
    '\u00ff\u00fe',
  ),
);
const jsonLine = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(fc.nat(6), address).map(([user, at]) => `{"features":["user_${user}","${at}"]}`),
  },
  fc.constantFrom(
    '',
    ' \r',
    '{',
    '\u00a0',
    '{"features":["u","8.8.8.8"]},',
    '{"features":["u","8.8.8.8"]}]',
    '\ufeff{}',
  ),
);

/** Each line as a request of its own: what blocks of any size must give together. */
function oneByOne(lines: Buffer[], format: 'csv' | 'jsonlines', options: TransformOptions): string {
  const isBlank = (line: Buffer) =>
    format === 'csv' ? /^\r?$/.test(line.toString()) : /^[ \t\r]*$/.test(line.toString('latin1'));
  const end = lines.findLastIndex((line) => !isBlank(line)) + 1;
  const what = format === 'csv' ? 'entity,address[,time]' : 'a JSON object';
  return lines
    .slice(0, end)
    .map((line, i) => {
      if (isBlank(line)) return `{"error":"line ${i + 1}: expected ${what}, got a blank line."}\n`;
      const excerpt = { firstLine: i + 1, isEnd: i === end - 1 };
      const { form, onBadRecord } = options;
      return new Answer(model, line, { format, form, onBadRecord, counts: true, excerpt }).next() ?? '';
    })
    .join('');
}

const crews = [new ScoringCrew(1), new ScoringCrew(3)];
let numbers: { number: number }[];
before(async () => {
  numbers = await Promise.all(crews.map((crew) => crew.load(modelPath, 'login.model')));
});
// Threads that go on would keep the process from ending, and so from telling what has failed.
after(() => Promise.all(crews.map((crew) => crew.end())));

test('any block size and any number of threads give what the records one by one give', async () => {
  const format = fc.constantFrom('csv' as const, 'jsonlines' as const);
  const input = format.chain((kind) =>
    fc.tuple(fc.constant(kind), fc.array(kind === 'csv' ? csvLine : jsonLine, { maxLength: 60 })),
  );
  const latin = fc.boolean();
  const detail = fc.constantFrom('dot_product' as const, 'verbose' as const, 'full' as const);
  await fc.assert(
    fc.asyncProperty(
      input,
      fc.integer({ min: 1, max: 3000 }),
      fc.nat(1),
      latin,
      detail,
      async ([kind, lines], size, which, isLatin, much) => {
        // Latin letters are no UTF-8, so those lines are bad ones.
        const bytes = lines.map((one) =>
          Buffer.from(one, isLatin && !one.includes('\ufeff') ? 'latin1' : 'utf8'),
        );
        const path = join(folder, kind === 'csv' ? 'p.csv' : 'p.jsonl');
        writeFileSync(path, Buffer.concat(bytes.flatMap((one) => [one, Buffer.from('\n')])));
        const options: TransformOptions = { ...OPTIONS, form: { format: 'jsonlines', detail: much } };
        let got = '';
        const from = { inputBytes: 0, lines: 0, records: 0, bad: 0 };
        let end = from;
        const answered = answerInput(
          { crew: crews[which], number: numbers[which].number },
          path,
          options,
          from,
          {
            write: (piece) => {
              got += Buffer.from(piece).toString();
            },
            reached: (progress) => {
              end = progress;
            },
            read: () => {},
          },
          size,
        );
        if (kind === 'csv' && bytes[0]?.[0] === 0xff && bytes[0][1] === 0xfe) {
          await assert.rejects(answered, { message: `${path}: expected UTF-8 text, got UTF-16.` });
          return;
        }
        await answered;
        const expected = oneByOne(bytes, kind, options);
        assert.equal(got, expected);
        assert.equal(end.records, expected.split('\n').length - 1);
        assert.equal(end.bad, expected.split('\n').filter((one) => one.startsWith('{"error"')).length);
      },
    ),
    { numRuns: 200 },
  );
});

const random = new RandomStream(5, 0);
const RECORDS = 30_000;
const csv = Array.from({ length: RECORDS }, () => `user_${random.below(7)},${ADDRESSES[random.below(6)]}\n`);

for (const gzip of [false, true]) {
  test(`killed at any moments, ${gzip ? 'with' : 'without'} gzip, a job gives the bytes of one that was not`, async () => {
    const input = join(folder, gzip ? 'k.csv.gz' : 'k.csv');
    writeFileSync(input, gzip ? gzipSync(csv.join('')) : csv.join(''));
    const out = join(folder, `out-${gzip}`);
    const settings: JobSettings = {
      model: modelPath,
      inputs: [input],
      out,
      options: { ...OPTIONS, gzip },
      threads: 2,
      stepMilliseconds: 0,
      blockBytes: 2000,
    };
    const drill = join(import.meta.dirname, 'transformDrill.js');
    const journal = join(out, `.k.csv${gzip ? '.gz' : ''}.out${gzip ? '.gz' : ''}.transform-progress.jsonl`);
    let kills = 0;
    let resumed = 0;
    for (let isDone = false; !isDone; ) {
      const notes = () => (existsSync(journal) ? readFileSync(journal, 'utf8').split('\n').length : 0);
      if (notes() > 2) resumed++;
      const child = spawn(process.execPath, [drill, JSON.stringify(settings)], {
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      const closed = once(child, 'close');
      if (kills < 8) {
        // Killed when it has noted something, and a moment later: in the middle of whatever it does then.
        const start = notes();
        while (child.exitCode === null && notes() <= Math.max(3, start)) await delay(1);
        await delay(random.below(15));
        child.kill('SIGKILL');
      }
      const [code, signal] = await closed;
      if (signal === 'SIGKILL') kills++;
      else assert.equal(code, 0);
      isDone = signal === null;
    }
    assert.ok(kills >= 3 && resumed >= 2, `${kills} kills, ${resumed} went on: too few to tell`);
    const [name, ...others] = readdirSync(out);
    assert.deepEqual(others, []);
    const bytes = readFileSync(join(out, name));
    const expected = oneByOne(
      csv.map((line) => Buffer.from(line.trimEnd())),
      'csv',
      OPTIONS,
    );
    assert.equal((gzip ? gunzipSync(bytes) : bytes).toString(), expected);
  });
}
