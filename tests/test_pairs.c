/* SPDX-License-Identifier: BSD-3-Clause */
/* Pairs and the divergence within: on any number of threads, at every level, at the edges of tiles, and
 * without an M x M matrix where nobody keeps one. What they are is test_definition's affair. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "layers.h"
#include "support.h"

static const double PROMISE = 1e-12;

/* Around the library's tiles of 48 rows and blocks of 96, and panels of 24, 12, 8 and 4. */
static const int64_t filter_counts[] = {2, 3, 4, 5, 11, 13, 24, 25, 47, 48, 49, 95, 96, 97, 145, 193, 300};

static void both_wanted(void) {
  set_int(KLDSEL_OPTION_DISTRIBUTION, KLDSEL_DISTRIBUTION_PAIRS);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
}

static double *export_of(const kldsel_profile *profile, size_t *length) {
  assert_ok(kldsel_profile_export(profile, NULL, 0, length));
  double *values = malloc(*length * sizeof *values);
  ck_assert_ptr_nonnull(values);
  assert_ok(kldsel_profile_export(profile, values, *length, length));
  return values;
}

static void assert_near(const double *a, const double *b, size_t n, const char *what) {
  for (size_t i = 0; i < n; i++)
    if (!(fabs(a[i] - b[i]) <= PROMISE * fmax(fabs(a[i]), 1e-3)) && !(isnan(a[i]) && isnan(b[i])))
      ck_abort_msg("%s: value %zu is %.17g and %.17g", what, i, a[i], b[i]);
}

START_TEST(threads_and_levels_agree) {
  static const int32_t threads[] = {1, 2, 3, 8};
  both_wanted();
  for (size_t f = 0; f < COUNT(filter_counts); f += test_quick() ? 4 : 1)
    for (int32_t granularity = 1; granularity <= KLDSEL_GRANULARITY_KERNEL; granularity++) {
      if (test_quick() && f / 4 % 2 == (size_t)granularity - 1) continue;
      struct layer layer = layer_create(PATTERN_TRAINED, filter_counts[f], 32, 9,
                                        241 + f); /* enough to be split over threads */
      kldsel_tensor *tensor = layer_view(&layer);
      double *first = NULL;
      set_int(KLDSEL_OPTION_GRANULARITY, granularity);
      for (int32_t level = 1; level <= test_highest_level(); level++) {
        double *of_level = NULL;
        for (size_t t = 0; t < COUNT(threads); t += test_quick() ? 3 : 1) {
          char what[96];
          snprintf(what, sizeof what, "%lld filters, granularity %d, level %d, %d threads",
                   (long long)filter_counts[f], granularity, level, threads[t]);
          set_int(KLDSEL_OPTION_CPU_LEVEL, level);
          set_int(KLDSEL_OPTION_THREADS, threads[t]);
          kldsel_profile *profile = profile_of(tensor);
          size_t n = 0;
          double *values = export_of(profile, &n);
          kldsel_profile_free(profile);
          if (!first) first = values;
          if (!of_level) of_level = values;
          assert_near(values, first, n, what);
          /* The library's own products do not even differ in bits. */
          if (level > KLDSEL_CPU_LEVEL_BASELINE)
            ck_assert_msg(memcmp(values, of_level, n * sizeof *values) == 0, "%s: other bits", what);
          if (values != first && values != of_level) free(values);
        }
        if (of_level != first) free(of_level);
      }
      free(first);
      kldsel_tensor_free(tensor);
      layer_free(&layer);
    }
}
END_TEST

/* The pairs are the elements of the matrix that pairwise cosine gives, in their order. */
START_TEST(pairs_are_in_order) {
  set_int(KLDSEL_OPTION_DISTRIBUTION, KLDSEL_DISTRIBUTION_PAIRS);
  for (size_t f = 0; f < COUNT(filter_counts); f += test_quick() ? 4 : 1) {
    size_t m = (size_t)filter_counts[f], n = 0;
    struct layer layer = layer_create(PATTERN_GAUSSIAN, filter_counts[f], 1, 7, 251 + f);
    kldsel_tensor *tensor = layer_view(&layer), *positive = NULL, *negative = NULL;
    double *matrix = malloc(m * m * sizeof *matrix);
    ck_assert_ptr_nonnull(matrix);
    assert_ok(kldsel_sign_split(tensor, KLDSEL_PART_POSITIVE, test_options, &positive));
    assert_ok(kldsel_sign_split(tensor, KLDSEL_PART_NEGATIVE, test_options, &negative));
    kldsel_profile *profile = profile_of(tensor);

    double *all = similarities_of(profile, KLDSEL_SIGN_ALL, &n), *next = all;
    assert_ok(kldsel_pairwise_cosine(tensor, NULL, 0, filter_counts[f], test_options, matrix, m * m));
    for (size_t i = 0; i < m; i++) {
      assert_near(next, matrix + i * m + i + 1, m - i - 1, "all");
      next += m - i - 1;
    }
    ck_assert_ptr_eq(next, all + n);
    double *crossed = similarities_of(profile, KLDSEL_SIGN_POSITIVE_NEGATIVE, &n);
    next = crossed;
    assert_ok(kldsel_pairwise_cosine(positive, negative, 0, filter_counts[f], test_options, matrix, m * m));
    for (size_t i = 0; i < m; i++) {
      assert_near(next, matrix + i * m, i, "positive-negative, left");
      assert_near(next + i, matrix + i * m + i + 1, m - i - 1, "positive-negative, right");
      next += m - 1;
    }
    ck_assert_ptr_eq(next, crossed + n);
    free(all);
    free(crossed);
    free(matrix);
    kldsel_profile_free(profile);
    kldsel_tensor_free(positive);
    kldsel_tensor_free(negative);
    kldsel_tensor_free(tensor);
    layer_free(&layer);
  }
}
END_TEST

/* Ranked from tensors the pairs are summed and let go, from profiles they are kept: at 0.125 the first time,
 * at the next number below both times. */
START_TEST(streamed_is_as_kept) {
  static const enum pattern patterns[] = {PATTERN_GAUSSIAN,   PATTERN_TRAINED,  PATTERN_SPARSE,
                                          PATTERN_DUPLICATED, PATTERN_OPPOSITE, PATTERN_ROTATED,
                                          PATTERN_ZEROS,      PATTERN_HUGE,     PATTERN_GAUSSIAN};
  const double temperatures[] = {nextafter(0.125, 0), 0.125, 1, 30};
  set_int(KLDSEL_OPTION_DISTRIBUTION, KLDSEL_DISTRIBUTION_PAIRS);
  for (size_t p = 0; p < COUNT(patterns); p += test_quick() ? 4 : 1) {
    struct layer layer = layer_create(patterns[p], 101, 3, 9, 261);
    /* The last once more, of filters that are much alike: their cosines differ in the fifth digit. */
    if (p + 1 == COUNT(patterns))
      for (int64_t e = 0; e < layer.filters * layer_elements(&layer); e++) layer.weights[e] += 10;
    kldsel_tensor *tensor = layer_view(&layer);
    kldsel_profile *profile = profile_of(tensor);
    for (size_t t = 0; t < COUNT(temperatures); t++)
      for (int32_t sign = 1; sign <= KLDSEL_SIGN_POSITIVE_NEGATIVE; sign++) {
        double kept, streamed;
        kldsel_ranking *ranking = NULL;
        set_int(KLDSEL_OPTION_SIGN, sign);
        set_double(KLDSEL_OPTION_TEMPERATURE, temperatures[t]);
        rank_scores(&profile, 1, NULL, NULL, &kept, NULL);
        assert_ok(kldsel_rank_tensors(&tensor, 1, NULL, NULL, test_options, &ranking));
        assert_ok(kldsel_ranking_layer(ranking, 0, &streamed, NULL, NULL, NULL));
        kldsel_ranking_free(ranking);
        ck_assert_msg(fabs(streamed - kept) <= PROMISE * kept + 1e-30,
                      "%s, sign %d, temperature %g: streamed %.17g, kept %.17g", layer.name, sign,
                      temperatures[t], streamed, kept);
      }
    kldsel_profile_free(profile);
    kldsel_tensor_free(tensor);
    layer_free(&layer);
  }
}
END_TEST

/* The mean over ordered pairs of rows of KL(row x || row y), term by term from the matrix. */
static long double mean_of_rows(const double *matrix, size_t m) {
  long double sum = 0;
  double *rows = malloc(m * m * sizeof *rows);
  ck_assert_ptr_nonnull(rows);
  for (size_t x = 0; x < m; x++) assert_ok(kldsel_softmax(matrix + x * m, m, 1, rows + x * m));
  for (size_t x = 0; x < m; x++)
    for (size_t y = 0; y < m; y++)
      for (size_t k = 0; k < m; k++)
        sum +=
            (long double)rows[x * m + k] * logl((long double)rows[x * m + k] / (long double)rows[y * m + k]);
  free(rows);
  return sum / (long double)(m * (m - 1));
}

/* Of layers of more filters than a tile has rows, and than are summed at a time: one and a half of each, and
 * more. */
START_TEST(divergence_within_of_many_filters) {
  static const int64_t counts[] = {145, 72, 200};
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
  for (size_t c = 0; c < (test_quick() ? 1 : COUNT(counts)); c++) {
    size_t m = (size_t)counts[c], length = 0;
    struct layer layer = layer_create(PATTERN_GAUSSIAN, counts[c], 1, 7, 271 + c);
    kldsel_tensor *tensor = layer_view(&layer);
    double *matrix = malloc(m * m * sizeof *matrix);
    ck_assert_ptr_nonnull(matrix);
    assert_ok(kldsel_pairwise_cosine(tensor, NULL, 0, counts[c], test_options, matrix, m * m));
    kldsel_profile *profile = profile_of(tensor);
    double *values = export_of(profile, &length), expected = (double)mean_of_rows(matrix, m);
    /* Probabilities that are rounded to doubles cost as much as the cosines' promise. */
    ck_assert_msg(fabs(values[13] - expected) <= 2 * PROMISE * expected, "%zu filters: %.17g, not %.17g", m,
                  values[13], expected);
    free(values);
    free(matrix);
    kldsel_profile_free(profile);
    kldsel_tensor_free(tensor);
    layer_free(&layer);
  }
}
END_TEST

START_TEST(more_pairs_than_can_be_told) {
  const uint8_t one = 1;
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view_strided(&one, 1, 0, KLDSEL_DTYPE_U8, 2, (const int64_t[]){65537, 1},
                                       (const int64_t[]){0, 0}, 1U, 0, test_options, &tensor));
  set_int(KLDSEL_OPTION_DISTRIBUTION, KLDSEL_DISTRIBUTION_PAIRS);
  assert_no_handle(kldsel_profile, kldsel_profile_create(tensor, test_options, &POISONED),
                   KLDSEL_ERROR_TOO_LARGE, "tensor: 65537 filters have more than 4294967295 pairs");
  kldsel_tensor_free(tensor);
}
END_TEST

/* No allocation comes near M x M doubles unless a profile is to hold them. */
START_TEST(no_matrix_is_allocated) {
  static double weights[2 * 2000];
  for (size_t i = 0; i < COUNT(weights); i++) weights[i] = sin((double)i * 3.7);
  size_t filters = test_quick() ? 1000 : 2000;
  kldsel_tensor *tensor = matrix_view(weights, (int64_t)filters, 2);
  kldsel_ranking *ranking = NULL;
  test_memory.limit = filters * filters; /* an eighth of the matrix */
  set_int(KLDSEL_OPTION_THREADS, 2);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
  assert_ok(kldsel_rank_tensors(&tensor, 1, NULL, NULL, test_options, &ranking));
  kldsel_ranking_free(ranking);
  set_int(KLDSEL_OPTION_REFERENCE, 0);
  set_int(KLDSEL_OPTION_DISTRIBUTION, KLDSEL_DISTRIBUTION_PAIRS);
  assert_ok(kldsel_rank_tensors(&tensor, 1, NULL, NULL, test_options, &ranking));
  kldsel_ranking_free(ranking);
  kldsel_profile *profile;
  ck_assert_int_eq(kldsel_profile_create(tensor, test_options, &profile), KLDSEL_ERROR_OUT_OF_MEMORY);
  kldsel_tensor_free(tensor);
}
END_TEST

/* At a high temperature a divergence is half a variance, over the square of the temperature: that within, and
 * that of all pairs from uniform, which are summed about their mean. */
START_TEST(divergences_fall_as_the_square_of_a_high_temperature) {
  static const double temperatures[] = {1e6, 1e9, 1e16, 1e100};
  const double values[] = {1, 2, -3, 4, 0.5, -6, 7, 8, 9, -1, 2, 3, 5, -7, 0.25};
  kldsel_tensor *tensor = matrix_view(values, 5, 3);
  set_int(KLDSEL_OPTION_MEASURE, KLDSEL_MEASURE_KL);
  set_int(KLDSEL_OPTION_REFERENCE, _i == 0 ? KLDSEL_REFERENCE_WITHIN : KLDSEL_REFERENCE_UNIFORM);
  set_int(KLDSEL_OPTION_DISTRIBUTION, KLDSEL_DISTRIBUTION_PAIRS);
  double squares = 0;
  for (size_t t = 0; t < COUNT(temperatures); t++) {
    set_double(KLDSEL_OPTION_TEMPERATURE, temperatures[t]);
    kldsel_ranking *ranking = NULL;
    double score = 0;
    assert_ok(kldsel_rank_tensors(&tensor, 1, NULL, NULL, test_options, &ranking));
    assert_ok(kldsel_ranking_layer(ranking, 0, &score, NULL, NULL, NULL));
    kldsel_ranking_free(ranking);
    double scaled = score * temperatures[t] * temperatures[t];
    if (t == 0) squares = scaled;
    ck_assert_double_gt(scaled, 0.01);
    /* What is left out is of the order of one over the temperature. */
    ck_assert_msg(fabs(scaled - squares) <= 1e-5 * squares, "at %g: %.17g, not %.17g", temperatures[t],
                  scaled, squares);
  }
  kldsel_tensor_free(tensor);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("pairs");
  TCase *tests = add_case(suite, "pairs");
  tcase_add_test(tests, threads_and_levels_agree);
  tcase_add_test(tests, pairs_are_in_order);
  tcase_add_test(tests, streamed_is_as_kept);
  tcase_add_test(tests, divergence_within_of_many_filters);
  tcase_add_test(tests, more_pairs_than_can_be_told);
  tcase_add_test(tests, no_matrix_is_allocated);
  tcase_add_loop_test(tests, divergences_fall_as_the_square_of_a_high_temperature, 0, 2);
  return suite;
}
