/* SPDX-License-Identifier: BSD-3-Clause */
#include "layers.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "filters_first.h"
#include "text.h"

static bool matches(char *const *patterns, const char *name) {
  for (size_t i = 0; patterns != NULL && patterns[i] != NULL; i++)
    if (fnmatch(patterns[i], name, 0) == 0) return true;
  return false;
}

/* The reason to skip a tensor, in new memory, and its class; NULL for a layer, or without memory. */
static char *reason_to_skip(const struct stored_tensor *stored, const struct options *options,
                            enum skip *why) {
  *why = SKIP_FORMAT;
  if (stored->reason != NULL) return text_format("%s", stored->reason);
  *why = SKIP_RANK_BELOW;
  if (stored->rank < 2) return text_format("rank %zu: a bias or normalisation, no layer", stored->rank);
  *why = SKIP_RANK_ABOVE;
  if (stored->rank > KLDSEL_MAX_RANK)
    return text_format("rank %zu: more than %d axes", stored->rank, KLDSEL_MAX_RANK);
  *why = SKIP_EMPTY;
  for (size_t axis = 0; axis < stored->rank; axis++)
    if (stored->shape[axis] == 0) return text_format("no elements: shape[%zu] is 0", axis);
  *why = SKIP_DENSE;
  if (stored->rank == 2 && !options->dense) return text_format("dense: ranked with --dense only");
  *why = SKIP_DTYPE;
  if (stored->dtype == 0) return text_format("dtype %s is not read", stored->dtype_name);
  *why = SKIP_NAME;
  if ((options->include != NULL && !matches(options->include, stored->name)) ||
      matches(options->exclude, stored->name))
    return text_format("left out by --include or --exclude");
  *why = SKIP_COUNT;
  return NULL;
}

/* Frameworks that put a convolution's filters first do so in dense layers, too, whatever they do where a
 * convolution is transposed or depthwise. */
static int32_t layout_of(const struct options *options, const struct stored_tensor *stored) {
  if (stored->layout != 0) return stored->layout;
  if (stored->rank > 2) return options->layout != 0 ? options->layout : KLDSEL_LAYOUT_OIHW;
  switch (options->layout) {
  case KLDSEL_LAYOUT_HWIO:
  case KLDSEL_LAYOUT_HWIM:
  case KLDSEL_LAYOUT_HWOI:
    return KLDSEL_LAYOUT_IO;
  default:
    return KLDSEL_LAYOUT_OI;
  }
}

static bool add_layer(const struct stored_tensor *stored, const struct options *options, bool in_order,
                      struct layers *layers, struct problem *problem) {
  struct layer *layer = &layers->layers[layers->count];
  kldsel_tensor **tensor = &layers->tensors[layers->count];
  const int32_t rank = (int32_t)stored->rank;
  int32_t layout = layout_of(options, stored);
  struct filters_first ordered = {.data = stored->data};
  memcpy(ordered.shape, stored->shape, sizeof ordered.shape);
  if (in_order) {
    if (!filters_first(stored, layout, &ordered, problem)) return false;
    layout = rank > 2 ? KLDSEL_LAYOUT_OIHW : KLDSEL_LAYOUT_OI;
  }
  layer->stored = stored;
  layer->moved = ordered.owned;
  /* Counted even if what follows fails, so that the weights are given back. */
  layers->count++;
  if (kldsel_layer_kind(rank, ordered.shape, &layer->kind) != KLDSEL_OK ||
      kldsel_tensor_view(ordered.data, stored->bytes, stored->dtype, rank, ordered.shape, layout, NULL,
                         tensor) != KLDSEL_OK)
    return problem_set(problem, "tensor '%.200s': %s", stored->name, kldsel_last_error());
  layer->filters = kldsel_tensor_filters(*tensor);
  layer->elements = kldsel_tensor_elements(*tensor);
  return true;
}

static bool sort_out(const struct model *model, const struct options *options, bool in_order,
                     struct layers *layers, struct problem *problem) {
  const size_t room = model->count + 1;
  layers->layers = calloc(room, sizeof *layers->layers);
  layers->tensors = calloc(room, sizeof *layers->tensors);
  layers->skipped = calloc(room, sizeof *layers->skipped);
  if (layers->layers == NULL || layers->tensors == NULL || layers->skipped == NULL)
    return problem_out_of_memory(problem);
  for (size_t i = 0; i < model->count; i++) {
    const struct stored_tensor *stored = &model->tensors[i];
    enum skip why;
    char *reason = reason_to_skip(stored, options, &why);
    if (reason != NULL)
      layers->skipped[layers->skipped_count++] = (struct skipped){stored->name, why, reason};
    else if (why != SKIP_COUNT)
      return problem_out_of_memory(problem);
    else if (!add_layer(stored, options, in_order, layers, problem))
      return false;
  }
  return true;
}

bool layers_choose(const struct model *model, const struct options *options, bool in_order,
                   struct layers *layers, struct problem *problem) {
  *layers = (struct layers){0};
  bool chosen = sort_out(model, options, in_order, layers, problem);
  if (chosen && layers->count == 0) {
    char *skipped = layers_skipped_text(layers);
    chosen = problem_set(problem, "no layer to rank: %s", skipped != NULL ? skipped : "out of memory");
    free(skipped);
  }
  if (!chosen) layers_free(layers);
  return chosen;
}

void layers_free(struct layers *layers) {
  for (size_t i = 0; i < layers->count; i++) {
    kldsel_tensor_free(layers->tensors[i]);
    free(layers->layers[i].moved);
  }
  for (size_t i = 0; i < layers->skipped_count; i++) free(layers->skipped[i].reason);
  free(layers->layers);
  free(layers->tensors);
  free(layers->skipped);
  *layers = (struct layers){0};
}

char *layers_skipped_text(const struct layers *layers) {
  static const char *const classes[SKIP_COUNT] = {
      [SKIP_FORMAT] = "that are no layers",   [SKIP_RANK_BELOW] = "of rank 0 or 1",
      [SKIP_RANK_ABOVE] = "of too many axes", [SKIP_EMPTY] = "without elements",
      [SKIP_DENSE] = "dense (--dense)",       [SKIP_DTYPE] = "of an unread dtype",
      [SKIP_NAME] = "left out by name"};
  size_t counts[SKIP_COUNT] = {0};
  for (size_t i = 0; i < layers->skipped_count; i++) counts[layers->skipped[i].why]++;
  char *text = layers->skipped_count == 1 ? text_format("1 tensor skipped")
                                          : text_format("%zu tensors skipped", layers->skipped_count);
  const char *separator = ": ";
  for (int why = 0; why < SKIP_COUNT && text != NULL; why++) {
    if (counts[why] == 0) continue;
    char *longer = text_format("%s%s%zu %s", text, separator, counts[why], classes[why]);
    free(text);
    text = longer;
    separator = ", ";
  }
  return text;
}

bool layers_look_hwio(const struct layers *layers) {
  size_t convolutions = 0, hwio = 0;
  for (size_t i = 0; i < layers->count; i++) {
    const struct stored_tensor *stored = layers->layers[i].stored;
    if (stored->rank != 4 || stored->layout != 0) continue;
    const int64_t *shape = stored->shape;
    convolutions++;
    if (shape[0] == shape[1] && shape[0] <= 11 && shape[3] > shape[0] && shape[2] != shape[3]) hwio++;
  }
  return 2 * hwio > convolutions;
}

const char *layers_kind_name(const struct layer *layer) {
  return layer->kind == KLDSEL_KIND_CONVOLUTION ? "convolution" : "dense";
}
