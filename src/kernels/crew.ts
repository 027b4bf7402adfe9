/** Places in the control block that the threads of a crew share. */
const CONTROL = {
  arrived: 0,
  generation: 1,
  claimed: 2,
  aborted: 3,
  pauseAsked: 4,
  paused: 5,
  resumed: 6,
  length: 8,
} as const;

/** How often a waiting thread looks again before it sleeps: some microseconds, about what an uneven share costs. */
const SPINS = 2000;
/** A sleeping thread looks this often whether the crew still exists. */
const SLEEP_MILLISECONDS = 500;

/** Thrown in a thread whose crew was told to stop. */
export class CrewAborted extends Error {
  override name = 'CrewAborted';
}

export function createControl(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(CONTROL.length * 4));
}

/** Ends every wait of a crew: each of its threads throws `CrewAborted` at its next barrier. */
export function abortCrew(control: Int32Array): void {
  Atomics.store(control, CONTROL.aborted, 1);
  Atomics.notify(control, CONTROL.generation);
  Atomics.notify(control, CONTROL.resumed);
}

/** Asks the crew to stop, until `resumeCrew`, at the end of its present mini-batch; where it stands still, of its next one. */
export function askForPause(control: Int32Array): void {
  Atomics.store(control, CONTROL.pauseAsked, 1);
}

/** Lets a crew that stopped go on. */
export function resumeCrew(control: Int32Array): void {
  Atomics.add(control, CONTROL.resumed, 1);
  Atomics.notify(control, CONTROL.resumed);
}

/** One thread of a crew that works through the same program in step; a crew of one needs no other thread. */
export class CrewMember {
  readonly index: number;
  readonly size: number;
  readonly #control: Int32Array;
  #pauses = 0;
  /** the range of the last successful claim */
  from = 0;
  to = 0;

  constructor(control: Int32Array, index: number, size: number) {
    this.#control = control;
    this.index = index;
    this.size = size;
  }

  /**
   * Takes the next piece of work [from, to) of [0, total) that no thread has taken since the last barrier. Who takes which piece
   * changes from run to run; results must not depend on it.
   */
  claim(total: number, grain: number): boolean {
    const from = Atomics.add(this.#control, CONTROL.claimed, grain);
    if (from >= total) return false;
    this.from = from;
    this.to = Math.min(total, from + grain);
    return true;
  }

  /** Returns when all threads have come here. @throws CrewAborted */
  barrier(): void {
    const control = this.#control;
    const generation = Atomics.load(control, CONTROL.generation);
    if (Atomics.add(control, CONTROL.arrived, 1) === this.size - 1) {
      Atomics.store(control, CONTROL.arrived, 0);
      Atomics.store(control, CONTROL.claimed, 0);
      Atomics.add(control, CONTROL.generation, 1);
      if (this.size > 1) Atomics.notify(control, CONTROL.generation);
    } else {
      this.#waitWhile(CONTROL.generation, generation);
    }
    this.#throwIfAborted();
  }

  /** Whether a pause was asked for since this was asked last. */
  takeWishForPause(): boolean {
    return Atomics.exchange(this.#control, CONTROL.pauseAsked, 0) === 1;
  }

  /** By one thread, before the barrier after which all ask `isPauseDecided`; another barrier must follow before the next decision. */
  decidePause(isPause: boolean): void {
    Atomics.store(this.#control, CONTROL.paused, isPause ? 1 : 0);
  }

  get isPauseDecided(): boolean {
    return Atomics.load(this.#control, CONTROL.paused) === 1;
  }

  /** Returns at the next `resumeCrew`. All threads must pause equally often. @throws CrewAborted */
  pause(): void {
    // The number of the pause, and not the present value, as another thread may have been quicker to go on.
    this.#waitWhile(CONTROL.resumed, this.#pauses++);
    this.#throwIfAborted();
  }

  #waitWhile(place: number, value: number): void {
    const control = this.#control;
    for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(control, place) !== value) return;
    while (Atomics.load(control, place) === value && Atomics.load(control, CONTROL.aborted) === 0) {
      Atomics.wait(control, place, value, SLEEP_MILLISECONDS);
    }
  }

  #throwIfAborted(): void {
    if (Atomics.load(this.#control, CONTROL.aborted) === 1) throw new CrewAborted();
  }
}
