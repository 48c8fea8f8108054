/* SPDX-License-Identifier: BSD-3-Clause */
/* The linear path gives the same bits on every CPU level and every number of threads. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "layers.h"
#include "support.h"

/* Weights of one shape [M, Z, height, width], seen as OIHW (filters are rows) or HWIO (filters are
 * columns), or with every second element skipped. */
struct shape {
  int64_t filters, channels, kernel;
};

static const struct shape small_shapes[] = {
    {1, 1, 1},    {2, 1, 1},    {3, 1, 2},   {7, 1, 7},   {8, 2, 4},    {9, 3, 3},    {16, 1, 1},
    {17, 5, 9},   {31, 2, 8},   {32, 16, 9}, {33, 1, 65}, {2, 1, 511},  {5, 129, 1},  {64, 3, 49},
    {127, 2, 11}, {13, 31, 25}, {1, 7, 13},  {255, 1, 3}, {4, 1, 4099}, {1025, 1, 1},
};

/* Enough weights to be split over threads. */
static const struct shape large_shapes[] = {
    {128, 256, 9}, {1000, 301, 1}, {3, 20001, 5}, {10000, 3, 9}, {1, 1, 300001}, {256, 1100, 1},
};

enum {
  DTYPES = KLDSEL_DTYPE_I8,
  FORMS = 3
};

static size_t weights_of(const struct shape *shape) {
  return (size_t)(shape->filters * shape->channels * shape->kernel);
}

/* Random finite weights of a dtype; trained-like scale for floats, all bytes for integers. */
static void *random_weights(size_t n, int32_t dtype, uint64_t seed) {
  struct generator g = {seed};
  unsigned char *bytes = malloc(n * dtype_bytes(dtype));
  ck_assert_ptr_nonnull(bytes);
  for (size_t e = 0; e < n; e++) {
    uint64_t bits = next_bits(&g);
    /* A cheap bell curve: the sum of four uniform numbers. */
    double f64 = ((double)(bits & 0xFFFF) + (double)(bits >> 16 & 0xFFFF) + (double)(bits >> 32 & 0xFFFF) +
                  (double)(bits >> 48)) /
                     65536 -
                 2;
    float f32 = (float)f64;
    uint32_t single;
    memcpy(&single, &f32, sizeof single);
    uint16_t half = (uint16_t)((bits & 0x8000) | (0x2000 + (bits >> 16 & 0x1FFF))); /* 2^-7 to 2 */
    uint16_t brain = (uint16_t)(single >> 16);
    uint8_t byte = (uint8_t)bits;
    const void *sources[] = {NULL, &f64, &f32, &half, &brain, &byte, &byte};
    memcpy(bytes + e * dtype_bytes(dtype), sources[dtype], dtype_bytes(dtype));
  }
  return bytes;
}

/* A view in one of the forms; the buffer holds two layers' worth of weights. */
static kldsel_tensor *form_view(const void *buffer, const struct shape *s, int32_t dtype, int form) {
  int64_t oihw[] = {s->filters, s->channels, s->kernel}, hwio[] = {s->kernel, s->channels, s->filters};
  int64_t bytes = (int64_t)dtype_bytes(dtype);
  int64_t skipping[] = {2 * bytes * s->channels * s->kernel, 2 * bytes * s->kernel, 2 * bytes};
  kldsel_tensor *tensor = NULL;
  if (form == 0)
    assert_ok(kldsel_tensor_view(buffer, weights_of(s) * (size_t)bytes, dtype, 3, oihw, KLDSEL_LAYOUT_OIHW,
                                 test_options, &tensor));
  else if (form == 1)
    assert_ok(kldsel_tensor_view(buffer, weights_of(s) * (size_t)bytes, dtype, 3, hwio, KLDSEL_LAYOUT_HWIO,
                                 test_options, &tensor));
  else
    assert_ok(kldsel_tensor_view_strided(buffer, 2 * weights_of(s) * (size_t)bytes, 0, dtype, 3, oihw,
                                         skipping, 1, 2, test_options, &tensor));
  if (dtype == KLDSEL_DTYPE_U8 || dtype == KLDSEL_DTYPE_I8) {
    double scale = 1.0 / 3, zero = dtype == KLDSEL_DTYPE_U8 ? 127.3 : -0.7;
    kldsel_tensor *quantised = NULL;
    assert_ok(kldsel_tensor_quantized(tensor, &scale, &zero, 1, test_options, &quantised));
    kldsel_tensor_free(tensor);
    return quantised;
  }
  return tensor;
}

static const int threads[] = {1, 2, 3, 8};

/* Makes the profile at every level and thread count and compares it with the first. */
static void check_profile(const kldsel_tensor *tensor, const char *what) {
  for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++) {
    set_int(KLDSEL_OPTION_GRANULARITY, granularity);
    kldsel_profile *first = NULL;
    for (int32_t level = KLDSEL_CPU_LEVEL_BASELINE; level <= kldsel_cpu_level(); level++)
      for (size_t t = 0; t < COUNT(threads); t++) {
        set_int(KLDSEL_OPTION_CPU_LEVEL, level);
        set_int(KLDSEL_OPTION_THREADS, threads[t]);
        kldsel_profile *profile = profile_of(tensor);
        char where[160];
        snprintf(where, sizeof where, "%s, granularity %d, level %d, %d threads", what, granularity, level,
                 threads[t]);
        if (first) assert_same_profile(first, profile, where);
        if (first)
          kldsel_profile_free(profile);
        else
          first = profile;
      }
    kldsel_profile_free(first);
  }
}

static void check_shape(const struct shape *shape, int32_t dtype, uint64_t seed) {
  void *buffer = random_weights(2 * weights_of(shape), dtype, seed);
  for (int form = 0; form < FORMS; form++) {
    kldsel_tensor *tensor = form_view(buffer, shape, dtype, form);
    char what[96];
    snprintf(what, sizeof what, "%lldx%lldx%lld, dtype %d, form %d", (long long)shape->filters,
             (long long)shape->channels, (long long)shape->kernel, dtype, form);
    check_profile(tensor, what);
    kldsel_tensor_free(tensor);
  }
  free(buffer);
}

START_TEST(small_layers_have_the_same_bits) {
  size_t step = test_quick() ? 4 : 1;
  for (size_t s = 0; s < COUNT(small_shapes); s += step) check_shape(&small_shapes[s], 1 + _i, 151 + s);
}
END_TEST

START_TEST(large_layers_have_the_same_bits) {
  for (size_t s = 0; s < COUNT(large_shapes); s++)
    if (!test_quick() || s == 0) /* Each shape with two dtypes, so that all dtypes have their turn. */
      for (int32_t d = 0; d < (test_quick() ? 1 : 2); d++)
        check_shape(&large_shapes[s], 1 + (int32_t)(s + (size_t)d * 3) % DTYPES, 161 + s);
}
END_TEST

/* Extreme weights take the same turns on every level: squares that overflow or vanish, zeros of both
 * signs, subnormals. */
START_TEST(extreme_layers_have_the_same_bits) {
  struct layer layer = layer_create((enum pattern)_i, 37, 3, 11, 171);
  kldsel_tensor *tensor = layer_view(&layer), *columns = NULL;
  check_profile(tensor, layer.name);
  kldsel_tensor_free(tensor);
  assert_ok(kldsel_tensor_view(layer.weights, 37 * 33 * sizeof *layer.weights, KLDSEL_DTYPE_F64, 3,
                               (const int64_t[]){11, 3, 37}, KLDSEL_LAYOUT_HWIO, test_options, &columns));
  check_profile(columns, layer.name);
  kldsel_tensor_free(columns);
  layer_free(&layer);
}
END_TEST

/* Many layers at once: each profile is the one made alone, and the ranking has the same bits. */
START_TEST(many_at_once_have_the_same_bits) {
  enum {
    LAYERS = COUNT(small_shapes) + 2
  };
  kldsel_tensor *tensors[LAYERS];
  kldsel_profile *alone[LAYERS], *together[LAYERS];
  void *buffers[LAYERS];
  double first[LAYERS], score;
  for (size_t l = 0; l < LAYERS; l++) {
    const struct shape *shape = l < COUNT(small_shapes)
                                    ? &small_shapes[l]
                                    : &large_shapes[test_quick() ? 0 : l - COUNT(small_shapes)];
    int32_t dtype = 1 + (int32_t)l % DTYPES;
    buffers[l] = random_weights(2 * weights_of(shape), dtype, 181 + l);
    tensors[l] = form_view(buffers[l], shape, dtype, (int)l % FORMS);
    set_int(KLDSEL_OPTION_THREADS, 1);
    alone[l] = profile_of(tensors[l]);
  }
  for (size_t t = 0; t < COUNT(threads); t++) {
    set_int(KLDSEL_OPTION_THREADS, threads[t]);
    assert_ok(
        kldsel_profile_create_many((const kldsel_tensor *const *)tensors, LAYERS, test_options, together));
    for (size_t l = 0; l < LAYERS; l++) {
      assert_same_profile(alone[l], together[l], "made together and alone");
      kldsel_profile_free(together[l]);
    }
  }
  for (int32_t reference = KLDSEL_REFERENCE_UNIFORM; reference <= KLDSEL_REFERENCE_NEXT; reference++) {
    set_int(KLDSEL_OPTION_REFERENCE, reference);
    rank_scores(alone, LAYERS, NULL, NULL, first, NULL);
    for (size_t t = 0; t < COUNT(threads); t++) {
      kldsel_ranking *ranking = NULL;
      set_int(KLDSEL_OPTION_THREADS, threads[t]);
      assert_ok(kldsel_rank_tensors((const kldsel_tensor *const *)tensors, LAYERS, NULL, NULL, test_options,
                                    &ranking));
      for (size_t l = 0; l < LAYERS; l++) {
        assert_ok(kldsel_ranking_layer(ranking, l, &score, NULL, NULL, NULL));
        ck_assert_int_eq(isnan(score), isnan(first[l]));
        if (!isnan(score)) assert_same_doubles(&score, &first[l], 1, "ranked from tensors and from profiles");
      }
      kldsel_ranking_free(ranking);
    }
  }
  for (size_t l = 0; l < LAYERS; l++) {
    kldsel_profile_free(alone[l]);
    kldsel_tensor_free(tensors[l]);
    free(buffers[l]);
  }
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("levels");
  TCase *tests = add_case(suite, "levels");
  tcase_add_loop_test(tests, small_layers_have_the_same_bits, 0, DTYPES);
  tcase_add_test(tests, large_layers_have_the_same_bits);
  tcase_add_loop_test(tests, extreme_layers_have_the_same_bits, 0, PATTERN_COUNT);
  tcase_add_test(tests, many_at_once_have_the_same_bits);
  return suite;
}
