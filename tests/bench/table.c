/* SPDX-License-Identifier: BSD-3-Clause */
#include "table.h"

#include <stdio.h>
#include <stdlib.h>

#include "methods.h"
#include "support.h"

enum {
  ROUNDS = 11,
  THREADS = 2
};

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Both are timed in turn, so that whatever else the machine does meets both. */
static void print_row(struct layer_set *set, const char *layout, int methods, int threads) {
  double ranking[ROUNDS], reading[ROUNDS];
  time_in_turn(set, methods, threads, ROUNDS, ranking, reading, NULL);
  qsort(ranking, ROUNDS, sizeof *ranking, ascending);
  qsort(reading, ROUNDS, sizeof *reading, ascending);
  double median = ranking[ROUNDS / 2], floor_median = reading[ROUNDS / 2];
  printf("%-6s %7d %7d  %8.2f  %8.2f - %-8.2f  %8.2f  %8.2f - %-8.2f  %7.2f\n", layout, methods, threads,
         1e3 * median, 1e3 * ranking[0], 1e3 * ranking[ROUNDS - 1], 1e3 * floor_median, 1e3 * reading[0],
         1e3 * reading[ROUNDS - 1], median / floor_median);
}

int print_table(void) {
  char info[512];
  kldsel_build_info(info, sizeof info);
  printf("%s\nResNet50's convolutions, f32, from weights to rankings by all six methods or the three of "
         "cosine; reading\nthe weights once; milliseconds, median of %d rounds and range\n",
         info, ROUNDS);
  printf("%-6s %7s %7s  %8s  %19s  %8s  %19s  %7s\n", "layout", "methods", "threads", "ranking",
         "lowest - highest", "reading", "lowest - highest", "ratio");
  for (int32_t layout = KLDSEL_LAYOUT_OIHW; layout <= KLDSEL_LAYOUT_HWIO; layout++) {
    struct layer_set *set = layer_set_of_network("resnet50", 1, KLDSEL_DTYPE_F32, layout, 0);
    for (int methods = COSINE_METHODS; methods <= ALL_METHODS; methods += ALL_METHODS - COSINE_METHODS)
      for (int threads = 1; threads <= THREADS; threads++)
        print_row(set, layout == KLDSEL_LAYOUT_OIHW ? "OIHW" : "HWIO", methods, threads);
    layer_set_free(set);
  }
  return EXIT_SUCCESS;
}
