/** `ip-insights train` as a user runs it: processes of their own, killed and started again. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
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
import { fileURLToPath } from 'node:url';
import { headerOf, withHeader } from '../model/sampleModelFile.ts';
import { version } from '../version.ts';
import { inPairs } from './inPairs.ts';
import { sampleLogins } from './sampleLogins.ts';

const main = fileURLToPath(new URL('./main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'train-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const read = (name: string) => readFileSync(at(name));

writeFileSync(at('train.csv'), sampleLogins(20_000, 1));
writeFileSync(at('half.csv'), sampleLogins(10_000, 1));
writeFileSync(at('other.csv'), sampleLogins(20_000, 2));
writeFileSync(at('small.csv'), sampleLogins(300, 3));
writeFileSync(at('later.csv'), sampleLogins(500, 4));

interface Outcome {
  status: number | null;
  signal: string | null;
  stderr: string;
  /** its last line */
  said: string;
}

/** Runs a command to its end. */
async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  let stderr = '';
  child.stderr!.on('data', (text) => {
    stderr += text;
  });
  const [status, signal] = await once(child, 'close');
  return { status, signal, stderr, said: stderr.trimEnd().split('\n').at(-1)! };
}

const start = (...flags: string[]) =>
  spawn(process.execPath, [main, 'train', ...flags], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
const train = (...flags: string[]) => outcomeOf(start(...flags));

/** Until a process has said something. */
const heard = (child: ChildProcess, words: RegExp) =>
  new Promise<void>((resolve) => {
    let text = '';
    child.stderr!.on('data', (more) => {
      text += more;
      if (words.test(text)) resolve();
    });
  });

/** Nothing half-written lies around. */
const noPartsIn = (name: string) =>
  assert.deepEqual(
    readdirSync(at(name)).filter((file) => file.endsWith('.part')),
    [],
  );

const QUICK = ['--vector-dim', '8', '--epochs', '2', '--mini-batch-size', '100', '--learning-rate', '0.02'];

test('the same seed gives the same model file for any number of threads, another seed another one', async () => {
  const flags = [
    ...['train.csv', '--vector-dim', '20', '--epochs', '1', '--mini-batch-size', '500'],
    ...['--learning-rate', '0.1'],
  ];
  await inPairs(['1', '2', '3'], async (threads) => {
    const run = await train(
      ...flags,
      '--seed',
      '5',
      '--threads',
      threads,
      '--model',
      `threads${threads}.model`,
    );
    assert.equal(run.status, 0, run.stderr);
    const rows = '300 entity rows, [\\d,]+ network rows, 20 dimensions, 1 epoch';
    const count = threads === '1' ? '1 thread' : `${threads} threads`;
    assert.match(
      run.stderr,
      new RegExp(`^training: 20,000 events, [\\d,]+ distinct pairs, ${rows}, ${count}$`, 'm'),
    );
    assert.doesNotMatch(run.stderr, /note:/);
  });
  for (const threads of [2, 3]) assert.deepEqual(read(`threads${threads}.model`), read('threads1.model'));
  assert.equal((await train(...flags, '--seed', '6', '--model', 'seed6.model')).status, 0);
  assert.notDeepEqual(read('seed6.model'), read('threads1.model'));
});

test('--kernels plain trains, says so, and gives the same model for any number of threads', async () => {
  await inPairs(['1', '3'], async (threads) => {
    const model = `plain${threads}.model`;
    const run = await train(
      'small.csv',
      ...QUICK,
      '--kernels',
      'plain',
      '--threads',
      threads,
      '--model',
      model,
    );
    assert.equal(run.status, 0, run.stderr);
    assert.match(run.stderr, /^note: the plain kernels serve, as asked\.$/m);
  });
  assert.deepEqual(read('plain3.model'), read('plain1.model'));
});

test('values that cannot be understood end with 2 and a sentence, before any work', async () => {
  const table: [string[], string][] = [
    [['--threads', '0'], '--threads: expected an integer from 1 to 256, got "0".'],
    [['--threads', '1.5'], '--threads: expected an integer from 1 to 256, got "1.5".'],
    [['--kernels', 'x'], '--kernels: expected auto or plain, got "x".'],
    [['--checkpoint-minutes', '5'], '--checkpoint-minutes: nothing says where. Add --checkpoint FOLDER.'],
    [
      ['--checkpoint', 'c', '--checkpoint-minutes', '0'],
      '--checkpoint-minutes: expected a number of at least 0.01, got "0".',
    ],
  ];
  await inPairs(table, async ([flags, sentence]) => {
    const { status, stderr } = await train('small.csv', '--model', 'never.model', ...flags);
    assert.deepEqual([status, stderr], [2, `ip-insights: ${sentence}\n`]);
  });
  assert.ok(!existsSync(at('never.model')));
  assert.ok(!existsSync(at('c')));
});

test('tables beyond all memory are refused at once, with the sum and its parts', async () => {
  const started = performance.now();
  const size = ['--num-entity-vectors', '250000000', '--vector-dim', '4096'];
  const { status, said } = await train('small.csv', '--model', 'never.model', ...size);
  assert.equal(status, 1);
  // 250,000,000 · (4 · 4096 + 8) bytes
  assert.match(
    said,
    /^ip-insights: training needs 381\d\.\d GiB of memory: 3816\.6 GiB for 250,000,000 entity rows of 4096 numbers, 0\.\d\d GiB for \d+ network rows, 0\.\d\d GiB for events and mini-batches of 1,000, 0\.\d\d GiB for \d+ threads?; (\d+\.\d+ GiB are free|one table may have 16\.0 GiB)\. Lower --num-entity-vectors \(now 250000000\) or --vector-dim \(now 4096\)\.$/,
  );
  assert.ok(performance.now() - started < 10_000);
  assert.ok(!existsSync(at('never.model')));
});

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} in the middle of training ends at once; the old model is whole, nothing lies beside it`, async () => {
    mkdirSync(at(signal));
    const model = join(signal, 'login.model');
    writeFileSync(at(model), 'old');
    const child = start('train.csv', ...QUICK, '--epochs', '100000', '--threads', '2', '--model', model);
    const outcome = outcomeOf(child);
    await heard(child, /epoch 1 of/);
    const started = performance.now();
    child.kill(signal);
    const { status, said } = await outcome;
    assert.ok(performance.now() - started < 2000, 'not at once');
    assert.equal(status, code);
    assert.equal(said, `stopped by ${signal}: what was being written is removed, older files are whole`);
    assert.deepEqual(readdirSync(at(signal)), ['login.model']);
    assert.equal(read(model).toString(), 'old');
  });
}

/** What is killed and started again: threads of each start in turns. */
const KILLED: { name: string; file: string; flags: string[]; checkpoint: string[]; threads: string[] }[] = [
  {
    name: 'after every epoch, the same number of threads',
    file: 'half.csv',
    flags: ['--epochs', '6'],
    checkpoint: [],
    threads: ['2'],
  },
  {
    name: 'every 0.6 s too, validation data, other numbers of threads',
    file: 'half.csv',
    flags: ['--epochs', '6', '--random-negative-sampling-rate', '5', '--validation', 'later.csv'],
    checkpoint: ['--checkpoint-minutes', '0.01'],
    threads: ['1', '3', '2'],
  },
  {
    // Epochs that take longer than that, so that the first checkpoint is one in their middle.
    name: 'every 0.6 s too, six layers, other numbers of threads',
    file: 'train.csv',
    flags: [
      ...['--epochs', '2', '--num-ip-encoder-layers', '6', '--vector-dim', '128'],
      ...['--random-negative-sampling-rate', '10'],
    ],
    checkpoint: ['--checkpoint-minutes', '0.01'],
    threads: ['3', '1'],
  },
];

for (const [i, { name, file, flags, checkpoint, threads }] of KILLED.entries()) {
  test(`killed at random moments and started again, the model is that of one run: checkpoints ${name}`, async (t) => {
    const [whole, model, kept] = [`whole${i}.model`, `killed${i}.model`, `kept${i}`];
    const options = [file, '--vector-dim', '24', '--mini-batch-size', '200', ...flags];
    const started = performance.now();
    const { status, stderr, said } = await train(...options, '--threads', '2', '--model', whole);
    assert.equal(status, 0, stderr);
    const wholeMilliseconds = performance.now() - started;
    const epochMilliseconds = (Number(/trained in (.*) s /.exec(said)![1]) * 1000) / Number(flags[1]);

    // As often as there are signals; whoever lives on then comes to the end.
    const signals = ['SIGKILL', 'SIGKILL', 'SIGINT', 'SIGKILL', 'SIGTERM'] as const;
    const killed: string[] = [];
    // A quick machine may come to the end between two kills: then once more from the beginning.
    for (let run = 0, finished = 0; killed.length < 3 || finished === 0; run++) {
      assert.ok(run < 60, `never got to the end: ${killed.join(', ')}`);
      const child = start(
        ...[...options, ...checkpoint, '--checkpoint', kept],
        ...['--threads', threads[run % threads.length], '--model', model],
      );
      const outcome = outcomeOf(child);
      const signal = signals[run % signals.length];
      const isAnywhere = run % 3 === 2;
      // Anywhere, or some time after the first checkpoint of this start, so that there is progress.
      const milliseconds =
        Math.random() * (isAnywhere ? wholeMilliseconds : Math.min(300, 1.2 * epochMilliseconds));
      const killer = new AbortController();
      const kill = async () => {
        if (!isAnywhere) await heard(child, /MB written/);
        await delay(milliseconds, undefined, killer);
        child.kill(signal);
      };
      if (killed.length < signals.length) kill().catch(() => {});
      const ended = await outcome;
      killer.abort();
      if (ended.status !== 0) {
        killed.push(
          `${signal} ${Math.round(milliseconds)} ms after ${isAnywhere ? 'its start' : 'a checkpoint'}`,
        );
        const code = { SIGKILL: undefined, SIGINT: 130, SIGTERM: 143 }[signal];
        // A signal may come before there is anybody to hear it.
        assert.ok(ended.signal === signal || ended.status === code, ended.stderr);
      }
      // A kill may also come between the last rename and the end of the process.
      if (existsSync(at(model))) assert.deepEqual(read(model), read(whole), killed.join(', '));
      if (ended.status !== 0) continue;
      assert.ok(existsSync(at(model)));
      assert.deepEqual(readdirSync(at(kept)), ['fit.checkpoint', 'training.checkpoint']);
      finished++;
      if (killed.length < 3) for (const name of [model, kept]) rmSync(at(name), { recursive: true });
    }
    t.diagnostic(`killed ${killed.join(', ')}`);
  });
}

test('the checkpoint of another training, a damaged one and no folder for one: 1, the sentence, and the old model', async () => {
  const validated = ['small.csv', ...QUICK, '--validation', 'later.csv'];
  const flags = [...validated, '--checkpoint', 'first', '--model', 'login.model'];
  const first = await train(...flags);
  assert.equal(first.status, 0, first.stderr);
  const [file, model] = [read('first/training.checkpoint'), read('login.model')];
  // Its own is taken, and nothing is left to do.
  const again = await train(...flags);
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stderr, /^first\/training\.checkpoint: going on after 2 epochs$/m);
  assert.deepEqual(read('login.model'), model);
  const another = withHeader(file, { ...headerOf(file), card: { ...headerOf(file).card, madeBy: '0.0.9' } });
  const damaged = Uint8Array.from(file, (byte, i) => (i === file.length - 40 ? byte ^ 1 : byte));
  writeFileSync(at('file'), '');

  const sha = '[0-9a-f]{64}';
  const other = (what: string) =>
    `is of another training: ${what}. Use the same data and options, or another --checkpoint folder.`;
  const isFile =
    'expected a folder for checkpoints, found a file of that name or on the way to it. Name another one with --checkpoint.';
  const table: [flags: string[], checkpoint: Uint8Array | string, sentence: string][] = [
    [['train.csv', ...validated.slice(1)], file, other('the number of distinct pairs was 297, is now 15914')],
    [[...validated, '--vector-dim', '9'], file, other('--vector-dim was 8, is now 9')],
    [[...validated, '--seed', '2'], file, other('--seed was 1, is now 2')],
    [
      [...validated, '--validation', 'other.csv'],
      file,
      other(`the checksum of the validation data was ${sha}, is now ${sha}`),
    ],
    [validated, another, other(`the version of ip-insights was 0.0.9, is now ${version}`)],
    [[...validated, '--kernels', 'plain'], file, other('the kind of kernels was WebAssembly, is now plain')],
    [validated, new Uint8Array(0), 'is empty, expected a checkpoint. Remove it to start from the beginning.'],
    [
      validated,
      damaged,
      `its checksum does not match its content: the file was changed or damaged. Copy it again, or remove it to start from the beginning.`,
    ],
    [validated, 'file', `file: ${isFile}`],
    [validated, 'file/below', `file/below: ${isFile}`],
  ];
  await inPairs(table, async ([flags, checkpoint, sentence], i) => {
    const [kept, model] = [typeof checkpoint === 'string' ? checkpoint : `kept-${i}`, `old/${i}.model`];
    mkdirSync(at('old'), { recursive: true });
    writeFileSync(at(model), 'old');
    if (typeof checkpoint !== 'string') {
      mkdirSync(at(kept));
      writeFileSync(at(`${kept}/training.checkpoint`), checkpoint);
    }
    const { status, said } = await train(...flags, '--checkpoint', kept, '--model', model);
    const place = typeof checkpoint === 'string' ? '' : `${kept}/training.checkpoint: `;
    assert.equal(status, 1);
    const pattern = `ip-insights: ${place}${sentence}`.replaceAll('.', '\\.');
    assert.match(said, new RegExp(`^${pattern}$`));
    assert.equal(read(model).toString(), 'old');
    if (typeof checkpoint !== 'string') {
      assert.deepEqual(new Uint8Array(read(`${kept}/training.checkpoint`)), new Uint8Array(checkpoint));
      const fit = readdirSync(at(kept)).filter((file) => file !== 'fit.checkpoint');
      assert.deepEqual(fit, ['training.checkpoint']);
    }
  });
  noPartsIn('old');
});

/** Shells around the training that leave room for the model, but none for a checkpoint in the folder `full`. */
const FULL: { name: string; wrapped: string[][]; shell: string; sentence: string }[] = [
  {
    name: 'a full disk',
    // A disk of its own that vanishes with the processes; a user who is not root must be root of his own first.
    wrapped: [
      ['unshare', '--mount'],
      ['unshare', '--map-root-user', '--mount'],
    ],
    shell: 'mount -t tmpfs -o size=16k none full',
    sentence:
      'the disk is full. Free some space in full, then run this again; an older file of that name is whole.',
  },
  {
    name: 'a limit on the size of files',
    wrapped: [['env']],
    // A model of 650 kB, a checkpoint of 810 kB.
    shell: 'ulimit -f 720',
    sentence: 'files here may not grow this large (ulimit -f, or the limit of the file system).',
  },
];

for (const { name, wrapped, shell, sentence } of FULL) {
  test(`${name} is told after every epoch, and the training goes on without checkpoints`, async (t) => {
    mkdirSync(at('full'), { recursive: true });
    const options = ['small.csv', ...QUICK, '--num-entity-vectors', '20000'];
    if (!existsSync(at('whole.model'))) {
      assert.equal((await train(...options, '--model', 'whole.model')).status, 0);
    }
    const run = (command: string[], ...more: string[]) =>
      outcomeOf(
        spawn(command[0], [...command.slice(1), 'bash', '-c', ...more], {
          cwd: folder,
          stdio: ['ignore', 'ignore', 'pipe'],
        }),
      );
    let way: string[] | undefined;
    for (const one of wrapped) if (!way && (await run(one, shell)).status === 0) way = one;
    if (!way) {
      t.diagnostic('no right to mount a small disk here: the limit on the size of files alone stands for it');
      return;
    }
    const command = `${shell}; "$@"; code=$?; ls -A full >&2; exit $code`;
    const { status, stderr } = await run(
      way,
      ...[command, 'bash', process.execPath, main, 'train', ...options],
      ...['--checkpoint', 'full', '--model', 'full.model'],
    );
    assert.equal(status, 0, stderr);
    const warnings = ['fit', 'fit', 'training', 'training'].map(
      (stage) =>
        `warning: no checkpoint: full/${stage}.checkpoint: cannot be written, ${sentence} The training goes on.`,
    );
    const lines = stderr.trimEnd().split('\n');
    assert.deepEqual(
      lines.filter((line) => line.includes('checkpoint')),
      warnings,
    );
    // Nothing is left in the folder, whose list would come now.
    assert.match(lines.at(-1)!, /^full\.model: 0\.\d MB, trained in /);
    assert.deepEqual(read('full.model'), read('whole.model'));
  });
}
