/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file layer_set.h
 * @brief Layers to measure on: their shapes, their weights one after the other in one buffer.
 */
#ifndef KLDSEL_BENCH_LAYER_SET_H
#define KLDSEL_BENCH_LAYER_SET_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "kldsel/kldsel.h"
#include "networks.h"

/** Layers of one dtype and layout. */
struct layer_set {
  size_t count;
  struct convolution *layers;
  size_t *offsets; /**< where each layer's weights begin, in bytes */
  int32_t dtype, layout;
  size_t weights; /**< of all layers */
  char *buffer;   /**< the copy whose turn it is */
  size_t bytes;   /**< of the buffer; less than the weights' if layers share memory */
  char **copies;
  size_t copy_count, turn;
};

/** The layers of a published network by name, or none. */
struct convolutions network_named(const char *name);

/** Writes the names of networks and their layers' shapes as a JSON object. */
void print_networks(FILE *to);

/** Draws the weights of a network, so many times in a row. If @p most_bytes is not 0 the buffer is no longer
 * than that, and layers use it over and over. */
struct layer_set *layer_set_of_network(const char *name, size_t times, int32_t dtype, int32_t layout,
                                       size_t most_bytes);

/** Draws so many layers of one shape. */
struct layer_set *layer_set_of_shape(const struct convolution *shape, size_t count, int32_t dtype,
                                     int32_t layout);

/** Lays copies of the weights beside them until all together take so many bytes. */
void layer_set_copy(struct layer_set *set, size_t bytes);

/** Goes on to the next copy, so that what was read of this one has left the caches when its turn comes again.
 */
void layer_set_turn(struct layer_set *set);

void layer_set_free(struct layer_set *set);

/** Views of all layers, made with these options. */
kldsel_tensor **layer_set_view(const struct layer_set *set, const kldsel_options *options);
void layer_set_unview(const struct layer_set *set, kldsel_tensor **tensors);

#endif /* KLDSEL_BENCH_LAYER_SET_H */
