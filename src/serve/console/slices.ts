/** Requests wait no longer than this for work that nobody has asked for. */
const SLICE_MILLISECONDS = 10;

/** Lets requests be answered during long work. */
export class Slices {
  #started = performance.now();

  /** To be called often. */
  async rest(): Promise<void> {
    if (performance.now() - this.#started < SLICE_MILLISECONDS) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#started = performance.now();
  }

  /** Does work that comes in steps. */
  async run<T>(steps: Generator<void, T>): Promise<T> {
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
      await this.rest();
    }
  }
}
