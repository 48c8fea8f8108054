/* SPDX-License-Identifier: BSD-3-Clause */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compare.h"
#include "layers.h"
#include "support.h"

enum {
  PATTERNS = 65536
};

/* Values of a [2, count / 2] view of a buffer. */
static void values_of(const void *data, size_t bytes, int32_t dtype, int64_t count, double *values) {
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view(data, bytes, dtype, 2, (const int64_t[]){2, count / 2}, KLDSEL_LAYOUT_OI,
                               test_options, &tensor));
  assert_ok(kldsel_tensor_values(tensor, values, (size_t)count));
  kldsel_tensor_free(tensor);
}

/* Same number, same sign of zero; a NaN for a NaN. */
static void assert_same(double got, double expected, unsigned pattern) {
  bool same = isnan(expected) ? isnan(got) : got == expected && signbit(got) == signbit(expected);
  ck_assert_msg(same, "pattern 0x%x: got %a, expected %a", pattern, got, expected);
}

/* IEEE 754 by its text: sign, exponent and fraction of any small binary format. */
static double from_fields(unsigned bits, int fraction_bits, int exponent_bits) {
  int bias = (1 << (exponent_bits - 1)) - 1;
  unsigned fraction = bits & ((1U << fraction_bits) - 1);
  int exponent = (int)(bits >> fraction_bits & ((1U << exponent_bits) - 1));
  double magnitude;
  if (exponent == (1 << exponent_bits) - 1)
    magnitude = fraction ? nan("") : HUGE_VAL;
  else if (exponent == 0)
    magnitude = ldexp(fraction, 1 - bias - fraction_bits);
  else
    magnitude = ldexp((double)(fraction + (1U << fraction_bits)), exponent - bias - fraction_bits);
  return bits >> (fraction_bits + exponent_bits) ? -magnitude : magnitude;
}

START_TEST(every_half) {
  static uint16_t patterns[PATTERNS];
  static double values[PATTERNS];
  for (unsigned i = 0; i < PATTERNS; i++) patterns[i] = (uint16_t)i;
  values_of(patterns, sizeof patterns, KLDSEL_DTYPE_F16, PATTERNS, values);
  for (unsigned i = 0; i < PATTERNS; i++) assert_same(values[i], from_fields(i, 10, 5), i);
  ck_assert_double_eq(values[0x3C00], 1);
  ck_assert_double_eq(values[0x7BFF], 65504);
  ck_assert_double_eq(values[0x0001], 0x1p-24);
}
END_TEST

START_TEST(every_bfloat) {
  static uint16_t patterns[PATTERNS];
  static double values[PATTERNS];
  for (unsigned i = 0; i < PATTERNS; i++) patterns[i] = (uint16_t)i;
  values_of(patterns, sizeof patterns, KLDSEL_DTYPE_BF16, PATTERNS, values);
  for (unsigned i = 0; i < PATTERNS; i++) assert_same(values[i], from_fields(i, 7, 8), i);
  ck_assert_double_eq(values[0x3F80], 1);
  ck_assert_double_eq(values[0xC040], -3);
}
END_TEST

/* ---- the same numbers in the kernels: profiles of the same bits ---- */

enum {
  ELEMENTS = 16,
  MOST_FILTERS = 2 * 65536 / 2 / ELEMENTS
};

/* Weight e of filter i, whose weights are neighbours in magnitude: then none of them gets lost in a norm.
 * Halves and bfloats are all there are, each with either sign; singles have random fractions. */
static uint32_t pattern_of(int32_t dtype, unsigned filter, unsigned e, struct generator *g) {
  unsigned sign = (filter + e) % 2, magnitude = filter / 2 * ELEMENTS + e;
  if (dtype != KLDSEL_DTYPE_F32) return sign << 15 | magnitude;
  return sign << 31 | filter % 255 << 23 | (uint32_t)(next_bits(g) >> 41);
}

static void assert_same_as_doubles(const void *data, int32_t dtype, int64_t filters, int32_t layout) {
  static double values[MOST_FILTERS * ELEMENTS];
  const int64_t rows[] = {filters, ELEMENTS}, columns[] = {ELEMENTS, filters};
  const int64_t *shape = layout == KLDSEL_LAYOUT_OI ? rows : columns;
  size_t n = (size_t)filters * ELEMENTS;
  kldsel_tensor *narrow = NULL, *wide = NULL;
  assert_ok(kldsel_tensor_view(data, n * dtype_bytes(dtype), dtype, 2, shape, layout, test_options, &narrow));
  assert_ok(kldsel_tensor_values(narrow, values, n));
  assert_ok(kldsel_tensor_view(values, n * sizeof *values, KLDSEL_DTYPE_F64, 2, shape, layout, test_options,
                               &wide));
  for (int32_t level = KLDSEL_CPU_LEVEL_BASELINE; level <= test_highest_level(); level++) {
    set_int(KLDSEL_OPTION_CPU_LEVEL, level);
    kldsel_profile *a = profile_of(narrow), *b = profile_of(wide);
    assert_same_profile(a, b, "as they are, and as doubles");
    kldsel_profile_free(a);
    kldsel_profile_free(b);
  }
  kldsel_tensor_free(narrow);
  kldsel_tensor_free(wide);
}

START_TEST(kernels_read_the_same_numbers) {
  static const struct {
    int32_t dtype;
    unsigned magnitudes; /* finite ones */
  } types[] = {{KLDSEL_DTYPE_F16, 0x7C00}, {KLDSEL_DTYPE_BF16, 0x7F80}, {KLDSEL_DTYPE_F32, 0x7F80}};
  static unsigned char rows[MOST_FILTERS * ELEMENTS * 4], columns[MOST_FILTERS * ELEMENTS * 4];
  struct generator g = {401};
  int32_t dtype = types[_i].dtype;
  unsigned filters = 2 * types[_i].magnitudes / ELEMENTS;
  size_t bytes = dtype_bytes(dtype);
  for (unsigned i = 0; i < filters; i++)
    for (unsigned e = 0; e < ELEMENTS; e++) {
      uint32_t wide = pattern_of(dtype, i, e, &g);
      uint16_t narrow = (uint16_t)wide;
      const void *pattern = bytes == sizeof wide ? (const void *)&wide : &narrow;
      memcpy(rows + ((size_t)i * ELEMENTS + e) * bytes, pattern, bytes);
      memcpy(columns + ((size_t)e * filters + i) * bytes, pattern, bytes);
    }
  assert_same_as_doubles(rows, dtype, filters, KLDSEL_LAYOUT_OI);
  assert_same_as_doubles(columns, dtype, filters, KLDSEL_LAYOUT_IO);
}
END_TEST

START_TEST(every_byte) {
  unsigned char bytes[256];
  double values[256];
  for (unsigned i = 0; i < 256; i++) bytes[i] = (unsigned char)i;
  values_of(bytes, sizeof bytes, KLDSEL_DTYPE_U8, 256, values);
  for (unsigned i = 0; i < 256; i++) ck_assert_double_eq(values[i], i);
  values_of(bytes, sizeof bytes, KLDSEL_DTYPE_I8, 256, values);
  for (int i = 0; i < 256; i++) ck_assert_double_eq(values[i], i < 128 ? i : i - 256);
}
END_TEST

START_TEST(singles_and_doubles_exactly) {
  const float f32[] = {0,       -0.0F,     1,          -1.5F, FLT_MAX,   -FLT_MAX,
                       FLT_MIN, 0x1p-149F, -0x1p-149F, 0.1F,  HUGE_VALF, -HUGE_VALF};
  double values[COUNT(f32)];
  values_of(f32, sizeof f32, KLDSEL_DTYPE_F32, COUNT(f32), values);
  for (unsigned i = 0; i < COUNT(f32); i++) assert_same(values[i], (double)f32[i], i);
  const double f64[] = {0,       -0.0,      1,          -1.5, DBL_MAX,  -DBL_MAX,
                        DBL_MIN, 0x1p-1074, -0x1p-1074, 0.1,  HUGE_VAL, -HUGE_VAL};
  values_of(f64, sizeof f64, KLDSEL_DTYPE_F64, COUNT(f64), values);
  for (unsigned i = 0; i < COUNT(f64); i++) assert_same(values[i], f64[i], i);
}
END_TEST

START_TEST(unaligned_at_every_offset) {
  for (int32_t dtype = KLDSEL_DTYPE_F64; dtype <= KLDSEL_DTYPE_I8; dtype++)
    for (size_t offset = 0; offset < 9; offset++) {
      unsigned char buffer[8 * 6 + 9];
      poison(buffer, sizeof buffer);
      for (size_t i = 0; i < 6; i++) store(buffer + offset, dtype, i, (int)i + 1);
      double values[6];
      values_of(buffer + offset, 6 * dtype_bytes(dtype), dtype, 6, values);
      for (size_t i = 0; i < 6; i++) ck_assert_double_eq(values[i], (double)i + 1);
    }
}
END_TEST

/* ---- quantised ---- */

static kldsel_tensor *bytes_view(const void *bytes, int32_t dtype, int64_t rows, int64_t columns,
                                 int32_t layout) {
  kldsel_tensor *tensor = NULL;
  assert_ok(kldsel_tensor_view(bytes, (size_t)(rows * columns), dtype, 2, (const int64_t[]){rows, columns},
                               layout, test_options, &tensor));
  return tensor;
}

static void assert_values(const kldsel_tensor *tensor, const double *expected, size_t count) {
  double values[16];
  assert_ok(kldsel_tensor_values(tensor, values, count));
  for (size_t i = 0; i < count; i++)
    ck_assert_msg(values[i] == expected[i], "value %zu: got %.17g, expected %.17g", i, values[i],
                  expected[i]);
}

START_TEST(quantized_per_tensor) {
  const uint8_t bytes[] = {0, 127, 128, 255};
  kldsel_tensor *tensor = bytes_view(bytes, KLDSEL_DTYPE_U8, 2, 2, KLDSEL_LAYOUT_OI);
  kldsel_tensor *quantized = NULL;
  assert_ok(kldsel_tensor_quantized(tensor, (const double[]){0.5}, (const double[]){128}, 1, test_options,
                                    &quantized));
  assert_values(quantized, (const double[]){-64, -0.5, 0, 63.5}, 4);
  assert_values(tensor, (const double[]){0, 127, 128, 255}, 4);
  kldsel_tensor_free(quantized);
  assert_ok(kldsel_tensor_quantized(tensor, (const double[]){2}, NULL, 1, test_options, &quantized));
  assert_values(quantized, (const double[]){0, 254, 256, 510}, 4);
  kldsel_tensor_free(quantized);
  /* A zero point that is no whole number, and beyond the bytes' range. */
  assert_ok(kldsel_tensor_quantized(tensor, (const double[]){4}, (const double[]){-300.25}, 1, test_options,
                                    &quantized));
  assert_values(quantized, (const double[]){1201, 1709, 1713, 2221}, 4);
  kldsel_tensor_free(quantized);
  kldsel_tensor_free(tensor);
}
END_TEST

START_TEST(quantized_per_filter) {
  const int8_t bytes[] = {-128, -1, 0, 1, 2, 127};
  const double scales[] = {1, 0.25, 8}, zero_points[] = {-128, 0, 2};
  kldsel_tensor *quantized = NULL;
  /* Filters are rows. */
  kldsel_tensor *tensor = bytes_view(bytes, KLDSEL_DTYPE_I8, 3, 2, KLDSEL_LAYOUT_OI);
  assert_ok(kldsel_tensor_quantized(tensor, scales, zero_points, 3, test_options, &quantized));
  assert_values(quantized, (const double[]){0, 127, 0, 0.25, 0, 1000}, 6);
  kldsel_tensor_free(quantized);
  kldsel_tensor_free(tensor);
  /* Filters are columns. */
  tensor = bytes_view(bytes, KLDSEL_DTYPE_I8, 2, 3, KLDSEL_LAYOUT_IO);
  assert_ok(kldsel_tensor_quantized(tensor, scales, zero_points, 3, test_options, &quantized));
  assert_values(quantized, (const double[]){0, -0.25, -16, 129, 0.5, 1000}, 6);
  kldsel_tensor_free(quantized);
  kldsel_tensor_free(tensor);
}
END_TEST

/* Depthwise: both of the last two axes index filters, so the filter number is 2 i + m. */
START_TEST(quantized_per_filter_of_two_axes) {
  const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
  const double scales[] = {1, 10, 100, 1000};
  kldsel_tensor *tensor = NULL, *quantized = NULL;
  assert_ok(kldsel_tensor_view(bytes, 8, KLDSEL_DTYPE_U8, 3, (const int64_t[]){2, 2, 2}, KLDSEL_LAYOUT_HWIM,
                               test_options, &tensor));
  assert_ok(kldsel_tensor_quantized(tensor, scales, NULL, 4, test_options, &quantized));
  assert_values(quantized, (const double[]){1, 20, 300, 4000, 5, 60, 700, 8000}, 8);
  /* As the filter matrix: one filter a row. */
  kldsel_tensor *matrix = NULL;
  assert_ok(kldsel_filter_matrix(quantized, test_options, &matrix));
  assert_values(matrix, (const double[]){1, 5, 20, 60, 300, 700, 4000, 8000}, 8);
  kldsel_tensor_free(matrix);
  kldsel_tensor_free(quantized);
  kldsel_tensor_free(tensor);
}
END_TEST

START_TEST(quantized_keeps_its_own_numbers) {
  const uint8_t bytes[] = {1, 2};
  double scales[] = {3, 5}, zero_points[] = {1, 1};
  kldsel_tensor *tensor = bytes_view(bytes, KLDSEL_DTYPE_U8, 2, 1, KLDSEL_LAYOUT_OI);
  kldsel_tensor *quantized = NULL, *again = NULL;
  assert_ok(kldsel_tensor_quantized(tensor, scales, zero_points, 2, test_options, &quantized));
  scales[0] = zero_points[1] = 99;
  kldsel_tensor_free(tensor);
  assert_values(quantized, (const double[]){0, 5}, 2);
  /* Quantised anew, from the stored bytes. */
  assert_ok(kldsel_tensor_quantized(quantized, (const double[]){7}, NULL, 1, test_options, &again));
  kldsel_tensor_free(quantized);
  assert_values(again, (const double[]){7, 14}, 2);
  kldsel_tensor_free(again);
}
END_TEST

START_TEST(quantized_refuses) {
  const double floats[] = {1, 2, 3, 4};
  const uint8_t bytes[] = {1, 2, 3, 4, 5, 6};
  const double good[] = {1, 1, 1};
  kldsel_tensor *real = matrix_view(floats, 2, 2);
  kldsel_tensor *tensor = bytes_view(bytes, KLDSEL_DTYPE_U8, 3, 2, KLDSEL_LAYOUT_OI);
  assert_no_handle(kldsel_tensor, kldsel_tensor_quantized(NULL, good, NULL, 1, test_options, &POISONED),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "tensor is NULL");
  assert_no_handle(kldsel_tensor, kldsel_tensor_quantized(tensor, NULL, NULL, 1, test_options, &POISONED),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "scales is NULL");
  assert_error(kldsel_tensor_quantized(tensor, good, NULL, 1, test_options, NULL),
               KLDSEL_ERROR_INVALID_ARGUMENT, "quantized is NULL");
  assert_no_handle(kldsel_tensor, kldsel_tensor_quantized(real, good, NULL, 1, test_options, &POISONED),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "tensor has dtype 1; must be u8 or i8");
  static const size_t counts[] = {2, 0, 4, SIZE_MAX};
  for (size_t i = 0; i < COUNT(counts); i++) {
    char message[80];
    snprintf(message, sizeof message, "count is %zu; must be 1 or the 3 filters", counts[i]);
    assert_no_handle(kldsel_tensor,
                     kldsel_tensor_quantized(tensor, good, NULL, counts[i], test_options, &POISONED),
                     KLDSEL_ERROR_MISMATCH, message);
  }
  static const struct {
    double value;
    const char *scale, *zero_point;
  } bad[] = {
      {0, "scales[2] is 0; must be finite and > 0", NULL},
      {-0.5, "scales[2] is -0.5; must be finite and > 0", NULL},
      {(double)NAN, "scales[2] is nan; must be finite and > 0", "zero_points[2] is nan; must be finite"},
      {HUGE_VAL, "scales[2] is inf; must be finite and > 0", "zero_points[2] is inf; must be finite"},
      {-HUGE_VAL, "scales[2] is -inf; must be finite and > 0", "zero_points[2] is -inf; must be finite"},
  };
  for (size_t i = 0; i < COUNT(bad); i++) {
    const double values[] = {1, 1, bad[i].value};
    assert_no_handle(kldsel_tensor, kldsel_tensor_quantized(tensor, values, NULL, 3, test_options, &POISONED),
                     KLDSEL_ERROR_INVALID_ARGUMENT, bad[i].scale);
    if (bad[i].zero_point)
      assert_no_handle(kldsel_tensor,
                       kldsel_tensor_quantized(tensor, good, values, 3, test_options, &POISONED),
                       KLDSEL_ERROR_INVALID_ARGUMENT, bad[i].zero_point);
  }
  /* One for all, which is the first. */
  assert_no_handle(kldsel_tensor,
                   kldsel_tensor_quantized(tensor, &bad[0].value, NULL, 1, test_options, &POISONED),
                   KLDSEL_ERROR_INVALID_ARGUMENT, "scales[0] is 0; must be finite and > 0");
  kldsel_tensor_free(tensor);
  kldsel_tensor_free(real);
}
END_TEST

/* Scale and zero point are finite, but what they make need not be. */
START_TEST(quantized_beyond_the_doubles_is_not_finite) {
  const uint8_t bytes[] = {0, 1, 2, 1};
  kldsel_tensor *tensor = bytes_view(bytes, KLDSEL_DTYPE_U8, 2, 2, KLDSEL_LAYOUT_OI);
  kldsel_tensor *quantized = NULL;
  assert_ok(kldsel_tensor_quantized(tensor, (const double[]){DBL_MAX}, NULL, 1, test_options, &quantized));
  assert_no_handle(kldsel_profile, kldsel_profile_create(quantized, test_options, &POISONED),
                   KLDSEL_ERROR_NOT_FINITE, "tensor: weight at [1, 0] is inf");
  assert_no_handle(kldsel_tensor, kldsel_sign_split(quantized, KLDSEL_PART_ALL, test_options, &POISONED),
                   KLDSEL_ERROR_NOT_FINITE, "tensor: weight at [1, 0] is inf");
  kldsel_tensor_free(quantized);
  kldsel_tensor_free(tensor);
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("dtype");
  TCase *tests = add_case(suite, "dtype");
  tcase_add_test(tests, every_half);
  tcase_add_test(tests, every_bfloat);
  tcase_add_loop_test(tests, kernels_read_the_same_numbers, 0, 3);
  tcase_add_test(tests, every_byte);
  tcase_add_test(tests, singles_and_doubles_exactly);
  tcase_add_test(tests, unaligned_at_every_offset);
  tests = add_case(suite, "quantized");
  tcase_add_test(tests, quantized_per_tensor);
  tcase_add_test(tests, quantized_per_filter);
  tcase_add_test(tests, quantized_per_filter_of_two_axes);
  tcase_add_test(tests, quantized_keeps_its_own_numbers);
  tcase_add_test(tests, quantized_refuses);
  tcase_add_test(tests, quantized_beyond_the_doubles_is_not_finite);
  return suite;
}
