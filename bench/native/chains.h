// The kernels of src/kernels/assembly/kernels.ts that training without layers calls, one thread, a whole mini-batch at
// a time: trainChains, updateSpanning, updateBySums, gather and scatter.
#ifndef CHAINS_H
#define CHAINS_H
#include "batch.h"
#include "logistic.h"

/** What a mini-batch needs beside itself. */
typedef struct {
  Rows entities;    // (U) side by side
  Vector *encoded;  // (A)
  float *error;     // (B, K)
  Vector *partials; // (C, 2, MAX_CHAIN)
  uint32_t *needed; // (T · MAX_CHAIN) address rows in the order in which the walk meets them
  double lossNats;  // of the mini-batch
  uint32_t correct;
  uint64_t rowsStepped; // since the start
} Work;

static Work allocateWork(const Data *data) {
  const size_t pairs = (size_t)data->size * (1 + data->random + data->shuffled);
  return (Work){
      .entities = allocateRows(data->size),
      .encoded = allocate(pairs * sizeof(Vector)),
      .error = allocate(pairs * 4),
      .partials = allocate((pairs / CHUNK_TERMS + 1) * 2 * MAX_CHAIN * sizeof(Vector)),
      .needed = allocate(pairs * MAX_CHAIN * 4),
  };
}

/** Rows that are brought into the cache before their turn. Measured: 16 to 256 do much the same. */
static uint32_t aheadRows = 48;
/** The same for entities and for encoded networks, whose rows mostly are in a nearer cache. */
#define AHEAD_ENTITIES 8

static void gatherRows(const Rows *table, const MiniBatch *batch, Rows *to) {
  for (uint32_t i = 0; i < batch->entities; i++) {
    if (i + AHEAD_ENTITIES < batch->entities) prefetchRow(table, batch->entityRows[i + AHEAD_ENTITIES]);
    to->vectors[i] = table->vectors[batch->entityRows[i]];
    to->states[i] = table->states[batch->entityRows[i]];
  }
}

/** Sums of the terms so far, one for each depth at which they end: deeper ones on top. As coefficient · vector. */
typedef struct {
  uint32_t depth;
  float factor;
  const Vector *base;
} Sum;

typedef struct {
  Sum stack[MAX_CHAIN + 1];
  Vector own[MAX_CHAIN + 1]; // room for the sums of more than one term
  int top;
  /** rows down to this depth hold every term of the chunk so far, and some before it */
  uint32_t sinceBefore;
  /** rows down to this depth go on in the next chunk */
  uint32_t goingOn;
} Sums;

static inline void join(Sums *sums, int place, float c, const Vector *x) {
  Sum *at = &sums->stack[place];
  Vector *own = &sums->own[place];
  if (at->base == own) {
    addScaled(own, c, x);
    return;
  }
  combine(own, at->factor, at->base, c, x);
  at->base = own;
  at->factor = 1;
}

/** Puts a term on the stack, and completes the rows that the next term does not share. @param path rows by depth */
static inline void addTerm(Sums *sums, const Term *term, int isLast, uint32_t chunk, const uint32_t *path, float error,
                           const Vector *entity, const Rows *rows, Step step, Work *work) {
  Sum *stack = sums->stack;
  if (stack[sums->top].depth == term->depth) join(sums, sums->top, error, entity);
  else stack[++sums->top] = (Sum){term->depth, error, entity};
  const uint32_t keep = isLast ? 0 : term->shared;
  uint32_t depth = term->depth;
  while (depth > keep) {
    const Sum sum = stack[sums->top];
    const uint32_t below = stack[sums->top - 1].depth;
    const uint32_t until = keep > below ? keep : below;
    if (depth > until) {
      // Held in registers for all rows that have this sum.
      const Vector x = *sum.base;
      const float squares = dot(&x, &x);
      for (; depth > until; depth--) {
        const int began = depth <= sums->sinceBefore;
        if (began || (isLast && depth <= sums->goingOn)) {
          scale(&work->partials[(chunk * 2 + !began) * MAX_CHAIN + depth - 1], sum.factor, &x);
        } else {
          stepRow(rows, path[depth], sum.factor, &x, squares, step);
          work->rowsStepped++;
        }
      }
      stack[sums->top].depth = until;
    }
    if (until == below) {
      if (sums->top > 1) join(sums, sums->top - 1, sum.factor, sum.base);
      if (--sums->top == 0) break;
    }
    depth = stack[sums->top].depth;
  }
  if (term->shared < sums->sinceBefore) sums->sinceBefore = term->shared;
}

/** The rows of all terms' chains that the term before does not share, from wide to narrow. @returns their number */
static uint32_t listNeededRows(const MiniBatch *batch, const Data *data, uint32_t *restrict needed) {
  uint32_t end = 0;
  uint32_t shared = 0;
  for (uint32_t i = 0; i < batch->terms; i++) {
    const Term *term = &batch->term[i];
    const uint32_t begin = end;
    end += term->depth - shared;
    uint32_t row = term->row;
    for (uint32_t at = end; at > begin; at--) {
      needed[at - 1] = row;
      row = data->parents[row];
    }
    shared = term->shared;
  }
  return end;
}

/** Place of the walk over the terms: the rows of the present term's chain by depth, from the list of needed rows. */
typedef struct {
  const uint32_t *needed;
  uint32_t used;
  uint32_t shared; // with the term before
  uint32_t path[MAX_CHAIN + 1];
} Walk;

static inline void goTo(Walk *walk, const Term *term) {
  for (uint32_t d = walk->shared + 1; d <= term->depth; d++) walk->path[d] = walk->needed[walk->used++];
}

/**
 * Encodes networks, finds errors and steps rows in one walk over the terms; in groups, so that what one term waits for
 * does not keep the next from beginning, and 16 errors are found at once. A row is stepped when no later term needs it.
 */
static void trainChains(const MiniBatch *batch, const Data *data, const Rows *rows, Step step, Work *work) {
  const uint32_t K = 1 + data->random + data->shuffled;
  const uint32_t neededCount = listNeededRows(batch, data, work->needed);
  const Vector *entities = work->entities.vectors;
  static Sums sums;
  static Vector chainSums[MAX_CHAIN + 1]; // by depth; the first one stays empty
  Walk down = {.needed = work->needed};
  Walk up = {.needed = work->needed};
  uint32_t ahead = 0;
  uint32_t network = NO_ROW;
  work->lossNats = 0;
  work->correct = 0;
  for (uint32_t first = 0; first < batch->terms; first += CHUNK_TERMS) {
    const uint32_t end = first + CHUNK_TERMS < batch->terms ? first + CHUNK_TERMS : batch->terms;
    sums.top = 0;
    sums.sinceBefore = down.shared;
    sums.goingOn = batch->term[end - 1].shared;
    for (uint32_t group = first; group < end; group += LANES) {
      const uint32_t groupEnd = group + LANES < end ? group + LANES : end;
      Lanes dots = {0};
      Integers observed = {0};
      for (uint32_t i = group; i < groupEnd; i++) {
        const Term *term = &batch->term[i];
        const uint32_t known = i == first ? 0 : down.shared;
        goTo(&down, term);
        for (; ahead < neededCount && ahead < down.used + aheadRows; ahead++) prefetchRow(rows, work->needed[ahead]);
        for (uint32_t d = known + 1; d <= term->depth; d++) {
          sum(&chainSums[d], &chainSums[d - 1], &rows->vectors[down.path[d]]);
        }
        if (term->network != network) {
          network = term->network;
          work->encoded[network] = chainSums[term->depth];
        }
        dots[i - group] = dot(&entities[term->vector], &chainSums[term->depth]);
        observed[i - group] = -(term->pair % K == 0);
        down.shared = term->shared;
      }
      Lanes losses;
      Lanes errors;
      Integers right;
      errorsOf(dots, observed, &losses, &errors, &right);
      for (uint32_t i = group; i < groupEnd; i++) {
        const Term *term = &batch->term[i];
        const float error = errors[i - group];
        work->lossNats += losses[i - group];
        work->correct -= right[i - group];
        work->error[term->pair] = error;
        goTo(&up, term);
        const Vector *entity = &entities[term->vector];
        addTerm(&sums, term, i == end - 1, first / CHUNK_TERMS, up.path, error, entity, rows, step, work);
        up.shared = term->shared;
      }
    }
  }
  // Pairs without a row: their network is the sum of nothing, so that they err by chance and change nothing here.
  const uint32_t known = batch->terms == 0 ? 0 : network + 1;
  if (known < batch->networks) memset(&work->encoded[known], 0, sizeof(Vector));
}

/** One step for each row whose terms lie in several chunks. */
static void updateSpanning(const MiniBatch *batch, const Rows *rows, Step step, Work *work) {
  for (uint32_t i = 0; i < batch->spannings; i++) {
    const Spanning *spanning = &batch->spanning[i];
    const Vector *at = &work->partials[spanning->depth - 1];
    Vector gradient = at[(spanning->firstChunk * 2 + 1) * MAX_CHAIN];
    for (uint32_t chunk = spanning->firstChunk + 1; chunk <= spanning->lastChunk; chunk++) {
      sum(&gradient, &gradient, &at[chunk * 2 * MAX_CHAIN]);
    }
    stepRow(rows, spanning->row, 1, &gradient, dot(&gradient, &gradient), step);
  }
  work->rowsStepped += batch->spannings;
}

/** One step for each entity, whose gradient is Σ error · encoded, and back to the table. */
static void updateEntities(const MiniBatch *batch, const Data *data, const Rows *table, Step step, Work *work) {
  const uint32_t K = 1 + data->random + data->shuffled;
  for (uint32_t i = 0; i < batch->entities; i++) {
    Vector gradient = {0};
    for (uint32_t m = batch->starts[i]; m < batch->starts[i + 1]; m++) {
      if (m + 2 < batch->positives) {
        const uint32_t *next = &batch->network[batch->members[m + 2] * K];
        for (uint32_t k = 0; k < K; k++) prefetchVector(&work->encoded[next[k]]);
      }
      const uint32_t first = batch->members[m] * K;
      for (uint32_t pair = first; pair < first + K; pair++) {
        addScaled(&gradient, work->error[pair], &work->encoded[batch->network[pair]]);
      }
    }
    stepRow(&work->entities, i, 1, &gradient, dot(&gradient, &gradient), step);
    table->vectors[batch->entityRows[i]] = work->entities.vectors[i];
    table->states[batch->entityRows[i]] = work->entities.states[i];
  }
}

#endif
