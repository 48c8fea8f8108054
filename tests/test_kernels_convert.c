/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversions of runs and transposes against one element at a time: every dtype, level, length and stride. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../libkldsel/kernels_convert.h"
#include "kernel_levels.h"
#include "layers.h"
#include "support.h"

enum {
  BYTES = 8192,
  MOST = 37
};

static unsigned char bytes[BYTES];

/* Every bit pattern may come up, NaN, infinities and subnormals too. */
static void draw_bytes(void) {
  struct generator g = {231};
  for (size_t i = 0; i < BYTES; i++) bytes[i] = (unsigned char)(next_bits(&g) >> 40);
}

/* One element, in its own words. */
static double element(int32_t dtype, const unsigned char *at) {
  double f64;
  float f32;
  uint32_t word = 0;
  uint16_t half;
  int8_t byte;
  memcpy(&f64, at, sizeof f64);
  memcpy(&f32, at, sizeof f32);
  memcpy(&half, at, sizeof half);
  memcpy(&byte, at, sizeof byte);
  int fraction = half & 0x3ff, exponent = half >> 10 & 31, sign = half >> 15 ? -1 : 1;
  switch (dtype) {
  case KLDSEL_DTYPE_F64:
    return f64;
  case KLDSEL_DTYPE_F32:
    return (double)f32;
  case KLDSEL_DTYPE_F16:
    if (exponent == 31) return fraction > 0 ? (double)NAN : sign * (double)INFINITY;
    return sign * (exponent > 0 ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
  case KLDSEL_DTYPE_BF16:
    word = (uint32_t)half << 16;
    memcpy(&f32, &word, sizeof f32);
    return (double)f32;
  case KLDSEL_DTYPE_U8:
    return (double)*at;
  default:
    return (double)byte;
  }
}

static void assert_values(const double *got, const double *want, size_t n, const char *what, int32_t dtype,
                          int32_t level) {
  for (size_t i = 0; i < n; i++) /* the payload of a NaN is nobody's business */
    if (memcmp(&got[i], &want[i], sizeof *got) != 0 && !(isnan(got[i]) && isnan(want[i])))
      ck_abort_msg("%s, dtype %d, level %d: element %zu of %zu is %a, not %a", what, dtype, level, i, n,
                   got[i], want[i]);
}

START_TEST(runs_of_any_stride) {
  draw_bytes();
  for (int32_t dtype = KLDSEL_DTYPE_F64; dtype <= KLDSEL_DTYPE_I8; dtype++)
    for (int32_t level = 1; level <= kldsel_cpu_level(); level++)
      for (size_t n = 1; n <= MOST; n++)
        for (int64_t stride = -19; stride <= 19; stride++) {
          const unsigned char *from = bytes + BYTES / 2 + 1; /* at an odd address */
          double got[MOST + 1], want[MOST];
          poison(got, sizeof got);
          kernels_at(level)->convert->run[dtype](from, stride, n % 2 * 100, n, got);
          for (size_t i = 0; i < n; i++) want[i] = element(dtype, from + (int64_t)i * stride);
          assert_values(got, want, n, "a run", dtype, level);
          assert_poisoned(got + n, (MOST + 1 - n) * sizeof *got);
        }
}
END_TEST

START_TEST(transposes_of_any_size) {
  enum {
    ROWS = 18,
    COLUMNS = 19,
    STRIDE = ROWS + 2
  };
  draw_bytes();
  for (int32_t dtype = KLDSEL_DTYPE_F64; dtype <= KLDSEL_DTYPE_I8; dtype++)
    for (int32_t level = 1; level <= kldsel_cpu_level(); level++)
      for (size_t rows = 1; rows <= ROWS; rows++) /* 17 of them one after the other */
        for (size_t columns = 1; columns <= COLUMNS; columns++) {
          int64_t each = (int64_t)dtype_bytes(dtype), row_stride = -7;
          if (rows % 3 == 1) row_stride = 3 + COLUMNS * each;
          if (rows % 3 == 2) row_stride = (int64_t)columns * each;
          const unsigned char *from = bytes + BYTES / 2 + 1;
          double got[COLUMNS * STRIDE], want[COLUMNS * STRIDE];
          poison(got, sizeof got);
          poison(want, sizeof want);
          kernels_at(level)->convert->transpose[dtype](from, row_stride, rows % 2 * 64, rows, columns, got,
                                                       STRIDE);
          for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < columns; c++)
              want[c * STRIDE + r] = element(dtype, from + (int64_t)r * row_stride + (int64_t)c * each);
          assert_values(got, want, COUNT(got), "a transpose", dtype, level);
        }
}
END_TEST

/* Nothing but the elements is read: they end, or begin, where memory does. */
START_TEST(nothing_else_is_read) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  unsigned char *pages = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ck_assert_ptr_ne(pages, MAP_FAILED);
  ck_assert_int_eq(mprotect(pages, page, PROT_NONE), 0);
  ck_assert_int_eq(mprotect(pages + 2 * page, page, PROT_NONE), 0);
  double to[MOST * MOST];
  for (int32_t dtype = KLDSEL_DTYPE_F64; dtype <= KLDSEL_DTYPE_I8; dtype++)
    for (int32_t level = 1; level <= kldsel_cpu_level(); level++)
      for (size_t columns = 1; columns <= MOST; columns++) {
        const struct convert_kernels *convert = kernels_at(level)->convert;
        size_t each = dtype_bytes(dtype);
        unsigned char *begin = pages + page, *end = begin + page;
        convert->run[dtype](end - columns * each, (int64_t)each, 0, columns, to);
        convert->run[dtype](begin + (columns - 1) * each, -(int64_t)each, 0, columns, to);
        for (size_t rows = 1; rows <= 19 && rows * columns * each <= page; rows++) {
          int64_t stride = (int64_t)(columns * each);
          convert->transpose[dtype](end - rows * columns * each, stride, 0, rows, columns, to, MOST);
          convert->transpose[dtype](end - columns * each, -stride, 0, rows, columns, to, MOST);
          convert->transpose[dtype](begin, stride, 0, rows, columns, to, MOST);
          /* Rows that overlap, as a view's may. */
          for (int64_t less = 0; less < stride && less < MOST; less++)
            convert->transpose[dtype](end - columns * each - (int64_t)(rows - 1) * less, less, 0, rows,
                                      columns, to, MOST);
        }
      }
  munmap(pages, 3 * page);
}
END_TEST

START_TEST(dequantised_by_one_or_each) {
  for (int32_t level = 1; level <= kldsel_cpu_level(); level++)
    for (size_t n = 1; n <= MOST; n++) {
      double all[MOST + 1], each[MOST + 1], zeros[MOST], scales[MOST];
      poison(all, sizeof all);
      poison(each, sizeof each);
      for (size_t i = 0; i < n; i++) {
        all[i] = each[i] = (double)(i * 7 % 256);
        zeros[i] = 127.3 + (double)i;
        scales[i] = 1 / (3.0 + (double)i);
      }
      kernels_at(level)->convert->dequantize(all, n, zeros[0], scales[0]);
      kernels_at(level)->convert->dequantize_each(each, n, zeros, scales);
      for (size_t i = 0; i < n; i++) {
        double stored = (double)(i * 7 % 256);
        ck_assert_double_eq(all[i], (stored - zeros[0]) * scales[0]);
        ck_assert_double_eq(each[i], (stored - zeros[i]) * scales[i]);
      }
      assert_poisoned(all + n, (MOST + 1 - n) * sizeof *all);
      assert_poisoned(each + n, (MOST + 1 - n) * sizeof *each);
    }
}
END_TEST

Suite *test_suite(void) {
  Suite *suite = suite_create("kernels_convert");
  TCase *tests = add_case(suite, "convert");
  tcase_add_test(tests, runs_of_any_stride);
  tcase_add_test(tests, transposes_of_any_size);
  tcase_add_test(tests, nothing_else_is_read);
  tcase_add_test(tests, dequantised_by_one_or_each);
  return suite;
}
