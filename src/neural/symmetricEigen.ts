/** Eigenvalues, descending, and for each an eigenvector of length 1. n values. */
export interface SymmetricEigen {
  values: Float64Array; // (n)
  /** a row each, orthogonal to all others */
  vectors: Float64Array; // (n, n)
}

/** Rotations of one eigenvalue that have always been enough, with room to spare: 2 are usual. */
const MOST_ROUNDS = 60;
/** Multiplications that a step takes. */
const STEP_PRODUCTS = 2_000_000;

/**
 * All eigenvalues and eigenvectors of a symmetric matrix: Householder's reflections make it tridiagonal, then come QL iterations
 * with implicit shifts (Golub and Van Loan, Matrix Computations, 4th edition, 8.3; tred2 and tql2 of EISPACK). About 4 n³ multiplications.
 * Eigenvectors stand in rows, so that a rotation goes over memory in order. It gives way between steps.
 * @param matrix f64[n × n], symmetric; not changed
 */
export function* symmetricEigen(matrix: Float64Array, n: number): Generator<void, SymmetricEigen, void> {
  const a = matrix.slice();
  const diagonal = new Float64Array(n);
  const beside = new Float64Array(n); // beside[i]: between i − 1 and i
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  const reflectors = yield* tridiagonalise(a, n, diagonal, beside);
  yield* applyReflectors(reflectors, n, vectors);
  yield* diagonalise(n, diagonal, beside, vectors);
  const order = Array.from(diagonal.keys()).sort((i, j) => diagonal[j] - diagonal[i]);
  const sorted = new Float64Array(n * n);
  for (const [to, from] of order.entries()) sorted.set(vectors.subarray(from * n, (from + 1) * n), to * n);
  return { values: Float64Array.from(order, (i) => diagonal[i]), vectors: sorted };
}

/** H = I − 2 v vᵀ, v of length 1 and zero before `from`. */
interface Reflector {
  from: number;
  v: Float64Array; // (n)
}

/** A → H A H, with reflections H that clear each column below its subdiagonal, from the first on. */
function* tridiagonalise(
  a: Float64Array,
  n: number,
  diagonal: Float64Array,
  beside: Float64Array,
): Generator<void, Reflector[], void> {
  const reflectors: Reflector[] = [];
  const step = Math.max(1, Math.floor(STEP_PRODUCTS / (2 * n * n)));
  const p = new Float64Array(n);
  for (let k = 0; k + 2 < n; k++) {
    const from = k + 1;
    const v = new Float64Array(n);
    let scale = 0;
    for (let i = from; i < n; i++) scale = Math.max(scale, Math.abs(a[i * n + k]));
    if (scale === 0) continue;
    let norm = 0;
    for (let i = from; i < n; i++) {
      v[i] = a[i * n + k] / scale;
      norm += v[i] * v[i];
    }
    // Away from zero, so that nothing cancels.
    const alpha = v[from] > 0 ? -Math.sqrt(norm) : Math.sqrt(norm);
    v[from] -= alpha;
    let length = 0;
    for (let i = from; i < n; i++) length += v[i] * v[i];
    length = Math.sqrt(length);
    if (length === 0) continue;
    for (let i = from; i < n; i++) v[i] /= length;
    reflectors.push({ from, v });
    // p = A v; A ← A − 2 v wᵀ − 2 w vᵀ with w = p − (vᵀp) v
    let vp = 0;
    for (let i = from; i < n; i++) {
      let sum = 0;
      for (let j = from; j < n; j++) sum += a[i * n + j] * v[j];
      p[i] = sum;
      vp += v[i] * sum;
    }
    for (let i = from; i < n; i++) p[i] -= vp * v[i];
    for (let i = from; i < n; i++) {
      const [twoV, twoW] = [2 * v[i], 2 * p[i]];
      for (let j = from; j < n; j++) a[i * n + j] -= twoV * p[j] + twoW * v[j];
    }
    a[from * n + k] = alpha * scale;
    if (k % step === step - 1) yield;
  }
  for (let i = 0; i < n; i++) {
    diagonal[i] = a[i * n + i];
    beside[i] = i === 0 ? 0 : a[i * n + i - 1];
  }
  return reflectors;
}

/** Rows of `vectors`, the identity before, become the columns of H_1 H_2 … */
function* applyReflectors(
  reflectors: Reflector[],
  n: number,
  vectors: Float64Array,
): Generator<void, void, void> {
  const step = Math.max(1, Math.floor(STEP_PRODUCTS / (2 * n * n)));
  for (const [done, { from, v }] of reflectors.toReversed().entries()) {
    // From the last on, only rows and columns behind `from` differ from the identity.
    for (let i = from; i < n; i++) {
      let sum = 0;
      for (let j = from; j < n; j++) sum += vectors[i * n + j] * v[j];
      sum *= 2;
      for (let j = from; j < n; j++) vectors[i * n + j] -= sum * v[j];
    }
    if (done % step === step - 1) yield;
  }
}

/** QL iterations with implicit shifts; `diagonal` becomes the eigenvalues, rows of `vectors` the eigenvectors. */
function* diagonalise(
  n: number,
  diagonal: Float64Array,
  beside: Float64Array,
  vectors: Float64Array,
): Generator<void, void, void> {
  const next = new Float64Array(n); // next[i]: between i and i + 1
  next.set(beside.subarray(1));
  let done = 0;
  for (let l = 0; l < n; l++) {
    for (let round = 0; ; round++) {
      // The first element beside the diagonal that is as good as zero ends the block.
      let m = l;
      while (m < n - 1) {
        const size = Math.abs(diagonal[m]) + Math.abs(diagonal[m + 1]);
        if (Math.abs(next[m]) <= Number.EPSILON * size || next[m] === 0) break;
        m++;
      }
      if (m === l) break;
      if (round === MOST_ROUNDS) throw new RangeError('eigenvalues: no end in sight; is a number NaN?');
      qlRound(l, m, n, diagonal, next, vectors);
      done += (m - l) * n * 4;
      if (done < STEP_PRODUCTS) continue;
      done = 0;
      yield;
    }
  }
}

/** One round on the block [l, m], with Wilkinson's shift. */
function qlRound(
  l: number,
  m: number,
  n: number,
  diagonal: Float64Array,
  next: Float64Array,
  vectors: Float64Array,
): void {
  let g = (diagonal[l + 1] - diagonal[l]) / (2 * next[l]);
  let r = Math.hypot(g, 1);
  g = diagonal[m] - diagonal[l] + next[l] / (g + (g < 0 ? -r : r));
  let s = 1;
  let c = 1;
  let p = 0;
  for (let i = m - 1; i >= l; i--) {
    const f = s * next[i];
    const b = c * next[i];
    r = Math.hypot(f, g);
    next[i + 1] = r;
    if (r === 0) {
      // The block falls apart here.
      diagonal[i + 1] -= p;
      next[m] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = diagonal[i + 1] - p;
    r = (diagonal[i] - g) * s + 2 * c * b;
    p = s * r;
    diagonal[i + 1] = g + p;
    g = c * r - b;
    rotate(vectors, i * n, n, c, s);
  }
  diagonal[l] -= p;
  next[l] = g;
  next[m] = 0;
}

/** Rotates the row at `at` and the one after it. */
function rotate(vectors: Float64Array, at: number, n: number, c: number, s: number): void {
  for (let k = at; k < at + n; k++) {
    const below = vectors[k + n];
    vectors[k + n] = s * vectors[k] + c * below;
    vectors[k] = c * vectors[k] - s * below;
  }
}
