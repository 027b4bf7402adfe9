// What dump.mjs wrote, read into memory. Little-endian files, as every machine that runs this is little-endian.
#ifndef FILES_H
#define FILES_H
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

/** Time on the wall; of the processor, which tells more where others share the machine. */
typedef struct {
  double wall, processor;
} Seconds;

static Seconds secondsNow(void) {
  struct timespec wall;
  struct timespec processor;
  clock_gettime(CLOCK_MONOTONIC, &wall);
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &processor);
  return (Seconds){wall.tv_sec + 1e-9 * wall.tv_nsec, processor.tv_sec + 1e-9 * processor.tv_nsec};
}

/** Whether memory is asked for in pages of 2 MiB. WebAssembly cannot ask. */
static int useHugePages = 0;

/** Zeros, at the beginning of a page. */
static void *allocate(size_t bytes) {
  const size_t hugePage = 2 << 20;
  const size_t size = (bytes / hugePage + 1) * hugePage;
  void *memory = aligned_alloc(hugePage, size);
  if (!memory) fail("native: this machine does not give %zu bytes of memory.", size);
  madvise(memory, size, useHugePages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  return memset(memory, 0, size);
}

/** @returns the number that stands behind a name in header.txt */
static double headerNumber(const char *folder, const char *name) {
  char path[4096];
  char found[64];
  double value;
  snprintf(path, sizeof path, "%s/header.txt", folder);
  FILE *file = fopen(path, "r");
  if (!file) fail("%s: expected what bench/dump.mjs writes, found nothing. Run it first.", path);
  while (fscanf(file, "%63s %lf", found, &value) == 2) {
    if (strcmp(found, name) != 0) continue;
    fclose(file);
    return value;
  }
  fail("%s: expected a line \"%s NUMBER\", found none. Run bench/dump.mjs again.", path, name);
  return 0;
}

/** @returns the file's `count` elements of `size` bytes */
static void *readArray(const char *folder, const char *name, size_t count, size_t size) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  if (!file) fail("%s: expected what bench/dump.mjs writes, found nothing. Run it first.", path);
  void *array = allocate(count * size);
  const size_t got = fread(array, size, count, file);
  if (got != count || fgetc(file) != EOF) {
    fail("%s: expected %zu elements of %zu bytes, found another number. Run bench/dump.mjs again.", path, count, size);
  }
  fclose(file);
  return array;
}

static uint32_t *readWords(const char *folder, const char *name, size_t count) {
  return readArray(folder, name, count, 4);
}

#ifndef FLAGS
#define FLAGS "unknown"
#endif
/** The end of every program's JSON object: what compiled it. */
#define COMPILED_BY "\"compiler\":\"gcc " __VERSION__ "\",\"flags\":\"" FLAGS "\""

#endif
