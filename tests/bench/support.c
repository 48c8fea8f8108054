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

enum {
  HUGE_PAGE = 2 << 20
};

static size_t whole_pages(size_t bytes) {
  return (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

/* Not from malloc, which hands out again what was in small pages before. */
void *take(size_t bytes) {
  bytes = whole_pages(bytes);
  char *start = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) fail("out of memory", "");
  size_t before = (HUGE_PAGE - (uintptr_t)start % HUGE_PAGE) % HUGE_PAGE;
  if (before > 0) munmap(start, before);
  munmap(start + before + bytes, HUGE_PAGE - before);
#ifdef MADV_HUGEPAGE
  madvise(start + before, bytes, MADV_HUGEPAGE);
#endif
  return start + before;
}

void give_back(void *memory, size_t bytes) {
  munmap(memory, whole_pages(bytes));
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
