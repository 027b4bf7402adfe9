import assert from 'node:assert/strict';
import { test } from 'node:test';
import { searchSpaceOf } from './tuneSpace.ts';

test('ranges and choices as they are typed', () => {
  const { dimensions } = searchSpaceOf(
    ['vector_dim=64:1024', 'learning-rate=1e-4:1e-1:log', 'weight_decay', 'epochs=1:4:linear'],
    ['num_ip_encoder_layers=0,1,2'],
    {},
  );
  assert.deepEqual(dimensions, [
    { kind: 'range', name: 'vectorDim', minimum: 64, maximum: 1024, integer: true, scale: 'log' },
    { kind: 'range', name: 'learningRate', minimum: 1e-4, maximum: 0.1, integer: false, scale: 'log' },
    { kind: 'range', name: 'weightDecay', minimum: 0, maximum: 1, integer: false, scale: 'log' },
    { kind: 'range', name: 'epochs', minimum: 1, maximum: 4, integer: true, scale: 'linear' },
    { kind: 'choice', name: 'numIpEncoderLayers', values: [0, 1, 2] },
  ]);
});

test("without any, AWS's ranges of what was given no value", () => {
  const names = (fixed: object) => searchSpaceOf([], [], fixed).dimensions.map(({ name }) => name);
  const all = ['learningRate', 'miniBatchSize', 'vectorDim', 'randomNegativeSamplingRate'];
  assert.deepEqual(names({}), [...all, 'shuffledNegativeSamplingRate', 'weightDecay']);
  assert.deepEqual(names({ vectorDim: 64, epochs: 3 }).includes('vectorDim'), false);
});

for (const [ranges, choices, fixed, message] of [
  [
    ['colour=1:2'],
    [],
    {},
    '--range: expected one of epochs, learning_rate, mini_batch_size, num_entity_vectors, num_ip_encoder_layers, random_negative_sampling_rate, shuffled_negative_sampling_rate, vector_dim, weight_decay, got "colour".',
  ],
  [
    ['vector_dim=64'],
    [],
    {},
    '--range vector_dim: expected MINIMUM:MAXIMUM, with :log or :linear after it where that is wanted, got "64".',
  ],
  [
    ['vector_dim=64:128:cubic'],
    [],
    {},
    '--range vector_dim: expected MINIMUM:MAXIMUM, with :log or :linear after it where that is wanted, got "64:128:cubic".',
  ],
  [
    ['vector_dim=128:64'],
    [],
    {},
    '--range vector_dim: expected a minimum below the maximum, got "128:64". For a single value there is --vector-dim.',
  ],
  [['vector_dim=2:64'], [], {}, '--range vector_dim: expected an integer from 4 to 4096, got 2.'],
  [['vector_dim=8.5:64'], [], {}, '--range vector_dim: expected an integer from 4 to 4096, got 8.5.'],
  [['learning_rate=:0.1'], [], {}, '--range learning_rate: expected a number from 0.000001 to 10, got .'],
  [
    ['vector_dim', 'vector_dim=64:128'],
    [],
    {},
    '--range, --choice: expected each hyperparameter once, got vector_dim twice.',
  ],
  [
    ['vector_dim'],
    [],
    { vectorDim: 64 },
    '--vector-dim: expected it or a range of vector_dim, got both. Leave one of them out.',
  ],
  [
    [],
    ['vector_dim=64'],
    {},
    '--choice vector_dim: expected two or more different values with commas between them, got "vector_dim=64".',
  ],
  [
    [],
    ['vector_dim=64,64'],
    {},
    '--choice vector_dim: expected two or more different values with commas between them, got "vector_dim=64,64".',
  ],
  [[], ['vector_dim=64,x'], {}, '--choice vector_dim: expected an integer from 4 to 4096, got x.'],
  [
    [],
    [],
    {
      learningRate: 0.1,
      miniBatchSize: 10,
      vectorDim: 8,
      randomNegativeSamplingRate: 1,
      shuffledNegativeSamplingRate: 1,
      weightDecay: 0,
    },
    'tune: expected something to search, got a value for every hyperparameter. Leave one out, or add --range.',
  ],
] as const) {
  test(`rejects ${[...ranges, ...choices].join(' ') || 'a value for everything'}: ${message}`, () => {
    assert.throws(() => searchSpaceOf(ranges, choices, fixed), { name: 'UsageError', message });
  });
}
