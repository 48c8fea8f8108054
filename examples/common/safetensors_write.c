/* SPDX-License-Identifier: BSD-3-Clause */
#include "safetensors_write.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "output.h"

enum {
  LENGTH_BYTES = 8
};

static json_t *shape_of(const struct stored_tensor *tensor) {
  json_t *shape = json_array();
  for (size_t axis = 0; axis < tensor->rank; axis++)
    if (json_array_append_new(shape, json_integer(tensor->shape[axis])) != 0) {
      json_decref(shape);
      return NULL;
    }
  return shape;
}

static bool add_tensor(json_t *header, const struct stored_tensor *tensor, size_t begin,
                       struct problem *problem) {
  if (tensor->safetensors == NULL)
    return problem_set(problem, "tensor '%.200s': safetensors has no dtype %s", tensor->name,
                       tensor->dtype_name);
  if (tensor->rank > KLDSEL_MAX_RANK)
    return problem_set(problem, "tensor '%.200s': has %zu axes; must have %d at most to be written",
                       tensor->name, tensor->rank, KLDSEL_MAX_RANK);
  if (json_object_get(header, tensor->name) != NULL)
    return problem_set(problem, "two tensors have the name '%.200s'", tensor->name);
  const json_int_t from = (json_int_t)begin, to = from + (json_int_t)tensor->bytes;
  json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", tensor->safetensors, "shape", shape_of(tensor),
                            "data_offsets", from, to);
  return json_object_set_new(header, tensor->name, entry) == 0 || problem_out_of_memory(problem);
}

static bool add_metadata(json_t *header, const json_t *metadata, const char *ranking,
                         struct problem *problem) {
  if (metadata == NULL && ranking == NULL) return true;
  if (metadata != NULL && !json_is_object(metadata))
    return problem_set(problem, "__metadata__ is not an object");
  json_t *whole = metadata != NULL ? json_deep_copy(metadata) : json_object();
  if (whole == NULL ||
      (ranking != NULL && json_object_set_new(whole, RANKING_KEY, json_string(ranking)) != 0)) {
    json_decref(whole);
    return problem_out_of_memory(problem);
  }
  return json_object_set_new(header, "__metadata__", whole) == 0 || problem_out_of_memory(problem);
}

static bool fill_header(json_t *header, const struct model *model, const json_t *metadata,
                        const char *ranking, struct problem *problem) {
  if (!add_metadata(header, metadata, ranking, problem)) return false;
  size_t begin = 0;
  for (size_t i = 0; i < model->count; i++) {
    if (!add_tensor(header, &model->tensors[i], begin, problem)) return false;
    begin += model->tensors[i].bytes;
  }
  return true;
}

/* The header's length is a multiple of 8, so that the data are aligned. */
static void put_header(const char *text, FILE *file) {
  const size_t length = strlen(text), padded = (length + LENGTH_BYTES - 1) / LENGTH_BYTES * LENGTH_BYTES;
  for (int i = 0; i < LENGTH_BYTES; i++) putc((int)(padded >> 8 * i & 0xFF), file);
  fprintf(file, "%s%*s", text, (int)(padded - length), "");
}

bool safetensors_write(const struct model *model, const json_t *metadata, const char *ranking,
                       const char *path, struct problem *problem) {
  json_t *header = json_object();
  if (header == NULL) return problem_out_of_memory(problem);
  char *text = NULL;
  const bool filled = fill_header(header, model, metadata, ranking, problem);
  if (filled) text = json_dumps(header, JSON_COMPACT);
  json_decref(header);
  if (!filled) return false;
  if (text == NULL) return problem_out_of_memory(problem);
  FILE *file = output_open(path, problem);
  if (file != NULL) {
    put_header(text, file);
    for (size_t i = 0; i < model->count; i++)
      if (model->tensors[i].bytes > 0) fwrite(model->tensors[i].data, 1, model->tensors[i].bytes, file);
  }
  free(text);
  return file != NULL && output_close(file, problem);
}
