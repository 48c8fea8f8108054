/* SPDX-License-Identifier: BSD-3-Clause */
#include "safetensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "json_text.h"
#include "mapping.h"

struct safetensors {
  unsigned char *map;
  size_t map_bytes;
  json_t *header; /* owns the names */
};

/* The format's own limit. */
#define MOST_HEADER_BYTES 100000000
#define LENGTH_BYTES 8

static const struct dtype {
  const char *name;
  uint64_t bits;
  int32_t dtype;
} dtypes[] = {
    {"F64", 64, KLDSEL_DTYPE_F64},
    {"F32", 32, KLDSEL_DTYPE_F32},
    {"F16", 16, KLDSEL_DTYPE_F16},
    {"BF16", 16, KLDSEL_DTYPE_BF16},
    {"C64", 64, 0},
    {"I64", 64, 0},
    {"U64", 64, 0},
    {"I32", 32, 0},
    {"U32", 32, 0},
    {"I16", 16, 0},
    {"U16", 16, 0},
    {"I8", 8, 0},
    {"U8", 8, 0},
    {"BOOL", 8, 0},
};

static bool parse_header(struct safetensors *file, size_t length, struct problem *problem) {
  const char *text = (const char *)file->map + LENGTH_BYTES;
  if (length == 0 || text[0] != '{') return problem_set(problem, "header does not begin with '{'");
  file->header = json_text_parse(text, length, JSON_REJECT_DUPLICATES, "header", problem);
  return file->header != NULL;
}

/* Reads a JSON array's element as a count. */
static bool read_count(const json_t *array, size_t i, const char *name, const char *field, uint64_t *count,
                       struct problem *problem) {
  const json_t *value = json_array_get(array, i);
  if (!json_is_integer(value))
    return problem_set(problem, "tensor '%.200s': %s[%zu] is not an integer", name, field, i);
  const json_int_t number = json_integer_value(value);
  if (number < 0)
    return problem_set(problem, "tensor '%.200s': %s[%zu] is %" JSON_INTEGER_FORMAT "; must be >= 0", name,
                       field, i, number);
  *count = (uint64_t)number;
  return true;
}

/* Reads the shape and counts the elements. */
static bool read_shape(const json_t *shape, struct stored_tensor *tensor, uint64_t *elements,
                       struct problem *problem) {
  if (!json_is_array(shape))
    return problem_set(problem, "tensor '%.200s': shape is not an array", tensor->name);
  tensor->rank = json_array_size(shape);
  bool overflow = false, empty = false;
  *elements = 1;
  for (size_t axis = 0; axis < tensor->rank; axis++) {
    uint64_t extent = 0;
    if (!read_count(shape, axis, tensor->name, "shape", &extent, problem)) return false;
    if (axis < KLDSEL_MAX_RANK) tensor->shape[axis] = (int64_t)extent;
    empty = empty || extent == 0;
    overflow = overflow || (extent > 0 && *elements > UINT64_MAX / extent);
    if (!overflow && extent > 0) *elements *= extent;
  }
  if (empty)
    *elements = 0;
  else if (overflow)
    return problem_set(problem, "tensor '%.200s': shape overflows", tensor->name);
  return true;
}

static bool read_dtype(const json_t *dtype, struct stored_tensor *tensor, uint64_t elements,
                       struct problem *problem) {
  if (!json_is_string(dtype))
    return problem_set(problem, "tensor '%.200s': dtype is not a string", tensor->name);
  tensor->dtype_name = json_string_value(dtype);
  tensor->safetensors = tensor->dtype_name;
  for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
    if (strcmp(dtypes[i].name, tensor->dtype_name) != 0) continue;
    tensor->dtype = dtypes[i].dtype;
    const uint64_t bytes = dtypes[i].bits / 8;
    if (elements > UINT64_MAX / bytes || elements * bytes != tensor->bytes)
      return problem_set(problem, "tensor '%.200s': %" PRIu64 " elements of %s in %zu bytes", tensor->name,
                         elements, tensor->dtype_name, tensor->bytes);
  }
  return true;
}

static bool read_offsets(const json_t *offsets, const struct safetensors *file, size_t data_begin,
                         struct stored_tensor *tensor, struct problem *problem) {
  if (json_array_size(offsets) != 2)
    return problem_set(problem, "tensor '%.200s': data_offsets is not an array of two", tensor->name);
  const size_t data_bytes = file->map_bytes - data_begin;
  uint64_t begin = 0, end = 0;
  if (!read_count(offsets, 0, tensor->name, "data_offsets", &begin, problem)) return false;
  if (!read_count(offsets, 1, tensor->name, "data_offsets", &end, problem)) return false;
  if (begin > end)
    return problem_set(problem, "tensor '%.200s': data_offsets [%" PRIu64 ", %" PRIu64 "] run backwards",
                       tensor->name, begin, end);
  if (end > data_bytes)
    return problem_set(problem, "tensor '%.200s': data_offsets end at byte %" PRIu64 " of %zu", tensor->name,
                       end, data_bytes);
  tensor->data = file->map + data_begin + (size_t)begin;
  tensor->bytes = (size_t)(end - begin);
  return true;
}

static bool read_entry(const char *name, const json_t *entry, const struct safetensors *file,
                       size_t data_begin, struct stored_tensor *tensor, struct problem *problem) {
  uint64_t elements = 0;
  tensor->name = name;
  if (!json_is_object(entry)) return problem_set(problem, "tensor '%.200s' is not an object", name);
  return read_offsets(json_object_get(entry, "data_offsets"), file, data_begin, tensor, problem) &&
         read_shape(json_object_get(entry, "shape"), tensor, &elements, problem) &&
         read_dtype(json_object_get(entry, "dtype"), tensor, elements, problem);
}

/* By begin, then end (an empty tensor first), then name, so that the order does not hang on qsort(). */
static int compare_places(const void *left, const void *right) {
  const struct stored_tensor *a = left, *b = right;
  if (a->data != b->data) return a->data < b->data ? -1 : 1;
  if (a->bytes != b->bytes) return a->bytes < b->bytes ? -1 : 1;
  return strcmp(a->name, b->name);
}

/* The format wants the data without gaps, which could hide something, and without overlaps. */
static bool check_places(const struct model *model, const unsigned char *begin, const unsigned char *end,
                         struct problem *problem) {
  const unsigned char *place = begin;
  for (size_t i = 0; i < model->count; i++) {
    const struct stored_tensor *tensor = &model->tensors[i];
    if (tensor->data < place)
      return problem_set(problem, "tensors '%.200s' and '%.200s' overlap", model->tensors[i - 1].name,
                         tensor->name);
    if (tensor->data > place)
      return problem_set(problem,
                         "tensor '%.200s' begins at byte %zu of the data; must be %zu, without a gap",
                         tensor->name, (size_t)(tensor->data - begin), (size_t)(place - begin));
    place += tensor->bytes;
  }
  return place == end || problem_set(problem, "the tensors end at byte %zu of the data, but those have %zu",
                                     (size_t)(place - begin), (size_t)(end - begin));
}

static bool read_tensors(const struct safetensors *file, size_t data_begin, struct model *model,
                         struct problem *problem) {
  const size_t size = json_object_size(file->header);
  model->tensors = calloc(size + 1, sizeof *model->tensors);
  if (model->tensors == NULL) return problem_out_of_memory(problem);
  const char *name;
  json_t *entry;
  json_object_foreach(file->header, name, entry) {
    if (strcmp(name, "__metadata__") == 0) continue;
    if (!read_entry(name, entry, file, data_begin, &model->tensors[model->count], problem)) return false;
    model->count++;
  }
  qsort(model->tensors, model->count, sizeof *model->tensors, compare_places);
  return check_places(model, file->map + data_begin, file->map + file->map_bytes, problem);
}

static bool read_file(const char *path, struct safetensors *file, struct model *model,
                      struct problem *problem) {
  if (!mapping_open(path, LENGTH_BYTES, &file->map, &file->map_bytes, problem)) return false;
  uint64_t length = 0;
  for (int i = LENGTH_BYTES - 1; i >= 0; i--) length = length << 8 | file->map[i];
  if (length > MOST_HEADER_BYTES)
    return problem_set(problem, "header length is %" PRIu64 "; must be <= %d", length, MOST_HEADER_BYTES);
  if (length > file->map_bytes - LENGTH_BYTES)
    return problem_set(problem, "header length is %" PRIu64 ", but %zu bytes follow", length,
                       file->map_bytes - LENGTH_BYTES);
  return parse_header(file, (size_t)length, problem) &&
         read_tensors(file, LENGTH_BYTES + (size_t)length, model, problem);
}

bool safetensors_open(const char *path, struct model *model, struct problem *problem) {
  struct safetensors *file = calloc(1, sizeof *file);
  *model = (struct model){.file = file};
  if (file == NULL) return problem_out_of_memory(problem);
  if (read_file(path, file, model, problem)) return true;
  safetensors_close(model);
  return false;
}

const json_t *safetensors_metadata(const struct model *model) {
  const struct safetensors *file = model->file;
  return json_object_get(file->header, "__metadata__");
}

void safetensors_close(struct model *model) {
  struct safetensors *file = model->file;
  free(model->tensors);
  json_decref(file->header);
  if (file->map != NULL) munmap(file->map, file->map_bytes);
  free(file);
  *model = (struct model){0};
}
