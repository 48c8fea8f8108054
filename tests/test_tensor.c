/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define VIEW(data, bytes, dtype, rank, shape, layout)                                                        \
  kldsel_tensor_view(data, bytes, dtype, rank, shape, layout, test_options, &POISONED)

static double numbers[64];

static void count_up(void) {
  for (size_t i = 0; i < COUNT(numbers); i++) numbers[i] = (double)i;
}

/* ---- any strides ---- */

static void assert_strided(size_t offset, int32_t rank, const int64_t *shape, const int64_t *strides,
                           const double *expected, size_t count) {
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view_strided(numbers, sizeof numbers, offset, KLDSEL_DTYPE_F64, rank, shape,
                                       strides, 1U, 0, test_options, &tensor));
  double values[64];
  assert_ok(kldsel_tensor_values(tensor, values, count));
  for (size_t i = 0; i < count; i++)
    ck_assert_msg(values[i] == expected[i], "value %zu is %g, not %g", i, values[i], expected[i]);
  ck_assert_int_eq(kldsel_tensor_filters(tensor), shape[0]);
  ck_assert_int_eq(kldsel_tensor_elements(tensor), (int64_t)count / shape[0]);
  kldsel_tensor_free(tensor);
}

START_TEST(strides_of_every_kind) {
  count_up();
  static const int64_t two_by_three[] = {2, 3}, three_by_two[] = {3, 2};
  /* Row-major, told and untold. */
  assert_strided(0, 2, two_by_three, (const int64_t[]){24, 8}, (const double[]){0, 1, 2, 3, 4, 5}, 6);
  assert_strided(0, 2, two_by_three, NULL, (const double[]){0, 1, 2, 3, 4, 5}, 6);
  assert_strided(80, 2, two_by_three, NULL, (const double[]){10, 11, 12, 13, 14, 15}, 6);
  /* Transposed. */
  assert_strided(0, 2, three_by_two, (const int64_t[]){8, 24}, (const double[]){0, 3, 1, 4, 2, 5}, 6);
  /* Backwards: all, rows only, columns only. */
  assert_strided(40, 2, two_by_three, (const int64_t[]){-24, -8}, (const double[]){5, 4, 3, 2, 1, 0}, 6);
  assert_strided(24, 2, two_by_three, (const int64_t[]){-24, 8}, (const double[]){3, 4, 5, 0, 1, 2}, 6);
  assert_strided(16, 2, two_by_three, (const int64_t[]){24, -8}, (const double[]){2, 1, 0, 5, 4, 3}, 6);
  /* Repeated rows, repeated columns, one number all over. */
  assert_strided(8, 2, two_by_three, (const int64_t[]){0, 8}, (const double[]){1, 2, 3, 1, 2, 3}, 6);
  assert_strided(8, 2, two_by_three, (const int64_t[]){8, 0}, (const double[]){1, 1, 1, 2, 2, 2}, 6);
  assert_strided(8, 2, two_by_three, (const int64_t[]){0, 0}, (const double[]){1, 1, 1, 1, 1, 1}, 6);
  /* With gaps, and overlapping windows. */
  assert_strided(8, 2, two_by_three, (const int64_t[]){80, 16}, (const double[]){1, 3, 5, 11, 13, 15}, 6);
  assert_strided(0, 2, two_by_three, (const int64_t[]){8, 8}, (const double[]){0, 1, 2, 1, 2, 3}, 6);
  /* The stride of an axis of one element does not matter. */
  assert_strided(8, 3, (const int64_t[]){1, 2, 1}, (const int64_t[]){INT64_MIN, 16, INT64_MAX},
                 (const double[]){1, 3}, 2);
}
END_TEST

START_TEST(eight_axes_in_any_order) {
  count_up();
  /* Binary digits of the index, axis a worth 2^weight[a]; odd axes of extent 1 in between. */
  static const int64_t shape[] = {2, 2, 1, 2, 2, 1, 2, 2};
  static const int weight[] = {3, 0, 0, 5, 1, 0, 4, 2};
  int64_t strides[8];
  for (int a = 0; a < 8; a++) strides[a] = (int64_t)8 << weight[a];
  double expected[64];
  for (unsigned i = 0; i < 64; i++)
    expected[i] = (double)((i >> 5 & 1) << 3 | (i >> 4 & 1) << 0 | (i >> 3 & 1) << 5 | (i >> 2 & 1) << 1 |
                           (i >> 1 & 1) << 4 | (i & 1) << 2);
  assert_strided(0, 8, shape, strides, expected, 64);
}
END_TEST

START_TEST(strides_that_are_no_multiple_of_the_element) {
  /* Records of 5 bytes: a single and a byte of something else. */
  unsigned char buffer[3 + 5 * 6];
  poison(buffer, sizeof buffer);
  for (int i = 0; i < 6; i++) store(buffer + 3 + 5 * i, KLDSEL_DTYPE_F32, 0, i - 3);
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view_strided(buffer, sizeof buffer - 1, 3, KLDSEL_DTYPE_F32, 2,
                                       (const int64_t[]){3, 2}, (const int64_t[]){10, 5}, 1U, 0, test_options,
                                       &tensor));
  double values[6];
  assert_ok(kldsel_tensor_values(tensor, values, 6));
  for (int i = 0; i < 6; i++) ck_assert_double_eq(values[i], i - 3);
  kldsel_tensor_free(tensor);
}
END_TEST

/* ---- inside the buffer ---- */

START_TEST(buffer_is_enough_to_the_byte) {
  static const int64_t shape[] = {2, 3};
  static const struct {
    int64_t strides[2];
    size_t behind, ahead; /* bytes needed in front of element [0, 0], and from it on */
  } cases[] = {
      {{12, 4}, 0, 24}, {{100, 4}, 0, 112}, {{-12, 4}, 12, 12}, {{12, -4}, 8, 16}, {{-12, -4}, 20, 4},
      {{0, 0}, 0, 4},   {{0, 7}, 0, 18},    {{3, 0}, 0, 7},     {{-5, 0}, 5, 4},
  };
  static const unsigned char buffer[256];
  for (size_t i = 0; i < COUNT(cases); i++)
    for (size_t spare = 0; spare < 3; spare++) {
      size_t offset = cases[i].behind + spare, bytes = offset + cases[i].ahead;
      kldsel_tensor *tensor = NULL;
      assert_ok(kldsel_tensor_view_strided(buffer, bytes, offset, KLDSEL_DTYPE_F32, 2, shape,
                                           cases[i].strides, 1U, 0, test_options, &tensor));
      kldsel_tensor_free(tensor);
      kldsel_tensor *untouched;
      poison(&untouched, sizeof untouched);
      ck_assert_int_eq(kldsel_tensor_view_strided(buffer, bytes - 1, offset, KLDSEL_DTYPE_F32, 2, shape,
                                                  cases[i].strides, 1U, 0, test_options, &untouched),
                       KLDSEL_ERROR_INVALID_ARGUMENT);
      if (cases[i].behind > 0)
        ck_assert_int_eq(kldsel_tensor_view_strided(buffer, sizeof buffer, cases[i].behind - 1,
                                                    KLDSEL_DTYPE_F32, 2, shape, cases[i].strides, 1U, 0,
                                                    test_options, &untouched),
                         KLDSEL_ERROR_INVALID_ARGUMENT);
      assert_poisoned(&untouched, sizeof untouched);
    }
}
END_TEST

#define STRIDED(bytes, offset, dtype, rank, shape, strides, filters, channels)                               \
  kldsel_tensor_view_strided(numbers, bytes, offset, dtype, rank, shape, strides, filters, channels,         \
                             test_options, &POISONED)

START_TEST(leaving_the_buffer_is_told) {
  static const int64_t shape[] = {2, 3};
  assert_no_handle(kldsel_tensor, STRIDED(47, 0, KLDSEL_DTYPE_F64, 2, shape, NULL, 1, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT,
                   "strides_bytes reach byte 48 from offset_bytes 0 in a buffer of 47");
  assert_no_handle(kldsel_tensor, STRIDED(48, 1, KLDSEL_DTYPE_F64, 2, shape, NULL, 1, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT,
                   "strides_bytes reach byte 48 from offset_bytes 1 in a buffer of 48");
  assert_no_handle(kldsel_tensor,
                   STRIDED(48, 23, KLDSEL_DTYPE_F64, 2, shape, ((const int64_t[]){-24, 8}), 1, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "strides_bytes reach 24 bytes back from offset_bytes 23");
  assert_no_handle(
      kldsel_tensor, STRIDED(48, 49, KLDSEL_DTYPE_F64, 2, shape, ((const int64_t[]){0, 0}), 1, 0),
      KLDSEL_ERROR_INVALID_ARGUMENT, "strides_bytes reach byte 8 from offset_bytes 49 in a buffer of 48");
}
END_TEST

START_TEST(unknown_length_is_not_checked) {
  count_up();
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view_strided(numbers, 0, 160, KLDSEL_DTYPE_F64, 2, (const int64_t[]){2, 2},
                                       (const int64_t[]){-80, 8}, 1U, 0, test_options, &tensor));
  double values[4];
  assert_ok(kldsel_tensor_values(tensor, values, 4));
  ck_assert_double_eq(values[0], 20);
  ck_assert_double_eq(values[3], 11);
  kldsel_tensor_free(tensor);
}
END_TEST

/* ---- sizes that overflow ---- */

START_TEST(sizes_beyond_memory) {
  if (sizeof(size_t) < 8) return; /* other axes are the first that are too long */
  static const struct {
    int32_t rank;
    int64_t shape[4];
    const char *message;
  } cases[] = {
      {2, {INT64_MAX, 1}, "shape[0] is 9223372036854775807: the tensor is larger than memory can be"},
      {2, {INT64_MAX, INT64_MAX}, "shape[1] is 9223372036854775807: the tensor is larger than memory can be"},
      {2, {2, INT64_MAX / 8}, "shape[0] is 2: the tensor is larger than memory can be"},
      {2, {1, INT64_MAX / 8 + 1}, "shape[1] is 1152921504606846976: the tensor is larger than memory can be"},
      {4, {65536, 65536, 65536, 65536}, "shape[0] is 65536: the tensor is larger than memory can be"},
      {4, {65536, 65536, 65536, 8192}, "shape[0] is 65536: the tensor is larger than memory can be"},
      {4,
       {3, 1LL << 31, 1LL << 31, 1LL << 31},
       "shape[2] is 2147483648: the tensor is larger than memory can be"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    assert_no_handle(
        kldsel_tensor,
        VIEW(numbers, sizeof numbers, KLDSEL_DTYPE_F64, cases[i].rank, cases[i].shape, KLDSEL_LAYOUT_OIHW),
        KLDSEL_ERROR_TOO_LARGE, cases[i].message);
    assert_no_handle(kldsel_tensor,
                     STRIDED(0, 0, KLDSEL_DTYPE_F64, cases[i].rank, cases[i].shape, NULL, 1, 0),
                     KLDSEL_ERROR_TOO_LARGE, cases[i].message);
    /* Strides of zero keep the reach small, but M * K must still be countable in bytes. */
    assert_no_handle(kldsel_tensor,
                     STRIDED(sizeof numbers, 0, KLDSEL_DTYPE_F64, cases[i].rank, cases[i].shape,
                             ((const int64_t[4]){0}), 1, 0),
                     KLDSEL_ERROR_TOO_LARGE, cases[i].message);
  }
}
END_TEST

START_TEST(strides_beyond_memory) {
  if (sizeof(size_t) < 8) return; /* other axes are the first that are too long */
  static const struct {
    int64_t shape[2], strides[2];
    const char *message;
  } cases[] = {
      {{2, 3},
       {INT64_MAX, 8},
       "strides_bytes[0] is 9223372036854775807, times shape[0] of 2 is more than memory can be"},
      {{2, 3},
       {8, INT64_MAX},
       "strides_bytes[1] is 9223372036854775807, times shape[1] of 3 is more than memory can be"},
      {{2, 3},
       {INT64_MIN, 8},
       "strides_bytes[0] is -9223372036854775808, times shape[0] of 2 is more than memory can be"},
      {{2, 3},
       {8, INT64_MIN},
       "strides_bytes[1] is -9223372036854775808, times shape[1] of 3 is more than memory can be"},
      {{1 << 20, 3},
       {1LL << 44, 8},
       "strides_bytes[0] is 17592186044416, times shape[0] of 1048576 is more than memory can be"},
      /* Each alone would do. */
      {{2, 2},
       {1LL << 62, 1LL << 62},
       "strides_bytes[1] is 4611686018427387904, times shape[1] of 2 is more than memory can be"},
      {{3, 3},
       {-(1LL << 61), -(1LL << 61)},
       "strides_bytes[1] is -2305843009213693952, times shape[1] of 3 is more than memory can be"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    assert_no_handle(kldsel_tensor,
                     STRIDED(sizeof numbers, 8, KLDSEL_DTYPE_F64, 2, cases[i].shape, cases[i].strides, 1, 0),
                     KLDSEL_ERROR_TOO_LARGE, cases[i].message);
    assert_no_handle(kldsel_tensor,
                     STRIDED(0, 8, KLDSEL_DTYPE_F64, 2, cases[i].shape, cases[i].strides, 1, 0),
                     KLDSEL_ERROR_TOO_LARGE, cases[i].message);
  }
}
END_TEST

/* The last byte that a pointer can reach from another; of a buffer of unknown length, as nothing is read. */
START_TEST(strides_to_the_end_of_memory) {
  static const int64_t shape[] = {2, 1}, strides[] = {PTRDIFF_MAX - 8, 8};
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view_strided(numbers, 0, 0, KLDSEL_DTYPE_F64, 2, shape, strides, 1, 0, test_options,
                                       &tensor));
  kldsel_tensor_free(tensor);
}
END_TEST

/* Where the buffer's length is unknown, addresses still end somewhere. */
START_TEST(addresses_beyond_memory) {
  static const int64_t shape[] = {2, 3};
  for (size_t bytes = 0; bytes <= 48; bytes += 48)
    assert_no_handle(kldsel_tensor, STRIDED(bytes, SIZE_MAX, KLDSEL_DTYPE_F64, 2, shape, NULL, 1, 0),
                     KLDSEL_ERROR_TOO_LARGE,
                     "offset_bytes is " SIZE_MAX_TEXT ", from where 48 bytes are more than memory can be");
  if (sizeof(size_t) < 8) return; /* other numbers */
  assert_no_handle(kldsel_tensor,
                   STRIDED(0, (size_t)PTRDIFF_MAX - 47, KLDSEL_DTYPE_F64, 2, shape, NULL, 1, 0),
                   KLDSEL_ERROR_TOO_LARGE,
                   "offset_bytes is 9223372036854775760, from where 48 bytes are more than memory can be");
}
END_TEST

/* ---- other bad arguments ---- */

START_TEST(view_refuses) {
  static const int64_t shape[] = {2, 3, 1, 1, 1, 1, 1, 1, 1}, empty[] = {2, 0}, negative[] = {-4, 3};
  size_t bytes = 48;
  assert_no_handle(kldsel_tensor, VIEW(NULL, bytes, KLDSEL_DTYPE_F64, 2, shape, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "data is NULL");
  assert_no_handle(kldsel_tensor, VIEW(numbers, bytes, 0, 2, shape, 0), KLDSEL_ERROR_INVALID_ARGUMENT,
                   "dtype is 0, which is none");
  assert_no_handle(kldsel_tensor, VIEW(numbers, bytes, 7, 2, shape, 0), KLDSEL_ERROR_INVALID_ARGUMENT,
                   "dtype is 7, which is none");
  assert_no_handle(kldsel_tensor, VIEW(numbers, bytes, -1, 2, shape, 0), KLDSEL_ERROR_INVALID_ARGUMENT,
                   "dtype is -1, which is none");
  assert_no_handle(kldsel_tensor, VIEW(numbers, bytes, KLDSEL_DTYPE_F64, 1, shape, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "rank is 1; must be 2 to 8");
  assert_no_handle(kldsel_tensor, VIEW(numbers, bytes, KLDSEL_DTYPE_F64, 9, shape, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "rank is 9; must be 2 to 8");
  assert_no_handle(kldsel_tensor, VIEW(numbers, bytes, KLDSEL_DTYPE_F64, -2, shape, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "rank is -2; must be 2 to 8");
  assert_no_handle(kldsel_tensor, VIEW(numbers, bytes, KLDSEL_DTYPE_F64, 2, NULL, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "shape is NULL");
  assert_no_handle(kldsel_tensor, VIEW(numbers, 0, KLDSEL_DTYPE_F64, 2, empty, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "shape[1] is 0; must be > 0");
  assert_no_handle(kldsel_tensor, VIEW(numbers, bytes, KLDSEL_DTYPE_F64, 2, negative, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "shape[0] is -4; must be > 0");
  assert_no_handle(kldsel_tensor, VIEW(numbers, bytes, KLDSEL_DTYPE_F64, 2, shape, 9),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "layout is 9, which is none");
  assert_no_handle(kldsel_tensor, VIEW(numbers, bytes, KLDSEL_DTYPE_F64, 2, shape, KLDSEL_LAYOUT_HWIM),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "rank is 2; layout HWIM needs 3 or more");
  assert_no_handle(kldsel_tensor, VIEW(numbers, bytes, KLDSEL_DTYPE_F64, 3, shape, KLDSEL_LAYOUT_IO),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "rank is 3; a dense layout needs 2");
  assert_no_handle(kldsel_tensor, VIEW(numbers, 47, KLDSEL_DTYPE_F64, 2, shape, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "data_bytes is 47; dtype and shape say 48");
  assert_no_handle(kldsel_tensor, VIEW(numbers, 49, KLDSEL_DTYPE_F64, 2, shape, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "data_bytes is 49; dtype and shape say 48");
  assert_no_handle(kldsel_tensor, VIEW(numbers, 0, KLDSEL_DTYPE_F64, 2, shape, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "data_bytes is 0; dtype and shape say 48");
  assert_error(kldsel_tensor_view(numbers, bytes, KLDSEL_DTYPE_F64, 2, shape, 0, test_options, NULL),
               KLDSEL_ERROR_INVALID_ARGUMENT, "tensor is NULL");
}
END_TEST

START_TEST(strided_view_refuses) {
  static const int64_t shape[] = {2, 3, 1, 1, 1, 1, 1, 1, 1}, empty[] = {0, 3};
  size_t bytes = sizeof numbers;
  assert_no_handle(kldsel_tensor,
                   kldsel_tensor_view_strided(NULL, bytes, 0, KLDSEL_DTYPE_F64, 2, shape, NULL, 1, 0,
                                              test_options, &POISONED),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "buffer is NULL");
  assert_no_handle(kldsel_tensor, STRIDED(bytes, 0, 0, 2, shape, NULL, 1, 0), KLDSEL_ERROR_INVALID_ARGUMENT,
                   "dtype is 0, which is none");
  assert_no_handle(kldsel_tensor, STRIDED(bytes, 0, INT32_MAX, 2, shape, NULL, 1, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "dtype is 2147483647, which is none");
  assert_no_handle(kldsel_tensor, STRIDED(bytes, 0, KLDSEL_DTYPE_F64, 0, shape, NULL, 1, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "rank is 0; must be 1 to 8");
  assert_no_handle(kldsel_tensor, STRIDED(bytes, 0, KLDSEL_DTYPE_F64, 9, shape, NULL, 1, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "rank is 9; must be 1 to 8");
  assert_no_handle(kldsel_tensor, STRIDED(bytes, 0, KLDSEL_DTYPE_F64, 2, NULL, NULL, 1, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "shape is NULL");
  assert_no_handle(kldsel_tensor, STRIDED(bytes, 0, KLDSEL_DTYPE_F64, 2, empty, NULL, 1, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "shape[0] is 0; must be > 0");
  assert_no_handle(kldsel_tensor, STRIDED(bytes, 0, KLDSEL_DTYPE_F64, 2, shape, NULL, 0, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "filter_axes is 0: no axis indexes filters");
  assert_no_handle(kldsel_tensor, STRIDED(bytes, 0, KLDSEL_DTYPE_F64, 2, shape, NULL, 3, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "filter_axes is 0x3: every axis indexes filters");
  assert_no_handle(kldsel_tensor, STRIDED(bytes, 0, KLDSEL_DTYPE_F64, 1, shape, NULL, 1, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "filter_axes is 0x1: every axis indexes filters");
  assert_no_handle(kldsel_tensor, STRIDED(bytes, 0, KLDSEL_DTYPE_F64, 2, shape, NULL, 5, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "filter_axes is 0x5, which names axes beyond rank 2");
  assert_no_handle(kldsel_tensor, STRIDED(bytes, 0, KLDSEL_DTYPE_F64, 8, shape, NULL, 0x101, 0),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "filter_axes is 0x101, which names axes beyond rank 8");
  assert_no_handle(kldsel_tensor, STRIDED(bytes, 0, KLDSEL_DTYPE_F64, 2, shape, NULL, 1, 0x80000000U),
                   KLDSEL_ERROR_INVALID_ARGUMENT,
                   "channel_axes is 0x80000000, which names axes beyond rank 2");
  assert_no_handle(kldsel_tensor, STRIDED(bytes, 0, KLDSEL_DTYPE_F64, 2, shape, NULL, 1, 1),
                   KLDSEL_ERROR_INVALID_ARGUMENT,
                   "channel_axes is 0x1, which shares an axis with filter_axes 0x1");
  assert_error(kldsel_tensor_view_strided(numbers, bytes, 0, KLDSEL_DTYPE_F64, 2, shape, NULL, 1, 0,
                                          test_options, NULL),
               KLDSEL_ERROR_INVALID_ARGUMENT, "tensor is NULL");
}
END_TEST

START_TEST(values_refuse) {
  count_up();
  kldsel_tensor *tensor = matrix_view(numbers, 2, 3);
  double values[8];
  poison(values, sizeof values);
  assert_error(kldsel_tensor_values(NULL, values, 6), KLDSEL_ERROR_INVALID_ARGUMENT, "tensor is NULL");
  assert_error(kldsel_tensor_values(tensor, NULL, 6), KLDSEL_ERROR_INVALID_ARGUMENT, "values is NULL");
  assert_error(kldsel_tensor_values(tensor, values, 5), KLDSEL_ERROR_MISMATCH,
               "count is 5; the tensor has 6 values");
  assert_error(kldsel_tensor_values(tensor, values, 7), KLDSEL_ERROR_MISMATCH,
               "count is 7; the tensor has 6 values");
  assert_error(kldsel_tensor_values(tensor, values, 0), KLDSEL_ERROR_MISMATCH,
               "count is 0; the tensor has 6 values");
  assert_error(kldsel_tensor_values(tensor, values, SIZE_MAX), KLDSEL_ERROR_MISMATCH,
               "count is " SIZE_MAX_TEXT "; the tensor has 6 values");
  assert_poisoned(values, sizeof values);
  assert_ok(kldsel_tensor_values(tensor, values, 6));
  assert_poisoned(values + 6, 2 * sizeof *values);
  kldsel_tensor_free(tensor);
}
END_TEST

START_TEST(null_is_empty) {
  ck_assert_int_eq(kldsel_tensor_filters(NULL), 0);
  ck_assert_int_eq(kldsel_tensor_elements(NULL), 0);
  kldsel_tensor_free(NULL);
}
END_TEST

/* Without options everything works by malloc and free. */
START_TEST(default_options) {
  const uint8_t bytes[] = {1, 2, 3, 4};
  kldsel_tensor *tensor = NULL, *quantized = NULL, *copy = NULL;
  assert_ok(kldsel_tensor_view(bytes, 4, KLDSEL_DTYPE_U8, 2, (const int64_t[]){2, 2}, 0, NULL, &tensor));
  assert_ok(kldsel_tensor_quantized(tensor, (const double[]){2}, NULL, 1, NULL, &quantized));
  assert_ok(kldsel_tensor_copy(quantized, NULL, &copy));
  double values[4];
  assert_ok(kldsel_tensor_values(copy, values, 4));
  for (int i = 0; i < 4; i++) ck_assert_double_eq(values[i], 2 * (i + 1));
  kldsel_tensor_free(tensor);
  kldsel_tensor_free(quantized);
  kldsel_tensor_free(copy);
}
END_TEST

/* ---- copies ---- */

START_TEST(a_view_follows_its_buffer_and_a_copy_does_not) {
  for (int32_t dtype = KLDSEL_DTYPE_F64; dtype <= KLDSEL_DTYPE_I8; dtype++) {
    /* On the heap, so that a copy that still looks at it is caught by the sanitizers. */
    size_t bytes = 6 * dtype_bytes(dtype);
    unsigned char *buffer = malloc(bytes);
    ck_assert_ptr_nonnull(buffer);
    for (size_t i = 0; i < 6; i++) store(buffer, dtype, i, (int)i);
    int64_t step = (int64_t)dtype_bytes(dtype);
    kldsel_tensor *tensor = NULL, *copy = NULL;
    /* Transposed and backwards: 5 2 4 1 3 0. */
    assert_ok(kldsel_tensor_view_strided(buffer, bytes, bytes - (size_t)step, dtype, 2,
                                         (const int64_t[]){3, 2}, (const int64_t[]){-step, -3 * step}, 2U, 0,
                                         test_options, &tensor));
    assert_ok(kldsel_tensor_copy(tensor, test_options, &copy));
    store(buffer, dtype, 5, 7);
    double values[6];
    assert_ok(kldsel_tensor_values(tensor, values, 6));
    ck_assert_double_eq(values[0], 7);
    kldsel_tensor_free(tensor);
    free(buffer);
    static const double expected[] = {5, 2, 4, 1, 3, 0};
    assert_ok(kldsel_tensor_values(copy, values, 6));
    for (int i = 0; i < 6; i++) ck_assert_double_eq(values[i], expected[i]);
    ck_assert_int_eq(kldsel_tensor_filters(copy), 2);
    ck_assert_int_eq(kldsel_tensor_elements(copy), 3);
    kldsel_tensor_free(copy);
  }
}
END_TEST

/* As many axes as there may be, which lie in memory last to first: the walk ends with the last of them. */
START_TEST(a_copy_of_eight_axes) {
  static const int64_t shape[KLDSEL_MAX_RANK] = {2, 1, 3, 1, 2, 2, 1, 2};
  uint8_t bytes[48];
  int64_t strides[KLDSEL_MAX_RANK], next = 1;
  for (size_t i = 0; i < COUNT(bytes); i++) bytes[i] = (uint8_t)i;
  for (size_t a = 0; a < KLDSEL_MAX_RANK; a++) {
    strides[a] = next;
    next *= shape[a];
  }
  ck_assert_int_eq(next, COUNT(bytes));
  kldsel_tensor *tensor = NULL, *copy = NULL;
  assert_ok(kldsel_tensor_view_strided(bytes, sizeof bytes, 0, KLDSEL_DTYPE_U8, KLDSEL_MAX_RANK, shape,
                                       strides, 1U, 0, test_options, &tensor));
  assert_ok(kldsel_tensor_copy(tensor, test_options, &copy));
  double values[48];
  assert_ok(kldsel_tensor_values(copy, values, 48));
  for (int64_t i = 0; i < 48; i++) {
    int64_t rest = i, offset = 0;
    for (size_t a = KLDSEL_MAX_RANK; a-- > 0; rest /= shape[a]) offset += rest % shape[a] * strides[a];
    ck_assert_double_eq(values[i], (double)offset);
  }
  kldsel_tensor_free(tensor);
  kldsel_tensor_free(copy);
}
END_TEST

START_TEST(a_copy_keeps_channels_and_scales) {
  const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
  const double scales[] = {1, 100};
  kldsel_tensor *tensor = NULL, *quantized = NULL, *copy = NULL;
  /* HWIO, so filters are columns. */
  assert_ok(kldsel_tensor_view(bytes, 8, KLDSEL_DTYPE_U8, 3, (const int64_t[]){2, 2, 2}, KLDSEL_LAYOUT_HWIO,
                               test_options, &tensor));
  assert_ok(kldsel_tensor_quantized(tensor, scales, NULL, 2, test_options, &quantized));
  assert_ok(kldsel_tensor_copy(quantized, test_options, &copy));
  kldsel_tensor_free(tensor);
  kldsel_tensor_free(quantized);
  kldsel_tensor *matrix = NULL;
  assert_ok(kldsel_filter_matrix(copy, test_options, &matrix));
  double values[8];
  assert_ok(kldsel_tensor_values(matrix, values, 8));
  /* Per filter: channel 0 at both places, then channel 1. */
  static const double expected[] = {1, 5, 3, 7, 200, 600, 400, 800};
  for (int i = 0; i < 8; i++) ck_assert_double_eq(values[i], expected[i]);
  kldsel_tensor_free(matrix);
  /* Still of its bytes' dtype: it can be quantised anew. */
  assert_ok(kldsel_tensor_quantized(copy, (const double[]){2}, NULL, 1, test_options, &quantized));
  assert_ok(kldsel_tensor_values(quantized, values, 8));
  ck_assert_double_eq(values[7], 16);
  kldsel_tensor_free(quantized);
  kldsel_tensor_free(copy);
}
END_TEST

START_TEST(copy_passes_on_what_is_not_finite) {
  const double weights[] = {1, (double)NAN, HUGE_VAL, -HUGE_VAL};
  kldsel_tensor *tensor = matrix_view(weights, 2, 2), *copy = NULL;
  assert_ok(kldsel_tensor_copy(tensor, test_options, &copy));
  double values[4];
  assert_ok(kldsel_tensor_values(copy, values, 4));
  ck_assert_double_nan(values[1]);
  ck_assert_double_eq(values[2], HUGE_VAL);
  ck_assert_double_eq(values[3], -HUGE_VAL);
  kldsel_tensor_free(copy);
  kldsel_tensor_free(tensor);
}
END_TEST

START_TEST(copy_refuses) {
  count_up();
  kldsel_tensor *tensor = matrix_view(numbers, 2, 3);
  assert_no_handle(kldsel_tensor, kldsel_tensor_copy(NULL, test_options, &POISONED),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "tensor is NULL");
  assert_error(kldsel_tensor_copy(tensor, test_options, NULL), KLDSEL_ERROR_INVALID_ARGUMENT, "copy is NULL");
  kldsel_tensor_free(tensor);
  /* A gigabyte seen through one byte: more than this allocator gives. */
  test_memory.limit = 1 << 20;
  assert_ok(kldsel_tensor_view_strided(numbers, 8, 0, KLDSEL_DTYPE_U8, 2, (const int64_t[]){1 << 15, 1 << 15},
                                       (const int64_t[]){0, 0}, 1U, 0, test_options, &tensor));
  assert_no_handle(kldsel_tensor, kldsel_tensor_copy(tensor, test_options, &POISONED),
                   KLDSEL_ERROR_OUT_OF_MEMORY, "copy: no memory for 1073741824 bytes");
  kldsel_tensor_free(tensor);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("tensor");
  TCase *tests = add_case(suite, "strides");
  tcase_add_test(tests, strides_of_every_kind);
  tcase_add_test(tests, eight_axes_in_any_order);
  tcase_add_test(tests, strides_that_are_no_multiple_of_the_element);
  tests = add_case(suite, "buffer");
  tcase_add_test(tests, buffer_is_enough_to_the_byte);
  tcase_add_test(tests, leaving_the_buffer_is_told);
  tcase_add_test(tests, unknown_length_is_not_checked);
  tcase_add_test(tests, sizes_beyond_memory);
  tcase_add_test(tests, strides_beyond_memory);
  tcase_add_test(tests, strides_to_the_end_of_memory);
  tcase_add_test(tests, addresses_beyond_memory);
  tests = add_case(suite, "arguments");
  tcase_add_test(tests, view_refuses);
  tcase_add_test(tests, strided_view_refuses);
  tcase_add_test(tests, values_refuse);
  tcase_add_test(tests, null_is_empty);
  tcase_add_test(tests, default_options);
  tests = add_case(suite, "copies");
  tcase_add_test(tests, a_view_follows_its_buffer_and_a_copy_does_not);
  tcase_add_test(tests, a_copy_of_eight_axes);
  tcase_add_test(tests, a_copy_keeps_channels_and_scales);
  tcase_add_test(tests, copy_passes_on_what_is_not_finite);
  tcase_add_test(tests, copy_refuses);
  return suite;
}
