import { InputError } from '../errors.ts';
import type { Hyperparameters } from '../neural/hyperparameters.ts';
import type { EpochProgress } from '../neural/train.ts';
import type { Search } from './search.ts';
import type { TrialResult } from './tuningResult.ts';

/** Something that happened in a search, in its order: what a journal keeps. */
export type SearchEvent =
  | { kind: 'began'; trial: TrialResult }
  | { kind: 'report'; trial: TrialResult; value: number }
  | { kind: 'ended'; trial: TrialResult };

/** Trains a setting, epoch by epoch. `TrialGround.train` */
export type TrainTrial = (
  given: Partial<Hyperparameters>,
  hooks: {
    onProgress: (progress: EpochProgress) => void;
    onEpoch: (value: number) => boolean;
    signal: AbortSignal;
  },
) => Promise<boolean>;

export interface RunOptions {
  train: TrainTrial;
  /** trials at a time */
  workers: number;
  /** trials of the whole search, those of earlier runs included */
  maxTrials: number;
  /** seconds of earlier runs */
  secondsBefore: number;
  /** ends the search: trials that train are left as they are, to be begun again by the next run */
  signal: AbortSignal;
  /** told before anything is done because of it */
  onEvent: (event: SearchEvent) => void;
  onProgress?: (trial: TrialResult, progress: EpochProgress) => void;
}

/** How a search came to its end. */
export type SearchEnd = 'all trials' | 'space exhausted' | 'stopped';

/** Trials, several at a time, until there are enough. With one worker the same seed gives the same trials. */
export async function runSearch(search: Search, options: RunOptions): Promise<SearchEnd> {
  const { workers, maxTrials, secondsBefore, signal } = options;
  const started = performance.now();
  const clock = () => secondsBefore + (performance.now() - started) / 1000;
  const interrupted = search.trials.filter(({ state, trial }) => state === 'running' && trial <= maxTrials);
  let end: SearchEnd = 'all trials';

  const begin = (): TrialResult | undefined => {
    const again = interrupted.shift();
    if (again) {
      search.beginAgain(again, clock());
      return again;
    }
    if (search.trials.length >= maxTrials) return undefined;
    const setting = search.nextSetting();
    if (!setting) {
      end = 'space exhausted';
      return undefined;
    }
    return search.begin(setting, clock());
  };

  const work = async () => {
    while (!signal.aborted) {
      const trial = begin();
      if (!trial) return;
      await runTrial(search, trial, options, clock);
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return signal.aborted ? 'stopped' : end;
}

async function runTrial(
  search: Search,
  trial: TrialResult,
  { train, signal, onEvent, onProgress }: RunOptions,
  clock: () => number,
): Promise<void> {
  // What goes wrong with a setting is a fact about that setting; what goes wrong with the journal ends the search.
  let unheard: unknown;
  const tell = (event: SearchEvent) => {
    try {
      onEvent(event);
    } catch (error) {
      unheard = error;
      throw error;
    }
  };
  tell({ kind: 'began', trial });
  try {
    const isWhole = await train(
      { ...search.plan.fixed, ...trial.setting },
      {
        signal,
        onProgress: (progress) => onProgress?.(trial, progress),
        onEpoch: (value) => {
          const goOn = search.report(trial, value, clock() - trial.began);
          tell({ kind: 'report', trial, value });
          return goOn;
        },
      },
    );
    const reason = isWhole ? null : `others were better after epoch ${trial.values.length}`;
    search.end(trial, isWhole ? 'completed' : 'stopped', reason, clock());
  } catch (error) {
    if (unheard) throw unheard;
    if (signal.aborted) return;
    if (!(error instanceof InputError || error instanceof RangeError)) throw error;
    search.end(trial, 'failed', error.message, clock());
  }
  tell({ kind: 'ended', trial });
}
