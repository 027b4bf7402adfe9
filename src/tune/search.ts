import { PURPOSE, RandomStream } from '../random/philox.ts';
import type { EarlyStopping } from './earlyStopping.ts';
import { lossOf } from './objectives.ts';
import type { Observation, Sampler } from './sampler.ts';
import type { SearchSpace, Setting } from './searchSpace.ts';
import type { ObjectiveText, TrialResult } from './tuningResult.ts';

export interface SearchPlan {
  space: SearchSpace;
  /** hyperparameters that are not searched */
  fixed: Setting;
  objective: Pick<ObjectiveText, 'direction'>;
  sampler: Sampler;
  earlyStopping: EarlyStopping;
  /** fixes what is drawn where the sampler repeats itself */
  seed: number;
  /** what would be taken without a search: tried first and trained to the end, where it lies in the space */
  defaults: Setting;
  /** epochs of a whole training where they are not searched */
  epochs: number;
}

/** Draws for a setting that was not tried yet; a space without any left is small enough to be tried in full. */
const MAX_DRAWS = 1000;

/**
 * The state of a search: what was tried, what came out, what to try next, and which trials are not worth going on. It
 * decides by values and their order only, never by time: the same reports give the same decisions. Trials count from 1.
 */
export class Search {
  readonly plan: SearchPlan;
  readonly trials: TrialResult[] = [];
  /** losses at each rung of all trials that have reached it, in order of arrival */
  readonly #rungs: { trial: number; loss: number }[][];

  constructor(plan: SearchPlan) {
    this.plan = plan;
    this.#rungs = Array.from({ length: plan.earlyStopping.rungs }, () => []);
  }

  /** Number of the trial of the defaults, so that the best is never worse than they are; null where they are outside. */
  get defaultsTrial(): number | null {
    return this.plan.space.has(this.plan.defaults) ? 1 : null;
  }

  /** The setting of the next trial; undefined where all of the space was tried. Does not begin it. */
  nextSetting(): Setting | undefined {
    const { defaults, sampler, space, seed } = this.plan;
    const number = this.trials.length;
    if (number + 1 === this.defaultsTrial) return defaults;
    const suggested = this.#allowed(space.settingAt(sampler.suggest(number, this.observations())));
    if (!this.#wasTried(suggested)) return suggested;
    const random = new RandomStream(seed, PURPOSE.tuning, 2 ** 32 + number);
    for (let draw = 0; draw < MAX_DRAWS; draw++) {
      const drawn = this.#allowed(space.settingAt(space.dimensions.map(() => random.uniform())));
      if (!this.#wasTried(drawn)) return drawn;
    }
    return undefined;
  }

  /** @param began seconds since the begin of the search */
  begin(setting: Setting, began: number): TrialResult {
    const trial: TrialResult = {
      trial: this.trials.length + 1,
      setting,
      state: 'running',
      reason: null,
      epochs: setting.epochs ?? this.plan.epochs,
      values: [],
      seconds: [],
      began,
      ended: null,
    };
    this.trials.push(trial);
    return trial;
  }

  /** Begins a trial anew whose training was interrupted. */
  beginAgain(trial: TrialResult, began: number): void {
    Object.assign(trial, { state: 'running', reason: null, values: [], seconds: [], began, ended: null });
    for (const rung of this.#rungs) {
      const at = rung.findIndex((one) => one.trial === trial.trial);
      if (at >= 0) rung.splice(at, 1);
    }
  }

  /**
   * The objective after one more epoch of a trial.
   * @param seconds of training so far
   * @returns whether the trial is worth going on
   */
  report(trial: TrialResult, value: number, seconds: number): boolean {
    const { objective, earlyStopping } = this.plan;
    trial.values.push(value);
    trial.seconds.push(seconds);
    const loss = lossOf(objective, value);
    // The defaults are there to compare with: often slow, they begin well where others, better at their end, begin badly.
    // So they are trained to their end, and stop nobody.
    if (trial.trial === this.defaultsTrial) return true;
    let goOn = true;
    // With few epochs one of them may reach several rungs.
    for (let rung = 0; rung < earlyStopping.rungs - 1; rung++) {
      if (earlyStopping.epochsAt(rung, trial.epochs) !== trial.values.length) continue;
      const others = this.#rungs[rung].map((one) => one.loss);
      this.#rungs[rung].push({ trial: trial.trial, loss });
      goOn &&= earlyStopping.isWorthGoingOn(trial.trial - 1, rung, loss, others);
    }
    return goOn || trial.values.length === trial.epochs;
  }

  /** @param ended seconds since the begin of the search */
  end(
    trial: TrialResult,
    state: Exclude<TrialResult['state'], 'running'>,
    reason: string | null,
    ended: number,
  ): void {
    Object.assign(trial, { state, reason, ended });
  }

  /** The first of `ranked`; undefined where nothing was measured. */
  best(): TrialResult | undefined {
    return this.ranked()[0];
  }

  /** Trials that were measured, best first: completed ones by their last value, then those that came farther, by theirs. */
  ranked(): TrialResult[] {
    const measured = this.trials.filter(({ state, values }) => state !== 'failed' && values.length > 0);
    const loss = ({ values }: TrialResult) => lossOf(this.plan.objective, values[values.length - 1]);
    const share = ({ state, values, epochs }: TrialResult) =>
      state === 'completed' ? 1 : values.length / epochs;
    return measured.sort((a, b) => share(b) - share(a) || loss(a) - loss(b) || a.trial - b.trial);
  }

  /** The trials as the sampler knows them. */
  observations(): Observation[] {
    const { space, earlyStopping, objective } = this.plan;
    return this.trials.map(({ setting, state, values, epochs }) => {
      const losses: number[] = [];
      for (let rung = 0; rung < earlyStopping.rungs; rung++) {
        const value = values[earlyStopping.epochsAt(rung, epochs) - 1];
        if (value === undefined) break;
        losses.push(lossOf(objective, value));
      }
      return { point: space.pointOf(setting), losses, state };
    });
  }

  /** A training needs one drawn pair at least: without any, the fewest of one kind. */
  #allowed(setting: Setting): Setting {
    const { space, fixed } = this.plan;
    const all = { ...fixed, ...setting };
    if (all.randomNegativeSamplingRate !== 0 || all.shuffledNegativeSamplingRate !== 0) return setting;
    for (const name of ['shuffledNegativeSamplingRate', 'randomNegativeSamplingRate'] as const) {
      const least = leastAboveZero(space, name);
      if (least !== undefined) return { ...setting, [name]: least };
    }
    return setting;
  }

  #wasTried(setting: Setting): boolean {
    const { dimensions } = this.plan.space;
    return this.trials.some((trial) => dimensions.every(({ name }) => trial.setting[name] === setting[name]));
  }
}

function leastAboveZero(space: SearchSpace, name: keyof Setting): number | undefined {
  const dimension = space.dimensions.find((one) => one.name === name);
  if (dimension?.kind === 'range') return dimension.maximum >= 1 ? Math.max(1, dimension.minimum) : undefined;
  const values = dimension?.values.filter((value) => value > 0) ?? [];
  return values.length > 0 ? Math.min(...values) : undefined;
}
