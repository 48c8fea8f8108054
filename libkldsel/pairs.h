/* SPDX-License-Identifier: BSD-3-Clause */
/* What needs all of the cosine matrix, tile by tile: the pairs of a sign and the divergence within. */
#ifndef KLDSEL_PAIRS_H
#define KLDSEL_PAIRS_H

#include "progress.h"
#include "tensor.h"

struct kernels;

struct pairs {
  double *values[4]; /* by sign: room for the pairs, or NULL where they are not wanted */
  int within_wanted;
  double temperature;
  double within[4]; /* by sign */
};

/* Number of pairs of a sign (from 0); fails with TOO_LARGE. */
kldsel_status kldsel_pairs_count(int64_t filters, int sign, size_t *count);

/* For at least two filters. */
kldsel_status kldsel_pairs_compute(const struct kldsel_tensor *tensor, const struct kernels *kernels,
                                   int32_t granularity, const struct allocator *allocator,
                                   struct progress *progress, int32_t worker, struct pairs *pairs);

#endif
