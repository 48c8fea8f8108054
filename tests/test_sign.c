/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "support.h"

static void assert_part(const kldsel_tensor *tensor, int32_t part, const double *expected, size_t count) {
  kldsel_tensor *split = NULL;
  assert_ok(kldsel_sign_split(tensor, part, test_options, &split));
  ck_assert_int_eq(kldsel_tensor_filters(split), kldsel_tensor_filters(tensor));
  ck_assert_int_eq(kldsel_tensor_elements(split), kldsel_tensor_elements(tensor));
  double values[32];
  assert_ok(kldsel_tensor_values(split, values, count));
  for (size_t i = 0; i < count; i++) {
    /* What is not of the sign is set to 0, also where it was -0. */
    if (part != KLDSEL_PART_ALL && values[i] == 0) ck_assert(!signbit(values[i]));
    ck_assert_msg(values[i] == expected[i], "part %d, value %zu: %g, not %g", part, i, values[i],
                  expected[i]);
  }
  kldsel_tensor_free(split);
}

START_TEST(parts_of_a_matrix) {
  const double weights[] = {1, -2, 0, -0.0, 0x1p-1074, -0x1p-1074, 3.5e300, -3.5e300};
  kldsel_tensor *tensor = matrix_view(weights, 2, 4);
  assert_part(tensor, KLDSEL_PART_ALL, weights, 8);
  assert_part(tensor, KLDSEL_PART_POSITIVE, (const double[]){1, 0, 0, 0, 0x1p-1074, 0, 3.5e300, 0}, 8);
  assert_part(tensor, KLDSEL_PART_NEGATIVE, (const double[]){0, -2, 0, 0, 0, -0x1p-1074, 0, -3.5e300}, 8);
  kldsel_tensor_free(tensor);
}
END_TEST

START_TEST(parts_of_every_dtype) {
  for (int32_t dtype = KLDSEL_DTYPE_F64; dtype <= KLDSEL_DTYPE_I8; dtype++) {
    unsigned char buffer[32];
    int lowest = dtype == KLDSEL_DTYPE_U8 ? 0 : -2;
    double all[4], positive[4], negative[4];
    for (int i = 0; i < 4; i++) {
      int value = lowest + i;
      store(buffer, dtype, (size_t)i, value);
      all[i] = value;
      positive[i] = value > 0 ? value : 0;
      negative[i] = value < 0 ? value : 0;
    }
    kldsel_tensor *tensor = NULL;
    assert_ok(kldsel_tensor_view(buffer, 4 * dtype_bytes(dtype), dtype, 2, (const int64_t[]){2, 2}, 0,
                                 test_options, &tensor));
    assert_part(tensor, KLDSEL_PART_ALL, all, 4);
    assert_part(tensor, KLDSEL_PART_POSITIVE, positive, 4);
    assert_part(tensor, KLDSEL_PART_NEGATIVE, negative, 4);
    kldsel_tensor_free(tensor);
  }
}
END_TEST

START_TEST(parts_of_quantized_weights) {
  const uint8_t bytes[] = {0, 100, 128, 255};
  kldsel_tensor *tensor = NULL, *quantized = NULL;
  assert_ok(
      kldsel_tensor_view(bytes, 4, KLDSEL_DTYPE_U8, 2, (const int64_t[]){2, 2}, 0, test_options, &tensor));
  assert_ok(kldsel_tensor_quantized(tensor, (const double[]){0.5, 2}, (const double[]){50, 200}, 2,
                                    test_options, &quantized));
  assert_part(quantized, KLDSEL_PART_POSITIVE, (const double[]){0, 25, 0, 110}, 4);
  assert_part(quantized, KLDSEL_PART_NEGATIVE, (const double[]){-25, 0, -144, 0}, 4);
  kldsel_tensor_free(quantized);
  kldsel_tensor_free(tensor);
}
END_TEST

/* The split of a strided tensor has the same axes (HWIO here), and weights of its own. */
START_TEST(split_keeps_axes_and_owns_its_weights) {
  double weights[] = {1, -2, 3, -4, 5, -6, 7, -8};
  kldsel_tensor *tensor = NULL, *split = NULL, *matrix = NULL;
  assert_ok(kldsel_tensor_view_strided(weights, sizeof weights, 56, KLDSEL_DTYPE_F64, 3,
                                       (const int64_t[]){2, 2, 2}, (const int64_t[]){-32, -16, -8}, 4U, 2U,
                                       test_options, &tensor));
  assert_ok(kldsel_sign_split(tensor, KLDSEL_PART_NEGATIVE, test_options, &split));
  kldsel_tensor_free(tensor);
  weights[0] = weights[7] = 1000;
  double values[8];
  assert_ok(kldsel_tensor_values(split, values, 8));
  static const double expected[] = {-8, 0, -6, 0, -4, 0, -2, 0};
  for (int i = 0; i < 8; i++) ck_assert_double_eq(values[i], expected[i]);
  /* Filter 0 over channels 0 and 1, each at two places; filter 1 is all zero. */
  assert_ok(kldsel_filter_matrix(split, test_options, &matrix));
  kldsel_tensor_free(split);
  assert_ok(kldsel_tensor_values(matrix, values, 8));
  static const double rows[] = {-8, -4, -6, -2, 0, 0, 0, 0};
  for (int i = 0; i < 8; i++) ck_assert_double_eq(values[i], rows[i]);
  kldsel_tensor_free(matrix);
}
END_TEST

START_TEST(split_refuses) {
  double weights[] = {1, 2, 3, 4, 5, 6};
  kldsel_tensor *tensor = matrix_view(weights, 2, 3);
  assert_no_handle(kldsel_tensor, kldsel_sign_split(NULL, KLDSEL_PART_ALL, test_options, &POISONED),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "tensor is NULL");
  assert_no_handle(kldsel_tensor, kldsel_sign_split(tensor, 0, test_options, &POISONED),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "part is 0, which is none");
  assert_no_handle(kldsel_tensor, kldsel_sign_split(tensor, 4, test_options, &POISONED),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "part is 4, which is none");
  assert_no_handle(kldsel_tensor, kldsel_sign_split(tensor, -1, test_options, &POISONED),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "part is -1, which is none");
  assert_error(kldsel_sign_split(tensor, KLDSEL_PART_ALL, test_options, NULL), KLDSEL_ERROR_INVALID_ARGUMENT,
               "split is NULL");
  weights[5] = nan("");
  assert_no_handle(kldsel_tensor, kldsel_sign_split(tensor, KLDSEL_PART_ALL, test_options, &POISONED),
                   KLDSEL_ERROR_NOT_FINITE, "tensor: weight at [1, 2] is nan");
  weights[1] = HUGE_VAL;
  assert_no_handle(kldsel_tensor, kldsel_sign_split(tensor, KLDSEL_PART_NEGATIVE, test_options, &POISONED),
                   KLDSEL_ERROR_NOT_FINITE, "tensor: weight at [0, 1] is inf");
  weights[0] = -HUGE_VAL;
  assert_no_handle(kldsel_tensor, kldsel_sign_split(tensor, KLDSEL_PART_POSITIVE, test_options, &POISONED),
                   KLDSEL_ERROR_NOT_FINITE, "tensor: weight at [0, 0] is -inf");
  kldsel_tensor_free(tensor);
}
END_TEST

/* 2^61 bytes seen through one: as doubles more than memory can be. Told before the weights are read. */
START_TEST(split_beyond_memory) {
  if (sizeof(size_t) < 8) return; /* no tensor is that large */
  const uint8_t one = 1;
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view_strided(&one, 1, 0, KLDSEL_DTYPE_U8, 2,
                                       (const int64_t[]){1LL << 30, 1LL << 31}, (const int64_t[]){0, 0}, 1U,
                                       0, test_options, &tensor));
  assert_no_handle(kldsel_tensor, kldsel_sign_split(tensor, KLDSEL_PART_ALL, test_options, &POISONED),
                   KLDSEL_ERROR_TOO_LARGE,
                   "split: 2305843009213693952 elements of 8 bytes are more than can be addressed");
  kldsel_tensor_free(tensor);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("sign");
  TCase *tests = add_case(suite, "split");
  tcase_add_test(tests, parts_of_a_matrix);
  tcase_add_test(tests, parts_of_every_dtype);
  tcase_add_test(tests, parts_of_quantized_weights);
  tcase_add_test(tests, split_keeps_axes_and_owns_its_weights);
  tcase_add_test(tests, split_refuses);
  tcase_add_test(tests, split_beyond_memory);
  return suite;
}
