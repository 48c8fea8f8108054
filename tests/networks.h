/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file networks.h
 * @brief The convolutions of four published networks, in network order, as their papers and the Keras
 * applications of the same names build them.
 */
#ifndef KLDSEL_TESTS_NETWORKS_H
#define KLDSEL_TESTS_NETWORKS_H

#include <stddef.h>
#include <stdint.h>

/** A convolution's weights: filters x channels x height x width, no groups. */
struct convolution {
  int64_t filters, channels, height, width;
};

/** Most convolutions of any of them. */
enum {
  NETWORK_CAPACITY = 256
};

/** A network's convolutions. */
struct convolutions {
  size_t count;
  struct convolution at[NETWORK_CAPACITY];
};

/** Number of weights of a convolution. */
int64_t convolution_weights(const struct convolution *convolution);

struct convolutions vgg16(void);        /**< Simonyan and Zisserman 2014, configuration D */
struct convolutions resnet50(void);     /**< He et al. 2015 */
struct convolutions inception_v3(void); /**< Szegedy et al. 2015, without the auxiliary classifier */
struct convolutions densenet169(void);  /**< Huang et al. 2016, growth rate 32 */

#endif /* KLDSEL_TESTS_NETWORKS_H */
