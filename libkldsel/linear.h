/* SPDX-License-Identifier: BSD-3-Clause */
/* The linear-time path from a layer's weights to its similarity profiles.
 *
 * With s = sum over j of y_j/|y_j|, the profile is c_i = (<x_i/|x_i|, s> - C_ii) / (M - 1) and its mean
 * (<s_x, s_y> - sum of C_ii) / (M (M - 1)): two passes over the weights, no M x M matrix. */
#ifndef KLDSEL_LINEAR_H
#define KLDSEL_LINEAR_H

#include "progress.h"
#include "tensor.h"

struct kernels;
struct team;

/* What is wanted of a layer, and what came out; arrays by sign. */
struct similarity {
  int32_t content;    /* mask of ::kldsel_content */
  int32_t signs;      /* mask as of ::KLDSEL_OPTION_SIGNS */
  double *profile[4]; /* M each, in the caller's memory, where values of the sign are wanted; not written
                         where M < 2 */
  double mean[4];     /* NaN where M < 2 or none is wanted */
  int64_t positive;   /* counts of weights; 0 if none are wanted */
  int64_t negative;
};

/* Weights that the same thread will probably read next; at is NULL if there are none. */
struct upcoming {
  const char *at;
  uint64_t bytes;
};

static inline int sign_wanted(int32_t signs, int sign) {
  return (signs >> (sign + 1) & 1) != 0;
}

/* worker is the calling thread's number; with a team it is 0. NOT_FINITE and CANCELLED leave the error text
 * to the caller, who knows what the layer is called. */
kldsel_status kldsel_linear_profile(const struct kldsel_tensor *tensor, const struct kernels *kernels,
                                    int32_t granularity, struct team *team, const struct allocator *allocator,
                                    struct progress *progress, int32_t worker, struct upcoming upcoming,
                                    struct similarity *similarity);

#endif
