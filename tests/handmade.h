/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file handmade.h
 * @brief Layers whose scores can be worked out on paper.
 *
 * Their profiles are made by import, so that their distributions are small fractions: with temperature
 * 1 / (2 ln 3), similarities of 0, 1/2 and ln 2 / (2 ln 3) become odds of 1, 3 and 2.
 */
#ifndef KLDSEL_TESTS_HANDMADE_H
#define KLDSEL_TESTS_HANDMADE_H

#include <stddef.h>
#include <stdint.h>

#include "kldsel/kldsel.h"

/** 1 / (2 ln 3), and the similarity of odds 2; set by set_temperature(). */
extern double temperature, similarity_of_two;

/** Sets that temperature, and sign `all`, in test_options. */
void set_temperature(void);

/** What a profile says of itself: the similarities of sign `all` in c, those of the others all 0. Granularity
 * and distribution 0 are the defaults; a within_temperature of 0 means no divergences within. */
struct made {
  int64_t filters, elements;
  double c[4];
  double positive, negative;
  double granularity, distribution;
  double within_temperature, within;
};

kldsel_profile *make_profile(struct made made);

/** Odds 3 : 1; uniform of two; odds 1 : 3 : 2; uniform of three; one filter. */
enum handmade_layer {
  SKEW,
  EVEN,
  THIRDS,
  FLAT,
  SINGLE,
  LAYERS
};

/** Sets the temperature and makes all LAYERS. */
void make_layers(kldsel_profile **layers);
void free_layers(kldsel_profile **layers);

/** KL(a || b) by quantile, worked out on paper. */
double kl(enum handmade_layer a, enum handmade_layer b);

/** Most layers of a ranking here. */
enum {
  MOST_LAYERS = 8
};

/** Ranks layers of these numbers with test_options. */
kldsel_ranking *rank_layers(kldsel_profile **layers, const int *numbers, size_t count,
                            kldsel_profile *const *given, const int32_t *groups);

/** Asserts that a layer has this score, or none for this reason; that all layers are in this order. */
void assert_score(const kldsel_ranking *ranking, size_t layer, double expected);
void assert_no_score(const kldsel_ranking *ranking, size_t layer, int32_t reason);
void assert_order(const kldsel_ranking *ranking, const int64_t *expected);

#endif /* KLDSEL_TESTS_HANDMADE_H */
