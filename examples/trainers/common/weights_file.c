/* SPDX-License-Identifier: BSD-3-Clause */
#include "weights_file.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t bytes_of(const struct weights *weights) {
  size_t bytes = sizeof *weights->values;
  for (int axis = 0; axis < weights->rank; axis++) bytes *= (size_t)weights->shape[axis];
  return bytes;
}

/* New text, or NULL without memory. Jansson ignores what could not be made and fails at the end. */
static char *make_header(const struct weights *weights, size_t count) {
  json_t *header = json_object();
  json_int_t end = 0;
  int failed = header == NULL;
  for (size_t i = 0; i < count && !failed; i++) {
    json_t *shape = json_array();
    for (int axis = 0; axis < weights[i].rank; axis++)
      failed |= json_array_append_new(shape, json_integer(weights[i].shape[axis]));
    const json_int_t begin = end;
    end += (json_int_t)bytes_of(&weights[i]);
    failed |= json_object_set_new(
        header, weights[i].name,
        json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets", begin, end));
  }
  char *text = failed ? NULL : json_dumps(header, JSON_COMPACT);
  json_decref(header);
  return text;
}

static bool write_all(FILE *file, const char *header, const struct weights *weights, size_t count) {
  unsigned char length[8];
  const size_t header_bytes = strlen(header);
  for (size_t i = 0; i < sizeof length; i++) length[i] = (unsigned char)((uint64_t)header_bytes >> 8 * i);
  bool done = fwrite(length, 1, sizeof length, file) == sizeof length &&
              fwrite(header, 1, header_bytes, file) == header_bytes;
  for (size_t i = 0; i < count && done; i++)
    done = fwrite(weights[i].values, 1, bytes_of(&weights[i]), file) == bytes_of(&weights[i]);
  return done;
}

bool weights_save(const char *folder, const char *name, const struct weights *weights, size_t count,
                  struct problem *problem) {
  char path[1024];
  const int length = snprintf(path, sizeof path, "%s/%s.safetensors", folder, name);
  if (length < 0 || (size_t)length >= sizeof path)
    return problem_set(problem, "--save '%.200s...': is too long", folder);
  char *header = make_header(weights, count);
  if (header == NULL) return problem_out_of_memory(problem);
  FILE *file = fopen(path, "wb");
  bool done = file != NULL && write_all(file, header, weights, count);
  if (file != NULL) done = fclose(file) == 0 && done;
  free(header);
  return done || problem_set(problem, "%.500s: %s", path, strerror(errno));
}
