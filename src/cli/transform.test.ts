/** transform as a user runs it. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
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
import { loadModel } from '../index.ts';
import { sampleLogins } from './sampleLogins.ts';

const MAIN = join(import.meta.dirname, 'main.js');
const folder = mkdtempSync(join(tmpdir(), 'ip-insights-transform-'));
after(() => rmSync(folder, { recursive: true }));

interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}
const runWith = (input: string | Uint8Array, ...args: string[]): Outcome => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd: folder,
    encoding: 'utf8',
    input,
    maxBuffer: 1 << 28,
  });
  // A machine with much else to do may take two seconds for any of these, and then shows how far it is.
  return { status, stdout, stderr: stderr.replace(/^transform: .*( MB\/s| s| left)\n/gm, '') };
};
const run = (...args: string[]) => runWith('', ...args);
const transform = (...args: string[]) => run('transform', 'login.model', ...args, '--threads', '2');
const write = (name: string, content: string | Uint8Array) => writeFileSync(join(folder, name), content);
const read = (name: string) => readFileSync(join(folder, name), 'utf8');

write('train.csv', sampleLogins(3000, 1));
const trained = run(
  'train',
  'train.csv',
  ...['--model', 'login.model', '--vector-dim', '8', '--epochs', '2', '--mini-batch-size', '100'],
);
assert.equal(trained.status, 0, trained.stderr);
const model = loadModel(join(folder, 'login.model'));

/** entity and address of each line of sampleLogins */
const recordsOf = (csv: string) =>
  csv
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','));
/** One record at a time: what every way of answering many must give too. */
const dots = (csv: string) =>
  recordsOf(csv).map(([entity, address]) => `{"dot_product":${model.score(entity, address).dotProduct}}`);
const SAMPLE = sampleLogins(500, 7).replace(/,\d+$/gm, '');
const ANSWERS = dots(SAMPLE);
const LINES = `${ANSWERS.join('\n')}\n`;
const hiddenNames = () => readdirSync(folder).filter((name) => name.startsWith('.'));

test('a CSV file: an answer a line beside it, a summary, and nothing else left behind', () => {
  write('a.csv', SAMPLE);
  const { status, stderr } = transform('a.csv');
  assert.deepEqual([status, stderr], [0, 'a.csv: 500 records → a.csv.out\n1 file: 500 records, 0 bad\n']);
  assert.equal(read('a.csv.out'), LINES);
  assert.deepEqual(hiddenNames(), []);
});

const jsonLines = recordsOf(SAMPLE)
  .map((features) => `${JSON.stringify({ features })}\n`)
  .join('');
const json = JSON.stringify({ instances: recordsOf(SAMPLE).map((features) => ({ features })) });
const WAYS: [string, string | Uint8Array, string[], string][] = [
  ['b.jsonl', jsonLines, [], LINES],
  ['b.csv.gz', gzipSync(SAMPLE), [], LINES],
  ['b.json', json, [], LINES],
  ['b.json', json, ['--accept', 'application/json'], `{"predictions":[${ANSWERS}]}\n`],
  [
    'b.csv',
    SAMPLE,
    ['--accept', 'application/json', '--strategy', 'SingleRecord'],
    ANSWERS.map((answer) => `{"predictions":[${answer}]}\n`).join(''),
  ],
  [
    'b.csv',
    SAMPLE,
    ['--accept', 'application/json', '--strategy', 'SingleRecord', '--assemble-with', 'None'],
    ANSWERS.map((answer) => `{"predictions":[${answer}]}`).join(''),
  ],
  [
    'b.csv',
    SAMPLE,
    ['--split-type', 'None', '--accept', 'application/json'],
    `{"predictions":[${ANSWERS}]}\n`,
  ],
  ['b.events', jsonLines, ['--content-type', 'application/jsonlines'], LINES],
  ['b.csv', '', [], ''],
  ['b.csv', '\n\r\n', [], ''],
];
for (const [name, content, args, expected] of WAYS) {
  test(`${name} of ${content.length} bytes with ${args.join(' ') || 'defaults'}`, () => {
    write(name, content);
    const { status, stderr } = transform(name, ...args);
    assert.equal(status, 0, stderr);
    assert.equal(read(`${name}.out`), expected);
  });
}

test('mini-batches of JSON answers end at line ends and hold no more than --max-payload', () => {
  write('c.csv', SAMPLE);
  const { status, stderr } = transform('c.csv', '--accept', 'application/json', '--max-payload', '0.002');
  assert.equal(status, 0, stderr);
  const batches = read('c.csv.out').trimEnd().split('\n');
  let rest = recordsOf(SAMPLE).map((fields) => `${fields.join()}\n`);
  for (const [i, batch] of batches.entries()) {
    const { predictions } = JSON.parse(batch) as { predictions: unknown[] };
    const size = (count: number) => rest.slice(0, count).join('').length;
    assert.ok(size(predictions.length) <= 2000, `batch ${i}`);
    if (i < batches.length - 1) assert.ok(size(predictions.length + 1) > 2000, `batch ${i} has room`);
    rest = rest.slice(predictions.length);
  }
  assert.equal(rest.length, 0);
  const all = batches.map((batch) => batch.slice('{"predictions":['.length, -2)).join();
  assert.equal(all, ANSWERS.join());
});

test('verbose=True gives the vectors, detail=full verdict and reasons', () => {
  write('d.csv', SAMPLE);
  transform('d.csv', '--accept', 'application/jsonlines; verbose=True');
  const [first] = read('d.csv.out').split('\n');
  assert.match(first, /^\{"dot_product":[-\d.e]+,"entity_embedding":\[[^\]]+\],"ip_embedding":\[[^\]]+\]\}$/);
  transform('d.csv', '--accept', 'application/jsonlines; detail=full');
  const [[entity, address]] = recordsOf(SAMPLE);
  const { verdict, dotProduct, reasons } = model.score(entity, address);
  const full = JSON.parse(read('d.csv.out').split('\n')[0]);
  assert.deepEqual([full.verdict, full.dot_product, full.reasons], [verdict, dotProduct, reasons]);
});

test('--gzip writes X.out.gz, of an empty file too', () => {
  write('e.csv', SAMPLE);
  write('empty.csv', '');
  assert.equal(transform('e.csv', 'empty.csv', '--gzip').status, 0);
  assert.equal(gunzipSync(readFileSync(join(folder, 'e.csv.out.gz'))).toString(), LINES);
  assert.equal(gunzipSync(readFileSync(join(folder, 'empty.csv.out.gz'))).length, 0);
});

test('standard input goes to standard output', () => {
  const { status, stdout, stderr } = runWith(SAMPLE, 'transform', 'login.model', '-');
  assert.deepEqual([status, stderr], [0, 'standard input: 500 records, 0 bad\n']);
  assert.equal(stdout, LINES);
});

const bad = SAMPLE.split('\n').map((line, i) => (i === 412 ? 'user_1,10.0.0' : line));

test('a bad record: its file has no output, the others have; the mended file alone is done again', () => {
  mkdirSync(join(folder, 'in/deep'), { recursive: true });
  write('in/a.csv', bad.join('\n'));
  write('in/deep/b.csv', SAMPLE);
  for (const name of ['in/.hidden', 'in/_SUCCESS', 'in/old.csv.out', 'in/old.csv.out.gz']) write(name, 'x');
  const sentence =
    'in/a.csv:413: expected an IP address in field 2, got "10.0.0": it has 3 parts, not 4. ' +
    "Mend it, or have what is wrong in the record's place with --on-bad-record=mark.";
  const failed = transform('in', '--out', 'out');
  assert.equal(failed.status, 1);
  assert.equal(
    failed.stderr,
    `${sentence}\nin/deep/b.csv: 500 records → out/deep/b.csv.out\n` +
      `ip-insights: transform: 1 of 2 files failed and has no output.\n  ${sentence}\n` +
      'Mend them, then give the same command again: files that are done are not done twice.\n',
  );
  assert.deepEqual(readdirSync(join(folder, 'out')).sort(), ['.transform-progress.jsonl', 'deep']);
  assert.equal(read('out/deep/b.csv.out'), LINES);
  write('in/a.csv', SAMPLE);
  const mended = transform('in', '--out', 'out');
  assert.deepEqual(
    [mended.status, mended.stderr],
    [
      0,
      'in/a.csv: 500 records → out/a.csv.out\n' +
        '2 files: 1,000 records, 0 bad; 1 file done by an earlier run; 4 names in folders left out\n',
    ],
  );
  assert.deepEqual(readdirSync(join(folder, 'out')).sort(), ['a.csv.out', 'deep']);
});

test('--on-bad-record=mark: what is wrong stands in the place of the record, with its line in the file', () => {
  write('f.csv', bad.join('\n'));
  const { status, stderr } = transform('f.csv', '--on-bad-record', 'mark');
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^1 file: 500 records, 1 bad$/m);
  const expected = [...ANSWERS];
  expected[412] =
    '{"error":"line 413: expected an IP address in field 2, got \\"10.0.0\\": it has 3 parts, not 4."}';
  assert.equal(read('f.csv.out'), `${expected.join('\n')}\n`);
});

const REFUSED: [string[], string, number, string | RegExp][] = [
  [
    ['x.csv'],
    'entity,ip_address\n',
    1,
    'x.csv:1: expected an IP address in field 2, got "ip_address": it is not an IP address. If that is a header row, remove it (tail -n +2): each line is a record, as for AWS.',
  ],
  [['x.csv'], 'a,1.2.3.4\n"b\nc",1.2.3.4\n', 1, 'x.csv:2: expected a closing quote, found none.'],
  [['x.csv', 'x.csv'], SAMPLE, 2, 'x.csv.out: expected one input for it, but x.csv is given twice.'],
  [['x.csv', '-'], SAMPLE, 2, 'transform: expected - alone or files, got "x.csv -".'],
  [['nowhere.csv'], SAMPLE, 1, 'nowhere.csv: there is no such file.'],
  [['x.csv', '--split-type', 'Word'], SAMPLE, 2, '--split-type: expected Line or None, got "Word".'],
  [
    ['x.csv', '--accept', 'text/csv'],
    SAMPLE,
    2,
    '--accept: expected application/jsonlines or application/json, got "text/csv".',
  ],
  [
    ['x.csv', '--content-type', 'text/plain'],
    SAMPLE,
    2,
    '--content-type: expected text/csv, application/json or application/jsonlines, got "text/plain".',
  ],
  [['x.csv', '--out', 'train.csv'], SAMPLE, 1, 'expected a folder for the outputs, found a file.'],
  [
    ['x.csv', '--max-payload', '0.001'],
    `${'u'.repeat(1001)},1.2.3.4\n`,
    1,
    'x.csv:1: expected a record of at most 1,000 bytes, got a longer one. Raise --max-payload.',
  ],
  [
    ['x.csv', '--split-type', 'None', '--max-payload', '0.001'],
    SAMPLE,
    1,
    'x.csv: expected at most 1,000 bytes, as the whole file is one request, got more.',
  ],
];
for (const [args, content, code, message] of REFUSED) {
  test(`refuses ${args.join(' ')}: ${message}`, () => {
    write('x.csv', content);
    const { status, stderr } = transform(...args);
    assert.equal(status, code, stderr);
    assert.ok(stderr.includes(message as string), stderr);
    assert.equal(existsSync(join(folder, 'x.csv.out')), false);
  });
}

test('a damaged input fails alone', () => {
  write('h.csv.gz', gzipSync(SAMPLE).subarray(0, 1000));
  write('i.csv', SAMPLE);
  const { status, stderr } = transform('h.csv.gz', 'i.csv');
  assert.equal(status, 1);
  const sentence = 'h.csv.gz: the gzip data ends in the middle (truncated file). Copy or download it again.';
  assert.ok(stderr.startsWith(`${sentence}\ni.csv: 500 records → i.csv.out\n`), stderr);
  assert.equal(existsSync(join(folder, 'h.csv.gz.out')), false);
  assert.equal(read('i.csv.out'), LINES);
});

test('an input that is a pipe is read once, from its start', () => {
  write('j.csv', SAMPLE);
  const script = 'mkfifo pipe; cat j.csv >pipe & exec "$@"';
  const command = [process.execPath, MAIN, 'transform', 'login.model', 'pipe', '--out', 'piped'];
  const { status, stderr } = spawnSync('sh', ['-c', script, 'sh', ...command], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  assert.equal(read('piped/pipe.out'), LINES);
});

/** Enough to be caught in the middle. */
const MANY = 1_500_000;
const large = SAMPLE.repeat(MANY / 500);

/** Starts a job on large.csv in one thread, and returns when some of it is noted. */
async function begun(out: string): Promise<{ child: ReturnType<typeof spawn>; said(): string }> {
  const args = [MAIN, 'transform', 'login.model', 'large.csv', '--out', out, '--threads', '1'];
  const child = spawn(process.execPath, args, { cwd: folder });
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  const journal = join(folder, out, '.large.csv.out.transform-progress.jsonl');
  while (!existsSync(journal) || readFileSync(journal, 'utf8').split('\n').length < 3) {
    assert.equal(child.exitCode, null, `the job ended before it was caught: ${said}`);
    await delay(10);
  }
  return { child, said: () => said };
}

test('a second job on the same output refuses; kill -9, Ctrl-C, and the same command goes on to the same bytes', async () => {
  write('large.csv', large);
  const first = await begun('kept');
  // It would be done before the others have looked.
  first.child.kill('SIGSTOP');
  const second = transform('large.csv', '--out', 'kept');
  assert.equal(second.status, 1);
  assert.match(
    second.stderr,
    new RegExp(
      `: another transform is writing these outputs \\(process ${first.child.pid}\\)\\. Wait until it has ended, or choose another folder with --out\\.\n$`,
    ),
  );
  const among = transform('large.csv', 'a.csv', '--out', 'kept');
  assert.equal(among.status, 1);
  assert.match(among.stderr, /large\.csv\.out\.lock: another transform is writing these outputs/);
  first.child.kill('SIGKILL');
  await once(first.child, 'close');
  assert.equal(existsSync(join(folder, 'kept/large.csv.out')), false);
  rmSync(join(folder, 'kept/.transform-progress.jsonl'));
  const again = run('transform', 'login.model', 'large.csv', '--out', 'kept', '--threads', '1');
  assert.equal(again.status, 0, again.stderr);
  assert.equal(read('kept/large.csv.out'), LINES.repeat(MANY / 500));
  assert.deepEqual(readdirSync(join(folder, 'kept')), ['large.csv.out']);

  const stopped = await begun('stopped');
  stopped.child.kill('SIGTERM');
  const [code] = await once(stopped.child, 'close');
  assert.equal(code, 143);
  assert.match(
    stopped.said(),
    /stopped by SIGTERM: what is done is kept; give the same command again to go on\n$/,
  );
  const other = transform('large.csv', '--out', 'stopped', '--assemble-with', 'None');
  assert.match(other.stderr, /^note: begins anew, as the job that ended early had another set of options$/m);
  assert.equal(read('stopped/large.csv.out'), LINES.repeat(MANY / 500));
});

test('a full disk: a sentence, exit code 1, and the job goes on when there is room', () => {
  const script = `mount -t tmpfs -o size=300k tmpfs out2 || exit 77
    "$@"; code=$?
    mount -o remount,size=10m out2; "$@" || exit 78
    cat out2/g.csv.out; exit $code`;
  mkdirSync(join(folder, 'out2'));
  write('g.csv', SAMPLE.repeat(40));
  const unshare = process.getuid!() === 0 ? ['-m'] : ['-Urm'];
  const command = [process.execPath, MAIN, 'transform', 'login.model', 'g.csv', '--out', 'out2'];
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    [...unshare, 'sh', '-c', script, 'sh', ...command],
    { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  assert.equal(status, 1, `expected to mount a small disk and fill it, got ${status}: ${stderr}`);
  assert.match(
    stderr,
    /^ip-insights: out2\/g\.csv\.out: cannot be written, the disk is full\. Free some space in out2, then run this again; /m,
  );
  assert.equal(stdout, LINES.repeat(40));
});
