/* SPDX-License-Identifier: BSD-3-Clause */
/* How long the profiles of ResNet50's convolutions take, against reading the same weights once. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kldsel/kldsel.h"
#include "networks.h"

enum {
  ROUNDS = 11,
  MOST_THREADS = 2,
  LANES = 32
};

static void fail(const char *what) {
  fprintf(stderr, "bench_profile: %s\n", what);
  exit(EXIT_FAILURE);
}

static void check(kldsel_status status) {
  if (status != KLDSEL_OK) fail(kldsel_last_error());
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- reading once: the sum of the weights' bits ---- */

struct part {
  const uint32_t *words;
  size_t count;
  uint32_t sum;
};

/* Independent lanes, which the compiler turns into vectors. */
static void *read_part(void *argument) {
  struct part *part = argument;
  uint32_t lanes[LANES] = {0};
  size_t whole = part->count / LANES * LANES;
  for (size_t w = 0; w < whole; w += LANES)
    for (size_t l = 0; l < LANES; l++) lanes[l] += part->words[w + l];
  for (size_t w = whole; w < part->count; w++) lanes[0] += part->words[w];
  part->sum = 0;
  for (size_t l = 0; l < LANES; l++) part->sum += lanes[l];
  return NULL;
}

static uint32_t read_once(const uint32_t *words, size_t count, int threads) {
  struct part parts[MOST_THREADS];
  pthread_t others[MOST_THREADS];
  size_t share = count / (size_t)threads;
  for (int t = 0; t < threads; t++)
    parts[t] =
        (struct part){words + (size_t)t * share, t + 1 < threads ? share : count - (size_t)t * share, 0};
  for (int t = 1; t < threads; t++)
    if (pthread_create(&others[t], NULL, read_part, &parts[t]) != 0) fail("cannot start a thread");
  read_part(&parts[0]);
  uint32_t sum = parts[0].sum;
  for (int t = 1; t < threads; t++) {
    pthread_join(others[t], NULL);
    sum += parts[t].sum;
  }
  return sum;
}

/* ---- profiles ---- */

struct network {
  size_t count;
  kldsel_tensor *tensors[NETWORK_CAPACITY];
};

static struct network network_view(const struct convolutions *net, const float *weights, int32_t layout) {
  struct network network = {.count = net->count};
  for (size_t l = 0; l < net->count; l++) {
    const struct convolution *c = &net->at[l];
    int64_t oihw[] = {c->filters, c->channels, c->height, c->width};
    int64_t hwio[] = {c->height, c->width, c->channels, c->filters};
    size_t n = (size_t)convolution_weights(c);
    check(kldsel_tensor_view(weights, n * sizeof *weights, KLDSEL_DTYPE_F32, 4,
                             layout == KLDSEL_LAYOUT_OIHW ? oihw : hwio, layout, NULL, &network.tensors[l]));
    weights += n;
  }
  return network;
}

static void profile(const struct network *network, const kldsel_options *options) {
  kldsel_profile *profiles[NETWORK_CAPACITY];
  check(kldsel_profile_create_many((const kldsel_tensor *const *)network->tensors, network->count, options,
                                   profiles));
  for (size_t l = 0; l < network->count; l++) kldsel_profile_free(profiles[l]);
}

/* ---- measuring ---- */

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The two are timed in turn, so that whatever else the machine does meets both. */
static void measure(const char *name, const struct network *network, const uint32_t *words, size_t count,
                    int threads) {
  double profiling[ROUNDS], reading[ROUNDS];
  volatile uint32_t sink;
  kldsel_options *options;
  check(kldsel_options_create(NULL, NULL, NULL, &options));
  check(kldsel_options_set_int(options, KLDSEL_OPTION_THREADS, threads));
  for (int r = -1; r < ROUNDS; r++) { /* round -1 warms up */
    double start = now();
    sink = read_once(words, count, threads);
    double middle = now();
    profile(network, options);
    double end = now();
    if (r >= 0) {
      reading[r] = middle - start;
      profiling[r] = end - middle;
    }
  }
  (void)sink;
  kldsel_options_free(options);
  qsort(profiling, ROUNDS, sizeof *profiling, ascending);
  qsort(reading, ROUNDS, sizeof *reading, ascending);
  double p = profiling[ROUNDS / 2], r = reading[ROUNDS / 2];
  double bytes = (double)count * sizeof *words;
  printf("%-12s %7d  %8.2f  %8.2f - %-8.2f  %8.2f  %8.2f - %-8.2f  %7.2f  %7.2f\n", name, threads, 1e3 * p,
         1e3 * profiling[0], 1e3 * profiling[ROUNDS - 1], 1e3 * r, 1e3 * reading[0],
         1e3 * reading[ROUNDS - 1], bytes / p / 1e9, p / r);
}

int main(void) {
  struct convolutions net = resnet50();
  size_t count = 0;
  for (size_t l = 0; l < net.count; l++) count += (size_t)convolution_weights(&net.at[l]);
  if (count == 0) fail("no weights");
  float *weights = malloc(count * sizeof *weights);
  uint32_t *words = malloc(count * sizeof *words); /* the same bits, to be read as whole numbers */
  if (!weights || !words) fail("out of memory");
  uint32_t state = 1;
  for (size_t e = 0; e < count; e++) {
    state = state * 1664525 + 1013904223;
    weights[e] = (float)(state >> 8) * 0x1p-24f - 0.5f;
  }
  memcpy(words, weights, count * sizeof *words);

  char info[256];
  kldsel_build_info(info, sizeof info);
  printf("%s\nProfiles of ResNet50's %zu convolutions, %zu f32 weights, %.1f MB; median of %d rounds and "
         "range\n",
         info, net.count, count, (double)count * sizeof *weights / 1e6, ROUNDS);
  printf("%-12s %7s  %8s  %19s  %8s  %19s  %7s  %7s\n", "weights", "threads", "profile", "lowest - highest",
         "read", "lowest - highest", "profile", "ratio");
  printf("%-12s %7s  %8s  %19s  %8s  %19s  %7s  %7s\n", "", "", "ms", "ms", "ms", "ms", "GB/s", "");
  for (int threads = 1; threads <= MOST_THREADS; threads++)
    for (int32_t layout = KLDSEL_LAYOUT_OIHW; layout <= KLDSEL_LAYOUT_HWIO; layout++) {
      struct network network = network_view(&net, weights, layout);
      measure(layout == KLDSEL_LAYOUT_OIHW ? "OIHW" : "HWIO", &network, words, count, threads);
      for (size_t l = 0; l < network.count; l++) kldsel_tensor_free(network.tensors[l]);
    }
  free(weights);
  free(words);
  return EXIT_SUCCESS;
}
