/* SPDX-License-Identifier: BSD-3-Clause */
#include "layers.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static const double TWO_PI = 6.283185307179586;

uint64_t next_bits(struct generator *generator) {
  uint64_t z = generator->state += 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

double next_uniform(struct generator *generator) {
  return (double)(next_bits(generator) >> 11) * 0x1p-53;
}

double next_gaussian(struct generator *generator) {
  double radius = sqrt(-2 * log(1 - next_uniform(generator)));
  return radius * cos(TWO_PI * next_uniform(generator));
}

void next_permutation(struct generator *generator, int64_t n, int64_t *order) {
  for (int64_t i = 0; i < n; i++) {
    int64_t j = (int64_t)(next_bits(generator) % (uint64_t)(i + 1));
    order[i] = order[j];
    order[j] = i;
  }
}

int64_t layer_elements(const struct layer *layer) {
  return layer->channels * layer->kernel;
}

/* A random power of ten from 1e-300 to 1e300. */
static double any_scale(struct generator *g) {
  return pow(10, 600 * next_uniform(g) - 300);
}

/* ---- patterns of independent weights ---- */

static double draw_gaussian(struct generator *g) {
  return 0.05 * next_gaussian(g);
}

static double draw_uniform(struct generator *g) {
  return 2 * next_uniform(g) - 1;
}

static double draw_sparse(struct generator *g) {
  return next_uniform(g) < 0.9 ? 0 : next_gaussian(g);
}

static double draw_heavy_tailed(struct generator *g) {
  return next_gaussian(g) / sqrt(-log(1 - next_uniform(g)));
}

static double draw_huge(struct generator *g) {
  return (2 * next_uniform(g) - 1) * (next_uniform(g) < 0.5 ? DBL_MAX : 1e200);
}

static double draw_tiny(struct generator *g) {
  return 1e-200 * next_gaussian(g);
}

static double draw_subnormal(struct generator *g) {
  return ((double)(next_bits(g) % 2001) - 1000) * DBL_TRUE_MIN;
}

static double draw_mixed_elements(struct generator *g) {
  return next_gaussian(g) * any_scale(g);
}

static double draw_mixed_signs(struct generator *g) {
  double x = next_gaussian(g);
  return x * (x > 0 ? 1e200 : 1e-200);
}

static double draw_zeros(struct generator *g) {
  return next_uniform(g) < 0.5 ? 0.0 : -0.0;
}

static double draw_positive(struct generator *g) {
  return fabs(next_gaussian(g));
}

static double draw_negative(struct generator *g) {
  return -fabs(next_gaussian(g));
}

static const struct {
  const char *name;
  double (*draw)(struct generator *g); /* for each weight, before the rows are made alike */
} patterns[PATTERN_COUNT] = {
    [PATTERN_GAUSSIAN] = {"gaussian", draw_gaussian},
    [PATTERN_UNIFORM] = {"uniform", draw_uniform},
    [PATTERN_SPARSE] = {"sparse", draw_sparse},
    [PATTERN_HEAVY_TAILED] = {"heavy-tailed", draw_heavy_tailed},
    [PATTERN_TRAINED] = {"trained", draw_gaussian},
    [PATTERN_HUGE] = {"huge", draw_huge},
    [PATTERN_TINY] = {"tiny", draw_tiny},
    [PATTERN_SUBNORMAL] = {"subnormal", draw_subnormal},
    [PATTERN_MIXED_ELEMENTS] = {"mixed elements", draw_mixed_elements},
    [PATTERN_MIXED_FILTERS] = {"mixed filters", draw_gaussian},
    [PATTERN_MIXED_SIGNS] = {"mixed signs", draw_mixed_signs},
    [PATTERN_MIXED_CHANNELS] = {"mixed channels", draw_gaussian},
    [PATTERN_ZERO_FILTERS] = {"zero filters", draw_gaussian},
    [PATTERN_ZEROS] = {"zeros", draw_zeros},
    [PATTERN_POSITIVE] = {"positive", draw_positive},
    [PATTERN_NEGATIVE] = {"negative", draw_negative},
    [PATTERN_EQUAL] = {"equal", draw_gaussian},
    [PATTERN_DUPLICATED] = {"duplicated", draw_gaussian},
    [PATTERN_NEAR_DUPLICATES] = {"near-duplicates", draw_gaussian},
    [PATTERN_ROTATED] = {"rotated", draw_gaussian},
    [PATTERN_DISJOINT] = {"disjoint", draw_gaussian},
    [PATTERN_OPPOSITE] = {"opposite", draw_gaussian},
};

/* ---- patterns that relate rows ---- */

/* Trained filters share a few directions; their norms differ by a factor of a few. */
static void add_low_rank(struct layer *layer, struct generator *g) {
  enum {
    RANK = 4
  };
  int64_t k = layer_elements(layer);
  for (int r = 0; r < RANK; r++) {
    double *direction = malloc((size_t)k * sizeof *direction);
    ck_assert_ptr_nonnull(direction);
    for (int64_t e = 0; e < k; e++) direction[e] = 0.05 * next_gaussian(g);
    for (int64_t i = 0; i < layer->filters; i++) {
      double share = next_gaussian(g);
      for (int64_t e = 0; e < k; e++) layer->weights[i * k + e] += share * direction[e];
    }
    free(direction);
  }
  for (int64_t i = 0; i < layer->filters; i++) {
    double scale = exp(0.5 * next_gaussian(g));
    for (int64_t e = 0; e < k; e++) layer->weights[i * k + e] *= scale;
  }
}

static void scale_filters(struct layer *layer, struct generator *g) {
  int64_t k = layer_elements(layer);
  for (int64_t i = 0; i < layer->filters; i++) {
    double scale = any_scale(g);
    for (int64_t e = 0; e < k; e++) layer->weights[i * k + e] *= scale;
  }
}

static void scale_channels(struct layer *layer, struct generator *g) {
  for (int64_t z = 0; z < layer->channels; z++) {
    double scale = any_scale(g);
    for (int64_t i = 0; i < layer->filters; i++)
      for (int64_t e = 0; e < layer->kernel; e++)
        layer->weights[(i * layer->channels + z) * layer->kernel + e] *= scale;
  }
}

/* Makes weight e of filter i from the independent draws. */
static double relate(enum pattern pattern, const double *drawn, int64_t k, int64_t i, int64_t e) {
  switch (pattern) {
  case PATTERN_ZERO_FILTERS:
    return i % 3 == 2 ? 0 : drawn[i * k + e];
  case PATTERN_EQUAL:
    return drawn[e];
  case PATTERN_DUPLICATED:
    return drawn[i / 2 * k + e];
  case PATTERN_NEAR_DUPLICATES:
    return drawn[e] + (i == 0 ? 0 : 1e-9 * drawn[i * k + e]);
  case PATTERN_ROTATED:
    return drawn[(e + i) % k];
  case PATTERN_DISJOINT:
    return e == i ? drawn[e] : 0;
  case PATTERN_OPPOSITE:
    return i % 2 ? -drawn[(i - 1) * k + e] : drawn[i * k + e];
  default:
    return drawn[i * k + e];
  }
}

struct layer layer_create(enum pattern pattern, int64_t filters, int64_t channels, int64_t kernel,
                          uint64_t seed) {
  struct generator g = {seed * 1000003 + (uint64_t)pattern};
  int64_t k = channels * kernel;
  size_t n = (size_t)(filters * k);
  double *drawn = malloc(n * sizeof *drawn);
  ck_assert_ptr_nonnull(drawn);
  for (size_t e = 0; e < n; e++) drawn[e] = patterns[pattern].draw(&g);
  char name[sizeof((struct layer *)0)->name];
  snprintf(name, sizeof name, "%s %lldx%lldx%lld", patterns[pattern].name, (long long)filters,
           (long long)channels, (long long)kernel);
  struct layer layer = layer_from(name, filters, channels, kernel, drawn);
  layer.ordinary = pattern <= PATTERN_TRAINED;
  for (int64_t i = 0; i < filters; i++)
    for (int64_t e = 0; e < k; e++) layer.weights[i * k + e] = relate(pattern, drawn, k, i, e);
  free(drawn);
  if (pattern == PATTERN_TRAINED) add_low_rank(&layer, &g);
  if (pattern == PATTERN_MIXED_FILTERS) scale_filters(&layer, &g);
  if (pattern == PATTERN_MIXED_CHANNELS) scale_channels(&layer, &g);
  return layer;
}

struct layer layer_from(const char *name, int64_t filters, int64_t channels, int64_t kernel,
                        const double *weights) {
  struct layer layer = {.ordinary = true, .filters = filters, .channels = channels, .kernel = kernel};
  snprintf(layer.name, sizeof layer.name, "%s", name);
  size_t bytes = (size_t)(filters * channels * kernel) * sizeof *weights;
  layer.weights = malloc(bytes);
  ck_assert_ptr_nonnull(layer.weights);
  memcpy(layer.weights, weights, bytes);
  return layer;
}

void layer_free(struct layer *layer) {
  free(layer->weights);
  layer->weights = NULL;
}

kldsel_tensor *layer_view(const struct layer *layer) {
  return view(layer->weights, 3, (const int64_t[]){layer->filters, layer->channels, layer->kernel});
}
