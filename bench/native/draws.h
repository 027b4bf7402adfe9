// Random numbers: the same as src/random/philox.ts and src/random/epochOrder.ts draw. Loops over lanes, which the
// compiler turns into vector instructions.
#ifndef DRAWS_H
#define DRAWS_H
#include <stdint.h>

/** The values of PURPOSE in src/random/philox.ts. */
enum { EPOCH_ORDER = 2, RANDOM_NEGATIVES = 3, SHUFFLED_NEGATIVES = 4 };

typedef struct {
  uint32_t low, high;
} Seed;

/** Samples whose numbers are made side by side: the words of a 512-bit register. */
#define SIDE_BY_SIDE 16

/**
 * Philox 4x32 with 10 rounds (Salmon et al., SC 2011) of the counters (first + i, c1, c2, 0).
 * @param out u32[4][SIDE_BY_SIDE]: first words, second words, …
 */
static inline void philox(uint32_t first, uint32_t c1, uint32_t c2, Seed seed, uint32_t out[4][SIDE_BY_SIDE]) {
  for (int i = 0; i < SIDE_BY_SIDE; i++) {
    uint32_t x0 = first + i, x1 = c1, x2 = c2, x3 = 0;
    uint32_t key0 = seed.low, key1 = seed.high;
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
      const uint64_t product0 = (uint64_t)0xd2511f53 * x0;
      const uint64_t product1 = (uint64_t)0xcd9e8d57 * x2;
      x0 = (uint32_t)(product1 >> 32) ^ x1 ^ key0;
      x1 = (uint32_t)product1;
      x2 = (uint32_t)(product0 >> 32) ^ x3 ^ key1;
      x3 = (uint32_t)product0;
      key0 += 0x9e3779b9;
      key1 += 0xbb67ae85;
    }
    out[0][i] = x0;
    out[1][i] = x1;
    out[2][i] = x2;
    out[3][i] = x3;
  }
}

#define ROUNDS 8

/** The numbers 0 … count − 1 in an order of their own: a Feistel network, walked until it lands below count. */
typedef struct {
  uint32_t count;
  int rightBits;
  uint32_t leftMask, rightMask;
  uint32_t keys[ROUNDS];
} EpochOrder;

static EpochOrder epochOrder(uint32_t count, Seed seed, uint32_t epoch) {
  EpochOrder order = {.count = count};
  int bits = count <= 4 ? 2 : 32 - __builtin_clz(count - 1);
  order.rightBits = bits >> 1;
  order.rightMask = (1u << order.rightBits) - 1;
  order.leftMask = (1u << (bits - order.rightBits)) - 1;
  uint32_t blocks[4][SIDE_BY_SIDE];
  philox(0, EPOCH_ORDER, epoch, seed, blocks);
  for (int round = 0; round < ROUNDS; round++) order.keys[round] = blocks[round % 4][round / 4];
  return order;
}

static inline uint32_t mixed(uint32_t word, uint32_t key) {
  uint32_t h = (word ^ key) * 0x85ebca6b;
  h = (h ^ (h >> 13) ^ key) * 0xc2b2ae35;
  return h ^ (h >> 16);
}

/**
 * @param out     u32[places], overwritten with the numbers at places first …
 * @param scratch u32[2][places]
 */
static void numbersAt(const EpochOrder *order, uint32_t first, uint32_t places, uint32_t *restrict out,
                      uint32_t *restrict scratch) {
  uint32_t *restrict number = scratch;
  uint32_t *restrict place = scratch + places;
  for (uint32_t i = 0; i < places; i++) {
    number[i] = first + i;
    place[i] = i;
  }
  // One step of the walk for all that have not landed yet.
  for (uint32_t walking = places; walking > 0;) {
    for (uint32_t i = 0; i < walking; i++) {
      uint32_t left = number[i] >> order->rightBits;
      uint32_t right = number[i] & order->rightMask;
      for (int round = 0; round < ROUNDS; round += 2) {
        left ^= mixed(right, order->keys[round]) & order->leftMask;
        right ^= mixed(left, order->keys[round + 1]) & order->rightMask;
      }
      number[i] = left << order->rightBits | right;
    }
    uint32_t still = 0;
    for (uint32_t i = 0; i < walking; i++) {
      out[place[i]] = number[i];
      number[still] = number[i];
      place[still] = place[i];
      still += number[i] >= order->count;
    }
    walking = still;
  }
}

#endif
