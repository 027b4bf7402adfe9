import { awsNamed, type Dimension, ruleOf } from './searchSpace.ts';
import { countStates, epochCounts, objectiveOf, searchSeconds, wholeSetting } from './trialFigures.ts';
import type { JudgedTable, TrialResult, TuningResult } from './tuningResult.ts';

/** Raised where a key changes its meaning or goes; new keys do not raise it. */
const TUNING_VERSION = 1;

/**
 * A search as a plain object for tuning.json (docs/tune.md). Hyperparameters have AWS's names, times are seconds.
 * Numbers that JSON cannot hold are null.
 */
export function tuningObject(result: TuningResult): object {
  const { objective, data, trials } = result;
  const epochs = epochCounts(trials);
  const numbered = (trial: number | null) => trials.find((one) => one.trial === trial);
  const short = (trial: TrialResult | undefined) =>
    trial === undefined
      ? null
      : {
          trial: trial.trial,
          objective: objectiveOf(trial),
          hyperparameters: awsNamed(wholeSetting(result, trial)),
        };
  return {
    kind: 'ip-insights-tuning',
    version: TUNING_VERSION,
    objective: {
      name: objective.name,
      direction: objective.direction,
      title: objective.title,
      meaning: objective.meaning,
    },
    strategy: result.strategy,
    early_stopping: result.earlyStopping,
    seed: result.seed,
    workers: result.workers,
    space: result.dimensions.map(dimensionObject),
    fixed: awsNamed(result.fixed),
    data: { train: data.train, validation: data.validation, test: data.test },
    counts: {
      trials: trials.length,
      ...countStates(trials),
      epochs_trained: epochs.trained,
      epochs_whole: epochs.whole,
      seconds: searchSeconds(trials),
    },
    best: short(numbered(result.best)),
    defaults: short(numbered(result.defaults)),
    trials: trials.map(trialObject),
    importance: result.importance.map(({ name, share }) => ({
      hyperparameter: ruleOf(name).awsName,
      share,
    })),
    judged: result.judged && judgedObject(result.judged),
    notes: result.notes,
  };
}

const finite = (value: number | null) => (value !== null && Number.isFinite(value) ? value : null);

function dimensionObject(dimension: Dimension) {
  const name = ruleOf(dimension.name).awsName;
  if (dimension.kind === 'choice') return { hyperparameter: name, kind: 'choice', values: dimension.values };
  const { minimum, maximum, integer, scale } = dimension;
  return { hyperparameter: name, kind: 'range', minimum, maximum, integer, scale };
}

function trialObject(trial: TrialResult) {
  return {
    trial: trial.trial,
    state: trial.state,
    reason: trial.reason,
    hyperparameters: awsNamed(trial.setting),
    objective: objectiveOf(trial),
    epochs: trial.epochs,
    objective_by_epoch: trial.values.map(finite),
    seconds_by_epoch: trial.seconds.map(finite),
    began: trial.began,
    ended: trial.ended,
  };
}

function judgedObject({ objectives, rows }: JudgedTable) {
  return rows.map(({ model, detector, data, values }) => ({
    model,
    detector,
    data,
    objectives: objectives.map(({ name, direction }, i) => ({
      name,
      direction,
      value: finite(values[i]),
    })),
  }));
}
