import { quoted, UsageError } from '../errors.ts';
import { type Hyperparameters, optionName, parseNumber } from '../neural/hyperparameters.ts';
import {
  type Dimension,
  recommendedRange,
  ruleOf,
  type SearchName,
  SearchSpace,
  searchNameOf,
} from '../tune/searchSpace.ts';

/**
 * Searched where nothing else is asked for: what all data have in common. Left out: `epochs`, which early stopping decides
 * about; `num_entity_vectors`, of which more is better; `num_ip_encoder_layers`, which make a training many times as long.
 */
const SEARCHED_BY_DEFAULT: readonly SearchName[] = [
  'learningRate',
  'miniBatchSize',
  'vectorDim',
  'randomNegativeSamplingRate',
  'shuffledNegativeSamplingRate',
  'weightDecay',
];

/**
 * The space of `--range` and `--choice`; without any, the default one without what has an option of its own.
 * @param fixed hyperparameters that were given a value
 * @throws UsageError where an option is not understood, or two contradict each other
 */
export function searchSpaceOf(
  ranges: readonly string[],
  choices: readonly string[],
  fixed: Partial<Hyperparameters>,
): SearchSpace {
  const dimensions = [...ranges.map(rangeOf), ...choices.map(choiceOf)];
  if (dimensions.length === 0) {
    const names = SEARCHED_BY_DEFAULT.filter((name) => fixed[name] === undefined);
    if (names.length === 0) {
      throw new UsageError(
        'tune: expected something to search, got a value for every hyperparameter. Leave one out, or add --range.',
      );
    }
    return new SearchSpace(names.map(recommendedRange));
  }
  for (const [i, { name }] of dimensions.entries()) {
    if (dimensions.findIndex((one) => one.name === name) < i) {
      throw new UsageError(
        `--range, --choice: expected each hyperparameter once, got ${ruleOf(name).awsName} twice.`,
      );
    }
    if (fixed[name] !== undefined) {
      throw new UsageError(
        `${optionName(name)}: expected it or a range of ${ruleOf(name).awsName}, got both. Leave one of them out.`,
      );
    }
  }
  return new SearchSpace(dimensions);
}

/** `vector_dim`, `vector_dim=64:1024`, `learning_rate=1e-4:1e-1:log` */
function rangeOf(text: string): Dimension {
  const [, nameText, boundsText] = /^([^=]*)(?:=(.*))?$/s.exec(text) ?? [];
  const name = searchNameOf(nameText, '--range');
  const recommended = recommendedRange(name);
  if (boundsText === undefined) return recommended;
  const what = `--range ${ruleOf(name).awsName}`;
  const parts = boundsText.split(':');
  const scale = parts[2] ?? recommended.scale;
  if (parts.length < 2 || parts.length > 3 || (scale !== 'log' && scale !== 'linear')) {
    throw new UsageError(
      `${what}: expected MINIMUM:MAXIMUM, with :log or :linear after it where that is wanted, got ${quoted(boundsText)}.`,
    );
  }
  const [minimum, maximum] = parts.slice(0, 2).map((part) => parseNumber(part, what, ruleOf(name)));
  if (minimum >= maximum) {
    throw new UsageError(
      `${what}: expected a minimum below the maximum, got ${quoted(boundsText)}. For a single value there is ${optionName(name)}.`,
    );
  }
  return { ...recommended, minimum, maximum, scale };
}

/** `num_ip_encoder_layers=0,1,2` */
function choiceOf(text: string): Dimension {
  const at = text.indexOf('=');
  const name = searchNameOf(at < 0 ? text : text.slice(0, at), '--choice');
  const what = `--choice ${ruleOf(name).awsName}`;
  const values = at < 0 ? [] : text.slice(at + 1).split(',');
  const numbers = values.map((value) => parseNumber(value, what, ruleOf(name)));
  if (numbers.length < 2 || new Set(numbers).size < numbers.length) {
    throw new UsageError(
      `${what}: expected two or more different values with commas between them, got ${quoted(text)}.`,
    );
  }
  return { kind: 'choice', name, values: numbers };
}
