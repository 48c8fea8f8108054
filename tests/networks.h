/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file networks.h
 * @brief The layers of published networks, in network order: the convolutions of five, as their papers and
 * the Keras applications of the same names build them, and the dense layers of two transformers.
 */
#ifndef KLDSEL_TESTS_NETWORKS_H
#define KLDSEL_TESTS_NETWORKS_H

#include <stddef.h>
#include <stdint.h>

/** A convolution's weights: filters x channels x height x width, channels being those of one group. A dense
 * layer's weights are those of a 1 x 1 convolution. */
struct convolution {
  int64_t filters, channels, height, width;
};

/** Most convolutions of any of them. */
enum {
  NETWORK_CAPACITY = 256
};

/** A network's convolutions, or its dense layers. */
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
struct convolutions mobilenet_v2(void); /**< Sandler et al. 2018, width 1; a third are depthwise */

struct convolutions vit_b16_block(void);  /**< an encoder block of vit_b16() */
struct convolutions vit_b16(void);        /**< Dosovitskiy et al. 2020, base, with the classifier */
struct convolutions llama_7b_block(void); /**< a decoder block of llama_7b() */
struct convolutions llama_7b(void);       /**< Touvron et al. 2023, 7B, with embedding and head */

#endif /* KLDSEL_TESTS_NETWORKS_H */
