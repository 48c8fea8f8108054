/* SPDX-License-Identifier: BSD-3-Clause */
/* Which of a file's tensors are layers to rank, as views for the library. */
#ifndef KLDSEL_RANK_LAYERS_H
#define KLDSEL_RANK_LAYERS_H

#include <kldsel/kldsel.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "problem.h"
#include "safetensors.h"

struct layer {
  const struct stored_tensor *stored;
  int32_t kind; /* kldsel_kind */
  int64_t filters, elements;
};

enum skip {
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
  struct layer *layers; /* in the order of their data */
  kldsel_tensor **tensors;
  size_t count;
  struct skipped *skipped;
  size_t skipped_count;
};

/* Borrows from `file`. No layer at all is a failure. */
bool layers_choose(const struct safetensors *file, const struct options *options, struct layers *layers,
                   struct problem *problem);

void layers_free(struct layers *layers);

/* "3 tensors skipped: 2 of rank 0 or 1, 1 of an unread dtype", in new memory; NULL without memory. */
char *layers_skipped_text(const struct layers *layers);

/* Whether most convolutions look as if they were HWIO, though read as OIHW. */
bool layers_look_hwio(const struct layers *layers);

const char *layers_kind_name(const struct layer *layer);

#endif
