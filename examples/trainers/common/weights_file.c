/* SPDX-License-Identifier: BSD-3-Clause */
#include "weights_file.h"

#include <stdio.h>
#include <stdlib.h>

#include "safetensors_write.h"

static struct stored_tensor stored(const struct weights *weights) {
  struct stored_tensor tensor = {.name = weights->name,
                                 .dtype_name = "F32",
                                 .safetensors = "F32",
                                 .rank = (size_t)weights->rank,
                                 .data = (const unsigned char *)weights->values,
                                 .bytes = sizeof *weights->values};
  for (size_t axis = 0; axis < tensor.rank; axis++) {
    tensor.shape[axis] = weights->shape[axis];
    tensor.bytes *= (size_t)weights->shape[axis];
  }
  return tensor;
}

bool weights_save(const char *folder, const char *name, const struct weights *weights, size_t count,
                  struct problem *problem) {
  char path[1024];
  const int length = snprintf(path, sizeof path, "%s/%s.safetensors", folder, name);
  if (length < 0 || (size_t)length >= sizeof path)
    return problem_set(problem, "--save '%.200s...': is too long", folder);
  struct model model = {.tensors = calloc(count, sizeof *model.tensors), .count = count};
  if (model.tensors == NULL) return problem_out_of_memory(problem);
  for (size_t i = 0; i < count; i++) model.tensors[i] = stored(&weights[i]);
  const bool saved = safetensors_write(&model, NULL, NULL, path, problem);
  free(model.tensors);
  return saved;
}
