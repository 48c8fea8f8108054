/* SPDX-License-Identifier: BSD-3-Clause */
/* What needs all of the cosine matrix, tile by tile: the pairs of a sign and the divergence within. */
#ifndef KLDSEL_PAIRS_H
#define KLDSEL_PAIRS_H

#include "progress.h"
#include "tensor.h"

struct kernels;
struct team;

struct pairs {
  double *values[4];         /* by sign: room for the pairs, or NULL where they are not wanted */
  int32_t signs;             /* mask as of ::KLDSEL_OPTION_SIGNS: the others are not looked at */
  double within_temperature; /* 0: the divergence within is not wanted */
  double within[4];          /* by sign */
  /* The divergence of all pairs from uniform, without keeping them; from LEAST_STREAMED_TEMPERATURE on. */
  double uniform_temperature; /* 0: not wanted */
  double mean[4];             /* by sign: the pairs' mean, about which they are summed */
  double uniform[4];          /* by sign */
};

/* From here on pairs are at most 16 from their mean, so that no exponential overflows and at most two digits
 * cancel. */
#define LEAST_STREAMED_TEMPERATURE 0.125

/* Number of pairs of a sign (from 0) of at most LONGEST_DISTRIBUTION filters; fails with TOO_LARGE. */
kldsel_status kldsel_pairs_count(int64_t filters, int sign, size_t *count);

/* For at least two filters. worker is the calling thread's number; on several threads it is 0. What comes out
 * does not depend on how many threads there are. */
kldsel_status kldsel_pairs_compute(const struct kldsel_tensor *tensor, const struct kernels *kernels,
                                   int32_t granularity, struct team *team, const struct allocator *allocator,
                                   struct progress *progress, int32_t worker, struct pairs *pairs);

#endif
