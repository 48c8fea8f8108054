/* SPDX-License-Identifier: BSD-3-Clause */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "support.h"

enum {
  ALL = KLDSEL_SIGN_ALL,
  POSITIVE = KLDSEL_SIGN_POSITIVE,
  NEGATIVE = KLDSEL_SIGN_NEGATIVE,
  BOTH = KLDSEL_SIGN_POSITIVE_NEGATIVE
};

/* A dozen roundings of numbers up to 1. */
static const double TOLERANCE = 16 * DBL_EPSILON;

static void assert_similarities(const kldsel_profile *profile, int32_t sign, const double *expected,
                                size_t count) {
  double values[33];
  size_t length = SIZE_MAX;
  assert_ok(kldsel_profile_length(profile, sign, &length));
  ck_assert_uint_eq(length, count);
  poison(values, sizeof values);
  assert_ok(kldsel_profile_values(profile, sign, values, count));
  for (size_t i = 0; i < count; i++)
    ck_assert_msg(fabs(values[i] - expected[i]) <= TOLERANCE, "sign %d, c[%zu]: got %.17g, expected %.17g",
                  sign, i, values[i], expected[i]);
  assert_poisoned(values + count, sizeof values - count * sizeof *values);
}

/* ---- values ---- */

START_TEST(by_filter) {
  /* Positive parts (1, 0), (0, 1), (3, 4); negative parts (0, -1), (-1, 0), (0, 0). */
  const double weights[] = {1, -1, -1, 1, 3, 4};
  kldsel_tensor *tensor = matrix_view(weights, 3, 2);
  kldsel_profile *profile = profile_of(tensor);
  kldsel_tensor_free(tensor);
  ck_assert_int_eq(kldsel_profile_filters(profile), 3);
  ck_assert_int_eq(kldsel_profile_elements(profile), 2);
  const double small = 1 / (5 * sqrt(2));
  assert_similarities(profile, ALL, (const double[]){(-1 - small) / 2, (-1 + small) / 2, 0}, 3);
  assert_similarities(profile, POSITIVE, (const double[]){0.3, 0.4, 0.7}, 3);
  assert_similarities(profile, NEGATIVE, (const double[]){0, 0, 0}, 3);
  assert_similarities(profile, BOTH, (const double[]){-0.5, -0.5, -0.7}, 3);
  kldsel_profile_free(profile);
}
END_TEST

START_TEST(by_kernel) {
  /* Two channels of one weight; every slice is a sign. By channel: (+, +, -) and (+, 0, -). */
  const double weights[] = {5, 2, 0.1, 0, -3, -7};
  kldsel_tensor *tensor = view(weights, 3, (const int64_t[]){3, 2, 1});
  set_int(KLDSEL_OPTION_GRANULARITY, KLDSEL_GRANULARITY_KERNEL);
  kldsel_profile *profile = profile_of(tensor);
  /* C: 0-1 (1 + 0) / 2, 0-2 (-1 - 1) / 2, 1-2 (-1 + 0) / 2. */
  assert_similarities(profile, ALL, (const double[]){-0.25, 0, -0.75}, 3);
  assert_similarities(profile, POSITIVE, (const double[]){0.25, 0.25, 0}, 3);
  assert_similarities(profile, NEGATIVE, (const double[]){0, 0, 0}, 3);
  /* Rows are positive parts, so filter 2 has none: 0-2 is -1, 1-2 is -1/2. */
  assert_similarities(profile, BOTH, (const double[]){-0.5, -0.25, 0}, 3);
  kldsel_profile_free(profile);
  kldsel_tensor_free(tensor);
}
END_TEST

START_TEST(by_pairs) {
  const double weights[] = {1, -1, -1, 1, 3, 4};
  kldsel_tensor *tensor = matrix_view(weights, 3, 2);
  set_int(KLDSEL_OPTION_DISTRIBUTION, KLDSEL_DISTRIBUTION_PAIRS);
  kldsel_profile *profile = profile_of(tensor);
  const double small = 1 / (5 * sqrt(2));
  assert_similarities(profile, ALL, (const double[]){-1, -small, small}, 3);
  assert_similarities(profile, POSITIVE, (const double[]){0, 0.6, 0.8}, 3);
  assert_similarities(profile, NEGATIVE, (const double[]){0, 0, 0}, 3);
  double value[3];
  assert_error(kldsel_profile_values(profile, BOTH, value, 3), KLDSEL_ERROR_MISMATCH,
               "count is 3; the profile has 6 values");
  /* All ordered pairs: P0 with N1, N2; P1 with N0, N2; P2 with N0, N1. */
  assert_similarities(profile, BOTH, (const double[]){-1, 0, -1, 0, -0.8, -0.6}, 6);
  kldsel_profile_free(profile);
  kldsel_tensor_free(tensor);
}
END_TEST

/* More pairs than the library keeps of the matrix at a time. Filters are four directions in turn, with both
 * signs, so that every cosine follows from the indices. */
START_TEST(pairs_of_many_filters) {
  enum {
    M = 1200
  };
  static const double directions[4][2] = {{1, -1}, {-1, 1}, {1, 1}, {-1, -1}};
  /* P and N parts are (1, 0) (0, -1), (0, 1) (-1, 0), (1, 1) 0, 0 (-1, -1). */
  const double slant = sqrt(0.5);
  const double all[4][4] = {{1, -1, 0, 0}, {-1, 1, 0, 0}, {0, 0, 1, -1}, {0, 0, -1, 1}};
  const double both[4][4] = {{0, -1, 0, -slant}, {-1, 0, 0, -slant}, {-slant, -slant, 0, -1}, {0, 0, 0, 0}};
  static double weights[M][2], values[M * (M - 1)];
  for (int i = 0; i < M; i++) {
    weights[i][0] = directions[i % 4][0] * (1 + i);
    weights[i][1] = directions[i % 4][1] * (1 + i);
  }
  kldsel_tensor *tensor = matrix_view(weights[0], M, 2);
  set_int(KLDSEL_OPTION_DISTRIBUTION, KLDSEL_DISTRIBUTION_PAIRS);
  kldsel_profile *profile = profile_of(tensor);
  assert_ok(kldsel_profile_values(profile, ALL, values, M * (M - 1) / 2));
  size_t at = 0;
  for (int i = 0; i < M; i++)
    for (int j = i + 1; j < M; j++, at++)
      if (fabs(values[at] - all[i % 4][j % 4]) > TOLERANCE) ck_abort_msg("C[%d][%d] is %g", i, j, values[at]);
  assert_ok(kldsel_profile_values(profile, BOTH, values, M * (M - 1)));
  at = 0;
  for (int i = 0; i < M; i++)
    for (int j = 0; j < M; j++)
      if (i != j && fabs(values[at++] - both[i % 4][j % 4]) > TOLERANCE)
        ck_abort_msg("C[%d][%d] of positive-negative is %g", i, j, values[at - 1]);
  kldsel_profile_free(profile);
  kldsel_tensor_free(tensor);
}
END_TEST

START_TEST(fewer_than_two_filters) {
  const double weights[] = {1, -2, 3, 0};
  for (int32_t distribution = 1; distribution <= 2; distribution++) {
    set_int(KLDSEL_OPTION_DISTRIBUTION, distribution);
    kldsel_tensor *tensor = matrix_view(weights, 1, 4);
    kldsel_profile *profile = profile_of(tensor);
    for (int32_t sign = ALL; sign <= BOTH; sign++) assert_similarities(profile, sign, NULL, 0);
    assert_ok(kldsel_profile_values(profile, ALL, NULL, 0));
    double values[17];
    size_t length = 0;
    assert_ok(kldsel_profile_export(profile, values, 17, &length));
    ck_assert_uint_eq(length, 17);
    for (int i = 9; i < 17; i++) ck_assert_double_nan(values[i]);
    ck_assert_double_eq(values[7], 2);
    ck_assert_double_eq(values[8], 1);
    kldsel_profile_free(profile);
    kldsel_tensor_free(tensor);
  }
}
END_TEST

START_TEST(any_magnitude) {
  static const double scales[] = {1, 0x1p1021, 0x1p-1022, 0x1p-1074};
  for (size_t a = 0; a < COUNT(scales); a++)
    for (size_t b = 0; b < COUNT(scales); b++) {
      const double weights[] = {3 * scales[a], -4 * scales[a], 4 * scales[b], -3 * scales[b], 0, 0};
      kldsel_tensor *tensor = matrix_view(weights, 3, 2);
      kldsel_profile *profile = profile_of(tensor);
      assert_similarities(profile, ALL, (const double[]){0.48, 0.48, 0}, 3);
      assert_similarities(profile, POSITIVE, (const double[]){0.5, 0.5, 0}, 3);
      assert_similarities(profile, NEGATIVE, (const double[]){0.5, 0.5, 0}, 3);
      assert_similarities(profile, BOTH, (const double[]){0, 0, 0}, 3);
      kldsel_profile_free(profile);
      kldsel_tensor_free(tensor);
    }
}
END_TEST

/* Softmax of the rows of C = I: KL of (e, 1) / (1 + e) from its mirror image; by temperature t, of
 * (e^(1/t), 1). The negative parts are zero, so all rows are uniform. */
START_TEST(divergence_within) {
  const double weights[] = {2, 0, 0, 7};
  static const double temperatures[] = {1, 0.5, 3};
  kldsel_tensor *tensor = matrix_view(weights, 2, 2);
  set_int(KLDSEL_OPTION_REFERENCE, KLDSEL_REFERENCE_WITHIN);
  for (size_t i = 0; i < COUNT(temperatures); i++) {
    double t = temperatures[i], e = exp(1 / t), expected = (e - 1) / (e + 1) / t, values[25];
    set_double(KLDSEL_OPTION_TEMPERATURE, t);
    kldsel_profile *profile = profile_of(tensor);
    size_t length = 0;
    assert_ok(kldsel_profile_export(profile, values, 25, &length));
    ck_assert_double_eq(values[6], t);
    ck_assert_double_le(fabs(values[13] - expected), TOLERANCE);
    ck_assert_double_le(fabs(values[14] - expected), TOLERANCE);
    ck_assert_double_eq(values[15], 0);
    ck_assert_double_eq(values[16], 0);
    /* The profile is there as well. */
    assert_similarities(profile, ALL, (const double[]){0, 0}, 2);
    kldsel_profile_free(profile);
  }
  kldsel_tensor_free(tensor);
}
END_TEST

/* ---- bad arguments ---- */

START_TEST(create_refuses) {
  const double weights[] = {1, 2, 3, 4};
  kldsel_tensor *tensor = matrix_view(weights, 2, 2);
  assert_no_handle(kldsel_profile, kldsel_profile_create(NULL, test_options, &POISONED),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "tensor is NULL");
  assert_error(kldsel_profile_create(tensor, test_options, NULL), KLDSEL_ERROR_INVALID_ARGUMENT,
               "profile is NULL");
  kldsel_tensor *const tensors[] = {tensor, NULL, tensor};
  struct {
    kldsel_profile *profiles[3];
  } out;
  poison(&out, sizeof out);
  kldsel_tensor *const *list = tensors;
  assert_error(kldsel_profile_create_many(NULL, 3, test_options, out.profiles), KLDSEL_ERROR_INVALID_ARGUMENT,
               "tensors is NULL");
  assert_error(kldsel_profile_create_many(list, 0, test_options, out.profiles), KLDSEL_ERROR_INVALID_ARGUMENT,
               "count is 0");
  assert_error(kldsel_profile_create_many(list, 3, test_options, out.profiles), KLDSEL_ERROR_INVALID_ARGUMENT,
               "tensors[1] is NULL");
  assert_error(kldsel_profile_create_many(list + 1, 2, test_options, out.profiles),
               KLDSEL_ERROR_INVALID_ARGUMENT, "tensors[0] is NULL");
  assert_error(kldsel_profile_create_many(list, 1, test_options, NULL), KLDSEL_ERROR_INVALID_ARGUMENT,
               "profiles is NULL");
  assert_poisoned(&out, sizeof out);
  kldsel_tensor_free(tensor);
}
END_TEST

START_TEST(cpu_levels) {
  const double weights[] = {1, 2, 3, 4};
  kldsel_tensor *tensor = matrix_view(weights, 2, 2);
  for (int32_t level = KLDSEL_CPU_LEVEL_BASELINE; level <= KLDSEL_CPU_LEVEL_AVX512; level++) {
    set_int(KLDSEL_OPTION_CPU_LEVEL, level);
    if (level <= kldsel_cpu_level()) {
      kldsel_profile_free(profile_of(tensor));
      continue;
    }
    char message[64];
    snprintf(message, sizeof message, "CPU_LEVEL is %d; the highest here is %d (%s)", level,
             kldsel_cpu_level(), cpu_level_name(kldsel_cpu_level()));
    assert_no_handle(kldsel_profile, kldsel_profile_create(tensor, test_options, &POISONED),
                     KLDSEL_ERROR_UNSUPPORTED, message);
  }
  kldsel_tensor_free(tensor);
}
END_TEST

START_TEST(reading_refuses) {
  const double weights[] = {1, 2, 3, 4};
  kldsel_tensor *tensor = matrix_view(weights, 2, 2);
  kldsel_profile *profile = profile_of(tensor);
  kldsel_tensor_free(tensor);
  struct {
    double values[4];
    size_t length;
  } out;
  poison(&out, sizeof out);
  static const int32_t signs[] = {0, 5, -1, INT32_MAX};
  static const char *const messages[] = {"sign is 0, which is none", "sign is 5, which is none",
                                         "sign is -1, which is none", "sign is 2147483647, which is none"};
  for (size_t i = 0; i < COUNT(signs); i++) {
    assert_error(kldsel_profile_length(profile, signs[i], &out.length), KLDSEL_ERROR_INVALID_ARGUMENT,
                 messages[i]);
    assert_error(kldsel_profile_values(profile, signs[i], out.values, 2), KLDSEL_ERROR_INVALID_ARGUMENT,
                 messages[i]);
  }
  assert_error(kldsel_profile_length(NULL, ALL, &out.length), KLDSEL_ERROR_INVALID_ARGUMENT,
               "profile is NULL");
  assert_error(kldsel_profile_length(profile, ALL, NULL), KLDSEL_ERROR_INVALID_ARGUMENT, "length is NULL");
  assert_error(kldsel_profile_values(NULL, ALL, out.values, 2), KLDSEL_ERROR_INVALID_ARGUMENT,
               "profile is NULL");
  assert_error(kldsel_profile_values(profile, ALL, NULL, 2), KLDSEL_ERROR_INVALID_ARGUMENT, "values is NULL");
  assert_error(kldsel_profile_values(profile, ALL, out.values, 1), KLDSEL_ERROR_MISMATCH,
               "count is 1; the profile has 2 values");
  assert_error(kldsel_profile_values(profile, ALL, out.values, 3), KLDSEL_ERROR_MISMATCH,
               "count is 3; the profile has 2 values");
  assert_error(kldsel_profile_values(profile, ALL, out.values, 0), KLDSEL_ERROR_MISMATCH,
               "count is 0; the profile has 2 values");
  assert_poisoned(&out, sizeof out);
  kldsel_profile_free(profile);
  kldsel_profile_free(NULL);
  ck_assert_int_eq(kldsel_profile_filters(NULL), 0);
  ck_assert_int_eq(kldsel_profile_elements(NULL), 0);
}
END_TEST

START_TEST(beyond_memory) {
  if (sizeof(size_t) < 8) return; /* no tensor is that large */
  const uint8_t one = 1;
  static const int64_t shapes[][2] = {
      {1LL << 61, 2}, {2, 1LL << 61}, {1LL << 62, 1}, {7000000000000000000, 1}};
  for (size_t i = 0; i < COUNT(shapes); i++) {
    kldsel_tensor *tensor = NULL;
    assert_ok(kldsel_tensor_view_strided(&one, 1, 0, KLDSEL_DTYPE_U8, 2, shapes[i], (const int64_t[]){0, 0},
                                         1U, 0, test_options, &tensor));
    for (int32_t distribution = 1; distribution <= 2; distribution++) {
      set_int(KLDSEL_OPTION_DISTRIBUTION, distribution);
      kldsel_profile *profile;
      poison(&profile, sizeof profile);
      ck_assert_int_eq(kldsel_profile_create(tensor, test_options, &profile), KLDSEL_ERROR_TOO_LARGE);
      assert_poisoned(&profile, sizeof profile);
    }
    kldsel_tensor_free(tensor);
  }
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("profile");
  TCase *tests = add_case(suite, "values");
  tcase_add_test(tests, by_filter);
  tcase_add_test(tests, by_kernel);
  tcase_add_test(tests, by_pairs);
  tcase_add_test(tests, pairs_of_many_filters);
  tcase_add_test(tests, fewer_than_two_filters);
  tcase_add_test(tests, any_magnitude);
  tcase_add_test(tests, divergence_within);
  tests = add_case(suite, "arguments");
  tcase_add_test(tests, create_refuses);
  tcase_add_test(tests, cpu_levels);
  tcase_add_test(tests, reading_refuses);
  tcase_add_test(tests, beyond_memory);
  return suite;
}
