/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes weights in the safetensors format. */
#ifndef KLDSEL_TRAINERS_WEIGHTS_FILE_H
#define KLDSEL_TRAINERS_WEIGHTS_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "problem.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weights {
  const char *name;
  int rank;
  const int64_t *shape;
  const float *values; /* contiguous */
};

/* Writes `folder`/`name`.safetensors, its data in the order of `weights`. */
bool weights_save(const char *folder, const char *name, const struct weights *weights, size_t count,
                  struct problem *problem);

#ifdef __cplusplus
}
#endif

#endif
