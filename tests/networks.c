/* SPDX-License-Identifier: BSD-3-Clause */
#include "networks.h"

#include <assert.h>

int64_t convolution_weights(const struct convolution *convolution) {
  return convolution->filters * convolution->channels * convolution->height * convolution->width;
}

/* Appends a convolution and gives the channels that come out of it. */
static int64_t add(struct convolutions *net, int64_t channels, int64_t filters, int64_t height,
                   int64_t width) {
  assert(net->count < NETWORK_CAPACITY);
  net->at[net->count++] = (struct convolution){filters, channels, height, width};
  return filters;
}

/* ---- VGG16: blocks of 3 x 3 convolutions ---- */

struct convolutions vgg16(void) {
  static const struct {
    int layers;
    int64_t filters;
  } blocks[] = {{2, 64}, {2, 128}, {3, 256}, {3, 512}, {3, 512}};
  struct convolutions net = {0};
  int64_t channels = 3;
  for (int b = 0; b < 5; b++)
    for (int l = 0; l < blocks[b].layers; l++) channels = add(&net, channels, blocks[b].filters, 3, 3);
  return net;
}

/* ---- ResNet50: bottlenecks, the first of each stage with a projection beside it ---- */

struct convolutions resnet50(void) {
  static const int blocks[] = {3, 4, 6, 3};
  struct convolutions net = {0};
  int64_t channels = add(&net, 3, 64, 7, 7);
  for (int stage = 0; stage < 4; stage++) {
    int64_t width = 64 << stage;
    for (int b = 0; b < blocks[stage]; b++) {
      if (b == 0) add(&net, channels, 4 * width, 1, 1);
      add(&net, channels, width, 1, 1);
      add(&net, width, width, 3, 3);
      channels = add(&net, width, 4 * width, 1, 1);
    }
  }
  return net;
}

/* ---- InceptionV3: a stem and eleven mixed blocks of parallel branches ---- */

/* Blocks 0 to 2, 35 x 35. */
static int64_t mixed_35(struct convolutions *net, int64_t channels, int64_t pooled) {
  add(net, channels, 64, 1, 1);
  add(net, add(net, channels, 48, 1, 1), 64, 5, 5);
  add(net, add(net, add(net, channels, 64, 1, 1), 96, 3, 3), 96, 3, 3);
  add(net, channels, pooled, 1, 1);
  return 64 + 64 + 96 + pooled;
}

/* Block 3, from 35 x 35 to 17 x 17; the pooling branch has no weights. */
static int64_t reduce_35(struct convolutions *net, int64_t channels) {
  add(net, channels, 384, 3, 3);
  add(net, add(net, add(net, channels, 64, 1, 1), 96, 3, 3), 96, 3, 3);
  return 384 + 96 + channels;
}

/* Blocks 4 to 7, 17 x 17: 7 x 7 convolutions as pairs of 1 x 7 and 7 x 1. */
static int64_t mixed_17(struct convolutions *net, int64_t channels, int64_t width) {
  add(net, channels, 192, 1, 1);
  int64_t once = add(net, channels, width, 1, 1);
  once = add(net, once, width, 1, 7);
  add(net, once, 192, 7, 1);
  int64_t twice = add(net, channels, width, 1, 1);
  twice = add(net, twice, width, 7, 1);
  twice = add(net, twice, width, 1, 7);
  twice = add(net, twice, width, 7, 1);
  add(net, twice, 192, 1, 7);
  add(net, channels, 192, 1, 1);
  return 4 * 192;
}

/* Block 8, from 17 x 17 to 8 x 8. */
static int64_t reduce_17(struct convolutions *net, int64_t channels) {
  add(net, add(net, channels, 192, 1, 1), 320, 3, 3);
  int64_t branch = add(net, channels, 192, 1, 1);
  branch = add(net, branch, 192, 1, 7);
  branch = add(net, branch, 192, 7, 1);
  add(net, branch, 192, 3, 3);
  return 320 + 192 + channels;
}

/* Blocks 9 and 10, 8 x 8: two branches end in a 1 x 3 and a 3 x 1 side by side. */
static int64_t mixed_8(struct convolutions *net, int64_t channels) {
  add(net, channels, 320, 1, 1);
  int64_t once = add(net, channels, 384, 1, 1);
  add(net, once, 384, 1, 3);
  add(net, once, 384, 3, 1);
  int64_t twice = add(net, add(net, channels, 448, 1, 1), 384, 3, 3);
  add(net, twice, 384, 1, 3);
  add(net, twice, 384, 3, 1);
  add(net, channels, 192, 1, 1);
  return 320 + 2 * 384 + 2 * 384 + 192;
}

struct convolutions inception_v3(void) {
  static const int64_t pooled[] = {32, 64, 64}, widths[] = {128, 160, 160, 192};
  struct convolutions net = {0};
  int64_t channels = add(&net, 3, 32, 3, 3);
  channels = add(&net, channels, 32, 3, 3);
  channels = add(&net, channels, 64, 3, 3);
  channels = add(&net, channels, 80, 1, 1);
  channels = add(&net, channels, 192, 3, 3);
  for (int b = 0; b < 3; b++) channels = mixed_35(&net, channels, pooled[b]);
  channels = reduce_35(&net, channels);
  for (int b = 0; b < 4; b++) channels = mixed_17(&net, channels, widths[b]);
  channels = reduce_17(&net, channels);
  for (int b = 0; b < 2; b++) channels = mixed_8(&net, channels);
  return net;
}

/* ---- DenseNet169: each layer adds 32 channels by a bottleneck of 128; transitions halve them ---- */

struct convolutions densenet169(void) {
  static const int layers[] = {6, 12, 32, 32};
  enum {
    GROWTH = 32,
    BOTTLENECK = 4 * GROWTH
  };
  struct convolutions net = {0};
  int64_t channels = add(&net, 3, 64, 7, 7);
  for (int block = 0; block < 4; block++) {
    for (int l = 0; l < layers[block]; l++)
      channels += add(&net, add(&net, channels, BOTTLENECK, 1, 1), GROWTH, 3, 3);
    if (block < 3) channels = add(&net, channels, channels / 2, 1, 1);
  }
  return net;
}

/* ---- MobileNetV2: a 1 x 1 convolution that widens, a depthwise one, and a 1 x 1 that narrows ---- */

struct convolutions mobilenet_v2(void) {
  static const struct {
    int widening, blocks;
    int64_t filters;
  } stages[] = {{1, 1, 16}, {6, 2, 24}, {6, 3, 32}, {6, 4, 64}, {6, 3, 96}, {6, 3, 160}, {6, 1, 320}};
  struct convolutions net = {0};
  int64_t channels = add(&net, 3, 32, 3, 3);
  for (size_t s = 0; s < sizeof stages / sizeof *stages; s++)
    for (int b = 0; b < stages[s].blocks; b++) {
      int64_t wide = channels * stages[s].widening;
      if (stages[s].widening > 1) add(&net, channels, wide, 1, 1);
      add(&net, 1, wide, 3, 3);
      channels = add(&net, wide, stages[s].filters, 1, 1);
    }
  add(&net, channels, 1280, 1, 1);
  return net;
}

/* ---- transformers: dense layers only ---- */

/* Queries, keys and values as one matrix, the projection out of attention, two of the perceptron. */
static void add_vit_block(struct convolutions *net) {
  enum {
    WIDTH = 768
  };
  add(net, WIDTH, 3 * WIDTH, 1, 1);
  add(net, WIDTH, WIDTH, 1, 1);
  add(net, add(net, WIDTH, 4 * WIDTH, 1, 1), WIDTH, 1, 1);
}

struct convolutions vit_b16_block(void) {
  struct convolutions net = {0};
  add_vit_block(&net);
  return net;
}

struct convolutions vit_b16(void) {
  struct convolutions net = {0};
  for (int b = 0; b < 12; b++) add_vit_block(&net);
  add(&net, 768, 1000, 1, 1);
  return net;
}

enum {
  LLAMA_WIDTH = 4096,
  LLAMA_WORDS = 32000
};

/* Queries, keys, values, the projection out of attention; gate, up and down of the perceptron. */
static void add_llama_block(struct convolutions *net) {
  enum {
    HIDDEN = 11008
  };
  for (int m = 0; m < 4; m++) add(net, LLAMA_WIDTH, LLAMA_WIDTH, 1, 1);
  for (int m = 0; m < 2; m++) add(net, LLAMA_WIDTH, HIDDEN, 1, 1);
  add(net, HIDDEN, LLAMA_WIDTH, 1, 1);
}

struct convolutions llama_7b_block(void) {
  struct convolutions net = {0};
  add_llama_block(&net);
  return net;
}

struct convolutions llama_7b(void) {
  struct convolutions net = {0};
  add(&net, LLAMA_WIDTH, LLAMA_WORDS, 1, 1);
  for (int b = 0; b < 32; b++) add_llama_block(&net);
  add(&net, LLAMA_WIDTH, LLAMA_WORDS, 1, 1);
  return net;
}
