/* SPDX-License-Identifier: BSD-3-Clause */
#include "layer_set.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fill.h"
#include "support.h"

enum {
  ALIGNMENT = 64 /* layers begin on a cache line, as in frameworks */
};

static const struct {
  const char *name;
  struct convolutions (*layers)(void);
} networks[] = {
    {"vgg16", vgg16},
    {"resnet50", resnet50},
    {"inception-v3", inception_v3},
    {"densenet169", densenet169},
    {"mobilenet-v2", mobilenet_v2},
    {"vit-b16", vit_b16},
    {"vit-b16-block", vit_b16_block},
    {"llama-7b", llama_7b},
    {"llama-7b-block", llama_7b_block},
};

struct convolutions network_named(const char *name) {
  for (size_t n = 0; n < sizeof networks / sizeof *networks; n++)
    if (strcmp(networks[n].name, name) == 0) return networks[n].layers();
  fail("no such network", name);
}

void print_networks(FILE *to) {
  for (size_t n = 0; n < sizeof networks / sizeof *networks; n++) {
    struct convolutions net = networks[n].layers();
    fprintf(to, "%s\"%s\": [", n == 0 ? "{" : ", ", networks[n].name);
    for (size_t l = 0; l < net.count; l++)
      fprintf(to, "%s[%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 "]", l == 0 ? "" : ", ",
              net.at[l].filters, net.at[l].channels, net.at[l].height, net.at[l].width);
    fputs("]", to);
  }
  fputs("}", to);
}

static size_t layer_bytes(const struct layer_set *set, size_t layer) {
  return (size_t)convolution_weights(&set->layers[layer]) * fill_bytes(set->dtype);
}

/* Lays the layers out and draws what weights the buffer has room for. */
static struct layer_set *lay_out(struct layer_set *set, size_t most_bytes) {
  size_t end = 0, largest = 0;
  set->offsets = malloc(set->count * sizeof *set->offsets);
  if (!set->offsets) fail("out of memory", "");
  for (size_t l = 0; l < set->count; l++) {
    size_t bytes = (layer_bytes(set, l) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (most_bytes && end + bytes > most_bytes) end = 0;
    set->offsets[l] = end;
    end += bytes;
    if (end > set->bytes) set->bytes = end;
    if (bytes > largest) largest = bytes;
    set->weights += (size_t)convolution_weights(&set->layers[l]);
  }
  if (most_bytes && largest > most_bytes) fail("a layer is larger than the buffer", "");
  set->copies = malloc(sizeof *set->copies);
  if (!set->copies) fail("out of memory", "");
  set->buffer = set->copies[0] = take(set->bytes);
  set->copy_count = 1;
  memset(set->buffer, 0, set->bytes);
  size_t drawn = 0; /* bytes that have weights */
  for (size_t l = 0; l < set->count; l++) {
    if (set->offsets[l] < drawn) continue;
    fill_weights(set->buffer + set->offsets[l], set->dtype, (size_t)convolution_weights(&set->layers[l]),
                 (size_t)(convolution_weights(&set->layers[l]) / set->layers[l].filters), l);
    drawn = set->offsets[l] + layer_bytes(set, l);
  }
  return set;
}

static struct layer_set *new_set(size_t count, int32_t dtype, int32_t layout) {
  struct layer_set *set = calloc(1, sizeof *set);
  if (!set) fail("out of memory", "");
  *set = (struct layer_set){.count = count, .dtype = dtype, .layout = layout};
  set->layers = malloc(count * sizeof *set->layers);
  if (!set->layers) fail("out of memory", "");
  return set;
}

struct layer_set *layer_set_of_network(const char *name, size_t times, int32_t dtype, int32_t layout,
                                       size_t most_bytes) {
  struct convolutions net = network_named(name);
  struct layer_set *set = new_set(net.count * times, dtype, layout);
  for (size_t l = 0; l < set->count; l++) set->layers[l] = net.at[l % net.count];
  return lay_out(set, most_bytes);
}

struct layer_set *layer_set_of_shape(const struct convolution *shape, size_t count, int32_t dtype,
                                     int32_t layout) {
  struct layer_set *set = new_set(count, dtype, layout);
  for (size_t l = 0; l < count; l++) set->layers[l] = *shape;
  return lay_out(set, 0);
}

void layer_set_copy(struct layer_set *set, size_t bytes) {
  size_t count = set->copy_count, wanted = (bytes + set->bytes - 1) / set->bytes;
  if (wanted <= count) return;
  char **copies = realloc(set->copies, wanted * sizeof *copies);
  if (!copies) fail("out of memory", "");
  for (; count < wanted; count++) copies[count] = memcpy(take(set->bytes), copies[0], set->bytes);
  set->copies = copies;
  set->copy_count = wanted;
}

void layer_set_turn(struct layer_set *set) {
  set->turn = (set->turn + 1) % set->copy_count;
  set->buffer = set->copies[set->turn];
}

void layer_set_free(struct layer_set *set) {
  free(set->layers);
  free(set->offsets);
  for (size_t c = 0; c < set->copy_count; c++) give_back(set->copies[c], set->bytes);
  free(set->copies);
  free(set);
}

kldsel_tensor **layer_set_view(const struct layer_set *set, const kldsel_options *options) {
  kldsel_tensor **tensors = calloc(set->count, sizeof *tensors);
  if (!tensors) fail("out of memory", "");
  for (size_t l = 0; l < set->count; l++) {
    const struct convolution *c = &set->layers[l];
    const int64_t oihw[] = {c->filters, c->channels, c->height, c->width};
    const int64_t hwio[] = {c->height, c->width, c->channels, c->filters};
    check(kldsel_tensor_view(set->buffer + set->offsets[l], layer_bytes(set, l), set->dtype, 4,
                             set->layout == KLDSEL_LAYOUT_HWIO ? hwio : oihw, set->layout, options,
                             &tensors[l]));
  }
  return tensors;
}

void layer_set_unview(const struct layer_set *set, kldsel_tensor **tensors) {
  for (size_t l = 0; l < set->count; l++) kldsel_tensor_free(tensors[l]);
  free(tensors);
}
