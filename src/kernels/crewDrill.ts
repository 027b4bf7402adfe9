/** What the threads of crew.test.ts do. Tests only; not part of the package. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { CrewAborted, CrewMember } from './crew.ts';

/** What a thread is started with. */
export interface DrillOrders {
  drill: keyof typeof drills;
  control: Int32Array;
  index: number;
  size: number;
  /** by the names in BOARD */
  board: Int32Array;
}

/** What all threads see: some counts, then a place for each thread, then one for each unit of work. */
export const BOARD = { wrong: 0, batches: 1, threads: 2, units: 10, length: 1010 } as const;
export const UNITS = BOARD.length - BOARD.units;
export const ROUNDS = 300;

/** What a thread says: that it got so far, or why it ended. */
export type DrillReport = 'paused' | 'done' | 'aborted' | `failed: ${string}`;

// The test has the names above from here, too.
const { drill, control, index, size, board }: DrillOrders = workerData ?? {};
const report = (message: DrillReport) => parentPort!.postMessage(message);

/** Some rounds of work, as uneven as it comes. */
function dawdle(round: number): void {
  for (let i = ((index + round) % 3) * 1000; i > 0; i--) Atomics.load(board, BOARD.wrong);
}

export const drills = {
  /** Behind a barrier, what every thread wrote before it is there. */
  barrier(member: CrewMember) {
    for (let round = 1; round <= ROUNDS; round++) {
      dawdle(round);
      // A plain write: the barrier alone makes the others see it.
      board[BOARD.threads + index] = round;
      member.barrier();
      for (let other = 0; other < size; other++) {
        if (board[BOARD.threads + other] !== round) Atomics.add(board, BOARD.wrong, 1);
      }
      member.barrier();
    }
  },

  /** Numbers of units and grains of all kinds; each unit counts how often it was done. */
  claim(member: CrewMember) {
    for (let round = 1; round <= ROUNDS; round++) {
      const total = (round * 37) % (UNITS + 1);
      while (member.claim(total, 1 + (round % 20))) {
        for (let unit = member.from; unit < member.to; unit++) Atomics.add(board, BOARD.units + unit, 1);
      }
      member.barrier();
      if (index === 0) {
        for (let unit = 0; unit < UNITS; unit++) {
          if (board[BOARD.units + unit] !== (unit < total ? 1 : 0)) board[BOARD.wrong]++;
          board[BOARD.units + unit] = 0;
        }
      }
      member.barrier();
    }
  },

  /** Mini-batches without end, with a stop between two of them where one is asked for. */
  pause(member: CrewMember) {
    for (;;) {
      Atomics.add(board, BOARD.threads + index, 1);
      // All have asked whether the last decision was for a pause.
      member.barrier();
      if (index === 0) {
        Atomics.add(board, BOARD.batches, 1);
        member.decidePause(member.takeWishForPause());
      }
      member.barrier();
      if (!member.isPauseDecided) continue;
      if (index === 0) report('paused');
      member.pause();
    }
  },

  /** The last thread never comes. */
  wait(member: CrewMember) {
    if (index === size - 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    Atomics.add(board, BOARD.batches, 1);
    member.barrier();
  },
};

if (!isMainThread) {
  try {
    drills[drill](new CrewMember(control, index, size));
    report('done');
  } catch (error) {
    report(error instanceof CrewAborted ? 'aborted' : `failed: ${error}`);
  }
}
