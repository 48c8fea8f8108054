/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KLDSEL_COMMON_SAFETENSORS_WRITE_H
#define KLDSEL_COMMON_SAFETENSORS_WRITE_H

#include "model.h"

struct json_t;

/*
 * Writes a model of any format as safetensors: all tensors, as they are stored, in their order; `metadata` (a
 * JSON object; NULL for none) and with it the ranking (NULL for none). A tensor whose dtype the format lacks
 * is a failure.
 */
bool safetensors_write(const struct model *model, const struct json_t *metadata, const char *ranking,
                       const char *path, struct problem *problem);

#endif
