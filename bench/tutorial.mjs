/** Hyperparameters of AWS's tutorial, which all benchmarks of training use. */
export const TUTORIAL = {
  numEntityVectors: 20_000,
  vectorDim: 128,
  epochs: 5,
  learningRate: 0.01,
  miniBatchSize: 1000,
  randomNegativeSamplingRate: 5,
  shuffledNegativeSamplingRate: 1,
  weightDecay: 0.00001,
};

export const SPLIT_AT = '2018-11-11';
export const SEED = 1;
