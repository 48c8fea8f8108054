/* SPDX-License-Identifier: BSD-3-Clause */
/* Which of a model's tensors are layers to rank, as views for the library. */
#ifndef KLDSEL_COMMON_LAYERS_H
#define KLDSEL_COMMON_LAYERS_H

#include <kldsel/kldsel.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"
#include "options.h"
#include "problem.h"

struct layer {
  const struct stored_tensor *stored;
  int32_t kind; /* kldsel_kind */
  int64_t filters, elements;
  unsigned char *moved; /* its weights, where they are not ranked as they are stored; else NULL */
};

enum skip {
  SKIP_FORMAT,
  SKIP_RANK_BELOW,
  SKIP_RANK_ABOVE,
  SKIP_EMPTY,
  SKIP_DENSE,
  SKIP_DTYPE,
  SKIP_NAME,
  SKIP_COUNT
};

struct skipped {
  const char *name;
  enum skip why;
  char *reason; /* with its numbers */
};

struct layers {
  struct layer *layers; /* in network order */
  kldsel_tensor **tensors;
  size_t count;
  struct skipped *skipped;
  size_t skipped_count;
};

/*
 * Borrows from `model`. With `in_order` the weights of layers that are not stored as OIHW are copied into
 * that order. No layer at all is a failure.
 */
bool layers_choose(const struct model *model, const struct options *options, bool in_order,
                   struct layers *layers, struct problem *problem);

void layers_free(struct layers *layers);

/* "3 tensors skipped: 2 of rank 0 or 1, 1 of an unread dtype", in new memory; NULL without memory. */
char *layers_skipped_text(const struct layers *layers);

/* Whether most convolutions look as if they were HWIO, though read as OIHW. */
bool layers_look_hwio(const struct layers *layers);

const char *layers_kind_name(const struct layer *layer);

#endif
