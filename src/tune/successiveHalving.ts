import type { EarlyStopping } from './earlyStopping.ts';

/** Of the trials at a rung, one in so many goes on; the next rung is as many times farther. Both papers use 3 or 4. */
const REDUCTION = 3;

/** Every trial is trained to its end: one rung, the whole training. */
export class NoEarlyStopping implements EarlyStopping {
  readonly rungs = 1;

  epochsAt(_rung: number, epochs: number): number {
    return epochs;
  }

  isWorthGoingOn(_trial: number, _rung: number, loss: number): boolean {
    return !Number.isNaN(loss);
  }
}

/**
 * Asynchronous successive halving in its stopping form: a trial goes on from a rung if it is among the best third of those
 * that have reached it by then (Li et al., "A system for massively parallel hyperparameter tuning", MLSys 2020). Nothing
 * waits for others. The third is rounded up: with few trials at a rung, whose losses after few epochs say little, one more may
 * go on. The first always does, so that early trials are favoured; and a setting whose curve
 * begins badly is lost, however well it would have ended.
 */
export class SuccessiveHalving implements EarlyStopping {
  readonly rungs: number;

  /** @param rungs the whole training included, at least 1; the first is after 1/3^(rungs − 1) of the epochs */
  constructor(rungs: number) {
    this.rungs = rungs;
  }

  /**
   * As many rungs as have epochs of their own, where shares are rounded: 1 for 1 epoch, 2 from 2, 3 from 5, 4 from 14.
   * @param mostEpochs the longest training that the search may ask for
   */
  static forEpochs(mostEpochs: number): SuccessiveHalving {
    return new SuccessiveHalving(rungsFor(mostEpochs));
  }

  /**
   * A rung is a share of the training, 1/3^(rungs − 1 − rung). A training too short for as many rungs has several of them
   * at the end of its first epoch: it is asked at each, and compared there with what others have after their first share.
   */
  epochsAt(rung: number, epochs: number): number {
    return Math.max(1, Math.round(epochs * REDUCTION ** (rung - this.rungs + 1)));
  }

  isWorthGoingOn(_trial: number, _rung: number, loss: number, others: readonly number[]): boolean {
    return isAmongBest(loss, others);
  }
}

/** A bracket of Hyperband: how many trials begin in it, and the rung from which on they are compared. */
export interface Bracket {
  trials: number;
  firstRung: number;
}

/**
 * Hyperband (Li et al., JMLR 18, 2018), asynchronous as in the ASHA paper: brackets from the most aggressive, whose trials
 * are compared from the first rung on, to one whose trials are all trained to the end, each with about the same epochs in
 * all. It guards against curves that begin badly, and costs epochs where none do.
 *
 * Trials are dealt to brackets by their number, in proportion to how many begin in each, and compared with all that have
 * reached the rung, of whatever bracket: with those of their own only, a bracket of few trials would stop next to none of
 * them (docs/decisions/0010 has the figures).
 */
export class Hyperband implements EarlyStopping {
  readonly rungs: number;
  readonly brackets: readonly Bracket[];
  readonly #halving: SuccessiveHalving;
  readonly #bracketOf: number[] = [];
  readonly #dealt: number[];

  /** @param rungs the whole training included, at least 1; as many brackets */
  constructor(rungs: number) {
    this.rungs = rungs;
    this.#halving = new SuccessiveHalving(rungs);
    // Algorithm 1 of the paper with s = rungs − 1 − firstRung: n = ⌈(s_max + 1) η^s / (s + 1)⌉.
    this.brackets = Array.from({ length: rungs }, (_, firstRung) => {
      const s = rungs - 1 - firstRung;
      return { firstRung, trials: Math.ceil((rungs * REDUCTION ** s) / (s + 1)) };
    });
    this.#dealt = this.brackets.map(() => 0);
  }

  /** As many rungs as `SuccessiveHalving.forEpochs`. */
  static forEpochs(mostEpochs: number): Hyperband {
    return new Hyperband(rungsFor(mostEpochs));
  }

  /** As `SuccessiveHalving` has it. */
  epochsAt(rung: number, epochs: number): number {
    return this.#halving.epochsAt(rung, epochs);
  }

  isWorthGoingOn(trial: number, rung: number, loss: number, others: readonly number[]): boolean {
    if (rung < this.brackets[this.bracketOf(trial)].firstRung) return !Number.isNaN(loss);
    return isAmongBest(loss, others);
  }

  /** Which bracket a trial is in: the one that has the fewest trials for its share, the more aggressive of equals. */
  bracketOf(trial: number): number {
    const all = this.brackets.reduce((sum, { trials }) => sum + trials, 0);
    while (this.#bracketOf.length <= trial) {
      const next = this.#bracketOf.length + 1;
      const missing = this.brackets.map(({ trials }, b) => trials * next - this.#dealt[b] * all);
      const chosen = missing.indexOf(Math.max(...missing));
      this.#dealt[chosen]++;
      this.#bracketOf.push(chosen);
    }
    return this.#bracketOf[trial];
  }
}

/** NaN is never among them, and counts as the worst of the others. Equals are all as good as the best of them. */
function isAmongBest(loss: number, others: readonly number[]): boolean {
  if (Number.isNaN(loss)) return false;
  const places = Math.ceil((others.length + 1) / REDUCTION);
  return others.filter((other) => other < loss).length < places;
}

/** One more for each share 1/3, 1/9, … that is more than half an epoch. */
function rungsFor(epochs: number): number {
  let rungs = 1;
  for (let parts = REDUCTION; parts < 2 * epochs; parts *= REDUCTION) rungs++;
  return rungs;
}
