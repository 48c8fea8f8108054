/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file methods.h
 * @brief What is timed of the library: the paper's six methods, or its three cosine methods alone.
 */
#ifndef KLDSEL_BENCH_METHODS_H
#define KLDSEL_BENCH_METHODS_H

#include "layer_set.h"

enum {
  COSINE_METHODS = 3,
  ALL_METHODS = 6 /* the cosine methods, then those of kl against uniform */
};

/** Name of a method, "cosine-positive" say. */
const char *method_name(int method);

/**
 * From the weights to a ranking by each of the first @p methods methods: everything that a host pays for,
 * making the views and giving all back included.
 * @param level the CPU level, 0 for the highest
 * @param scores receives methods x layers numbers; may be NULL
 */
void rank_by_methods(const struct layer_set *set, int methods, int threads, int32_t level, double *scores);

/**
 * Times reading the weights once and the first @p methods methods, in turn, each on the next of the set's
 * copies, so many rounds after one that warms up. seconds and floor_seconds receive a number for each round,
 * copies which copy the methods had; it may be NULL.
 */
void time_in_turn(struct layer_set *set, int methods, int threads, int rounds, double *seconds,
                  double *floor_seconds, double *copies);

/** Profiles of all layers, made with the options. */
kldsel_profile **make_profiles(const struct layer_set *set, const kldsel_options *options);
void free_profiles(const struct layer_set *set, kldsel_profile **profiles);

/** One ranking of the profiles by kl against the other layers. */
void rank_by_others(const struct layer_set *set, kldsel_profile *const *profiles);

#endif /* KLDSEL_BENCH_METHODS_H */
