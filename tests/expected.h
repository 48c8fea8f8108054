/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file expected.h
 * @brief Every score of a network by the definition, each with a bound on what double may make of it.
 */
#ifndef KLDSEL_TESTS_EXPECTED_H
#define KLDSEL_TESTS_EXPECTED_H

#include <stddef.h>
#include <stdint.h>

#include "definition.h"
#include "layers.h"
#include "tolerance.h"

enum {
  SIGNS = 5,         /**< arrays by sign: 1 to 4 */
  DISTRIBUTIONS = 3, /**< arrays by distribution: 1 and 2 */
  ALIGNMENTS = 3     /**< arrays by alignment: 1 and 2 */
};

/** Similarities of one layer, as they are and rounded, in network order and sorted. */
struct similarities {
  size_t n;
  wide *values;
  double *rounded, *sorted;
  struct similarity_bounds bounds;
  wide *p; /**< softmax, at the temperature of known_set_temperature(); the steps too */
  struct steps steps;
};

/** A score, how far from it an answer may lie, or why there is none. */
struct expected {
  wide value;
  double bound;
  int32_t reason;
};

/** What the definition says of one layer at one granularity and temperature; empty below two filters. */
struct known_layer {
  const struct layer *layer;
  int32_t granularity;
  wide *matrix[SIGNS];
  struct similarities similarities[SIGNS][DISTRIBUTIONS];
  struct expected within[SIGNS], uniform[SIGNS][DISTRIBUTIONS];
  double temperature;
};

struct known_layer known_create(const struct layer *layer, int32_t granularity);
/** Works out what depends on the temperature; needed before expected_scores(). */
void known_set_temperature(struct known_layer *known, double temperature);
void known_free(struct known_layer *known);

/** One kind of score. */
struct question {
  int32_t measure, sign, reference, alignment, distribution;
};

/** Which layer is given to layer l as its reference, -1 for none: the next one of its group, coming round,
 * but every fifth layer gets none. */
int64_t given_layer(size_t l, size_t count, const int32_t *groups);

/** Expected scores of all layers; groups may be NULL.
 * @param[out] scores count of them */
void expected_scores(const struct known_layer *known, size_t count, const int32_t *groups,
                     const struct question *question, struct expected *scores);

#endif /* KLDSEL_TESTS_EXPECTED_H */
