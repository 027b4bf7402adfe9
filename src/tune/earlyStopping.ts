/** Which trials are not worth their training. Losses are lower for better. */
export interface EarlyStopping {
  /** number of rungs, the whole training included: at least 1 */
  readonly rungs: number;
  /** epochs after which a training of that many has reached a rung (0 to rungs − 1); the last gives `epochs` */
  epochsAt(rung: number, epochs: number): number;
  /**
   * To be asked in the order of arrival, once for each rung that a trial reaches but the last.
   * @param trial number of the trial, from 0
   * @param loss  of this trial at the rung
   * @param others of the trials that have reached it before
   */
  isWorthGoingOn(trial: number, rung: number, loss: number, others: readonly number[]): boolean;
}
