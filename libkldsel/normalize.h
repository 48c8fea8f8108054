/* SPDX-License-Identifier: BSD-3-Clause */
/* Vectors divided by their norm, whatever their magnitudes. */
#ifndef KLDSEL_NORMALIZE_H
#define KLDSEL_NORMALIZE_H

#include <stddef.h>
#include <stdint.h>

struct kernels;

/* Normalises each of the slices of a row on its own, in place; found is what a scan of the row told. Squares
 * neither overflow nor vanish. Returns how many slices are not zero. */
int64_t kldsel_normalize_slices(const struct kernels *kernels, double *row, int64_t slices, int64_t elements,
                                int found);

/* <a, b> over any length, tile by tile. */
double kldsel_dot(const struct kernels *kernels, const double *a, const double *b, int64_t n);

#endif
