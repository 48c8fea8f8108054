/* SPDX-License-Identifier: BSD-3-Clause */
#include "peak.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* ---- the library's own memory ---- */

/* In front of every block, as aligned as malloc's. */
union header {
  size_t size;
  max_align_t alignment;
};

struct count {
  atomic_size_t live, peak;
};

static void *allocate(void *user, size_t size) {
  struct count *count = user;
  if (size > SIZE_MAX - sizeof(union header)) return NULL;
  union header *block = malloc(sizeof *block + size);
  if (!block) return NULL;
  block->size = size;
  size_t live = atomic_fetch_add(&count->live, size) + size, peak = atomic_load(&count->peak);
  while (live > peak && !atomic_compare_exchange_weak(&count->peak, &peak, live)) {
  }
  return block + 1;
}

static void release(void *user, void *memory) {
  struct count *count = user;
  union header *block = (union header *)memory - 1;
  atomic_fetch_sub(&count->live, block->size);
  free(block);
}

/* ---- the system's account ---- */

/* A line "name: n kB" of this process's status, in bytes; 0 if there is none. */
static size_t status_bytes(const char *name) {
  FILE *status = fopen("/proc/self/status", "r");
  if (!status) return 0;
  char line[256];
  size_t kib = 0, length = strlen(name);
  while (kib == 0 && fgets(line, sizeof line, status))
    if (strncmp(line, name, length) == 0 && line[length] == ':') kib = strtoul(line + length + 1, NULL, 10);
  fclose(status);
  return kib * 1024;
}

/* Lets the peak begin anew; false if the system does not offer it. */
static int reset_peak(void) {
  FILE *clear = fopen("/proc/self/clear_refs", "w");
  if (!clear) return 0;
  int written = fputs("5", clear) >= 0;
  return fclose(clear) == 0 && written;
}

struct peak peak_of_call(const struct layer_set *set, enum peak_call call, int threads) {
  struct count count;
  atomic_init(&count.live, 0);
  atomic_init(&count.peak, 0);
  kldsel_options *options;
  int watched = reset_peak();
  size_t before = status_bytes("VmRSS");
  check(kldsel_options_create(allocate, release, &count, &options));
  set_option(options, KLDSEL_OPTION_THREADS, threads);
  kldsel_tensor **tensors = layer_set_view(set, options);
  size_t views = atomic_load(&count.live);
  kldsel_ranking *ranking = NULL;
  kldsel_profile **profiles = NULL;
  if (call == PEAK_RANK_TENSORS)
    check(kldsel_rank_tensors(tensors, set->count, NULL, NULL, options, &ranking));
  else {
    profiles = calloc(set->count, sizeof *profiles);
    if (!profiles) fail("out of memory", "");
    check(kldsel_profile_create_many(tensors, set->count, options, profiles));
  }
  size_t resident = status_bytes("VmHWM");
  struct peak peak = {.heap = atomic_load(&count.peak), .kept = atomic_load(&count.live) - views};
  if (watched && before > 0 && resident > before) peak.resident = resident - before;
  kldsel_ranking_free(ranking);
  for (size_t l = 0; profiles && l < set->count; l++) kldsel_profile_free(profiles[l]);
  free(profiles);
  layer_set_unview(set, tensors);
  kldsel_options_free(options);
  if (atomic_load(&count.live) != 0) fail("the library kept memory", "");
  return peak;
}
