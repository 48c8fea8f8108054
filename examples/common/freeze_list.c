/* SPDX-License-Identifier: BSD-3-Clause */
#include "freeze_list.h"

#include <jansson.h>

#include "output.h"

/* Names of the layers that are selected, or that are not; NULL without memory. */
static json_t *names(const struct report *report, bool selected) {
  json_t *array = json_array();
  for (size_t i = 0; i < report->layers->count; i++) {
    if ((report->scores->selected[i] != 0) != selected) continue;
    if (json_array_append_new(array, json_string(report->layers->layers[i].stored->name)) != 0) {
      json_decref(array);
      return NULL;
    }
  }
  return array;
}

bool freeze_list_write(const struct report *report, const char *path, struct problem *problem) {
  json_t *list = json_pack("{s:i, s:o, s:o}", "kldsel_freeze_list", 1, "train", names(report, true), "freeze",
                           names(report, false));
  if (list == NULL) return problem_out_of_memory(problem);
  FILE *file = output_open(path, problem);
  if (file != NULL) {
    json_dumpf(list, file, JSON_INDENT(2));
    putc('\n', file);
  }
  json_decref(list);
  return file != NULL && output_close(file, problem);
}
