// score FOLDER
// The limit of scoring: look-up of each address's deepest row and inner product, on what dump.mjs wrote; fails where a
// score is another one than ours. Prints one JSON object.
#include "rows.h"

enum { ROUNDS = 7, AHEAD = 16 };

int main(int count, char **arguments) {
  if (count != 2) fail("score: expected the folder that bench/dump.mjs wrote.");
  const char *folder = arguments[1];
  const uint32_t events = headerNumber(folder, "events");
  const uint32_t *entityRow = readWords(folder, "entity_row.u32", events);
  const uint32_t *address = readWords(folder, "address.u32", events);
  const uint32_t *first16 = readWords(folder, "first16.u32", 65536);
  const uint32_t *blocks = readWords(folder, "blocks.u32", 256 * (size_t)headerNumber(folder, "blocks"));
  const Vector *entities = readArray(folder, "entities.f32", headerNumber(folder, "numEntityVectors"), sizeof(Vector));
  const Vector *networks = readArray(folder, "networks.f32", headerNumber(folder, "prefixRows"), sizeof(Vector));
  const float *expected = readArray(folder, "scores.f32", events, 4);
  float *scores = allocate(4 * (size_t)events);
  uint32_t *rows = allocate(4 * (size_t)events);
  double best = 0;
  for (int round = 0; round < ROUNDS; round++) {
    const double began = secondsNow().wall;
    for (uint32_t i = 0; i < events; i++) {
      const uint32_t found = first16[address[i] >> 16];
      rows[i] = (found < 0x80000000u ? found : blocks[(found - 0x80000000u) * 256 + (address[i] >> 8 & 255)]) - 1;
    }
    for (uint32_t i = 0; i < events; i++) {
      if (i + AHEAD < events && rows[i + AHEAD] != 0xffffffffu) {
        const char *next = (const char *)&networks[rows[i + AHEAD]];
        for (size_t at = 0; at < sizeof(Vector); at += 64) __builtin_prefetch(next + at);
      }
      Lanes sum = {0};
      if (rows[i] != 0xffffffffu) EACH_PART sum += entities[entityRow[i]].part[k] * networks[rows[i]].part[k];
      float score = 0;
      for (int lane = 0; lane < LANES; lane++) score += sum[lane];
      scores[i] = score;
    }
    const double rate = events / (secondsNow().wall - began);
    if (rate > best) best = rate;
  }
  for (uint32_t i = 0; i < events; i++) {
    // Sums of 128 products in another order.
    if (!(fabsf(scores[i] - expected[i]) < 1e-3f)) fail("score: event %u has %g, ours is %g.", i, scores[i], expected[i]);
  }
  printf("{\"name\":\"native\",\"eventsPerSecond\":%.0f,\"events\":%u," COMPILED_BY "}\n", best, events);
  return 0;
}
