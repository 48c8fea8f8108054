/* SPDX-License-Identifier: BSD-3-Clause */
#include "network_file.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static unsigned char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  ck_assert_msg(file, "cannot open %s", path);
  ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
  long end = ftell(file);
  ck_assert_int_gt(end, 8);
  rewind(file);
  *size = (size_t)end;
  unsigned char *bytes = malloc(*size);
  ck_assert_ptr_nonnull(bytes);
  ck_assert_uint_eq(fread(bytes, 1, *size, file), *size);
  fclose(file);
  return bytes;
}

/* A convolution of the file; begin is where its weights start among the data. */
struct entry {
  size_t begin;
  struct layer layer;
};

static int by_begin(const void *a, const void *b) {
  size_t x = ((const struct entry *)a)->begin, y = ((const struct entry *)b)->begin;
  return (x > y) - (x < y);
}

static struct entry read_entry(const char *name, const json_t *info, const unsigned char *data, size_t size) {
  const json_t *shape = json_object_get(info, "shape");
  const json_t *offsets = json_object_get(info, "data_offsets");
  ck_assert_str_eq(json_string_value(json_object_get(info, "dtype")), "F32");
  int64_t filters = json_integer_value(json_array_get(shape, 0));
  int64_t channels = json_integer_value(json_array_get(shape, 1));
  int64_t kernel = 1;
  for (size_t axis = 2; axis < json_array_size(shape); axis++)
    kernel *= json_integer_value(json_array_get(shape, axis));
  size_t begin = (size_t)json_integer_value(json_array_get(offsets, 0));
  size_t end = (size_t)json_integer_value(json_array_get(offsets, 1));
  size_t n = (size_t)(filters * channels * kernel);
  ck_assert_uint_eq(end - begin, n * sizeof(float));
  ck_assert_uint_le(end, size);
  double *weights = malloc(n * sizeof *weights);
  ck_assert_ptr_nonnull(weights);
  for (size_t e = 0; e < n; e++) {
    const unsigned char *at = data + begin + e * sizeof(float);
    uint32_t bits = (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
    float weight;
    memcpy(&weight, &bits, sizeof weight);
    weights[e] = (double)weight;
  }
  struct entry entry = {begin, layer_from(name, filters, channels, kernel, weights)};
  free(weights);
  return entry;
}

struct layer *network_read(const char *path, size_t *count) {
  size_t size;
  unsigned char *bytes = read_file(path, &size);
  size_t header = 0;
  for (int b = 7; b >= 0; b--) header = header << 8 | bytes[b];
  ck_assert_uint_lt(header, size - 8);
  json_error_t error;
  json_t *root = json_loadb((const char *)bytes + 8, header, JSON_REJECT_DUPLICATES, &error);
  ck_assert_msg(root, "%s: %s", path, error.text);
  struct entry *entries = calloc(json_object_size(root), sizeof *entries);
  ck_assert_ptr_nonnull(entries);
  *count = 0;
  const char *name;
  json_t *info;
  json_object_foreach(root, name, info) {
    if (json_array_size(json_object_get(info, "shape")) >= 3)
      entries[(*count)++] = read_entry(name, info, bytes + 8 + header, size - 8 - header);
  }
  json_decref(root);
  free(bytes);
  qsort(entries, *count, sizeof *entries, by_begin);
  struct layer *layers = calloc(*count + 1, sizeof *layers);
  ck_assert_ptr_nonnull(layers);
  for (size_t l = 0; l < *count; l++) layers[l] = entries[l].layer;
  free(entries);
  return layers;
}
