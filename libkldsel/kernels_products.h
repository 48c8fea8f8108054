/* SPDX-License-Identifier: BSD-3-Clause */
/* The innermost loop of a matrix product. One table per CPU level, built from kernels_products.c, with fused
 * multiply-add where the level has it: what it computes is promised to 1e-12, not to the bit.
 *
 * A panel holds so many rows of a matrix side by side, panel[k][row], zeros past the last row. */
#ifndef KLDSEL_KERNELS_PRODUCTS_H
#define KLDSEL_KERNELS_PRODUCTS_H

#include <stddef.h>
#include <stdint.h>

/* Rows and columns of a block of products: whole panels at every level. */
enum {
  PRODUCT_BLOCK = 96
};

struct product_kernels {
  size_t panel;
  /* to[i][j] = sum over k of a[k][i] b[k][j], or += where more is not 0, for i and j below PRODUCT_BLOCK,
   * to[PRODUCT_BLOCK][...]: n steps of a and b, which are PRODUCT_BLOCK / panel panels each, panel_stride
   * doubles apart. Panels from a_panels or b_panels on are left out; where triangle is not 0, so is what lies
   * wholly above the diagonal. */
  void (*block)(const double *a, const double *b, size_t panel_stride, size_t n, size_t a_panels,
                size_t b_panels, int triangle, int more, double *to);
  /* What makes the rows: all but a ::kldsel_part becomes 0; x *= factor. */
  void (*take_part)(double *x, size_t n, int32_t part);
  void (*scale)(double *x, size_t n, double factor);
  /* Sums of so many cosines become their mean, in [-1, 1]. */
  void (*finish)(double *cosines, size_t n, double slices);
};

#endif
