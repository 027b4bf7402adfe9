import type { EarlyStopping } from './earlyStopping.ts';
import type { SampleCurves, SampleFunction } from './sampleFunctions.ts';
import type { Observation, Sampler } from './sampler.ts';
import { SearchSpace } from './searchSpace.ts';

/**
 * Searches a function without epochs, one trial after the other.
 * @returns f64[trials], the least loss above the minimum after each trial
 */
export function regretsOf(f: SampleFunction, sampler: Sampler, trials: number): number[] {
  const space = new SearchSpace(f.dimensions);
  const known: Observation[] = [];
  let best = Number.POSITIVE_INFINITY;
  return Array.from({ length: trials }, (_, trial) => {
    const point = sampler.suggest(trial, known);
    const loss = f.lossOf(space.settingAt(point));
    known.push({ point, losses: [loss], state: 'completed' });
    best = Math.min(best, loss);
    return best - f.minimum;
  });
}

/** Where a simulated search stands after each trial that it ended. */
export interface Progress {
  /** trained by all workers, in all */
  epochs: number;
  /** the least loss of a whole training above the minimum; infinite where there is none yet */
  regret: number;
}

/** Where a simulated search ends, and how many train at a time. */
export interface Limits {
  trials: number;
  /** of all workers together; the search ends with the first trial that ends after them */
  epochs?: number;
  workers?: number;
}

/**
 * Searches curves with workers that all train an epoch in the same time.
 * @returns Progress[trials that ended], in the order in which they did
 */
export function searchCurves(
  curves: SampleCurves,
  sampler: Sampler,
  stopping: EarlyStopping,
  { trials, epochs: most = Number.POSITIVE_INFINITY, workers = 1 }: Limits,
): Progress[] {
  const space = new SearchSpace(curves.dimensions);
  const known: Observation[] = [];
  const progress: Progress[] = [];
  const atRungs: number[][] = Array.from({ length: stopping.rungs }, () => []);
  const running: { trial: number; epoch: number }[] = [];
  let epochs = 0;
  let regret = Number.POSITIVE_INFINITY;

  /** Whether the trial has ended. */
  const arrive = (trial: number, epoch: number): boolean => {
    const one = known[trial];
    while (epoch === stopping.epochsAt(one.losses.length, curves.epochs)) {
      const rung = one.losses.length;
      const loss = curves.lossOf(space.settingAt(one.point), epoch);
      const isLast = rung === stopping.rungs - 1;
      const isGoingOn = !isLast && stopping.isWorthGoingOn(trial, rung, loss, atRungs[rung]);
      atRungs[rung].push(loss);
      known[trial].losses = [...one.losses, loss];
      if (isLast) regret = Math.min(regret, loss - curves.minimum);
      if (isLast || !isGoingOn) {
        one.state = isLast ? 'completed' : 'stopped';
        return true;
      }
    }
    return false;
  };

  while (progress.length < trials && epochs <= most) {
    while (running.length < workers && known.length < trials) {
      const trial = known.length;
      known.push({ point: sampler.suggest(trial, known), losses: [], state: 'running' });
      running.push({ trial, epoch: 0 });
    }
    for (const one of [...running]) {
      one.epoch++;
      epochs++;
      if (!arrive(one.trial, one.epoch)) continue;
      running.splice(running.indexOf(one), 1);
      progress.push({ epochs, regret });
    }
  }
  return progress;
}

/** Of an even number of values the mean of the two in the middle. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}
