/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* madvise */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

_Noreturn void fail(const char *what, const char *detail) {
  fprintf(stderr, "bench_worker: %s%s%s\n", what, *detail ? ": " : "", detail);
  exit(EXIT_FAILURE);
}

void check(kldsel_status status) {
  if (status != KLDSEL_OK) fail(kldsel_status_name(status), kldsel_last_error());
}

void *take(size_t bytes) {
  const size_t huge = (size_t)2 << 20;
  void *memory = NULL;
  if (posix_memalign(&memory, huge, bytes) != 0) fail("out of memory", "");
#ifdef MADV_HUGEPAGE
  madvise(memory, bytes / huge * huge, MADV_HUGEPAGE);
#endif
  return memory;
}

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double now(void) {
  return seconds(CLOCK_MONOTONIC);
}

double spent(void) {
  return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

kldsel_options *options_for(int threads) {
  kldsel_options *options;
  check(kldsel_options_create(NULL, NULL, NULL, &options));
  set_option(options, KLDSEL_OPTION_THREADS, threads);
  return options;
}

void set_option(kldsel_options *options, int32_t key, int64_t value) {
  check(kldsel_options_set_int(options, key, value));
}
