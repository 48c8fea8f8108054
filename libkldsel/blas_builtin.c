/* SPDX-License-Identifier: BSD-3-Clause */
/* For builds without a BLAS. */
#include <stdio.h>

#include "blas.h"
#include "check.h"
#include "cpu.h"

/* Rows of b that stay in the second-level cache while all of a's pass by. */
enum {
  BLOCK = 64
};

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* Four rows from first on; past the end the last row again, whose products are then not used. */
static void four_rows(const double *x, int64_t rows, int64_t k, int64_t first, const double **four) {
  for (int64_t r = 0; r < LINES; r++) four[r] = x + smaller(first + r, rows - 1) * k;
}

static void block_products(const struct kernels *kernels, int64_t m, int64_t n, int64_t k, const double *a,
                           const double *b, int64_t i, int64_t j, double *c, int64_t c_stride) {
  const double *a_rows[LINES], *b_rows[LINES];
  double products[LINES * LINES];
  four_rows(a, m, k, i, a_rows);
  four_rows(b, n, k, j, b_rows);
  kernels->products(a_rows, b_rows, (size_t)k, products);
  for (int64_t r = 0; r < smaller(LINES, m - i); r++)
    for (int64_t s = 0; s < smaller(LINES, n - j); s++)
      c[(i + r) * c_stride + j + s] = products[LINES * r + s];
}

kldsel_status kldsel_blas_products(int64_t m, int64_t n, int64_t k, const double *a, const double *b,
                                   double *c, int64_t c_stride) {
  const struct kernels *kernels;
  TRY(kldsel_cpu_kernels(0, &kernels));
  for (int64_t block = 0; block < n; block += BLOCK)
    for (int64_t i = 0; i < m; i += LINES)
      for (int64_t j = block; j < smaller(block + BLOCK, n); j += LINES)
        block_products(kernels, m, n, k, a, b, i, j, c, c_stride);
  return KLDSEL_OK;
}

kldsel_status kldsel_blas_gram(int64_t m, int64_t k, const double *a, double *c, int64_t c_stride) {
  const struct kernels *kernels;
  TRY(kldsel_cpu_kernels(0, &kernels));
  for (int64_t block = 0; block < m; block += BLOCK)
    for (int64_t i = block; i < m; i += LINES)
      for (int64_t j = block; j < smaller(block + BLOCK, i + 1); j += LINES)
        block_products(kernels, m, m, k, a, a, i, j, c, c_stride);
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < i; j++) c[j * c_stride + i] = c[i * c_stride + j];
  return KLDSEL_OK;
}

size_t kldsel_blas_info(char *text, size_t size) {
  return (size_t)snprintf(text, size, "builtin");
}
