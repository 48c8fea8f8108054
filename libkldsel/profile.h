/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KLDSEL_PROFILE_H
#define KLDSEL_PROFILE_H

#include "options.h"

enum {
  PROFILE_SIGNS = 4
};

/* Arrays by sign are in the order of ::kldsel_sign, from 0. */
struct kldsel_profile {
  struct allocator allocator;
  int64_t filters;
  int64_t elements;
  int32_t granularity;
  int32_t distribution;
  double within_temperature; /* 0: no divergence within */
  int64_t positive;          /* counts of weights */
  int64_t negative;
  double mean[PROFILE_SIGNS];    /* NaN where there are fewer than two filters */
  double within[PROFILE_SIGNS];  /* NaN where there is none */
  size_t length[PROFILE_SIGNS];  /* 0 where there are fewer than two filters */
  double *values[PROFILE_SIGNS]; /* in one block that values[0] begins */
};

/* Sets the lengths that filters and distribution mean; TOO_LARGE. */
kldsel_status kldsel_profile_lengths(struct kldsel_profile *profile);

/* A profile with its lengths and room for its values, the rest as in head. */
kldsel_status kldsel_profile_allocate(const struct kldsel_profile *head, struct kldsel_profile **profile);

/* kldsel_profile_create_many() with checked arguments, NULL tensors giving NULL profiles; label is what
 * errors call the array, NULL for a lone tensor. */
kldsel_status kldsel_profiles_create(const kldsel_tensor *const *tensors, size_t count,
                                     const struct kldsel_options *options, const char *label,
                                     kldsel_profile **profiles);

#endif
