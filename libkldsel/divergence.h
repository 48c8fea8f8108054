/* SPDX-License-Identifier: BSD-3-Clause */
/* Divergences between step functions on [0, 1]. */
#ifndef KLDSEL_DIVERGENCE_H
#define KLDSEL_DIVERGENCE_H

#include "allocator.h"

/* Longer ones would overflow the exact comparison of breakpoints. */
#define LONGEST_DISTRIBUTION UINT32_MAX

/* exp(-d) - 1 + d >= 0, to a few units in the last place for every d. */
double kldsel_excess(double d);

/* The integrand of KL(a || b) at one point, >= 0: density_a ln(density_a / density_b) - density_a +
   density_b, where the densities are exp(log_a) and exp(log_b). Its integral is the divergence, as both
   densities integrate to 1; no term cancels another. */
double kldsel_divergence_term(double log_a, double log_b);

/* A walk over the merged breakpoints of two step functions of a and b steps on [0, 1]. */
struct overlap {
  uint64_t a_steps, b_steps; /* at most LONGEST_DISTRIBUTION each */
  uint64_t a, b;             /* the steps that meet */
  uint64_t at;               /* where the next piece begins, in units of 1 / (a_steps * b_steps) */
};

/* Moves on to the next piece; its width, or 0 at the end. Steps a and b are those of the piece. */
double kldsel_overlap_next(struct overlap *overlap);

int kldsel_compare_descending(const void *a, const void *b);

#endif
