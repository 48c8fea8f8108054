/* SPDX-License-Identifier: BSD-3-Clause */
/* The linear path gives the same bits on every CPU level and every number of threads. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "compare.h"
#include "forms.h"
#include "layers.h"
#include "support.h"

static const struct shape small_shapes[] = {
    {1, 1, 1},    {2, 1, 1},    {3, 1, 2},    {7, 1, 7},    {8, 2, 4},     {9, 3, 3},
    {16, 1, 1},   {17, 5, 9},   {31, 2, 8},   {32, 16, 9},  {33, 1, 65},   {2, 1, 511},
    {5, 129, 1},  {64, 3, 49},  {127, 2, 11}, {13, 31, 25}, {70, 1, 1100}, {255, 1, 3},
    {4, 1, 4099}, {1025, 1, 1}, {40, 200, 1}, /* several blocks of filters by kernel */
    {1, 7, 13}};

/* Enough weights to be split over threads. */
static const struct shape large_shapes[] = {
    {128, 256, 9}, {1000, 301, 1}, {3, 20001, 5}, {10000, 3, 9}, {1, 1, 300001}, {256, 1100, 1},
};

enum {
  DTYPES = KLDSEL_DTYPE_I8,
  SPLIT_FROM = 1 << 18 /* weights of a layer that threads share */
};

static const int threads[] = {1, 2, 3, 8};

/* Options SIGNS and CONTENT: each has kernels, or passes, of its own. (Of large layers test_content knows.)
 */
static const struct {
  int32_t signs, content;
} parts[] = {
    {1 << KLDSEL_SIGN_ALL, KLDSEL_CONTENT_VALUES},
    {1 << KLDSEL_SIGN_POSITIVE_NEGATIVE, KLDSEL_CONTENT_VALUES},
    {1 << KLDSEL_SIGN_ALL | 1 << KLDSEL_SIGN_POSITIVE, KLDSEL_CONTENT_MEANS},
    {0, KLDSEL_CONTENT_COUNTS},
};

static void check_parts(const kldsel_tensor *tensor, const kldsel_profile *whole, const char *where) {
  for (size_t p = 0; p < COUNT(parts); p++) {
    set_int(KLDSEL_OPTION_SIGNS, parts[p].signs);
    set_int(KLDSEL_OPTION_CONTENT, parts[p].content);
    kldsel_profile *part = profile_of(tensor);
    assert_part(part, whole, parts[p].signs, parts[p].content, where);
    kldsel_profile_free(part);
  }
  set_int(KLDSEL_OPTION_SIGNS, 0);
  set_int(KLDSEL_OPTION_CONTENT, 0);
}

/* Makes the profile at every level and thread count and compares it with the first, which alone is made where
 * profiles are recorded. */
static void check_profile(const kldsel_tensor *tensor, const char *what) {
  int32_t most_level = profiles_are_recorded() ? KLDSEL_CPU_LEVEL_BASELINE : test_highest_level();
  size_t counts = profiles_are_recorded() ? 1 : COUNT(threads), step = test_quick() ? COUNT(threads) - 1 : 1;
  for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++) {
    set_int(KLDSEL_OPTION_GRANULARITY, granularity);
    kldsel_profile *first = NULL;
    for (int32_t level = KLDSEL_CPU_LEVEL_BASELINE; level <= most_level; level++)
      for (size_t t = 0; t < counts; t += step) {
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
        bool large = kldsel_tensor_filters(tensor) * kldsel_tensor_elements(tensor) >= SPLIT_FROM;
        if (!large && counts > 1 && (t == 0 || t + 1 == COUNT(threads))) check_parts(tensor, first, where);
      }
    char where[160];
    snprintf(where, sizeof where, "%s, granularity %d", what, granularity);
    record_profile(first, where);
    kldsel_profile_free(first);
  }
}

static void check_shape(const struct shape *shape, int32_t dtype, uint64_t seed) {
  void *buffer = random_weights(2 * shape_weights(shape), dtype, seed);
  for (int form = 0; form < FORMS; form++) {
    kldsel_tensor *tensor = form_view(buffer, shape, dtype, (enum form)form);
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
  /* The largest by one dtype, of which lines of more than a tile are worked on 64 at a time. */
  for (size_t s = 0; s < COUNT(small_shapes); s += step)
    if (!test_quick() || shape_weights(&small_shapes[s]) < 1 << 14 || 1 + _i == KLDSEL_DTYPE_BF16)
      check_shape(&small_shapes[s], 1 + _i, 151 + s);
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

/* By kernel the order of summation is that of the channels, not of the memory. */
START_TEST(layouts_have_the_same_bits_by_kernel) {
  static const int32_t layouts[] = {KLDSEL_LAYOUT_OIHW, KLDSEL_LAYOUT_HWIO, KLDSEL_LAYOUT_OHWI,
                                    KLDSEL_LAYOUT_IOHW};
  static const struct shape shapes[] = {{37, 11, 9}, {64, 70, 1}, {9, 130, 3},
                                        {130, 9, 4}, {5, 3, 49},  {8, 64, 9}};
  set_int(KLDSEL_OPTION_GRANULARITY, KLDSEL_GRANULARITY_KERNEL);
  for (size_t s = 0; s < COUNT(shapes); s++) {
    size_t m = (size_t)shapes[s].filters, z = (size_t)shapes[s].channels, n = (size_t)shapes[s].kernel;
    float *weights = random_weights(m * z * n, KLDSEL_DTYPE_F32, 175 + s),
          *stored = malloc(m * z * n * sizeof *stored);
    ck_assert_ptr_nonnull(stored);
    kldsel_profile *first = NULL;
    for (size_t l = 0; l < COUNT(layouts); l++) {
      /* Where in each layout the steps of the filter, channel and kernel are. */
      const size_t steps[][3] = {{z * n, n, 1}, {1, m, z * m}, {n * z, 1, z}, {n, m * n, 1}};
      const int64_t sizes[][3] = {{(int64_t)m, (int64_t)z, (int64_t)n},
                                  {(int64_t)n, (int64_t)z, (int64_t)m},
                                  {(int64_t)m, (int64_t)n, (int64_t)z},
                                  {(int64_t)z, (int64_t)m, (int64_t)n}};
      for (size_t i = 0; i < m; i++)
        for (size_t c = 0; c < z; c++)
          for (size_t e = 0; e < n; e++)
            stored[i * steps[l][0] + c * steps[l][1] + e * steps[l][2]] = weights[(i * z + c) * n + e];
      kldsel_tensor *tensor = NULL;
      assert_ok(kldsel_tensor_view(stored, m * z * n * sizeof *stored, KLDSEL_DTYPE_F32, 3, sizes[l],
                                   layouts[l], test_options, &tensor));
      kldsel_profile *profile = profile_of(tensor);
      char what[64];
      snprintf(what, sizeof what, "%zux%zux%zu in layout %d", m, z, n, layouts[l]);
      if (first) assert_same_profile(first, profile, what);
      if (first)
        kldsel_profile_free(profile);
      else
        first = profile;
      kldsel_tensor_free(tensor);
    }
    kldsel_profile_free(first);
    free(weights);
    free(stored);
  }
}
END_TEST

/* A layer of ten chunks, so that eight threads each have one to work on: each way to walk the weights, and
 * doubles whose squares vanish, which are walked twice. */
START_TEST(chunks_for_every_thread) {
  static const struct shape shape = {301, 1, 8000};
  static const struct {
    enum form form;
    int32_t dtype;
  } walks[] = {
      {FORM_ROWS, KLDSEL_DTYPE_F64},         {FORM_SKIPPING_COLUMNS, KLDSEL_DTYPE_I8},
      {FORM_ROWS, KLDSEL_DTYPE_F32},         {FORM_COLUMNS, KLDSEL_DTYPE_BF16},
      {FORM_SKIPPING_ROWS, KLDSEL_DTYPE_U8},
  };
  for (size_t w = 0; w < (test_quick() ? 1 : COUNT(walks)); w++) {
    void *buffer = random_weights(2 * shape_weights(&shape), walks[w].dtype, 191 + w);
    if (walks[w].dtype == KLDSEL_DTYPE_F64)
      for (size_t e = 0; e < shape_weights(&shape); e++) ((double *)buffer)[e] *= 1e-200;
    kldsel_tensor *tensor = form_view(buffer, &shape, walks[w].dtype, walks[w].form);
    for (int32_t content = 0; content <= (test_quick() ? 0 : KLDSEL_CONTENT_COUNTS);
         content += KLDSEL_CONTENT_COUNTS) {
      set_int(KLDSEL_OPTION_CONTENT, content);
      set_int(KLDSEL_OPTION_THREADS, 1);
      kldsel_profile *alone = profile_of(tensor);
      static const int32_t counts[] = {4, 5, 8, 11};
      for (size_t c = 0; c < (test_quick() ? 1 : COUNT(counts)); c++) {
        set_int(KLDSEL_OPTION_THREADS, counts[c]);
        kldsel_profile *shared = profile_of(tensor);
        assert_same_profile(alone, shared, "made by many threads");
        kldsel_profile_free(shared);
      }
      kldsel_profile_free(alone);
    }
    set_int(KLDSEL_OPTION_CONTENT, 0);
    kldsel_tensor_free(tensor);
    free(buffer);
  }
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
  size_t step = test_quick() ? 3 : 1, layers = LAYERS / step; /* of layers, of numbers of threads */
  for (size_t l = 0; l < layers; l++) {
    size_t number = LAYERS - 1 - l * step;
    const struct shape *shape =
        number < COUNT(small_shapes) ? &small_shapes[number] : &large_shapes[number - COUNT(small_shapes)];
    int32_t dtype = 1 + (int32_t)l % DTYPES;
    buffers[l] = random_weights(2 * shape_weights(shape), dtype, 181 + l);
    tensors[l] = form_view(buffers[l], shape, dtype, (enum form)(l % FORMS));
    set_int(KLDSEL_OPTION_THREADS, 1);
    alone[l] = profile_of(tensors[l]);
  }
  for (size_t t = 0; t < COUNT(threads); t += step) {
    set_int(KLDSEL_OPTION_THREADS, threads[t]);
    assert_ok(kldsel_profile_create_many(tensors, layers, test_options, together));
    for (size_t l = 0; l < layers; l++) {
      assert_same_profile(alone[l], together[l], "made together and alone");
      kldsel_profile_free(together[l]);
    }
  }
  for (int32_t reference = KLDSEL_REFERENCE_UNIFORM; reference <= KLDSEL_REFERENCE_NEXT; reference++) {
    set_int(KLDSEL_OPTION_REFERENCE, reference);
    rank_scores(alone, layers, NULL, NULL, first, NULL);
    for (size_t t = 0; t < COUNT(threads); t += step) {
      kldsel_ranking *ranking = NULL;
      set_int(KLDSEL_OPTION_THREADS, threads[t]);
      assert_ok(kldsel_rank_tensors(tensors, layers, NULL, NULL, test_options, &ranking));
      for (size_t l = 0; l < layers; l++) {
        assert_ok(kldsel_ranking_layer(ranking, l, &score, NULL, NULL, NULL));
        ck_assert_int_eq(isnan(score), isnan(first[l]));
        if (!isnan(score)) assert_same_doubles(&score, &first[l], 1, "ranked from tensors and from profiles");
      }
      kldsel_ranking_free(ranking);
    }
  }
  for (size_t l = 0; l < layers; l++) {
    kldsel_profile_free(alone[l]);
    kldsel_tensor_free(tensors[l]);
    free(buffers[l]);
  }
}
END_TEST

/* Sign parts that meet only where they are tiny: what their products lose, if products of doubles so small
 * were taken as they are, would hang on whether they are fused. */
START_TEST(doubles_of_extreme_magnitudes) {
  enum {
    FILTERS = 12,
    TINY = 8,
    LARGE = 16,
    ELEMENTS = TINY + 2 * LARGE
  };
  double values[FILTERS * ELEMENTS];
  struct generator g = {251};
  for (int i = 0; i < FILTERS; i++)
    for (int k = 0; k < ELEMENTS; k++) {
      double value = (1 + next_uniform(&g)) * (next_uniform(&g) < 0.5 ? -1 : 1);
      values[i * ELEMENTS + k] = k < TINY           ? value * 0x1p-445
                                 : k < TINY + LARGE ? fabs(value) * 0x1p-150
                                                    : -fabs(value) * 0x1p140;
    }
  kldsel_tensor *tensor;
  assert_ok(kldsel_tensor_view(values, sizeof values, KLDSEL_DTYPE_F64, 2,
                               (const int64_t[]){FILTERS, ELEMENTS}, KLDSEL_LAYOUT_OI, test_options,
                               &tensor));
  check_profile(tensor, "doubles of extreme magnitudes");
  kldsel_tensor_free(tensor);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("levels");
  TCase *tests = add_case(suite, "levels");
  tcase_add_test(tests, doubles_of_extreme_magnitudes);
  tcase_add_loop_test(tests, small_layers_have_the_same_bits, 0, DTYPES);
  tcase_add_test(tests, large_layers_have_the_same_bits);
  tcase_add_loop_test(tests, extreme_layers_have_the_same_bits, 0, PATTERN_COUNT);
  if (profiles_are_recorded() && !test_quick()) return suite;
  tcase_add_test(tests, layouts_have_the_same_bits_by_kernel);
  tcase_add_test(tests, chunks_for_every_thread);
  tcase_add_test(tests, many_at_once_have_the_same_bits);
  return suite;
}
