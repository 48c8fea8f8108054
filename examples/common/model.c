/* SPDX-License-Identifier: BSD-3-Clause */
#include "model.h"

#include <jansson.h>

bool model_check_names(const struct model *model, struct problem *problem) {
  for (size_t i = 0; i < model->count; i++) {
    json_t *name = json_string(model->tensors[i].name);
    if (name == NULL)
      return problem_set(problem, "the name of tensor %zu, '%.200s', is not UTF-8", i,
                         model->tensors[i].name);
    json_decref(name);
  }
  return true;
}
