// train FOLDER [--warm-up 200] [--batches 1000] [--ahead 48] [--huge-pages]
// The limit of training: the algorithm of src/neural/trainingThread.ts without layers in native code, one thread, on
// what dump.mjs wrote. Prints one JSON object: speed after the warm-up, metrics since the start of the epoch.
#include "chains.h"

enum { MAKE, GATHER, CHAINS, REST, PHASES };
/** of the processor */
static double phaseSeconds[PHASES];

static Data readData(const char *folder) {
  const uint32_t events = headerNumber(folder, "events");
  const uint32_t rows = headerNumber(folder, "prefixRows");
  const double seed = headerNumber(folder, "seed");
  if (headerNumber(folder, "dimension") != DIMENSION) {
    fail("%s: expected vectors of %d numbers, as this was compiled for. Compile with -DDIMENSION.", folder, DIMENSION);
  }
  return (Data){
      .events = events,
      .entityRow = readWords(folder, "entity_row.u32", events),
      .deepest = readWords(folder, "deepest.u32", events),
      .prefixRows = rows,
      .parents = readWords(folder, "parents.u32", rows),
      .level = readArray(folder, "levels.u8", rows, 1),
      .high = readWords(folder, "high.u32", rows),
      .first16 = readWords(folder, "first16.u32", 65536),
      .blocks = readWords(folder, "blocks.u32", 256 * (size_t)headerNumber(folder, "blocks")),
      .size = headerNumber(folder, "miniBatchSize"),
      .random = headerNumber(folder, "randomNegatives"),
      .shuffled = headerNumber(folder, "shuffledNegatives"),
      .seed = {(uint64_t)seed & 0xffffffff, (uint64_t)seed >> 32},
  };
}

/** Ends a phase. @returns when */
static double endOf(int phase, double began) {
  const double now = secondsNow().processor;
  phaseSeconds[phase] += now - began;
  return now;
}

int main(int count, char **arguments) {
  uint32_t warmUp = 200;
  uint32_t measured = 1000;
  if (count < 2) fail("train: expected a folder that bench/dump.mjs wrote.");
  const char *folder = arguments[1];
  for (int i = 2; i < count; i++) {
    const char *name = arguments[i];
    if (strcmp(name, "--huge-pages") == 0) useHugePages = 1;
    else if (i + 1 == count) fail("train: %s: unknown, or its number is missing.", name);
    else if (strcmp(name, "--warm-up") == 0) warmUp = atoi(arguments[++i]);
    else if (strcmp(name, "--batches") == 0) measured = atoi(arguments[++i]);
    else if (strcmp(name, "--ahead") == 0) aheadRows = atoi(arguments[++i]);
    else fail("train: %s: no such option.", name);
  }
  const Data data = readData(folder);
  const double learningRate = headerNumber(folder, "learningRate");
  const double weightDecay = headerNumber(folder, "weightDecay");
  const double epochs = headerNumber(folder, "epochs");
  const size_t entityRows = headerNumber(folder, "numEntityVectors");
  if ((uint64_t)(warmUp + measured) * data.size > data.events) {
    fail("train: expected mini-batches of one epoch, at most %u; got %u + %u.", data.events / data.size, warmUp, measured);
  }
  const Rows entities = {readArray(folder, "entities.f32", entityRows, sizeof(Vector)), allocate(entityRows * sizeof(State))};
  const Rows prefixes = allocateRows(data.prefixRows);
  MiniBatch batch = allocateBatch(&data);
  Work work = allocateWork(&data);
  fillCorrection();

  const EpochOrder order = epochOrder(data.events, data.seed, 0);
  double lossNats = 0;
  uint64_t correct = 0;
  Seconds began = secondsNow();
  for (uint32_t b = 0; b < warmUp + measured; b++) {
    if (b == warmUp) {
      began = secondsNow();
      work.rowsStepped = 0;
      memset(phaseSeconds, 0, sizeof phaseSeconds);
    }
    const uint32_t from = b * data.size;
    const Step step = {
        .learningRate = learningRate * (1 - (double)from / data.events / epochs),
        .weightDecay = weightDecay,
        .gradientScale = 1.0 / data.size,
    };
    double at = secondsNow().processor;
    makeBatch(&batch, &data, &order, from, from + data.size, 0);
    at = endOf(MAKE, at);
    gatherRows(&entities, &batch, &work.entities);
    at = endOf(GATHER, at);
    trainChains(&batch, &data, &prefixes, step, &work);
    at = endOf(CHAINS, at);
    updateSpanning(&batch, &prefixes, step, &work);
    updateEntities(&batch, &data, &entities, step, &work);
    endOf(REST, at);
    lossNats += work.lossNats;
    correct += work.correct;
  }
  const Seconds ended = secondsNow();
  const double wall = ended.wall - began.wall;
  const double processor = ended.processor - began.processor;
  const double pairs = (double)(warmUp + measured) * data.size * (1 + data.random + data.shuffled);
  const double milliseconds = 1000.0 / measured;
  printf("{\"name\":\"native\",\"positivesPerSecond\":%.0f,\"positivesPerProcessorSecond\":%.0f,\"millisecondsPerBatch\":%.4f,"
         "\"make\":%.4f,\"gather\":%.4f,\"chains\":%.4f,\"rest\":%.4f,\"addressRowsPerBatch\":%.1f,"
         "\"warmUp\":%u,\"batches\":%u,\"crossEntropyNats\":%.12g,\"accuracy\":%.12g,"
         "\"hugePages\":%s,\"ahead\":%u,\"threads\":1," COMPILED_BY "}\n",
         (double)measured * data.size / wall, (double)measured * data.size / processor, processor * milliseconds,
         phaseSeconds[MAKE] * milliseconds, phaseSeconds[GATHER] * milliseconds, phaseSeconds[CHAINS] * milliseconds, phaseSeconds[REST] * milliseconds,
         (double)work.rowsStepped / measured, warmUp, measured, lossNats / pairs, correct / pairs,
         useHugePages ? "true" : "false", aheadRows);
  return 0;
}
