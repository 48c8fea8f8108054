/* SPDX-License-Identifier: BSD-3-Clause */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

/* What goes through BLAS is promised to 1e-12; the few terms of these cases stay far below. */
static const double TOLERANCE = 1e-14;

static void assert_cosines(const kldsel_tensor *x, const kldsel_tensor *y, const double *expected) {
  int64_t rows = kldsel_tensor_filters(x), columns = kldsel_tensor_filters(y ? y : x);
  double matrix[65];
  size_t count = (size_t)(rows * columns);
  poison(matrix, sizeof matrix);
  assert_ok(kldsel_pairwise_cosine(x, y, 0, rows, test_options, matrix, count));
  for (size_t i = 0; i < count; i++)
    ck_assert_msg(fabs(matrix[i] - expected[i]) <= TOLERANCE, "C[%zu]: got %.17g, expected %.17g", i,
                  matrix[i], expected[i]);
  assert_poisoned(matrix + count, sizeof matrix - count * sizeof *matrix);
}

START_TEST(one_operand_by_hand) {
  const double weights[] = {3, 4, 4, 3, 0, 0, -3, -4, -4, 3};
  kldsel_tensor *x = matrix_view(weights, 5, 2);
  static const double expected[] = {1, 0.96, 0,  -1,    0, 0.96, 1, 0, -0.96, -0.28, 0, 0, 0,
                                    0, 0,    -1, -0.96, 0, 1,    0, 0, -0.28, 0,     0, 1};
  assert_cosines(x, NULL, expected);
  assert_cosines(x, x, expected);
  kldsel_tensor_free(x);
}
END_TEST

START_TEST(two_operands_by_hand) {
  const double x_weights[] = {1, 0, 0, 0, 1, 0}, y_weights[] = {1, 2, 2, 0, 0, -5, 0, -1, 0, 2, 3, 6};
  kldsel_tensor *x = matrix_view(x_weights, 2, 3), *y = matrix_view(y_weights, 4, 3);
  assert_cosines(x, y, (const double[]){1 / 3.0, 0, 0, 2 / 7.0, 2 / 3.0, 0, -1, 3 / 7.0});
  assert_cosines(y, x, (const double[]){1 / 3.0, 2 / 3.0, 0, 0, 0, -1, 2 / 7.0, 3 / 7.0});
  kldsel_tensor_free(x);
  kldsel_tensor_free(y);
}
END_TEST

/* Products of long rows are summed in runs, each of which goes on from the one before. The sums that are
 * expected are of whole numbers, and exact. */
START_TEST(long_rows) {
  enum {
    ROWS = 7,
    ELEMENTS = 1100
  };
  static double weights[ROWS][ELEMENTS];
  for (int r = 0; r < ROWS; r++)
    for (int k = 0; k < ELEMENTS; k++) weights[r][k] = k * k * (r + 2) % 11 - 4;
  double products[ROWS][ROWS] = {{0}}, expected[ROWS * ROWS];
  for (int i = 0; i < ROWS; i++)
    for (int j = 0; j < ROWS; j++)
      for (int k = 0; k < ELEMENTS; k++) products[i][j] += weights[i][k] * weights[j][k];
  for (int i = 0; i < ROWS; i++)
    for (int j = 0; j < ROWS; j++)
      expected[i * ROWS + j] = products[i][j] / sqrt(products[i][i] * products[j][j]);
  kldsel_tensor *x = matrix_view(weights[0], ROWS, ELEMENTS);
  for (int two = 0; two < 2; two++) {
    double matrix[ROWS * ROWS];
    assert_ok(kldsel_pairwise_cosine(x, two ? x : NULL, 0, ROWS, test_options, matrix, COUNT(matrix)));
    for (size_t i = 0; i < COUNT(matrix); i++) ck_assert_double_le(fabs(matrix[i] - expected[i]), 1e-12);
  }
  kldsel_tensor_free(x);
}
END_TEST

START_TEST(rows_of_one_element_and_one_row) {
  const double weights[] = {-2, 5, 0};
  kldsel_tensor *x = matrix_view(weights, 3, 1), *one = matrix_view(weights, 1, 3);
  assert_cosines(x, NULL, (const double[]){1, -1, 0, -1, 1, 0, 0, 0, 0});
  assert_cosines(one, NULL, (const double[]){1});
  kldsel_tensor_free(x);
  kldsel_tensor_free(one);
}
END_TEST

/* Squares of these overflow or vanish. The rows are (3, 4) and (4, 3) at each pair of scales. */
START_TEST(any_magnitude) {
  static const double scales[] = {1, 0x1p1021, 0x1p-1022, 0x1p-1074, 1e200, 1e-200};
  for (size_t a = 0; a < COUNT(scales); a++)
    for (size_t b = 0; b < COUNT(scales); b++) {
      const double weights[] = {3 * scales[a], 4 * scales[a], 4 * scales[b], 3 * scales[b]};
      kldsel_tensor *x = matrix_view(weights, 2, 2);
      assert_cosines(x, NULL, (const double[]){1, 0.96, 0.96, 1});
      kldsel_tensor_free(x);
    }
  /* Mixed within a row: next to the largest the others vanish. */
  const double mixed[] = {DBL_MAX, DBL_TRUE_MIN, DBL_TRUE_MIN, DBL_MAX, DBL_MAX, DBL_MAX};
  kldsel_tensor *x = matrix_view(mixed, 3, 2);
  const double half = sqrt(0.5);
  assert_cosines(x, NULL, (const double[]){1, 0, half, 0, 1, half, half, half, 1});
  kldsel_tensor_free(x);
}
END_TEST

START_TEST(never_beyond_one) {
  enum {
    ROWS = 8,
    COLUMNS = 37
  };
  double weights[ROWS * COLUMNS], matrix[ROWS * ROWS];
  /* Multiples 1, -2, 3, -4, ... of one row. */
  for (int row = 0; row < ROWS; row++)
    for (int k = 0; k < COLUMNS; k++)
      weights[row * COLUMNS + k] = (row % 2 ? -1 : 1) * (1 + row) * (0.1 + sin(k));
  kldsel_tensor *x = matrix_view(weights, ROWS, COLUMNS);
  assert_ok(kldsel_pairwise_cosine(x, NULL, 0, ROWS, test_options, matrix, ROWS * ROWS));
  for (int i = 0; i < ROWS * ROWS; i++) {
    ck_assert_double_le(fabs(matrix[i]), 1);
    ck_assert_double_ge(fabs(matrix[i]), 1 - 1e-12);
  }
  kldsel_tensor_free(x);
}
END_TEST

/* Two channels of two weights. Filter 0 is (3, 4 | 1, 0), filter 1 is (4, 3 | 0, 0): by channel 0.96 and 0.
 */
START_TEST(by_kernel) {
  const double weights[] = {3, 4, 1, 0, 4, 3, 0, 0, -3, -4, 2, 0};
  kldsel_tensor *x = view(weights, 3, (const int64_t[]){3, 2, 2});
  set_int(KLDSEL_OPTION_GRANULARITY, KLDSEL_GRANULARITY_KERNEL);
  assert_cosines(x, NULL, (const double[]){1, 0.48, 0, 0.48, 0.5, -0.48, 0, -0.48, 1});
  assert_cosines(x, x, (const double[]){1, 0.48, 0, 0.48, 0.5, -0.48, 0, -0.48, 1});
  /* Without channel axes the slice is the whole filter: <f0, f1> = 24 over sqrt(26) * 5. */
  kldsel_tensor *whole = NULL;
  assert_ok(kldsel_tensor_view_strided(weights, sizeof weights, 0, KLDSEL_DTYPE_F64, 3,
                                       (const int64_t[]){3, 2, 2}, NULL, 1U, 0, test_options, &whole));
  double matrix[3];
  assert_ok(kldsel_pairwise_cosine(whole, NULL, 0, 1, test_options, matrix, 3));
  ck_assert_double_le(fabs(matrix[1] - 24 / (5 * sqrt(26))), TOLERANCE);
  kldsel_tensor_free(whole);
  kldsel_tensor_free(x);
}
END_TEST

/* Every range of rows gives those rows; the count of threads and of tiles is its own affair. */
START_TEST(streamed_equals_whole) {
  enum {
    ROWS = 7,
    COLUMNS = 5
  };
  double x_weights[ROWS * COLUMNS], y_weights[4 * COLUMNS], whole[ROWS * ROWS], part[ROWS * ROWS + 1];
  for (int i = 0; i < ROWS * COLUMNS; i++) x_weights[i] = sin(i * i + 1.0);
  for (int i = 0; i < 4 * COLUMNS; i++) y_weights[i] = cos(3.0 * i);
  kldsel_tensor *x = matrix_view(x_weights, ROWS, COLUMNS), *other = matrix_view(y_weights, 4, COLUMNS);
  kldsel_tensor *const operands[] = {NULL, other};
  for (size_t o = 0; o < COUNT(operands); o++) {
    const kldsel_tensor *y = operands[o];
    int64_t width = y ? 4 : ROWS;
    assert_ok(kldsel_pairwise_cosine(x, y, 0, ROWS, test_options, whole, (size_t)(ROWS * width)));
    for (int64_t first = 0; first < ROWS; first++)
      for (int64_t rows = 1; rows <= ROWS - first; rows++) {
        size_t count = (size_t)(rows * width);
        poison(part, sizeof part);
        assert_ok(kldsel_pairwise_cosine(x, y, first, rows, test_options, part, count));
        for (size_t i = 0; i < count; i++)
          ck_assert_double_le(fabs(part[i] - whole[(size_t)(first * width) + i]), 1e-12);
        assert_poisoned(part + count, sizeof *part);
      }
  }
  kldsel_tensor_free(x);
  kldsel_tensor_free(other);
}
END_TEST

/* More values than the library multiplies at a time: rows at angles a, columns at angles b, so C = cos(a -
 * b). */
START_TEST(many_rows_and_columns) {
  enum {
    ROWS = 700,
    COLUMNS = 800
  };
  static double x_weights[ROWS][2], y_weights[COLUMNS][2], matrix[ROWS * COLUMNS];
  for (int i = 0; i < ROWS; i++) {
    x_weights[i][0] = (1 + i) * cos(i);
    x_weights[i][1] = (1 + i) * sin(i);
  }
  for (int j = 0; j < COLUMNS; j++) {
    y_weights[j][0] = cos(0.7 * j);
    y_weights[j][1] = sin(0.7 * j);
  }
  kldsel_tensor *x = matrix_view(x_weights[0], ROWS, 2), *y = matrix_view(y_weights[0], COLUMNS, 2);
  assert_ok(kldsel_pairwise_cosine(x, y, 0, ROWS, test_options, matrix, COUNT(matrix)));
  for (int i = 0; i < ROWS; i++)
    for (int j = 0; j < COLUMNS; j++)
      /* An angle of up to 1000 is rounded by 1e-13 before its cosine is taken. */
      if (fabs(matrix[i * COLUMNS + j] - cos(i - 0.7 * j)) > 1e-12)
        ck_abort_msg("C[%d][%d] is %.17g", i, j, matrix[i * COLUMNS + j]);
  kldsel_tensor_free(x);
  kldsel_tensor_free(y);
}
END_TEST

START_TEST(operands_of_different_dtype_and_layout) {
  const float x_weights[] = {3, 4};
  const uint8_t y_weights[] = {128 + 4, 128 - 3, 128 + 3, 128 + 4};
  kldsel_tensor *x = NULL, *bytes = NULL, *y = NULL;
  assert_ok(kldsel_tensor_view(x_weights, sizeof x_weights, KLDSEL_DTYPE_F32, 2, (const int64_t[]){1, 2},
                               KLDSEL_LAYOUT_OI, test_options, &x));
  /* Columns are filters: (4, 3) and (-3, 4). */
  assert_ok(kldsel_tensor_view(y_weights, sizeof y_weights, KLDSEL_DTYPE_U8, 2, (const int64_t[]){2, 2},
                               KLDSEL_LAYOUT_IO, test_options, &bytes));
  assert_ok(kldsel_tensor_quantized(bytes, (const double[]){0.01, 7}, (const double[]){128, 128}, 2,
                                    test_options, &y));
  assert_cosines(x, y, (const double[]){0.96, 0.28});
  kldsel_tensor_free(x);
  kldsel_tensor_free(y);
  kldsel_tensor_free(bytes);
}
END_TEST

/* ---- bad arguments ---- */

#define REFUSED(status, message, ...)                                                                        \
  do {                                                                                                       \
    assert_error(kldsel_pairwise_cosine(__VA_ARGS__), status, message);                                      \
    assert_poisoned(matrix, sizeof matrix);                                                                  \
  } while (0)

START_TEST(cosine_refuses) {
  const double weights[] = {1, 2, 3, 4, 5, 6};
  double matrix[9];
  poison(matrix, sizeof matrix);
  kldsel_tensor *x = matrix_view(weights, 3, 2), *wide = matrix_view(weights, 2, 3);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "x is NULL", NULL, x, 0, 3, test_options, matrix, 9);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "matrix is NULL", x, NULL, 0, 3, test_options, NULL, 9);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "first_row is -1; must be 0 to 2", x, NULL, -1, 3, test_options,
          matrix, 9);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "first_row is 3; must be 0 to 2", x, NULL, 3, 1, test_options,
          matrix, 3);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "rows is 0; must be 1 to 3", x, NULL, 0, 0, test_options, matrix, 0);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "rows is -1; must be 1 to 3", x, NULL, 0, -1, test_options, matrix,
          9);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "rows is 4; must be 1 to 3", x, NULL, 0, 4, test_options, matrix,
          12);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "rows is 2; must be 1 to 1", x, NULL, 2, 2, test_options, matrix, 6);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "rows is 9223372036854775807; must be 1 to 1", x, NULL, 2, INT64_MAX,
          test_options, matrix, 9);
  REFUSED(KLDSEL_ERROR_INVALID_ARGUMENT, "first_row is 9223372036854775807; must be 0 to 2", x, NULL,
          INT64_MAX, INT64_MAX, test_options, matrix, 9);
  REFUSED(KLDSEL_ERROR_MISMATCH, "count is 8; 3 rows of 3 need 9", x, NULL, 0, 3, test_options, matrix, 8);
  REFUSED(KLDSEL_ERROR_MISMATCH, "count is 10; 3 rows of 3 need 9", x, NULL, 0, 3, test_options, matrix, 10);
  REFUSED(KLDSEL_ERROR_MISMATCH, "y has filters of 3 elements, x of 2", x, wide, 0, 3, test_options, matrix,
          6);
  kldsel_tensor_free(x);
  kldsel_tensor_free(wide);
}
END_TEST

START_TEST(levels_beyond_the_machine_are_refused) {
  const double weights[] = {3, 4, 4, 3};
  kldsel_tensor *x = matrix_view(weights, 2, 2);
  double matrix[4];
  for (int32_t level = KLDSEL_CPU_LEVEL_BASELINE; level <= KLDSEL_CPU_LEVEL_AVX512; level++) {
    poison(matrix, sizeof matrix);
    set_int(KLDSEL_OPTION_CPU_LEVEL, level);
    if (level <= kldsel_cpu_level()) {
      assert_ok(kldsel_pairwise_cosine(x, NULL, 0, 2, test_options, matrix, 4));
      ck_assert_double_le(fabs(matrix[1] - 0.96), 1e-15);
      continue;
    }
    char message[64];
    snprintf(message, sizeof message, "CPU_LEVEL is %d; the highest here is %d (%s)", level,
             kldsel_cpu_level(), cpu_level_name(kldsel_cpu_level()));
    REFUSED(KLDSEL_ERROR_UNSUPPORTED, message, x, NULL, 0, 2, test_options, matrix, 4);
  }
  kldsel_tensor_free(x);
}
END_TEST

START_TEST(channels_must_agree_by_kernel) {
  const double weights[] = {1, 2, 3, 4, 5, 6, 7, 8};
  double matrix[4];
  poison(matrix, sizeof matrix);
  kldsel_tensor *x = view(weights, 3, (const int64_t[]){2, 2, 2}),
                *y = view(weights, 3, (const int64_t[]){2, 4, 1});
  set_int(KLDSEL_OPTION_GRANULARITY, KLDSEL_GRANULARITY_KERNEL);
  REFUSED(KLDSEL_ERROR_MISMATCH, "y has filters of 4 channels, x of 2", x, y, 0, 2, test_options, matrix, 4);
  set_int(KLDSEL_OPTION_GRANULARITY, KLDSEL_GRANULARITY_FILTER);
  assert_ok(kldsel_pairwise_cosine(x, y, 0, 2, test_options, matrix, 4));
  kldsel_tensor_free(x);
  kldsel_tensor_free(y);
}
END_TEST

/* Also in rows that were not asked for: what a weight is does not hang on the range. */
START_TEST(not_finite_is_named) {
  static const char *const x_messages[] = {"x: weight at [0, 0] is nan", "x: weight at [0, 1] is nan",
                                           "x: weight at [1, 0] is nan", "x: weight at [1, 1] is nan"};
  static const char *const y_messages[] = {"y: weight at [0, 0] is -inf", "y: weight at [0, 1] is -inf",
                                           "y: weight at [1, 0] is -inf", "y: weight at [1, 1] is -inf"};
  const double good[] = {1, 2, 3, 4};
  double matrix[4];
  poison(matrix, sizeof matrix);
  kldsel_tensor *fine = matrix_view(good, 2, 2);
  for (size_t i = 0; i < 4; i++) {
    double weights[] = {1, 2, 3, 4};
    kldsel_tensor *bad = matrix_view(weights, 2, 2);
    weights[i] = nan("");
    REFUSED(KLDSEL_ERROR_NOT_FINITE, x_messages[i], bad, fine, 0, 1, test_options, matrix, 2);
    REFUSED(KLDSEL_ERROR_NOT_FINITE, x_messages[i], bad, NULL, 1, 1, test_options, matrix, 2);
    weights[i] = -HUGE_VAL;
    REFUSED(KLDSEL_ERROR_NOT_FINITE, y_messages[i], fine, bad, 0, 1, test_options, matrix, 2);
    kldsel_tensor_free(bad);
  }
  kldsel_tensor_free(fine);
}
END_TEST

START_TEST(cosine_beyond_memory) {
  if (sizeof(size_t) < 8) return; /* no tensor is that large */
  const uint8_t one = 1;
  kldsel_tensor *x = NULL;
  double matrix[1];
  poison(matrix, sizeof matrix);
  assert_ok(kldsel_tensor_view_strided(&one, 1, 0, KLDSEL_DTYPE_U8, 2, (const int64_t[]){1, 1LL << 61},
                                       (const int64_t[]){0, 0}, 1U, 0, test_options, &x));
  char build[256];
  kldsel_build_info(build, sizeof build);
  int64_t level = 0;
  assert_ok(kldsel_options_get_int(test_options, KLDSEL_OPTION_CPU_LEVEL, &level));
  bool by_blas = level == KLDSEL_CPU_LEVEL_BASELINE && strstr(build, "OpenBLAS");
  REFUSED(KLDSEL_ERROR_TOO_LARGE,
          by_blas ? "a matrix extent of 2305843009213693952 is more than the BLAS can take"
                  : "x: 2305843009213693952 elements of 8 bytes are more than can be addressed",
          x, NULL, 0, 1, test_options, matrix, 1);
  kldsel_tensor_free(x);
  /* The matrix has more values than can be counted. */
  static const int64_t many[] = {1LL << 40, 1};
  assert_ok(kldsel_tensor_view_strided(&one, 1, 0, KLDSEL_DTYPE_U8, 2, many, (const int64_t[]){0, 0}, 1U, 0,
                                       test_options, &x));
  REFUSED(KLDSEL_ERROR_TOO_LARGE, "rows is 1099511627776, times 1099511627776 filters overflows", x, NULL, 0,
          1LL << 40, test_options, matrix, 1);
  kldsel_tensor_free(x);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("cosine");
  TCase *tests = add_case(suite, "values");
  tcase_add_test(tests, one_operand_by_hand);
  tcase_add_test(tests, two_operands_by_hand);
  tcase_add_test(tests, long_rows);
  tcase_add_test(tests, rows_of_one_element_and_one_row);
  tcase_add_test(tests, any_magnitude);
  tcase_add_test(tests, never_beyond_one);
  tcase_add_test(tests, by_kernel);
  tcase_add_test(tests, streamed_equals_whole);
  tcase_add_test(tests, many_rows_and_columns);
  tcase_add_test(tests, operands_of_different_dtype_and_layout);
  tests = add_case(suite, "arguments");
  tcase_add_test(tests, cosine_refuses);
  tcase_add_test(tests, levels_beyond_the_machine_are_refused);
  tcase_add_test(tests, channels_must_agree_by_kernel);
  tcase_add_test(tests, not_finite_is_named);
  tcase_add_test(tests, cosine_beyond_memory);
  return suite;
}
