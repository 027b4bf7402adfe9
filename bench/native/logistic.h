// e^x and ln(1 + x) for 16 numbers at once, right within about one rounding; the compiler's own come one by one.
#ifndef LOGISTIC_H
#define LOGISTIC_H
#include "rows.h"

typedef int32_t Integers __attribute__((vector_size(4 * LANES)));

/** a where the mask is −1, b where it is 0. */
static inline Lanes selected(Integers mask, Lanes a, Lanes b) {
  return (Lanes)(((Integers)a & mask) | ((Integers)b & ~mask));
}

/** e^−|x|, 0 where it is below the smallest normal number. Range and polynomial: Cephes, expf (S. L. Moshier 1984). */
static inline Lanes expOfMinusAbs(Lanes x) {
  const Lanes negative = selected(x < 0, x, -x);
  const Lanes y = selected(negative < -87, -87 - (Lanes){0}, negative);
  // y = n · ln 2 + r, |r| ≤ ln 2 / 2; ln 2 in two parts, of which the first has few bits.
  const Lanes shifted = y * 1.44269504088896341f + 12582912.0f;
  // The bits of 1.5 · 2^23 + n.
  const Integers n = (Integers)shifted - 0x4b400000;
  const Lanes whole = shifted - 12582912.0f;
  const Lanes r = (y - whole * 0.693359375f) + whole * 2.12194440e-4f;
  Lanes p = 1.9875691500e-4f - (Lanes){0};
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1;
  return p * (Lanes)((n + 127) << 23);
}

/** ln(1 + t) for t from 0 to 1: 2 artanh(t / (2 + t)), whose series ends below a rounding as its square is 1/9 at most. */
static inline Lanes log1pOf(Lanes t) {
  const Lanes s = t / (2 + t);
  const Lanes q = s * s;
  Lanes p = 1 / 15.0f - (Lanes){0};
  p = p * q + 1 / 13.0f;
  p = p * q + 1 / 11.0f;
  p = p * q + 1 / 9.0f;
  p = p * q + 1 / 7.0f;
  p = p * q + 1 / 5.0f;
  p = p * q + 1 / 3.0f;
  return 2 * s * (1 + q * p);
}

/**
 * Losses and errors of up to LANES pairs.
 * @param dots     inner products
 * @param observed −1 where a pair is observed, 0 where it was drawn
 */
static inline void errorsOf(Lanes dots, Integers observed, Lanes *losses, Lanes *errors, Integers *right) {
  const Lanes margin = selected(observed, dots, -dots);
  const Lanes tail = expOfMinusAbs(dots);
  const Lanes larger = 1 / (1 + tail);
  const Lanes size = selected(margin > 0, tail * larger, larger);
  *losses = selected(margin < 0, -margin, (Lanes){0}) + log1pOf(tail);
  *errors = selected(observed, -size, size);
  *right = margin > 0;
}

#endif
