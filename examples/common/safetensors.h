/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the safetensors format: 8 bytes header length (little endian), a JSON object, the data. */
#ifndef KLDSEL_COMMON_SAFETENSORS_H
#define KLDSEL_COMMON_SAFETENSORS_H

#include "model.h"

/*
 * Maps a file and checks all of its header: the tensors lie in the file one after the other, with nothing
 * between, before or behind them. A file that somebody shortens while it is mapped ends the process by
 * SIGBUS: its length is checked once, here.
 */
bool safetensors_open(const char *path, struct model *model, struct problem *problem);

/* The file's `__metadata__`, borrowed; NULL if it has none. */
const struct json_t *safetensors_metadata(const struct model *model);

void safetensors_close(struct model *model);

#endif
