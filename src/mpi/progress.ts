/** What a rank can be in; the number of each is what ranks tell each other. */
export const OPERATIONS = [
  'its own work',
  'allToAll',
  'exchange',
  'gatherAll',
  'broadcast',
  'barrier',
  'sumOfIntegers',
  'end',
] as const;
export type Operation = (typeof OPERATIONS)[number];

const OWN_WORK = 0;
const PLACES = { operation: 0, entered: 1, ticks: 2, adviceBytes: 3, told: 4, length: 5 } as const;
const ADVICE_BYTES = 1000;

/**
 * What this rank is doing, in memory that the thread sees which watches it: the one that works may be deep in MPI, or in a loop.
 * Written by one thread at a time. The numbers count modulo 2³².
 */
export class Progress {
  readonly shared: SharedArrayBuffer;
  readonly #places: Int32Array;

  constructor(shared = new SharedArrayBuffer(PLACES.length * 4 + ADVICE_BYTES)) {
    this.shared = shared;
    this.#places = new Int32Array(shared, 0, PLACES.length);
  }

  enter(operation: number): void {
    Atomics.add(this.#places, PLACES.entered, 1);
    Atomics.store(this.#places, PLACES.operation, operation);
  }

  leave(): void {
    Atomics.store(this.#places, PLACES.operation, OWN_WORK);
  }

  tick(): void {
    Atomics.add(this.#places, PLACES.ticks, 1);
  }

  /** index in OPERATIONS */
  get operation(): number {
    return Atomics.load(this.#places, PLACES.operation);
  }

  /** how many operations were entered */
  get entered(): number {
    return Atomics.load(this.#places, PLACES.entered);
  }

  get ticks(): number {
    return Atomics.load(this.#places, PLACES.ticks);
  }

  /** Whether the caller is the first to tell why the job ends, or to know that another rank does: the first asked may. */
  claimToTell(): boolean {
    return Atomics.compareExchange(this.#places, PLACES.told, 0, 1) === 0;
  }

  /** '' until one is given */
  get advice(): string {
    const length = Atomics.load(this.#places, PLACES.adviceBytes);
    return new TextDecoder().decode(new Uint8Array(this.shared, PLACES.length * 4, length).slice());
  }

  set advice(sentence: string) {
    const room = new Uint8Array(ADVICE_BYTES);
    const { written } = new TextEncoder().encodeInto(sentence, room);
    // Nobody reads half of a sentence.
    Atomics.store(this.#places, PLACES.adviceBytes, 0);
    new Uint8Array(this.shared, PLACES.length * 4).set(room);
    Atomics.store(this.#places, PLACES.adviceBytes, written);
  }
}
