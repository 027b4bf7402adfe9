import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { counted } from '../errors.ts';
import { abortCrew, askForPause, CrewAborted, CrewMember, createControl, resumeCrew } from './crew.ts';
import { BOARD, type DrillOrders, type DrillReport } from './crewDrill.ts';

/** More threads than cores, too. */
const SIZES = [1, 2, 3, 8];

/** A test may wait for threads this long. */
const timeout = 60_000;

/** Threads that do a drill together. */
class Crew {
  readonly control = createControl();
  readonly board = new Int32Array(new SharedArrayBuffer(BOARD.length * 4));
  readonly #workers: Worker[];

  constructor(context: TestContext, drill: DrillOrders['drill'], size: number) {
    const { control, board } = this;
    this.#workers = Array.from({ length: size }, (_, index) => {
      const workerData: DrillOrders = { drill, control, index, size, board };
      return new Worker(new URL('./crewDrill.js', import.meta.url), { workerData });
    });
    context.after(() => Promise.all(this.#workers.map((worker) => worker.terminate())));
  }

  get first(): Worker {
    return this.#workers[0];
  }

  /** The next message of each of the first threads. */
  async reports(count = this.#workers.length): Promise<DrillReport[]> {
    const messages = this.#workers.slice(0, count).map((worker) => once(worker, 'message'));
    return (await Promise.all(messages)).map(([message]) => message);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await wait(5);
  }
}

for (const size of SIZES) {
  test(`${counted(size, 'thread')}: what each did before a barrier is there behind it`, {
    timeout,
  }, async (context) => {
    const crew = new Crew(context, 'barrier', size);
    assert.deepEqual(await crew.reports(), Array(size).fill('done'));
    assert.equal(crew.board[BOARD.wrong], 0);
  });

  test(`${counted(size, 'thread')}: every unit is claimed exactly once between two barriers`, {
    timeout,
  }, async (context) => {
    const crew = new Crew(context, 'claim', size);
    assert.deepEqual(await crew.reports(), Array(size).fill('done'));
    assert.equal(crew.board[BOARD.wrong], 0);
  });

  test(`${counted(size, 'thread')}: all stop between the same two mini-batches, and go on when told to`, {
    timeout,
  }, async (context) => {
    const crew = new Crew(context, 'pause', size);
    const done = () => [...crew.board.subarray(BOARD.batches, BOARD.threads + size)];
    let before = 0;
    for (let pause = 0; pause < 20; pause++) {
      await crew.until(() => crew.board[BOARD.batches] > before);
      const paused = once(crew.first, 'message');
      askForPause(crew.control);
      assert.deepEqual(await paused, ['paused']);
      const [batches, ...ofThreads] = done();
      assert.deepEqual(ofThreads, Array(size).fill(batches));
      // Longer than threads look before they sleep.
      if (pause < 3) await wait(20);
      assert.deepEqual(done(), [batches, ...ofThreads]);
      before = batches;
      resumeCrew(crew.control);
    }
    await crew.until(() => crew.board[BOARD.batches] > before);
    const ended = crew.reports();
    abortCrew(crew.control);
    assert.deepEqual(await ended, Array(size).fill('aborted'));
  });
}

test('a crew that was told to stop wakes who waits at a barrier', { timeout }, async (context) => {
  const crew = new Crew(context, 'wait', 4);
  await crew.until(() => crew.board[BOARD.batches] === 3);
  // Three wait: they look some thousand times, then sleep.
  await wait(50);
  const ended = crew.reports(3);
  abortCrew(crew.control);
  assert.deepEqual(await ended, Array(3).fill('aborted'));
});

test('a crew that was told to stop wakes who pauses', { timeout }, async (context) => {
  const crew = new Crew(context, 'pause', 3);
  await crew.until(() => crew.board[BOARD.batches] > 0);
  const paused = once(crew.first, 'message');
  askForPause(crew.control);
  await paused;
  await wait(50);
  const ended = crew.reports();
  abortCrew(crew.control);
  assert.deepEqual(await ended, Array(3).fill('aborted'));
});

test('a crew of one needs no other thread', () => {
  const control = createControl();
  const member = new CrewMember(control, 0, 1);
  for (let round = 0; round < 3; round++) {
    const units: number[] = [];
    while (member.claim(10, 4)) units.push(member.from, member.to);
    assert.deepEqual(units, [0, 4, 4, 8, 8, 10]);
    member.barrier();
  }
  abortCrew(control);
  assert.throws(() => member.barrier(), CrewAborted);
});
