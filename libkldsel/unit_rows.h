/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows made ready for the pairwise cosine: normalised, so that C is a matrix product; and blocks of it. */
#ifndef KLDSEL_UNIT_ROWS_H
#define KLDSEL_UNIT_ROWS_H

#include "kernels_products.h"
#include "tensor.h"

struct blas;
struct kernels;
struct team;

struct unit_rows {
  struct allocator allocator;
  const struct kernels *kernels;
  const struct blas *blas; /* what multiplies them; NULL for the kernels */
  void *memory;
  double *rows; /* every slice of norm 1 or 0; [count][elements] for the BLAS, or panels */
  size_t panel; /* rows of a panel (kernels_products.h); 0 for the BLAS */
  int64_t count;
  int64_t elements;
  int64_t slices;
};

/* One of ::kldsel_part of a tensor; channels are slices by granularity kernel. NOT_FINITE names the tensor by
 * label. */
kldsel_status kldsel_unit_rows_create(const struct kldsel_tensor *tensor, int32_t part, int32_t granularity,
                                      const struct kernels *kernels, struct team *team,
                                      const struct allocator *allocator, const char *label,
                                      struct unit_rows *rows);
void kldsel_unit_rows_release(struct unit_rows *rows);

/* c[PRODUCT_BLOCK][PRODUCT_BLOCK]: cosines of at most so many rows of x from i on, a multiple of
 * BLOCK_ALIGNMENT, with as many of y from j on. Where triangle is not 0, i is j and only j <= i is wanted. */
enum {
  BLOCK_ALIGNMENT = PRODUCT_BLOCK / 2,
  BLOCK_DOUBLES = PRODUCT_BLOCK * PRODUCT_BLOCK
};
void kldsel_cosine_block(const struct unit_rows *x, int64_t i, int64_t rows, const struct unit_rows *y,
                         int64_t j, int64_t columns, int triangle, double *c);

#endif
