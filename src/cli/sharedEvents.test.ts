import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { EventReader } from '../events/readEvents.ts';
import type { Shard } from '../files/shard.ts';
import { eventsOf } from './sharedEvents.ts';

const folder = mkdtempSync(join(tmpdir(), 'ip-insights-events-'));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'events.csv');

/** Everything that reading tells: events and bad lines with their numbers, in order, and how many lines of which kind there were. */
async function told(shard: Shard | undefined) {
  const items: string[] = [];
  const { stretch, chunks } = await eventsOf(path, shard);
  const bad = (line: number, sentence: string) => items.push(`${line}: ${sentence}`);
  const reader = new EventReader({ name: 'events.csv', onBadLine: bad, stretch }, (event) => {
    items.push(Buffer.from(event.bytes.subarray(event.entityStart, event.entityEnd)).toString('latin1'));
  });
  for await (const chunk of chunks(() => {})) {
    reader.push(chunk);
    if (reader.isOver) break;
  }
  const { lines, events, skipped } = reader.finish();
  const sum = [...skipped.values()].reduce((all, n) => all + n, 0);
  return { items: items.filter((item) => !/blank line/.test(item)), figures: [lines, events, sum] };
}

async function toldByAll(count: number) {
  let items: string[] = [];
  const figures = [0, 0, 0];
  for (let number = 1; number <= count; number++) {
    const part = await told({ number, count });
    items = items.concat(part.items);
    for (const i of figures.keys()) figures[i] += part.figures[i];
  }
  return { items, figures };
}

const piece = fc.constantFrom(
  'a,8.8.8.8\n',
  'user_1,2001:db8::1,2024-01-01\r\n',
  '"a\nb",8.8.8.8\n',
  '"c, ""d""\r\n\n", 8.8.4.4\n',
  '\n',
  '\r\n',
  'x,1.2.3\n',
  '"never closed,8.8.8.8\n',
  '"a"b,8.8.8.8\n',
  'q"q,8.8.8.8\n',
  '\ufeffm,8.8.8.8\n',
  '\u00e9,8.8.8.8,"2024-01-01\n"\n',
  '"e"',
  ',1.1.1.1',
  'entity,address\n',
);
const csv = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''));

test('all shards together read what one reader does, events and bad lines with their numbers, for any count', async () => {
  await fc.assert(
    fc.asyncProperty(csv, fc.integer({ min: 1, max: 12 }), fc.boolean(), async (text, count, isMarked) => {
      writeFileSync(path, `${isMarked ? '\ufeff' : ''}${text}`);
      assert.deepEqual(await toldByAll(count), await told(undefined));
    }),
    { numRuns: 300 },
  );
});

test('more shards than bytes: each cut is right', async () => {
  for (const text of ['"a\nb",8.8.8.8\nc,1.1.1.1', '\ufeff"a\nb",8.8.8.8\n"c\n\nd,1.1.1.1\n', '', '\n\n']) {
    writeFileSync(path, text);
    assert.deepEqual(await toldByAll(Buffer.byteLength(text) + 3), await told(undefined));
  }
});

test('quotes that are open for a megabyte, and lines that are too long, are the same for every shard', async () => {
  const long = 'x'.repeat((1 << 20) + 10);
  const many = 'plain,8.8.8.8\n'.repeat(150_000);
  for (const text of [
    `${many}"open,8.8.8.8\n${many}"z",8.8.8.8\n${many}`,
    `a,8.8.8.8\n${long},8.8.8.8\n${many}"a\nb",9.9.9.9\n"${long}\n",1.1.1.1\nb,1.1.1.1\n`,
    `${many}"closed\n${many.slice(0, 1 << 18)}" text after,8.8.8.8\n${many}`,
  ]) {
    writeFileSync(path, text);
    const whole = await told(undefined);
    assert.ok(whole.items.length > 1000);
    for (const count of [2, 3, 7, 40]) assert.deepEqual(await toldByAll(count), whole, `${count} shards`);
  }
});

test('a compressed file is read by one shard, the others have nothing', async () => {
  writeFileSync(path, gzipSync('a,8.8.8.8\nb,1.1.1.1\nc,1.2.3\n'));
  const parts = [];
  for (let number = 1; number <= 4; number++) parts.push((await told({ number, count: 4 })).items.length);
  assert.deepEqual(parts, [0, 0, 3, 0]);
});

test('UTF-16 is refused by every shard', async () => {
  writeFileSync(path, Buffer.from('\ufeffuser_1,8.8.8.8\n', 'utf16le'));
  for (const number of [1, 2, 3]) {
    await assert.rejects(told({ number, count: 3 }), {
      message: /^.*events\.csv: expected UTF-8 text, got UTF-16\. Convert it: iconv -f UTF-16 -t UTF-8\.$/,
    });
  }
});
