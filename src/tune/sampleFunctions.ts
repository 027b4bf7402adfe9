import { type Dimension, SEARCH_NAMES, type Setting } from './searchSpace.ts';

/** A function to search, with its known minimum. Names of hyperparameters mean nothing for the classical ones. */
export interface SampleFunction {
  dimensions: readonly Dimension[];
  lossOf(setting: Setting): number;
  minimum: number;
}

/** A function that is learned epoch by epoch. */
export interface SampleCurves {
  dimensions: readonly Dimension[];
  epochs: number;
  /** @param epoch from 1 */
  lossOf(setting: Setting, epoch: number): number;
  /** no setting is below it */
  minimum: number;
}

/** Real and linear dimensions, in the order of SEARCH_NAMES. */
const box = (...borders: [minimum: number, maximum: number][]): Dimension[] =>
  borders.map(([minimum, maximum], d) => ({
    kind: 'range',
    name: SEARCH_NAMES[d],
    minimum,
    maximum,
    integer: false,
    scale: 'linear',
  }));

const repeated = (n: number, borders: [minimum: number, maximum: number]): Dimension[] =>
  box(...Array.from({ length: n }, () => borders));

/** A function of coordinates as one of settings. */
const ofCoordinates = (dimensions: Dimension[], f: (x: number[]) => number) => ({
  dimensions,
  lossOf: (setting: Setting) => f(dimensions.map(({ name }) => setting[name]!)),
});

const HARTMANN_HEIGHTS = [1, 1.2, 3, 3.2];

/** −Σ αᵢ exp(−Σ Aᵢⱼ (xⱼ − Pᵢⱼ)²), P in ten-thousandths. */
const hartmann = (widths: number[][], places: number[][]) => (x: number[]) =>
  -HARTMANN_HEIGHTS.reduce((sum, height, i) => {
    const square = x.reduce((all, xj, j) => all + widths[i][j] * (xj - places[i][j] / 10_000) ** 2, 0);
    return sum + height * Math.exp(-square);
  }, 0);

/** What a training might give: an optimal learning rate that depends on the layers, sizes that stop to matter, traps. */
const MIXED_DIMENSIONS: Dimension[] = [
  { kind: 'range', name: 'vectorDim', minimum: 8, maximum: 1024, integer: true, scale: 'log' },
  { kind: 'range', name: 'learningRate', minimum: 1e-5, maximum: 1, integer: false, scale: 'log' },
  { kind: 'range', name: 'weightDecay', minimum: 0, maximum: 1, integer: false, scale: 'log' },
  {
    kind: 'range',
    name: 'shuffledNegativeSamplingRate',
    minimum: 0,
    maximum: 10,
    integer: true,
    scale: 'linear',
  },
  { kind: 'choice', name: 'numIpEncoderLayers', values: [0, 1, 2, 3] },
];

function mixedLoss(setting: Setting): number {
  const { learningRate, weightDecay } = setting as Required<Setting>;
  const { vectorDim, shuffledNegativeSamplingRate, numIpEncoderLayers } = setting as Required<Setting>;
  const best = [-2, -2.5, -3, -3.5][numIpEncoderLayers];
  const ofLayers = [0.02, 0, 0.05, 0.1][numIpEncoderLayers];
  const ofRate = 0.1 * (Math.log10(learningRate) - best) ** 2;
  const ofDecay =
    0.3 * (weightDecay / (weightDecay + 0.01)) + 0.01 * Math.abs(Math.log10(weightDecay + 1e-8) + 5);
  return (
    ofLayers +
    ofRate +
    ofDecay +
    0.03 * Math.log2(vectorDim / 128) ** 2 +
    0.02 * Math.abs(shuffledNegativeSamplingRate - 6)
  );
}

/** Each by its name. */
export const SAMPLE_FUNCTIONS: Record<string, SampleFunction> = {
  Branin: {
    ...ofCoordinates(box([-5, 10], [0, 15]), ([x, y]) => {
      const valley = y - (5.1 / (4 * Math.PI ** 2)) * x ** 2 + (5 / Math.PI) * x - 6;
      return valley ** 2 + 10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) + 10;
    }),
    minimum: 0.397887,
  },
  'Hartmann 3': {
    ...ofCoordinates(
      repeated(3, [0, 1]),
      hartmann(
        [
          [3, 10, 30],
          [0.1, 10, 35],
          [3, 10, 30],
          [0.1, 10, 35],
        ],
        [
          [3689, 1170, 2673],
          [4699, 4387, 7470],
          [1091, 8732, 5547],
          [381, 5743, 8828],
        ],
      ),
    ),
    minimum: -3.86278,
  },
  'Hartmann 6': {
    ...ofCoordinates(
      repeated(6, [0, 1]),
      hartmann(
        [
          [10, 3, 17, 3.5, 1.7, 8],
          [0.05, 10, 17, 0.1, 8, 14],
          [3, 3.5, 1.7, 10, 17, 8],
          [17, 8, 0.05, 10, 0.1, 14],
        ],
        [
          [1312, 1696, 5569, 124, 8283, 5886],
          [2329, 4135, 8307, 3736, 1004, 9991],
          [2348, 1451, 3522, 2883, 3047, 6650],
          [4047, 8828, 8732, 5743, 1091, 381],
        ],
      ),
    ),
    minimum: -3.32237,
  },
  // Not around the middle of the cube, where a sampler could be lucky.
  'Ackley 3': {
    ...ofCoordinates(repeated(3, [-20, 44]), (x) => {
      const square = x.reduce((sum, xi) => sum + xi ** 2, 0) / x.length;
      const waves = x.reduce((sum, xi) => sum + Math.cos(2 * Math.PI * xi), 0) / x.length;
      return 20 + Math.E - 20 * Math.exp(-0.2 * Math.sqrt(square)) - Math.exp(waves);
    }),
    minimum: 0,
  },
  'Rosenbrock 4': {
    ...ofCoordinates(repeated(4, [-2, 2]), (x) =>
      x.slice(1).reduce((sum, next, i) => sum + 100 * (next - x[i] ** 2) ** 2 + (1 - x[i]) ** 2, 0),
    ),
    minimum: 0,
  },
  // 128 dimensions, 6 negatives, 1 layer, 10^−2.5 and a decay of 1e-5.
  mixed: { dimensions: MIXED_DIMENSIONS, lossOf: mixedLoss, minimum: mixedLoss(mixedOptimum()) },
};

function mixedOptimum() {
  // The decay's two terms: the least of 0.3 w/(w + 0.01) + 0.01 |log10(w + 1e-8) + 5| is at w = 1e-5 − 1e-8.
  return {
    vectorDim: 128,
    learningRate: 10 ** -2.5,
    weightDecay: 1e-5 - 1e-8,
    shuffledNegativeSamplingRate: 6,
    numIpEncoderLayers: 1,
  };
}

/** Learning curves over `mixed`, with the epochs that a fall to 1/e takes. */
const curvesOf = (slownessAt: (learningRate: number) => number): SampleCurves => ({
  dimensions: MIXED_DIMENSIONS,
  epochs: 27,
  lossOf: (setting, epoch) => mixedLoss(setting) + 0.8 * Math.exp(-epoch / slownessAt(setting.learningRate!)),
  minimum: mixedLoss(mixedOptimum()),
});

/** Each by its name. */
export const SAMPLE_CURVES: Record<string, SampleCurves> = {
  /** All fall alike: the order after an epoch is that at the end. */
  'curves in step': curvesOf(() => 4),
  /** Half as fast at a sixteenth of the learning rate: what is best at the end is a little behind in the first epochs. */
  'curves that cross': curvesOf((learningRate) => 2 * (0.01 / learningRate) ** 0.25),
  /** Half as fast at a quarter: high learning rates lead far in the first epochs, and most of what would win is stopped. */
  'curves that mislead': curvesOf((learningRate) => 2 * (0.01 / learningRate) ** 0.5),
};
