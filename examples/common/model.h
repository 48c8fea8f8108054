/* SPDX-License-Identifier: BSD-3-Clause */
/* What a file holds, whatever its format: tensors, and what the format tells of each. */
#ifndef KLDSEL_COMMON_MODEL_H
#define KLDSEL_COMMON_MODEL_H

#include <kldsel/kldsel.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "problem.h"

#ifdef __cplusplus
extern "C" {
#endif

struct stored_tensor {
  const char *name;        /* the format's own, any characters but NUL */
  const char *dtype_name;  /* as the format spells it */
  const char *safetensors; /* as safetensors spells it; NULL where that has no such dtype */
  int32_t dtype;           /* kldsel_dtype; 0 for the dtypes that the library does not read */
  int32_t layout;          /* kldsel_layout, where the format tells; else 0 */
  int64_t groups;          /* of a transposed convolution [in, out / groups, ...]; else 0 */
  const char *reason;      /* why it is no layer, where the format tells; else NULL */
  size_t rank;
  int64_t shape[KLDSEL_MAX_RANK]; /* the first extents, where rank is more */
  const unsigned char *data;      /* contiguous, the last axis fastest, in the machine's byte order */
  size_t bytes;
};

struct model {
  struct stored_tensor *tensors; /* in network order, as far as the format tells it */
  size_t count;
  void *file; /* the format's own; what the tensors point to */
};

/* Fails if a name is not UTF-8, which no report could show. */
bool model_check_names(const struct model *model, struct problem *problem);

#ifdef __cplusplus
}
#endif

#endif
