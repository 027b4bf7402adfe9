// scan FILE
// The limit of reading: counts line ends, 1 MiB at a time. Prints one JSON object.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#ifndef FLAGS
#define FLAGS "unknown"
#endif

static char buffer[1 << 20];

int main(int count, char **arguments) {
  const int file = count == 2 ? open(arguments[1], O_RDONLY) : -1;
  if (file < 0) {
    fprintf(stderr, "scan: expected one file that can be read.\n");
    return 2;
  }
  struct timespec began, ended;
  clock_gettime(CLOCK_MONOTONIC, &began);
  uint64_t bytes = 0, lines = 0;
  for (ssize_t got; (got = read(file, buffer, sizeof buffer)) > 0; bytes += (uint64_t)got) {
    for (ssize_t i = 0; i < got; i++) lines += buffer[i] == '\n';
  }
  clock_gettime(CLOCK_MONOTONIC, &ended);
  const double seconds = (double)(ended.tv_sec - began.tv_sec) + 1e-9 * (double)(ended.tv_nsec - began.tv_nsec);
  printf("{\"name\":\"scan\",\"megabytesPerSecond\":%.1f,\"lines\":%lu,\"compiler\":\"gcc %s\",\"flags\":\"%s\"}\n",
         (double)bytes / 1e6 / seconds, (unsigned long)lines, __VERSION__, FLAGS);
  return 0;
}
