// Vectors in 8 bits.
import { AHEAD_EVENTS, touchRows } from './pairs';
import { f32At, NO_ROW, u32At } from './scratch';
import { F } from './vectors';

/** Bytes of a register. */
const BYTES: usize = 16;

export function byteDotProducts(
  a: usize,
  scalesOfA: usize,
  rowOfA: usize,
  b: usize,
  scalesOfB: usize,
  rowOfB: usize,
  n: usize,
  out: usize,
  from: u32,
  to: u32,
): void {
  for (let i = from; i < to; i++) {
    if ((i - from) % AHEAD_EVENTS == 0) {
      touchRows(a, rowOfA, b, rowOfB, n, i, min(to, i + AHEAD_EVENTS));
    }
    const left = u32At(rowOfA, i);
    const right = u32At(rowOfB, i);
    let product: f32 = 0;
    if (right != NO_ROW) {
      const sum = <f64>dotOfBytes(a + <usize>left * n, b + <usize>right * n, n);
      product = <f32>(sum * (<f64>f32At(scalesOfA, left) * <f64>f32At(scalesOfB, right)));
    }
    store<f32>(out + <usize>i * F, product);
  }
}

/** Σ a[d] · b[d]: products of two bytes fit into 16 bits, pairs of them and all sums of 4096 into 32. */
function dotOfBytes(a: usize, b: usize, n: usize): i32 {
  let sums = i32x4.splat(0);
  const end = a + n;
  while (a + BYTES <= end) {
    const x = v128.load(a);
    const y = v128.load(b);
    sums = i32x4.add(sums, i32x4.extadd_pairwise_i16x8_s(i16x8.extmul_low_i8x16_s(x, y)));
    sums = i32x4.add(sums, i32x4.extadd_pairwise_i16x8_s(i16x8.extmul_high_i8x16_s(x, y)));
    a += BYTES;
    b += BYTES;
  }
  let sum =
    i32x4.extract_lane(sums, 0) +
    i32x4.extract_lane(sums, 1) +
    i32x4.extract_lane(sums, 2) +
    i32x4.extract_lane(sums, 3);
  for (; a < end; a++) {
    sum += <i32>load<i8>(a) * <i32>load<i8>(b);
    b++;
  }
  return sum;
}
