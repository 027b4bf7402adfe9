/** Searches for tests: what one finds, of any size, without a training. */
import { PURPOSE, RandomStream } from '../random/philox.ts';
import {
  type Dimension,
  recommendedRange,
  type SearchName,
  SearchSpace,
  type Setting,
} from './searchSpace.ts';
import { bestFirst } from './trialFigures.ts';
import type { ObjectiveText, TrialResult, TuningResult } from './tuningResult.ts';

export const AUC: ObjectiveText = {
  name: 'discriminator_auc',
  direction: 'maximise',
  title: 'AUC against random addresses',
  meaning: 'How often a random address looks stranger than that of an honest event; ties count half.',
};
export const FPR: ObjectiveText = {
  name: 'swap_fpr_at_tpr_.99',
  direction: 'minimise',
  title: 'FPR at TPR .99 against swapped addresses',
  meaning: "Honest events that are flagged where 99 % of attacks from other accounts' addresses are caught.",
};

/** What this search took for the defaults: AWS's, with the rows of a small data set. */
const DEFAULTS: Required<Setting> = {
  numEntityVectors: 20_000,
  vectorDim: 128,
  epochs: 10,
  learningRate: 0.001,
  miniBatchSize: 10_000,
  numIpEncoderLayers: 0,
  randomNegativeSamplingRate: 1,
  shuffledNegativeSamplingRate: 1,
  weightDecay: 0.00001,
};

const LAYERS: Dimension = { kind: 'choice', name: 'numIpEncoderLayers', values: [0, 1, 2] };

export const SOME_NAMES: readonly SearchName[] = [
  'vectorDim',
  'learningRate',
  'miniBatchSize',
  'numIpEncoderLayers',
  'randomNegativeSamplingRate',
];
export const ALL_NAMES = Object.keys(DEFAULTS) as SearchName[];

export interface SampleOptions {
  trials?: number;
  names?: readonly SearchName[];
  objective?: ObjectiveText;
  earlyStopping?: TuningResult['earlyStopping'];
  /** of 1000 trials */
  failing?: number;
  train?: string;
  reason?: string;
  seconds?: number;
}

/** Epochs after which trials may be stopped, of 10. */
const RUNGS = [1, 3];

/**
 * A made-up search. Errors grow by the distance from a good place; one trial in fifteen is a disaster; of those that
 * reach a rung, what is not in the better third of those before is stopped.
 */
export function sampleTuning(options: SampleOptions = {}): TuningResult {
  const { trials: count = 40, names = SOME_NAMES, objective = AUC, earlyStopping = 'asha' } = options;
  const { failing = 50, train = 'train.csv', seconds: pace = 1.7 } = options;
  const { reason = 'epoch 1, batch 12: loss is NaN. Lower --learning-rate (now 0.083).' } = options;
  const random = new RandomStream(7, PURPOSE.simulation);
  const dimensions = names.map((name) => (name === 'numIpEncoderLayers' ? LAYERS : recommendedRange(name)));
  const space = new SearchSpace(dimensions);
  const isUp = objective.direction === 'maximise';
  const least = isUp ? 0.0047 : 0.031;
  const reached = RUNGS.map((): number[] => []);
  const trials: TrialResult[] = [];
  let now = 0;
  for (let trial = 1; trial <= count; trial++) {
    const pull = Math.min(0.85, trial / 40);
    const point =
      trial === 1
        ? space.pointOf(DEFAULTS)
        : names.map((_, d) => {
            const good = goodPlace(d);
            const free = random.uniform();
            return Math.min(0.999, free + (random.uniform() < pull ? 0.8 * (good - free) : 0));
          });
    const setting = trial === 1 ? pick(DEFAULTS, names) : space.settingAt(point);
    const distance = point.reduce((sum, x, d) => sum + (x - goodPlace(d)) ** 2 / (d + 1), 0);
    const isDisaster = trial > 1 && random.uniform() < 1 / 15;
    const error = Math.min(
      0.5,
      isDisaster ? 0.3 + 0.2 * random.uniform() : least * Math.exp(2.2 * distance + 0.02 * random.uniform()),
    );
    const hasFailed = random.uniform() * 1000 < failing && (trial > 1 || failing === 1000);
    const one: TrialResult = {
      trial,
      setting,
      state: hasFailed ? 'failed' : 'completed',
      reason: hasFailed ? reason : null,
      epochs: 10,
      values: [],
      seconds: [],
      began: now,
      ended: null,
    };
    const perEpoch = pace * (0.5 + 2 * point[0]);
    for (let epoch = 1; epoch <= (hasFailed ? 0 : 10); epoch++) {
      const young = error * (1 + 1.6 / epoch ** 1.3 + 0.01 * random.uniform());
      const value = Math.min(0.52, epoch === 10 ? error : young);
      one.values.push(Number((isUp ? 1 - value : value).toFixed(7)));
      one.seconds.push(epoch * perEpoch);
      const rung = earlyStopping === 'none' ? -1 : RUNGS.indexOf(epoch);
      if (rung < 0) continue;
      const better = reached[rung].filter((other) => other < value).length;
      const enough = reached[rung].length >= 3;
      reached[rung].push(value);
      if (enough && better >= reached[rung].length / 3) {
        one.state = 'stopped';
        one.reason = `after epoch ${epoch} number ${better + 1} of ${reached[rung].length}`;
        break;
      }
    }
    now += (one.seconds.at(-1) ?? perEpoch) + 0.2;
    one.ended = now;
    trials.push(one);
  }
  return resultOf(trials, dimensions, objective, earlyStopping, train);
}

function resultOf(
  trials: TrialResult[],
  dimensions: Dimension[],
  objective: ObjectiveText,
  earlyStopping: TuningResult['earlyStopping'],
  train: string,
): TuningResult {
  const [first] = bestFirst(trials, objective);
  const best = first?.state === 'completed' ? first : undefined;
  const names = dimensions.map(({ name }) => name);
  const isUp = objective.direction === 'maximise';
  const shifted = (value: number, by: number) => Number((value + (isUp ? -by : by)).toFixed(7));
  const [bestValue, usual] = [best?.values.at(-1) ?? 0, trials[0]?.values.at(-1) ?? 0];
  const row = (
    model: string,
    detector: 'dot_product' | 'anomaly',
    data: 'validation' | 'test',
    value: number,
  ) => ({
    model,
    detector,
    data,
    values: [value, detector === 'anomaly' ? 0.021 : 0.034],
  });
  return {
    objective,
    strategy: 'tpe',
    earlyStopping,
    seed: 1,
    workers: 1,
    dimensions,
    fixed: pick(
      DEFAULTS,
      ALL_NAMES.filter((name) => !names.includes(name)),
    ),
    data: {
      train: { name: train, events: 431_022 },
      validation: { name: 'valid.csv', events: 61_200 },
      test: { name: 'test.csv', events: 60_877 },
    },
    command: { events: [train], model: 'best.model', options: [] },
    trials,
    best: best?.trial ?? null,
    defaults: trials[0]?.state === 'completed' ? 1 : null,
    importance: trials.length < 10 ? [] : names.map((name, d) => ({ name, share: 0.62 * 0.45 ** d })),
    judged: best
      ? {
          objectives: [objective, isUp ? FPR : { ...FPR, name: 'fpr_at_tpr_.99' }],
          rows: [
            row('the best', 'dot_product', 'validation', bestValue),
            row('the best', 'dot_product', 'test', shifted(bestValue, 0.00052)),
            row('the best', 'anomaly', 'validation', shifted(bestValue, -0.001)),
            row('the best', 'anomaly', 'test', shifted(bestValue, -0.0008)),
            row('the defaults', 'dot_product', 'validation', usual),
            row('the defaults', 'dot_product', 'test', shifted(usual, 0.0004)),
            row('the defaults', 'anomaly', 'validation', shifted(bestValue, -0.0007)),
            row('the defaults', 'anomaly', 'test', shifted(bestValue, -0.0006)),
          ],
        }
      : null,
    notes: [
      'discriminator_auc compares honest events with random addresses, most of which nobody uses: easy to tell apart, so small differences at the good end are all there is.',
    ],
  };
}

/** Where errors are least on an axis, different for each. */
const goodPlace = (axis: number) => [0.62, 0.72, 0.3, 0.17, 0.45, 0.8, 0.25, 0.5, 0.6][axis % 9];

function pick(setting: Required<Setting>, names: readonly SearchName[]): Setting {
  return Object.fromEntries(names.map((name) => [name, setting[name]]));
}
