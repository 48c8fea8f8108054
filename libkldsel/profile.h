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
  int32_t signs;             /* masks of what is held */
  int32_t content;
  int64_t positive; /* counts of weights */
  int64_t negative;
  double mean[PROFILE_SIGNS];    /* NaN where there are fewer than two filters, or none is held */
  double within[PROFILE_SIGNS];  /* NaN where there is none */
  double uniform_temperature;    /* of the divergences that it was reduced to; 0: it was not */
  double uniform[PROFILE_SIGNS]; /* KL(p || uniform); NaN where length was 0 */
  size_t length[PROFILE_SIGNS];  /* 0 where there are fewer than two filters, or none are held */
  double *values[PROFILE_SIGNS]; /* in one block that values[0] begins */
};

/* Whether the values of a sign, from 0, are held where there are two filters. */
int kldsel_profile_holds_values(const struct kldsel_profile *profile, int sign);

/* Sets the lengths, which are 0, to what filters, distribution and what is held mean; TOO_LARGE. */
kldsel_status kldsel_profile_lengths(struct kldsel_profile *profile);

/* A profile with its lengths and room for its values, the rest as in head. */
kldsel_status kldsel_profile_allocate(const struct kldsel_profile *head, struct kldsel_profile **profile);

/* Replaces the values by their divergences from uniform. */
void kldsel_profile_reduce(struct kldsel_profile *profile, double temperature);

/* What errors call the tensors of a call: a lone "tensor"; "tensors[i]"; or the second half of them
 * "given[i]". */
enum tensor_names {
  NAME_ONE,
  NAMES_OWN,
  NAMES_WITH_GIVEN
};

/* What the profiles are for: a ranking by kl against uniform reads one number of each. */
enum profiles_use {
  PROFILES_FOR_ANYTHING,
  PROFILES_FOR_UNIFORM
};

/* kldsel_profile_create_many() with checked arguments; a NULL tensor gives a NULL profile. */
kldsel_status kldsel_profiles_create(const kldsel_tensor *const *tensors, size_t count,
                                     const struct kldsel_options *options, enum tensor_names names,
                                     enum profiles_use use, kldsel_profile **profiles);

#endif
