// One mini-batch: what src/neural/batchMaker.ts makes without layers, of IPv4 addresses only (dump.mjs refuses others).
// Its chunks of terms do not end at the borders of shards, and the sums of entities are made in one go: other roundings
// than ours, the same work.
// B positives, K pairs for each, T terms, U distinct entities.
#ifndef BATCH_H
#define BATCH_H
#include "draws.h"
#include "files.h"

/** As in src/kernels/kernels.ts. */
#define MAX_CHAIN 16
#define CHUNK_TERMS 128
#define NO_ROW 0xffffffffu
/** As in src/neural/prefixes.ts. */
#define BLOCK 0x80000000u

typedef struct {
  uint32_t events;     // N
  uint32_t *entityRow; // (N)
  uint32_t *deepest;   // (N)
  uint32_t prefixRows; // P
  uint32_t *parents;   // (P)
  uint8_t *level;      // (P)
  uint32_t *high;      // (P)
  uint32_t *first16;   // (65536)
  uint32_t *blocks;    // (blocks, 256)
  uint32_t size, random, shuffled; // B, R, S
  Seed seed;
} Data;

typedef struct {
  uint32_t row, depth, shared, network, pair, vector;
} Term;

typedef struct {
  uint32_t row, depth, firstChunk, lastChunk;
} Spanning;

typedef struct {
  uint32_t positives, entities, networks, terms, spannings;
  uint32_t *entityRows; // (U)
  uint32_t *starts;     // (U + 1)
  uint32_t *members;    // (B) positives by entity
  uint32_t *network;    // (B, K)
  Term *term;           // (T)
  Spanning *spanning;
  // Scratch.
  uint32_t *scratch;     // (2, B)
  uint32_t *event;       // (B)
  uint32_t *entity;      // (B) which of the distinct ones
  uint32_t *deepest;     // (B, K)
  uint64_t *sorted;      // (B · K) key and place
  uint64_t *otherSorted; // (B · K)
  uint8_t levelsOfBits[33];
} MiniBatch;

static MiniBatch allocateBatch(const Data *data) {
  const uint32_t B = data->size + SIDE_BY_SIDE;
  const uint32_t K = 1 + data->random + data->shuffled;
  MiniBatch batch = {
      .entityRows = allocate(B * 4),
      .starts = allocate(B * 4),
      .members = allocate(B * 4),
      .network = allocate(B * K * 4),
      .term = allocate(B * K * sizeof(Term)),
      .spanning = allocate((B * K / CHUNK_TERMS + 1) * MAX_CHAIN * sizeof(Spanning)),
      .scratch = allocate(2 * B * 4),
      .event = allocate(B * 4),
      .entity = allocate(B * 4),
      .deepest = allocate(B * K * 4),
      .sorted = allocate(B * K * 8),
      .otherSorted = allocate(B * K * 8),
  };
  const uint8_t lengths[] = {0, 8, 10, 12, 14, 16, 18, 20, 22, 24};
  for (int bits = 0; bits <= 32; bits++) {
    for (int k = 0; k < 10; k++) batch.levelsOfBits[bits] += lengths[k] <= bits;
  }
  return batch;
}

/** @returns one more than the deepest row that holds the address; 0 where none does */
static inline uint32_t found(const Data *data, uint32_t first, uint32_t address) {
  return first < BLOCK ? first : data->blocks[(size_t)(first - BLOCK) * 256 + (address >> 8 & 255)];
}

static void drawPairs(MiniBatch *batch, const Data *data, const EpochOrder *order, uint32_t from, uint32_t epoch) {
  const uint32_t B = batch->positives, R = data->random, S = data->shuffled, K = 1 + R + S;
  uint32_t *restrict rows = batch->deepest;
  uint32_t words[4][SIDE_BY_SIDE];
  numbersAt(order, from, B, batch->event, batch->scratch);
  for (uint32_t b = 0; b < B; b++) {
    rows[b * K] = data->deepest[batch->event[b]];
    batch->entity[b] = data->entityRow[batch->event[b]];
  }
  for (uint32_t block = 0; block * 4 < R; block++) {
    const uint32_t count = R - block * 4 < 4 ? R - block * 4 : 4;
    for (uint32_t b = 0; b < B; b += SIDE_BY_SIDE) {
      philox(from + b, block * 16 + RANDOM_NEGATIVES, epoch, data->seed, words);
      // Past the last positive is room for a whole group.
      for (uint32_t w = 0; w < count; w++) {
        uint32_t first[SIDE_BY_SIDE];
        for (int i = 0; i < SIDE_BY_SIDE; i++) first[i] = data->first16[words[w][i] >> 16];
        for (int i = 0; i < SIDE_BY_SIDE; i++) {
          rows[(b + i) * K + 1 + block * 4 + w] = found(data, first[i], words[w][i]) - 1;
        }
      }
    }
  }
  for (uint32_t block = 0; block * 4 < S; block++) {
    const uint32_t count = S - block * 4 < 4 ? S - block * 4 : 4;
    for (uint32_t b = 0; b < B; b += SIDE_BY_SIDE) {
      philox(from + b, block * 16 + SHUFFLED_NEGATIVES, epoch, data->seed, words);
      for (uint32_t w = 0; w < count; w++) {
        for (uint32_t i = 0; i < SIDE_BY_SIDE && b + i < B; i++) {
          const uint32_t ahead = B == 1 ? 0 : 1 + (uint32_t)((uint64_t)words[w][i] * (B - 1) >> 32);
          const uint32_t other = b + i + ahead < B ? b + i + ahead : b + i + ahead - B;
          rows[(b + i) * K + 1 + R + block * 4 + w] = rows[other * K];
        }
      }
    }
  }
}

/** Counters of a digit: they stay in the first-level cache. */
#define DIGIT_BITS 11

/** @returns keys and their places, u64[count]: key in the high half, ascending, equal ones in order of place */
static uint64_t *sortByKey(MiniBatch *batch, const uint32_t *keys, uint32_t count) {
  uint64_t *from = batch->sorted;
  uint64_t *to = batch->otherSorted;
  uint32_t all = 0;
  for (uint32_t i = 0; i < count; i++) {
    from[i] = (uint64_t)keys[i] << 32 | i;
    all |= keys[i];
  }
  for (int shift = 0; shift < 32 && all >> shift; shift += DIGIT_BITS) {
    const uint32_t mask = (1 << DIGIT_BITS) - 1;
    uint32_t places[1 << DIGIT_BITS] = {0};
    for (uint32_t i = 0; i < count; i++) places[keys[i] >> shift & mask]++;
    uint32_t sum = 0;
    for (uint32_t digit = 0; digit <= mask; digit++) {
      const uint32_t inDigit = places[digit];
      places[digit] = sum;
      sum += inDigit;
    }
    for (uint32_t i = 0; i < count; i++) to[places[(from[i] >> 32) >> shift & mask]++] = from[i];
    uint64_t *swap = from;
    from = to;
    to = swap;
  }
  return from;
}

/** Distinct entities and the positives of each. */
static void groupEntities(MiniBatch *batch) {
  const uint32_t B = batch->positives;
  const uint64_t *sorted = sortByKey(batch, batch->entity, B);
  uint32_t count = 0;
  uint32_t last = NO_ROW;
  for (uint32_t i = 0; i < B; i++) {
    const uint32_t row = sorted[i] >> 32;
    const uint32_t b = (uint32_t)sorted[i];
    if (row != last) {
      last = row;
      batch->entityRows[count] = row;
      batch->starts[count++] = i;
    }
    batch->members[i] = b;
    batch->entity[b] = count - 1;
  }
  batch->starts[count] = B;
  batch->entities = count;
}

/** Terms by their deepest row. Pairs without a row come last, as a network of no rows. */
static void sortPairs(MiniBatch *batch, const Data *data) {
  const uint32_t K = 1 + data->random + data->shuffled;
  const uint32_t pairs = batch->positives * K;
  const uint64_t *sorted = sortByKey(batch, batch->deepest, pairs);
  Term *restrict term = batch->term;
  uint32_t networks = 0;
  uint32_t terms = 0;
  uint32_t last = 0;
  for (uint32_t i = 0; i < pairs; i++) {
    const uint32_t row = sorted[i] >> 32;
    const uint32_t pair = (uint32_t)sorted[i];
    networks += i == 0 || row != last;
    last = row;
    batch->network[pair] = networks - 1;
    if (row == NO_ROW) continue;
    term[terms++] = (Term){
        .row = row,
        .depth = data->level[row] + 1,
        .network = networks - 1,
        .pair = pair,
        .vector = batch->entity[pair / K],
    };
  }
  for (uint32_t i = 0; i + 1 < terms; i++) {
    const uint32_t differ = data->high[term[i].row] ^ data->high[term[i + 1].row];
    uint32_t shared = batch->levelsOfBits[differ == 0 ? 32 : __builtin_clz(differ)];
    if (shared > term[i].depth) shared = term[i].depth;
    if (shared > term[i + 1].depth) shared = term[i + 1].depth;
    term[i].shared = shared;
  }
  if (terms > 0) term[terms - 1].shared = 0;
  batch->networks = networks;
  batch->terms = terms;
}

/** At each border of two chunks, the rows that have terms on both sides; a row may go on over several borders. */
static void findSpanning(MiniBatch *batch, const Data *data) {
  uint32_t openRow[MAX_CHAIN + 1];
  uint32_t openSince[MAX_CHAIN + 1];
  uint32_t open = 0;
  uint32_t count = 0;
  for (uint32_t border = CHUNK_TERMS;; border += CHUNK_TERMS) {
    const int isEnd = border >= batch->terms;
    const uint32_t chunk = border / CHUNK_TERMS;
    const Term *last = &batch->term[border - 1];
    const uint32_t crossing = isEnd ? 0 : last->shared;
    uint32_t at = isEnd ? NO_ROW : last->row;
    for (uint32_t d = isEnd ? 0 : last->depth; d > crossing; d--) at = data->parents[at];
    uint32_t same = crossing;
    for (uint32_t x = at; same > 0 && !(same <= open && openRow[same] == x); same--) x = data->parents[x];
    for (; open > same; open--) {
      batch->spanning[count++] = (Spanning){openRow[open], open, openSince[open], chunk - 1};
    }
    if (isEnd) break;
    for (uint32_t d = crossing; d > same; d--, at = data->parents[at]) {
      openRow[d] = at;
      openSince[d] = chunk - 1;
    }
    open = crossing;
  }
  batch->spannings = count;
}

/** Fills the batch with the places [from, to) of an epoch. */
static void makeBatch(MiniBatch *batch, const Data *data, const EpochOrder *order, uint32_t from, uint32_t to,
                      uint32_t epoch) {
  batch->positives = to - from;
  drawPairs(batch, data, order, from, epoch);
  groupEntities(batch);
  sortPairs(batch, data);
  findSpanning(batch, data);
}

#endif
