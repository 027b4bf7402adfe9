// Vectors of DIMENSION floats in registers of 16, and the optimiser's step: src/kernels/assembly/{vectors,rows}.ts.
// Where a processor has narrower registers, the compiler takes several. Products and sums are fused, so that last bits
// differ from ours; there is no -ffast-math.
#ifndef ROWS_H
#define ROWS_H
#include "files.h"
#include <math.h>

/** D. Known to the compiler, as the program is compiled for the run. */
#ifndef DIMENSION
#define DIMENSION 128
#endif
#define LANES 16
#if DIMENSION % LANES != 0
#error "native: expected a DIMENSION that is a multiple of 16."
#endif

typedef float Lanes __attribute__((vector_size(4 * LANES)));
typedef struct {
  Lanes part[DIMENSION / LANES];
} Vector;
#define EACH_PART _Pragma("GCC unroll 8") for (int k = 0; k < DIMENSION / LANES; k++)

/** What the optimiser keeps of a row, in one place: one miss of the cache instead of two. */
typedef struct {
  float moment;
  uint32_t steps;
} State;

typedef struct {
  Vector *vectors; // (rows)
  State *states;   // (rows)
} Rows;

static Rows allocateRows(size_t count) {
  return (Rows){allocate(count * sizeof(Vector)), allocate(count * sizeof(State))};
}

typedef struct {
  float learningRate, weightDecay, gradientScale;
} Step;

static inline float sumOfLanes(Lanes x) {
  typedef float Half __attribute__((vector_size(32)));
  typedef float Quarter __attribute__((vector_size(16)));
  const Half half = __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7) +
                    __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
  const Quarter quarter = __builtin_shufflevector(half, half, 0, 1, 2, 3) +
                          __builtin_shufflevector(half, half, 4, 5, 6, 7);
  return (quarter[0] + quarter[2]) + (quarter[1] + quarter[3]);
}

static inline float dot(const Vector *a, const Vector *b) {
  Lanes sums[2] = {{0}, {0}};
  EACH_PART sums[k % 2] += a->part[k] * b->part[k];
  return sumOfLanes(sums[0] + sums[1]);
}

/** out = c·x */
static inline void scale(Vector *out, float c, const Vector *x) { EACH_PART out->part[k] = c * x->part[k]; }
/** out = c·x + d·y */
static inline void combine(Vector *out, float c, const Vector *x, float d, const Vector *y) {
  EACH_PART out->part[k] = c * x->part[k] + d * y->part[k];
}
/** out = a + b */
static inline void sum(Vector *out, const Vector *a, const Vector *b) {
  EACH_PART out->part[k] = a->part[k] + b->part[k];
}
/** out += c·x */
static inline void addScaled(Vector *out, float c, const Vector *x) { EACH_PART out->part[k] += c * x->part[k]; }

static inline void prefetchVector(const Vector *vector) {
  for (size_t byte = 0; byte < sizeof(Vector); byte += 64) __builtin_prefetch((const char *)vector + byte);
}
static inline void prefetchRow(const Rows *rows, uint32_t row) {
  __builtin_prefetch(&rows->states[row]);
  prefetchVector(&rows->vectors[row]);
}

/** As in src/kernels/kernels.ts. */
#define MOMENT_DECAY 0.999f
#define MOMENT_FRESH 0.001f
#define MOMENT_EPSILON 1e-8f
#define FULL_STEPS 25
/** From here on 1 / (1 − 0.999^t) is 1 within half a rounding: src/kernels/webAssembly.ts. */
#define CORRECTED_STEPS 17320

static float correction[CORRECTED_STEPS];

static void fillCorrection(void) {
  double power = 1;
  for (int t = 1; t < CORRECTED_STEPS; t++) {
    power *= 0.999;
    correction[t] = 1 / (1 - power);
  }
}

/** One step of a row whose gradient is c·x before scale and decay; `squares` is Σ x². */
static inline void stepRow(const Rows *rows, uint32_t row, float c, const Vector *x, float squares, Step step) {
  Vector *vector = &rows->vectors[row];
  State *state = &rows->states[row];
  const float alpha = step.gradientScale * c;
  const float beta = step.weightDecay;
  Lanes products = {0};
  Lanes own = {0};
  EACH_PART {
    products += vector->part[k] * x->part[k];
    own += vector->part[k] * vector->part[k];
  }
  // Σ (α·x + β·row)²; rounding could leave a tiny negative number where terms cancel.
  const float sum = alpha * alpha * squares + sumOfLanes(2 * alpha * beta * products + beta * beta * own);
  state->moment = MOMENT_DECAY * state->moment + MOMENT_FRESH * ((sum > 0 ? sum : 0) / DIMENSION);
  state->steps++;
  const float unbiased = state->steps < CORRECTED_STEPS ? state->moment * correction[state->steps] : state->moment;
  float size = step.learningRate / (sqrtf(unbiased) + MOMENT_EPSILON);
  if (state->steps > FULL_STEPS) size *= sqrtf((float)FULL_STEPS / (float)state->steps);
  combine(vector, 1 - size * beta, vector, -(size * alpha), x);
}

#endif
