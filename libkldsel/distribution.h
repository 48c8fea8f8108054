/* SPDX-License-Identifier: BSD-3-Clause */
/* Similarities made ready for divergences: centred, so that no digits are lost where they differ little. */
#ifndef KLDSEL_DISTRIBUTION_H
#define KLDSEL_DISTRIBUTION_H

#include "allocator.h"

/* A step function c(u) on [0, 1] of length steps; its density is exp(c(u) - log_mean). */
struct distribution {
  double *values;  /* (similarity - their mean) / temperature, see wide; descending if aligned by quantile */
  size_t length;   /* 0: the layer has none */
  int wide;        /* they spread over more than 1, and are shifted by their highest, not their mean */
  double log_mean; /* z = ln(mean(exp(values))) */
  /* z less what centring left of the mean of values, which has no part in it; of those that are not wide. */
  double log_mean_excess;
};

/* From length similarities, in the caller's memory of as many doubles. */
struct distribution kldsel_distribution_make(const double *similarities, size_t length, double temperature,
                                             int sorted, double *memory);

/* KL(softmax(similarities / temperature) || uniform); NaN if there are none. memory has room for as many
 * doubles, and may be where the similarities are. */
double kldsel_distribution_uniform(const double *similarities, size_t length, double temperature,
                                   double *memory);

/* The same of so many values v that add up to this, v being similarities less about their mean, in
 * temperatures. */
double kldsel_uniform_divergence(double count, double values, double excess, double cross);

/* KL(p || q) over the merged breakpoints. */
double kldsel_distribution_divergence(const struct distribution *p, const struct distribution *q);

/* scores[l] = mean over the others m of KL(p_l || p_m), for those of count distributions that have a length;
 * NaN for those without, and if there is no other. Time and memory linear in the total length, but for
 * sorting. */
kldsel_status kldsel_distribution_others(const struct distribution *distributions, size_t count,
                                         const struct allocator *allocator, double *scores);

#endif
