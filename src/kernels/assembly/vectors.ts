// Vectors of f32 in linear memory. `n` is their length, pointers are in bytes. Four lanes at a time, several
// accumulators where each addition would wait for the one before, then what is left one by one.

/** Bytes of a float. */
export const F: usize = 4;

/** Lanes of a register, as bytes. */
const LANES: usize = 16;

@inline
function sumOfLanes(x: v128): f32 {
  const a = f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 2);
  const b = f32x4.extract_lane(x, 1) + f32x4.extract_lane(x, 3);
  return a + b;
}

/** Σ a·b */
export function dot(a: usize, b: usize, n: usize): f32 {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  const end = a + n * F;
  const end4 = a + ((n & ~15) * F);
  while (a < end4) {
    s0 = f32x4.add(s0, f32x4.mul(v128.load(a), v128.load(b)));
    s1 = f32x4.add(s1, f32x4.mul(v128.load(a, 16), v128.load(b, 16)));
    s2 = f32x4.add(s2, f32x4.mul(v128.load(a, 32), v128.load(b, 32)));
    s3 = f32x4.add(s3, f32x4.mul(v128.load(a, 48), v128.load(b, 48)));
    a += 4 * LANES;
    b += 4 * LANES;
  }
  while (a + LANES <= end) {
    s0 = f32x4.add(s0, f32x4.mul(v128.load(a), v128.load(b)));
    a += LANES;
    b += LANES;
  }
  let sum = sumOfLanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
  while (a < end) {
    sum += load<f32>(a) * load<f32>(b);
    a += F;
    b += F;
  }
  return sum;
}

/** out = 0 */
@inline
export function clear(out: usize, n: usize): void {
  memory.fill(out, 0, n * F);
}

/** out = x */
@inline
export function copy(out: usize, x: usize, n: usize): void {
  memory.copy(out, x, n * F);
}

/** out += x */
export function add(out: usize, x: usize, n: usize): void {
  const end = out + n * F;
  while (out + 2 * LANES <= end) {
    v128.store(out, f32x4.add(v128.load(out), v128.load(x)));
    v128.store(out, f32x4.add(v128.load(out, 16), v128.load(x, 16)), 16);
    out += 2 * LANES;
    x += 2 * LANES;
  }
  while (out + LANES <= end) {
    v128.store(out, f32x4.add(v128.load(out), v128.load(x)));
    out += LANES;
    x += LANES;
  }
  while (out < end) {
    store<f32>(out, load<f32>(out) + load<f32>(x));
    out += F;
    x += F;
  }
}

/** out = a + b */
export function sum2(out: usize, a: usize, b: usize, n: usize): void {
  const end = out + n * F;
  while (out + LANES <= end) {
    v128.store(out, f32x4.add(v128.load(a), v128.load(b)));
    out += LANES;
    a += LANES;
    b += LANES;
  }
  while (out < end) {
    store<f32>(out, load<f32>(a) + load<f32>(b));
    out += F;
    a += F;
    b += F;
  }
}

/** out = c·x */
export function scale(out: usize, c: f32, x: usize, n: usize): void {
  const end = out + n * F;
  const c4 = f32x4.splat(c);
  while (out + LANES <= end) {
    v128.store(out, f32x4.mul(c4, v128.load(x)));
    out += LANES;
    x += LANES;
  }
  while (out < end) {
    store<f32>(out, c * load<f32>(x));
    out += F;
    x += F;
  }
}

/** out += c·x */
export function addScaled(out: usize, c: f32, x: usize, n: usize): void {
  const end = out + n * F;
  const c4 = f32x4.splat(c);
  while (out + 2 * LANES <= end) {
    v128.store(out, f32x4.add(v128.load(out), f32x4.mul(c4, v128.load(x))));
    v128.store(out, f32x4.add(v128.load(out, 16), f32x4.mul(c4, v128.load(x, 16))), 16);
    out += 2 * LANES;
    x += 2 * LANES;
  }
  while (out + LANES <= end) {
    v128.store(out, f32x4.add(v128.load(out), f32x4.mul(c4, v128.load(x))));
    out += LANES;
    x += LANES;
  }
  while (out < end) {
    store<f32>(out, load<f32>(out) + c * load<f32>(x));
    out += F;
    x += F;
  }
}

/** out = c·x + d·y */
export function combine2(out: usize, c: f32, x: usize, d: f32, y: usize, n: usize): void {
  const end = out + n * F;
  const c4 = f32x4.splat(c);
  const d4 = f32x4.splat(d);
  while (out + LANES <= end) {
    v128.store(out, f32x4.add(f32x4.mul(c4, v128.load(x)), f32x4.mul(d4, v128.load(y))));
    out += LANES;
    x += LANES;
    y += LANES;
  }
  while (out < end) {
    store<f32>(out, c * load<f32>(x) + d * load<f32>(y));
    out += F;
    x += F;
    y += F;
  }
}

/** out += c0·x0 + c1·x1 + c2·x2 + c3·x3 */
export function addScaled4(
  out: usize,
  c0: f32,
  x0: usize,
  c1: f32,
  x1: usize,
  c2: f32,
  x2: usize,
  c3: f32,
  x3: usize,
  n: usize,
): void {
  const end = out + n * F;
  const v0 = f32x4.splat(c0);
  const v1 = f32x4.splat(c1);
  const v2 = f32x4.splat(c2);
  const v3 = f32x4.splat(c3);
  while (out + LANES <= end) {
    const a = f32x4.add(f32x4.mul(v0, v128.load(x0)), f32x4.mul(v1, v128.load(x1)));
    const b = f32x4.add(f32x4.mul(v2, v128.load(x2)), f32x4.mul(v3, v128.load(x3)));
    v128.store(out, f32x4.add(v128.load(out), f32x4.add(a, b)));
    out += LANES;
    x0 += LANES;
    x1 += LANES;
    x2 += LANES;
    x3 += LANES;
  }
  while (out < end) {
    const a = c0 * load<f32>(x0) + c1 * load<f32>(x1);
    const b = c2 * load<f32>(x2) + c3 * load<f32>(x3);
    store<f32>(out, load<f32>(out) + (a + b));
    out += F;
    x0 += F;
    x1 += F;
    x2 += F;
    x3 += F;
  }
}

/** Σ x·row and, added to it as a second result in `squares`, Σ row² */
export function dotAndSquares(x: usize, row: usize, n: usize, squares: usize): f32 {
  let d0 = f32x4.splat(0);
  let d1 = d0;
  let q0 = d0;
  let q1 = d0;
  const end = row + n * F;
  while (row + 2 * LANES <= end) {
    const a = v128.load(row);
    const b = v128.load(row, 16);
    d0 = f32x4.add(d0, f32x4.mul(a, v128.load(x)));
    d1 = f32x4.add(d1, f32x4.mul(b, v128.load(x, 16)));
    q0 = f32x4.add(q0, f32x4.mul(a, a));
    q1 = f32x4.add(q1, f32x4.mul(b, b));
    row += 2 * LANES;
    x += 2 * LANES;
  }
  while (row + LANES <= end) {
    const a = v128.load(row);
    d0 = f32x4.add(d0, f32x4.mul(a, v128.load(x)));
    q0 = f32x4.add(q0, f32x4.mul(a, a));
    row += LANES;
    x += LANES;
  }
  let product = sumOfLanes(f32x4.add(d0, d1));
  let square = sumOfLanes(f32x4.add(q0, q1));
  while (row < end) {
    const a = load<f32>(row);
    product += a * load<f32>(x);
    square += a * a;
    row += F;
    x += F;
  }
  store<f32>(squares, square);
  return product;
}

/** Keeps what is only read to have it in the cache from being optimised away. */
let sink: u32 = 0;

/** Bytes of a cache line. */
const LINE: usize = 64;

/**
 * Reads one word of each cache line of a vector. WebAssembly has no prefetch instruction; reads whose result nobody
 * waits for do the same: many of them are under way at once, where a step that waits for its row has one.
 */
export function touch(x: usize, n: usize): void {
  let sum: u32 = 0;
  const end = x + n * F;
  for (; x < end; x += LINE) sum ^= load<u32>(x);
  sink ^= sum;
}
