import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { SIZES } from './miniBatch.ts';
import { type Place, runTraining, type TrainingHooks } from './runTraining.ts';
import { type EpochProgress, Training } from './train.ts';
import { complete, copyOf, KERNELS, rowsOf, someEvents } from './trainingSamples.ts';

/** A test may wait for threads this long: what hangs, fails. */
const timeout = 60_000;

const START: Place = { epoch: 0, batch: 0 };

/** Five mini-batches an epoch, the last one short; each of several chunks of terms. */
const EVENTS = someEvents(1501);
const BATCHES = 5;
const hyperparameters = (numIpEncoderLayers: number) =>
  complete({
    numIpEncoderLayers,
    miniBatchSize: 333,
    vectorDim: 13,
    numEntityVectors: 11,
    randomNegativeSamplingRate: 3,
    shuffledNegativeSamplingRate: 2,
    weightDecay: 0.01,
    epochs: 2,
  });

const start = (layers: number, { kernels } = KERNELS[1], threads = 3) =>
  new Training(EVENTS, hyperparameters(layers), 9, kernels, threads);

/** What a training ends with: its tables, and what it told after each epoch. */
async function outcome(training: Training, from = START, hooks: TrainingHooks = {}) {
  const epochs: EpochProgress[] = [];
  await runTraining(training, from, { onEpoch: (progress) => epochs.push(progress), ...hooks });
  return { tables: copyOf(training.state.tables), epochs };
}

/** The same on the calling thread. */
function outcomeHere(training: Training) {
  const epochs: EpochProgress[] = [];
  let spanning = 0;
  for (const epoch of [0, 1]) {
    for (const progress of training.runEpoch(epoch)) {
      epochs[epoch] = progress;
      spanning += training.state.batches[0].sizes[SIZES.spanning];
    }
  }
  assert.ok(spanning > 0);
  return { tables: copyOf(training.state.tables), epochs };
}

/** The threads that are started from now on. */
function startedWorkers(context: TestContext): Worker[] {
  const workers: Worker[] = [];
  const note = (worker: Worker) => workers.push(worker);
  process.on('worker', note);
  context.after(() => process.off('worker', note));
  return workers;
}

/** Node gives a thread that has ended this number. */
const ENDED = -1;

for (const kind of KERNELS) {
  for (const layers of [0, 2]) {
    test(`${kind.name}, ${layers} layers: 1, 2, 3 and 5 threads learn the same, bit for bit, and tell the same`, {
      timeout,
    }, async () => {
      const expected = outcomeHere(start(layers, kind));
      for (const threads of [1, 2, 3, 5])
        assert.deepEqual(await outcome(start(layers, kind, threads)), expected);
    });

    test(`${kind.name}, ${layers} layers: a training taken up in the middle of an epoch ends as one that was not stopped`, {
      timeout,
    }, async () => {
      const expected = await outcome(start(layers, kind));
      const first = start(layers, kind);
      const second = start(layers, kind, 2);
      const stop = new AbortController();
      let place = START;
      let pause = () => {};
      const ended = outcome(first, START, {
        onRunning: (ask) => {
          pause = ask;
          pause();
        },
        onPause: ({ epoch, batches }) => {
          if (batches < 3) return pause();
          place = { epoch, batch: batches };
          const from = rowsOf(first.state.tables);
          for (const [t, { vectors, moment, steps }] of rowsOf(second.state.tables).entries()) {
            vectors.set(from[t].vectors);
            moment.set(from[t].moment);
            steps.set(from[t].steps);
          }
          second.state.totals.set(first.state.totals);
          stop.abort();
        },
        signal: stop.signal,
      });
      await assert.rejects(ended, { name: 'AbortError' });
      assert.deepEqual(place, { epoch: 0, batch: 3 });
      assert.deepEqual(await outcome(second, place), expected);
    });
  }
}

test('a training that is at its end has nothing to do', { timeout }, async (context) => {
  const workers = startedWorkers(context);
  const training = start(0);
  const before = copyOf(training.state.tables);
  await runTraining(training, { epoch: 2, batch: 0 }, {});
  assert.deepEqual(copyOf(training.state.tables), before);
  assert.deepEqual(workers, []);
});

test('epochs without any mini-batch left are told, too', { timeout }, async () => {
  const training = start(0);
  const { epochs } = await outcome(training, { epoch: 1, batch: BATCHES });
  assert.deepEqual(
    epochs.map(({ epoch, batches }) => [epoch, batches]),
    [[1, 0]],
  );
});

test('progress is told at every metrics interval, in order, and each epoch at its end', {
  timeout,
}, async () => {
  const h = { ...hyperparameters(0), miniBatchSize: 80, batchMetricsPublishInterval: 4 };
  const batches = 19;
  const told: [string, number, number][] = [];
  await runTraining(new Training(EVENTS, h, 9, KERNELS[1].kernels, 3), START, {
    onProgress: ({ epoch, batches }) => told.push(['progress', epoch, batches]),
    onEpoch: ({ epoch, batches }) => told.push(['epoch', epoch, batches]),
  });
  const places = told.map(([, epoch, batch]) => epoch * batches + batch);
  assert.deepEqual(
    places,
    places.toSorted((a, b) => a - b),
  );
  assert.deepEqual(
    told.filter(([kind]) => kind === 'epoch'),
    [
      ['epoch', 0, batches],
      ['epoch', 1, batches],
    ],
  );
  const due = [0, 1].flatMap((epoch) => [4, 8, 12, 16].map((batches) => ['progress', epoch, batches]));
  for (const one of due)
    assert.ok(
      told.some((other) => other.join() === one.join()),
      one.join(),
    );
});

test('while a pause or the end of an epoch is told, nothing changes', { timeout }, async () => {
  const training = start(2);
  const asleep = new Int32Array(new SharedArrayBuffer(4));
  let pauses = 0;
  let pauseAgain = () => {};
  const stand = () => {
    const before = copyOf(training.state.tables);
    // So long that a thread which went on would have changed something.
    Atomics.wait(asleep, 0, 0, 30);
    assert.deepEqual(copyOf(training.state.tables), before);
  };
  await runTraining(training, START, {
    onRunning: (pause) => {
      pauseAgain = pause;
      pause();
    },
    onPause: () => {
      stand();
      if (++pauses < 5) pauseAgain();
    },
    onEpoch: stand,
  });
  assert.equal(pauses, 5);
});

test('a pause asked for at the end of an epoch comes in the next one', { timeout }, async () => {
  let pause = () => {};
  const pausedIn: number[] = [];
  await runTraining(start(0), START, {
    onRunning: (ask) => {
      pause = ask;
    },
    onEpoch: ({ epoch }) => {
      if (epoch === 0) pause();
    },
    onPause: ({ epoch }) => pausedIn.push(epoch),
  });
  assert.deepEqual(pausedIn, [1]);
});

test('a thread that dies ends the training, with a message that says where', { timeout }, async (context) => {
  for (const threads of [1, 3]) {
    const workers = startedWorkers(context);
    const training = start(0, KERNELS[1], threads);
    training.state.hyperparameters.batchMetricsPublishInterval = 1;
    const ended = runTraining(training, START, { onProgress: () => void workers[threads - 1].terminate() });
    await assert.rejects(ended, ({ name, message }: Error) => {
      assert.equal(name, 'InputError');
      assert.match(
        message,
        new RegExp(
          `^epoch \\d, batch \\d+: thread ${threads} of ${threads} died \\(exit code 1\\)\\. The model was not written\\. Run it again; --checkpoint keeps what was learned, --threads ${Math.max(1, threads - 1)} takes less memory\\.$`,
        ),
      );
      return true;
    });
    assert.deepEqual(
      workers.map(({ threadId }) => threadId),
      Array(threads).fill(ENDED),
    );
  }
});

/**
 * Trains with three threads, of which the second one does something when it has waited and claimed so often.
 * @returns what the training says of it
 */
function messageAfter(deed: string): string {
  // Loaded before everything in each thread.
  const doing = `
    import { isMainThread, workerData } from 'node:worker_threads';
    const { add } = Atomics;
    let calls = 0;
    if (!isMainThread && workerData.content.index === 1) {
      Atomics.add = (...given) => {
        if (++calls === 200) ${deed};
        return add(...given);
      };
    }`;
  const module = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
  const program = `
    import { runTraining } from ${module('./runTraining.js')};
    import { Training } from ${module('./train.js')};
    import { complete, KERNELS, someEvents } from ${module('./trainingSamples.js')};
    const training = new Training(someEvents(700), complete({ epochs: 100 }), 9, KERNELS[1].kernels, 3);
    await runTraining(training, { epoch: 0, batch: 0 }, {}).catch(({ name, message }) => console.log(name, message));`;
  const preload = `data:text/javascript,${encodeURIComponent(doing)}`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout,
    env: { ...process.env, NODE_OPTIONS: `--import ${preload}` },
  });
  assert.equal(stderr, '');
  return stdout;
}

test('a thread that leaves by itself ends the training, too', { timeout }, () => {
  assert.match(
    messageAfter('process.exit(7)'),
    /^InputError (before the first batch|epoch \d+, batch \d+): thread 2 of 3 died \(exit code 7\)\. The model was not written\. Run it again; --checkpoint keeps what was learned, --threads 2 takes less memory\.\n$/,
  );
});

test('a thread that gets no memory ends the training with advice', { timeout }, () => {
  assert.equal(
    messageAfter("throw new RangeError('Array buffer allocation failed')"),
    'InputError thread 2 of 3 is out of memory (Array buffer allocation failed). The model was not written. Lower --threads (now 3) or --mini-batch-size (now 16).\n',
  );
});

test('an error in a thread is the error of the training', { timeout }, async (context) => {
  const workers = startedWorkers(context);
  const training = start(0);
  Object.assign(training.state, { prefixParts: undefined });
  await assert.rejects(runTraining(training, START, {}), ({ name, message, stack }: Error) => {
    assert.equal(name, 'Error');
    assert.equal(message, "Cannot read properties of undefined (reading 'rows')");
    assert.match(stack!, /prefixes\.js/);
    return true;
  });
  assert.ok(workers.every(({ threadId }) => threadId === ENDED));
});

test('a loss that is no longer a number stops all threads with advice', { timeout }, async () => {
  const h = complete({ learningRate: 10, numIpEncoderLayers: 60 });
  for (const { kernels } of KERNELS) {
    await assert.rejects(runTraining(new Training(EVENTS, h, 1, kernels, 3), START, {}), {
      name: 'InputError',
      message: /^epoch \d, batch \d+: loss is (NaN|Infinity)\. Lower --learning-rate \(now 10\)\.$/,
    });
  }
});

test('a signal ends the training with its reason, before its start and in its middle', {
  timeout,
}, async (context) => {
  const workers = startedWorkers(context);
  const reason = new Error('enough');
  await assert.rejects(runTraining(start(0), START, { signal: AbortSignal.abort(reason) }), reason);
  assert.deepEqual(workers, []);
  const stop = new AbortController();
  const epochs: number[] = [];
  const ended = runTraining(start(0), START, {
    signal: stop.signal,
    onEpoch: ({ epoch }) => {
      epochs.push(epoch);
      stop.abort(reason);
    },
  });
  await assert.rejects(ended, reason);
  assert.deepEqual(epochs, [0]);
  assert.deepEqual(
    workers.map(({ threadId }) => threadId),
    [ENDED, ENDED, ENDED],
  );
});

test('an epoch that threads end while they are being ended is not told', { timeout }, async () => {
  const reason = new Error('enough');
  const stop = new AbortController();
  let told = 0;
  const ended = runTraining(start(0), START, {
    signal: stop.signal,
    onEpoch: () => {
      told++;
      // Before anybody else hears of the abort: time enough for threads that go on to end another epoch.
      queueMicrotask(() => {
        const until = performance.now() + 300;
        while (performance.now() < until);
      });
      stop.abort(reason);
    },
  });
  await assert.rejects(ended, reason);
  assert.equal(told, 1);
});

test('an error in a hook ends the training', { timeout }, async (context) => {
  const workers = startedWorkers(context);
  const full = new Error('the disk is full');
  const fail = () => {
    throw full;
  };
  for (const hook of ['onProgress', 'onEpoch', 'onPause', 'onRunning'] as const) {
    const onRunning = (pause: () => void) => (hook === 'onRunning' ? fail() : pause());
    await assert.rejects(runTraining(start(0), START, { onRunning, [hook]: fail }), full);
  }
  assert.equal(workers.length, 12);
  assert.ok(workers.every(({ threadId }) => threadId === ENDED));
});
