/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops of granularity kernel, over doubles. One table per CPU level, built from kernels_slices.c.
 *
 * A block holds some filters' slices with the channels as lanes, x[filter][element][lane]: element e of a
 * slice is n rows of lanes. The lanes are a multiple of LANES, those without a channel hold zeros. Sums over
 * a slice and over filters run in order; over channels in eight lanes, channel z in lane z mod 8, added as in
 * kernels.h. Products are added as there. wanted is a mask of WANTED_ALL and WANTED_SPLIT: the sums and dots
 * of what is not wanted are left as they are, its dots are 0. */
#ifndef KLDSEL_KERNELS_SLICES_H
#define KLDSEL_KERNELS_SLICES_H

#include <stddef.h>
#include <stdint.h>

#include "kernels.h"

struct slice_block {
  const double *x; /* [filters][elements][lanes] */
  size_t filters, elements, lanes;
};

struct slice_kernels {
  /* weights[filter][part][lane] = 1/|part of the slice|, 0 for a zero slice. counts[0], counts[1] += positive
   * and negative elements. Returns a number that is not finite if an element is not. */
  double (*weigh)(const struct slice_block *block, double *weights, int64_t *counts);
  /* not_zero[part] = how many of weights[part][lane] are not 0. */
  void (*count_not_zero)(const double *weights, size_t lanes, double *not_zero);
  /* sums[part][element][lane] += sum over filters of weights[filter][part][lane] * part(x). */
  void (*accumulate)(int wanted, const struct slice_block *block, const double *weights, double *sums);
  /* dots[filter][sign] = sum over elements and lanes of weight * x part * sums of the y part. */
  void (*dots)(int wanted, const struct slice_block *block, const double *weights, const double *sums,
               double (*dots)[SIGNS]);

  /* For slices of one element, whose normalised value is its sign: all results are whole numbers. */
  /* x, the block's, becomes 1, -1 or 0; not_zero[filter][part] = how many are not 0. Result as for weigh. */
  double (*take_signs)(const struct slice_block *block, double *x, double (*not_zero)[SIGN_PARTS]);
  void (*accumulate_signs)(const struct slice_block *block, double *sums);
  void (*dot_signs)(int wanted, const struct slice_block *block, const double *sums, double (*dots)[SIGNS]);
};

#endif
