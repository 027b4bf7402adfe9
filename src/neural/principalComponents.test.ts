import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type InSteps, principalComponents, projected } from './principalComponents.ts';
import { symmetricEigen } from './symmetricEigen.ts';

function run<T>(work: InSteps<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value as T;
  }
}

/** Normal numbers enough for a test: sums of uniform ones, from a seed. */
function numbers(count: number, seed: number): Float64Array {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  return Float64Array.from({ length: count }, () => next() + next() + next());
}

function symmetric(n: number, seed: number): Float64Array {
  const some = numbers(n * n, seed);
  return Float64Array.from(some, (_, at) => some[at] + some[(at % n) * n + Math.floor(at / n)]);
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};
const near = (a: number, b: number, within: number, what = '') =>
  assert.ok(Math.abs(a - b) <= within, `${what} expected ${b} ± ${within}, got ${a}`);

test('eigenvalues of [2 1; 1 2] are 3 and 1, of a diagonal matrix its entries', () => {
  const { values, vectors } = run(symmetricEigen(Float64Array.of(2, 1, 1, 2), 2));
  near(values[0], 3, 1e-15);
  near(values[1], 1, 1e-15);
  near(Math.abs(vectors[0]), Math.SQRT1_2, 1e-15);
  near(vectors[0], vectors[1], 1e-15);
  const diagonal = run(symmetricEigen(Float64Array.of(1, 0, 0, 0, 7, 0, 0, 0, -2), 3));
  assert.deepEqual([...diagonal.values], [7, 1, -2]);
});

test('eigenvalues of the path graph of n nodes are 2 cos(kπ/(n+1))', () => {
  const n = 50;
  const path = Float64Array.from({ length: n * n }, (_, at) =>
    Math.abs(Math.floor(at / n) - (at % n)) === 1 ? 1 : 0,
  );
  const { values } = run(symmetricEigen(path, n));
  for (let k = 0; k < n; k++) near(values[k], 2 * Math.cos(((k + 1) * Math.PI) / (n + 1)), 1e-13);
});

test('A v = λ v for every eigenvector, which are orthonormal, also of matrices with equal eigenvalues', () => {
  for (const [n, matrix] of [
    [1, Float64Array.of(-4)],
    [40, symmetric(40, 3)],
    [97, symmetric(97, 4)],
    [6, new Float64Array(36).fill(1)],
    [5, new Float64Array(25)],
  ] as const) {
    const { values, vectors } = run(symmetricEigen(matrix, n));
    for (let i = 0; i < n; i++) {
      const v = vectors.subarray(i * n, (i + 1) * n);
      for (let r = 0; r < n; r++)
        near(dot(matrix.subarray(r * n, (r + 1) * n), v), values[i] * v[r], 1e-12 * (n + 1), `${n}`);
      for (let j = 0; j <= i; j++)
        near(dot(v, vectors.subarray(j * n, (j + 1) * n)), i === j ? 1 : 0, 1e-13 * (n + 1));
      if (i > 0) assert.ok(values[i] <= values[i - 1]);
    }
  }
});

test('points on a line have one component, along it, and all of the variance', () => {
  const rows = Float32Array.from(
    { length: 30 },
    (_, i) => (i % 3 === 0 ? 3 : 4) * (i % 3 === 2 ? 0 : i / 3 - (i % 3) / 3),
  );
  const { components, variances, total } = run(principalComponents(rows, 3, 3));
  assert.equal(components.length, 1);
  for (const [d, expected] of [0.6, 0.8, 0].entries()) near(components[0][d], expected, 1e-9);
  near(variances[0], total, 1e-9);
});

/** Rows, a dimension and how many. More rows than columns, and the other way round. */
const tables = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 1e6 }))
  .map(([D, N, seed]) => ({ D, N, rows: Float32Array.from(numbers(N * D, seed)) }));

test('components are orthonormal; variances descend, and sum to the total with all components', () => {
  fc.assert(
    fc.property(tables, ({ D, N, rows }) => {
      const { components, variances, total } = run(principalComponents(rows, D, D));
      assert.ok(components.length <= Math.min(D, N));
      for (const [i, a] of components.entries())
        for (const [j, b] of components.entries()) near(dot(a, b), i === j ? 1 : 0, 1e-9);
      for (let c = 1; c < variances.length; c++) assert.ok(variances[c] <= variances[c - 1]);
      near(
        variances.reduce((sum, one) => sum + one, 0),
        total,
        1e-9 * (1 + total),
      );
    }),
    { numRuns: 60 },
  );
});

test('all components give the rows back; the variance of coordinates is that of the component', () => {
  fc.assert(
    fc.property(tables, ({ D, N, rows }) => {
      const found = run(principalComponents(rows, D, D));
      const C = found.components.length;
      const coordinates = run(projected(rows, found));
      for (let i = 0; i < N; i++)
        for (let d = 0; d < D; d++) {
          let value = found.mean[d];
          for (let c = 0; c < C; c++) value += coordinates[i * C + c] * found.components[c][d];
          near(value, rows[i * D + d], 1e-5);
        }
      for (let c = 0; c < C; c++) {
        let square = 0;
        for (let i = 0; i < N; i++) square += coordinates[i * C + c] ** 2 / N;
        near(square, found.variances[c], 1e-9);
      }
    }),
    { numRuns: 60 },
  );
});

test('moving all rows and turning two columns change no variance; the order of rows changes no component', () => {
  const [N, D] = [200, 7];
  const rows = Float32Array.from(numbers(N * D, 9), (value, at) => value * (1 + (at % D)));
  const plain = run(principalComponents(rows, D, D));
  const moved = run(
    principalComponents(
      rows.map((value, at) => value + 10 * (at % D)),
      D,
      D,
    ),
  );
  const turned = rows.slice();
  for (let i = 0; i < N; i++) {
    turned[i * D] = 0.6 * rows[i * D] - 0.8 * rows[i * D + 3];
    turned[i * D + 3] = 0.8 * rows[i * D] + 0.6 * rows[i * D + 3];
  }
  const spun = run(principalComponents(turned, D, D));
  const reversed = new Float32Array(N * D);
  for (let i = 0; i < N; i++) reversed.set(rows.subarray(i * D, (i + 1) * D), (N - 1 - i) * D);
  const back = run(principalComponents(reversed, D, D));
  for (let c = 0; c < D; c++) {
    near(moved.variances[c], plain.variances[c], 1e-4);
    near(spun.variances[c], plain.variances[c], 1e-4);
    for (let d = 0; d < D; d++) near(back.components[c][d], plain.components[c][d], 1e-9);
    assert.ok(Math.max(...plain.components[c]) >= -Math.min(...plain.components[c]));
  }
});

test('fewer rows than columns give the components that the covariance gives', () => {
  const [N, D] = [9, 20];
  const rows = Float32Array.from(numbers(N * D, 5));
  const few = run(principalComponents(rows, D, 8));
  // Rows twice: the same covariance, and now enough of them for it.
  const many = new Float32Array(N * D * 3);
  for (let copy = 0; copy < 3; copy++) many.set(rows, copy * N * D);
  const whole = run(principalComponents(many, D, 8));
  for (let c = 0; c < 8; c++) {
    near(few.variances[c], whole.variances[c], 1e-9);
    for (let d = 0; d < D; d++) near(few.components[c][d], whole.components[c][d], 1e-7);
  }
});

test('one row, equal rows and no rows have no components', () => {
  for (const rows of [new Float32Array(4).fill(2), new Float32Array(12).fill(1), new Float32Array(0)]) {
    const { components, total } = run(principalComponents(rows, 4, 4));
    assert.equal(components.length, 0);
    near(total, 0, 1e-12);
  }
});

test('of very wide rows a sample finds the directions in which they differ', () => {
  const [N, D] = [600, 700];
  const rows = new Float32Array(N * D);
  const [big, small] = [numbers(N, 1), numbers(N, 2)];
  for (let i = 0; i < N; i++) {
    rows[i * D + 5] = big[i] * 10;
    rows[i * D + 600] = small[i];
  }
  const { components } = run(principalComponents(rows, D, 2));
  near(components[0][5], 1, 1e-2);
  near(components[1][600], 1, 1e-2);
});
