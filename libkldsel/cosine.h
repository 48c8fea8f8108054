/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows made ready for the pairwise cosine: normalised, so that C is a matrix product. */
#ifndef KLDSEL_COSINE_H
#define KLDSEL_COSINE_H

#include "tensor.h"

struct kernels;

struct unit_rows {
  struct allocator allocator;
  double *rows; /* [count][elements], every slice of norm 1 or 0 */
  int64_t count;
  int64_t elements;
  int64_t slices;
};

/* One of ::kldsel_part of a tensor; channels are slices by granularity kernel. NOT_FINITE names the tensor by
 * label. */
kldsel_status kldsel_unit_rows_create(const struct kldsel_tensor *tensor, int32_t part, int32_t granularity,
                                      const struct kernels *kernels, const struct allocator *allocator,
                                      const char *label, struct unit_rows *rows);
void kldsel_unit_rows_release(struct unit_rows *rows);

/* c[rows][y->count]: rows first .. first + rows of the cosine matrix. */
kldsel_status kldsel_cosine_rows(const struct unit_rows *x, const struct unit_rows *y, int64_t first,
                                 int64_t rows, double *c);

/* How many rows of a matrix with so many columns make a tile. */
int64_t kldsel_cosine_tile_rows(int64_t columns);

#endif
