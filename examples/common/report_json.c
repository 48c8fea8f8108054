/* SPDX-License-Identifier: BSD-3-Clause */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "report.h"
#include "text.h"

/* 17 digits give the same double back. */
#define JSON_FLAGS (JSON_INDENT(2) | JSON_REAL_PRECISION(17))

static json_t *scores_of(const struct scores *scores, size_t layer) {
  json_t *object = json_object();
  for (int method = 0; method < METHOD_COUNT; method++) {
    if (scores->score[method] == NULL) continue;
    const double score = scores->score[method][layer];
    json_t *value = isfinite(score) ? json_real(score) : json_null();
    if (json_object_set_new(object, methods[method].name, value) != 0) {
      json_decref(object);
      return NULL;
    }
  }
  return object;
}

static json_t *layer_of(const struct report *report, size_t layer) {
  const struct scores *scores = report->scores;
  const struct layer *chosen = &report->layers->layers[layer];
  return json_pack("{s:s, s:s, s:I, s:I, s:o, s:I, s:b, s:s?}", "name", chosen->stored->name, "kind",
                   layers_kind_name(chosen), "filters", (json_int_t)chosen->filters, "elements",
                   (json_int_t)chosen->elements, "scores", scores_of(scores, layer), "rank",
                   (json_int_t)scores->rank[layer] + 1, "selected", (int)scores->selected[layer], "reason",
                   scores->reason[layer]);
}

static json_t *layers_of(const struct report *report) {
  json_t *array = json_array();
  for (size_t i = 0; i < report->layers->count; i++) {
    if (json_array_append_new(array, layer_of(report, i)) != 0) {
      json_decref(array);
      return NULL;
    }
  }
  return array;
}

static json_t *skipped_of(const struct layers *layers) {
  json_t *array = json_array();
  for (size_t i = 0; i < layers->skipped_count; i++) {
    const struct skipped *skipped = &layers->skipped[i];
    if (json_array_append_new(
            array, json_pack("{s:s, s:s}", "name", skipped->name, "reason", skipped->reason)) != 0) {
      json_decref(array);
      return NULL;
    }
  }
  return array;
}

/* A path can be any bytes, JSON cannot. */
static json_t *model_of(const char *path) {
  json_t *model = json_string(path);
  if (model != NULL) return model;
  char *printable = text_printable(path);
  model = printable != NULL ? json_string(printable) : NULL;
  free(printable);
  return model;
}

static json_t *root_of(const struct report *report) {
  const struct options *options = report->options;
  return json_pack("{s:o, s:s, s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:f, s:s, s:s}", "model",
                   model_of(options->file), "method", options_method_name(options), "reference",
                   options_reference_name(options), "layers", layers_of(report), "skipped",
                   skipped_of(report->layers), "order", options_order_name(report->scores->first),
                   "granularity", options_granularity_name(options), "distribution",
                   options_distribution_name(options), "alignment", options_alignment_name(options),
                   "temperature", options->temperature, "layout", options_layout_name(options), "version",
                   kldsel_version_string());
}

char *report_record(const struct report *report) {
  json_t *root = root_of(report);
  if (root == NULL) return NULL;
  json_object_del(root, "model");
  char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17));
  json_decref(root);
  return text;
}

bool report_json(const struct report *report, struct problem *problem) {
  json_t *root = root_of(report);
  if (root == NULL) return problem_out_of_memory(problem);
  char *text = json_dumps(root, JSON_FLAGS);
  json_decref(root);
  if (text == NULL) return problem_out_of_memory(problem);
  puts(text);
  free(text);
  return true;
}
