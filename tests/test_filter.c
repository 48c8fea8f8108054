/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "support.h"

static void assert_rows(const kldsel_tensor *tensor, const double *expected, size_t count) {
  kldsel_tensor *matrix = NULL;
  assert_ok(kldsel_filter_matrix(tensor, test_options, &matrix));
  ck_assert_int_eq(kldsel_tensor_filters(matrix), kldsel_tensor_filters(tensor));
  ck_assert_int_eq(kldsel_tensor_elements(matrix), kldsel_tensor_elements(tensor));
  double values[1024];
  assert_ok(kldsel_tensor_values(matrix, values, count));
  for (size_t i = 0; i < count; i++)
    ck_assert_msg(values[i] == expected[i], "element %zu: %g, not %g", i, values[i], expected[i]);
  kldsel_tensor_free(matrix);
}

/* 2 filters of 2 channels of 1 x 2 weights, the number telling the place: filter, channel, column. */
START_TEST(named_layouts_give_the_same_rows) {
  static const double rows[] = {0, 1, 10, 11, 100, 101, 110, 111};
  static const struct {
    int32_t layout;
    int64_t shape[4];
    double weights[8];
  } cases[] = {
      {KLDSEL_LAYOUT_OIHW, {2, 2, 1, 2}, {0, 1, 10, 11, 100, 101, 110, 111}},
      {KLDSEL_LAYOUT_HWIO, {1, 2, 2, 2}, {0, 100, 10, 110, 1, 101, 11, 111}},
      {KLDSEL_LAYOUT_OHWI, {2, 1, 2, 2}, {0, 10, 1, 11, 100, 110, 101, 111}},
      {KLDSEL_LAYOUT_IOHW, {2, 2, 1, 2}, {0, 1, 100, 101, 10, 11, 110, 111}},
      {KLDSEL_LAYOUT_HWOI, {1, 2, 2, 2}, {0, 10, 100, 110, 1, 11, 101, 111}},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    kldsel_tensor *tensor = NULL;
    assert_ok(kldsel_tensor_view(cases[i].weights, sizeof cases[i].weights, KLDSEL_DTYPE_F64, 4,
                                 cases[i].shape, cases[i].layout, test_options, &tensor));
    assert_rows(tensor, rows, 8);
    kldsel_tensor_free(tensor);
  }
}
END_TEST

START_TEST(dense_and_depthwise_rows) {
  static const double weights[] = {0, 1, 2, 3, 4, 5, 6, 7};
  kldsel_tensor *tensor = NULL;
  static const struct {
    int32_t layout, rank;
    int64_t shape[3];
    double rows[8];
  } cases[] = {
      {KLDSEL_LAYOUT_OI, 2, {2, 4}, {0, 1, 2, 3, 4, 5, 6, 7}},
      {KLDSEL_LAYOUT_IO, 2, {2, 4}, {0, 4, 1, 5, 2, 6, 3, 7}},
      {KLDSEL_LAYOUT_HWIM, 3, {2, 2, 2}, {0, 4, 1, 5, 2, 6, 3, 7}},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    assert_ok(kldsel_tensor_view(weights, sizeof weights, KLDSEL_DTYPE_F64, cases[i].rank, cases[i].shape,
                                 cases[i].layout, test_options, &tensor));
    assert_rows(tensor, cases[i].rows, 8);
    kldsel_tensor_free(tensor);
  }
}
END_TEST

/* Row-major walk over some axes of a tensor: the index of each axis from a running number. */
static int64_t offset_of(int64_t number, uint32_t mask, int32_t rank, const int64_t *shape,
                         const int64_t *strides) {
  int64_t offset = 0;
  for (int32_t a = rank; a-- > 0;)
    if (mask >> a & 1) {
      offset += number % shape[a] * strides[a];
      number /= shape[a];
    }
  return offset;
}

/* By whatever walk, a tensor's similarities are those of its matrix. Sums of at most 48 whole numbers, their
 * roots and quotients are some ulp from each other in another order. */
static void assert_profile_of_matrix(const kldsel_tensor *tensor) {
  kldsel_tensor *matrix = NULL;
  assert_ok(kldsel_filter_matrix(tensor, test_options, &matrix));
  kldsel_profile *profile = profile_of(tensor), *expected = profile_of(matrix);
  double a[256], b[256];
  size_t length = 0, expected_length = 1;
  assert_ok(kldsel_profile_export(profile, a, COUNT(a), &length));
  assert_ok(kldsel_profile_export(expected, b, COUNT(b), &expected_length));
  ck_assert_uint_eq(length, expected_length);
  for (size_t i = 0; i < length; i++)
    ck_assert_msg(fabs(a[i] - b[i]) <= 1e-14 || (isnan(a[i]) && isnan(b[i])),
                  "number %zu is %.17g, not %.17g", i, a[i], b[i]);
  kldsel_profile_free(profile);
  kldsel_profile_free(expected);
  kldsel_tensor_free(matrix);
}

/* A tensor with these strides, in weights, whose weights are their own places. */
static void try_axes(int32_t rank, const int64_t *shape, const int64_t *strides, uint32_t filters,
                     uint32_t channels) {
  static double weights[48], expected[48];
  for (size_t i = 0; i < COUNT(weights); i++) weights[i] = (double)i;
  int64_t strides_bytes[5], count = 1, rest_count = 1;
  uint32_t rest = ((1U << rank) - 1) & ~filters & ~channels;
  for (int32_t a = 0; a < rank; a++) {
    strides_bytes[a] = strides[a] * (int64_t)sizeof *weights;
    count *= shape[a];
    rest_count *= rest >> a & 1 ? shape[a] : 1;
  }
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view_strided(weights, sizeof weights, 0, KLDSEL_DTYPE_F64, rank, shape,
                                       strides_bytes, filters, channels, test_options, &tensor));
  int64_t elements = kldsel_tensor_elements(tensor);
  for (int64_t i = 0; i < count; i++)
    expected[i] = (double)(offset_of(i / elements, filters, rank, shape, strides) +
                           offset_of(i % elements / rest_count, channels, rank, shape, strides) +
                           offset_of(i % rest_count, rest, rank, shape, strides));
  assert_rows(tensor, expected, (size_t)count);
  assert_profile_of_matrix(tensor);
  kldsel_tensor_free(tensor);
}

/* Every way to tell the axes of a tensor of rank 1 to 5 apart into filters, channels and rest; and with steps
 * of 0 along any of them. */
START_TEST(any_axes) {
  static const int64_t shape[] = {2, 3, 1, 4, 2};
  for (int32_t rank = 2; rank <= 5; rank++) {
    uint32_t all = (1U << rank) - 1;
    for (uint32_t still = 0; still <= all; still += test_quick() ? 3 : 1) {
      int64_t strides[5], count = 1;
      for (int32_t a = rank; a-- > 0; count *= shape[a]) strides[a] = still >> a & 1 ? 0 : count;
      for (uint32_t filters = 1; filters < all; filters++)
        for (uint32_t channels = 0; channels <= all; channels++)
          if (!(channels & filters)) try_axes(rank, shape, strides, filters, channels);
    }
  }
}
END_TEST

/* The matrix owns its weights and remembers the channels: by kernel, each of the two is normalised alone.
 * Rows (3, 3) and (5, -5) are at right angles, but their channels are at 1 and -1. */
START_TEST(matrix_owns_weights_and_channels) {
  double weights[] = {3, 3, 5, -5};
  kldsel_tensor *tensor = view(weights, 3, (const int64_t[]){2, 2, 1}), *matrix = NULL;
  assert_ok(kldsel_filter_matrix(tensor, test_options, &matrix));
  kldsel_tensor_free(tensor);
  weights[0] = 1000;
  double values[4];
  assert_ok(kldsel_tensor_values(matrix, values, 4));
  ck_assert_double_eq(values[0], 3);
  set_int(KLDSEL_OPTION_GRANULARITY, KLDSEL_GRANULARITY_KERNEL);
  /* A view with different channels would be refused. */
  const double same[] = {1, 1, 1, 1};
  kldsel_tensor *other = view(same, 3, (const int64_t[]){2, 2, 1});
  double cosines[4];
  assert_ok(kldsel_pairwise_cosine(matrix, other, 0, 2, test_options, cosines, 4));
  ck_assert_double_eq(cosines[0], 1);
  ck_assert_double_eq(cosines[2], 0);
  kldsel_tensor_free(other);
  kldsel_tensor_free(matrix);
}
END_TEST

START_TEST(matrix_passes_on_what_is_not_finite) {
  const double weights[] = {1, (double)NAN, -HUGE_VAL, 4};
  kldsel_tensor *tensor = matrix_view(weights, 2, 2), *matrix = NULL;
  assert_ok(kldsel_filter_matrix(tensor, test_options, &matrix));
  double values[4];
  assert_ok(kldsel_tensor_values(matrix, values, 4));
  ck_assert_double_nan(values[1]);
  ck_assert_double_eq(values[2], -HUGE_VAL);
  kldsel_tensor_free(matrix);
  kldsel_tensor_free(tensor);
}
END_TEST

START_TEST(matrix_refuses) {
  const double weights[] = {1, 2, 3, 4};
  kldsel_tensor *tensor = matrix_view(weights, 2, 2);
  assert_no_handle(kldsel_tensor, kldsel_filter_matrix(NULL, test_options, &POISONED),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "tensor is NULL");
  assert_error(kldsel_filter_matrix(tensor, test_options, NULL), KLDSEL_ERROR_INVALID_ARGUMENT,
               "matrix is NULL");
  kldsel_tensor_free(tensor);
  if (sizeof(size_t) < 8) return; /* no tensor is as large as what follows */
  const uint8_t one = 1;
  assert_ok(kldsel_tensor_view_strided(&one, 1, 0, KLDSEL_DTYPE_U8, 2,
                                       (const int64_t[]){1LL << 30, 1LL << 31}, (const int64_t[]){0, 0}, 1U,
                                       0, test_options, &tensor));
  assert_no_handle(kldsel_tensor, kldsel_filter_matrix(tensor, test_options, &POISONED),
                   KLDSEL_ERROR_TOO_LARGE,
                   "matrix: 2305843009213693952 elements of 8 bytes are more than can be addressed");
  kldsel_tensor_free(tensor);
  /* 2^60 - 1 elements can be addressed, just; nobody has that much. */
  test_memory.limit = 1 << 20;
  assert_ok(kldsel_tensor_view_strided(&one, 1, 0, KLDSEL_DTYPE_U8, 2,
                                       (const int64_t[]){(1 << 30) - 1, (1 << 30) + 1},
                                       (const int64_t[]){0, 0}, 1U, 0, test_options, &tensor));
  assert_no_handle(kldsel_tensor, kldsel_filter_matrix(tensor, test_options, &POISONED),
                   KLDSEL_ERROR_OUT_OF_MEMORY, "matrix: no memory for 9223372036854775800 bytes");
  kldsel_tensor_free(tensor);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("filter");
  TCase *tests = add_case(suite, "matrix");
  tcase_add_test(tests, named_layouts_give_the_same_rows);
  tcase_add_test(tests, dense_and_depthwise_rows);
  tcase_add_test(tests, any_axes);
  tcase_add_test(tests, matrix_owns_weights_and_channels);
  tcase_add_test(tests, matrix_passes_on_what_is_not_finite);
  tcase_add_test(tests, matrix_refuses);
  return suite;
}
