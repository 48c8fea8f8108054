/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file layers.h
 * @brief Layers to test with: seeded weights of many patterns, ordinary and adversarial.
 */
#ifndef KLDSEL_TESTS_LAYERS_H
#define KLDSEL_TESTS_LAYERS_H

#include <stdbool.h>
#include <stdint.h>

#include "kldsel/kldsel.h"

/** Pseudo-random numbers (splitmix64): the same on every machine for the same seed. */
struct generator {
  uint64_t state;
};

/** The next 64 bits. */
uint64_t next_bits(struct generator *generator);
/** Uniform in [0, 1). */
double next_uniform(struct generator *generator);
/** Normal with mean 0 and variance 1. */
double next_gaussian(struct generator *generator);
/** A random ordering of 0 ... n-1. */
void next_permutation(struct generator *generator, int64_t n, int64_t *order);

/** How a layer's weights are drawn. Up to PATTERN_TRAINED they are as networks have them. */
enum pattern {
  PATTERN_GAUSSIAN,
  PATTERN_UNIFORM,
  PATTERN_SPARSE,          /**< nine of ten weights are 0 */
  PATTERN_HEAVY_TAILED,    /**< Student's t with 2 degrees of freedom */
  PATTERN_TRAINED,         /**< low rank and noise, filters of unlike norm */
  PATTERN_HUGE,            /**< up to the largest double: squares overflow */
  PATTERN_TINY,            /**< about 1e-200: squares vanish */
  PATTERN_SUBNORMAL,       /**< small multiples of the smallest double */
  PATTERN_MIXED_ELEMENTS,  /**< 1e-300 to 1e300 within every filter */
  PATTERN_MIXED_FILTERS,   /**< filters of scale 1e-300 to 1e300 */
  PATTERN_MIXED_SIGNS,     /**< positive weights about 1e200, negative ones about 1e-200 */
  PATTERN_MIXED_CHANNELS,  /**< input channels of scale 1e-300 to 1e300 */
  PATTERN_ZERO_FILTERS,    /**< every third filter is 0 */
  PATTERN_ZEROS,           /**< all weights are 0, of either sign */
  PATTERN_POSITIVE,        /**< no negative weight */
  PATTERN_NEGATIVE,        /**< no positive weight */
  PATTERN_EQUAL,           /**< all filters are the same */
  PATTERN_DUPLICATED,      /**< every filter occurs twice */
  PATTERN_NEAR_DUPLICATES, /**< all filters the same but for 1e-9 */
  PATTERN_ROTATED,         /**< filters are rotations of one filter */
  PATTERN_DISJOINT,        /**< a weight is shared by no two filters: all cosines are 0 */
  PATTERN_OPPOSITE,        /**< every second filter is the negative of the one before */
  PATTERN_COUNT
};

/** A layer as its filter matrix; every row is cut into one slice per channel. */
struct layer {
  char name[64];
  bool ordinary;                     /**< weights as networks have them */
  int64_t filters, channels, kernel; /**< M, Z, n; K = Z n */
  double *weights;                   /**< [M, Z, n] */
};

/** Elements per filter, K. */
int64_t layer_elements(const struct layer *layer);

/** Draws a layer; give it back with layer_free(). */
struct layer layer_create(enum pattern pattern, int64_t filters, int64_t channels, int64_t kernel,
                          uint64_t seed);
/** A layer that holds a copy of weights [M, Z, n]. */
struct layer layer_from(const char *name, int64_t filters, int64_t channels, int64_t kernel,
                        const double *weights);
void layer_free(struct layer *layer);

/** An f64 view in OIHW order, made with test_options. */
kldsel_tensor *layer_view(const struct layer *layer);

#endif /* KLDSEL_TESTS_LAYERS_H */
