/** What is known of a trial, for whoever chooses the next point. Losses are lower for better. */
export interface Observation {
  /** where it lies in the unit cube */
  point: readonly number[];
  /**
   * its loss at the end of each rung that it has reached, the narrowest first; the last is that of a whole training where
   * it was completed. Empty while it runs in its first rung
   */
  losses: readonly number[];
  /** `failed`: NaN, no memory, … */
  state: 'running' | 'completed' | 'stopped' | 'failed';
}

/** Chooses what to try. The same trial number and observations give the same point. */
export interface Sampler {
  /**
   * @param trial number of the trial to choose for, from 0
   * @param known the trials before, in their order
   * @returns f64[dimensions], each in [0, 1)
   */
  suggest(trial: number, known: readonly Observation[]): number[];
}
