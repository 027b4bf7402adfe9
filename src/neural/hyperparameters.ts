import { UsageError } from '../errors.ts';

/** The ten hyperparameters of AWS IP Insights, under our names; meanings and ranges are AWS's. */
export interface Hyperparameters {
  /** E: rows of the entity table; an entity's row is its hash modulo this */
  numEntityVectors: number;
  /** D: size of entity and address vectors */
  vectorDim: number;
  /** passes over the training data */
  epochs: number;
  /** step of the row-wise Adam optimiser; falls linearly to zero over the training */
  learningRate: number;
  /** B: observed pairs of a mini-batch */
  miniBatchSize: number;
  /** fully connected layers on top of the sum of prefix vectors */
  numIpEncoderLayers: number;
  /** R: pairs with a random address for each observed pair */
  randomNegativeSamplingRate: number;
  /** S: pairs with an address of another record of the mini-batch for each observed pair */
  shuffledNegativeSamplingRate: number;
  /** L2 regularisation */
  weightDecay: number;
  /** mini-batches between two metric lines */
  batchMetricsPublishInterval: number;
}

export interface HyperparameterRule {
  name: keyof Hyperparameters;
  /** AWS's name, as it stands in training jobs */
  awsName: string;
  minimum: number;
  maximum: number;
  integer: boolean;
  /** undefined: twice the number of distinct entities, AWS's advice */
  standard: number | undefined;
  /** AWS's default; ours differs where that is not good on any data (docs/decisions/0003 and 0011) */
  awsStandard: number | 'required';
  meaning: string;
}

const rule = (
  name: keyof Hyperparameters,
  awsName: string,
  [minimum, maximum]: [number, number],
  kind: 'integer' | 'real',
  standard: number | undefined,
  meaning: string,
  awsStandard: number | 'required' = standard ?? 'required',
): HyperparameterRule => ({
  name,
  awsName,
  minimum,
  maximum,
  integer: kind === 'integer',
  standard,
  awsStandard,
  meaning,
});

/** Ranges and AWS's defaults are those of its developer guide. */
export const HYPERPARAMETERS: readonly HyperparameterRule[] = [
  rule(
    'numEntityVectors',
    'num_entity_vectors',
    [1, 250_000_000],
    'integer',
    undefined,
    'rows of the entity table (default: twice the distinct entities)',
  ),
  rule(
    'vectorDim',
    'vector_dim',
    [4, 4096],
    'integer',
    128,
    'size of the entity and address vectors',
    'required',
  ),
  rule('epochs', 'epochs', [1, Number.MAX_SAFE_INTEGER], 'integer', 5, 'passes over the training data', 10),
  rule(
    'learningRate',
    'learning_rate',
    [1e-6, 10],
    'real',
    0.03,
    'step of the optimiser (Adam, sparse rows)',
    0.001,
  ),
  rule(
    'miniBatchSize',
    'mini_batch_size',
    [1, 500_000],
    'integer',
    1000,
    'observed pairs of a mini-batch',
    10_000,
  ),
  rule(
    'numIpEncoderLayers',
    'num_ip_encoder_layers',
    [0, 100],
    'integer',
    0,
    'fully connected layers of the address encoder, on top of the sum of prefix vectors',
    1,
  ),
  rule(
    'randomNegativeSamplingRate',
    'random_negative_sampling_rate',
    [0, 500],
    'integer',
    3,
    'pairs with a random address for each observed pair',
    1,
  ),
  rule(
    'shuffledNegativeSamplingRate',
    'shuffled_negative_sampling_rate',
    [0, 500],
    'integer',
    1,
    "pairs with another record's address for each observed pair",
  ),
  rule('weightDecay', 'weight_decay', [0, 10], 'real', 0.00001, 'L2 regularisation'),
  rule(
    'batchMetricsPublishInterval',
    'batch_metrics_publish_interval',
    [1, Number.MAX_SAFE_INTEGER],
    'integer',
    1000,
    'mini-batches between two metric lines',
  ),
];

/** `vectorDim` → `--vector-dim` */
export function optionName(name: keyof Hyperparameters): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** A text as a whole or real number in a range; `what` names it in messages. */
export function parseNumber(
  text: string,
  what: string,
  { minimum, maximum, integer }: Pick<HyperparameterRule, 'minimum' | 'maximum' | 'integer'>,
): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value >= minimum && value <= maximum) || (integer && !Number.isInteger(value))) {
    const upTo =
      maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
    throw new UsageError(`${what}: expected ${integer ? 'an integer' : 'a number'} ${upTo}, got ${text}.`);
  }
  return value;
}

/**
 * Fills in the defaults and checks ranges.
 * @param given            what was asked for
 * @param distinctEntities of the training data; decides the default of `numEntityVectors`
 */
export function completeHyperparameters(
  given: Partial<Hyperparameters>,
  distinctEntities: number,
): Hyperparameters {
  const unknown = Object.keys(given).find((name) => !HYPERPARAMETERS.some((rule) => rule.name === name));
  if (unknown !== undefined) {
    const names = HYPERPARAMETERS.map(({ name }) => name).join(', ');
    throw new UsageError(`hyperparameters: expected ${names}, got ${unknown}.`);
  }
  const complete = {} as Hyperparameters;
  for (const rule of HYPERPARAMETERS) {
    const value = given[rule.name] ?? rule.standard ?? Math.max(1, 2 * distinctEntities);
    complete[rule.name] = parseNumber(String(value), optionName(rule.name), rule);
  }
  const negatives = complete.randomNegativeSamplingRate + complete.shuffledNegativeSamplingRate;
  if (negatives < 1 || negatives > 500) {
    throw new UsageError(
      `--random-negative-sampling-rate + --shuffled-negative-sampling-rate: expected 1 to 500 together, got ${negatives}.`,
    );
  }
  return complete;
}
