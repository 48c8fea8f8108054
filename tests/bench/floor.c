/* SPDX-License-Identifier: BSD-3-Clause */
#include "floor.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* As wide as the widest level's; unaligned, as weights may be. */
typedef uint32_t lanes_type __attribute__((vector_size(64), aligned(4), may_alias));

enum {
  LANES = sizeof(lanes_type) / sizeof(uint32_t),
  VECTORS = 8 /* enough reads under way at a time */
};

/* One body, built for several levels: reading must not be held up by narrow vectors. */
static inline __attribute__((always_inline)) uint32_t sum_words(const uint32_t *words, size_t count) {
  lanes_type sums[VECTORS] = {0};
  const lanes_type *vectors = (const lanes_type *)words;
  size_t whole = count / LANES / VECTORS * VECTORS;
  for (size_t v = 0; v < whole; v += VECTORS)
    for (size_t i = 0; i < VECTORS; i++) sums[i] += vectors[v + i];
  uint32_t sum = 0;
  for (size_t w = whole * LANES; w < count; w++) sum += words[w];
  for (size_t i = 1; i < VECTORS; i++) sums[0] += sums[i];
  for (size_t l = 0; l < LANES; l++) sum += sums[0][l];
  return sum;
}

static uint32_t sum_baseline(const uint32_t *words, size_t count) {
  return sum_words(words, count);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static uint32_t sum_avx2(const uint32_t *words, size_t count) {
  return sum_words(words, count);
}

__attribute__((target("avx512f"))) static uint32_t sum_avx512(const uint32_t *words, size_t count) {
  return sum_words(words, count);
}
#endif

static uint32_t sum_best(const uint32_t *words, size_t count) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f")) return sum_avx512(words, count);
  if (__builtin_cpu_supports("avx2")) return sum_avx2(words, count);
#endif
  return sum_baseline(words, count);
}

struct part {
  const uint32_t *words;
  size_t count;
  uint32_t sum;
};

static void *read_part(void *argument) {
  struct part *part = argument;
  part->sum = sum_best(part->words, part->count);
  return NULL;
}

uint32_t read_once(const void *data, size_t bytes, int threads) {
  struct part parts[MOST_THREADS] = {{0}};
  pthread_t others[MOST_THREADS];
  const uint32_t *words = data;
  size_t count = bytes / sizeof *words, share = count / (size_t)threads;
  for (int t = 0; t < threads; t++)
    parts[t] =
        (struct part){words + (size_t)t * share, t + 1 < threads ? share : count - (size_t)t * share, 0};
  for (int t = 1; t < threads; t++)
    if (pthread_create(&others[t], NULL, read_part, &parts[t]) != 0) {
      fputs("floor: cannot start a thread\n", stderr);
      exit(EXIT_FAILURE);
    }
  read_part(&parts[0]);
  uint32_t sum = parts[0].sum;
  for (int t = 1; t < threads; t++) {
    pthread_join(others[t], NULL);
    sum += parts[t].sum;
  }
  return sum;
}
