import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UsageError } from '../errors.ts';
import {
  type Dimension,
  recommendedRange,
  ruleOf,
  SEARCH_NAMES,
  SearchSpace,
  searchNameOf,
} from './searchSpace.ts';

const range = (
  minimum: number,
  maximum: number,
  integer: boolean,
  scale: 'linear' | 'log' = 'linear',
): Dimension => ({
  kind: 'range',
  name: integer ? 'vectorDim' : 'learningRate',
  minimum,
  maximum,
  integer,
  scale,
});

const choice = (...values: number[]): Dimension => ({ kind: 'choice', name: 'numIpEncoderLayers', values });

const valueIn = (dimension: Dimension, coordinate: number): number =>
  new SearchSpace([dimension]).settingAt([coordinate])[dimension.name]!;

const scales = fc.constantFrom('linear' as const, 'log' as const);

/** Integers of a range from 0 or more, up to 500 of them. */
const integerRanges = fc
  .tuple(fc.nat({ max: 1000 }), fc.nat({ max: 499 }), scales)
  .map(([minimum, width, scale]) => range(minimum, minimum + width, true, scale));

/** Real ranges from 0 or more, of any magnitude that hyperparameters have, however narrow. */
const realRanges = fc
  .tuple(
    fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 10, noNaN: true })),
    fc.double({ min: 1e-6, max: 10, noNaN: true }),
    scales,
  )
  .map(([minimum, width, scale]) => range(minimum, minimum + width, false, scale));

const coordinates = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('settingAt(pointOf(setting)) is the setting, for every setting that a space can give', () => {
  const spaces = fc
    .tuple(integerRanges, realRanges, fc.uniqueArray(fc.nat({ max: 100 }), { minLength: 1, maxLength: 8 }))
    .map(([integers, reals, values]) => new SearchSpace([integers, reals, choice(...values)]));
  fc.assert(
    fc.property(spaces, fc.tuple(coordinates, coordinates, coordinates), (space, point) => {
      const setting = space.settingAt(point);
      assert.ok(space.has(setting), JSON.stringify(setting));
      assert.deepEqual(space.settingAt(space.pointOf(setting)), setting);
    }),
    { numRuns: 2000 },
  );
});

test('every integer of a range comes back from its point, which lies in the cube', () => {
  fc.assert(
    fc.property(integerRanges, (dimension) => {
      if (dimension.kind === 'choice') return;
      const space = new SearchSpace([dimension]);
      for (let value = dimension.minimum; value <= dimension.maximum; value++) {
        const point = space.pointOf({ vectorDim: value });
        assert.ok(point[0] >= 0 && point[0] < 1);
        assert.equal(space.settingAt(point).vectorDim, value);
      }
    }),
    { numRuns: 50 },
  );
});

test('integers of a linear range, and choices, have equal stretches', () => {
  for (const dimension of [range(3, 7, true), choice(64, 0, 512, 8, 16)]) {
    const counts = new Map<number, number>();
    for (let i = 0; i < 1000; i++) {
      const value = valueIn(dimension, (i + 0.5) / 1000);
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    const values = dimension.kind === 'choice' ? dimension.values : [3, 4, 5, 6, 7];
    assert.deepEqual(
      [...counts],
      values.map((value) => [value, 200]),
    );
  }
});

test('stretches hold the coordinates that give the same value, and lie one beside the other', () => {
  const dimensions = fc.oneof(
    integerRanges,
    fc.integer({ min: 1, max: 9 }).map((n) => choice(...Array(n).keys())),
  );
  fc.assert(
    fc.property(dimensions, coordinates, (dimension, coordinate) => {
      const space = new SearchSpace([dimension]);
      const [from, to] = space.stretchAt(0, coordinate);
      // Borders are exact up to rounding.
      const tolerance = 1e-12;
      assert.ok(from <= coordinate + tolerance && coordinate < to + tolerance);
      const value = valueIn(dimension, coordinate);
      const inside = [from + tolerance, (from + to) / 2, to - tolerance];
      for (const place of inside) assert.equal(valueIn(dimension, place), value);
      if (to < 1 - tolerance) assert.notEqual(valueIn(dimension, to + tolerance), value);
      if (from > tolerance) assert.notEqual(valueIn(dimension, from - tolerance), value);
    }),
  );
});

test('a real value has no stretch', () => {
  assert.deepEqual(new SearchSpace([range(1, 2, false)]).stretchAt(0, 0.3), [0.3, 0.3]);
});

test('in a logarithmic range each factor is as likely as any other', () => {
  const dimension = range(1e-4, 1e-1, false, 'log');
  assert.deepEqual(
    [0, 1 / 3, 1 / 2, 2 / 3].map((coordinate) => valueIn(dimension, coordinate)),
    [1e-4, 1e-3, 3.162e-3, 1e-2],
  );
  // Integers from 1: a stretch of 1 to 10 is as long as ln(10.5/0.5) of ln(1000.5/0.5).
  const [from] = new SearchSpace([range(1, 1000, true, 'log')]).stretchAt(0, Math.log(22) / Math.log(2001));
  assert.ok(Math.abs(from - Math.log(21) / Math.log(2001)) < 1e-12);
});

test('a logarithmic range from 0 gives 0 below a hundred-millionth of its maximum, and 0 comes back', () => {
  const space = new SearchSpace([range(0, 2, false, 'log')]);
  assert.deepEqual(space.settingAt(space.pointOf({ learningRate: 0 })), { learningRate: 0 });
  const [from, to] = space.stretchAt(0, 0.01);
  // ln(2c) − ln(c) of ln(2 + c) − ln(c), with c = 2e-8.
  assert.equal(from, 0);
  assert.ok(Math.abs(to - Math.LN2 / Math.log(1e8 + 1)) < 1e-12);
  assert.equal(space.settingAt([to - 1e-6]).learningRate, 0);
  assert.ok(space.settingAt([to + 1e-6]).learningRate! >= 2e-8);
  assert.equal(space.settingAt([1]).learningRate, 2);
});

test('integers of a logarithmic range from 0: 0 and 1 are as far apart as 1 and 3', () => {
  const space = new SearchSpace([range(0, 100, true, 'log')]);
  const [zero, one, three] = [0, 1, 3].map((value) => space.pointOf({ vectorDim: value })[0]);
  assert.ok(Math.abs(three - one - (one - zero)) < 1e-12);
});

test('a linear range may hold negative values', () => {
  assert.deepEqual(
    [0, 0.25, 0.5, 0.75].map((coordinate) => valueIn(range(-2, 2, false), coordinate)),
    [-2, -1, 0, 1],
  );
});

test('values are ascending along a range', () => {
  fc.assert(
    fc.property(fc.oneof(integerRanges, realRanges), coordinates, coordinates, (dimension, a, b) => {
      const [low, high] = a < b ? [a, b] : [b, a];
      assert.ok(valueIn(dimension, low) <= valueIn(dimension, high));
    }),
  );
});

test('a narrow range has values between its borders, and one of a single value has that', () => {
  const narrow = range(1000.1, 1000.2, false);
  const values = new Set([0.1, 0.2, 0.3, 0.4, 0.5].map((coordinate) => valueIn(narrow, coordinate)));
  assert.equal(values.size, 5);
  for (const scale of ['linear', 'log'] as const) {
    for (const [dimension, value] of [
      [range(0.3, 0.3, false, scale), 0.3],
      [range(7, 7, true, scale), 7],
    ] as const) {
      assert.equal(valueIn(dimension, 0.9), value);
      const space = new SearchSpace([dimension]);
      assert.equal(space.settingAt(space.pointOf({ [dimension.name]: value }))[dimension.name], value);
      assert.deepEqual(space.stretchAt(0, 0.2), [0, 1]);
    }
  }
});

test('values outside of a range come to its border; choices must have the value; none may be missing', () => {
  const space = new SearchSpace([range(4, 8, true), choice(0, 2)]);
  const back = (vectorDim: number) =>
    space.settingAt(space.pointOf({ vectorDim, numIpEncoderLayers: 2 })).vectorDim;
  assert.deepEqual([1, 4, 8, 1000].map(back), [4, 4, 8, 8]);
  assert.throws(
    () => space.pointOf({ vectorDim: 5, numIpEncoderLayers: 1 }),
    new RangeError('expected numIpEncoderLayers among 0, 2, got 1'),
  );
  assert.throws(
    () => space.pointOf({ numIpEncoderLayers: 2 }),
    new RangeError('expected a value of vectorDim, got none'),
  );
});

test('has: inside of each range, an integer where those are asked for, one of the choices', () => {
  const space = new SearchSpace([range(4, 8, true), choice(0, 2)]);
  const isIn = (vectorDim: number | undefined, numIpEncoderLayers: number) =>
    space.has({ vectorDim, numIpEncoderLayers });
  assert.ok(isIn(4, 0) && isIn(8, 2));
  assert.ok(!isIn(3, 0) && !isIn(9, 0) && !isIn(4.5, 0) && !isIn(4, 1) && !isIn(undefined, 0));
});

test("recommended ranges lie in what training accepts, and have the rule's kind of number", () => {
  for (const name of SEARCH_NAMES) {
    const { minimum, maximum, integer } = recommendedRange(name);
    const rule = ruleOf(name);
    assert.ok(rule.minimum <= minimum && minimum < maximum && maximum <= rule.maximum, name);
    assert.equal(integer, rule.integer);
  }
});

test("a hyperparameter is known by AWS's name and by its option's", () => {
  assert.equal(searchNameOf('vector_dim', '--range'), 'vectorDim');
  assert.equal(searchNameOf(' num-ip-encoder-layers', '--choice'), 'numIpEncoderLayers');
  assert.throws(
    () => searchNameOf('depth', '--range'),
    new UsageError(
      '--range: expected one of epochs, learning_rate, mini_batch_size, num_entity_vectors, num_ip_encoder_layers, ' +
        'random_negative_sampling_rate, shuffled_negative_sampling_rate, vector_dim, weight_decay, got "depth".',
    ),
  );
});
