/* SPDX-License-Identifier: BSD-3-Clause */
/* A small convolutional network: 3x3 convolutions with ReLU, average pooling, one dense layer, softmax. */
#ifndef KLDSEL_TRAINERS_NETWORK_H
#define KLDSEL_TRAINERS_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "images.h"
#include "random.h"

#define CONVOLUTIONS 6
#define TAPS 9 /* weights of a 3x3 kernel */

/* The weights of a layer, or its biases, and what stochastic gradient descent with momentum keeps of each. */
struct parameters {
  size_t count;
  float *value, *gradient, *velocity;
};

struct convolution {
  size_t channels, filters;
  size_t size; /* rows of its planes, and columns */
  bool pool;   /* 2x2 averages follow */
  bool trained;
  struct parameters weights; /* [filters][channels][3][3] */
  struct parameters biases;  /* [filters] */
};

/*
 * Activations and their gradients. Planes have a frame of zeros, so that a tap of a kernel is one distance in
 * memory for the whole plane. Pooled planes are the input of the next convolution.
 */
struct activations {
  float *input;
  float *features; /* what the dense layer reads */
  float *output[CONVOLUTIONS], *pooled[CONVOLUTIONS];
  float *output_gradient[CONVOLUTIONS], *pooled_gradient[CONVOLUTIONS];
};

struct network {
  struct convolution convolution[CONVOLUTIONS];
  size_t classes, features;
  struct parameters head_weights; /* [classes][features], those from the last pooled planes */
  struct parameters head_biases;  /* [classes] */
  struct activations activations;
};

/* Makes a network with random weights, all of it trained; false without memory. */
bool network_create(size_t classes, struct generator *generator, struct network *network);

/* Sets the convolutions' weights to those of another network. */
void network_copy_convolutions(const struct network *from, struct network *network);

/* Lets a convolution be trained, or freezes it. One that starts anew starts at rest. */
void network_train(struct network *network, int l, bool trained);

void network_free(struct network *network);

/* The class that the network tells for an image; `probabilities` has room for all of them. */
size_t network_tell(struct network *network, const float *pixels, double *probabilities);

/* Adds an image's gradients of the loss to those of the parameters that are trained; returns the loss. */
double network_learn(struct network *network, const float *pixels, size_t label);

/* Takes a step against the gradients of `images` images, and sets them to 0. Frozen layers stay as they are.
 */
void network_step(struct network *network, size_t images, float rate);

#endif
