import { lossOf } from './objectives.ts';
import type { Setting } from './searchSpace.ts';
import type { ObjectiveText, TrialResult, TrialState, TuningResult } from './tuningResult.ts';

/** What a trial has reached: its value after the last epoch; null where it failed or has none yet. */
export function objectiveOf({ state, values }: TrialResult): number | null {
  const last = values.at(-1);
  return state === 'failed' || last === undefined || !Number.isFinite(last) ? null : last;
}

/** Whole trainings first: what others have reached after fewer epochs cannot be compared with theirs. */
const ORDER: Record<TrialState, number> = { completed: 0, stopped: 1, running: 2, failed: 3 };

/** Completed, stopped, running and failed trials, each best first. */
export function bestFirst(trials: readonly TrialResult[], objective: ObjectiveText): TrialResult[] {
  const loss = (trial: TrialResult) => {
    const value = objectiveOf(trial);
    return value === null ? Number.MAX_VALUE : lossOf(objective, value);
  };
  return trials.toSorted((a, b) => ORDER[a.state] - ORDER[b.state] || loss(a) - loss(b) || a.trial - b.trial);
}

/** How many trials there are of each state. */
export function countStates(trials: readonly TrialResult[]): Record<TrialState, number> {
  const counts = { completed: 0, stopped: 0, running: 0, failed: 0 };
  for (const { state } of trials) counts[state]++;
  return counts;
}

/** Epochs that were trained, and those of all trials had each been trained to its end. */
export function epochCounts(trials: readonly TrialResult[]): { trained: number; whole: number } {
  let [trained, whole] = [0, 0];
  for (const { values, epochs } of trials) {
    trained += values.length;
    whole += epochs;
  }
  return { trained, whole };
}

/** Seconds from the begin of the search to the last that was heard of a trial. */
export function searchSeconds(trials: readonly TrialResult[]): number {
  return trials.reduce(
    (latest, { began, ended, seconds }) => Math.max(latest, ended ?? began + (seconds.at(-1) ?? 0)),
    0,
  );
}

/** All hyperparameters of a trial, also those that were not searched. */
export const wholeSetting = ({ fixed }: TuningResult, { setting }: TrialResult): Setting => ({
  ...fixed,
  ...setting,
});
